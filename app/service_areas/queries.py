"""Published areas: which cities have any near a point, which cover it, which is the nearest; each stays in one city
but the first."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import repeat
from struct import Struct
from typing import Any, Final
from uuid import UUID

import shapely
from shapely import MultiPolygon
from sqlalchemy import ColumnElement, Connection, DateTime, bindparam, literal, or_, select, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.types import Double, Integer, Text, Uuid

from app.core.spatial import as_wkb, covers_point
from app.service_areas.tables import service_area_extents, service_area_versions
from app.service_areas.types import KINDS, CoveringArea
from geo.bbox import Bbox
from geo.coordinates import LonLat

MAX_COVERING: Final = 5000
"""Areas that are looked at for one point in one city."""
MOST_CITIES: Final = 10_000
_NEAREST: Final = 16
_PACKED: Final = Struct("!16s16s16shdqB")
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)  # that of PostgreSQL's timestamps


def in_force(instant: datetime) -> tuple[ColumnElement[bool], ...]:
    """Published drawings that are effective at an instant."""
    drawings, at = service_area_versions, literal(instant, DateTime(timezone=True))
    return (
        drawings.c.state == "published",
        drawings.c.effective_from <= at,
        or_(drawings.c.effective_until.is_(None), drawings.c.effective_until > at),
    )


def extents(conn: Connection) -> dict[int, Bbox]:
    """The box around a city's areas, by city; cities without any are left out. A box to ±180 has two sides there."""
    box = service_area_extents
    rows = conn.execute(
        select(box.c.city_id, box.c.west, box.c.south, box.c.east, box.c.north)
        .prefix_with("/* cross-city: says which cities a request asks */")
        .order_by(box.c.city_id)
        .limit(MOST_CITIES)
    )
    return {row.city_id: Bbox(row.west, row.south, row.east, row.north) for row in rows}


@dataclass(frozen=True, slots=True)
class Asked:
    """A point and an instant; ``number`` tells several apart."""

    number: int
    point: LonLat
    at: datetime


# A value of bytes a point: UUID, datetime and text of each of hundreds of rows would take longer than finding them.
_AT: Final = text("""
    SELECT number, areas, schedules
    FROM areas_packed(:city, :version, :numbers, :lons, :lats, :ats, :kinds, :most)
""").bindparams(
    bindparam("numbers", type_=ARRAY(Integer)),
    bindparam("lons", type_=ARRAY(Double)),
    bindparam("lats", type_=ARRAY(Double)),
    bindparam("ats", type_=ARRAY(DateTime(timezone=True))),
    bindparam("kinds", type_=ARRAY(Text)),
)


def areas_at(
    conn: Connection, city_id: int, version: int, asked: Sequence[Asked], kinds: Sequence[str] | None
) -> dict[int, tuple[CoveringArea, ...]]:
    """Areas in force that cover points, border included, of live places in a city's version; by number.

    Schedules are not looked at. At most ``MAX_COVERING`` a point. The meridians 180 and -180 are one.
    """
    rows = [(each.number, lon, each.point.lat, each.at) for each in asked for lon in _spellings(each.point.lon)]
    numbers, lons, lats, ats = zip(*rows, strict=True)
    found: dict[int, dict[UUID, CoveringArea]] = {each.number: {} for each in asked}
    given = {
        "city": city_id,
        "version": version,
        "kinds": None if kinds is None else list(kinds),
        "most": MAX_COVERING,
        "numbers": list(numbers),
        "lons": list(lons),
        "lats": list(lats),
        "ats": list(ats),
    }
    for number, areas, schedules in conn.execute(_AT, given):
        found[number] |= {area.service_area_id: area for area in _unpacked(city_id, bytes(areas), schedules)}
    return {number: tuple(areas.values()) for number, areas in found.items()}


def _unpacked(city_id: int, areas: bytes, schedules: Sequence[str | None] | None) -> Iterator[CoveringArea]:
    """Areas as ``areas_packed`` writes them."""
    for row, schedule in zip(_PACKED.iter_unpack(areas), schedules or repeat(None), strict=False):
        area_id, place_id, merchant_id, priority, area_m2, made, kind = row
        yield CoveringArea(
            city_id,
            UUID(bytes=area_id),
            UUID(bytes=place_id),
            UUID(bytes=merchant_id),
            KINDS[kind - 1],
            priority,
            area_m2,
            _EPOCH + timedelta(microseconds=made),
            schedule,
        )


