"""Areas of the version in force: one, a list, and those that cover a point."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Connection, Integer, Row, Text, Uuid, and_, func, literal, or_, select, tuple_

from app.core.spatial import as_wkb, covers_point, geojson, union_of
from app.regions.tables import region_facts
from app.regions.types import Region
from geo.coordinates import LonLat

AnyRow = Row[*tuple[Any, ...]]
RegionPosition = tuple[int, int, str, UUID]
"""City, level, code, id: where a page of areas ends."""

MAX_AT_POINT = 200

_REGION = (
    region_facts.c.city_id,
    region_facts.c.region_id,
    region_facts.c.kind,
    region_facts.c.admin_level,
    region_facts.c.region_code,
    region_facts.c.names,
    region_facts.c.parent_id,
    region_facts.c.area_m2,
    region_facts.c.note,
    region_facts.c.demo,
)


def region_by_id(conn: Connection, city_id: int, version: int, region_id: UUID) -> Region | None:
    """One area of a city's version."""
    row = conn.execute(
        select(*_REGION).where(
            region_facts.c.city_id == city_id,
            region_facts.c.version == version,
            region_facts.c.region_id == region_id,
        )
    ).one_or_none()
    return None if row is None else _region(row)


def boundary_geojson(conn: Connection, city_id: int, version: int, region_id: UUID) -> str:
    """The drawing of an area as GeoJSON text; the area must be there."""
    return conn.execute(
        select(geojson(region_facts.c.boundary)).where(
            region_facts.c.city_id == city_id,
            region_facts.c.version == version,
            region_facts.c.region_id == region_id,
        )
    ).scalar_one()


def outline_of(conn: Connection, city_id: int, version: int, region_id: UUID) -> tuple[bytes, int] | None:
    """The drawing of an area as well-known binary, and how many metres it extends beyond that.

    Of an area that is no more, the drawing of all that followed it, and the farthest of their fringes.
    """
    exact = select(as_wkb(region_facts.c.boundary).label("drawing"), region_facts.c.extend_m).where(
        region_facts.c.city_id == city_id,
        region_facts.c.version == version,
        region_facts.c.region_id == region_id,
    )
    found = conn.execute(exact).one_or_none()
    if found is None:
        followed = select(
            as_wkb(union_of(region_facts.c.boundary)).label("drawing"),
            func.max(region_facts.c.extend_m).label("extend_m"),
        )
        found = conn.execute(followed.where(stands_for(city_id, version, literal(region_id, Uuid)))).one()
    return None if found.drawing is None else (bytes(found.drawing), found.extend_m)


def stands_for(city_id: int, version: int, region_id: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that an area of a version is the one named, or followed it when the version no longer holds it.

    Filters that people saved and coupons' scopes go on working in this way after an area was split or merged.
    """
    here = region_facts.alias("here")
    still_here = (
        select(literal(1, Integer))
        .where(here.c.city_id == city_id, here.c.version == version, here.c.region_id == region_id)
        .exists()
    )
    return and_(
        region_facts.c.city_id == city_id,
        region_facts.c.version == version,
        or_(
            region_facts.c.region_id == region_id,
            and_(region_id == func.any(region_facts.c.successor_of), ~still_here),
        ),
    )


def successors_of(conn: Connection, city_id: int, version: int, region_id: UUID) -> tuple[Region, ...]:
    """The areas of a version that followed one that it no longer holds; by level, then code, then id."""
    rows = conn.execute(
        select(*_REGION)
        .where(stands_for(city_id, version, literal(region_id, Uuid)), region_facts.c.region_id != region_id)
        .order_by(region_facts.c.admin_level, region_facts.c.region_code, region_facts.c.region_id)
        .limit(MAX_AT_POINT)
    ).all()
    return tuple(_region(row) for row in rows)


def regions_at(conn: Connection, city_id: int, version: int, point: LonLat) -> tuple[Region, ...]:
    """Areas of a city's version that cover a point, border included; by level, then code, then id."""
    rows = conn.execute(
        select(*_REGION)
        .where(
            region_facts.c.city_id == city_id,
            region_facts.c.version == version,
            covers_point(region_facts.c.boundary, point),
        )
        .order_by(region_facts.c.admin_level, region_facts.c.region_code, region_facts.c.region_id)
        .limit(MAX_AT_POINT)
    ).all()
    return tuple(_region(row) for row in rows)


def _region(row: AnyRow, drawn: bool = False) -> Region:
    return Region(
        city_id=row.city_id,
        region_id=row.region_id,
        kind=row.kind,
        admin_level=row.admin_level,
        region_code=row.region_code,
        names=row.names,
        parent_id=row.parent_id,
        area_m2=row.area_m2,
        note=row.note,
        demo=row.demo,
        boundary=row.drawing if drawn else None,
    )


def regions_covering(
    conn: Connection, versions: Mapping[int, int], point: LonLat, *, drawn: bool = False
) -> tuple[Region, ...]:
    """Areas that cover a point in any of some cities' versions (version by city), border included; cross-city.

    ``drawn`` brings their drawings along.
    """
    if not versions:
        return ()
    rows = conn.execute(
        select(*_REGION, *_drawing(drawn))
        .prefix_with("/* cross-city */")
        .where(_in_versions(versions), covers_point(region_facts.c.boundary, point))
        .order_by(region_facts.c.admin_level, region_facts.c.region_code, region_facts.c.region_id)
        .limit(MAX_AT_POINT)
    ).all()
    return tuple(_region(row, drawn) for row in rows)


def _drawing(drawn: bool) -> tuple[ColumnElement[str], ...]:
    return (geojson(region_facts.c.boundary).label("drawing"),) if drawn else ()


def _in_versions(versions: Mapping[int, int]) -> ColumnElement[bool]:
    return or_(
        *(
            and_(region_facts.c.city_id == city_id, region_facts.c.version == version)
            for city_id, version in sorted(versions.items())
        )
    )


def regions_page(
    conn: Connection,
    versions: Mapping[int, int],
    *,
    kind: str | None,
    parent_id: UUID | None,
    after: RegionPosition | None,
    limit: int,
    count_cap: int,
    drawn: bool = False,
) -> tuple[tuple[Region, ...], int]:
    """Areas of some cities' versions by city, level, code and id, and how many there are up to ``count_cap``.

    Cross-city when several are named; ``count_cap`` 0 counts nothing; ``drawn`` brings their drawings along.
    """
    if not versions:
        return (), 0
    conditions = [_in_versions(versions)]
    if kind is not None:
        conditions.append(region_facts.c.kind == kind)
    if parent_id is not None:
        conditions.append(region_facts.c.parent_id == parent_id)
    counted = select(literal(1, Integer).label("one")).where(*conditions).limit(count_cap).subquery("counted")
    total = select(func.count()).select_from(counted).scalar_subquery().label("total")
    statement = select(*_REGION, *_drawing(drawn), total).prefix_with("/* cross-city */").where(*conditions)
    order = (
        region_facts.c.city_id,
        region_facts.c.admin_level,
        region_facts.c.region_code,
        region_facts.c.region_id,
    )
    if after is not None:
        city_id, level, code, region_id = after
        statement = statement.where(
            tuple_(*order)
            > tuple_(literal(city_id, Integer), literal(level, Integer), literal(code, Text), literal(region_id, Uuid))
        )
    rows = conn.execute(statement.order_by(*order).limit(limit)).all()
    return tuple(_region(row, drawn) for row in rows), rows[0].total if rows else 0
