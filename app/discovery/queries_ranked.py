"""Places by score, and the nearest place of each merchant: one statement a city."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.discovery.queries_near import BUDGET, NearPlace, NearQuestion, call, parameters
from app.discovery.ranking import Ranking, Standing, nearest_mm
from app.discovery.types import CityPage, Position, Total

_COLLAPSED = call(
    "places_collapsed",
    "place_id, distance_mm, total, total_exact",
    *("collapse", "lower", "after_mm", "after_id", "limit", "budget"),
)


def places_collapsed(
    conn: Connection, asked: NearQuestion, after: Position | None, limit: int, count: bool
) -> CityPage[NearPlace]:
    """``places_near`` without places whose merchant runs a nearer one that meets all filters."""
    given = parameters(asked) | {
        "collapse": True,
        "lower": 0.0 if after is None else asked.frame.sure_m((after[0] - 1) / 1000),
        "after_mm": None if after is None else after[0],
        "after_id": None if after is None else after[1],
        "limit": limit,
        "budget": BUDGET if count else 0,
    }
    rows = conn.execute(_COLLAPSED, given).all()
    city_id = asked.reach.city_id
    hits = [NearPlace(row.distance_mm, city_id, row.place_id) for row in rows]
    return CityPage(hits, rows[0].total if rows else 0, rows[0].total_exact if rows else True)


@dataclass(frozen=True, slots=True)
class RankedPlace:
    """A place's id with its score, before anything else is known of it."""

    near: NearPlace
    standing: Standing

    @property
    def order(self) -> tuple[int, int, UUID]:
        """Its place in the order: score downwards, distance, id."""
        return -self.standing.score, self.near.distance_mm, self.near.place_id

    @property
    def position(self) -> Position:
        """Distance, then id."""
        return self.near.position

    @property
    def distance_mm(self) -> int:
        """Whole millimetres from the origin."""
        return self.near.distance_mm

    @property
    def end(self) -> RankedAfter:
        """Where a page that closes with it ends."""
        return RankedAfter(self.standing.score, *self.near.position)


@dataclass(frozen=True, slots=True)
class RankedAfter:
    """Where a page ends."""

    score: int
    distance_mm: int
    place_id: UUID


@dataclass(frozen=True, slots=True)
class Scoring:
    """What scores of one city are made from; ``coupon_facet`` is the lane of places with coupons, None without any."""

    ranking: Ranking
    snapshot_id: UUID | None
    coupon_facet: int | None
    collapse: bool
    at: datetime


_RANKED = call(
    "places_ranked",
    "place_id, distance_mm, score, popularity_ppm, has_coupon, total, total_exact",
    *(
        "distance",
        "popularity",
        "coupon",
        "bucket_mm",
        "coupon_facet",
        "snapshot",
        "at",
        "collapse",
        "lower",
        "after_score",
    ),
    *("after_mm", "after_id", "limit", "budget"),
)


def places_ranked(
    conn: Connection,
    asked: NearQuestion,
    scoring: Scoring,
    after: RankedAfter | None,
    limit: int,
    count: bool,
) -> CityPage[RankedPlace]:
    """The first ``limit`` places of one city past ``after`` in the order (score downwards, distance, id)."""
    lower = 0.0
    if after is not None:
        nearest = min(nearest_mm(scoring.ranking, after.score, after.distance_mm), float(asked.radius_mm))
        lower = asked.frame.sure_m(max(0.0, nearest - 1) / 1000)
    ranking, weights = scoring.ranking, scoring.ranking.weights
    given: dict[str, Any] = parameters(asked) | {
        "distance": weights.distance,
        "popularity": weights.popularity,
        "coupon": weights.coupon,
        "bucket_mm": ranking.bucket_mm,
        "coupon_facet": scoring.coupon_facet,
        "snapshot": scoring.snapshot_id,
        "at": scoring.at,
        "collapse": scoring.collapse,
        "lower": lower,
        "after_score": None if after is None else after.score,
        "after_mm": None if after is None else after.distance_mm,
        "after_id": None if after is None else after.place_id,
        "limit": limit,
        "budget": BUDGET if count else 0,
    }
    rows = conn.execute(_RANKED, given).all()
    city_id, known = asked.reach.city_id, scoring.snapshot_id is not None
    hits = [
        RankedPlace(
            NearPlace(row.distance_mm, city_id, row.place_id),
            Standing(row.score, row.distance_mm, row.popularity_ppm if known else None, row.has_coupon),
        )
        for row in rows
    ]
    return CityPage(hits, rows[0].total if rows else 0, rows[0].total_exact if rows else True)


def total_over(pages: list[CityPage[RankedPlace]], cap: int) -> Total:
    """How many several cities have in all, exact up to the cap."""
    value, exact = sum(page.total for page in pages), all(page.exact for page in pages)
    return Total(min(value, cap), exact and value <= cap)
