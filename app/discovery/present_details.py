"""One place, one coupon: the JSON of docs/api.md; pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from app.cities.types import ActiveCity
from app.core.languages import pick_name
from app.discovery.present import (
    Json,
    View,
    coupon_item,
    coupon_place,
    drawing,
    local_time,
    localised,
    money,
    place_item,
)
from app.discovery.present_hours import day_json, hours_detail, today_in
from app.discovery.queries_details import CouponDetail, PlaceDetail
from app.discovery.types import PlaceCard, PlaceFacts
from app.places.opening_hours import NO_CALENDAR, week
from app.places.types import Brand, Category
from app.regions.types import Region
from geo.grid_shift import Datum


def place_detail(
    place: PlaceDetail, brand: Brand | None, regions: Sequence[Region], card: PlaceCard, view: View
) -> Json:
    """A place with everything that is known of it."""
    facts = place.facts
    city = view.world.cities[facts.city_id]
    shown = place_item(facts, card.coupon_count, card.coupons, view)
    return shown | {
        "datum": view.datum.value,
        "phone": place.phone,
        "website": place.website,
        "opening_hours": facts.hours.opening_hours if facts.hours is not None else None,
        "hours": hours_detail(facts.hours, place.attributes, view),
        "time_zone": facts.hours.time_zone if facts.hours is not None else city.time_zone,
        "attributes": dict(place.attributes),
        "brand": None if brand is None else {"brand_id": brand.brand_id, **localised(brand.names, view, facts.city_id)},
        "categories": _categories(facts, place.alternate_category_ids, view),
        "regions": [region_item(region, view) for region in regions],
        "source": _source(city, place),
        "dataset_version": city.places_version,
    }


def _use_week(use_hours: str | None, time_zone: str, city: ActiveCity | None, view: View) -> list[Any] | None:
    """When a coupon can be used, in the same shape, after the city's calendar."""
    if use_hours is None:
        return None
    calendar = view.world.calendars.get(city.calendar or "", NO_CALENDAR) if city is not None else NO_CALENDAR
    days = week(use_hours, today_in(time_zone, view), calendar)
    return None if days is None else [day_json(day) for day in days]


def _categories(place: PlaceFacts, alternates: Iterable[str], view: View) -> list[Json]:
    """The primary category with its ancestors, topmost first, then those of the alternates."""
    taxonomy = view.world.taxonomy
    found: dict[str, Category] = {}
    for category_id in (place.category_id, *alternates):
        for node in taxonomy.chain(category_id):
            found.setdefault(node.category_id, node)
    languages = view.languages_in(place.city_id)
    return [category_item(node, bool(taxonomy.children.get(node.category_id)), languages) for node in found.values()]


def category_item(node: Category, has_children: bool, languages: Sequence[str]) -> Json:
    """A node of the tree, named in the best of some languages, else in English."""
    name, language = pick_name(node.names, languages, "en")
    return {
        "category_id": node.category_id,
        "parent_id": node.parent_id,
        "name": name,
        "lang": language,
        "names": dict(node.names),
        "has_children": has_children,
    }


def region_item(region: Region, view: View) -> Json:
    """An area, with its drawing where that was read."""
    return {
        "region_id": str(region.region_id),
        "city_id": region.city_id,
        "kind": region.kind,
        "admin_level": region.admin_level,
        "region_code": region.region_code,
        **localised(region.names, view, region.city_id),
        "parent_id": None if region.parent_id is None else str(region.parent_id),
        "note": region.note,
        "demo": region.demo,
        **drawing(region.boundary),
    }


def _source(city: ActiveCity, place: PlaceDetail) -> Json | None:
    """Where the facts come from, and the position as it stood there: its digits, their datum, how they became ours."""
    given = place.facts.source
    for origin in city.attributions:
        if origin.kind == "places":
            return {
                "name": origin.source_name,
                "licence": origin.licence,
                "attribution": origin.attribution,
                "key": place.source_key,
                "retrieved_on": None if origin.retrieved_on is None else origin.retrieved_on.isoformat(),
                "datum": given.datum,
                "lon": given.lon,
                "lat": given.lat,
                "method": "as_given" if given.datum == Datum.WGS84.value else f"{given.datum}_inverse",
            }
    return None


def coupon_detail(found: CouponDetail, places: Sequence[PlaceFacts], view: View) -> Json:
    """A coupon with its full terms and all places where it can be used."""
    coupon = found.coupon
    shown = [coupon_place(place, view) for place in places]
    city = view.world.cities.get(coupon.city_id)
    use_week = _use_week(found.terms["use_hours"], coupon.time_zone, city, view)
    return coupon_item(coupon, view) | {
        "datum": view.datum.value,
        "place": shown[0] if shown else None,
        "places": shown,
        "terms": _terms(found.terms, coupon.terms.currency, coupon.time_zone) | {"use_week": use_week},
    }


def _terms(columns: Mapping[str, Any], currency: str, time_zone: str) -> Json:
    """Terms by name; amounts as money, times on the coupon's own clock."""
    shown: Json = {}
    for name, value in columns.items():
        if name.endswith("_minor"):
            shown[name.removesuffix("_minor")] = money(value, currency)
        elif isinstance(value, datetime):
            shown[name] = local_time(value, time_zone)
        elif isinstance(value, list):
            shown[name] = [on.isoformat() for on in value]
        else:
            shown[name] = value
    return shown