def _drawing(raw: Any) -> MultiPolygon:
    found = shapely.from_wkb(bytes(raw))
    assert isinstance(found, MultiPolygon)
    return found


def _spellings(lon: float) -> tuple[float, ...]:
    return (180.0, -180.0) if abs(lon) == 180.0 else (lon,)


@dataclass(frozen=True, slots=True)
class Shown:
    """What lists show of an area beside what it was found by."""

    names: Mapping[str, str]
    currency: str
    fee_minor: int
    min_order_minor: int
    boundary: MultiPolygon
    effective_until: datetime | None


def shown_of(conn: Connection, city_id: int, area_ids: Sequence[UUID]) -> dict[UUID, tuple[Shown, ...]]:
    """Names, money and drawings of the published versions of some areas of a city, by id; the last one at the end."""
    drawings = service_area_versions
    rows = conn.execute(
        select(
            drawings.c.service_area_id,
            drawings.c.names,
            drawings.c.currency,
            drawings.c.fee_minor,
            drawings.c.min_order_minor,
            as_wkb(drawings.c.boundary).label("drawing"),
            drawings.c.effective_until,
        )
        .where(
            drawings.c.city_id == city_id,
            drawings.c.service_area_id.in_(list(area_ids)),
            drawings.c.state == "published",
        )
        .order_by(drawings.c.service_area_id, drawings.c.effective_from)
    )
    found: dict[UUID, tuple[Shown, ...]] = {}
    for area_id, names, currency, fee, least, drawing, until in rows:
        shown = Shown(names, currency, fee, least, _drawing(drawing), until)
        found[area_id] = (*found.get(area_id, ()), shown)
    return found


def shown_at(versions: Sequence[Shown], at: datetime) -> Shown:
    """Of an area's versions the one in force at an instant at which there is one."""
    return next(each for each in versions if each.effective_until is None or each.effective_until > at)


@dataclass(frozen=True, slots=True)
class Near:
    """An area that does not cover a point, with its drawing."""

    city_id: int
    service_area_id: UUID
    place_id: UUID
    kind: str
    schedule: str | None
    boundary: MultiPolygon


_NEAR: Final = """
    SELECT v.service_area_id, s.place_id, s.kind, v.schedule, st_asbinary(v.boundary) AS drawing
    FROM service_area_versions v
    JOIN service_areas s ON s.city_id = :city AND s.service_area_id = v.service_area_id
    JOIN place_facts f ON f.city_id = :city AND f.version = :version AND f.place_id = s.place_id
    WHERE v.city_id = :city AND v.state = 'published'
      AND v.effective_from <= :at AND (v.effective_until IS NULL OR v.effective_until > :at)
      AND NOT f.closed AND (:kinds IS NULL OR s.kind = ANY (:kinds)) AND (:place IS NULL OR s.place_id = :place)
"""
_PARAMETERS: Final = (
    bindparam("at", type_=DateTime(timezone=True)),
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("place", type_=Uuid()),
)
_BY_DEGREES: Final = text(f"""
    {_NEAR}
    ORDER BY v.boundary <-> st_setsrid(st_makepoint(:lon, :lat), 4326), v.service_area_id
    LIMIT :most
""").bindparams(*_PARAMETERS)
_IN_BOX: Final = text(f"""
    {_NEAR} AND v.boundary && st_makeenvelope(:west, :south, :east, :north, 4326)
    ORDER BY v.service_area_id
    LIMIT :most
""").bindparams(*_PARAMETERS)


@dataclass(frozen=True, slots=True)
class NearQuestion:
    """Areas around a point at an instant, of some kinds (None: any) and of one place (None: any)."""

    city_id: int
    version: int
    point: LonLat
    at: datetime
    kinds: tuple[str, ...] | None
    place_id: UUID | None


