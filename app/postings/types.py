"""Values of this module: what is searched by, and a place as the search rows hold it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Literal
from uuid import UUID

from geo.coordinates import LonLat

FacetKind = Literal["category", "brand", "attribute", "word", "coupon", "name", "phone"]
FacetKey = tuple[FacetKind, str]
EVERY_PLACE: Final = 0
"""The facet that every live place has."""
NO_HOURS: Final = 0
"""The hours number of a place whose hours nobody knows."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A live place as search rows hold it; ``price_level`` 0 is not known."""

    place_id: UUID
    location: LonLat
    hours_no: int
    price_level: int
    facets: frozenset[FacetKey]


def signature(facets: Iterable[int]) -> int:
    """64 bits as PostgreSQL's bigint: a place that lacks the bit of a facet lacks the facet.

    Coupons come and go by the hour; theirs are left out, so that a place's other rows stay as they are.
    """
    bits = 0
    for facet in facets:
        bits |= 1 << (facet & 63)
    return bits - (1 << 64) if bits >> 63 else bits
