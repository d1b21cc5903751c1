"""Why a place is in a list or is not: the verdict of each filter, with its values; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from app.discovery.types import PlaceFilters
from app.places.facets import attribute_key
from app.places.opening_hours import NO_CALENDAR, Calendar, HoursPattern, state_at
from app.postings.tokens import asked_of
from app.postings.types import FacetKey

Json = dict[str, Any]
SINCE_DAYS = 8
"""How far back the last change of the hours is looked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tested:
    """What the filters look at in one place; ``in_region`` None where no region was asked."""

    closed: bool
    distance_mm: int
    facets: AbstractSet[FacetKey]
    price_level: int | None
    hours: HoursPattern | None
    in_region: bool | None
    coupon_count: int


@dataclass(frozen=True, slots=True)
class Terms:
    """What a place is held against: radius, filters, and the instant for which open places are asked."""

    radius_mm: int
    filters: PlaceFilters
    instant: datetime
    calendars: Mapping[str, Calendar]


def verdict(name: str, ok: bool, **values: Any) -> Json:
    """One filter's word on a place."""
    return {"filter": name, "ok": ok, **values}


def verdicts(place: Tested, terms: Terms) -> list[Json]:
    """The word of each filter that was asked, and of those that always hold, in the order in which they are named."""
    filters = terms.filters
    found = [
        verdict("listing", not place.closed, state="closed" if place.closed else "live"),
        verdict(
            "distance",
            place.distance_mm <= terms.radius_mm,
            value_m=place.distance_mm / 1000,
            limit_m=terms.radius_mm / 1000,
        ),
        *_facet_verdicts(place, filters),
    ]
    if filters.price_from is not None or filters.price_to is not None:
        found.append(_price(place.price_level, filters))
    if place.in_region is not None:
        found.append(verdict("region", place.in_region, asked=str(filters.region_id)))
    if filters.open_now or filters.open_at is not None:
        found.append(_open(place.hours, terms))
    if filters.has_coupon:
        found.append(verdict("coupon", place.coupon_count > 0, value=place.coupon_count))
    return found


def _facet_verdicts(place: Tested, filters: PlaceFilters) -> list[Json]:
    has = {kind: sorted(key for what, key in place.facets if what == kind) for kind in ("category", "brand", "word")}
    found = []
    if filters.categories:
        ok = bool(set(filters.categories) & set(has["category"]))
        found.append(verdict("category", ok, value=has["category"], asked=list(filters.categories)))
    if filters.excluded:
        hit = sorted(set(filters.excluded) & set(has["category"]))
        found.append(verdict("exclude_category", not hit, value=hit, asked=list(filters.excluded)))
    if filters.brands:
        ok = bool(set(filters.brands) & set(has["brand"]))
        found.append(verdict("brand", ok, value=has["brand"], asked=list(filters.brands)))
    for name, values in filters.attributes:
        ok = any(("attribute", attribute_key(name, value)) in place.facets for value in values)
        prefix = f"{name}=".casefold()
        own = sorted(
            key.removeprefix(prefix) for what, key in place.facets if what == "attribute" and key.startswith(prefix)
        )
        found.append(verdict(f"attr.{name}", ok, value=own, asked=list(values)))
    if filters.text is not None:
        missing = missing_words(filters.text, has["word"])
        found.append(verdict("q", not missing, asked=filters.text, missing=missing))
    return found


def missing_words(text: str, words: Sequence[str]) -> list[str]:
    """The tokens of a query that no word of a place's names meets."""
    return [
        token.key
        for token in asked_of(text)
        if not any(word.startswith(token.key) if token.beginning else word == token.key for word in words)
    ]


def _price(level: int | None, filters: PlaceFilters) -> Json:
    low = 1 if filters.price_from is None else filters.price_from
    high = 4 if filters.price_to is None else filters.price_to
    ok = filters.include_unknown if level is None else low <= level <= high
    return {"filter": "price", "ok": ok, "value": level, "from": low, "to": high}


def _open(hours: HoursPattern | None, terms: Terms) -> Json:
    state, since, changes = "unknown", None, None
    if hours is not None:
        calendar = terms.calendars.get(hours.calendar or "", NO_CALENDAR)
        state, changes = state_at(hours, calendar, terms.instant)
        since = last_change(hours, calendar, terms.instant)
    ok = state == "open" or (state == "unknown" and terms.filters.include_unknown)
    return verdict(
        "open",
        ok,
        state=state,
        at=terms.instant.isoformat(),
        since=None if since is None else since.isoformat(),
        next_change_at=None if changes is None else changes.isoformat(),
    )


def last_change(hours: HoursPattern, calendar: Calendar, instant: datetime) -> datetime | None:
    """When the state at an instant began; None where that is longer ago than eight days, or not known."""
    at, since = instant - timedelta(days=SINCE_DAYS), None
    while True:
        _, change = state_at(hours, calendar, at)
        if change is None or change > instant:
            return since
        at = since = change
