"""What there is to search in: territories and the category tree."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from app.cities.queries import everything_active
from app.cities.types import ActiveCity
from app.core.languages import pick_name
from app.discovery.errors import UnknownCategory
from app.discovery.present import Json, lonlat
from app.discovery.present_details import category_item
from app.discovery.queries_catalogue import live_coupon_counts
from app.discovery.search import Reading
from app.places.types import Category, Taxonomy


def listing(items: list[Json], applied: Json, next_cursor: str | None = None, total: int | None = None) -> Json:
    """A list with what every list has; complete unless said otherwise."""
    return {
        "items": items,
        "next_cursor": next_cursor,
        "total": {"value": len(items) if total is None else total, "relation": "eq"},
        "applied": applied,
    }


def attributions(cities: Iterable[ActiveCity], kinds: Iterable[str]) -> list[str]:
    """Whom to name for some kinds of data of some cities, each once."""
    wanted = set(kinds)
    found = {o.attribution: None for city in cities for o in city.attributions if o.kind in wanted}
    return list(found)


def cities(reading: Reading, languages: Sequence[str]) -> Json:
    """Every territory with live places, by id."""
    active = [city for city in everything_active(reading.conn).cities if city.places_version is not None]
    versions = {city.city_id: city.places_version for city in active if city.places_version is not None}
    counts = live_coupon_counts(reading.conn, versions, reading.now)
    items = [_city(city, counts.get(city.city_id, 0), languages) for city in active]
    shown = {str(city_id): version for city_id, version in versions.items()}
    return listing(items, {"versions": shown, "attribution": attributions(active, ("places",))})


def _city(city: ActiveCity, coupon_count: int, languages: Sequence[str]) -> Json:
    name, language = pick_name(city.names, languages, city.default_language)
    centre = city.centre
    box = city.places_extent.as_list() if city.places_extent else [centre.lon, centre.lat, centre.lon, centre.lat]
    return {
        "city_id": city.city_id,
        "slug": city.slug,
        "kind": city.kind,
        "name": name,
        "lang": language,
        "names": dict(city.names),
        "centre": lonlat(centre),
        "zoom": city.zoom,
        "bbox": box,
        "time_zone": city.time_zone,
        "currency": city.currency,
        "attribution": attributions([city], ("places", "regions", "basemap")),
        "place_count": city.row_counts.get("places", 0),
        "coupon_count": coupon_count,
    }


def categories(reading: Reading, parent_id: str | None, depth: int, languages: Sequence[str]) -> Json:
    """The tree beneath a category (the whole of it without one), so many levels deep, depth first."""
    active = everything_active(reading.conn)
    taxonomy = reading.caches.taxonomy(reading.conn, active.world.categories)
    if parent_id is not None and parent_id not in taxonomy.by_id:
        raise UnknownCategory([parent_id], "parent")
    items: list[Any] = [
        category_item(node, bool(taxonomy.children.get(node.category_id)), languages)
        for node in _beneath(taxonomy, parent_id, depth)
    ]
    versions = {"1": taxonomy.version} if taxonomy.version else {}
    return listing(items, {"versions": versions, "attribution": []})


def _beneath(taxonomy: Taxonomy, parent_id: str | None, depth: int) -> list[Category]:
    within = set(taxonomy.by_id) if parent_id is None else set(taxonomy.subtree(parent_id)) - {parent_id}
    top = taxonomy.by_id[parent_id].depth if parent_id is not None else 0
    return [node for node in taxonomy.by_id.values() if node.category_id in within and node.depth - top <= depth]
