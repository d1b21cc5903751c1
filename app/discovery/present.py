"""Rows become the JSON of docs/api.md: plain dicts in the caller's language and datum; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from app.cities.types import ActiveCity
from app.core.languages import pick_name
from app.discovery.masks import masked
from app.discovery.present_ranked import ranking_applied, standing_json
from app.discovery.redeemable import Redeemable
from app.discovery.relaxing import is_outside, what_was_relaxed
from app.discovery.search import Found, World
from app.discovery.types import (
    AroundSearch,
    CouponBrief,
    CouponFacts,
    CouponHit,
    CouponSearch,
    NearbySearch,
    PlaceFacts,
    PlaceHit,
    Total,
)
from app.discovery.wording import Tongue, address_line, badge, summary, tongue_for
from app.places.opening_hours import NO_CALENDAR, HoursPattern, state_at
from geo.bands import distance_band
from geo.coordinates import LonLat
from geo.grid_shift import Datum, from_wgs84

Json = dict[str, Any]
ADDRESS_PARTS = ("street", "house_number", "postcode", "city")
ALWAYS = ("place_id", "outside_requested")
"""Members of a place that no mask hides."""
_DECIMALS = 7


@dataclass(frozen=True, slots=True)
class View:
    """For whom: languages wanted, best first; the datum of positions; what else the answer needs."""

    languages: Sequence[str]
    datum: Datum
    world: World
    categories: dict[tuple[str, int], Json] = field(default_factory=dict)

    def default_language(self, city_id: int) -> str:
        """The language of a city."""
        city = self.world.cities.get(city_id)
        return city.default_language if city is not None else "en"

    def languages_in(self, city_id: int) -> tuple[str, ...]:
        """The languages wanted, then the city's."""
        return (*self.languages, self.default_language(city_id).lower())

    def tongue(self, city_id: int) -> Tongue:
        """The language that texts are composed in."""
        return tongue_for(self.languages, self.default_language(city_id))


def metres(mm: int) -> float:
    """Metres of whole millimetres, three decimals."""
    return mm / 1000


def lonlat(point: LonLat) -> Json:
    """A position."""
    return {"lon": point.lon, "lat": point.lat}


def money(minor: int | None, currency: str) -> Json | None:
    """An amount; null stays null."""
    return None if minor is None else {"amount_minor": minor, "currency": currency}


def localised(names: Mapping[str, str], view: View, city_id: int) -> Json:
    """``name``, ``lang`` and all ``names``."""
    name, language = pick_name(names, view.languages, view.default_language(city_id))
    return {"name": name, "lang": language, "names": dict(names)}


def position(place: PlaceFacts, datum: Datum) -> Json:
    """Where a place is, in a datum; the source's own digits when it speaks the same, so nothing is converted twice."""
    if datum is Datum.WGS84:
        return lonlat(place.location)
    if place.source.datum == datum.value:
        return {"lon": place.source.lon, "lat": place.source.lat}
    return lonlat(from_wgs84(place.location, datum).rounded(_DECIMALS))


def category_ref(category_id: str, view: View, city_id: int) -> Json:
    """A category's id and name, which is the id of one that is retired; not to be changed."""
    known = view.categories.get((category_id, city_id))
    if known is None:
        node = view.world.taxonomy.by_id.get(category_id)
        name = category_id if node is None else pick_name(node.names, view.languages_in(city_id), "en")[0]
        known = view.categories[category_id, city_id] = {"category_id": category_id, "name": name}
    return known


def hours_now(pattern: HoursPattern | None, view: View) -> Json:
    """The state at the time of the search, and when it changes, on the place's own clock; not to be changed."""
    if pattern is None:
        return {"state": "unknown", "next_change_at": None}
    known = view.world.hours.get(pattern)
    if known is None:
        calendar = view.world.calendars.get(pattern.calendar or "", NO_CALENDAR)
        state, change = state_at(pattern, calendar, view.world.as_of)
        next_change_at = None if change is None else local_time(change, pattern.time_zone)
        known = view.world.hours[pattern] = {"state": state, "next_change_at": next_change_at}
    return known


def local_time(instant: datetime, zone: str) -> str:
    """RFC 3339 with the offset of a zone, whole seconds when there is nothing finer."""
    return instant.astimezone(ZoneInfo(zone)).isoformat()


def merchant_ref(merchant_id: UUID | None, view: View, city_id: int) -> Json | None:
    """Who runs a place."""
    names = view.world.merchants.get(merchant_id) if merchant_id is not None else None
    if names is None:
        return None
    name, _ = pick_name(names, view.languages, view.default_language(city_id))
    return {"merchant_id": str(merchant_id), "name": name}


def address(place: PlaceFacts, city: ActiveCity | None) -> Json:
    """The parts of an address that are known, and one line of them."""
    parts: Json = {name: place.address.get(name) for name in ADDRESS_PARTS}
    return parts | {"text": address_line(place.address, city.country_code if city is not None else None)}


