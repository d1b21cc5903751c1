"""Searches around a point, page by page: the first page settles what all that follow it see."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from math import floor
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from app.cities.queries import everything_active
from app.cities.types import ActiveCity, ActiveDatasets
from app.core.ids import city_of
from app.core.paging import CursorCodec, ExpiredCursor
from app.discovery.caches import Caches
from app.discovery.errors import UnknownCategory, UnknownRegion
from app.discovery.merge import merge
from app.discovery.queries_catalogue import kept_versions
from app.discovery.queries_coupons import CouponsQuestion, coupons_around
from app.discovery.queries_places import PlacesQuestion, coupons_at, places_around
from app.discovery.types import (
    AroundSearch,
    CityPage,
    CouponBrief,
    CouponHit,
    CouponSearch,
    Frozen,
    Hit,
    NearbySearch,
    PlaceHit,
    Reach,
    RegionFilter,
    Total,
)
from app.merchants.queries import merchants_by_ids
from app.places.opening_hours import Calendar
from app.places.types import Taxonomy
from app.regions.queries import boundary_wkb
from geo.coordinates import LonLat
from geo.distance import distance_to_bbox_m

H = TypeVar("H", bound=Hit)
PlaceCoupons = Mapping[UUID, tuple[int, tuple[CouponBrief, ...]]]


@dataclass(frozen=True, slots=True)
class World:
    """What an answer needs beside its hits: cities by id, the category tree, calendars, merchants' names."""

    cities: Mapping[int, ActiveCity]
    taxonomy: Taxonomy
    calendars: Mapping[str, Calendar]
    merchants: Mapping[UUID, Mapping[str, str]]
    as_of: datetime


@dataclass(frozen=True, slots=True)
class Found(Generic[H]):
    """A page of a search, the cursor behind it, and what it was made from."""

    hits: tuple[H, ...]
    next_cursor: str | None
    total: Total
    frozen: Frozen
    attribution: tuple[str, ...]
    coupons: PlaceCoupons
    world: World


@dataclass(frozen=True, slots=True)
class Reading:
    """The parts a search works with: a read-only connection, caches, cursors, the present."""

    conn: Connection
    caches: Caches
    cursors: CursorCodec
    now: datetime


def search_places(reading: Reading, search: NearbySearch) -> Found[PlaceHit]:
    """Places around a point."""
    filters = _filters(search) | {
        "open_now": search.open_now,
        "include_unknown": search.include_unknown,
        "has_coupon": search.has_coupon,
    }

    def ask(frozen: Frozen, categories: tuple[str, ...] | None, region: RegionFilter | None) -> _Ask[PlaceHit]:
        def of_city(reach: Reach) -> CityPage[PlaceHit]:
            open_at = None
            if search.open_now:
                open_at = reading.caches.patterns_at(
                    reading.conn, reach.city_id, reach.version, frozen.holidays_version, frozen.as_of
                )
            question = PlacesQuestion(
                open_at=open_at,
                include_unknown=search.include_unknown,
                has_coupon=search.has_coupon,
                **_question(search, frozen, reach, categories, region),
            )
            return places_around(reading.conn, question)

        return of_city

    return _searched(reading, "places/nearby", search, filters, ask)


def search_coupons(reading: Reading, search: CouponSearch) -> Found[CouponHit]:
    """Coupons around a point."""
    filters = _filters(search) | {
        "kind": sorted(set(search.kinds)),
        "group_deal": search.group_deal,
        "in_service_area": search.in_service_area,
    }

    def ask(frozen: Frozen, categories: tuple[str, ...] | None, region: RegionFilter | None) -> _Ask[CouponHit]:
        def of_city(reach: Reach) -> CityPage[CouponHit]:
            question = CouponsQuestion(
                kinds=search.kinds,
                group_deal=search.group_deal,
                in_service_area=search.in_service_area,
                **_question(search, frozen, reach, categories, region),
            )
            return coupons_around(reading.conn, question)

        return of_city

    return _searched(reading, "coupons/nearby", search, filters, ask)


_Ask = Callable[[Reach], CityPage[H]]
_MakeAsk = Callable[[Frozen, tuple[str, ...] | None, RegionFilter | None], _Ask[H]]


def _searched(
    reading: Reading, scope: str, search: AroundSearch, filters: dict[str, Any], make_ask: _MakeAsk[H]
) -> Found[H]:
    active = everything_active(reading.conn)
    if search.cursor is None:
        frozen = _first(active, search, reading.now)
    else:
        frozen = _unpacked(reading.cursors.decode(scope, filters, search.cursor, reading.now))
        _refuse_purged(reading.conn, active, frozen, search)
    taxonomy = reading.caches.taxonomy(reading.conn, frozen.categories_version)
    categories = _category_ids(taxonomy, search.categories)
    region = _region(reading.conn, frozen, search.region_id)
    merged = merge(frozen.reaches, search.limit, frozen.total is None, make_ask(frozen, categories, region))
    total = frozen.total or merged.total or Total(0, True)
    cursor = None
    if merged.more:
        position = _packed(replace(frozen, total=total, after=merged.hits[-1].position))
        cursor = reading.cursors.encode(scope, filters, position, reading.now)
    coupons, world = _surroundings(reading, active, frozen, taxonomy, merged.hits)
    return Found(
        merged.hits, cursor, total, frozen, _attribution(world.cities, frozen, search.region_id), coupons, world
    )


