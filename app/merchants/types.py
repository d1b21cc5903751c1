"""Values of this module."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Merchant:
    """A business that can be shown: ``names`` maps language tags to names."""

    merchant_id: UUID
    names: Mapping[str, str]
    home_city_id: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class PlaceCount:
    """How many places a merchant runs in a city."""

    city_id: int
    place_count: int


@dataclass(frozen=True, slots=True)
class PlaceRun:
    """A place that a merchant runs."""

    city_id: int
    place_id: UUID


@dataclass(frozen=True, slots=True)
class StaffMember:
    """Someone who works for a merchant; owners have no places of their own, since all are theirs."""

    member_id: UUID
    role: Literal["owner", "staff"]
    place_ids: tuple[UUID, ...]
    created_at: datetime
