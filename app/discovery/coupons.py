"""Coupons around a point, page by page: nearest first or in another order, one for each place or merchant, usable."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from app.claims.types import Slot
from app.coupons.search_rows import ANY_COUPON, GROUP_DEAL, coupon_kind
from app.discovery.filters import Filtering
from app.discovery.merge import Merged, capped, merge, merge_ranked
from app.discovery.queries_coupons_near import (
    Among,
    CouponsAsked,
    NearCoupon,
    Use,
    coupon_cards,
    coupon_uses,
    coupons_nearest,
    coupons_within,
    kept_open,
    use_hours_of,
)
from app.discovery.queries_moved import coupons_moved
from app.discovery.queries_near import NearQuestion, place_cards
from app.discovery.redeemable import Redeemable, Setting, own_of, redeemable, shut_at
from app.discovery.schedules import BRING, SERVE, closed_schedules
from app.discovery.search import Found, Reading, Settled, asked_for, found_page, settle
from app.discovery.served import areas_serving
from app.discovery.steady import unmoved, unmoved_past
from app.discovery.types import (
    CityPage,
    CouponCard,
    CouponHit,
    CouponSearch,
    Frozen,
    PlaceCard,
    Position,
    Reach,
    SortKey,
)
from app.places.opening_hours import NO_CALENDAR, Calendar
from app.postings.types import FacetKey
from geo.coordinates import LonLat

Judge = Callable[[int, Sequence[NearCoupon], Mapping[UUID, PlaceCard]], Mapping[UUID, Redeemable]]


def search_coupons(reading: Reading, search: CouponSearch, slots: Sequence[Slot] = ()) -> Found[CouponHit]:
    """Coupons around a point; ``slots`` are what a member who asks for redeemable ones holds already."""
    settled = settle(reading, "coupons/nearby", search, asked_for(search) | what_is_asked(search))
    asking = _Asking(reading, search, settled, slots)
    count = settled.frozen.total is None
    if search.sort == "distance" and search.collapse == "none" and search.serves is None:
        merged = merge(settled.frozen.reaches, search.limit, count, asking.nearest)
    elif search.collapse == "merchant" and len(settled.frozen.reaches) > 1:
        merged = _one_a_merchant(settled.frozen, search.limit, count, asking.all_in_order)
    else:
        merged = merge_ranked(settled.frozen.reaches, search.limit, count, asking.in_order, lambda hit: hit.rank)
    judge = None if search.redeemable is None else asking.verdicts
    hits, merchants = coupon_hits(reading, settled, merged.hits, brought_to(search, settled.frozen), judge)
    after_key = merged.hits[-1].key if merged.hits else None
    return found_page(reading, settled, search, merged, hits, merchants, after_key=after_key)


def what_is_asked(search: CouponSearch) -> dict[str, object]:
    """What a cursor is bound to beside what all searches around a point say."""
    said: dict[str, object] = {
        "kind": sorted(set(search.kinds)),
        "group_deal": search.group_deal,
        "in_service_area": search.in_service_area,
    }
    rest = {
        "sort": search.sort,
        "collapse": search.collapse,
        "redeemable": search.redeemable,
        "use_at": None if search.use_at is None else search.use_at.isoformat(),
        "party": search.party,
        "member": None if search.member_id is None else str(search.member_id),
    }
    return said | rest


def coupon_lanes(search: CouponSearch) -> list[FacetKey]:
    """The lanes in which the places of the coupons asked for stand."""
    return [coupon_kind(kind) for kind in search.kinds] or [GROUP_DEAL if search.group_deal else ANY_COUPON]


def brought_to(search: CouponSearch, frozen: Frozen) -> LonLat:
    """Where what a coupon gives is brought: the point to be served, else where the search is."""
    return frozen.origin if search.serves is None else search.serves.point


def schedules_closed(
    reading: Reading, settled: Settled, city_id: int, point: LonLat, instants: Mapping[str, datetime]
) -> list[str]:
    """Schedules of a city's areas at a point that are closed, in the words of ``CouponsAsked.shut``."""
    conn = reading.conn
    calendars = reading.caches.calendars(conn, settled.frozen.holidays_version)
    return [*closed_schedules(conn, settled.active.city(city_id), calendars, point, instants)]


