"""Places around a point in one city: the nearest of the search rows, and what they look like."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Connection, LargeBinary, Row, TextClause, bindparam, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.dialects.postgresql import ARRAY, BIGINT, BYTEA, INTEGER, TEXT
from sqlalchemy.dialects.postgresql import UUID as PGUUID

from app.discovery.queries_moved import MOVED_SINCE
from app.discovery.types import (
    CityPage,
    CouponBrief,
    PlaceCard,
    PlaceFacts,
    PlaceHit,
    Position,
    Reach,
    RegionFilter,
    SourcePoint,
    Terms,
)
from app.places.opening_hours import HoursPattern
from app.postings.charts import Frame, lane_y, slot_of
from app.postings.types import signature
from geo.coordinates import LonLat

AnyRow = Row[*tuple[Any, ...]]
COUPONS_SHOWN: Final = 3
BUDGET: Final = 4_000
"""How many search rows are looked at for a total; beyond them it is a lower bound."""


@dataclass(frozen=True, slots=True)
class FacetGroup:
    """Facets of which a place must have one; ``steady`` when each row's signature tells of them."""

    facets: tuple[int, ...]
    steady: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class NearQuestion:
    """One city's part of a search, worked out to numbers; None filters nothing.

    ``open_bits`` has a bit for each hours pattern that counts as open; number 0 stands for unknown hours.
    """

    reach: Reach
    origin: LonLat
    frame: Frame
    radius_mm: int
    groups: tuple[FacetGroup, ...]
    avoid: tuple[int, ...]
    open_bits: bytes | None
    price_from: int | None
    price_to: int | None
    price_unknown: bool
    coupon_at: datetime | None
    region: RegionFilter | None


NAMES: Final = (
    "city", "slot", "lon", "lat", "x", "y", "west", "south", "east", "north", "polar", "reach", "radius_mm", "inner",
    "facets", "starts", "masks", "avoid", "avoid_mask", "open", "price_from", "price_to", "price_unknown", "coupon_at",
    "area_id", "area_version", "area", "area_fringe",
)  # fmt: skip
_TYPES: Final[Mapping[str, Any]] = {
    "facets": ARRAY(INTEGER),
    "starts": ARRAY(INTEGER),
    "masks": ARRAY(BIGINT),
    "avoid": ARRAY(INTEGER),
    "open": BYTEA,
    "area": LargeBinary,
    "area_id": PGUUID(as_uuid=True),
    "after_id": PGUUID(as_uuid=True),
    "kinds": ARRAY(TEXT),
    "snapshot": PGUUID(as_uuid=True),
    "wanted": ARRAY(TEXT),
    "bands": ARRAY(BIGINT),
    "shut": ARRAY(TEXT),
    "held": ARRAY(PGUUID(as_uuid=True)),
    "full": ARRAY(PGUUID(as_uuid=True)),
    "places": ARRAY(PGUUID(as_uuid=True)),
    "areas": ARRAY(PGUUID(as_uuid=True)),
}
_CASTS: Final[Mapping[str, str]] = {
    "slot": "smallint", "facets": "integer[]", "starts": "integer[]", "masks": "bigint[]", "avoid": "integer[]",
    "avoid_mask": "bigint", "open": "bytea", "price_from": "smallint", "price_to": "smallint",
    "coupon_at": "timestamptz", "area_id": "uuid", "area_version": "integer", "area": "bytea", "radius_mm": "bigint",
    "after_mm": "bigint", "after_id": "uuid", "kinds": "text[]", "group_deal": "boolean", "at": "timestamptz",
    "distance": "double precision", "popularity": "double precision", "coupon": "double precision",
    "bucket_mm": "bigint", "coupon_facet": "integer", "snapshot": "uuid", "collapse": "boolean",
    "after_score": "bigint", "wanted": "text[]",
    "bands": "bigint[]",
    "use_at": "timestamptz", "claim_at": "timestamptz", "shut": "text[]", "party": "integer", "held": "uuid[]",
    "full": "uuid[]", "places": "uuid[]", "areas": "uuid[]", "to_lon": "double precision", "to_lat": "double precision",
    "after_rank": "bigint",
}  # fmt: skip


def call(function: str, columns: str, *more: str, around: str = "{}") -> TextClause:
    """A call of a search function by the names of ``parameters`` and more; ``around`` is a statement to put it in."""
    names = (*NAMES, *more)
    given = ", ".join(
        f"p_{name} => " + (f"CAST(:{name} AS {_CASTS[name]})" if name in _CASTS else f":{name}") for name in names
    )
    statement = text(around.format(f"SELECT {columns} FROM {function}({given})"))
    return statement.bindparams(*(bindparam(name, type_=_TYPES[name]) for name in names if name in _TYPES))


