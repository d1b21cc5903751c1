"""From the reference system that a file states to degrees, a batch of shapes at a time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numpy as np
import shapely
from numpy.typing import NDArray
from pyproj import CRS
from pyproj.exceptions import CRSError

from app.imports.errors import UnreadableFile
from app.imports.reading.refusing import missing_crs
from geo.crs import is_lonlat, to_lonlat
from geo.errors import GeoError, UnknownCrs

Shapes = NDArray[np.object_]
CRS84: Final = "OGC:CRS84"
_MAX_CRS_CHARS: Final = 10_000
_COLLECTION: Final = 7
_DECLARED: Final = "The declared"
_CODE: Final = re.compile(r"[A-Za-z]{2,10}:[A-Za-z0-9]{1,20}|urn:ogc:def:crs:[A-Za-z0-9:.]{1,40}")


@dataclass(frozen=True, slots=True)
class Reference:
    """A reference system: the name that its sender is shown, and what PROJ is given."""

    name: str
    definition: str

    @property
    def is_degrees(self) -> bool:
        """True when positions are longitude and latitude of WGS 84 already."""
        return _is_lonlat(self.definition)

    def degrees(self, shapes: Shapes) -> tuple[Shapes, dict[int, str]]:
        """The shapes in degrees, and by index why some could not be brought there (None stands in their place)."""
        if self.is_degrees:
            return shapes, {}
        try:
            return shapely.transform(shapes, self._moved), {}
        except GeoError:
            pass
        moved, faults = shapes.copy(), {}
        for index, shape in enumerate(shapes):
            try:
                moved[index] = None if shape is None else shapely.transform(shape, self._moved)
            except GeoError as fault:
                moved[index] = None
                faults[index] = f"{fault.code}: lies outside what {self.name} can express"
        return moved, faults

    def _moved(self, positions: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.column_stack(to_lonlat(self.definition, positions[:, 0], positions[:, 1]))


@lru_cache(maxsize=64)
def _is_lonlat(definition: str) -> bool:
    """Asked for every row, and PROJ takes 20 ms to answer."""
    return is_lonlat(definition)


DEGREES: Final = Reference(CRS84, CRS84)


def reference_of(stated: str | None, wished: str | None, where: str) -> Reference:
    """The reference system of a file that states ``stated`` and of which its sender says ``wished``.

    ``where`` names what would have to state one. Both have to mean the same; neither is refused, never guessed.
    """
    mine, theirs = _known(wished, _DECLARED), _known(stated, "The file's")
    if mine is None and theirs is None:
        raise missing_crs(where)
    if mine is not None and theirs is not None and not _same(mine, theirs):
        raise UnreadableFile(
            f"The file states {theirs.name}, but {mine.name} is declared.",
            code="conflicting-crs",
            hint="Leave crs out to take what the file states; when the file is wrong, mend it.",
        )
    found = theirs or mine
    assert found is not None
    return found


def _known(text: str | None, whose: str) -> Reference | None:
    if text is None or not text.strip():
        return None
    try:
        if len(text) > _MAX_CRS_CHARS or (whose == _DECLARED and _CODE.fullmatch(text.strip()) is None):
            raise UnknownCrs("too long, or no code: definitions can name files")
        system = CRS.from_user_input(text)
        authority = system.to_authority(min_confidence=70)
        name = ":".join(authority) if authority else f"{system.name[:60]} (by its definition)"
        reference = Reference(name, name if authority else text)
        to_lonlat(reference.definition, np.array([0.0]), np.array([0.0]))
    except (CRSError, UnknownCrs) as error:
        raise UnreadableFile(
            f"{whose} reference system {text[:60]!r} is not known or has no place on the earth's surface.",
            code="unknown-crs",
            hint="Declare it by its code, for example EPSG:4326, or write the file in longitude and latitude.",
        ) from error
    except GeoError:
        pass  # known; its origin merely lies elsewhere
    return reference


def _same(one: Reference, two: Reference) -> bool:
    if one.name == two.name or (one.is_degrees and two.is_degrees):
        return True
    return bool(CRS.from_user_input(one.definition).equals(CRS.from_user_input(two.definition), ignore_axis_order=True))


def is_collection(wkb: bytes) -> bool:
    """True for a collection of mixed shapes, which can hold itself as deep as a parser's stack and is never wanted."""
    order = "little" if wkb[:1] == b"\x01" else "big"
    return (int.from_bytes(wkb[1:5], order) & 0x0FFFFFFF) % 1000 == _COLLECTION  # type: ignore[arg-type]


def shapes_of(wkb: list[Any]) -> Shapes:
    """Shapes of a column of well-known binary; None where there is nothing or nothing that can be read."""
    wkb = [None if each is not None and is_collection(each) else each for each in wkb]
    with np.errstate(invalid="ignore"):  # positions that are no numbers are told row by row
        shapes = shapely.from_wkb(np.asarray(wkb, dtype=object), on_invalid="ignore")
    return np.asarray(shapes, dtype=object).reshape(len(wkb))
