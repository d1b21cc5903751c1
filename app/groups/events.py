"""What merchants are told of groups; nobody's name stands in it."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from app.groups.types import Group
from app.outbox.kinds import COUNT, CURRENCY, ID, MINOR, TIME, EventKind, one_of, said
from app.outbox.types import Event

_OF_ALL: Final = {
    "group_id": ID,
    "coupon_id": ID,
    "coupon_version": said(COUNT, "the version of the terms that the group was begun under"),
    "merchant_id": ID,
    "target": said(COUNT, "so many paid seats make the deal"),
    "seats": said(COUNT, "so many seats there are"),
    "joined": said(MINOR, "seats that are paid for"),
    "deadline": said(TIME, "the first instant at which it is over"),
    "price_minor": said(MINOR, "what a seat costs"),
    "currency": CURRENCY,
    "occurred_at": TIME,
}
_SAYS: Final = {
    "joined": ("A seat of the group was paid for.", ("open", "succeeded")),
    "succeeded": ("The deal is made: enough seats are paid for, and their codes are good.", ("succeeded",)),
    "failed": ("The deadline came before enough seats were paid for; everybody is paid back.", ("failed",)),
    "closed": ("Everything that was paid in the failed group went back.", ("closed",)),
}
KINDS: Final = tuple(
    EventKind(
        f"fujin.group.{what}.v1",
        "group_id",
        says,
        {
            **_OF_ALL,
            "state": one_of(*states),
            **({"claim_id": said(ID, "the claim that the seat stands on")} if what == "joined" else {}),
        },
    )
    for what, (says, states) in _SAYS.items()
)


def group_event(group: Group, what: str, now: datetime, trace: str | None, **more: Any) -> Event:
    """The event of what has just become of a group: joined, succeeded, failed or closed."""
    data = {
        "group_id": str(group.group_id),
        "coupon_id": str(group.coupon_id),
        "coupon_version": group.coupon_version,
        "merchant_id": str(group.merchant_id),
        "target": group.target,
        "seats": group.seats,
        "joined": group.joined,
        "deadline": group.deadline.isoformat(),
        "price_minor": group.price_minor,
        "currency": group.currency,
        "state": group.state,
        "occurred_at": now.isoformat(),
        **more,
    }
    return Event(
        city_id=group.city_id,
        aggregate_id=group.group_id,
        seq=group.seq,
        type=f"fujin.group.{what}.v1",
        merchant_id=group.merchant_id,
        data=data,
        occurred_at=now,
        trace=trace,
    )
