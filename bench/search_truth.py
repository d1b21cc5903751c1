"""What is true of the synthetic places, worked out in numpy from plain rows, without the product's searches."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray

from app.discovery.types import NearbySearch
from app.places.opening_hours import HoursPattern, state_at
from geo.coordinates import LonLat

EARTH_RADIUS_M = 6371008.7714150598
Numbers = NDArray[np.float64]
_HOUR_OF_NIGHT = {101: 19, 102: 2, 103: 9}  # UTC, when it is three at night there


@dataclass(slots=True)
class Truth:
    """The live places in columns, by id; ``parents`` is the category tree."""

    ids: list[UUID]
    cities: NDArray[np.int64]
    lons: Numbers
    lats: Numbers
    categories: NDArray[np.str_]
    hours: list[Any]
    names: list[str]
    parents: dict[str, str | None]
    patterns: dict[tuple[int, int], HoursPattern]
    common: str
    rare: str

    @classmethod
    def read(cls, conn: sa.Connection) -> Truth:
        """Everything of the synthetic cities; one version each."""
        rows = conn.exec_driver_sql(
            "SELECT f.place_id, f.city_id, st_x(location::geometry), st_y(location::geometry), category_id, hours_no,"
            " name FROM place_facts f WHERE f.city_id > 100 AND NOT closed ORDER BY f.place_id"
        ).all()
        parents = {
            row[0]: row[1] for row in conn.exec_driver_sql("SELECT category_id, parent_id FROM categories").all()
        }
        patterns = {
            (row.city_id, row.hours_no): HoursPattern(
                row.hours_no, row.opening_hours, row.time_zone, row.calendar, row.workday_calendar, row.parsed
            )
            for row in conn.exec_driver_sql("SELECT * FROM hours_patterns WHERE city_id > 100").all()
        }
        ids, cities, lons, lats, categories, hours, names = zip(*rows, strict=True)
        counted = Counter(categories)
        tops: Counter[str] = Counter()
        for category, number in counted.items():
            here: str | None = category
            while here is not None:
                tops[here] += number
                here = parents[here]
        leaves = [name for name, number in sorted(counted.items()) if tops[name] == number and number >= 20]
        return cls(
            list(ids), np.array(cities), np.array(lons), np.array(lats), np.array(categories), list(hours),
            [name.lower() for name in names], parents, patterns, tops.most_common(1)[0][0],
            min(leaves, key=lambda name: (counted[name], name)),
        )  # fmt: skip

    def night(self, city_id: int) -> datetime:
        """Three at night of a Wednesday there."""
        return datetime(2026, 11, 25, _HOUR_OF_NIGHT[city_id], 40, tzinfo=UTC)

    def origins(self, density: str, city_id: int, radius_m: int, count: int) -> list[LonLat]:
        """Points for a cell: near places for a town, anywhere for the country; drawn by a fixed seed."""
        draw = np.random.default_rng([city_id, radius_m])
        if density == "empty":
            lons, lats = draw.uniform(-103, -96, count), draw.uniform(39, 43, count)
        else:
            spread = (0.02, 0.02) if density == "dense" else (0.3, 0.2)
            centre = (121.47, 31.23) if density == "dense" else (2.4, 48.8)
            lons = draw.normal(centre[0], spread[0], count)
            lats = draw.normal(centre[1], spread[1], count)
        return [LonLat(float(lon), float(lat)).rounded() for lon, lat in zip(lons, lats, strict=True)]

    def nearest(self, search: NearbySearch, limit: int) -> list[UUID]:
        """Ids in the order of whole millimetres, then id, of what the search asks for."""
        filters = search.filters
        kept = self._around(search.origin, search.radius_mm / 1000)
        if filters.categories:
            wanted = {name for name in self.parents if self._beneath(name, filters.categories[0])}
            kept = kept[np.isin(self.categories[kept], list(wanted))]
        if filters.text is not None:
            kept = kept[[any(w.startswith(filters.text) for w in self.names[n].split()) for n in kept.tolist()]]
        if filters.open_at is not None:
            kept = kept[[self._open(n, filters.open_at) for n in kept.tolist()]] if len(kept) else kept
        millimetres = np.rint(self._distances(search.origin, kept) * 1000).astype(np.int64)
        inside = millimetres <= search.radius_mm
        ordered = sorted(zip(millimetres[inside].tolist(), (self.ids[n] for n in kept[inside].tolist()), strict=True))
        return [place_id for _, place_id in ordered[:limit]]

    def _around(self, origin: LonLat, radius_m: float) -> NDArray[np.int64]:
        return np.flatnonzero(self._distances(origin, slice(None)) <= radius_m + 1)

    def _distances(self, origin: LonLat, rows: Any) -> Numbers:
        phi, phis = np.radians(origin.lat), np.radians(self.lats[rows])
        part = np.sin((phis - phi) / 2) ** 2
        part = part + np.cos(phi) * np.cos(phis) * np.sin(np.radians(self.lons[rows] - origin.lon) / 2) ** 2
        metres: Numbers = 2 * EARTH_RADIUS_M * np.arcsin(np.minimum(1.0, np.sqrt(part)))
        return metres

    def _beneath(self, category: str | None, top: str) -> bool:
        while category is not None and category != top:
            category = self.parents[category]
        return category == top

    def _open(self, row: int, instant: datetime) -> bool:
        number = self.hours[row]
        if number is None:
            return False
        return state_at(self.patterns[int(self.cities[row]), number], {}, instant)[0] == "open"
