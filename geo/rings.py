"""Rings of a drawn polygon: from undecided lists to finite, closed arrays of degrees, unwrapped at 180°."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geo.coordinates import LonLat, as_finite, check_range, is_number, wrap_lon
from geo.errors import InvalidCoordinate, InvalidGeometry

Positions = NDArray[np.float64]
"""Shape (n, 2), columns lon and lat, degrees."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A change the gate made to the input, to be told to whoever sent it.

    `code` is `ring-closed`, `repeated-points-dropped`, `height-dropped`, `split-at-180` or `repaired`.
    """

    code: str
    detail: str
    pointer: str = ""


@dataclass(frozen=True, slots=True)
class Ring:
    """A closed ring of at least four positions without equal neighbours.

    `positions` may leave [-180, 180] when `crosses_antimeridian`: longitudes then run on without a jump.
    """

    positions: Positions
    crosses_antimeridian: bool
    remarks: tuple[Remark, ...]
    pointer: str


def checked_ring(raw: object, *, full: bool, pointer: str) -> Ring:
    """Reads one ring: structure, numbers, range, closure, repetition, then the way round 180°.

    An open ring is closed and repeated neighbours are dropped, both with a remark. An edge that spans more
    than 180° is read as crossing the antimeridian, unless `full`. Raises `InvalidGeometry` (structure,
    too few positions, a ring around a pole) and `InvalidCoordinate` (number or range), with pointers below `pointer`.
    """
    positions, remarks = checked_positions(raw, pointer)
    if len(positions) and not np.array_equal(positions[0], positions[-1]):
        positions = np.vstack([positions, positions[:1]])
        remarks.append(Remark("ring-closed", "The first position was repeated at the end.", pointer))
    crosses = False
    if len(positions) and not full:
        positions, crosses = _unwrapped(positions, pointer)
    if len(positions):
        # Unwrapped first, since 180 and -180 may spell one position.
        given, positions = len(positions), without_repeats(positions)
        if len(positions) < given:
            detail = f"{given - len(positions)} positions equal to the one before were left out."
            remarks.append(Remark("repeated-points-dropped", detail, pointer))
    if len(positions) < 4:
        raise InvalidGeometry(
            "A ring needs at least three different positions and the first one again.",
            pointer=pointer,
            location=_first(positions),
        )
    return Ring(positions, crosses, tuple(remarks), pointer)


def without_repeats(positions: Positions) -> Positions:
    """At least one position, without those equal to the one before."""
    kept: Positions = positions[np.concatenate([[True], np.any(positions[1:] != positions[:-1], axis=1)])]
    return kept


def is_line(positions: Positions) -> bool:
    """True when no position is farther than 1e-9° (0.1 mm) from one line; rounding makes slivers of lines."""
    offsets = positions - positions[0]
    far = offsets[int(np.argmax((offsets**2).sum(axis=1)))]
    across = np.abs(offsets[:, 0] * far[1] - offsets[:, 1] * far[0])
    return bool(across.max() <= 1e-9 * float(np.hypot(*far)))


def checked_positions(raw: object, pointer: str) -> tuple[Positions, list[Remark]]:
    """Reads an array of positions; a third number (height) is dropped with a remark.

    Raises `InvalidGeometry` when the structure is wrong and `InvalidCoordinate` when a number is.
    """
    if not isinstance(raw, list | tuple | np.ndarray):
        raise InvalidGeometry("An array of positions is expected here.", pointer=pointer)
    if isinstance(raw, np.ndarray) and raw.ndim == 2 and raw.shape[1] == 2 and raw.dtype == np.float64:
        return _checked_array(raw, pointer), []
    pairs, with_height = [], 0
    for index, position in enumerate(raw):
        if not isinstance(position, list | tuple | np.ndarray) or len(position) not in (2, 3):
            raise InvalidGeometry("A position is an array [lon, lat].", pointer=f"{pointer}/{index}")
        pairs.append(checked_position(position, f"{pointer}/{index}"))
        with_height += len(position) == 3
    remarks = []
    if with_height:
        detail = f"The third number (height) of {with_height} positions was left out."
        remarks.append(Remark("height-dropped", detail, pointer))
    return np.array(pairs, dtype=np.float64).reshape(-1, 2), remarks


def _checked_array(raw: Positions, pointer: str) -> Positions:
    """The short way for shapes that a reader built: all at once, and one by one only to name a fault."""
    good = np.isfinite(raw).all(axis=1) & (np.abs(raw) <= (180.0, 90.0)).all(axis=1)
    if not good.all():
        index = int(np.argmin(good))
        checked_position(raw[index].tolist(), f"{pointer}/{index}")
    return raw + 0.0


def checked_position(position: Sequence[object] | Positions, pointer: str) -> tuple[float, float]:
    """Reads [lon, lat] or [lon, lat, height]: plain finite numbers, degrees in range."""
    numbers = []
    for axis, value in enumerate(position):
        if not is_number(value):
            raise InvalidCoordinate("A number is expected here.", pointer=f"{pointer}/{axis}")
        number = as_finite(value)
        if number is None:
            raise InvalidCoordinate("The number is not finite.", pointer=f"{pointer}/{axis}")
        numbers.append(number)
    check_range(numbers[0], numbers[1], f"{pointer}/0", f"{pointer}/1")
    return numbers[0], numbers[1]


def _unwrapped(positions: Positions, pointer: str) -> tuple[Positions, bool]:
    """Longitudes without jumps: each edge takes the short way round, exactly 180° stays as written.

    An edge from -180 to 180 on one latitude is a parallel right round the globe (Antarctica ends on one along the
    pole) when the ring closes so; else, and between two latitudes, it is a change of spelling on the antimeridian.
    """
    steps = np.diff(positions[:, 0])
    turns = np.where(steps > 180.0, -360.0, np.where(steps < -180.0, 360.0, 0.0))
    around = (np.abs(steps) == 360.0) & (np.diff(positions[:, 1]) == 0.0)
    if turns[~around].sum() == 0.0:
        turns[around] = 0.0
    if not turns.any():
        return positions, False
    shift = np.concatenate([[0.0], np.cumsum(turns)])
    if shift[-1] != 0.0:
        lon, lat = positions[int(np.argmax(np.abs(positions[:, 1])))].tolist()
        raise InvalidGeometry(
            "The ring runs around a pole; draw it with an edge along the pole from -180 to 180 instead.",
            hint="around-pole",
            pointer=pointer,
            location=LonLat(wrap_lon(lon), lat),
        )
    return np.column_stack([positions[:, 0] + shift, positions[:, 1]]), True


def _first(positions: Positions) -> LonLat | None:
    if not len(positions):
        return None
    lon, lat = positions[0].tolist()
    return LonLat(wrap_lon(lon), lat)
