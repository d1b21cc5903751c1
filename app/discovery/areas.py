"""Areas: lists and details of regions, and the chain of them at a point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.cities.queries import everything_active
from app.cities.types import ActiveCity, ActiveDatasets
from app.core.errors import NotFound
from app.core.ids import city_of
from app.core.paging import ExpiredCursor
from app.discovery.catalogue import attributions, listing
from app.discovery.chain import chain_of
from app.discovery.errors import UnknownCity, UnknownRegion
from app.discovery.present import Json, View, total_json
from app.discovery.present_details import region_item
from app.discovery.queries_catalogue import kept_versions
from app.discovery.schemas import PointSearch, RegionsSearch
from app.discovery.search import Reading, World
from app.discovery.types import TOTAL_CAP, Total
from app.places.types import Taxonomy
from app.regions.queries import boundary_geojson, region_by_id, regions_covering, regions_page, successors_of
from geo.grid_shift import Datum

Versions = dict[int, int]


def _view(active: ActiveDatasets, languages: Sequence[str], now: datetime, datum: Datum = Datum.WGS84) -> View:
    world = World({city.city_id: city for city in active.cities}, Taxonomy(0, {}, {}), {}, {}, now)
    return View(languages, datum, world)


def _named_city(active: ActiveDatasets, named: str) -> ActiveCity:
    """A city by slug, or by id in digits."""
    found = active.named(named)
    if found is None:
        raise UnknownCity
    return found


def regions(reading: Reading, search: RegionsSearch, languages: Sequence[str], *, drawn: bool = False) -> Json:
    """A page of areas by city, level, code and id, ``drawn`` with boundaries; later pages stay on the versions of the
    first."""
    active = everything_active(reading.conn)
    filters = {
        "city": search.city,
        "kind": search.kind,
        "parent": None if search.parent_id is None else str(search.parent_id),
    }
    total, after = None, None
    if search.cursor is None:
        versions = _asked_versions(reading, active, search)
    else:
        kept = reading.cursors.decode("regions", filters, search.cursor, reading.now)
        versions = {int(city_id): version for city_id, version in kept["v"].items()}
        total = Total(*kept["n"])
        city_id, level, code, region_id = kept["k"]
        after = (city_id, level, code, UUID(region_id))
        _refuse_purged(reading, active, "regions", versions)
    found, counted = regions_page(
        reading.conn,
        versions,
        kind=search.kind,
        parent_id=search.parent_id,
        after=after,
        limit=search.limit + 1,
        count_cap=0 if total else TOTAL_CAP + 1,
        drawn=drawn,
    )
    total = total or Total(min(counted, TOTAL_CAP), counted <= TOTAL_CAP)
    page, cursor = found[: search.limit], None
    if len(found) > search.limit:
        last = page[-1]
        position = {
            "v": {str(city_id): version for city_id, version in versions.items()},
            "n": [total.value, total.exact],
            "k": [last.city_id, last.admin_level, last.region_code, str(last.region_id)],
        }
        cursor = reading.cursors.encode("regions", filters, position, reading.now)
    view = _view(active, languages, reading.now)
    shown = listing([region_item(region, view) for region in page], _applied(active, versions), cursor)
    return shown | {"total": total_json(total)}


def _asked_versions(reading: Reading, active: ActiveDatasets, search: RegionsSearch) -> Versions:
    """Versions in force of the cities a list is about: the one named, that of the parent, or all."""
    cities = active.cities if search.city is None else (_named_city(active, search.city),)
    if search.parent_id is not None:
        home = active.city(city_of(search.parent_id))
        version = home.regions_version if home is not None else None
        if home is None or version is None:
            raise UnknownRegion("parent")
        if region_by_id(reading.conn, home.city_id, version, search.parent_id) is None:
            raise UnknownRegion("parent")
        cities = tuple(city for city in cities if city.city_id == home.city_id)
    return {city.city_id: city.regions_version for city in cities if city.regions_version is not None}


def _refuse_purged(reading: Reading, active: ActiveDatasets, kind: str, versions: Versions) -> None:
    now = {city.city_id: city.versions.get(kind) for city in active.cities}
    old = [(city_id, kind, version) for city_id, version in versions.items() if now.get(city_id) != version]
    if old and kept_versions(reading.conn, old) != set(old):
        raise ExpiredCursor("the data that this cursor reads were replaced; ask for the first page again")


def _applied(active: ActiveDatasets, versions: Versions, kinds: tuple[str, ...] = ("regions",)) -> Json:
    cities = [city for city in active.cities if city.city_id in versions]
    return {
        "versions": {str(city_id): version for city_id, version in versions.items()},
        "attribution": attributions(cities, kinds),
    }


def region(reading: Reading, region_id: UUID, languages: Sequence[str]) -> Json:
    """An area with its drawing, or those that followed it when it is no more; raises NotFound."""
    active = everything_active(reading.conn)
    city = active.city(city_of(region_id))
    if city is None or city.regions_version is None:
        raise NotFound
    found = region_by_id(reading.conn, city.city_id, city.regions_version, region_id)
    view = _view(active, languages, reading.now)
    if found is None:
        followed = successors_of(reading.conn, city.city_id, city.regions_version, region_id)
        if not followed:
            raise NotFound
        return {"region_id": str(region_id), "successors": [region_item(each, view) for each in followed]}
    boundary = boundary_geojson(reading.conn, city.city_id, city.regions_version, region_id)
    return region_item(replace(found, boundary=boundary), view) | {
        "area_m2": found.area_m2,
        "attribution": attributions([city], ("regions",)),
        "dataset_version": city.regions_version,
    }


def lookup(reading: Reading, search: PointSearch, languages: Sequence[str], *, drawn: bool = False) -> Json:
    """The chain of areas at a point, outermost first, ``drawn`` with boundaries; empty outside all."""
    active = everything_active(reading.conn)
    versions = {city.city_id: city.regions_version for city in active.cities if city.regions_version is not None}
    chain, ambiguous = chain_of(regions_covering(reading.conn, versions, search.origin, drawn=drawn))
    view = _view(active, languages, reading.now)
    shown = {region.city_id: versions[region.city_id] for region in chain}
    applied = _point(search) | _applied(active, shown)
    return listing([region_item(region, view) for region in chain], applied) | {"ambiguous": ambiguous}


def _point(search: PointSearch) -> Json:
    return {"lat": search.given.lat, "lon": search.given.lon, "datum": search.datum.value}
