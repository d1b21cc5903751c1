"""Values of this module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from typing import Final, Literal
from uuid import UUID

Rule = Literal["many_reversals", "same_member", "soon_and_far", "out_of_hours"]
RULES: Final[tuple[Rule, ...]] = ("many_reversals", "same_member", "soon_and_far", "out_of_hours")
FlagState = Literal["open", "dismissed", "confirmed"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What was seen of one account at a merchant: how often within the rule's time, first and last.

    ``about`` is the member or the redemption that it concerns, None where the account alone is meant.
    """

    rule: Rule
    merchant_id: UUID
    staff_id: str
    about: UUID | None
    place_id: UUID
    count: int
    first_at: datetime
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Flag:
    """A finding as it is listed; one a rule, account, subject and day."""

    city_id: int
    flag_id: UUID
    rule: Rule
    merchant_id: UUID
    staff_id: str
    about: UUID | None
    place_id: UUID
    flagged_on: date
    count: int
    first_at: datetime
    last_at: datetime
    state: FlagState
    settled_by: str | None
    settled_at: datetime | None
    note: str | None
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Use:
    """One redemption that was committed, as the rule about opening hours looks at it."""

    merchant_id: UUID
    staff_id: str
    place_id: UUID
    hours_no: int
    committed_at: datetime
