"""Places of a version as the search rows hold them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, select

from app.cities.tables import cities
from app.core.spatial import latitude, longitude
from app.places.facets import facets_of, names_and_numbers
from app.places.tables import place_facts
from app.places.types import Taxonomy
from app.postings.types import NO_HOURS, Listed
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
