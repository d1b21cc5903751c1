"""How many places each value of a facet would give, under all filters but its own; beside the first page only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from app.cities.types import WORLD_CITY_ID
from app.core.ids import city_of
from app.core.languages import pick_name
from app.discovery.filters import Filtering
from app.discovery.present import View, category_ref
from app.discovery.queries_near import NearQuestion, call, parameters
from app.discovery.search import Reading
from app.discovery.types import Frozen, NearbySearch
from app.discovery.wording import Tongue
from app.places.types import Taxonomy
from app.regions.queries import region_by_id

CAP: Final = 10_000
"""So many matches of a city are counted, the nearest; up to here counts are exact."""
BANDS_MM: Final = (500_000, 1_000_000, 3_000_000, 5_000_000)
PRICES: Final = range(1, 5)
_KIND_NAMES: Final[Mapping[str, Mapping[Tongue, str]]] = {
    "amount_off": {"zh": "满减", "en": "Amount off"},
    "percent_off": {"zh": "折扣", "en": "Percent off"},
    "voucher": {"zh": "代金券", "en": "Voucher"},
    "package": {"zh": "套餐", "en": "Package"},
    "gift": {"zh": "赠品", "en": "Gift"},
}
_COUNTED = call(
    "places_counted",
    "facet, keys, names, places",
    *("wanted", "cap", "version", "at", "regions", "bands"),
)


@dataclass(frozen=True, slots=True)
class FacetCounts:
    """Counts by facet and key; names of districts with their city; whether more matched than were counted.

    ``city_id`` is the nearest city, whose language names are in where the caller wants none.
    """

    city_id: int

    counts: Mapping[str, Mapping[str, int]]
    districts: Mapping[str, tuple[int, Mapping[str, str]]]
    approximate: bool


def facet_counts(reading: Reading, search: NearbySearch, frozen: Frozen) -> FacetCounts | None:
    """The facets of a first page; None behind it, and where none is asked for."""
    if not search.facets or search.cursor is not None:
        return None
    epoch, active = reading.caches.active(reading.conn)
    taxonomy = reading.caches.taxonomy(reading.conn, frozen.categories_version)
    counts: dict[str, Counter[str]] = {facet: Counter() for facet in search.facets}
    districts: dict[str, tuple[int, Mapping[str, str]]] = {}
    approximate = False
    for opened, facets in _opened(reading.conn, search, frozen):
        filtering = Filtering(reading.conn, reading.caches, frozen, epoch, opened)
        for reach in frozen.reaches:
            asked, city = filtering.question(reach), active.city(reach.city_id)
            if asked is None:
                continue
            regions = (city.regions_version if city is not None else None) or 0
            for facet, keys, names, places in _counted(reading.conn, asked, facets, frozen, regions):
                if facet == "seen":
                    approximate |= places > CAP
                elif facet == "category":
                    counts[facet].update(dict.fromkeys(_above(taxonomy, keys), places))
                else:
                    counts[facet][keys[0]] += places
                    if names is not None:
                        districts[keys[0]] = (reach.city_id, orjson.loads(names))
    home = min(frozen.reaches, key=lambda reach: reach.lower_mm).city_id if frozen.reaches else WORLD_CITY_ID
    kept = {facet: _kept(facet, counts[facet], search) for facet in search.facets}
    return FacetCounts(home, kept, districts, approximate)


def _opened(conn: Connection, search: NearbySearch, frozen: Frozen) -> Iterable[tuple[NearbySearch, list[str]]]:
    """The search without the filter of some facets, with those facets; one reading each."""
    filters = search.filters
    found: dict[str, NearbySearch] = {}
    if filters.categories:
        found["category"] = replace(search, filters=replace(filters, categories=()))
    if filters.price_from is not None or filters.price_to is not None:
        found["price"] = replace(search, filters=replace(filters, price_from=None, price_to=None))
    if filters.region_id is not None and "district" in search.facets:
        region = region_by_id(conn, city_of(filters.region_id), frozen.region_version, filters.region_id)
        if region is not None and region.kind == "district":
            found["district"] = replace(search, filters=replace(filters, region_id=None))
    if search.radius_mm != BANDS_MM[-1]:
        found["distance"] = replace(search, radius_mm=BANDS_MM[-1])
    rest = [facet for facet in search.facets if facet not in found]
    if rest:
        yield search, rest
    for facet in search.facets:
        if facet in found:
            yield found[facet], [facet]


def _counted(
    conn: Connection, asked: NearQuestion, facets: list[str], frozen: Frozen, regions: int
) -> Iterable[tuple[str, list[str], str | None, int]]:
    given: dict[str, Any] = parameters(asked) | {
        "wanted": facets,
        "cap": CAP,
        "version": asked.reach.version,
        "at": frozen.as_of,
        "regions": regions,
        "bands": list(BANDS_MM),
    }
    for row in conn.execute(_COUNTED, given):
        yield row.facet, row.keys, row.names, row.places


def _above(taxonomy: Taxonomy, category_ids: Iterable[str]) -> set[str]:
    """Some categories with all above them, each once."""
    found: set[str] = set()
    for category_id in category_ids:
        found |= {node.category_id for node in taxonomy.chain(category_id)} or {category_id}
    return found


def _kept(facet: str, counts: Mapping[str, int], search: NearbySearch) -> dict[str, int]:
    """Buckets with places in them, and those that the search chose whether or not; the fullest first."""
    filters, chosen = search.filters, set[str]()
    if facet == "category":
        chosen = set(filters.categories)
    elif facet == "price" and (filters.price_from is not None or filters.price_to is not None):
        chosen = {str(level) for level in PRICES if (filters.price_from or 1) <= level <= (filters.price_to or 4)}
    elif facet == "district" and filters.region_id is not None:
        chosen = {str(filters.region_id)} & counts.keys()
    elif facet == "distance":
        chosen = {str(band) for band in BANDS_MM}
    kept = {key: counts.get(key, 0) for key in counts.keys() | chosen if counts.get(key) or key in chosen}
    if facet in ("price", "distance"):
        return dict(sorted(kept.items(), key=lambda pair: (pair[0] == "0", int(pair[0]))))
    return dict(sorted(kept.items(), key=lambda pair: (-pair[1], pair[0])))


def facets_json(found: FacetCounts, view: View) -> dict[str, Any]:
    """The facets as an answer shows them."""
    shown: dict[str, Any] = {"approximate": found.approximate}
    for facet, counts in found.counts.items():
        shown[facet] = [{**_named(facet, key, found, view), "count": count} for key, count in counts.items()]
    return shown


def _named(facet: str, key: str, found: FacetCounts, view: View) -> dict[str, str]:
    city_id = found.city_id
    if facet == "category":
        return {"key": key, "name": category_ref(key, view, city_id)["name"]}
    if facet == "district":
        city_id, names = found.districts[key]
        return {"key": key, "name": pick_name(names, view.languages, view.default_language(city_id))[0]}
    if facet == "coupon_kind":
        return {"key": key, "name": _KIND_NAMES[key][view.tongue(city_id)]}
    if facet == "distance":
        metres = int(key) // 1000
        name = f"≤ {metres} m" if metres < 1000 else f"≤ {metres // 1000} km"
        return {"key": str(metres), "name": name}
    return {"key": key, "name": key} if key != "0" else {"key": "unknown", "name": "unknown"}
