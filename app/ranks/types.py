"""Values of this module."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID


@dataclass(frozen=True, slots=True)
class RankSnapshot:
    """The popularity of a city's places at a time: ``ranked`` of them have redemptions; ``p99`` counts fully."""

    city_id: int
    snapshot_id: UUID
    taken_at: datetime
    ranked: int
    p99: int