def driver_words(statement: TextClause) -> str:
    """A statement with the driver's own placeholders, for ``exec_driver_sql``."""
    return str(statement.compile(dialect=postgresql.psycopg2.dialect()))  # type: ignore[no-untyped-call]


def parameters(asked: NearQuestion) -> dict[str, Any]:
    """What the search functions take of a question."""
    frame, slot = asked.frame, slot_of(asked.reach.version)
    lane = lane_y(asked.reach.city_id, slot)
    starts = [1]
    for group in asked.groups:
        starts.append(starts[-1] + len(group.facets))
    region = asked.region
    here = region is not None and region.city_id == asked.reach.city_id and region.region_id is not None
    return {
        "city": asked.reach.city_id,
        "slot": slot,
        "lon": asked.origin.lon,
        "lat": asked.origin.lat,
        "x": frame.x,
        "y": frame.y + lane,
        "west": frame.west,
        "south": frame.south + lane,
        "east": frame.east,
        "north": frame.north + lane,
        "polar": frame.polar,
        "reach": frame.reach,
        "radius_mm": asked.radius_mm,
        "inner": frame.sure_m(asked.radius_mm / 1000),
        "facets": [facet for group in asked.groups for facet in group.facets],
        "starts": starts,
        "masks": [signature(group.facets) if group.steady else None for group in asked.groups],
        "avoid": list(asked.avoid) or None,
        "avoid_mask": signature(asked.avoid),
        "open": asked.open_bits,
        "price_from": asked.price_from,
        "price_to": asked.price_to,
        "price_unknown": asked.price_unknown,
        "coupon_at": asked.coupon_at,
        "area_id": region.region_id if region is not None and here else None,
        "area_version": region.version if region is not None and here else None,
        "area": region.boundary if region is not None and not here else None,
        "area_fringe": region is not None and region.fringe,
    }


_MORE = ("lower", "after_mm", "after_id", "limit", "budget")
_PLACES = call("places_near", "place_id, distance_mm, total, total_exact", *_MORE)


@dataclass(frozen=True, slots=True)
class NearPlace:
    """A place's id and distance, before anything else is known of it."""

    distance_mm: int
    city_id: int
    place_id: UUID

    @property
    def position(self) -> Position:
        """Its place in the order."""
        return self.distance_mm, self.place_id


def places_near(
    conn: Connection, asked: NearQuestion, after: Position | None, limit: int, count: bool
) -> CityPage[NearPlace]:
    """The first ``limit`` places of one city past ``after``, nearest first, ties by id."""
    rows = conn.execute(_PLACES, _given(asked, after, limit, count)).all()
    city_id = asked.reach.city_id
    hits = [NearPlace(row.distance_mm, city_id, row.place_id) for row in rows]
    return CityPage(hits, rows[0].total if rows else 0, rows[0].total_exact if rows else True)


def _given(asked: NearQuestion, after: Position | None, limit: int, count: bool) -> dict[str, Any]:
    return parameters(asked) | {
        "lower": 0.0 if after is None else asked.frame.sure_m((after[0] - 1) / 1000),
        "after_mm": None if after is None else after[0],
        "after_id": None if after is None else after[1],
        "limit": limit,
        "budget": BUDGET if count else 0,
    }


_AMONG = call("places_among", "place_id, distance_mm, total", *("places", "after_mm", "after_id", "limit"))


def places_among(
    conn: Connection, asked: NearQuestion, place_ids: Sequence[UUID], after: Position | None, limit: int
) -> CityPage[NearPlace]:
    """The first ``limit`` of some places of one city past ``after`` that a question asks for; the total is exact."""
    given = parameters(asked) | {
        "places": list(place_ids),
        "after_mm": None if after is None else after[0],
        "after_id": None if after is None else after[1],
        "limit": limit,
    }
    rows = conn.execute(_AMONG, given).all()
    hits = [NearPlace(row.distance_mm, asked.reach.city_id, row.place_id) for row in rows]
    return CityPage(hits, rows[0].total if rows else 0)


_WITHIN = call("places_within", "place_id, distance_mm, hours_no, price_level", "cap")


@dataclass(frozen=True, slots=True)
class Match:
    """A place within the circle that meets the filters, in no order; hours and price 0 are not known."""

    distance_mm: int
    city_id: int
    place_id: UUID
    hours_no: int
    price_level: int


