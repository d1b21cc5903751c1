"""Terms as a merchant writes them, and as they are kept until they are published. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from app.core.money import split


@dataclass(frozen=True, slots=True)
class Draft:
    """All that a merchant says of a coupon; amounts are minor units of ``currency``, times half-open."""

    kind: str
    titles: Mapping[str, str]
    currency: str
    time_zone: str
    claim_from: datetime
    claim_until: datetime
    quota: int
    summaries: Mapping[str, str]
    price_minor: int = 0
    list_price_minor: int | None = None
    face_value_minor: int | None = None
    percent_off_bp: int | None = None
    cap_minor: int | None = None
    min_spend_minor: int = 0
    use_from: datetime | None = None
    use_until: datetime | None = None
    valid_days_after_claim: int | None = None
    blackout_dates: tuple[date, ...] = ()
    use_hours: str | None = None
    scope_kind: str = "all_places"
    scope_ids: tuple[UUID, ...] = ()
    claim_within_m: int | None = None
    claim_in_area: bool = False
    fulfilment: str = "in_store"
    party_min: int | None = None
    party_max: int | None = None
    per_day: int | None = None
    per_member: int = 1
    per_member_day: int | None = None
    per_device: int | None = None
    units: int = 1
    group_price_minor: int | None = None
    group_target: int | None = None
    group_seats: int | None = None
    group_deadline_s: int | None = None
    stacking: str = "exclusive"
    stack_group: str | None = None
    reversal_window_s: int = 3600
    refund_policy: str = "none"
    refund_below_min_spend: str = "keep"
    rounding_rule: str = "floor"
    budget_minor: int | None = None
    platform_share_bp: int = 0
    code_source: str = "generated"


NAMES: Final = tuple(each.name for each in fields(Draft))
COLUMNS: Final = tuple(name for name in NAMES if name != "scope_ids")
"""Those that are columns of a version of the terms, too."""
_INSTANTS: Final = ("claim_from", "claim_until", "use_from", "use_until")


def as_json(draft: Draft) -> dict[str, Any]:
    """The members of a draft as JSON has them."""
    found: dict[str, Any] = {name: getattr(draft, name) for name in NAMES}
    for name in _INSTANTS:
        found[name] = None if found[name] is None else found[name].isoformat()
    return found | {
        "titles": dict(draft.titles),
        "summaries": dict(draft.summaries),
        "blackout_dates": [day.isoformat() for day in draft.blackout_dates],
        "scope_ids": [str(each) for each in draft.scope_ids],
    }


def of_json(found: Mapping[str, Any]) -> Draft:
    """A draft that ``as_json`` wrote."""
    values = {name: found[name] for name in NAMES if name in found}  # members that came later have their defaults
    for name in _INSTANTS:
        values[name] = None if values[name] is None else datetime.fromisoformat(values[name])
    values["blackout_dates"] = tuple(date.fromisoformat(day) for day in values["blackout_dates"])
    values["scope_ids"] = tuple(UUID(each) for each in values["scope_ids"])
    return Draft(**values)


def changed(draft: Draft, given: Mapping[str, Any]) -> Draft:
    """A draft with some members new; lists are kept in one order and without repetition."""
    values = dict(given)
    for name in ("scope_ids", "blackout_dates"):
        if name in values:
            values[name] = tuple(sorted(set(values[name])))
    return replace(draft, **values)


def most_given_minor(draft: Draft) -> int | None:
    """The most that one claim can take off beyond the price paid, alone or in a group; None: nothing bounds it."""
    if draft.kind in ("amount_off", "voucher"):
        worths = [draft.face_value_minor or 0] * draft.units
    elif draft.kind == "percent_off":
        if draft.cap_minor is None:
            return None
        worths = [draft.cap_minor] * draft.units
    else:
        own = 0 if draft.kind == "gift" else draft.price_minor
        worths = list(split(own if draft.list_price_minor is None else draft.list_price_minor, [1] * draft.units))
    least = draft.price_minor if draft.group_price_minor is None else min(draft.price_minor, draft.group_price_minor)
    paid = split(least, [1] * draft.units)
    return sum(max(0, worth - share) for worth, share in zip(worths, paid, strict=True))
