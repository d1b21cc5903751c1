"""Values of this module: areas as their merchants run them, and published ones that cover a point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from shapely import MultiPolygon

from geo.coordinates import LonLat

State = Literal["draft", "validated", "pending_review", "published", "superseded", "archived"]
KINDS: Final = ("delivery", "visit", "pickup", "territory")
STATES: Final[tuple[State, ...]] = ("draft", "validated", "pending_review", "published", "superseded", "archived")
WAITING: Final[tuple[State, ...]] = ("draft", "validated", "pending_review")
# The legal edges of a version; an edit of one that waits may leave its state as it is.
EDGES: Final[frozenset[tuple[State, State]]] = frozenset(
    {
        ("draft", "validated"),
        ("draft", "pending_review"),
        ("draft", "published"),
        ("draft", "archived"),
        ("validated", "draft"),
        ("validated", "pending_review"),
        ("validated", "published"),
        ("validated", "archived"),
        ("pending_review", "draft"),
        ("pending_review", "validated"),
        ("pending_review", "published"),
        ("pending_review", "archived"),
        ("published", "superseded"),
        ("published", "archived"),
    }
)


@dataclass(frozen=True, slots=True)
class Area:
    """An area's identity; ``revision`` counts what people changed, ``seq`` what was told of it."""

    city_id: int
    service_area_id: UUID
    place_id: UUID
    merchant_id: UUID
    external_id: str
    kind: str
    created_at: datetime
    revision: int
    seq: int


@dataclass(frozen=True, slots=True)
class Version:
    """One drawing with its terms; ``boundary`` is WGS 84, ``outline`` says how it came about where nobody drew it.

    Where it is ``followed_by`` another, it is in force until that begins at the latest, and ``declared_until`` is what
    its merchant said.
    """

    service_area_id: UUID
    version: int
    state: State
    names: Mapping[str, str]
    boundary: MultiPolygon
    area_m2: float
    schedule: str | None
    priority: int
    currency: str
    fee_minor: int
    min_order_minor: int
    effective_from: datetime
    effective_until: datetime | None
    created_at: datetime
    tags: tuple[str, ...]
    metadata: Mapping[str, Any]
    outline: Mapping[str, Any] | None
    source_datum: str
    brand_key: str | None
    based_on: int | None
    edited_by: UUID | None
    edited_at: datetime | None
    published_at: datetime | None
    ended_at: datetime | None
    reviewed_by: UUID | None
    reviewed_at: datetime | None
    review_note: str | None
    followed_by: int | None = None
    declared_until: datetime | None = None

    @property
    def said_until(self) -> datetime | None:
        """Until when its merchant wants it to be in force, whatever follows."""
        return self.effective_until if self.followed_by is None else self.declared_until


@dataclass(frozen=True, slots=True)
class Plan:
    """What a merchant's areas may be; without a row of its own a merchant has the plan that is told here."""

    max_area_km2: int = 1000
    review: bool = False


@dataclass(frozen=True, slots=True)
class PlaceRun:
    """A listed place as far as its areas need it, and the merchant among the caller's that runs it."""

    city_id: int
    place_id: UUID
    merchant_id: UUID
    location: LonLat
    brand_id: str | None

    @property
    def brand_key(self) -> str:
        """Whose territories must not overlap: the brand's, or, where the place has none, the merchant's."""
        return f"brand:{self.brand_id}" if self.brand_id else f"merchant:{self.merchant_id}"


@dataclass(frozen=True, slots=True)
class CoveringArea:
    """A service area in force that covers a point, as far as it decides which of several serves it."""

    city_id: int
    service_area_id: UUID
    place_id: UUID
    merchant_id: UUID
    kind: str
    priority: int
    area_m2: float
    created_at: datetime
    schedule: str | None = None
