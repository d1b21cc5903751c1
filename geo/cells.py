"""Geohash cells: coarse boxes that stand for a position whose exact place is nobody's business.

Niemeyer's public-domain scheme (geohash.org, 2008): five bits a character, longitude first, alphabet without a, i, l
and o. A cell of six characters measures 1.2 km × 0.6 km at the equator, one of five 4.9 km × 4.9 km. The borders
of cells are binary fractions of a turn, so they are exact numbers, and so is the choice of a cell.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import cos, floor, radians
from typing import Final

from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.distance import distance_m
from geo.errors import InvalidCell
from geo.units import METRES_PER_DEGREE

ALPHABET: Final = "0123456789bcdefghjkmnpqrstuvwxyz"
MAX_PRECISION: Final = 12
CLIENT_PRECISION: Final = 6
"""Characters of a cell that a client may give in place of its position."""

_AROUND: Final = ((0, 1), (1, 1), (1, 0), (1, -1), (0, -1), (-1, -1), (-1, 0), (-1, 1))


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that was given in place of a position: what it is called and the box that it stands for."""

    code: str
    bbox: Bbox

    @property
    def center(self) -> LonLat:
        """The middle of the cell, what a search from it starts from."""
        return self.bbox.center

    @property
    def half_width_m(self) -> float:
        """Metres from the middle to the east or west side, along the side that is nearer to the equator."""
        lat = min(abs(self.bbox.south), abs(self.bbox.north))
        return self.bbox.width_deg / 2.0 * METRES_PER_DEGREE * cos(radians(lat))

    @property
    def half_height_m(self) -> float:
        """Metres from the middle to the north or south side."""
        return (self.bbox.north - self.bbox.south) / 2.0 * METRES_PER_DEGREE

    @property
    def reach_m(self) -> float:
        """Metres from the middle to the farthest position of the cell, a corner.

        Whoever stands in the cell is at most this much nearer or farther than the middle is.
        """
        lats = (self.bbox.south, self.bbox.north)
        return max(distance_m(self.center, LonLat(self.bbox.west, lat)) for lat in lats)


def parse_cell(text: object, precision: int = CLIENT_PRECISION) -> Cell:
    """Reads a cell that a client gave: lower case, exactly `precision` characters.

    Raises `InvalidCell`, pointer `/cell`: hint `lower-case` for capitals, `too-precise` for a longer cell, which
    would tell more than is asked for, `too-coarse` for a shorter one.
    """
    _check_precision(precision)
    if not isinstance(text, str):
        raise InvalidCell("A cell is a text.", pointer="/cell")
    hint = None
    if _is_cell(text.lower()):
        if text != text.lower():
            hint = "lower-case"
        elif len(text) != precision:
            hint = "too-precise" if len(text) > precision else "too-coarse"
    if hint or not _is_cell(text):
        expected = f"A cell is a geohash of exactly {precision} characters of {ALPHABET}."
        raise InvalidCell(expected, hint=hint, pointer="/cell")
    return Cell(text, cell_bbox(text))


def cell_of(point: LonLat, precision: int = CLIENT_PRECISION) -> str:
    """The cell of `precision` characters (1 to 12) that holds a position.

    A border belongs to the cell in the north-east; 90° north and 180° east belong to the last cell, so that -180
    and 180, one meridian, lie in cells that are neighbours. Raises `InvalidCell` for an impossible precision.
    """
    _check_precision(precision)
    lon_bits, lat_bits = _bits(precision)
    return _code(_index(point.lon, 180.0, lon_bits), _index(point.lat, 90.0, lat_bits), precision)


def cell_bbox(cell: str) -> Bbox:
    """The box of a cell, exact. Raises `InvalidCell` for anything but 1 to 12 characters of the alphabet."""
    column, row = _place(cell)
    lon_bits, lat_bits = _bits(len(cell))
    return Bbox(
        _border(column, 180.0, lon_bits),
        _border(row, 90.0, lat_bits),
        _border(column + 1, 180.0, lon_bits),
        _border(row + 1, 90.0, lat_bits),
    )


def cell_center(cell: str) -> LonLat:
    """The middle of a cell, exact. Raises `InvalidCell` as `cell_bbox` does."""
    return cell_bbox(cell).center


def cell_neighbours(cell: str) -> tuple[str, ...]:
    """The cells that share a side or a corner with this one, of its precision, clockwise from north.

    Eight of them, over 180° too; five in a row that ends at a pole, since nothing lies beyond.
    Raises `InvalidCell` as `cell_bbox` does.
    """
    column, row = _place(cell)
    lon_bits, lat_bits = _bits(len(cell))
    columns, rows = 1 << lon_bits, 1 << lat_bits
    return tuple(
        _code((column + east) % columns, row + north, len(cell)) for east, north in _AROUND if 0 <= row + north < rows
    )


def _is_cell(text: object) -> bool:
    return isinstance(text, str) and 1 <= len(text) <= MAX_PRECISION and all(letter in ALPHABET for letter in text)


def _check_precision(precision: object) -> None:
    if isinstance(precision, bool) or not isinstance(precision, int) or not 1 <= precision <= MAX_PRECISION:
        raise InvalidCell(f"The precision of a cell is a whole number from 1 to {MAX_PRECISION}.")


def _bits(precision: int) -> tuple[int, int]:
    """How many bits longitude and latitude have in a cell of so many characters."""
    return (5 * precision + 1) // 2, 5 * precision // 2


def _border(index: int, half: float, bits: int) -> float:
    """The lower border of a column or row in degrees; exact, since 45 × 2³⁰ needs 36 bits of 53."""
    return index * (2.0 * half / (1 << bits)) - half


def _index(degrees: float, half: float, bits: int) -> int:
    """The column or row of a longitude or latitude between -half and half."""
    last = (1 << bits) - 1
    index = max(0, min(last, floor((degrees + half) / (2.0 * half) * (1 << bits))))
    # The sum rounds: just west of a border it may come out as the border. The borders themselves are exact.
    if degrees < _border(index, half, bits):
        return index - 1
    if index < last and degrees >= _border(index + 1, half, bits):
        return index + 1
    return index


def _code(column: int, row: int, precision: int) -> str:
    lon_bits, lat_bits = _bits(precision)
    code = 0
    for place in range(5 * precision):
        # Bits alternate from the most significant one, longitude first.
        source, bits = (column, lon_bits) if place % 2 == 0 else (row, lat_bits)
        code = code << 1 | source >> (bits - 1 - place // 2) & 1
    return "".join(ALPHABET[code >> 5 * (precision - 1 - i) & 31] for i in range(precision))


def _place(cell: str) -> tuple[int, int]:
    """Column from -180 eastwards and row from -90 northwards."""
    if not _is_cell(cell):
        raise InvalidCell(f"A cell is 1 to {MAX_PRECISION} characters of {ALPHABET}.")
    code = 0
    for character in cell:
        code = code << 5 | ALPHABET.index(character)
    column = row = 0
    total = 5 * len(cell)
    for place in range(total):
        bit = code >> (total - 1 - place) & 1
        if place % 2 == 0:
            column = column << 1 | bit
        else:
            row = row << 1 | bit
    return column, row
