"""Places as the search rows hold them: which facets a place has, and the places of a version to write."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from app.cities.tables import cities
from app.core.spatial import latitude, longitude
from app.places.phones import phone_keys
from app.places.tables import place_facts
from app.places.types import Taxonomy
from app.postings.tokens import name_keys, words_of
from app.postings.types import NO_HOURS, FacetKey, Listed
from geo.coordinates import LonLat

BATCH = 5_000
_COLUMNS = (
    place_facts.c.place_id,
    longitude(place_facts.c.location).label("lon"),
    latitude(place_facts.c.location).label("lat"),
    place_facts.c.names,
    place_facts.c.category_id,
    place_facts.c.alternate_category_ids,
    place_facts.c.brand_id,
    place_facts.c.attributes,
    place_facts.c.hours_no,
    place_facts.c.price_level,
    place_facts.c.phone,
)


def facets_of(
    names: Iterable[str],
    category_ids: Iterable[str],
    brand_id: str | None,
    attributes: Mapping[str, Any],
    taxonomy: Taxonomy,
) -> frozenset[FacetKey]:
    """What a place is found by: its categories with all above them, brand, attributes, words of all its names."""
    found: set[FacetKey] = {("word", word) for word in words_of(names)}
    for category_id in category_ids:
        chain = taxonomy.chain(category_id)
        found |= {("category", node.category_id) for node in chain} or {("category", category_id)}
    if brand_id is not None:
        found.add(("brand", brand_id))
    for name, value in attributes.items():
        for one in value if isinstance(value, list) else [value]:
            found.add(("attribute", attribute_key(name, one)))
    return frozenset(found)


def names_and_numbers(names: Iterable[str], phone: str | None, country: str | None) -> frozenset[FacetKey]:
    """What finds a place as a whole: each of its names, its telephone numbers as dialled in its country."""
    found: set[FacetKey] = {("name", key) for key in name_keys(names)}
    if phone is not None:
        found |= {("phone", key) for key in phone_keys(phone, country)}
    return frozenset(found)


def attribute_key(name: str, value: Any) -> str:
    """``name=value``; true and false in lower case."""
    said = {True: "true", False: "false", None: "null"}.get(value, value) if isinstance(value, bool | None) else value
    return f"{name}={said}".casefold()[:200]


def live_places(
    conn: Connection, city_id: int, version: int, taxonomy: Taxonomy, place_ids: Sequence[UUID] | None = None
) -> Iterator[list[Listed]]:
    """The live places of a version, or those among some, by id in batches."""
    after: UUID | None = None
    country = conn.execute(select(cities.c.country_code).where(cities.c.city_id == city_id)).scalar_one_or_none()
    while True:
        statement = select(*_COLUMNS).where(
            place_facts.c.city_id == city_id, place_facts.c.version == version, place_facts.c.closed.is_(False)
        )
        if place_ids is not None:
            statement = statement.where(place_facts.c.place_id.in_(list(place_ids)))
        if after is not None:
            statement = statement.where(place_facts.c.place_id > after)
        rows = conn.execute(statement.order_by(place_facts.c.place_id).limit(BATCH)).all()
        if rows:
            yield [_listed(row, taxonomy, country) for row in rows]
        if len(rows) < BATCH:
            return
        after = rows[-1].place_id


def _listed(row: Any, taxonomy: Taxonomy, country: str | None) -> Listed:
    categories = (row.category_id, *row.alternate_category_ids)
    return Listed(
        row.place_id,
        LonLat(row.lon, row.lat),
        NO_HOURS if row.hours_no is None else row.hours_no,
        row.price_level or 0,
        facets_of(row.names.values(), categories, row.brand_id, row.attributes, taxonomy)
        | names_and_numbers(row.names.values(), row.phone, country),
    )
