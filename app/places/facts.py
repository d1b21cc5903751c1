"""What one version states about a place, as edits and corrections see it; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from app.places.errors import InvalidEdit
from geo.coordinates import LonLat
from geo.grid_shift import Datum, to_wgs84

MAX_NAME: Final = 300


@dataclass(frozen=True, slots=True)
class Facts:
    """A place as one version states it; ``hours`` is the text, ``hours_no`` its number in the version."""

    place_id: UUID
    location: LonLat
    name: str
    names: Mapping[str, str]
    category_id: str
    alternate_category_ids: tuple[str, ...]
    brand_id: str | None
    address: Mapping[str, Any]
    phone: str | None
    website: str | None
    hours: str | None
    workday_calendar: bool
    hours_no: int | None
    price_level: int | None
    attributes: Mapping[str, Any]
    closed: bool
    source_key: str
    source_datum: str
    source_lon: float
    source_lat: float


def place_of(written: LonLat, datum: Datum) -> LonLat:
    """A position as it is kept, from how it was written."""
    return to_wgs84(written, datum).rounded()


def main_name(names: Mapping[str, str]) -> str:
    """The name without a language, or the first."""
    if not names:
        raise InvalidEdit("names holds no name; give at least one, as local=Name")
    for language, name in names.items():
        if not 1 <= len(name) <= MAX_NAME:
            raise InvalidEdit(f"the name in {language} has {len(name)} characters; 1 to {MAX_NAME} are allowed")
    return names.get("local", next(iter(names.values())))
