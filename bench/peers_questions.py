"""The questions of the comparison: drawn from a seed, the same for every server."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from geo.coordinates import LonLat
from geo.distance import distances_m

RADII_M = (500, 3_000, 20_000)
SEED = 20_260_701
CELL_DEG = 0.01
KEPT_AWAY_M = 25_000
TRIES = 2_000

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked: a point, a radius and filters; always for the twenty nearest."""

    where: str
    at: LonLat
    radius_m: int
    category: str | None = None
    open_now: bool = False
    has_coupon: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """Positions to draw from, those to keep 25 km away from (the demo's places), and the source of chance."""

    lons: Floats
    lats: Floats
    others: tuple[Floats, Floats]
    chance: np.random.Generator

    def beside(self, rows: NDArray[np.int64], spread_deg: float, lonely_m: float = 0.0) -> LonLat:
        """A point near one of some places, with none within ``lonely_m``."""
        for _ in range(TRIES):
            row = self.chance.choice(rows)
            away = self.chance.uniform(-spread_deg, spread_deg, 2)
            wrapped = (float(self.lons[row] + away[0]) + 180.0) % 360.0 - 180.0
            at = LonLat(round(wrapped, 5), round(float(self.lats[row] + away[1]), 5))
            if _nearest_m(at, *self.others) > KEPT_AWAY_M and _nearest_m(at, self.lons, self.lats) > lonely_m:
                return at
        raise SystemExit(f"bench: no point found with nothing within {lonely_m:.0f} m")


def questions(engine: sa.Engine, points_each: int) -> list[Question]:
    """Points of four kinds, three radii, six filters, in a shuffled order.

    ``dense`` lies in the fullest hundredths of a degree, ``suburb`` in ones of middling numbers, ``empty`` further
    than 500 m from any place but near some, ``edge`` at 180° and at 77° to 84° north. Categories have none beneath
    them, so that every server can compare them for equality.
    """
    with engine.connect() as conn:
        lons, lats = _positions(conn, "SELECT location::geometry AS at FROM peers.place ORDER BY id")
        others = _positions(conn, "SELECT location::geometry AS at FROM place_facts WHERE city_id <= 100")
        common, rare = _categories(conn)
    chance = np.random.default_rng(SEED)
    filters = (
        {},
        {"category": common},
        {"category": rare},
        {"open_now": True},
        {"has_coupon": True},
        {"category": common, "open_now": True, "has_coupon": True},
    )
    found = [
        Question(where, at, radius_m, **wanted)  # type: ignore[arg-type]
        for where, at in _points(Ground(lons, lats, others, chance), points_each)
        for radius_m in RADII_M
        for wanted in filters
    ]
    return [found[index] for index in chance.permutation(len(found))]


def _positions(conn: sa.Connection, points: str) -> tuple[Floats, Floats]:
    rows = conn.exec_driver_sql(f"SELECT st_x(at), st_y(at) FROM ({points}) points").all()
    return np.array([row[0] for row in rows], dtype=np.float64), np.array([row[1] for row in rows], dtype=np.float64)


def _categories(conn: sa.Connection) -> tuple[str, str]:
    """The most frequent category, and of those with at least a place in ten thousand the rarest."""
    rows = conn.exec_driver_sql(
        "SELECT p.category, count(*) FROM peers.place p"
        " WHERE NOT EXISTS (SELECT FROM categories c WHERE c.parent_id = p.category)"
        " GROUP BY p.category ORDER BY count(*) DESC, p.category"
    ).all()
    total = sum(row[1] for row in rows)
    often = [row[0] for row in rows if row[1] * 10_000 >= total]
    return often[0], often[-1]


def _points(ground: Ground, each: int) -> Iterator[tuple[str, LonLat]]:
    lons, lats = ground.lons, ground.lats
    cells = np.column_stack([np.floor(lons / CELL_DEG), np.floor(lats / CELL_DEG)])
    _, cell_of, counts = np.unique(cells, axis=0, return_inverse=True, return_counts=True)
    crowd = counts[cell_of.ravel()]
    low, high = np.quantile(counts[counts > 1], (0.5, 0.9))
    inland = (np.abs(lats) < 60) & (np.abs(lons) < 170)
    groups = {
        "dense": np.flatnonzero(crowd >= np.quantile(crowd, 0.9)),
        "suburb": np.flatnonzero((crowd >= low) & (crowd <= high) & inland),
    }
    for where, rows in groups.items():
        for _ in range(each):
            yield where, ground.beside(rows, 0.003)
    for _ in range(each):
        yield "empty", ground.beside(np.flatnonzero(inland), 0.1, lonely_m=500)
    edges = np.flatnonzero(np.abs(lons) > 179.98), np.flatnonzero((lats > 77.0) & (lats < 84.0))
    for number in range(each):
        yield "edge", ground.beside(edges[number % 2], 0.003)


def _nearest_m(at: LonLat, lons: Floats, lats: Floats) -> float:
    return float(distances_m(at.lon, at.lat, lons, lats).min(initial=np.inf))
