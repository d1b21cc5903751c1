"""Edits of places in the version that readers see: facts, corrections to keep, search rows, the city's box.

Each call is one transaction of the caller's, who commits. Two edits of one place take turns; edits wait while a
version is activated, while search rows are rebuilt, and while coupons of the city change their places.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from sqlalchemy import Connection

from app.core.ids import city_of
from app.places import queries_edits as queries
from app.places.edits import (
    MOST_EDITS,
    Edit,
    Facts,
    Open,
    corrected,
    edited,
    opened,
    overrides_of,
)
from app.places.errors import InvalidEdit, NoPlacesThere, UnknownPlace
from app.places.hours_text import MAX_CHARS
from app.places.opening_hours import parse_ok
from app.places.queries_edits import Author, Stated
from app.places.search_rows import BATCH, facets_of, names_and_numbers
from app.places.types import Taxonomy
from app.postings import actions as postings
from app.postings.queries import share_rows
from app.postings.types import NO_HOURS, Listed

Follow = Callable[[Connection, int, int, Sequence[UUID], Sequence[UUID]], None]
"""What coupons do when places of a city's version moved, and when places are there (again): moved ids, new ids."""


@dataclass(frozen=True, slots=True)
class Done:
    """What edits did: the version they changed, the places that are otherwise now, whether readers were told."""

    version: int
    changed: tuple[UUID, ...]
    epoch_moved: bool


def apply(
    conn: Connection, city_id: int, edits: Sequence[Edit], author: Author, now: datetime, *, follow: Follow
) -> Done:
    """Makes at most ``MOST_EDITS`` edits of a city's places, in their order; all or none.

    Raises NoPlacesThere, UnknownPlace, InvalidEdit. An edit that changes nothing is kept as a correction, no more.
    """
    if not 1 <= len(edits) <= MOST_EDITS:
        raise InvalidEdit(f"{len(edits)} edits at once; 1 to {MOST_EDITS} are allowed")
    share_rows(conn, city_id)
    place = queries.stated(conn, city_id)
    if place is None:
        raise NoPlacesThere(f"city {city_id} has no version of places; load one first")
    ids = {edit.place_id for edit in edits}
    known = queries.lock_places(conn, city_id, ids)
    before = queries.facts_of(conn, city_id, place.version, ids)
    after = _after(edits, before, known, city_id)
    _refuse_unknown(conn, place, before, after)
    changed, new_hours = _write(conn, place, before, after, now)
    corrections = {(edit.place_id, name): value for edit in edits for name, value in overrides_of(edit).items()}
    queries.put_corrections(conn, city_id, corrections, author, now)
    moved = [one.place_id for one in changed if one.place_id in before and _elsewhere(before[one.place_id], one)]
    back = [one.place_id for one in changed if not one.closed and not _live(before.get(one.place_id))]
    if moved or back:
        follow(conn, city_id, place.version, moved, back)
    gone = [one.place_id for one in changed if one.closed and _live(before.get(one.place_id))]
    queries.note_moves(conn, place, sorted({*moved, *gone}), now)
    queries.count_live(conn, city_id, len(back) - len(gone))
    outside = [one.location for one in changed if not one.closed and not _inside(place, one)]
    wider = bool(outside) and queries.widen_extent(conn, city_id, outside)
    if new_hours or wider:
        queries.tell_readers(conn)
    return Done(place.version, tuple(one.place_id for one in changed), new_hours or wider)


def apply_corrections(conn: Connection, city_id: int, version: int, now: datetime) -> int:
    """Applies corrections that a version was loaded without; returns how many places are otherwise now.

    For a version that is about to be shown: the caller holds the city's search rows, and counts and measures after.
    """
    place = queries.stated(conn, city_id, version)
    if place is None:
        return 0
    last: UUID | None = None
    done = 0
    while wanted := queries.corrected_places(conn, place, last, BATCH):
        last = max(wanted)
        before = queries.facts_of(conn, city_id, version, wanted)
        after = {place_id: corrected(before[place_id], corrections) for place_id, corrections in wanted.items()}
        changed, _ = _write(conn, place, before, after, now)
        done += len(changed)
    return done


def _after(
    edits: Iterable[Edit], before: Mapping[UUID, Facts], known: frozenset[UUID], city_id: int
) -> dict[UUID, Facts]:
    """Places after all edits."""
    after = dict(before)
    for edit in edits:
        stated = after.get(edit.place_id)
        if stated is not None:
            after[edit.place_id] = edited(stated, edit)
        elif not isinstance(edit, Open):
            raise UnknownPlace(f"place {edit.place_id} is not among the places that readers see; look up its id")
        elif edit.place_id in known or city_of(edit.place_id) != city_id:
            raise InvalidEdit(f"{edit.place_id} is no new id of city {city_id}; make one for each new place")
        else:
            after[edit.place_id] = opened(edit)
    return after


def _refuse_unknown(conn: Connection, place: Stated, before: Mapping[UUID, Facts], after: Mapping[UUID, Facts]) -> None:
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


def _write(
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
    return changed, new_hours


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


def _elsewhere(one: Facts, other: Facts) -> bool:
    return one.location != other.location


def _inside(place: Stated, facts: Facts) -> bool:
    return place.extent is not None and place.extent.contains(facts.location)