def _first(active: ActiveDatasets, search: AroundSearch, now: datetime) -> Frozen:
    """Settles a new search: every city whose places may lie within the radius, in the version now in force."""
    reaches = []
    for city in active.cities:
        if city.places_version is None or city.places_extent is None:
            continue
        lower_mm = floor(distance_to_bbox_m(search.origin, city.places_extent) * 1000)
        if lower_mm <= search.radius_mm:
            reaches.append(Reach(city.city_id, city.places_version, lower_mm))
    region_version = 0
    if search.region_id is not None:
        home = active.city(city_of(search.region_id))
        region_version = (home.regions_version if home is not None else None) or 0
    world = active.world
    return Frozen(
        search.origin, now, tuple(reaches), world.categories, world.holidays, region_version, total=None, after=None
    )


def _refuse_purged(conn: Connection, active: ActiveDatasets, frozen: Frozen, search: AroundSearch) -> None:
    """Raises ExpiredCursor when a version that the pages read is gone."""
    wanted = [(reach.city_id, "places", reach.version) for reach in frozen.reaches]
    if search.region_id is not None:
        wanted.append((city_of(search.region_id), "regions", frozen.region_version))
    cities = {city.city_id: city.versions for city in active.cities}
    old = [(city, kind, version) for city, kind, version in wanted if cities.get(city, {}).get(kind) != version]
    if old and kept_versions(conn, old) != set(old):
        raise ExpiredCursor("the data that this cursor reads were replaced; ask for the first page again")


def _category_ids(taxonomy: Taxonomy, named: tuple[str, ...]) -> tuple[str, ...] | None:
    if not named:
        return None
    unknown = [name for name in named if name not in taxonomy.by_id]
    if unknown:
        raise UnknownCategory(unknown)
    return tuple(sorted({inner for name in named for inner in taxonomy.subtree(name)}))


def _region(conn: Connection, frozen: Frozen, region_id: UUID | None) -> RegionFilter | None:
    if region_id is None:
        return None
    home = city_of(region_id)
    boundary = boundary_wkb(conn, home, frozen.region_version, region_id)
    if boundary is None:
        raise UnknownRegion
    return RegionFilter(region_id, home, frozen.region_version, boundary)


def _question(
    search: AroundSearch,
    frozen: Frozen,
    reach: Reach,
    categories: tuple[str, ...] | None,
    region: RegionFilter | None,
) -> dict[str, Any]:
    """What both questions to a city share; one row more than the page shows whether something follows."""
    return {
        "reach": reach,
        "origin": frozen.origin,
        "radius_mm": search.radius_mm,
        "as_of": frozen.as_of,
        "category_ids": categories,
        "region": region,
        "after": frozen.after,
        "limit": search.limit + 1,
        "count": frozen.total is None,
    }


def _surroundings(
    reading: Reading, active: ActiveDatasets, frozen: Frozen, taxonomy: Taxonomy, hits: tuple[H, ...]
) -> tuple[PlaceCoupons, World]:
    """Coupons of the page's places, one statement a city, and the names of its merchants in one."""
    coupons: dict[UUID, tuple[int, tuple[CouponBrief, ...]]] = {}
    merchants: set[UUID] = set()
    by_city: dict[int, list[UUID]] = {}
    for hit in hits:
        if isinstance(hit, PlaceHit):
            by_city.setdefault(hit.place.city_id, []).append(hit.place.place_id)
            merchants |= {hit.place.merchant_id} - {None}  # type: ignore[arg-type]
        elif isinstance(hit, CouponHit):
            merchants.add(hit.coupon.merchant_id)
    for city_id, place_ids in by_city.items():
        coupons |= coupons_at(reading.conn, city_id, place_ids, frozen.as_of)
    world = World(
        cities={city.city_id: city for city in active.cities},
        taxonomy=taxonomy,
        calendars=reading.caches.calendars(reading.conn, frozen.holidays_version),
        merchants={
            known.merchant_id: known.names for known in merchants_by_ids(reading.conn, sorted(merchants)).values()
        },
        as_of=frozen.as_of,
    )
    return coupons, world


def _attribution(cities: Mapping[int, ActiveCity], frozen: Frozen, region_id: UUID | None) -> tuple[str, ...]:
    """Whom an answer must name: the sources of the places asked, and of the area it was kept to."""
    used = [(reach.city_id, "places") for reach in frozen.reaches]
    if region_id is not None:
        used.append((city_of(region_id), "regions"))
    found: dict[str, None] = {}
    for city_id, kind in used:
        for origin in cities[city_id].attributions if city_id in cities else ():
            if origin.kind == kind:
                found[origin.attribution] = None
    return tuple(found)


def _filters(search: AroundSearch) -> dict[str, Any]:
    """Everything the query says but the page: what a cursor is bound to."""
    return {
        "at": search.given.xy,
        "radius_mm": search.radius_mm,
        "datum": search.datum.value,
        "category": sorted(set(search.categories)),
        "region": None if search.region_id is None else str(search.region_id),
    }


def _packed(frozen: Frozen) -> dict[str, Any]:
    assert frozen.total is not None
    assert frozen.after is not None
    return {
        "o": frozen.origin.xy,
        "t": frozen.as_of.isoformat(),
        "r": [[reach.city_id, reach.version, reach.lower_mm] for reach in frozen.reaches],
        "v": [frozen.categories_version, frozen.holidays_version, frozen.region_version],
        "n": [frozen.total.value, frozen.total.exact],
        "k": [frozen.after[0], str(frozen.after[1])],
    }


def _unpacked(position: Any) -> Frozen:
    categories, holidays, regions = position["v"]
    mm, last = position["k"]
    return Frozen(
        origin=LonLat(*position["o"]),
        as_of=datetime.fromisoformat(position["t"]),
        reaches=tuple(Reach(*reach) for reach in position["r"]),
        categories_version=categories,
        holidays_version=holidays,
        region_version=regions,
        total=Total(*position["n"]),
        after=(mm, UUID(last)),
    )
