"""What the owner of a claim can do with it, and why its code is not shown."""

from __future__ import annotations

from datetime import datetime

from app.claims import rules
from app.claims.errors import AlreadyRedeemed, ClaimUnpaid, CodeExpired, CodeRevoked
from app.claims.types import Claim
from app.core.errors import AppError
from app.coupons.types import Terms
from app.flow.embedded.usage import Usage
from app.groups.errors import GroupOpen


def next_actions(state: str, terms: Terms, used: Usage, *, price_minor: int, group: str | None) -> tuple[str, ...]:
    """What the owner of a claim can do with it now; ``group`` is the state of the group that it belongs to."""
    if state == "pending_payment":
        return ("pay", "cancel")
    if state != "active" or group in ("failed", "closed"):
        return ()
    refundable = (price_minor == 0 or terms.refund_policy != "none") and used.live_count == 0
    code = ("show_code",) if group in (None, "succeeded") else ()
    return (*code, "cancel") if refundable else code


def why_no_code(claim: Claim, group: str | None, now: datetime) -> AppError | None:
    """Why the code of a claim is not shown; None when it is."""
    state = rules.seen_state(claim, now, held=False)
    if state == "pending_payment":
        return ClaimUnpaid("pay for it first")
    if state == "redeemed":
        return AlreadyRedeemed("every unit of it is used")
    if state == "expired":
        return CodeExpired(f"it was good until {claim.valid_until.isoformat()}")
    if state != "active":
        return CodeRevoked(f"the claim is {state}")
    if group == "open":
        return GroupOpen("the code is there once enough people have joined")
    if group in ("failed", "closed"):
        return CodeRevoked("the group did not come together; what was paid goes back")
    return None
