"""Values of this module: an area as readers see it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from uuid import UUID

REGION_KINDS: Final = (
    "country",
    "region",
    "city",
    "borough",
    "parish",
    "district",
    "neighbourhood",
    "business_district",
    "extract",
)


@dataclass(frozen=True, slots=True)
class Region:
    """What the version in force states about an area; ``boundary`` is its drawing as GeoJSON text, where asked for."""

    city_id: int
    region_id: UUID
    kind: str
    admin_level: int
    region_code: str
    names: Mapping[str, str]
    parent_id: UUID | None
    area_m2: float
    note: str | None
    demo: bool
    boundary: str | None = None