def places_within(conn: Connection, asked: NearQuestion, cap: int) -> list[Match]:
    """Every place of one city that a question asks for, at most ``cap``; reads them all."""
    rows = conn.execute(_WITHIN, parameters(asked) | {"cap": cap})
    city_id = asked.reach.city_id
    return [Match(row.distance_mm, city_id, row.place_id, row.hours_no, row.price_level) for row in rows]


CARD = (
    "place_id, lon, lat, source_datum, source_lon, source_lat, names, category_id, address, price_level, hours_no,"
    " opening_hours, time_zone, calendar, workday_calendar, parsed, merchant_id, merchant_names, coupon_count, coupons"
)
_CARDS = text(f"""
    SELECT {CARD} FROM place_cards(:city, :version, CAST(:places AS uuid[]), :at, :shown)
""").bindparams(bindparam("places", type_=ARRAY(PGUUID(as_uuid=True))))
# In the driver's own words: the hottest statement there is, and its text and types never change.
_PAGE = driver_words(
    call(
        "places_near",
        "place_id, distance_mm, total, total_exact",
        *_MORE,
        around=f"""
        WITH near AS MATERIALIZED ({{}})
        SELECT near.distance_mm, near.total, near.total_exact, (SELECT epoch FROM dataset_epoch) AS epoch,
            (SELECT pg_current_snapshot()::text) AS snapshot, {MOVED_SINCE} AS moved, {CARD}
        FROM near
        JOIN place_cards(:city, :version, (SELECT array_agg(place_id) FROM near), :at, :shown) USING (place_id)
        ORDER BY near.distance_mm, place_id
    """,
    )
)


def places_page(
    conn: Connection, asked: NearQuestion, after: Position | None, limit: int, count: bool, at: datetime,
    seen: str | None = None,
) -> CityPage[PlaceHit]:  # fmt: skip
    """``places_near`` with what lists show of each place, in one statement; which moved since ``seen``."""
    given = _given(asked, after, limit, count)
    given |= {"version": asked.reach.version, "at": at, "shown": COUPONS_SHOWN, "seen": seen}
    rows = conn.exec_driver_sql(_PAGE, given).all()
    if not rows:
        return CityPage((), 0)
    city_id = asked.reach.city_id
    hits = [PlaceHit(row[0], _card(city_id, *row[6:])) for row in rows]
    moved = frozenset() if seen is None else frozenset(row.place_id for row in rows if row.moved)
    return CityPage(hits, rows[0].total, rows[0].total_exact, rows[0].epoch, rows[0].snapshot, moved)


def place_cards(
    conn: Connection, city_id: int, version: int, place_ids: Sequence[UUID], at: datetime, shown: int = COUPONS_SHOWN
) -> dict[UUID, PlaceCard]:
    """What lists show of some places of a city's version: facts, who runs them, the newest of their live coupons."""
    rows = conn.execute(
        _CARDS, {"city": city_id, "version": version, "places": list(place_ids), "at": at, "shown": shown}
    )
    return {row[0]: _card(city_id, *row) for row in rows}


@lru_cache(maxsize=16384)
def _pattern(*columns: Any) -> HoursPattern:
    """One value for all places of a pattern."""
    return HoursPattern(*columns)


def _card(
    city_id: int, place_id: UUID, lon: float, lat: float, source_datum: str, source_lon: float, source_lat: float,
    names: str, category_id: str, address: str, price_level: int | None, hours_no: int | None,
    opening_hours: str, time_zone: str, calendar: str | None, workday_calendar: bool, parsed: bool,
    merchant_id: UUID | None, merchant_names: str | None, coupon_count: int | None, coupons: str | None,
) -> PlaceCard:  # fmt: skip
    """A card from the columns ``CARD``."""
    hours = None
    if hours_no is not None:
        hours = _pattern(hours_no, opening_hours, time_zone, calendar, workday_calendar, parsed)
    source = SourcePoint(source_datum, source_lon, source_lat)
    facts = PlaceFacts(
        city_id, place_id, LonLat(lon, lat), source, orjson.loads(names), category_id, orjson.loads(address),
        price_level, hours, merchant_id,
    )  # fmt: skip
    merchant = None if merchant_names is None else orjson.loads(merchant_names)
    return PlaceCard(facts, merchant, coupon_count or 0, _briefs(coupons))


def _briefs(listed: str | None) -> tuple[CouponBrief, ...]:
    if listed is None:
        return ()
    return tuple(
        CouponBrief(UUID(coupon_id), kind, titles, Terms(kind, *terms))
        for coupon_id, kind, titles, *terms in orjson.loads(listed)
    )
