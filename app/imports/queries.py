"""Statements of a load: identities, extents, and where coupons can be used."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from uuid import UUID

import shapely
from sqlalchemy import Connection, Double, Table, and_, delete, func, insert, null, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on

from app.cities.tables import active_dataset
from app.core import spatial
from app.coupons.tables import coupon_places, coupon_scopes, coupon_versions, coupons
from app.merchants.tables import place_operators
from app.places.opening_hours import parse_ok
from app.places.tables import brands, categories, hours_patterns, place_facts, place_sources
from app.places.tables_links import place_regions
from app.regions.queries import stands_for
from app.regions.tables import region_facts
from app.service_areas.tables import service_area_versions, service_areas
from geo.bbox import Bbox
from geo.polygons import bbox_of


def ids_of_sources(conn: Connection, table: Table, column: str, city_id: int, keys: Sequence[str]) -> dict[str, UUID]:
    """Which of these source keys are known, and the id each stands for (``table`` is place_ or region_sources)."""
    rows = conn.execute(
        select(table.c.source_key, table.c[column]).where(
            table.c.city_id == city_id, table.c.source_key == func.any(list(keys))
        )
    )
    return {row[0]: row[1] for row in rows}


def places_of_sources(conn: Connection, city_id: int, keys: Sequence[str]) -> dict[str, UUID]:
    """Which of these source keys are known, and the place of each: its own, also where that was merged into another."""
    own = func.coalesce(place_sources.c.merged_from, place_sources.c.place_id)
    rows = conn.execute(
        select(place_sources.c.source_key, own).where(
            place_sources.c.city_id == city_id, place_sources.c.source_key == func.any(list(keys))
        )
    )
    return {row[0]: row[1] for row in rows}


def places_stated(conn: Connection, city_id: int, version: int, place_ids: Sequence[UUID]) -> set[UUID]:
    """Which of these places a version already has facts of."""
    return set(
        conn.execute(
            select(place_facts.c.place_id).where(
                place_facts.c.city_id == city_id,
                place_facts.c.version == version,
                place_facts.c.place_id == func.any(list(place_ids)),
            )
        ).scalars()
    )


def category_ids(conn: Connection, version: int) -> frozenset[str]:
    """Every category of a version of the taxonomy."""
    return frozenset(conn.execute(select(categories.c.category_id).where(categories.c.version == version)).scalars())


def brand_ids(conn: Connection, version: int) -> frozenset[str]:
    """Every brand of a version."""
    return frozenset(conn.execute(select(brands.c.brand_id).where(brands.c.version == version)).scalars())


def places_extent(conn: Connection, city_id: int, version: int) -> tuple[Bbox | None, int]:
    """The smallest box around the live places of a version, crossing 180° when that is narrower; and their number.

    Longitudes are read as at most 361 ranges, one a degree: a gap inside a degree never is the widest.
    """
    lon, lat = spatial.longitude(place_facts.c.location), spatial.latitude(place_facts.c.location)
    degree = func.floor(lon, type_=Double)
    rows = conn.execute(
        select(
            func.min(lon).label("west"),
            func.max(lon).label("east"),
            func.min(lat).label("south"),
            func.max(lat).label("north"),
            func.count().label("places"),
        )
        .where(place_facts.c.city_id == city_id, place_facts.c.version == version, place_facts.c.closed.is_(False))
        .group_by(degree)
    ).all()
    if not rows:
        return None, 0
    lats = [lat for row in rows for lat in (row.south, row.north)]
    return Bbox.of_ranges([(row.west, row.east) for row in rows], lats), sum(row.places for row in rows)


def regions_extent(conn: Connection, city_id: int) -> Bbox | None:
    """The smallest box around all regions that readers see, crossing 180° when that is narrower; None without any."""
    shapes = conn.execute(
        select(spatial.as_wkb(region_facts.c.boundary))
        .join(
            active_dataset,
            and_(
                active_dataset.c.city_id == region_facts.c.city_id, active_dataset.c.version == region_facts.c.version
            ),
        )
        .where(region_facts.c.city_id == city_id, active_dataset.c.kind == "regions")
    ).scalars()
    parts = [part for shape in shapes for part in shapely.get_parts(shapely.from_wkb(bytes(shape)))]
    return bbox_of(shapely.MultiPolygon(parts)) if parts else None


def count_rows(conn: Connection, table: Table, version: int, city_id: int | None) -> int:
    """Rows of a version; ``city_id`` is None for reference tables."""
    statement = select(func.count()).select_from(table).where(table.c.version == version)
    if city_id is not None:
        statement = statement.where(table.c.city_id == city_id)
    return conn.execute(statement).scalar_one()


def refresh_statistics(conn: Connection, *tables: Table) -> None:
    """Tells the planner about rows that were just copied in.

    Without it a statement in the same transaction is planned for an empty table, and joins of millions never end.
    """
    for table in tables:
        conn.execute(select(func.gather_statistics(table.name)))


def read_hours_again(conn: Connection, city_id: int, version: int) -> int:
    """Marks hours of a version that could not be read when they were stored, and can be by now; how many."""
    stored = select(hours_patterns.c.hours_no, hours_patterns.c.opening_hours).where(
        hours_patterns.c.city_id == city_id,
        hours_patterns.c.version == version,
        hours_patterns.c.parsed.is_(False),
    )
    found = [row.hours_no for row in conn.execute(stored) if parse_ok(row.opening_hours)]
    if found:
        conn.execute(
            update(hours_patterns)
            .where(
                hours_patterns.c.city_id == city_id,
                hours_patterns.c.version == version,
                hours_patterns.c.hours_no == func.any(found),
            )
            .values(parsed=True)
        )
    return len(found)


@contextmanager
def rows_unknown(conn: Connection) -> Iterator[None]:
    """Statements over rows that were just copied in, of which the planner knows too little: it joins them by hashing.

    A nested loop is what it would take for the few rows it expects. Look-ups that are to go by an index say so
    themselves (LATERAL with OFFSET 0, a subquery for one value).
    """
    conn.execute(text("SET LOCAL enable_nestloop = off"))
    conn.execute(text("SET LOCAL enable_mergejoin = off"))
    conn.execute(text("SET LOCAL work_mem = '128MB'"))
    conn.execute(text("SET LOCAL jit = off"))
    yield
    conn.execute(text("SET LOCAL enable_nestloop = on"))
    conn.execute(text("SET LOCAL enable_mergejoin = on"))
    conn.execute(text("SET LOCAL work_mem = DEFAULT"))
    conn.execute(text("SET LOCAL jit = DEFAULT"))


def active_version_of(conn: Connection, city_id: int, kind: str) -> int | None:
    """The version that readers see."""
    return conn.execute(
        select(active_dataset.c.version).where(active_dataset.c.city_id == city_id, active_dataset.c.kind == kind)
    ).scalar_one_or_none()


def rewrite_coupon_places(conn: Connection, city_id: int) -> int:
    """Works every coupon's scope out to the places of the active version; returns how many rows there are.

    Scope ``all_places``: all that its merchant runs. ``places``: those named. ``service_areas``: the place of each
    published area, the area of highest priority, then the smallest. ``regions``: the merchant's live places inside a
    named region, border included, by their links; inside those that followed it when it is no more.
    """
    conn.execute(delete(coupon_places).where(coupon_places.c.city_id == city_id))
    places_version = active_version_of(conn, city_id, "places")
    if places_version is None:
        return 0
    columns = ["city_id", "coupon_id", "place_id", "service_area_id"]
    regions_version = active_version_of(conn, city_id, "regions")
    rows = 0
    for scope in (
        _run_places(city_id, places_version),
        _named_places(city_id, places_version),
        _served_places(city_id, places_version),
        _places_in_regions(city_id, places_version, regions_version or 0),
    ):
        rows += conn.execute(insert(coupon_places).from_select(columns, scope)).rowcount
    return rows


def _scoped(kind: str, city_id: int) -> Any:
    """The condition that ties coupons, their current terms and the scope's members together."""
    return and_(
        coupons.c.city_id == city_id,
        coupon_versions.c.city_id == city_id,
        coupon_versions.c.coupon_id == coupons.c.coupon_id,
        coupon_versions.c.version == coupons.c.current_version,
        coupon_versions.c.scope_kind == kind,
        coupon_scopes.c.city_id == city_id,
        coupon_scopes.c.coupon_id == coupons.c.coupon_id,
        coupon_scopes.c.version == coupons.c.current_version,
    )


