"""Corrections: made, taken back, ended, applied to each version, and held against what the source says by then.

What readers see of a place is what its source states with its corrections applied. A version is corrected before it
is shown; when it is shown, a correction that the source agrees with by now is retired, and one that the source
contradicts anew stays in force and is listed for a person. The caller commits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.places import queries_edits as edits
from app.places import queries_overlays as queries
from app.places import queries_reviews as reviews
from app.places.errors import InvalidEdit, NoPlacesThere, OverlayOver, UnknownPlace
from app.places.facts import Facts
from app.places.overlay_fields import (
    base_field,
    base_of,
    checked,
    effective,
    imported,
    says_the_same,
    unchanged,
)
from app.places.queries_edits import Author, Stated
from app.places.queries_overlays import Overlay
from app.places.search_rows import BATCH
from app.places.writing import Follow, publish, refuse_unknown, write
from app.postings.queries import share_rows

EXPIRED_A_TURN: Final = 200


def begin(conn: Connection, city_id: int) -> Stated:
    """The version that readers see, whose search rows the transaction shares from now on; NoPlacesThere."""
    share_rows(conn, city_id)
    place = edits.stated(conn, city_id)
    if place is None:
        raise NoPlacesThere(f"city {city_id} has no version of places; load one first")
    return place


def correct(
    conn: Connection,
    city_id: int,
    place_id: UUID,
    field: str,
    value: Any,
    author: Author,
    now: datetime,
    follow: Follow,
) -> Overlay:
    """Corrects one field of a place that readers see, at once and for the versions to come.

    ``duplicate_of`` is a merge, which is made where everything that hangs on a place is known. Raises UnknownPlace,
    InvalidEdit, NoPlacesThere.
    """
    if field == "duplicate_of":
        raise InvalidEdit("a duplicate is merged, not corrected")
    value = checked(field, value)
    if author.expires_at is not None and author.expires_at <= now:
        raise InvalidEdit("expires_at lies in the past")
    place = begin(conn, city_id)
    edits.lock_places(conn, city_id, [place_id])
    before = edits.facts_of(conn, city_id, place.version, [place_id])
    if place_id not in before:
        raise UnknownPlace(f"place {place_id} is not among the places that readers see; look up its id")
    refuse_unknown(conn, place, before, {place_id: effective(before[place_id], {field: value})})
    found = keep(conn, place, before[place_id], field, value, author, now)
    refresh(conn, place, [place_id], now, follow)
    return found


def keep(
    conn: Connection, place: Stated, facts: Facts, field: str, value: Any, author: Author, now: datetime
) -> Overlay:
    """Writes a correction down, with what the source says; facts and search rows follow with ``refresh``."""
    bases = queries.bases_of(conn, place.city_id, place.version, [facts.place_id]).get(facts.place_id, {})
    base = bases.get(base_field(field), base_of(imported(facts, bases), field))
    found = queries.fresh(place, facts.place_id, field, value, base, author, now)
    queries.put_overlay(conn, found)
    return found


def withdraw(conn: Connection, city_id: int, overlay_id: UUID, now: datetime, follow: Follow) -> Overlay | None:
    """Takes a correction back: readers see at once what the source says. None for an unknown one; OverlayOver."""
    place = begin(conn, city_id)
    found = queries.overlay_by_id(conn, city_id, overlay_id)
    if found is None:
        return None
    if found.field == "duplicate_of":
        raise InvalidEdit("a duplicate is parted by undoing its merge")
    if not queries.end_overlay(conn, city_id, overlay_id, "withdrawn", now):
        raise OverlayOver(f"the correction is {found.state} already")
    reviews.lapse_conflicts(conn, city_id, [overlay_id])
    refresh(conn, place, [found.place_id], now, follow)
    return queries.overlay_by_id(conn, city_id, overlay_id)


def refresh(
    conn: Connection, place: Stated, place_ids: Collection[UUID], now: datetime, follow: Follow
) -> tuple[UUID, ...]:
    """Makes places of the version that readers see what their source and their corrections say; those that changed.

    A source may say what no person could: hours that nobody can read, a category that the list has lost.
    """
    edits.lock_places(conn, place.city_id, place_ids)
    before = edits.facts_of(conn, place.city_id, place.version, place_ids)
    after = _corrected(conn, place, before)
    changed, _ = publish(conn, place, before, after, now, follow)
    return changed


def apply_overlays(conn: Connection, city_id: int, version: int, now: datetime) -> int:
    """Makes a version that nobody sees yet what its source and the corrections in force say; places that changed.

    For a version that is being loaded or is about to be shown: the caller holds the city's search rows if it has any.
    """
    place = edits.stated(conn, city_id, version)
    if place is None:
        return 0
    queries.purge_bases(conn, city_id)
    last: UUID | None = None
    done = 0
    while found := queries.corrected_places(conn, city_id, version, last, BATCH):
        last = found[-1]
        before = edits.facts_of(conn, city_id, version, found)
        changed, _ = write(conn, place, before, _corrected(conn, place, before), now)
        done += len(changed)
    return done


def show_version(conn: Connection, city_id: int, version: int, now: datetime) -> int:
    """Corrects a version that is about to be shown, and holds the corrections against it; places that changed.

    Corrections that an earlier version still needs come back when that one is shown again.
    """
    queries.revive_retired(conn, city_id, version, now)
    done = apply_overlays(conn, city_id, version, now)
    place = edits.stated(conn, city_id, version)
    last: UUID | None = None
    retired = 0
    while place is not None and (found := queries.beneath(conn, city_id, version, last, BATCH)):
        last = found[-1][0].overlay_id
        for overlay, base in found:
            retired += _held_against(conn, place, overlay, base, now)
    return done + (apply_overlays(conn, city_id, version, now) if retired else 0)


def expire(conn: Connection, city_id: int, now: datetime, follow: Follow) -> int:
    """Ends corrections past their time; readers see at once what the source says. How many ended."""
    if not queries.any_expired(conn, city_id, now):
        return 0
    place = begin(conn, city_id)
    found = queries.expired(conn, city_id, now, EXPIRED_A_TURN)
    for overlay in found:
        queries.end_overlay(conn, city_id, overlay.overlay_id, "expired", now)
    reviews.lapse_conflicts(conn, city_id, [overlay.overlay_id for overlay in found])
    refresh(conn, place, {overlay.place_id for overlay in found}, now, follow)
    return len(found)


def _corrected(conn: Connection, place: Stated, before: Mapping[UUID, Facts]) -> dict[UUID, Facts]:
    """Places as they should be; what their source says of corrected fields is kept, of others forgotten."""
    city_id, version = place.city_id, place.version
    bases = queries.bases_of(conn, city_id, version, before.keys())
    wanted = queries.wanted_of(conn, city_id, version, before.keys())
    after: dict[UUID, Facts] = {}
    needed: dict[tuple[UUID, str], Any] = {}
    for place_id, facts in before.items():
        source = imported(facts, bases.get(place_id, {}))
        after[place_id] = effective(source, wanted.get(place_id, {}))
        for field in wanted.get(place_id, {}):
            needed[place_id, base_field(field)] = base_of(source, field)
    kept = {(place_id, name) for place_id, said in bases.items() for name in said}
    queries.put_bases(conn, city_id, version, {key: value for key, value in needed.items() if key not in kept})
    queries.drop_bases(conn, city_id, version, sorted(kept - needed.keys()))
    return after


def _held_against(conn: Connection, place: Stated, overlay: Overlay, base: Any, now: datetime) -> bool:
    """Retires a correction that the source agrees with; lists one that it contradicts anew. True when retired."""
    if overlay.made_version is not None and place.version <= overlay.made_version:
        reviews.lapse_conflicts(conn, place.city_id, [overlay.overlay_id])  # it is no news that older data differ
    elif says_the_same(overlay.field, base, overlay.value, place.country):
        queries.end_overlay(conn, place.city_id, overlay.overlay_id, "retired", now, place.version)
        reviews.lapse_conflicts(conn, place.city_id, [overlay.overlay_id])
        return True
    elif overlay.is_settled and unchanged(overlay.field, base, overlay.settled):
        reviews.lapse_conflicts(conn, place.city_id, [overlay.overlay_id])
    else:
        reviews.list_conflict(conn, place, overlay, base, now)
    return False