def near_by_degrees(conn: Connection, asked: NearQuestion) -> tuple[Near, ...]:
    """A few areas that are near as degrees go, which need not be the nearest in metres."""
    return _near(conn, _BY_DEGREES, asked, {"most": _NEAREST, "lon": asked.point.lon, "lat": asked.point.lat})


def near_in_box(conn: Connection, asked: NearQuestion, box: Bbox) -> tuple[Near, ...]:
    """Areas whose box meets another, at most a few hundred."""
    found: tuple[Near, ...] = ()
    for part in box.parts():
        sides = {"west": part.west, "south": part.south, "east": part.east, "north": part.north}
        found += _near(conn, _IN_BOX, asked, {"most": 500, **sides})
    return found


def _near(conn: Connection, statement: Any, asked: NearQuestion, more: Mapping[str, Any]) -> tuple[Near, ...]:
    given = {
        "city": asked.city_id,
        "version": asked.version,
        "at": asked.at,
        "kinds": None if asked.kinds is None else list(asked.kinds),
        "place": asked.place_id,
        **more,
    }
    return tuple(
        Near(
            asked.city_id,
            row.service_area_id,
            row.place_id,
            row.kind,
            row.schedule,
            _drawing(row.drawing),
        )
        for row in conn.execute(statement, given)
    )


_KIN: Final = text("""
    SELECT f.place_id, o.merchant_id IS NOT DISTINCT FROM p.merchant_id AND p.merchant_id IS NOT NULL AS same_merchant,
           f.brand_id IS NOT NULL AND f.brand_id = p.brand_id AS same_brand,
           f.category_id = p.category_id AS same_category,
           round(st_distance(f.location, st_setsrid(st_makepoint(:lon, :lat), 4326)::geography, false) * 1000)::bigint
               AS mm
    FROM place_facts f
    LEFT JOIN place_operators o ON o.city_id = :city AND o.place_id = f.place_id
    CROSS JOIN LATERAL (
        SELECT g.brand_id, g.category_id, r.merchant_id FROM place_facts g
        LEFT JOIN place_operators r ON r.city_id = :home AND r.place_id = g.place_id
        WHERE g.city_id = :home AND g.version = :home_version AND g.place_id = :place) p
    WHERE f.city_id = :city AND f.version = :version AND f.place_id = ANY (:places)
    ORDER BY same_merchant DESC, same_brand DESC, same_category DESC, mm, f.place_id
    LIMIT :most
""").bindparams(bindparam("places", type_=ARRAY(Uuid())), bindparam("place", type_=Uuid()))


@dataclass(frozen=True, slots=True, order=True)
class Kin:
    """A place that serves a point in another's stead; the least stands nearest to it."""

    rank: int
    distance_mm: int
    place_id: UUID

    @property
    def same(self) -> str | None:
        """What it has in common with the place that was asked for."""
        return ("merchant", "brand", "category", None)[self.rank]


def kin_of(
    conn: Connection,
    here: tuple[int, int],
    place: tuple[int, int, UUID],
    point: LonLat,
    place_ids: Sequence[UUID],
    most: int,
) -> tuple[Kin, ...]:
    """Some places of a city's version (``here``), those of the merchant, brand, category of a ``place`` (city, version,
    id) first, then the nearest to a point."""
    home, home_version, place_id = place
    given = {
        "city": here[0],
        "version": here[1],
        "home": home,
        "home_version": home_version,
        "place": place_id,
        "lon": point.lon,
        "lat": point.lat,
        "places": list(place_ids),
        "most": most,
    }
    return tuple(
        Kin(0 if row.same_merchant else 1 if row.same_brand else 2 if row.same_category else 3, row.mm, row.place_id)
        for row in conn.execute(_KIN, given)
    )


def schedules_at(conn: Connection, city_id: int, point: LonLat) -> tuple[str, ...]:
    """The distinct schedules of a city's published areas that cover a point."""
    drawings = service_area_versions
    wanted = (
        select(drawings.c.schedule)
        .where(
            drawings.c.city_id == city_id,
            drawings.c.state == "published",
            drawings.c.schedule.is_not(None),
            covers_point(drawings.c.boundary, point),
        )
        .distinct()
        .order_by(drawings.c.schedule)
        .limit(MAX_COVERING)
    )
    return tuple(conn.execute(wanted).scalars())
