"""The promise of group deals: a group that failed is refunded in full."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Final

from app.flow.conformance.run import Run
from app.flow.conformance.types import NotOffered, expect

PRICE: Final = 897
OPEN_FOR_S: Final = 6.0


def failed_groups_are_refunded(run: Run) -> str:
    """Two of three seats are paid for when the time is over: the group fails, and both get everything back."""
    if not run.flow["capabilities"].get("group"):
        raise NotOffered("the flow offers no group deals")
    ends = datetime.now(UTC) + timedelta(seconds=OPEN_FOR_S)
    coupon = run.coupon(
        kind="voucher",
        price_minor=PRICE + 100,
        face_value_minor=1500,
        claim_until=ends.isoformat(timespec="milliseconds"),  # a group is never open longer than its coupon
        group_price_minor=PRICE,
        group_target=3,
        group_seats=3,
        group_deadline_s=60,
    )
    first, second = run.user(), run.user()
    group = run.done("/v1/groups", {"coupon_id": coupon}, user=first)
    path = f"/v1/groups/{group['group_id']}"
    joined = run.done(f"{path}/join", {"invite": group["invite"]}, user=second)
    seats = ((first, group["claim"]["claim_id"]), (second, joined["claim"]["claim_id"]))
    payments = [run.pay("claim", claim_id, user)["payment_id"] for user, claim_id in seats]
    for payment_id in payments:
        state = run.ended(payment_id)["state"]
        expect(state == "succeeded", f"a seat's payment that the provider takes is {state}")
    shown = run.until(
        lambda: run.get(f"{path}?invite={group['invite']}", user=first),
        lambda seen: seen["state"] != "open",
        "the end of a group past its deadline",
    )
    expect(shown["state"] in ("failed", "closed"), f"a group of two seats of three is {shown['state']}")
    back = [run.until(lambda one=one: run.payment(one), _is_over, "the refund of a seat") for one in payments]  # type: ignore[misc]
    captured = sum(each["captured"]["amount_minor"] for each in back)
    refunds = sum(
        refund["amount"]["amount_minor"]
        for each in back
        for refund in each["refunds"]
        if refund["state"] == "succeeded"
    )
    expect(captured == refunds == 2 * PRICE, f"{captured} were captured of a failed group, {refunds} went back")
    for user, claim_id in seats:
        state = run.get(f"/v1/claims/{claim_id}", user=user)["state"]
        expect(state == "refunded", f"a claim of a failed group is {state}")
    return f"{captured} captured of a failed group and {refunds} refunded"


def _is_over(payment: Any) -> bool:
    return bool(payment["refunds"]) and all(each["state"] in ("succeeded", "failed") for each in payment["refunds"])
