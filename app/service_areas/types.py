"""Values of this module: a published area that covers a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class CoveringArea:
    """A service area in force that covers a point; amounts in minor units of ``currency``.

    ``boundary`` is its drawing as GeoJSON text, where asked for.
    """

    city_id: int
    service_area_id: UUID
    place_id: UUID
    merchant_id: UUID
    kind: str
    names: Mapping[str, str]
    priority: int
    area_m2: float
    created_at: datetime
    currency: str
    fee_minor: int
    min_order_minor: int
    boundary: str | None = None
