"""Statements over search rows: numbers of facets, rows of a place, whole slots, and the nearest of a lane."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, and_, delete, func, select, text
from sqlalchemy.dialects.postgresql import insert as upsert

from app.postings.charts import LANE_M, SLOTS, lane_y, slot_of, spots_of
from app.postings.tables import postings, search_facets, search_slots
from app.postings.types import EVERY_PLACE, FacetKey, Listed, signature
from geo.bbox import Bbox

MOST_FACETS: Final = 1 << 24
MOST_BEGINNINGS: Final = 2_000
COLUMNS: Final = (
    "city_id", "slot", "facet", "place_id", "image", "spot", "signature", "lon7", "lat7", "hours_no", "price_level",
)  # fmt: skip


_ROWS_LOCK: Final = 0x66756A72  # first half of the advisory locks on a city's search rows; the second is the city
_SLOT_LOCK: Final = 0x66756A73  # the same of those on its slots; the second is four times the city and the slot

# One look-up a key, however many rows the planner believes there are.
_BY_KEY = text("""
    SELECT w.kind, w.key, f.facet
    FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[])) AS w (kind, key)
    CROSS JOIN LATERAL (
        SELECT f.facet FROM search_facets f WHERE f.city_id = :city AND f.kind = w.kind AND f.key = w.key OFFSET 0) AS f
""")
_NUMBER = text("""
    INSERT INTO search_facets (city_id, kind, key, facet)
    SELECT :city, * FROM unnest(CAST(:kinds AS text[]), CAST(:keys AS text[]), CAST(:facets AS integer[]))
    ON CONFLICT DO NOTHING RETURNING kind, key
""")


def share_rows(conn: Connection, city_id: int) -> None:
    """Makes an edit of single places wait for who holds the city's search rows, until the transaction ends."""
    conn.execute(select(func.pg_advisory_xact_lock_shared(_ROWS_LOCK, city_id)))


def hold_rows(conn: Connection, city_id: int) -> None:
    """Keeps everybody else from a city's search rows and from the version they follow, until the transaction ends."""
    conn.execute(select(func.pg_advisory_xact_lock(_ROWS_LOCK, city_id)))


def take_slot(conn: Connection, city_id: int, slot: int, *, wait: bool = False) -> bool:
    """Keeps a slot of a city for this transaction until it ends; False when another has it, unless that is awaited."""
    key = (_SLOT_LOCK, city_id * SLOTS + slot)
    if wait:
        conn.execute(select(func.pg_advisory_xact_lock(*key)))
        return True
    return bool(conn.execute(select(func.pg_try_advisory_xact_lock(*key))).scalar_one())


def facets_by_key(conn: Connection, city_id: int, keys: Iterable[FacetKey]) -> dict[FacetKey, int]:
    """Numbers of those facets that a city knows."""
    wanted = sorted(set(keys))
    found: dict[FacetKey, int] = {}
    for at in range(0, len(wanted), 5_000):
        kinds, words = zip(*wanted[at : at + 5_000], strict=True)
        rows = conn.execute(_BY_KEY, {"city": city_id, "kinds": list(kinds), "keys": list(words)})
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
    """Numbers of facets, new ones for keys that the city did not know."""
    wanted = set(keys)
    found = facets_by_key(conn, city_id, wanted)
    if missing := wanted - found.keys():
        add_facets(conn, city_id, missing)
        found |= facets_by_key(conn, city_id, missing)
    return found


def add_facets(conn: Connection, city_id: int, keys: Iterable[FacetKey]) -> None:
    """Gives numbers to facets that the city may not know yet.

    Numbers are drawn at random, so that two writers need not wait for each other unless they bring the same word.
    """
    missing = set(keys)
    while missing:
        wanted = sorted(missing)
        for at in range(0, len(wanted), 5_000):
            kinds, words = zip(*wanted[at : at + 5_000], strict=True)
            facets = [1 + secrets.randbelow(MOST_FACETS - 1) for _ in words]
            values = {"city": city_id, "kinds": list(kinds), "keys": list(words), "facets": facets}
            missing -= {(row.kind, row.key) for row in conn.execute(_NUMBER, values)}
        # The rest drew a number that is taken, or was known.
        missing -= facets_by_key(conn, city_id, missing).keys()


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


