"""What merchants are told of signals of abuse; the account is a pseudonym, as in the events of redemptions."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from app.fraud.types import RULES, Flag
from app.outbox.kinds import COUNT, ID, TEXT, TIME, EventKind, one_of, said
from app.outbox.types import Event

FLAGGED: Final = "fujin.fraud.flagged.v1"
KINDS: Final = (
    EventKind(
        FLAGGED,
        "flag_id",
        "Something that a till did looks like abuse; somebody should look.",
        {
            "flag_id": ID,
            "rule": one_of(*RULES),
            "merchant_id": ID,
            "place_id": said(ID, "where it was seen last"),
            "staff_ref": said(TEXT, "a pseudonym of the account, the same as in redemptions"),
            "count": said(COUNT, "how often, when it was flagged"),
            "score": said(COUNT, "1 to 100"),
            "action": one_of("review"),
            "first_at": TIME,
            "last_at": TIME,
            "occurred_at": TIME,
        },
    ),
)


def flagged_event(flag: Flag, staff_ref: str, score: int, now: datetime) -> Event:
    """The event of a flag that is new."""
    data: dict[str, Any] = {
        "flag_id": str(flag.flag_id),
        "rule": flag.rule,
        "merchant_id": str(flag.merchant_id),
        "place_id": str(flag.place_id),
        "staff_ref": staff_ref,
        "count": flag.count,
        "score": score,
        "action": "review",
        "first_at": flag.first_at.isoformat(),
        "last_at": flag.last_at.isoformat(),
        "occurred_at": now.isoformat(),
    }
    return Event(
        city_id=flag.city_id,
        aggregate_id=flag.flag_id,
        seq=1,
        type=FLAGGED,
        merchant_id=flag.merchant_id,
        data=data,
        occurred_at=now,
    )