def coupon_brief(coupon: CouponBrief, view: View, city_id: int) -> Json:
    """A coupon as a place lists it."""
    title, _ = pick_name(coupon.titles, view.languages, view.default_language(city_id))
    return {
        "coupon_id": str(coupon.coupon_id),
        "kind": coupon.kind,
        "title": title,
        "badge": badge(coupon.terms, view.tongue(city_id)),
    }


def place_item(place: PlaceFacts, count: int, briefs: Sequence[CouponBrief], view: View) -> Json:
    """A place as lists show it, without a distance; ``count`` coupons of which ``briefs`` are the newest."""
    return {
        "place_id": str(place.place_id),
        "city_id": place.city_id,
        **localised(place.names, view, place.city_id),
        "category": category_ref(place.category_id, view, place.city_id),
        "location": position(place, view.datum),
        "address": address(place, view.world.cities.get(place.city_id)),
        "hours": hours_now(place.hours, view),
        "price_level": place.price_level,
        "merchant": merchant_ref(place.merchant_id, view, place.city_id),
        "coupons": [coupon_brief(coupon, view, place.city_id) for coupon in briefs],
        "coupon_count": count,
    }


def place_hit(hit: PlaceHit, view: View) -> Json:
    """A place with its distance."""
    card = hit.card
    return place_item(card.place, card.coupon_count, card.coupons, view) | {"distance_m": metres(hit.distance_mm)}


def coupon_item(coupon: CouponFacts, view: View) -> Json:
    """A coupon as lists show it, without its places."""
    city_id, terms = coupon.city_id, coupon.terms
    title, language = pick_name(coupon.titles, view.languages, view.default_language(city_id))
    if coupon.summaries:
        line, _ = pick_name(coupon.summaries, view.languages, view.default_language(city_id))
    else:
        line = summary(terms, coupon.group_deal, view.tongue(city_id))
    group = coupon.group_deal
    return {
        "coupon_id": str(coupon.coupon_id),
        "city_id": city_id,
        "version": coupon.version,
        "state": coupon.state,
        "kind": terms.kind,
        "title": title,
        "lang": language,
        "summary": line,
        "badge": badge(terms, view.tongue(city_id)),
        "price": money(terms.price_minor, terms.currency),
        "face_value": money(terms.face_value_minor, terms.currency),
        "percent_off_bp": terms.percent_off_bp,
        "min_spend": money(terms.min_spend_minor or None, terms.currency),
        "cap": money(terms.cap_minor, terms.currency),
        "claim_until": local_time(coupon.claim_until, coupon.time_zone),
        "use_until": None if coupon.use_until is None else local_time(coupon.use_until, coupon.time_zone),
        "stock_left": coupon.stock_left,
        "group_deal": None
        if group is None
        else {"target": group.target, "seats": group.seats, "price": money(group.price_minor, terms.currency)},
        "fulfilment": coupon.fulfilment,
        "merchant": merchant_ref(coupon.merchant_id, view, city_id),
        "place_count": coupon.place_count,
    }


def coupon_place(place: PlaceFacts, view: View) -> Json:
    """A place where a coupon can be used."""
    return {
        "place_id": str(place.place_id),
        "name": pick_name(place.names, view.languages, view.default_language(place.city_id))[0],
        "location": position(place, view.datum),
        "category": category_ref(place.category_id, view, place.city_id),
        "hours": hours_now(place.hours, view),
        "address": address(place, view.world.cities.get(place.city_id)),
    }


def coupon_hit(hit: CouponHit, view: View) -> Json:
    """A coupon with the nearest place where it can be used."""
    area = hit.card.service_area_id
    item = coupon_item(hit.card.coupon, view) | {
        "distance_m": metres(hit.distance_mm),
        "place": coupon_place(hit.place, view),
        "service_area_id": None if area is None else str(area),
    }
    if hit.redeemable is not None:
        item["redeemable"] = redeemable_json(hit.redeemable, hit.card.coupon.time_zone)
    return item


def redeemable_json(verdict: Redeemable, time_zone: str) -> Json:
    """Whether a coupon can be used, on its own clock."""
    return {
        "now": verdict.now,
        "reasons": verdict.reasons,
        "unknown": verdict.unknown,
        "next_redeemable_at": None if verdict.next_at is None else local_time(verdict.next_at, time_zone),
    }


def total_json(total: Total) -> Json:
    """How many there are in all."""
    return {"value": total.value, "relation": "eq" if total.exact else "gte"}


def places_answer(
    found: Found[PlaceHit],
    search: NearbySearch,
    languages: Sequence[str],
    datum: Datum,
    facets: Json | None = None,
) -> Json:
    """A page of places; positions in ``datum``."""
    view = View(languages, datum, found.world)
    filters = search.filters
    applied = _applied(found, search) | {
        "open_now": filters.open_now,
        "include_unknown": filters.include_unknown,
        "has_coupon": filters.has_coupon,
        "relaxed": what_was_relaxed(search),
        "fields": None if search.fields is None else list(search.fields.named),
    }
    applied |= ranking_applied(found, search)
    items = [place_hit(hit, view) | {"score": standing_json(hit, search)} for hit in found.hits]
    if search.relaxed_from is not None:
        for item, hit in zip(items, found.hits, strict=True):
            if is_outside(hit, search, found):
                item["outside_requested"] = True
    _tell_bands(items, found, search)
    items = [masked(item, search.fields, *ALWAYS) for item in items]
    return listing_json(items, found, applied) | {"facets": facets}


