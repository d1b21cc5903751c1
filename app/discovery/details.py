"""One place or coupon by id: the id names the city, the row decides."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import ClassVar
from uuid import UUID

from app.cities.queries import everything_active
from app.cities.types import ActiveDatasets
from app.core.errors import AppError, NotFound
from app.core.ids import city_of
from app.discovery.chain import chain_of
from app.discovery.present import Json, View
from app.discovery.present_details import coupon_detail, place_detail
from app.discovery.queries_details import coupon_by_id, place_by_id, places_of_coupon
from app.discovery.queries_near import place_cards
from app.discovery.search import Reading, World
from app.merchants.queries import merchants_by_ids
from app.places.queries import brand, moved_to
from app.regions.queries import regions_at
from geo.grid_shift import Datum

ALL_COUPONS = 200


class Gone(AppError):
    """A place that was there and is closed for good."""

    code: ClassVar[str] = "gone"
    title: ClassVar[str] = "The thing existed and is gone"


def place(reading: Reading, place_id: UUID, languages: Sequence[str], datum: Datum) -> Json:
    """A place, or where it moved to; raises NotFound, or Gone when it closed."""
    conn, city_id = reading.conn, city_of(place_id)
    active = everything_active(conn)
    city = active.city(city_id)
    if city is None or city.places_version is None:
        raise NotFound
    found = place_by_id(conn, city_id, city.places_version, place_id)
    if found is None or found.closed:
        exists, successor = moved_to(conn, city_id, place_id, reading.now)
        if successor is not None:
            return {"moved_to": str(successor)}
        if exists:
            raise Gone
        raise NotFound
    facts = found.facts
    regions = regions_at(conn, city_id, city.regions_version or 0, facts.location)
    card = place_cards(conn, city_id, city.places_version, [place_id], reading.now, ALL_COUPONS)[place_id]
    known = brand(conn, active.world.brands, found.brand_id) if found.brand_id is not None else None
    view = View(languages, datum, _world(reading, active, [facts.merchant_id] if facts.merchant_id else []))
    return place_detail(found, known, chain_of(regions)[0], card, view)


def coupon(
    reading: Reading,
    coupon_id: UUID,
    languages: Sequence[str],
    datum: Datum,
    *,
    merchant_ids: Collection[UUID],
    sees_all: bool,
) -> Json:
    """A coupon; a draft only for the merchants named, or for one who sees all. Raises NotFound."""
    conn, city_id = reading.conn, city_of(coupon_id)
    active = everything_active(conn)
    city = active.city(city_id)
    if city is None:
        raise NotFound
    version = city.places_version or 0
    found = coupon_by_id(conn, city_id, version, coupon_id, merchant_ids=merchant_ids, sees_all=sees_all)
    if found is None:
        raise NotFound
    places = places_of_coupon(conn, city_id, version, coupon_id)
    view = View(languages, datum, _world(reading, active, [found.coupon.merchant_id]))
    return coupon_detail(found, places, view)


def _world(reading: Reading, active: ActiveDatasets, merchant_ids: Sequence[UUID]) -> World:
    merchants = merchants_by_ids(reading.conn, merchant_ids).values()
    return World(
        cities={city.city_id: city for city in active.cities},
        taxonomy=reading.caches.taxonomy(reading.conn, active.world.categories),
        calendars=reading.caches.calendars(reading.conn, active.world.holidays),
        merchants={merchant.merchant_id: merchant.names for merchant in merchants},
        as_of=reading.now,
    )
