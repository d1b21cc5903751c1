"""Which table holds the rows of a kind's versions."""

from __future__ import annotations

from typing import Final

from sqlalchemy import Table

from app.cities.tables import basemap_features
from app.places.tables import brands, categories, holidays, place_facts
from app.regions.tables import region_facts

WORLD_KINDS: Final = ("categories", "holidays", "brands")
CITY_KINDS: Final = ("places", "regions", "basemap")
FACTS: Final[dict[str, Table]] = {
    "places": place_facts,
    "regions": region_facts,
    "basemap": basemap_features,
    "categories": categories,
    "brands": brands,
    "holidays": holidays,
}
