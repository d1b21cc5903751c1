"""What merchants and operators can be refused when they run service areas."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class InvalidShape(AppError):
    """A drawing that is not good; the fault says where, with a pointer and, where one is to blame, a place."""

    code: ClassVar[str] = "invalid-geometry"
    title: ClassVar[str] = "A geometry is not valid"


class ShapeTooLarge(AppError):
    """Too many points, or too much ground; ``proposal`` in the problem is a drawing that would do, if there is one."""

    code: ClassVar[str] = "geometry-too-large"
    title: ClassVar[str] = "A geometry is larger than allowed"


class OutsideCity(AppError):
    """Ground beyond the city that the place belongs to; ``proposal`` is what of it lies inside."""

    code: ClassVar[str] = "area-outside-city"
    title: ClassVar[str] = "The area reaches out of its city"


class TerritoryOverlaps(AppError):
    """Exclusive territories of one brand share ground."""

    code: ClassVar[str] = "territory-overlaps"
    title: ClassVar[str] = "The territory overlaps another of the same brand"


class NothingWaits(AppError):
    """There is no version that could be published or given up."""

    code: ClassVar[str] = "no-version-waits"
    title: ClassVar[str] = "No version of the area waits"


class VersionWaits(AppError):
    """A version that waits would be lost."""

    code: ClassVar[str] = "version-waits"
    title: ClassVar[str] = "Another version of the area waits"


class NotInReview(AppError):
    """Only what waits for a review is approved or rejected."""

    code: ClassVar[str] = "not-in-review"
    title: ClassVar[str] = "The area does not wait for a review"


class OwnWork(AppError):
    """Whoever drew it doesn't review it."""

    code: ClassVar[str] = "own-work"
    title: ClassVar[str] = "Somebody else has to review it"


class ExternalIdTaken(AppError):
    """The place had another merchant, who used the id."""

    code: ClassVar[str] = "external-id-taken"
    title: ClassVar[str] = "The id stands for an area of the place's former merchant"
