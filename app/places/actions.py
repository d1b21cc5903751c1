"""Edits of places in the version that readers see: facts, corrections to keep, search rows, the city's box.

Each call is one transaction of the caller's, who commits. Two edits of one place take turns; edits wait while a
version is activated, while search rows are rebuilt, and while coupons of the city change their places.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.core.ids import city_of
from app.places import queries_edits as queries
from app.places import queries_overlays as overlays
from app.places.edits import MOST_EDITS, Edit, Open, edited, opened, overlays_of
from app.places.errors import InvalidEdit, NoPlacesThere, UnknownPlace
from app.places.facts import Facts
from app.places.overlay_fields import OUT, base_field, base_of
from app.places.queries_edits import Author
from app.places.writing import Follow, publish, refuse_unknown
from app.postings.queries import share_rows


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
    after, bases = _after(edits, before, known, city_id)
    refuse_unknown(conn, place, before, after)
    wanted = {(edit.place_id, name): value for edit in edits for name, value in overlays_of(edit).items()}
    _refuse_to_bring_back(conn, city_id, wanted)
    changed, epoch_moved = publish(conn, place, before, after, now, follow)
    overlays.put_bases(conn, city_id, place.version, bases)
    known_bases = overlays.bases_of(conn, city_id, place.version, {place_id for place_id, _ in wanted})
    for (place_id, name), value in wanted.items():
        base = known_bases[place_id][base_field(name)]
        overlays.put_overlay(conn, overlays.fresh(place, place_id, name, value, base, author, now))
    return Done(place.version, changed, epoch_moved)


def _after(
    edits: Iterable[Edit], before: Mapping[UUID, Facts], known: frozenset[UUID], city_id: int
) -> tuple[dict[UUID, Facts], dict[tuple[UUID, str], Any]]:
    """Places after all edits, and what was said of the fields that they change before the first that did."""
    after = dict(before)
    bases: dict[tuple[UUID, str], Any] = {}
    for edit in edits:
        stated = after.get(edit.place_id)
        if stated is not None:
            after[edit.place_id] = edited(stated, edit)
            for name in overlays_of(edit):
                bases.setdefault((edit.place_id, base_field(name)), base_of(stated, name))
        elif not isinstance(edit, Open):
            raise UnknownPlace(f"place {edit.place_id} is not among the places that readers see; look up its id")
        elif edit.place_id in known or city_of(edit.place_id) != city_id:
            raise InvalidEdit(f"{edit.place_id} is no new id of city {city_id}; make one for each new place")
        else:
            after[edit.place_id] = opened(edit)
    return after, bases


def _refuse_to_bring_back(conn: Connection, city_id: int, wanted: Mapping[tuple[UUID, str], Any]) -> None:
    """A place that is hidden or a duplicate isn't reopened: what took it out is taken back instead."""
    reopened = {place_id for (place_id, name), value in wanted.items() if name == "closed" and value is False}
    for place_id, live in overlays.live_of(conn, city_id, reopened).items():
        if others := (OUT - {"closed"}) & live.keys():
            raise InvalidEdit(f"place {place_id} is out by a correction ({min(others)}); withdraw that one")
