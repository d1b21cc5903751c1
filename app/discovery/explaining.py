"""Explanations put together: of the places on a page, and of one place that is on it or is not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any
from uuid import UUID

from app.core.errors import NotFound
from app.core.ids import city_of
from app.discovery.banded import rings
from app.discovery.explain import Json, Terms, Tested, verdict, verdicts
from app.discovery.filters import Filtering, region_of
from app.discovery.queries_explain import FilterFacts, filter_facts, places_ahead, rows_around
from app.discovery.queries_near import place_cards
from app.discovery.search import Found, Reading, Settled, asked_for, settle
from app.discovery.served import Areas, areas_serving
from app.discovery.types import AroundSearch, Frozen, NearbySearch, PlaceCard, PlaceHit, Reach
from app.http.principals import Principal, Role
from app.places.facets import facets_of
from app.places.queries import moved_to
from geo.distance import distance_mm

SEE_ALL: tuple[Role, ...] = ("operator", "admin")
MERCHANT_ROLES: tuple[Role, ...] = ("owner", "staff", "partner")


def may_explain(caller: Principal, merchant_id: UUID | None) -> bool:
    """Operators and admins are told of every place, people of a merchant of their own."""
    return caller.role in SEE_ALL or (caller.role in MERCHANT_ROLES and merchant_id in caller.merchant_ids)


def page_explained(
    reading: Reading, found: Found[PlaceHit], search: NearbySearch, caller: Principal
) -> tuple[list[Json | None], list[Json]]:
    """For each place of a page its verdicts under what was asked (None: not for this caller), and a plan by city."""
    frozen, asked = found.frozen, search.relaxed_from or search
    told: dict[UUID, Json] = {}
    serving = _serving(reading, frozen, asked, frozen.reaches)
    cards = {hit.card.place.place_id: hit.card for hit in found.hits}
    for reach in frozen.reaches:
        ids = [
            place_id
            for place_id, card in cards.items()
            if card.place.city_id == reach.city_id and may_explain(caller, card.place.merchant_id)
        ]
        if ids:
            told |= _explained(reading, frozen, reach, asked, [cards[place_id] for place_id in ids], serving)
    epoch = reading.caches.active(reading.conn)[0]
    filtering = Filtering(reading.conn, reading.caches, frozen, epoch, search)
    plans = [_plan(reading, filtering, reach, serving) for reach in frozen.reaches]
    return [told.get(hit.card.place.place_id) for hit in found.hits], plans


def _serving(reading: Reading, frozen: Frozen, asked: AroundSearch, reaches: Iterable[Reach]) -> Areas | None:
    """Areas of the cities asked that serve the point that places are to serve; None where none is asked."""
    if asked.serves is None:
        return None
    active = reading.caches.active(reading.conn)[1]
    return areas_serving(reading, active, reaches, asked.serves, asked.filters.open_at or frozen.as_of)


def _explained(
    reading: Reading,
    frozen: Frozen,
    reach: Reach,
    asked: AroundSearch,
    cards: Sequence[PlaceCard],
    serving: Areas | None,
) -> dict[UUID, Json]:
    region = region_of(reading.conn, reading.caches, frozen, asked.filters)
    ids = [card.place.place_id for card in cards]
    facts = filter_facts(reading.conn, reach.city_id, reach.version, ids, region)
    terms = _terms(reading, frozen, asked)
    told = {}
    for card in cards:
        place_id = card.place.place_id
        said = verdicts(_tested(reading, frozen, card, facts[place_id]), terms)
        if serving is not None:
            own = [str(area.service_area_id) for area in serving.get(reach.city_id, ()) if area.place_id == place_id]
            said.append(verdict("serves", bool(own), value=own))
        told[place_id] = {"dataset_version": reach.version, "verdicts": said}
    return told


def _terms(reading: Reading, frozen: Frozen, asked: AroundSearch) -> Terms:
    calendars = reading.caches.calendars(reading.conn, frozen.holidays_version)
    return Terms(asked.radius_mm, asked.filters, asked.filters.open_at or frozen.as_of, calendars)


def _tested(reading: Reading, frozen: Frozen, card: PlaceCard, facts: FilterFacts) -> Tested:
    taxonomy = reading.caches.taxonomy(reading.conn, frozen.categories_version)
    place = card.place
    return Tested(
        closed=facts.closed,
        distance_mm=distance_mm(frozen.origin, place.location),
        facets=facets_of(facts.names.values(), facts.category_ids, facts.brand_id, facts.attributes, taxonomy),
        price_level=place.price_level,
        hours=place.hours,
        in_region=facts.in_region,
        coupon_count=card.coupon_count,
    )


def _plan(reading: Reading, filtering: Filtering, reach: Reach, serving: Areas | None) -> Json:
    """How a city is asked: the group of facets that leads, with how many lanes and rows around, up to 400.

    Where places must serve a point, the areas there lead.
    """
    question = filtering.question(reach)
    if question is None:
        return {"city_id": reach.city_id, "lead": None, "lanes": 0, "rows": 0, "groups": filtering.group_names}
    if serving is not None:
        there = len(serving.get(reach.city_id, ()))
        return {"city_id": reach.city_id, "lead": "serves", "lanes": 1, "rows": there, "groups": filtering.group_names}
    groups = question.groups
    lead, lanes, rows = "every_place", 1, None
    if groups:
        seen = [rows_around(reading.conn, question, group) for group in groups]
        first = min(range(len(groups)), key=seen.__getitem__)
        lead, lanes, rows = filtering.group_names[first], len(groups[first].facets), seen[first]
    return {"city_id": reach.city_id, "lead": lead, "lanes": lanes, "rows": rows, "groups": filtering.group_names}


def why_not(reading: Reading, place_id: UUID, search: NearbySearch, caller: Principal) -> Json:
    """Each filter's word on one place, the first that says no, and its position when none does.

    Raises NotFound for a place that never was, or that is not the caller's.
    """
    settled = settle(reading, "places/nearby", search, asked_for(search))
    city_id = city_of(place_id)
    exists, successor = moved_to(reading.conn, city_id, place_id, reading.now)
    if not exists:
        raise NotFound
    city = settled.active.city(city_id)
    reach = next((reach for reach in settled.frozen.reaches if reach.city_id == city_id), None)
    version = reach.version if reach is not None else city.places_version if city is not None else None
    cards: Mapping[UUID, PlaceCard] = {}
    if version is not None:
        cards = place_cards(reading.conn, city_id, version, [place_id], settled.frozen.as_of)
    card = cards.get(place_id)
    if not may_explain(caller, None if card is None else card.place.merchant_id):
        raise NotFound
    said: list[Json] = [
        verdict("version", card is not None, value=version, moved_to=None if successor is None else str(successor))
    ]
    position = None
    if card is not None and version is not None:
        held = Reach(city_id, version, 0)
        serving = _serving(reading, settled.frozen, search, {*settled.frozen.reaches, held})
        said += _explained(reading, settled.frozen, held, search, [card], serving)[place_id]["verdicts"]
        if all(each["ok"] for each in said):
            position, last = _position(reading, settled, search, card, serving)
            said.append(last)
    by_distance = search.sort == "distance" and not search.collapse
    first = next((each for each in said if not each["ok"]), None)
    return {
        "place_id": str(place_id),
        "listed": first is None,
        "position": position if first is None and by_distance else None,
        "first": first,
        "verdicts": said,
        "as_of": settled.frozen.as_of.isoformat(),
        "versions": {str(reach.city_id): reach.version for reach in settled.frozen.reaches},
    }


def _position(
    reading: Reading, settled: Settled, search: NearbySearch, card: PlaceCard, serving: Areas | None
) -> tuple[int, Json]:
    """Where a place stands that meets every filter, counted from 1, and whether the search rows hold it."""
    frozen, place = settled.frozen, card.place
    low = high = distance_mm(frozen.origin, place.location)
    if search.cell is not None:
        low, high = next((first, last) for first, last in rings(search.radius_mm) if first <= low <= last)
    filtering = Filtering(reading.conn, reading.caches, frozen, settled.epoch, search)
    ahead, itself = 0, False
    for reach in frozen.reaches:
        question = filtering.question(reach)
        if question is not None and reach.lower_mm <= high:
            ids = None if serving is None else [area.place_id for area in serving.get(reach.city_id, ())]
            here, is_here = places_ahead(reading.conn, question, low, high, place.place_id, ids)
            ahead, itself = ahead + here, itself or is_here
    return ahead + 1, verdict("search_rows", itself)


def with_explanations(listing: Json, explained: Sequence[Json | None], plans: Sequence[Json]) -> Json:
    """A page whose places say why they are on it."""
    items: list[dict[str, Any]] = [
        item | {"explain": said} for item, said in zip(listing["items"], explained, strict=True)
    ]
    return listing | {"items": items, "plans": list(plans)}
