"""Vector tiles: all cities that touch a tile in one statement, what lies beyond 180° drawn on both sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from math import atan, cos, degrees, pi, radians, sinh
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    Double,
    FromClause,
    Integer,
    Select,
    Text,
    and_,
    cast,
    column,
    func,
    literal,
    select,
    true,
    values,
)

from app.cities.tables import basemap_features
from app.core.spatial import (
    as_geometry,
    cut_to_box,
    degrees_box,
    in_mercator,
    in_tile,
    inner_point,
    latitude,
    longitude,
    near,
    simplified,
    tile_bytes,
    touches_box,
)
from app.coupons.queries import current_terms, live_at
from app.coupons.tables import coupon_places, coupon_versions, coupons
from app.places.tables import place_facts
from app.regions.tables import region_facts
from app.service_areas.queries import in_force
from app.service_areas.tables import service_area_versions, service_areas
from geo.coordinates import LonLat
from geo.tiles import Tile
from geo.units import MERCATOR_EDGE_M, MERCATOR_RADIUS_M, METRES_PER_DEGREE

LAYERS = ("places", "regions", "areas", "basemap")
MAX_FEATURES = 10_000
UNITS = 4096
BUFFER = 128
_SEARCHED = BUFFER + 32  # units beyond the edge that are looked at; what is drawn ends at the buffer
_CIRCLE_FROM_ZOOM = 6  # smaller tiles are looked up by a circle around them, which the index of places knows

# Areas are thinned at low zooms: up to this zoom, only levels up to that one.
_LEVELS = ((4, 4), (7, 6), (9, 8), (11, 10))


@dataclass(frozen=True, slots=True)
class Window:
    """A part of the world that a tile shows, in degrees, and by how many metres it is moved east for that."""

    west: float
    east: float
    shift_m: float


def windows_of(tile: Tile) -> tuple[float, float, tuple[Window, ...]]:
    """South and north of what a tile shows, its buffer included, and the windows in longitude."""
    west_m, south_m, east_m, north_m = tile.mercator_bounds()
    margin = (east_m - west_m) * _SEARCHED / UNITS
    west, east = ((edge) / MERCATOR_EDGE_M * 180.0 for edge in (west_m - margin, east_m + margin))
    found = []
    for turn in (-1, 0, 1):
        low, high = max(-180.0, west - 360.0 * turn), min(180.0, east - 360.0 * turn)
        if low <= high:
            found.append(Window(low, high, turn * 2.0 * MERCATOR_EDGE_M))
    return _lat(south_m - margin), _lat(north_m + margin), tuple(found)


def _lat(northing_m: float) -> float:
    return degrees(atan(sinh(northing_m / MERCATOR_RADIUS_M)))


def tile_of(conn: Connection, layer: str, tile: Tile, versions: Mapping[int, int], now: datetime) -> bytes:
    """The encoded tile of a layer over some cities' versions (version by city); empty bytes when nothing is there."""
    if not versions:
        return b""
    south, north, windows = windows_of(tile)
    wanted = _wanted(versions, windows)
    box = degrees_box(wanted.c.west, south, wanted.c.east, north)
    if layer == "places":
        features = _places(tile, wanted, south, north, now)
    elif layer == "regions":
        features = _regions(tile, wanted, box)
    elif layer == "areas":
        features = _areas(tile, wanted, box, now)
    else:
        features = _basemap(tile, wanted, box)
    rows = features.where(features.selected_columns.shape.is_not(None)).subquery("features")
    statement = select(tile_bytes(rows.table_valued(), layer)).prefix_with("/* cross-city */").select_from(rows)
    return bytes(conn.execute(statement).scalar_one() or b"")


def _wanted(versions: Mapping[int, int], windows: tuple[Window, ...]) -> Any:
    """Every city with every window, as rows to join with."""
    rows = [
        (city_id, version, window.west, window.east, window.shift_m)
        for city_id, version in sorted(versions.items())
        for window in windows
    ]
    return values(
        column("city_id", Integer),
        column("version", Integer),
        column("west", Double),
        column("east", Double),
        column("shift_m", Double),
        name="wanted",
    ).data(rows)


def _drawn(tile: Tile, shape: ColumnElement[Any], wanted: Any, box: ColumnElement[Any]) -> ColumnElement[Any]:
    """A line or area cut to what the tile looks at, without details finer than half a unit."""
    unit_m = 2.0 * MERCATOR_EDGE_M / (1 << tile.z) / UNITS
    flat = in_mercator(cut_to_box(shape, box), wanted.c.shift_m)
    return in_tile(simplified(flat, unit_m / 2), tile.z, tile.x, tile.y, BUFFER).label("shape")


def _joined(wanted: Any, features: Select[Any], *order: str) -> Select[Any]:
    """The features of each city in a stable order, and of all cities together no more than a tile may hold."""
    each = features.limit(MAX_FEATURES).lateral("each")
    together = select(*each.c).select_from(wanted).join(each, true())
    merged = together.order_by(*(each.c[name] for name in order)).limit(MAX_FEATURES).subquery("merged")
    return select(*(found for found in merged.c if found.name not in ("sort_order",)))