def coupon_hits(
    reading: Reading, settled: Settled, near: Sequence[NearCoupon], point: LonLat, judge: Judge | None = None
) -> tuple[list[CouponHit], dict[UUID, Mapping[str, str]]]:
    """What lists show of the coupons found and of the place of each: three statements a city, and ``judge``'s.

    ``point`` is where they are to be brought.
    """
    frozen = settled.frozen
    cards: dict[UUID, CouponCard] = {}
    places: dict[UUID, PlaceCard] = {}
    verdicts: dict[UUID, Redeemable] = {}
    for reach in frozen.reaches:
        here = [hit for hit in near if hit.city_id == reach.city_id]
        if here:
            ids, at = [hit.coupon_id for hit in here], frozen.as_of
            shut = schedules_closed(reading, settled, reach.city_id, point, {SERVE: at})
            cards |= coupon_cards(reading.conn, reach.city_id, reach.version, ids, point, at, shut)
            there = list(dict.fromkeys(hit.place_id for hit in here))
            places |= place_cards(reading.conn, reach.city_id, reach.version, there, at, shown=0)
            verdicts |= {} if judge is None else judge(reach.city_id, here, places)
    hits = [
        CouponHit(hit.distance_mm, cards[hit.coupon_id], places[hit.place_id].place, verdicts.get(hit.coupon_id))
        for hit in near
    ]
    return hits, {card.coupon.merchant_id: card.merchant for card in cards.values() if card.merchant is not None}


def _one_a_merchant(
    frozen: Frozen, limit: int, count: bool, ask: Callable[[Reach], CityPage[NearCoupon]]
) -> Merged[NearCoupon]:
    """The first coupon of each merchant over all cities; a merchant may be in several, so all that is there is read."""
    best: dict[UUID | None, NearCoupon] = {}
    for hit in sorted((hit for reach in frozen.reaches for hit in ask(reach).hits), key=lambda hit: hit.choice):
        best.setdefault(hit.merchant_id, hit)
    held = sorted(best.values(), key=lambda hit: hit.rank)
    if frozen.after is not None and frozen.after_key is not None:
        after = (frozen.after_key, frozen.after)
        held = [hit for hit in held if hit.rank > after and not hit.moved]
    return Merged(tuple(held[:limit]), len(held) > limit, capped(len(best)) if count else None)


