"""Statements over search rows: numbers of facets, rows of a place, whole slots, and the nearest of a lane."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, and_, delete, func, select, text, tuple_
from sqlalchemy.dialects.postgresql import insert as upsert

from app.postings.charts import LANE_M, lane_y, slot_of, spots_of
from app.postings.tables import postings, search_facets, search_slots
from app.postings.types import EVERY_PLACE, FacetKey, Listed, signature

MOST_FACETS: Final = 1 << 24
MOST_BEGINNINGS: Final = 2_000
COLUMNS: Final = (
    "city_id", "slot", "facet", "place_id", "image", "spot", "signature", "lon7", "lat7", "hours_no", "price_level",
)  # fmt: skip


def facets_by_key(conn: Connection, city_id: int, keys: Iterable[FacetKey]) -> dict[FacetKey, int]:
    """Numbers of those facets that a city knows."""
    wanted = sorted(set(keys))
    found: dict[FacetKey, int] = {}
    for at in range(0, len(wanted), 5_000):
        rows = conn.execute(
            select(search_facets.c.kind, search_facets.c.key, search_facets.c.facet).where(
                search_facets.c.city_id == city_id,
                tuple_(search_facets.c.kind, search_facets.c.key).in_(wanted[at : at + 5_000]),
            )
        )
        found |= {(row.kind, row.key): row.facet for row in rows}
    return found


def words_beginning(conn: Connection, city_id: int, beginning: str) -> tuple[int, ...]:
    """Facets of a city's words that begin so, the shortest words first; at most ``MOST_BEGINNINGS``."""
    return tuple(
        conn.execute(
            select(search_facets.c.facet)
            .where(
                search_facets.c.city_id == city_id,
                search_facets.c.kind == "word",
                search_facets.c.key >= beginning,
                search_facets.c.key < beginning + "\U0010ffff",
            )
            .order_by(func.length(search_facets.c.key), search_facets.c.key)
            .limit(MOST_BEGINNINGS)
        ).scalars()
    )


def number_facets(conn: Connection, city_id: int, keys: Iterable[FacetKey]) -> dict[FacetKey, int]:
    """Numbers of facets, new ones for keys that the city did not know.

    Numbers are drawn at random, so that two writers need not wait for each other unless they bring the same word.
    """
    wanted = set(keys)
    found = facets_by_key(conn, city_id, wanted)
    while missing := sorted(wanted - found.keys()):
        rows = [
            {"city_id": city_id, "kind": kind, "key": key, "facet": 1 + secrets.randbelow(MOST_FACETS - 1)}
            for kind, key in missing
        ]
        for at in range(0, len(rows), 5_000):
            conn.execute(upsert(search_facets).values(rows[at : at + 5_000]).on_conflict_do_nothing())
        found |= facets_by_key(conn, city_id, missing)
    return found


def rows_of(city_id: int, version: int, place: Listed, numbers: Mapping[FacetKey, int]) -> list[tuple[Any, ...]]:
    """The search rows of a place, in the order of ``COLUMNS``; spots as text."""
    slot = slot_of(version)
    facets = (EVERY_PLACE, *sorted(numbers[key] for key in place.facets))
    bits = signature(numbers[key] for key in place.facets)
    lane = lane_y(city_id, slot)
    lon7, lat7 = round(place.location.lon * 1e7), round(place.location.lat * 1e7)
    tail = (bits, lon7, lat7, place.hours_no, place.price_level)
    return [
        (
            city_id, slot, facet, place.place_id, spot.image,
            f"({spot.x + facet * LANE_M!r},{spot.y + lane!r})", *tail,
        )
        for spot in spots_of(place.location)
        for facet in facets
    ]  # fmt: skip


_INSERT = text(f"""
    INSERT INTO postings ({", ".join(COLUMNS)})
    SELECT * FROM unnest(CAST(:city_id AS integer[]), CAST(:slot AS smallint[]), CAST(:facet AS integer[]),
        CAST(:place_id AS uuid[]), CAST(:image AS smallint[]), CAST(:spot AS point[]), CAST(:signature AS bigint[]),
        CAST(:lon7 AS integer[]), CAST(:lat7 AS integer[]), CAST(:hours_no AS integer[]),
        CAST(:price_level AS smallint[]))
""")


def insert_rows(conn: Connection, rows: Sequence[tuple[Any, ...]]) -> None:
    """Adds search rows in one statement."""
    if rows:
        columns = zip(COLUMNS, zip(*rows, strict=True), strict=True)
        conn.execute(
            _INSERT,
            {
                name: list(map(str, values)) if name in ("place_id", "spot") else list(values)
                for name, values in columns
            },
        )


def delete_rows(conn: Connection, city_id: int, version: int, place_ids: Sequence[UUID]) -> int:
    """Removes the search rows of some places; returns how many there were."""
    slot = slot_of(version)
    return conn.execute(
        delete(postings).where(
            postings.c.city_id == city_id,
            postings.c.slot == slot,
            postings.c.place_id.in_(list(place_ids)),
        )
    ).rowcount


def version_in_slot(conn: Connection, city_id: int, slot: int) -> int | None:
    """The dataset version that a slot holds; None while it is empty."""
    return conn.execute(
        select(search_slots.c.version).where(search_slots.c.city_id == city_id, search_slots.c.slot == slot)
    ).scalar_one_or_none()


def versions_in_slots(conn: Connection, city_ids: Iterable[int]) -> frozenset[tuple[int, int]]:
    """(city, version) of everything that can be searched in some cities; one statement a city."""
    return frozenset(
        (city_id, version)
        for city_id in city_ids
        for version in conn.execute(
            select(search_slots.c.version).where(search_slots.c.city_id == city_id).limit(16)
        ).scalars()
    )


def clear_slot(conn: Connection, city_id: int, slot: int) -> None:
    """Removes every search row of a slot, and what it says it holds."""
    conn.execute(delete(postings).where(postings.c.city_id == city_id, postings.c.slot == slot))
    conn.execute(delete(search_slots).where(search_slots.c.city_id == city_id, search_slots.c.slot == slot))


def mark_slot(conn: Connection, city_id: int, version: int, now: datetime) -> None:
    """Says that a slot holds a version now."""
    values = {"version": version, "built_at": now}
    statement = upsert(search_slots).values(city_id=city_id, slot=slot_of(version), **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["city_id", "slot"], set_=values))


def facets_of(conn: Connection, city_id: int, version: int, place_ids: Sequence[UUID]) -> dict[UUID, set[FacetKey]]:
    """What some places are found by at present; a place without search rows is left out."""
    found: dict[UUID, set[FacetKey]] = {}
    rows = conn.execute(
        select(postings.c.place_id, search_facets.c.kind, search_facets.c.key)
        .select_from(postings)
        .outerjoin(
            search_facets,
            and_(search_facets.c.city_id == postings.c.city_id, search_facets.c.facet == postings.c.facet),
        )
        .where(
            postings.c.city_id == city_id,
            postings.c.slot == slot_of(version),
            postings.c.place_id.in_(list(place_ids)),
            postings.c.image.in_((0, 2)),
        )
    )
    for row in rows:
        keys = found.setdefault(row.place_id, set())
        if row.kind is not None:
            keys.add((row.kind, row.key))
    return found
