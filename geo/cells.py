"""Geohash cells: coarse squares that stand for a position whose exact place is nobody's business.

Niemeyer's public-domain scheme: five bits a character, longitude first, alphabet without a, i, l and o.
A cell of six characters measures 1.2 km × 0.6 km at the equator, one of five 4.9 km × 4.9 km.
"""

from __future__ import annotations

from math import floor
from typing import Final

from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.errors import InvalidCell

ALPHABET: Final = "0123456789bcdefghjkmnpqrstuvwxyz"
MAX_PRECISION: Final = 12


def cell_of(point: LonLat, precision: int = 6) -> str:
    """The cell of `precision` characters (1 to 12) that holds a position.

    A border belongs to the cell in the north-east; 90° north and 180° east belong to the last cell.
    """
    if isinstance(precision, bool) or not 1 <= precision <= MAX_PRECISION:
        raise InvalidCell(f"The precision of a cell is 1 to {MAX_PRECISION}.")
    lon_bits, lat_bits = _bits(precision)
    column = min(floor((point.lon + 180.0) / 360.0 * (1 << lon_bits)), (1 << lon_bits) - 1)
    row = min(floor((point.lat + 90.0) / 180.0 * (1 << lat_bits)), (1 << lat_bits) - 1)
    code = 0
    for place in range(5 * precision):
        # Bits alternate from the most significant one, longitude first.
        source, bits = (column, lon_bits) if place % 2 == 0 else (row, lat_bits)
        code = code << 1 | source >> (bits - 1 - place // 2) & 1
    return "".join(ALPHABET[code >> 5 * (precision - 1 - i) & 31] for i in range(precision))


def cell_bbox(cell: str) -> Bbox:
    """The box of a cell. Raises `InvalidCell` for anything but 1 to 12 characters of the alphabet."""
    if not 1 <= len(cell) <= MAX_PRECISION or any(character not in ALPHABET for character in cell):
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
    lon_bits, lat_bits = _bits(len(cell))
    width, height = 360.0 / (1 << lon_bits), 180.0 / (1 << lat_bits)
    return Bbox(column * width - 180.0, row * height - 90.0, (column + 1) * width - 180.0, (row + 1) * height - 90.0)


def cell_center(cell: str) -> LonLat:
    """The middle of a cell, what a search from a coarse position starts from."""
    return cell_bbox(cell).center


def _bits(precision: int) -> tuple[int, int]:
    """How many bits longitude and latitude have in a cell of so many characters."""
    return (5 * precision + 1) // 2, 5 * precision // 2
