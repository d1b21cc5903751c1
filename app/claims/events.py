"""What is told of claims: the kinds of their events. Neither a code nor a position stands in them."""

from __future__ import annotations

from typing import Final

from app.claims.types import EVENT_OF
from app.outbox.kinds import COUNT, CURRENCY, FLAG, ID, MINOR, TEXT, TIME, EventKind, nullable, one_of, said

_OF_ALL: Final = {
    "claim_id": ID,
    "coupon_id": ID,
    "coupon_version": said(COUNT, "the version of the terms that the claim was granted under"),
    "merchant_id": ID,
    "occurred_at": TIME,
}
_GRANTED: Final = EventKind(
    "fujin.claim.granted.v1",
    "claim_id",
    "A member got a claim; an unpaid one (`pending_payment`) waits for its payment.",
    {
        **_OF_ALL,
        "user_ref": said(TEXT, "a pseudonym of the member, another one for each merchant"),
        "units": COUNT,
        "state": one_of("active", "pending_payment"),
        "price_minor": MINOR,
        "currency": CURRENCY,
        "valid_until": said(TIME, "the first instant at which it is over"),
        "code_tail": said(
            {"type": "string", "pattern": "^[0-9A-Z]{4}$"},
            "the last four of its code: digits, letters too where the merchant brought the codes",
        ),
        "distance_m": said(nullable(MINOR), "from the member to the nearest place, where the terms ask for it"),
    },
    {"group_id": said(nullable(ID), "the group that it is a seat of")},
)
_SAYS: Final = {
    "activated": "The claim can be used: it was paid, or a use of it was reversed.",
    "redeemed": "Every unit of the claim is used.",
    "released": "The claim was not paid in time; its stock is back.",
    "cancelled": "The claim was given back or taken back; its stock is back.",
    "expired": "The claim's time is over.",
    "refunded": "What was paid for the claim went back.",
}


def _moved(state: str, what: str) -> EventKind:
    return EventKind(
        f"fujin.claim.{what}.v1",
        "claim_id",
        _SAYS[what],
        {
            **_OF_ALL,
            "state": one_of(state),
            "reason": TEXT,
            "stock_returned": said(FLAG, "whether the unit of stock can be claimed by somebody else"),
        },
        {"redemption_id": said(ID, "the redemption that did it, where one did")},
    )


KINDS: Final = (_GRANTED, *(_moved(state, what) for state, what in EVENT_OF.items()))
