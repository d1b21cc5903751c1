"""What is otherwise now of places in a version: facts, hours, search rows, and what readers and coupons are told.

The caller shares the city's search rows and has locked the places.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.places import queries_edits as queries
from app.places.errors import InvalidEdit
from app.places.facets import facets_of, names_and_numbers
from app.places.facts import Facts
from app.places.hours_text import MAX_CHARS
from app.places.opening_hours import parse_ok
from app.places.queries_changes import Arrival, note_arrivals, note_changes
from app.places.queries_edits import Stated
from app.places.queries_links import relink
from app.places.types import Taxonomy
from app.postings import actions as postings
from app.postings.types import NO_HOURS, Listed

Follow = Callable[[Connection, int, int, Sequence[UUID], Sequence[UUID]], None]
"""What coupons do when places of a city's version moved, and when places are there (again): moved ids, new ids."""


def refuse_unknown(conn: Connection, place: Stated, before: Mapping[UUID, Facts], after: Mapping[UUID, Facts]) -> None:
    """Raises InvalidEdit for a new category or brand that the world's version lacks, and for unreadable hours."""
    categories: set[str] = set()
    brands: set[str] = set()
    for place_id, new in after.items():
        old = before.get(place_id)
        if old is None or _categories(old) != _categories(new):
            categories |= set(_categories(new)) - set(_categories(old) if old else ())
        if new.brand_id is not None and (old is None or old.brand_id != new.brand_id):
            brands.add(new.brand_id)
        fresh = new.hours if new.hours_no is None else None
        if fresh is not None and (len(fresh) > MAX_CHARS or not parse_ok(fresh)):
            raise InvalidEdit(f"the hours {fresh[:80]!r} can't be read; write them like Mo-Fr 09:00-18:00")
    if missing := categories - queries.chains_of(conn, place.categories_version, categories).by_id.keys():
        raise InvalidEdit(f"no category is called {min(missing)}; see /v1/categories")
    if missing := brands - queries.known_brands(conn, place.brands_version, brands):
        raise InvalidEdit(f"no brand is called {min(missing)}; load it with the world's brands first")


def publish(
    conn: Connection,
    place: Stated,
    before: Mapping[UUID, Facts],
    after: Mapping[UUID, Facts],
    now: datetime,
    follow: Follow,
) -> tuple[tuple[UUID, ...], bool]:
    """Writes places of the version that readers see; those that are otherwise now, and whether the epoch moved."""
    changed, new_hours = write(conn, place, before, after, now)
    moved = [one.place_id for one in changed if one.place_id in before and _elsewhere(before[one.place_id], one)]
    back = [one.place_id for one in changed if not one.closed and not _live(before.get(one.place_id))]
    if moved or back:
        follow(conn, place.city_id, place.version, moved, back)
    gone = [one.place_id for one in changed if one.closed and _live(before.get(one.place_id))]
    queries.count_live(conn, place.city_id, len(back) - len(gone))
    outside = [one.location for one in changed if not one.closed and not _inside(place, one)]
    wider = bool(outside) and queries.widen_extent(conn, place.city_id, outside)
    if new_hours or wider:
        queries.tell_readers(conn)
    return tuple(one.place_id for one in changed), new_hours or wider


def write(
    conn: Connection, place: Stated, before: Mapping[UUID, Facts], after: Mapping[UUID, Facts], now: datetime
) -> tuple[list[Facts], bool]:
    """Facts and search rows of what is otherwise now; those places, and whether it has new opening hours."""
    texts = [(one.hours, one.workday_calendar) for one in after.values() if one.hours and one.hours_no is None]
    numbers, new_hours = queries.number_hours(conn, place, texts) if texts else ({}, False)
    changed = []
    for place_id in sorted(after):
        one = after[place_id]
        if one.hours and one.hours_no is None:
            one = replace(one, hours_no=numbers[one.hours, one.workday_calendar])
        if one != before.get(place_id):
            changed.append(one)
    queries.insert_places(conn, place, [one for one in changed if one.place_id not in before], now)
    queries.update_facts(conn, place, [one for one in changed if one.place_id in before])
    if place.searchable and changed:
        _put_rows(conn, place, before, changed)
    relink(conn, place.city_id, place.version, [one.place_id for one in changed if _lies_otherwise(before, one)])
    if note_changes(conn, place.city_id, place.version, [one.place_id for one in changed]):
        # Pages may read the version though another is shown: it is corrected when it is about to be shown again.
        queries.note_moves(conn, place, _not_where_they_were(before, changed), now)
        note_arrivals(conn, place.city_id, _arrivals(before, changed))
    return changed, new_hours