def _listed(city_id: int, version: int, place_id: Any) -> Any:
    """The condition that a version states the place."""
    return and_(place_facts.c.city_id == city_id, place_facts.c.version == version, place_facts.c.place_id == place_id)


def _run_places(city_id: int, version: int) -> Any:
    return select(
        coupons.c.city_id,
        coupons.c.coupon_id,
        place_facts.c.place_id,
        null().cast(service_areas.c.service_area_id.type),
    ).where(
        coupons.c.city_id == city_id,
        coupon_versions.c.city_id == city_id,
        coupon_versions.c.coupon_id == coupons.c.coupon_id,
        coupon_versions.c.version == coupons.c.current_version,
        coupon_versions.c.scope_kind == "all_places",
        place_operators.c.city_id == city_id,
        place_operators.c.merchant_id == coupons.c.merchant_id,
        _listed(city_id, version, place_operators.c.place_id),
    )


def _named_places(city_id: int, version: int) -> Any:
    return select(
        coupons.c.city_id,
        coupons.c.coupon_id,
        place_facts.c.place_id,
        null().cast(service_areas.c.service_area_id.type),
    ).where(_scoped("places", city_id), _listed(city_id, version, coupon_scopes.c.scope_id))


def _served_places(city_id: int, version: int) -> Any:
    return (
        select(
            coupons.c.city_id,
            coupons.c.coupon_id,
            place_facts.c.place_id,
            service_areas.c.service_area_id,
        )
        .where(
            _scoped("service_areas", city_id),
            service_areas.c.city_id == city_id,
            service_areas.c.service_area_id == coupon_scopes.c.scope_id,
            service_area_versions.c.city_id == city_id,
            service_area_versions.c.service_area_id == service_areas.c.service_area_id,
            service_area_versions.c.state == "published",
            _listed(city_id, version, service_areas.c.place_id),
        )
        .ext(distinct_on(coupons.c.coupon_id, place_facts.c.place_id))
        .order_by(
            coupons.c.coupon_id,
            place_facts.c.place_id,
            service_area_versions.c.priority.desc(),
            service_area_versions.c.area_m2,
            service_areas.c.service_area_id,
        )
    )


def _places_in_regions(city_id: int, version: int, regions_version: int) -> Any:
    return (
        select(
            coupons.c.city_id,
            coupons.c.coupon_id,
            place_regions.c.place_id,
            null().cast(service_areas.c.service_area_id.type),
        )
        .where(
            _scoped("regions", city_id),
            stands_for(city_id, regions_version, coupon_scopes.c.scope_id),
            place_operators.c.city_id == city_id,
            place_operators.c.merchant_id == coupons.c.merchant_id,
            place_regions.c.city_id == city_id,
            place_regions.c.places_version == version,
            place_regions.c.regions_version == regions_version,
            place_regions.c.place_id == place_operators.c.place_id,
            place_regions.c.region_id == region_facts.c.region_id,
            ~place_regions.c.fringe,
        )
        .distinct()
    )
