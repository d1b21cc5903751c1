"""Filters in words become a question in numbers, for one city at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import cached_property

from sqlalchemy import Connection

from app.core.ids import city_of
from app.coupons.search_rows import ANY_COUPON
from app.discovery.caches import Caches
from app.discovery.errors import UnknownBrand, UnknownCategory, UnknownRegion
from app.discovery.queries_near import FacetGroup, NearQuestion
from app.discovery.types import AroundSearch, Frozen, PlaceFilters, Reach, RegionFilter
from app.places.facets import attribute_key
from app.places.types import Taxonomy
from app.postings.charts import Frame, frame
from app.postings.queries import words_beginning
from app.postings.tokens import Asked, asked_of
from app.postings.types import FacetKey
from geo.coordinates import LonLat


class Filtering:
    """The filters of one search, checked once; ``question`` puts them to a city.

    Raises UnknownCategory, UnknownBrand or UnknownRegion for what the versions in force do not hold.
    """

    def __init__(
        self,
        conn: Connection,
        caches: Caches,
        frozen: Frozen,
        epoch: int,
        search: AroundSearch,
        lanes: Sequence[FacetKey] = (),
        without: Sequence[FacetKey] = (),
    ) -> None:
        """``lanes``: one of them must have the place too; ``without``: none of these."""
        filters = search.filters
        self._conn, self._caches, self._frozen, self._epoch, self._search = conn, caches, frozen, epoch, search
        self._filters = filters
        taxonomy = caches.taxonomy(conn, frozen.categories_version)
        self._avoid: list[FacetKey] = [
            *(("category", name) for name in _known(taxonomy, filters.excluded, "exclude_category")),
            *without,
        ]
        self._groups: list[tuple[list[FacetKey], bool]] = []
        self._words: tuple[Asked, ...] = () if filters.text is None else asked_of(filters.text)
        if filters.categories:
            names = _topmost(taxonomy, _known(taxonomy, filters.categories, "category"))
            self._groups.append(([("category", name) for name in names], True))
        if filters.brands:
            unknown = sorted(set(filters.brands) - caches.brands(conn, frozen.brands_version))
            if unknown:
                raise UnknownBrand(unknown)
            self._groups.append(([("brand", name) for name in filters.brands], True))
        for name, values in filters.attributes:
            self._groups.append(([("attribute", attribute_key(name, value)) for value in values], True))
        if filters.has_coupon:
            self._groups.append(([ANY_COUPON], False))
        if lanes:
            self._groups.append((list(lanes), False))
        self._region = search.area or region_of(conn, caches, frozen, filters)

    @property
    def group_names(self) -> list[str]:
        """What each group of facets of a question is of, in their order."""
        return [*("word" for _ in self._words), *(str(group[0][0]) for group, _ in self._groups)]

    @property
    def instant(self) -> datetime:
        """The time for which open places are asked."""
        return self._filters.open_at or self._frozen.as_of

    def question(self, reach: Reach) -> NearQuestion | None:
        """What to ask a city about the circle; None when nothing there can meet the filters."""
        circle = self._circle
        return None if circle is None else self.question_in(reach, circle, self._frozen.origin)

    @cached_property
    def _circle(self) -> Frame | None:
        circle: Frame | None = frame(self._frozen.origin, self._search.radius_mm / 1000)
        if self._region is not None and circle is not None:
            circle = circle.cut(self._region.bbox)
        return circle

    def question_in(self, reach: Reach, around: Frame, origin: LonLat) -> NearQuestion | None:
        """What to ask a city about a frame around a point."""
        groups = self._groups_of(reach.city_id)
        if groups is None:
            return None
        avoid = self._caches.facets(self._conn, reach.city_id, self._avoid) if self._avoid else {}
        filters = self._filters
        return NearQuestion(
            reach=reach,
            origin=origin,
            frame=around,
            radius_mm=self._search.radius_mm,
            groups=groups,
            avoid=tuple(avoid.values()),
            open_bits=self._open_bits(reach),
            price_from=1 if filters.price_from is None and filters.price_to is not None else filters.price_from,
            price_to=4 if filters.price_to is None and filters.price_from is not None else filters.price_to,
            price_unknown=filters.include_unknown,
            coupon_at=self._frozen.as_of if filters.has_coupon else None,
            region=self._region,
        )

    def _groups_of(self, city_id: int) -> tuple[FacetGroup, ...] | None:
        keys = [key for group, _ in self._groups for key in group]
        exact: list[FacetKey] = [("word", word.key) for word in self._words if not word.beginning]
        numbers = self._caches.facets(self._conn, city_id, [*keys, *exact]) if keys or exact else {}
        found = []  # words first: where two kinds look equally rare, they lead
        for word in self._words:
            if word.beginning:
                facets = words_beginning(self._conn, city_id, word.key)
            else:
                facets = tuple(number for key, number in numbers.items() if key == ("word", word.key))
            found.append(FacetGroup(facets))
        for group, steady in self._groups:
            found.append(FacetGroup(tuple(numbers[key] for key in group if key in numbers), steady))
        return tuple(found) if all(group.facets for group in found) else None

    def _open_bits(self, reach: Reach) -> bytes | None:
        if not (self._filters.open_now or self._filters.open_at):
            return None
        patterns = self._caches.patterns_at(
            self._conn, self._epoch, reach.city_id, reach.version, self._frozen.holidays_version, self.instant
        )
        return patterns.not_closed if self._filters.include_unknown else patterns.opened


def region_of(conn: Connection, caches: Caches, frozen: Frozen, filters: PlaceFilters) -> RegionFilter | None:
    """The area that a search keeps to, in the version that its first page settled."""
    if filters.region_id is None:
        return None
    city_id = city_of(filters.region_id)
    found = caches.region(conn, city_id, frozen.region_version, filters.region_id, filters.include_fringe)
    if found is None:
        raise UnknownRegion
    return found


def _known(taxonomy: Taxonomy, names: Sequence[str], parameter: str) -> Sequence[str]:
    unknown = [name for name in names if name not in taxonomy.by_id]
    if unknown:
        raise UnknownCategory(unknown, parameter)
    return names


def _topmost(taxonomy: Taxonomy, names: Sequence[str]) -> list[str]:
    """Those of some categories that stand beneath none of the others."""
    asked = set(names)
    return [name for name in names if not asked & {node.category_id for node in taxonomy.chain(name)[:-1]}]