def _places(tile: Tile, wanted: Any, south: float, north: float, now: datetime) -> Select[Any]:
    """Live places; when a tile would hold too many, those that were added first stay."""
    where = place_facts.c.location
    conditions = [
        place_facts.c.city_id == wanted.c.city_id,
        place_facts.c.version == wanted.c.version,
        place_facts.c.closed.is_(False),
        longitude(where).between(wanted.c.west, wanted.c.east),
        latitude(where).between(south, north),
    ]
    if tile.z >= _CIRCLE_FROM_ZOOM:
        conditions.append(near(where, *_circle(tile, south, north)))
    each = (
        select(
            place_facts.c.city_id,
            place_facts.c.place_id,
            place_facts.c.name,
            place_facts.c.category_id,
            in_tile(in_mercator(as_geometry(where), wanted.c.shift_m), tile.z, tile.x, tile.y, BUFFER).label("shape"),
        )
        .where(*conditions)
        .order_by(place_facts.c.place_id)
    )
    found = _joined(wanted, each, "place_id", "shape").subquery("found")
    return select(
        cast(found.c.place_id, Text).label("place_id"),
        found.c.name,
        found.c.category_id,
        _coupon_count(found, now).label("coupon_count"),
        found.c.shape,
    )


def _circle(tile: Tile, south: float, north: float) -> tuple[LonLat, float]:
    """A circle that holds the tile and its buffer, with room to spare."""
    center = tile.bbox().center
    half_height_m = (north - south) / 2 * METRES_PER_DEGREE
    widest = max(cos(radians(south)), cos(radians(north)), cos(radians(center.lat)))
    half_width_m = pi * MERCATOR_RADIUS_M / (1 << tile.z) * (1 + 2 * _SEARCHED / UNITS) * widest
    return center, (half_height_m + half_width_m) * 1.05


def _coupon_count(found: FromClause, now: datetime) -> ColumnElement[int]:
    return (
        select(func.count())
        .select_from(coupon_places)
        .join(
            coupons,
            and_(coupons.c.city_id == coupon_places.c.city_id, coupons.c.coupon_id == coupon_places.c.coupon_id),
        )
        .join(coupon_versions, current_terms())
        .where(coupon_places.c.city_id == found.c.city_id, coupon_places.c.place_id == found.c.place_id, live_at(now))
        .correlate(found)
        .scalar_subquery()
    )


def _name_of(names: Any) -> ColumnElement[str | None]:
    """The name on the spot, else the English one."""
    return func.coalesce(names["local"].astext, names["en"].astext, type_=Text())


def _regions(tile: Tile, wanted: Any, box: ColumnElement[Any]) -> Select[Any]:
    """Areas; of the tiles that show an area, the one that holds its inner point writes its name (``names_it``)."""
    highest = next((level for zoom, level in _LEVELS if tile.z <= zoom), 15)
    facts = region_facts.c
    own = tile.bbox()
    square = degrees_box(literal(own.west, Double), own.south, literal(own.east, Double), own.north)
    each = (
        select(
            cast(facts.region_id, Text).label("region_id"),
            facts.kind,
            facts.admin_level,
            _name_of(facts.names).label("name"),
            touches_box(inner_point(facts.boundary), square).label("names_it"),
            _drawn(tile, facts.boundary, wanted, box),
        )
        .where(
            facts.city_id == wanted.c.city_id,
            facts.version == wanted.c.version,
            facts.admin_level <= highest,
            touches_box(facts.boundary, box),
        )
        .order_by(facts.admin_level, facts.region_id)
    )
    return _joined(wanted, each, "admin_level", "region_id", "shape")


def _areas(tile: Tile, wanted: Any, box: ColumnElement[Any], now: datetime) -> Select[Any]:
    """Published areas of live places; drafts are in no tile."""
    drawings = service_area_versions
    each = (
        select(
            cast(drawings.c.service_area_id, Text).label("service_area_id"),
            cast(service_areas.c.place_id, Text).label("place_id"),
            service_areas.c.kind,
            drawings.c.priority,
            _name_of(drawings.c.names).label("name"),
            _drawn(tile, drawings.c.boundary, wanted, box),
        )
        .select_from(drawings)
        .join(
            service_areas,
            and_(
                service_areas.c.city_id == drawings.c.city_id,
                service_areas.c.service_area_id == drawings.c.service_area_id,
            ),
        )
        .join(
            place_facts,
            and_(
                place_facts.c.city_id == service_areas.c.city_id,
                place_facts.c.version == wanted.c.version,
                place_facts.c.place_id == service_areas.c.place_id,
                place_facts.c.closed.is_(False),
            ),
        )
        .where(drawings.c.city_id == wanted.c.city_id, *in_force(now), touches_box(drawings.c.boundary, box))
        .order_by(drawings.c.service_area_id)
    )
    return _joined(wanted, each, "service_area_id", "shape")


def _basemap(tile: Tile, wanted: Any, box: ColumnElement[Any]) -> Select[Any]:
    features = basemap_features.c
    each = (
        select(
            features.layer,
            features.feature_class.label("class"),
            features.name,
            (features.min_zoom * 100_000_000 + features.feature_no).label("sort_order"),
            _drawn(tile, features.shape, wanted, box),
        )
        .where(
            features.city_id == wanted.c.city_id,
            features.version == wanted.c.version,
            features.min_zoom <= tile.z,
            touches_box(features.shape, box),
        )
        .order_by(features.min_zoom, features.feature_no)
    )
    return _joined(wanted, each, "sort_order", "shape")
