"""The peers' tables beside ours in one database, and the same places as arrays that a brute force goes through."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyproj
import sqlalchemy as sa
from numpy.typing import NDArray

from app.places.opening_hours import HoursPattern, open_patterns, parse_ok, week
from bench.peers_questions import Question
from geo.distance import distances_m

TABLES = Path(__file__).parent / "peers" / "tables.sql"
WEEK_MIN = 7 * 1440
GEODESIC = pyproj.Geod(ellps="WGS84")
SHOWN = 20

Floats = NDArray[np.float64]
Measure = Literal["sphere", "spheroid", "both"]


@dataclass(frozen=True, slots=True)
class World:
    """Every place that is not closed, in the order of its id; ``hours`` are numbers of patterns, -1 for none.

    A coupon at a place is a row of that place and two epoch seconds, half-open, between which it can be claimed.
    """

    ids: NDArray[np.str_]
    lons: Floats
    lats: Floats
    categories: NDArray[np.str_]
    hours: NDArray[np.int64]
    patterns: tuple[HoursPattern, ...]
    coupon_places: NDArray[np.int64]
    coupon_from: Floats
    coupon_until: Floats

    def nearest(self, asked: Question, at: datetime, measure: Measure = "sphere") -> list[str]:
        """The twenty nearest that a question wants, every place measured, nearest first, ties by id.

        ``sphere`` measures in whole millimetres on the sphere, as we do, ``spheroid`` in micrometres on WGS 84;
        ``both`` has the radius on WGS 84 and the order on the sphere. They differ by less than 0.6 %.
        """
        metres = distances_m(asked.at.lon, asked.at.lat, self.lons, self.lats)
        wanted = metres <= asked.radius_m * 1.01
        if asked.category is not None:
            wanted &= self.categories == asked.category
        if asked.open_now:
            wanted &= self._open(at)
        if asked.has_coupon:
            wanted &= self.with_coupon(at)
        rows = np.flatnonzero(wanted)
        order = reach = np.rint(metres[rows] * 1e3) / 1e3
        if measure != "sphere":
            start = np.full(len(rows), asked.at.lon), np.full(len(rows), asked.at.lat)
            reach = np.rint(GEODESIC.inv(*start, self.lons[rows], self.lats[rows])[2] * 1e6) / 1e6
            order = reach if measure == "spheroid" else order
        inside = reach <= asked.radius_m
        return [str(self.ids[row]) for row in rows[inside][np.argsort(order[inside], kind="stable")][:SHOWN]]

    def _open(self, at: datetime) -> NDArray[np.bool_]:
        numbers, _ = open_patterns(self.patterns, {}, at)
        return np.isin(self.hours, np.array(numbers, dtype=np.int64))

    def with_coupon(self, at: datetime) -> NDArray[np.bool_]:
        """Which places have a coupon that can be claimed."""
        second = at.timestamp()
        has = np.zeros(len(self.ids), dtype=np.bool_)
        has[self.coupon_places[(self.coupon_from <= second) & (second < self.coupon_until)]] = True
        return has


def make_tables(engine: sa.Engine) -> None:
    """Fills the peers' schema from our tables, and brings the statistics of every table up to date."""
    with engine.begin() as conn:
        conn.exec_driver_sql(TABLES.read_text())
        conn.execute(
            sa.text("INSERT INTO peers.open_span (hours_id, starts, ends) VALUES (:hours_id, :starts, :ends)"),
            list(_spans(_patterns(conn))),
        )
        conn.exec_driver_sql("CREATE INDEX ON peers.open_span (hours_id)")
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.exec_driver_sql("VACUUM ANALYZE")


def read_world(engine: sa.Engine) -> World:
    """The peers' places as arrays."""
    with engine.connect() as conn:
        rows = conn.exec_driver_sql(
            "SELECT id::text, st_x(location::geometry), st_y(location::geometry), category, coalesce(hours_id, -1)"
            " FROM peers.place ORDER BY id"
        ).all()
        coupons = conn.exec_driver_sql(
            "SELECT pc.place_id::text, extract(epoch FROM c.claim_from)::float8,"
            " extract(epoch FROM c.claim_until)::float8"
            " FROM peers.place_coupon pc JOIN peers.coupon c ON c.id = pc.coupon_id"
        ).all()
        patterns = _patterns(conn)
    ids, lons, lats, categories, hours = zip(*rows, strict=True)
    number = {place_id: row for row, place_id in enumerate(ids)}
    return World(
        np.array(ids),
        np.array(lons),
        np.array(lats),
        np.array(categories),
        np.array(hours, dtype=np.int64),
        patterns,
        np.array([number[row[0]] for row in coupons], dtype=np.int64),
        np.array([row[1] for row in coupons]),
        np.array([row[2] for row in coupons]),
    )


def _patterns(conn: sa.Connection) -> tuple[HoursPattern, ...]:
    rows = conn.exec_driver_sql("SELECT id, opening_hours, time_zone FROM peers.hours ORDER BY id")
    return tuple(HoursPattern(row[0], row[1], row[2], None, False, parse_ok(row[1])) for row in rows)


def _spans(patterns: tuple[HoursPattern, ...]) -> Iterator[dict[str, Any]]:
    """When each pattern is surely open, in minutes of a week; what reaches over Sunday's end begins the week too."""
    today = datetime.now(UTC).date()  # only its season counts
    for pattern in patterns:
        for number, day in enumerate(week(pattern.opening_hours, today) or ()):
            for span in day:
                if span.state == "open":
                    starts, ends = number * 1440 + span.start, number * 1440 + span.end
                    yield {"hours_id": pattern.hours_no, "starts": starts, "ends": min(ends, WEEK_MIN)}
                    if ends > WEEK_MIN:
                        yield {"hours_id": pattern.hours_no, "starts": 0, "ends": ends - WEEK_MIN}
