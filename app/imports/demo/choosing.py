"""Which merchants a demo city has and which real places each runs."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, select

from app.cities.types import ActiveCity
from app.core import spatial
from app.imports.demo import words
from app.places.tables import brands, categories, place_facts
from app.regions.tables import region_facts
from geo.coordinates import LonLat
from geo.distance import distance_m

CHAINS: Final = 3
PLACES_OF_A_CHAIN: Final = 12
PLACES_OF_A_HOUSE: Final = (3, 6)
NEAREST: Final = 60
_FAMILIES: Final = (
    ("cafe", "coffee"),
    ("food", "meals"),
    ("shopping", "shopping"),
    ("lodging", "rooms"),
    ("beauty", "care"),
)


@dataclass(frozen=True, slots=True)
class DemoPlace:
    """A real place that a demo merchant may run."""

    place_id: UUID
    location: LonLat
    category_id: str
    brand_id: str | None
    source_key: str
    from_centre_m: float


@dataclass(frozen=True, slots=True)
class DemoMerchant:
    """A merchant with its family of goods and its places, nearest to the centre first."""

    names: Mapping[str, str]
    goods: str
    places: tuple[DemoPlace, ...]


def choose_merchants(
    conn: Connection, city: ActiveCity, versions: tuple[int, int], chance: random.Random
) -> tuple[DemoMerchant, ...]:
    """Made-up houses that run places near the centre, then the city's largest chains.

    ``versions`` are those of categories and brands. The same places and the same ``chance`` choose alike.
    """
    family_of = _families(conn, versions[0])
    places = [place for place in _places(conn, city) if place.category_id in family_of]
    free = [place for place in places if place.brand_id is None]
    found: list[DemoMerchant] = []
    for goods, names in words.HOUSES.get(city.slug, ()):
        near = [place for place in free if family_of[place.category_id] == goods][:NEAREST]
        count = min(len(near), chance.randint(*PLACES_OF_A_HOUSE))
        chosen = sorted(chance.sample(near, count), key=lambda place: (place.from_centre_m, place.source_key))
        if chosen:
            taken = {place.place_id for place in chosen}
            free = [place for place in free if place.place_id not in taken]
            found.append(DemoMerchant(names, goods, tuple(chosen)))
    return (*found, *_chains(conn, places, family_of, versions[1]))


def _chains(
    conn: Connection, places: list[DemoPlace], family_of: Mapping[str, str], brands_version: int
) -> list[DemoMerchant]:
    names = {
        row.brand_id: row.names
        for row in conn.execute(select(brands.c.brand_id, brands.c.names).where(brands.c.version == brands_version))
    }
    by_brand: dict[str, list[DemoPlace]] = {}
    for place in places:
        if place.brand_id in names:
            by_brand.setdefault(str(place.brand_id), []).append(place)
    largest = sorted(by_brand.items(), key=lambda item: (-len(item[1]), item[0]))[:CHAINS]
    return [
        DemoMerchant(names[brand], family_of[found[0].category_id], tuple(found[:PLACES_OF_A_CHAIN]))
        for brand, found in largest
        if len(found) > 1
    ]


def _families(conn: Connection, version: int) -> dict[str, str]:
    """The family of goods of each category that has one."""
    rows = conn.execute(
        select(categories.c.category_id, categories.c.parent_id).where(categories.c.version == version)
    ).all()
    parents = {row.category_id: row.parent_id for row in rows}
    found: dict[str, str] = {}
    for category in parents:
        chain = [category]
        while parents[chain[-1]] is not None:
            chain.append(parents[chain[-1]])
        family = next((goods for root, goods in _FAMILIES if root in chain), None)
        if family is not None:
            found[category] = family
    return found


def _places(conn: Connection, city: ActiveCity) -> list[DemoPlace]:
    rows = conn.execute(
        select(
            place_facts.c.place_id,
            spatial.longitude(place_facts.c.location).label("lon"),
            spatial.latitude(place_facts.c.location).label("lat"),
            place_facts.c.category_id,
            place_facts.c.brand_id,
            place_facts.c.source_key,
        ).where(
            place_facts.c.city_id == city.city_id,
            place_facts.c.version == city.places_version,
            place_facts.c.closed.is_(False),
        )
    )
    found = []
    for row in rows:
        location = LonLat(row.lon, row.lat)
        away = distance_m(city.centre, location)
        found.append(DemoPlace(row.place_id, location, row.category_id, row.brand_id, row.source_key, away))
    return sorted(found, key=lambda place: (place.from_centre_m, place.source_key))


def region_around(conn: Connection, city: ActiveCity, merchant: DemoMerchant) -> UUID | None:
    """The smallest area that holds the merchant's place nearest the centre; None where nothing is drawn."""
    statement: Any = (
        select(region_facts.c.region_id)
        .where(
            region_facts.c.city_id == city.city_id,
            region_facts.c.version == city.regions_version,
            spatial.covers_point(region_facts.c.boundary, merchant.places[0].location),
        )
        .order_by(region_facts.c.area_m2, region_facts.c.region_id)
        .limit(1)
    )
    found: UUID | None = conn.execute(statement).scalar_one_or_none()
    return found