def coupons_answer(found: Found[CouponHit], search: CouponSearch, languages: Sequence[str], datum: Datum) -> Json:
    """A page of coupons; positions in ``datum``."""
    view = View(languages, datum, found.world)
    applied = _applied(found, search) | {
        "kinds": list(search.kinds),
        "group_deal": search.group_deal,
        "in_service_area": search.in_service_area,
        "sort": search.sort,
        "collapse": search.collapse,
        "redeemable": search.redeemable,
        "at": None if search.redeemable is None else (search.use_at or found.frozen.as_of).isoformat(),
        "party": search.party,
    }
    items = [coupon_hit(hit, view) for hit in found.hits]
    _tell_bands(items, found, search)
    return listing_json(items, found, applied)


def _tell_bands(items: list[Json], found: Found[Any], search: AroundSearch) -> None:
    """Puts bands in place of distances where a cell was given in place of a point."""
    if search.cell is not None:
        for item, hit in zip(items, found.hits, strict=True):
            band = distance_band(hit.distance_mm / 1000)
            item["distance_m"] = None
            item["distance_band"] = {"from_m": band.from_m, "to_m": band.until_m}


def listing_json(items: list[Json], found: Found[Any], applied: Json) -> Json:
    """A page with what the search did."""
    return {
        "items": items,
        "next_cursor": found.next_cursor,
        "total": total_json(found.total),
        "applied": applied,
    }


def _applied(found: Found[Any], search: AroundSearch) -> Json:
    whole, rest = divmod(search.radius_mm, 1000)
    region_id = search.filters.region_id
    return {
        "lat": search.given.lat,
        "lon": search.given.lon,
        "cell": search.cell,
        "radius_m": whole if rest == 0 else search.radius_mm / 1000,
        "region": None if region_id is None else str(region_id),
        "include_fringe": search.filters.include_fringe,
        "serves": None
        if search.serves is None
        else {"lat": search.serves.given.lat, "lon": search.serves.given.lon, "kinds": list(search.serves.kinds)},
    } | applied_filters(found, search)


def applied_filters(found: Found[Any], search: AroundSearch) -> Json:
    """What every search did; the time and the versions are the first page's."""
    frozen, filters = found.frozen, search.filters
    return {
        "datum": search.datum.value,
        "as_of": frozen.as_of.isoformat(),
        "categories": list(filters.categories),
        "excluded_categories": list(filters.excluded),
        "brands": list(filters.brands),
        "attributes": {name: list(values) for name, values in filters.attributes},
        "price_min": filters.price_from,
        "price_max": filters.price_to,
        "q": filters.text,
        "open_at": None if filters.open_at is None else filters.open_at.isoformat(),
        "versions": {str(reach.city_id): reach.version for reach in frozen.reaches},
        "attribution": list(found.attribution),
    }


def drawing(boundary: str | None) -> Json:
    """``boundary`` of GeoJSON text, which goes out as it is; nothing where none was read."""
    return {} if boundary is None else {"boundary": orjson.Fragment(boundary)}


def as_features(listing: Json, id_name: str, path: Sequence[str] = ("location",)) -> Json:
    """The same list as an RFC 7946 FeatureCollection; its other members stand beside ``features``."""
    features = [feature(item, id_name, path) for item in listing["items"]]
    rest = {name: value for name, value in listing.items() if name != "items"}
    return {"type": "FeatureCollection", "features": features, **rest}


def as_drawn_features(listing: Json, id_name: str) -> Json:
    """A list of drawn things as a FeatureCollection; its other members stand beside ``features``."""
    features = [drawn_feature(item, id_name) for item in listing["items"]]
    rest = {name: value for name, value in listing.items() if name != "items"}
    return {"type": "FeatureCollection", "features": features, **rest}


def drawn_feature(item: Json, id_name: str) -> Json:
    """One drawn thing as a Feature."""
    properties = {name: value for name, value in item.items() if name != "boundary"}
    return {"type": "Feature", "id": item[id_name], "geometry": item["boundary"], "properties": properties}


def feature(item: Json, id_name: str, path: Sequence[str] = ("location",)) -> Json:
    """One located thing as a Feature; ``path`` leads to its position; a ``bbox`` becomes the Feature's own."""
    where: Any = item
    for step in path:
        where = where.get(step) if where is not None else None
    geometry = None if where is None else {"type": "Point", "coordinates": [where["lon"], where["lat"]]}
    properties = {name: value for name, value in item.items() if name not in (id_name, "location", "bbox")}
    return {
        "type": "Feature",
        "id": item[id_name],
        **({"bbox": item["bbox"]} if "bbox" in item else {}),
        "geometry": geometry,
        "properties": {id_name: item[id_name]} | properties,
    }
