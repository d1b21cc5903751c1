"""The blend that places are ordered by: weights, parts and bounds; pure.

A score is a whole number of millionths: the weighted sum of four parts, each from 0 to 1. The distance part halves with
every kilometre past the first 200 m. The database computes the same (``rank_score``), in the same order of operations.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from math import inf, log2
from typing import Any, Final
from uuid import UUID

PARTS: Final = ("distance", "rating", "popularity", "coupon")
PPM: Final = 1_000_000
OFFSET_MM: Final = 200_000
SCALE_MM: Final = 1_000_000
MAX_BUCKET_M: Final = 50_000
NO_RATINGS: Final = 0
"""The median of a city without ratings; so is that of a city without a rank snapshot."""
_NUMBER: Final = re.compile(r"\d{1,6}(?:\.\d{1,6})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """How much each part counts; they sum to 1."""

    distance: float = 0.0
    rating: float = 0.0
    popularity: float = 0.0
    coupon: float = 0.0

    def by_name(self) -> dict[str, float]:
        """As an answer says them."""
        return {name: getattr(self, name) for name in PARTS}


DEFAULT_WEIGHTS: Final = Weights(distance=0.5, rating=0.2, popularity=0.2, coupon=0.1)
POPULARITY_ALONE: Final = Weights(popularity=1.0)


def weights_of(text: str) -> Weights:
    """Weights from ``distance:0.5,coupon:0.1``, normalised; parts left out weigh 0. Raises ValueError with a reason."""
    given: dict[str, float] = {}
    for piece in text.split(","):
        name, colon, number = piece.partition(":")
        if name not in PARTS or not colon:
            raise ValueError(f"write part:number for parts among {', '.join(PARTS)}, joined by commas")
        if name in given:
            raise ValueError(f"{name} is weighed twice; give it once")
        if not _NUMBER.fullmatch(number):
            raise ValueError("write each weight as digits with at most six decimals, as in 0.5")
        given[name] = float(number)
    total = sum(given.values())
    if total <= 0:
        raise ValueError("give at least one weight above 0")
    return Weights(**{name: value / total for name, value in given.items()})


@dataclass(frozen=True, slots=True)
class Ranking:
    """An order by score; distances within one bucket of ``bucket_mm`` count alike, 0 tells them all apart."""

    weights: Weights
    bucket_mm: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """A place's score with what it was made from; popularity is None in a city without a rank snapshot."""

    score: int
    distance_mm: int
    popularity_ppm: int | None
    has_coupon: bool


def distance_part(ranking: Ranking, distance_mm: int) -> float:
    """1 up to 200 m, then half for each kilometre more."""
    counted = distance_mm // ranking.bucket_mm * ranking.bucket_mm if ranking.bucket_mm else distance_mm
    return float(0.5 ** (max(counted - OFFSET_MM, 0) / SCALE_MM))


def score(ranking: Ranking, distance_mm: int, popularity_ppm: int, has_coupon: bool) -> int:
    """The weighted sum of the parts, in millionths; ratings, which nobody has, add nothing."""
    weights = ranking.weights
    return round(
        weights.distance * 1e6 * distance_part(ranking, distance_mm)
        + weights.popularity * popularity_ppm
        + weights.coupon * (1e6 if has_coupon else 0.0)
    )


def nearest_mm(ranking: Ranking, after_score: int, after_mm: int) -> float:
    """No place that comes after this position is nearer than this; every place scores at least by its distance."""
    return max(_at_most(ranking, after_score), min(after_mm, _at_most(ranking, after_score - 1)))


def _at_most(ranking: Ranking, value: int) -> float:
    """The distance from which on the distance alone gives no more than a score; a metre less, for rounding."""
    if value < 0:
        return inf
    share = ranking.weights.distance * 1e6 / (value + 0.5)
    return 0.0 if share <= 1 else OFFSET_MM + SCALE_MM * log2(share) - 1000


def score_json(ranking: Ranking, standing: Standing) -> dict[str, Any]:
    """The score, its parts from 0 to 1, and which of them stand for a median because nothing is known."""
    known = standing.popularity_ppm
    parts = {
        "distance": round(distance_part(ranking, standing.distance_mm), 6),
        "rating": NO_RATINGS / PPM,
        "popularity": (known or 0) / PPM,
        "coupon": 1.0 if standing.has_coupon else 0.0,
    }
    missing = ["rating"] if known is not None else ["rating", "popularity"]
    return {"value": standing.score, "parts": parts, "missing": missing}


Snapshots = tuple[tuple[int, UUID | None], ...]
"""The rank snapshot that a search reads of each city, None where there is none."""
