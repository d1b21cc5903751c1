"""What a search refuses by name."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError, Fault, Unavailable


class UnknownCategory(AppError):
    """A category that the taxonomy in force does not hold."""

    code: ClassVar[str] = "unknown-category"
    title: ClassVar[str] = "A category is not known"

    def __init__(self, category_ids: list[str], parameter: str = "category") -> None:
        faults = [Fault("take an id from /v1/categories", parameter=parameter) for _ in category_ids]
        super().__init__(faults=faults)


class UnknownBrand(AppError):
    """A chain that the version in force does not hold."""

    code: ClassVar[str] = "unknown-brand"
    title: ClassVar[str] = "A brand is not known"

    def __init__(self, brand_ids: list[str], parameter: str = "brand") -> None:
        faults = [Fault(f"there is no brand {brand_id!r}; take an id from a place", parameter=parameter)
                  for brand_id in brand_ids]  # fmt: skip
        super().__init__(faults=faults)


class SearchRowsMissing(Unavailable):
    """The search rows of a city are not built; nothing half is shown."""

    code: ClassVar[str] = "search-rows-missing"
    title: ClassVar[str] = "A city can't be searched yet"


class UnknownRegion(AppError):
    """A region that the version in force does not hold."""

    code: ClassVar[str] = "unknown-region"
    title: ClassVar[str] = "A region is not known"

    def __init__(self, parameter: str = "region") -> None:
        super().__init__(faults=[Fault("take an id from /v1/regions", parameter=parameter)])


class UnknownCity(AppError):
    """A city that is not there."""

    code: ClassVar[str] = "unknown-city"
    title: ClassVar[str] = "A city is not known"

    def __init__(self, parameter: str = "city") -> None:
        super().__init__(faults=[Fault("take a slug or id from /v1/cities", parameter=parameter)])


class TileOutOfRange(AppError):
    """A tile address beyond the pyramid."""

    code: ClassVar[str] = "tile-out-of-range"
    title: ClassVar[str] = "There is no such tile"
