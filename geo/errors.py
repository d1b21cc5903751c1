"""Refusals of this library: each has a slug, a sentence, and the place of the fault in the input."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from geo.coordinates import LonLat


class GeoError(ValueError):
    """Any input that this library refuses.

    `code` is a slug that never changes, `detail` a sentence for people, `hint` a slug that names the likely
    mistake ("swapped": latitude and longitude changed places), `pointer` a JSON pointer (RFC 6901) into
    the input ("" is the whole of it), `location` the place on the map where that makes sense.
    """

    code: ClassVar[str] = "invalid-geography"

    def __init__(
        self, detail: str, *, hint: str | None = None, pointer: str = "", location: LonLat | None = None
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.hint = hint
        self.pointer = pointer
        self.location = location

    def under(self, prefix: str) -> Self:
        """The same refusal seen from the document that holds the input at `prefix`."""
        return type(self)(self.detail, hint=self.hint, pointer=prefix + self.pointer, location=self.location)


class InvalidCoordinate(GeoError):
    """A longitude or latitude that is no finite number, or out of range."""

    code = "invalid-coordinate"


class InvalidBbox(GeoError):
    """A box that is malformed, upside down or empty."""

    code = "invalid-bbox"


class InvalidRadius(GeoError):
    """A radius, distance or accuracy that is negative or no finite number, or a bearing that is none."""

    code = "invalid-radius"


class InvalidGeometry(GeoError):
    """A geometry whose structure or shape is not valid; `location` tells where, when a place is to blame."""

    code = "invalid-geometry"


class GeometryTooLarge(GeoError):
    """A geometry beyond the limits of its kind: points, rings, polygons, width or area."""

    code = "geometry-too-large"


class InvalidTile(GeoError):
    """A tile address outside the pyramid."""

    code = "invalid-tile"


class InvalidCell(GeoError):
    """A text that is no geohash or not of the length asked for, or a precision outside 1 to 12."""

    code = "invalid-cell"


class UnknownDatum(GeoError):
    """A datum other than wgs84, gcj02 and bd09."""

    code = "unknown-datum"


class UnknownCrs(GeoError):
    """A coordinate reference system that PROJ does not know or that has no longitude and latitude."""

    code = "unknown-crs"