# One statement: its parts see the rows as they were, and none touches a row twice. Rows of coupons stay, moved along.
_PUT = text("""
    WITH place AS MATERIALIZED (
        SELECT * FROM unnest(CAST(:places AS uuid[]), CAST(:signatures AS bigint[]), CAST(:lon7 AS integer[]),
            CAST(:lat7 AS integer[]), CAST(:hours AS integer[]), CAST(:prices AS smallint[]))
            AS g (place_id, signature, lon7, lat7, hours_no, price_level)),
    spot AS (SELECT * FROM unnest(CAST(:spot_places AS uuid[]), CAST(:images AS smallint[]),
        CAST(:xs AS double precision[]), CAST(:ys AS double precision[])) AS g (place_id, image, x, y)),
    old AS MATERIALIZED (
        SELECT p.facet, p.place_id, p.image, p.spot, p.signature, p.lon7, p.lat7, p.hours_no, p.price_level
        FROM postings p WHERE p.city_id = :city AND p.slot = :slot AND p.place_id = ANY (CAST(:places AS uuid[]))),
    lane AS (
        SELECT * FROM unnest(CAST(:lane_places AS uuid[]), CAST(:facets AS integer[])) AS g (place_id, facet)
        UNION
        SELECT o.place_id, o.facet FROM old o JOIN search_facets f
          ON f.city_id = :city AND f.kind = 'coupon' AND f.facet = o.facet),
    wanted AS MATERIALIZED (
        SELECT lane.facet, place.place_id, spot.image, point(spot.x + lane.facet * 1e8, spot.y) AS spot,
               place.signature, place.lon7, place.lat7, place.hours_no, place.price_level
        FROM place JOIN spot USING (place_id) JOIN lane USING (place_id)),
    gone AS (
        DELETE FROM postings p USING old o
        WHERE p.city_id = :city AND p.slot = :slot AND p.place_id = o.place_id AND p.facet = o.facet
          AND p.image = o.image AND NOT EXISTS (
              SELECT 1 FROM wanted w WHERE (w.place_id, w.facet, w.image) = (o.place_id, o.facet, o.image))),
    changed AS (
        UPDATE postings p SET spot = w.spot, signature = w.signature, lon7 = w.lon7, lat7 = w.lat7,
               hours_no = w.hours_no, price_level = w.price_level
        FROM wanted w JOIN old o ON (o.place_id, o.facet, o.image) = (w.place_id, w.facet, w.image)
        WHERE p.city_id = :city AND p.slot = :slot AND p.place_id = w.place_id AND p.facet = w.facet
          AND p.image = w.image
          AND ((o.signature, o.lon7, o.lat7, o.hours_no, o.price_level, o.spot[0], o.spot[1])
               <> (w.signature, w.lon7, w.lat7, w.hours_no, w.price_level, w.spot[0], w.spot[1])))
    INSERT INTO postings (city_id, slot, facet, place_id, image, spot, signature, lon7, lat7, hours_no, price_level)
    SELECT :city, :slot, w.facet, w.place_id, w.image, w.spot, w.signature, w.lon7, w.lat7, w.hours_no, w.price_level
    FROM wanted w
    WHERE NOT EXISTS (SELECT 1 FROM old o WHERE (o.place_id, o.facet, o.image) = (w.place_id, w.facet, w.image))
""")


def put_rows(
    conn: Connection, city_id: int, version: int, places: Sequence[Listed], numbers: Mapping[FacetKey, int]
) -> None:
    """Makes the rows of some places what they should be in one statement; rows that are so already stay untouched."""
    slot = slot_of(version)
    lane = lane_y(city_id, slot)
    facets = [[numbers[key] for key in place.facets] for place in places]
    spots = [(place.place_id, spot) for place in places for spot in spots_of(place.location)]
    conn.execute(
        _PUT,
        {
            "city": city_id,
            "slot": slot,
            "places": [place.place_id for place in places],
            "signatures": [signature(own) for own in facets],
            "lon7": [round(place.location.lon * 1e7) for place in places],
            "lat7": [round(place.location.lat * 1e7) for place in places],
            "hours": [place.hours_no for place in places],
            "prices": [place.price_level for place in places],
            "spot_places": [place_id for place_id, _ in spots],
            "images": [spot.image for _, spot in spots],
            "xs": [spot.x for _, spot in spots],
            "ys": [spot.y + lane for _, spot in spots],
            "lane_places": [
                place.place_id for place, own in zip(places, facets, strict=True) for _ in range(len(own) + 1)
            ],
            "facets": [facet for own in facets for facet in (EVERY_PLACE, *own)],
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


def built_at(conn: Connection, city_id: int, version: int) -> datetime | None:
    """When the search rows of a version were built as a whole; None when its slot holds none of it."""
    return conn.execute(
        select(search_slots.c.built_at).where(search_slots.c.city_id == city_id, search_slots.c.version == version)
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


def mark_slot(
    conn: Connection,
    city_id: int,
    version: int,
    now: datetime,
    *,
    live_places: int | None = None,
    extent: Bbox | None = None,
) -> None:
    """Says that a slot holds a version now; with the box and the number of its live places where they are known."""
    values: dict[str, Any] = {"version": version, "built_at": now, "live_places": live_places}
    for side in ("west", "south", "east", "north"):
        values[side] = None if extent is None else getattr(extent, side)
    statement = upsert(search_slots).values(city_id=city_id, slot=slot_of(version), **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["city_id", "slot"], set_=values))


def measured(conn: Connection, city_id: int, version: int) -> tuple[Bbox | None, int] | None:
    """The box and the number of live places that a version had when its search rows were built; None if unknown."""
    row = conn.execute(
        select(
            search_slots.c.west, search_slots.c.south, search_slots.c.east, search_slots.c.north,
            search_slots.c.live_places,
        ).where(search_slots.c.city_id == city_id, search_slots.c.version == version)
    ).one_or_none()  # fmt: skip
    if row is None or row.live_places is None:
        return None
    return (None if row.west is None else Bbox(row.west, row.south, row.east, row.north)), row.live_places


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
