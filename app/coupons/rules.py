"""What terms must be like, and how stock is shared out. Pure."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, Literal
from uuid import UUID
from zoneinfo import available_timezones

from app.core.errors import Fault
from app.coupons.drafts import Draft, most_given_minor
from app.coupons.types import Bucket, StockView
from app.places.hours_text import MAX_CHARS
from app.places.opening_hours import parse_ok

MOST_SCOPE_IDS: Final = 500
MOST_BLACKOUT_DATES: Final = 200
LONGEST_TITLE: Final = 80
LONGEST_SUMMARY: Final = 500
HOT_QUOTA: Final = 10_000  # from so many on, stock lies in several buckets
HOT_BUCKETS: Final = 16
# What later versions keep, since claims, tills and accounts of the coupon rely on it.
FIXED: Final = ("kind", "currency", "code_source")
_LANGUAGE: Final = re.compile(r"local|[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")


@dataclass(frozen=True, slots=True)
class Facts:
    """What terms are held against: the city's currency, what of the scope is not the merchant's or not there, the
    terms in force (None before the first publication), and the budgets under which the platform has paid."""

    currency: str | None
    unknown_ids: AbstractSet[UUID]
    in_force: Draft | None
    shared_budgets: AbstractSet[int]


def faults_of(draft: Draft, facts: Facts) -> tuple[Fault, ...]:
    """Everything that is wrong with terms, with where it stands and how to mend it."""
    return tuple(
        fault
        for found in (_words(draft), _value(draft), _times(draft), _scope(draft, facts), _limits(draft), _group(draft),
                      _combining(draft), _budget(draft, facts), _kept(draft, facts))
        for fault in found
    )  # fmt: skip


def late_faults(draft: Draft, now: datetime) -> tuple[Fault, ...]:
    """What keeps good terms from being published now: their time is over."""
    found = []
    if draft.claim_until <= now:
        found.append(Fault("it lies in the past; give a later time", pointer="/claim_until"))
    if draft.use_until is not None and draft.use_until <= now:
        found.append(Fault("it lies in the past; give a later time", pointer="/use_until"))
    return tuple(found)


def _words(draft: Draft) -> Iterator[Fault]:
    if not draft.titles:
        yield Fault('give a title in at least one language, such as {"en": "2 off"}', pointer="/titles")
    for name, texts, longest in (
        ("titles", draft.titles, LONGEST_TITLE),
        ("summaries", draft.summaries, LONGEST_SUMMARY),
    ):
        for language, text in texts.items():
            where = f"/{name}/{language.replace('~', '~0').replace('/', '~1')}"
            if not _LANGUAGE.fullmatch(language):
                yield Fault("name the language by its tag, such as en or zh-Hans", pointer=where)
            elif not 1 <= len(text.strip()) <= longest:
                yield Fault(f"give text of 1 to {longest} characters", pointer=where)


def _value(draft: Draft) -> Iterator[Fault]:
    if draft.kind in ("amount_off", "voucher") and not draft.face_value_minor:
        said = f"a coupon of the kind {draft.kind} says what it is worth; give 1 or more"
        yield Fault(said, pointer="/face_value_minor")
    if draft.kind == "percent_off" and draft.percent_off_bp is None:
        yield Fault("say how much is taken off, in hundredths of a percent", pointer="/percent_off_bp")
    if draft.kind == "percent_off" and draft.face_value_minor is not None:
        yield Fault("a percentage has no worth of its own; leave it out", pointer="/face_value_minor")
    if draft.kind != "percent_off":
        for name in ("percent_off_bp", "cap_minor"):
            if getattr(draft, name) is not None:
                yield Fault("only the kind percent_off has it; leave it out", pointer=f"/{name}")
    if draft.kind == "package" and draft.list_price_minor is None:
        yield Fault("say what the package costs without the coupon", pointer="/list_price_minor")
    if draft.list_price_minor is not None and draft.list_price_minor < draft.price_minor:
        yield Fault(f"it must not be below the price of {draft.price_minor}", pointer="/list_price_minor")


def _times(draft: Draft) -> Iterator[Fault]:
    if draft.time_zone not in available_timezones():
        yield Fault("name a time zone of the IANA database, such as Asia/Shanghai", pointer="/time_zone")
    if draft.claim_until <= draft.claim_from:
        yield Fault("it must come after claim_from", pointer="/claim_until")
    if draft.use_until is None and draft.valid_days_after_claim is None:
        yield Fault("say until when it can be used, here or with valid_days_after_claim", pointer="/use_until")
    if draft.use_until is not None:
        begins = draft.claim_from if draft.use_from is None else draft.use_from
        if draft.use_until <= begins:
            yield Fault("it must come after the time from which it can be used", pointer="/use_until")
    if draft.use_hours is not None and (len(draft.use_hours) > MAX_CHARS or not parse_ok(draft.use_hours)):
        yield Fault("these hours can't be read; write them like Mo-Fr 11:00-14:00", pointer="/use_hours")
    if len(draft.blackout_dates) > MOST_BLACKOUT_DATES:
        yield Fault(f"give {MOST_BLACKOUT_DATES} days at most", pointer="/blackout_dates")


def _scope(draft: Draft, facts: Facts) -> Iterator[Fault]:
    if draft.claim_in_area and draft.scope_kind != "service_areas":
        yield Fault("only a scope of service areas has areas to be in; leave it out", pointer="/claim_in_area")
    if draft.scope_kind == "all_places":
        if draft.scope_ids:
            yield Fault("all places need no list; leave it out, or set scope_kind to places", pointer="/scope_ids")
        return
    if not 1 <= len(draft.scope_ids) <= MOST_SCOPE_IDS:
        yield Fault(f"name 1 to {MOST_SCOPE_IDS} ids for the scope_kind {draft.scope_kind}", pointer="/scope_ids")
        return
    what = {"places": "place of yours", "service_areas": "published service area of yours", "regions": "region"}
    for position, each in enumerate(draft.scope_ids):
        if each in facts.unknown_ids:
            yield Fault(f"no {what[draft.scope_kind]} in this city has the id {each}", pointer=f"/scope_ids/{position}")


def _limits(draft: Draft) -> Iterator[Fault]:
    if draft.per_member_day is not None and draft.per_member_day > draft.per_member:
        yield Fault(f"it must not be above per_member, which is {draft.per_member}", pointer="/per_member_day")
    if draft.party_min is not None and draft.party_max is not None and draft.party_max < draft.party_min:
        yield Fault(f"it must not be below party_min, which is {draft.party_min}", pointer="/party_max")
    if draft.party_min is None and draft.party_max is not None:
        yield Fault("give it, too, where party_max is given", pointer="/party_min")


def _group(draft: Draft) -> Iterator[Fault]:
    names = ("group_price_minor", "group_target", "group_seats", "group_deadline_s")
    missing = [name for name in names if getattr(draft, name) is None]
    if missing and len(missing) < len(names):
        for name in missing:
            yield Fault("a group deal has all four members that begin with group_", pointer=f"/{name}")
    elif not missing:
        if draft.group_seats < draft.group_target:  # type: ignore[operator]
            yield Fault(f"it must not be below group_target, which is {draft.group_target}", pointer="/group_seats")
        if draft.group_price_minor > draft.price_minor:  # type: ignore[operator]
            yield Fault("a group pays no more than one alone", pointer="/group_price_minor")


def _combining(draft: Draft) -> Iterator[Fault]:
    if draft.stacking == "within_group" and draft.stack_group is None:
        yield Fault("name the group within which it combines", pointer="/stack_group")
    if draft.stacking != "within_group" and draft.stack_group is not None:
        yield Fault("only stacking within_group has a group; leave it out", pointer="/stack_group")


def _budget(draft: Draft, facts: Facts) -> Iterator[Fault]:
    if draft.platform_share_bp and draft.budget_minor is None:
        yield Fault("what the platform helps to pay has a budget; give one", pointer="/budget_minor")
    if draft.budget_minor is None:
        return
    most = most_given_minor(draft)
    if most is None:
        yield Fault("a percentage with a budget has a cap; give the most that one use takes off", pointer="/cap_minor")
    elif most > draft.budget_minor:
        yield Fault(f"one claim can cost {most}; the budget must cover it", pointer="/budget_minor")
    others = facts.shared_budgets - {draft.budget_minor}
    if draft.platform_share_bp and others:
        yield Fault(
            f"the platform agreed to a budget of {min(others)} for this coupon; keep it, or create another coupon",
            pointer="/budget_minor",
        )


def _kept(draft: Draft, facts: Facts) -> Iterator[Fault]:
    if facts.currency is not None and draft.currency != facts.currency:
        yield Fault(f"coupons of this city are in {facts.currency}", pointer="/currency")
    if facts.in_force is None:
        return
    for name in FIXED:
        if getattr(draft, name) != getattr(facts.in_force, name):
            kept = getattr(facts.in_force, name)
            yield Fault(f"it stays {kept} once the coupon was published; create another coupon", pointer=f"/{name}")


# stock


@dataclass(frozen=True, slots=True)
class Sharing:
    """How much a coupon may give: ``most_of`` says what one claim under a version can cost (None: without a bound)."""

    version: int
    quota: int
    budget_minor: int | None
    most_of: Callable[[int], int | None]
    free_codes: int | None


class Short(ValueError):
    """What was claimed already is more than is to be given now; ``least`` would do."""

    def __init__(self, member: Literal["quota", "budget_minor"], least: int) -> None:
        super().__init__(f"{member}: {least}")
        self.member, self.least = member, least


def shared_out(buckets: Sequence[Bucket], sharing: Sharing) -> list[Bucket]:
    """The buckets as they are to be; Short.

    Buckets of other versions keep what is taken and give nothing more; those of the version share the rest. The rest is
    bounded by the quota, by what the budget covers after all that was claimed before, and by codes nobody has.
    """
    old = [replace(each, quota=each.taken) for each in buckets if each.version != sharing.version]
    own = [each for each in buckets if each.version == sharing.version]
    if not own:
        first = max((each.bucket for each in buckets), default=-1) + 1
        count = HOT_BUCKETS if sharing.quota >= HOT_QUOTA else 1
        own = [Bucket(first + number, 0, 0, sharing.version) for number in range(count)]
    taken = sum(each.taken for each in (*old, *own))
    if sharing.quota < taken:
        raise Short("quota", taken)
    free = min(bound for _, bound in _bounds([*old, *own], sharing, taken))
    return old + [
        replace(each, quota=each.taken + free * (number + 1) // len(own) - free * number // len(own))
        for number, each in enumerate(own)
    ]


def _bounds(
    buckets: Sequence[Bucket], sharing: Sharing, taken: int
) -> Iterator[tuple[Literal["quota", "budget", "codes"], int]]:
    yield "quota", sharing.quota - taken
    if sharing.budget_minor is not None:
        spent = reserved_minor(buckets, sharing)
        if spent > sharing.budget_minor:
            raise Short("budget_minor", spent)
        each = sharing.most_of(sharing.version)
        if each:
            yield "budget", (sharing.budget_minor - spent) // each
    if sharing.free_codes is not None:
        yield "codes", sharing.free_codes


def reserved_minor(buckets: Sequence[Bucket], sharing: Sharing) -> int:
    """The most that what is claimed can still cost or has cost."""
    return sum(each.taken * (sharing.most_of(each.version or sharing.version) or 0) for each in buckets)


def stock_view(buckets: Sequence[Bucket], sharing: Sharing) -> StockView:
    """What is left and what bounds it; of equal bounds the quota is named, then the budget."""
    taken = sum(each.taken for each in buckets)
    left = sum(each.quota - each.taken for each in buckets)
    bounded_by: Literal["quota", "budget", "codes"] = "quota"
    if taken + left < sharing.quota:
        try:
            bounds = list(_bounds(buckets, sharing, taken))
        except Short:
            bounds = [("budget", 0)]
        bounded_by = min(bounds, key=lambda bound: bound[1])[0]
    return StockView(sharing.quota, taken, left, bounded_by)