class _Asking:
    """One search for coupons, put to a city at a time."""

    def __init__(self, reading: Reading, search: CouponSearch, settled: Settled, slots: Sequence[Slot]) -> None:
        self._reading, self._search, self._settled, self._frozen = reading, search, settled, settled.frozen
        lanes = coupon_lanes(search)
        frozen = settled.frozen
        self._filtering = Filtering(reading.conn, reading.caches, frozen, settled.epoch, search, lanes)
        use_at = search.use_at or frozen.as_of
        claim_at = min(use_at, frozen.as_of)
        self._use = Use(at=use_at, claim_at=claim_at, party=search.party, own=own_of(slots, claim_at, use_at))
        self._calendars = reading.caches.calendars(reading.conn, frozen.holidays_version) if search.redeemable else {}
        self._city_calendars = {city.city_id: city.calendar for city in settled.active.cities}
        self._point = brought_to(search, frozen)
        self._serving = None
        if search.serves is not None:
            at = self._use.at if search.redeemable else frozen.as_of
            self._serving = areas_serving(reading, settled.active, frozen.reaches, search.serves, at)

    def nearest(self, reach: Reach) -> CityPage[NearCoupon]:
        """The nearest of a city past where the page before ended."""
        question, frozen = self._question(reach), self._frozen
        if question is None:
            return CityPage((), 0)
        conn, coupons, limit = self._reading.conn, self._coupons(reach), self._search.limit + 1

        def fetch(after: Position | None) -> CityPage[NearCoupon]:
            return self._told(reach, coupons_nearest(conn, question, coupons, after, limit, frozen.total is None))

        return unmoved(frozen.after, limit, fetch)

    def in_order(self, reach: Reach) -> CityPage[NearCoupon]:
        """The first of a city past where the page before ended, in the order asked for."""
        frozen, question, among = self._frozen, self._question(reach), self._among(reach)
        if question is None:
            return CityPage((), 0)
        after = None if frozen.after is None else (frozen.after_key or ("", 0), frozen.after)
        conn, search, coupons = self._reading.conn, self._search, self._coupons(reach)
        limit = search.limit + 1

        def fetch(past: tuple[SortKey, Position] | None) -> CityPage[NearCoupon]:
            page = coupons_within(conn, question, coupons, search.sort, search.collapse, past, limit, among)
            return self._told(reach, page)

        return unmoved_past(after, limit, fetch, lambda hit: hit.rank)

    def all_in_order(self, reach: Reach) -> CityPage[NearCoupon]:
        """All of a city, in the order asked for."""
        question, search = self._question(reach), self._search
        if question is None:
            return CityPage((), 0)
        coupons = self._coupons(reach)
        conn, among = self._reading.conn, self._among(reach)
        page = coupons_within(conn, question, coupons, search.sort, search.collapse, None, None, among)
        moved = self._told(reach, page).moved
        return replace(page, hits=[replace(hit, moved=hit.moved or hit.coupon_id in moved) for hit in page.hits])

    def _among(self, reach: Reach) -> Among | None:
        """The places of a city that serve the point, where that is asked."""
        if self._serving is None:
            return None
        areas = self._serving.get(reach.city_id, ())
        return Among(tuple((area.place_id, area.service_area_id) for area in areas), self._point)

    def _told(self, reach: Reach, page: CityPage[NearCoupon]) -> CityPage[NearCoupon]:
        """A page that says of which of its coupons a place moved since the first page."""
        if self._frozen.seen is None or not page.hits:
            return page
        ids = [hit.coupon_id for hit in page.hits]
        return replace(page, moved=coupons_moved(self._reading.conn, reach, ids, self._frozen.seen))

    def verdicts(
        self, city_id: int, hits: Sequence[NearCoupon], places: Mapping[UUID, PlaceCard]
    ) -> dict[UUID, Redeemable]:
        """Whether coupons of a city can be used, each at its place."""
        point, use, own = self._point, self._use, self._calendar_of(city_id)
        shut = schedules_closed(self._reading, self._settled, city_id, point, {BRING: use.at})
        rules = coupon_uses(self._reading.conn, (city_id, point.lon, point.lat), hits, use, shut)
        found = {}
        for hit in hits:
            hours = places[hit.place_id].place.hours
            calendar = NO_CALENDAR if hours is None else self._calendars.get(hours.calendar or "", NO_CALENDAR)
            kept = [hit.coupon_id in ids for ids in (use.own.held, use.own.full, use.own.full_today)]
            setting = Setting(use.at, use.claim_at, use.party, hours, calendar, own, *kept)
            found[hit.coupon_id] = redeemable(rules[hit.coupon_id], setting)
        return found

    def _question(self, reach: Reach) -> NearQuestion | None:
        question = self._filtering.question(reach)
        if question is None or self._search.redeemable != "now":
            return question
        patterns = self._reading.caches.patterns_at(
            self._reading.conn,
            self._settled.epoch,
            reach.city_id,
            reach.version,
            self._frozen.holidays_version,
            self._use.at,
        )
        return kept_open(question, patterns.not_closed)

    def _coupons(self, reach: Reach) -> CouponsAsked:
        search = self._search
        now = search.redeemable == "now"
        return CouponsAsked(
            kinds=search.kinds,
            group_deal=search.group_deal,
            served=search.in_service_area,
            at=self._frozen.as_of,
            use=self._use if now else None,
            shut=(*(self._shut(reach.city_id) if now else ()), *self._closed(reach.city_id)),
        )

    def _closed(self, city_id: int) -> list[str]:
        """Schedules of areas that decide on what is found."""
        instants = {SERVE: self._frozen.as_of} if self._search.in_service_area else {}
        if self._search.redeemable == "now":
            instants |= {BRING: self._use.at}
        return schedules_closed(self._reading, self._settled, city_id, self._point, instants) if instants else []

    def _shut(self, city_id: int) -> tuple[str, ...]:
        """Hours of use in a city that are closed at the time of use, each after its zone and a space."""
        calendar = self._calendar_of(city_id)
        return tuple(
            f"{zone} {text}"
            for zone, text in use_hours_of(self._reading.conn, city_id)
            if shut_at(text, zone, calendar, self._use.at)
        )

    def _calendar_of(self, city_id: int) -> Calendar:
        return self._calendars.get(self._city_calendars.get(city_id) or "", NO_CALENDAR)