def come(conn: Connection, place: Stated, place_ids: Sequence[UUID]) -> None:
    """Gives search rows and links to places that the version states since just now, and notes that they came.

    Members who wait for new places heard of them when they were opened.
    """
    facts = queries.facts_of(conn, place.city_id, place.version, place_ids)
    if place.searchable and facts:
        _put_rows(conn, place, {}, list(facts.values()))
    relink(conn, place.city_id, place.version, place_ids)
    note_changes(conn, place.city_id, place.version, place_ids)


def forget(conn: Connection, place: Stated, place_ids: Sequence[UUID]) -> None:
    """Takes search rows and links of places away that the version no longer states, and notes that they went."""
    if place.searchable:
        postings.remove(conn, place.city_id, place.version, place_ids)
    relink(conn, place.city_id, place.version, place_ids)
    note_changes(conn, place.city_id, place.version, place_ids)


def _put_rows(conn: Connection, place: Stated, before: Mapping[UUID, Facts], changed: Sequence[Facts]) -> None:
    live = [one for one in changed if not one.closed]
    gone = [one.place_id for one in changed if one.closed and _live(before.get(one.place_id))]
    if gone:
        postings.remove(conn, place.city_id, place.version, gone)
    if live:
        ids = {category_id for one in live for category_id in _categories(one)}
        tree = queries.chains_of(conn, place.categories_version, ids)
        postings.put(conn, place.city_id, place.version, [_listed(one, tree, place.country) for one in live])


def _listed(facts: Facts, tree: Taxonomy, country: str | None) -> Listed:
    found = facets_of(facts.names.values(), _categories(facts), facts.brand_id, facts.attributes, tree)
    found |= names_and_numbers(facts.names.values(), facts.phone, country)
    return Listed(facts.place_id, facts.location, facts.hours_no or NO_HOURS, facts.price_level or 0, found)


def _categories(facts: Facts) -> tuple[str, ...]:
    return (facts.category_id, *facts.alternate_category_ids)


def _live(facts: Facts | None) -> bool:
    return facts is not None and not facts.closed


def _arrivals(before: Mapping[UUID, Facts], changed: Sequence[Facts]) -> list[Arrival]:
    """Of what is otherwise now the places that are to be seen where they were not."""
    found = []
    for one in changed:
        old = before.get(one.place_id)
        if not one.closed and (old is None or old.closed or _elsewhere(old, one)):
            found.append(Arrival(one.place_id, None if old is None or old.closed else old.location))
    return found


def _not_where_they_were(before: Mapping[UUID, Facts], changed: Sequence[Facts]) -> list[UUID]:
    """Of what is otherwise now the places that moved or closed, by id."""
    return [
        one.place_id
        for one in changed
        if (old := before.get(one.place_id)) is not None and (_elsewhere(old, one) or (one.closed and _live(old)))
    ]


def _lies_otherwise(before: Mapping[UUID, Facts], one: Facts) -> bool:
    old = before.get(one.place_id)
    return _live(old) is one.closed or (old is not None and _elsewhere(old, one))


def _elsewhere(one: Facts, other: Facts) -> bool:
    return one.location != other.location


def _inside(place: Stated, facts: Facts) -> bool:
    return place.extent is not None and place.extent.contains(facts.location)
