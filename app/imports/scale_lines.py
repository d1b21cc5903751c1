"""Lines of COPY for synthetic places, made from arrays; a row costs about three microseconds."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from app.core.ids import CITY_BITS
from app.imports.seeded_ids import SEEDED_AT

Floats = NDArray[np.float64]
_POINTS: Final = np.dtype([("order", "u1"), ("kind", "<u4"), ("srid", "<u4"), ("lon", "<f8"), ("lat", "<f8")])
_POINT_WITH_SRID: Final = 0x20000001
_WORDS: Final = (
    "Golden", "Lucky", "Old", "Corner", "Green", "River", "North", "Happy", "Silver", "Market", "Lotus", "Harbour",
    "金", "福", "老", "湖", "春", "悦",
)  # fmt: skip
_THINGS: Final = (
    "Kitchen",
    "Tea House",
    "Bakery",
    "Store",
    "Salon",
    "Gym",
    "Bookshop",
    "Noodles",
    "小吃",
    "书店",
    "茶楼",
)


def place_ids(city_id: int, generation: int, start: int, size: int, number: int) -> list[str]:
    """UUIDv7s of a chunk in hexadecimal, the city in their low bits; a seed makes the same ones again."""
    chance = np.random.default_rng([number, city_id, generation, start])
    return _uuids(chance, size, city_id, CITY_BITS)


def plain_ids(chance: np.random.Generator, size: int, tail: int = 0, tail_bits: int = 0) -> list[str]:
    """Further UUIDv7s, with ``tail`` in their low bits."""
    return _uuids(chance, size, tail, tail_bits)


def _uuids(chance: np.random.Generator, size: int, tail: int, tail_bits: int) -> list[str]:
    stamp = int(SEEDED_AT.timestamp() * 1000) << 16 | 0x7000
    high = chance.integers(0, 1 << 12, size, dtype=np.uint64) | np.uint64(stamp)
    low = chance.integers(0, 1 << (62 - tail_bits), size, dtype=np.uint64) << np.uint64(tail_bits)
    low |= np.uint64(1 << 63 | tail)
    text = np.column_stack([high, low]).astype(">u8").tobytes().hex()
    return [text[at : at + 32] for at in range(0, len(text), 32)]


@dataclass(frozen=True, slots=True)
class PlaceLines:
    """One chunk of places of a version; ``start`` is the number of its first."""

    city_id: int
    version: int
    now: datetime
    start: int
    ids: list[str]
    lons: Floats
    lats: Floats

    def identities(self) -> Iterator[str]:
        """city_id, place_id, created_at."""
        head, tail = f"{self.city_id}\t", f"\t{self.now.isoformat()}\n"
        return (f"{head}{place_id}{tail}" for place_id in self.ids)

    def sources(self) -> Iterator[str]:
        """city_id, source_key, place_id."""
        head = f"{self.city_id}\tscale:{self.version}/"
        return (f"{head}{index}\t{place_id}\n" for index, place_id in enumerate(self.ids, self.start))

    def facts(
        self,
        categories: Sequence[str],
        hours: NDArray[np.int64],
        patterns: int,
        closed: NDArray[np.bool_],
        names: NDArray[np.int64],
    ) -> Iterator[str]:
        """The columns of PLACE_FACTS; a third of the places have no hours."""
        head = f"{self.city_id}\t{self.version}\t"
        rows = zip(
            self.ids,
            _points(self.lons, self.lats),
            categories,
            hours.tolist(),
            closed.tolist(),
            names.tolist(),
            self.lons.tolist(),
            self.lats.tolist(),
            strict=True,
        )
        for index, (place_id, point, category, pattern, is_closed, draw, lon, lat) in enumerate(rows, self.start):
            name = f"{_WORDS[draw % len(_WORDS)]} {_THINGS[draw // 64 % len(_THINGS)]} {draw % 9973}"
            hours_no: Any = pattern + 1 if pattern < patterns else "\\N"
            yield (
                f'{head}{place_id}\t{point}\t{name}\t{{"local": "{name}"}}\t{category}\t{{}}\t\\N\t{{}}\t\\N\t\\N\t'
                f"{hours_no}\t{1 + draw % 4}\t{{}}\t{'t' if is_closed else 'f'}\tscale:{self.version}/{index}\twgs84\t"
                f"{lon!r}\t{lat!r}\n"
            )


def _points(lons: Floats, lats: Floats) -> list[str]:
    """Points as hexadecimal EWKB."""
    rows = np.zeros(len(lons), dtype=_POINTS)
    rows["order"], rows["kind"], rows["srid"] = 1, _POINT_WITH_SRID, 4326
    rows["lon"], rows["lat"] = lons, lats
    text = rows.tobytes().hex()
    width = 2 * _POINTS.itemsize
    return [text[at : at + width] for at in range(0, len(text), width)]
