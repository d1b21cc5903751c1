"""Searches from a cell in place of a point: by band of distance and then by id, so that no order tells a position."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from typing import TypeVar
from uuid import UUID

from app.claims.types import Slot
from app.discovery.coupons import coupon_hits, coupon_lanes, schedules_closed, search_coupons, what_is_asked
from app.discovery.filters import Filtering
from app.discovery.merge import Merged, merge
from app.discovery.queries_bands import coupons_in_ring, places_in_ring
from app.discovery.queries_coupons_near import CouponsAsked, NearCoupon, coupons_nearest
from app.discovery.queries_moved import coupons_moved, places_moved
from app.discovery.queries_near import NearPlace, NearQuestion, places_near
from app.discovery.schedules import SERVE
from app.discovery.search import (
    Found,
    Reading,
    asked_for,
    found_page,
    place_hits,
    search_places,
    settle,
)
from app.discovery.steady import unmoved_past
from app.discovery.types import (
    AroundSearch,
    CityPage,
    CouponHit,
    CouponSearch,
    Frozen,
    NearbySearch,
    PlaceHit,
    Reach,
)
from app.postings.types import FacetKey
from geo.bands import DISTANCE_BANDS

N = TypeVar("N", NearPlace, NearCoupon)
Ring = Callable[[NearQuestion, int, UUID | None], CityPage[N]]


def find_places(reading: Reading, search: NearbySearch) -> Found[PlaceHit]:
    """Places around a point or a cell."""
    if search.cell is None:
        return search_places(reading, search)
    settled = settle(reading, "places/nearby", search, asked_for(search))
    frozen = settled.frozen
    asking = _Asking(reading, frozen, settled.epoch, search)

    def ring(question: NearQuestion, low_mm: int, past: UUID | None) -> CityPage[NearPlace]:
        hits = places_in_ring(reading.conn, question, low_mm, past, search.limit + 1)
        ids = [hit.place_id for hit in hits]
        return CityPage(hits, 0, moved=places_moved(reading.conn, question.reach, ids, frozen.seen))

    def count(reach: Reach) -> CityPage[NearPlace]:
        question = asking.question(reach, search.radius_mm)
        return CityPage((), 0) if question is None else places_near(reading.conn, question, None, 1, True)

    merged = asking.walk(ring)
    if frozen.total is None:
        merged = replace(merged, total=merge(frozen.reaches, 1, True, count).total)
    hits, merchants = place_hits(reading, frozen, merged.hits)
    return found_page(reading, settled, search, merged, hits, merchants)


def find_coupons(reading: Reading, search: CouponSearch, slots: Sequence[Slot] = ()) -> Found[CouponHit]:
    """Coupons around a point or a cell; ``slots`` are what the member who asks holds already."""
    if search.cell is None:
        return search_coupons(reading, search, slots)
    settled = settle(reading, "coupons/nearby", search, asked_for(search) | what_is_asked(search))
    frozen = settled.frozen
    asking = _Asking(reading, frozen, settled.epoch, search, coupon_lanes(search))

    def asked(city_id: int) -> CouponsAsked:
        serve = {SERVE: frozen.as_of} if search.in_service_area else {}
        return CouponsAsked(
            kinds=search.kinds,
            group_deal=search.group_deal,
            served=search.in_service_area,
            at=frozen.as_of,
            shut=tuple(schedules_closed(reading, settled, city_id, frozen.origin, serve)),
        )

    coupons = {reach.city_id: asked(reach.city_id) for reach in frozen.reaches}

    def ring(question: NearQuestion, low_mm: int, past: UUID | None) -> CityPage[NearCoupon]:
        here = coupons[question.reach.city_id]
        hits = coupons_in_ring(reading.conn, question, here, low_mm, past, search.limit + 1)
        ids = [hit.coupon_id for hit in hits]
        moved = coupons_moved(reading.conn, question.reach, ids, frozen.seen) if frozen.seen and ids else frozenset()
        return CityPage(hits, 0, moved=moved)

    def count(reach: Reach) -> CityPage[NearCoupon]:
        question = asking.question(reach, search.radius_mm)
        if question is None:
            return CityPage((), 0)
        return coupons_nearest(reading.conn, question, coupons[reach.city_id], None, 1, True)

    merged = asking.walk(ring)
    if frozen.total is None:
        merged = replace(merged, total=merge(frozen.reaches, 1, True, count).total)
    hits, merchants = coupon_hits(reading, settled, merged.hits, frozen.origin)
    return found_page(reading, settled, search, merged, hits, merchants)


def rings(radius_mm: int) -> Iterator[tuple[int, int]]:
    """The bands within a radius, nearest first: the first and the last millimetre of each."""
    for band in DISTANCE_BANDS:
        if band.from_m * 1000 <= radius_mm:
            last = radius_mm if band.until_m is None else band.until_m * 1000 - 1
            yield band.from_m * 1000, min(last, radius_mm)


class _Asking:
    """Asks the cities of a search ring by ring."""

    def __init__(
        self, reading: Reading, frozen: Frozen, epoch: int, search: AroundSearch, lanes: Sequence[FacetKey] = ()
    ) -> None:
        self._reading, self._frozen, self._epoch, self._search, self._lanes = reading, frozen, epoch, search, lanes
        self._filterings: dict[int, Filtering] = {}

    def question(self, reach: Reach, radius_mm: int) -> NearQuestion | None:
        """What to ask a city about a circle."""
        filtering = self._filterings.get(radius_mm)
        if filtering is None:
            reading, smaller = self._reading, replace(self._search, radius_mm=radius_mm)
            filtering = Filtering(reading.conn, reading.caches, self._frozen, self._epoch, smaller, self._lanes)
            self._filterings[radius_mm] = filtering
        return filtering.question(reach)

    def walk(self, ring: Ring[N]) -> Merged[N]:
        """A page in the order (band, id); whole rings are read, so pages neither repeat nor leave out."""
        after, limit = self._frozen.after, self._search.limit
        held: list[N] = []
        for low_mm, last_mm in rings(self._search.radius_mm):
            if after is not None and low_mm < after[0]:
                continue
            past = after[1] if after is not None and low_mm == after[0] else None
            here: list[N] = []
            for reach in self._frozen.reaches:
                question = self.question(reach, last_mm) if reach.lower_mm <= last_mm else None
                if question is not None:
                    fetch = partial(ring, question, low_mm)
                    here += unmoved_past(past, limit + 1, fetch, lambda hit: hit.position[1]).hits
            held += sorted(here, key=lambda hit: hit.position)
            if len(held) > limit:
                break
        return Merged(tuple(held[:limit]), len(held) > limit, None)
