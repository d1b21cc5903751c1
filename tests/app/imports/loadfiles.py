"""Files written by hand, a world with three categories and one brand, and a town at 180°."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection

from app.cities.types import WORLD_CITY_ID, Origin, Territory
from geo.coordinates import LonLat

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
LATER = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)
CITY = 7
ORIGIN = Origin("A survey", "CC0-1.0", "© A survey")
WORLD = Territory(WORLD_CITY_ID, "world", "world", {"en": "World"}, "en", None, "UTC", None, None, LonLat(0.0, 0.0), 2)
TOWN = Territory(
    CITY, "town", "city", {"en": "Town"}, "en", "FJ", "Pacific/Fiji", "FJD", "FJ", LonLat(179.9, -17.0), 12
)
CATEGORIES = [
    {"category_id": "food", "parent_id": None, "names": {"en": "Food"}, "aliases": {"osm": ["amenity=food"]}},
    {"category_id": "cafe", "parent_id": "food", "names": {"en": "Cafés"}, "aliases": {"osm": ["amenity=cafe"]}},
    {"category_id": "shop", "parent_id": None, "names": {"en": "Shops"}},
]
BRANDS = [{"brand_id": "bean", "names": {"en": "Bean"}, "wikidata": None}]


def place(key: str = "a", lon: Any = 179.9, lat: Any = -17.0, **properties: Any) -> dict[str, Any]:
    """A feature with neutral defaults."""
    given = {"source_key": key, "name": f"Place {key}", "category_id": "cafe", **properties}
    return {"type": "Feature", "geometry": {"type": "Point", "coordinates": [lon, lat]}, "properties": given}


def region(key: str = "r", ring: list[list[float]] | None = None, **properties: Any) -> dict[str, Any]:
    """A square area of 0.2° around the place of ``place()``."""
    square = [[179.8, -17.1], [180.0, -17.1], [180.0, -16.9], [179.8, -16.9], [179.8, -17.1]]
    given = {
        "source_key": key,
        "kind": "district",
        "admin_level": 9,
        "region_code": key,
        "names": {"en": f"Region {key}"},
        **properties,
    }
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": [ring or square]},
        "properties": given,
    }


def only_row(conn: Connection, statement: str, **values: Any) -> Any:
    """The one row of a statement."""
    return conn.execute(sa.text(statement), values).one()


def reading_processes(loader: int | None = None) -> list[int]:
    """The processes that read files for a loader, this one unless said."""
    pid = loader or os.getpid()
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(child) for child in found if "reader_main" in Path(f"/proc/{child}/cmdline").read_text()]
