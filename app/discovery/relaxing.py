"""A search that found nothing is widened step by step, if its asker said so beforehand."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from app.discovery.search import Found, Reading, asked_for
from app.discovery.search_ranked import find_places
from app.discovery.types import NearbySearch, PlaceHit, Relaxed
from app.places.opening_hours import NO_CALENDAR, state_at

RELAX: Final = ("radius", "open_now")
"""What may be widened, in this order."""
WIDEST_MM: Final = 20_000_000


def search_relaxed(reading: Reading, search: NearbySearch) -> tuple[Found[PlaceHit], NearbySearch]:
    """Places around a point, and the search that found them: what was asked, or the first wider one with a place.

    When none has any, the widest is answered. Later pages keep to the terms in their cursor.
    """
    if search.relax and search.cursor is not None:
        kept = reading.cursors.decode("places/nearby", asked_for(search), search.cursor, reading.now).get("x")
        if kept is not None:
            search = widened(search, Relaxed(*kept))
    found = find_places(reading, search)
    if found.hits or search.cursor is not None:
        return found, search
    for terms in steps(search):
        search = widened(search, terms)
        found = find_places(reading, search)
        if found.hits:
            break
    return found, search


def steps(search: NearbySearch) -> Iterator[Relaxed]:
    """Wider and wider terms: twice the radius up to 20 km, then any hours."""
    radius_mm = search.radius_mm
    while "radius" in search.relax and radius_mm < WIDEST_MM:
        radius_mm = min(2 * radius_mm, WIDEST_MM)
        yield Relaxed(radius_mm, False)
    filters = search.filters
    if "open_now" in search.relax and (filters.open_now or filters.open_at is not None):
        yield Relaxed(radius_mm, True)


def widened(search: NearbySearch, terms: Relaxed) -> NearbySearch:
    """The search under wider terms, which remembers what was asked."""
    filters = replace(search.filters, open_now=False, open_at=None) if terms.any_hours else search.filters
    return replace(search, radius_mm=terms.radius_mm, filters=filters, relaxed_from=search.relaxed_from or search)


def what_was_relaxed(search: NearbySearch) -> list[str]:
    """Names of what is wider than it was asked."""
    asked = search.relaxed_from
    if asked is None:
        return []
    wider = (search.radius_mm > asked.radius_mm, search.filters != asked.filters)
    return [name for name, is_wider in zip(RELAX, wider, strict=True) if is_wider]


def is_outside(hit: PlaceHit, search: NearbySearch, found: Found[PlaceHit]) -> bool:
    """Whether a place that a wider search found is not what was asked for."""
    asked = search.relaxed_from
    if asked is None:
        return False
    if hit.distance_mm > asked.radius_mm or asked.cell is not None:
        return True
    if search.filters == asked.filters:
        return False
    hours = hit.card.place.hours
    state = "unknown"
    if hours is not None:
        calendar = found.world.calendars.get(hours.calendar or "", NO_CALENDAR)
        state = state_at(hours, calendar, found.world.as_of)[0]
    return state == "closed" if asked.filters.include_unknown else state != "open"
