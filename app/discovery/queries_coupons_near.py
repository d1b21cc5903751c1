"""Coupons around a point in one city: the nearest, those of any other order, and what decides on their use."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson
from sqlalchemy import Connection, Text, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.dialects.postgresql import UUID as PGUUID

from app.discovery.queries_near import BUDGET, AnyRow, NearQuestion, call, parameters
from app.discovery.redeemable import Own, UseRules
from app.discovery.types import (
    CityPage,
    CouponCard,
    CouponFacts,
    GroupDeal,
    Position,
    SortKey,
    Terms,
)
from geo.coordinates import LonLat


@dataclass(frozen=True, slots=True, kw_only=True)
class Use:
    """When, by how many and by whom a coupon is to be used; ``claim_at`` is when it would be claimed."""

    at: datetime
    claim_at: datetime
    party: int | None
    own: Own


@dataclass(frozen=True, slots=True, kw_only=True)
class CouponsAsked:
    """What is asked of coupons beside their places; ``use`` keeps those that can be used so.

    ``shut`` are the hours of use, after their zone and a space, that are closed at the time of use; and the schedules
    of areas at the point that are closed: after ``bring:`` at the time of use, after ``serve:`` at ``at``.
    """

    kinds: tuple[str, ...]
    group_deal: bool | None
    served: bool
    at: datetime
    use: Use | None = None
    shut: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Among:
    """Places that serve a point, each with one of the areas that do; what is brought goes to the point."""

    pairs: tuple[tuple[UUID, UUID], ...]
    point: LonLat


@dataclass(frozen=True, slots=True)
class NearCoupon:
    """A coupon's id with the nearest place where it can be used, before anything else is known of it.

    ``key`` is what it is sorted by before its distance. ``fresh``: it came after the first page; ``moved``: what it is
    sorted by may have changed since then.
    """

    distance_mm: int
    city_id: int
    coupon_id: UUID
    place_id: UUID
    key: SortKey = ("", 0)
    merchant_id: UUID | None = None
    fresh: bool = False
    moved: bool = False

    @property
    def position(self) -> Position:
        """Its place in the order of one key."""
        return self.distance_mm, self.coupon_id

    @property
    def rank(self) -> tuple[SortKey, Position]:
        """Its place in the order."""
        return self.key, self.position

    @property
    def choice(self) -> tuple[bool, SortKey, Position]:
        """Which of several stands for its merchant: the first, and those of the first page's time before later ones."""
        return self.fresh, self.key, self.position


_ASKED: Final = ("kinds", "group_deal", "served", "at", "use_at", "claim_at", "shut", "party", "held", "full")
_NEAREST = call(
    "coupons_nearest",
    "coupon_id, place_id, distance_mm, total, total_exact",
    *_ASKED,
    *("lower", "after_mm", "after_id", "limit", "first", "budget"),
)
_IN_ORDER: Final = ("sort", "collapse_by", "after_part", "after_rank", "after_mm", "after_id", "limit")
_SHOWN: Final = "coupon_id, place_id, merchant_id, fresh, moved, part, rank, distance_mm, total"
_WITHIN = call("coupons_within", _SHOWN, *_ASKED, *_IN_ORDER)
_SERVED = call("coupons_served", _SHOWN, *_ASKED, *_IN_ORDER, *("places", "areas", "to_lon", "to_lat"))


def coupons_nearest(
    conn: Connection, asked: NearQuestion, coupons: CouponsAsked, after: Position | None, limit: int, count: bool
) -> CityPage[NearCoupon]:
    """The first ``limit`` coupons of one city past ``after``, nearest first, ties by id."""
    given = _given(asked, coupons) | {
        "lower": 0.0 if after is None else asked.frame.sure_m((after[0] - 1) / 1000),
        "after_mm": None if after is None else after[0],
        "after_id": None if after is None else after[1],
        "limit": limit,
        "first": 4 * limit,
        "budget": BUDGET if count else 0,
    }
    rows = conn.execute(_NEAREST, given).all()
    city_id = asked.reach.city_id
    hits = [NearCoupon(row.distance_mm, city_id, row.coupon_id, row.place_id) for row in rows]
    return CityPage(hits, rows[0].total if rows else 0, rows[0].total_exact if rows else True)


def coupons_within(
    conn: Connection,
    asked: NearQuestion,
    coupons: CouponsAsked,
    sort: str,
    collapse: str,
    after: tuple[SortKey, Position] | None,
    limit: int | None,
    among: Among | None = None,
) -> CityPage[NearCoupon]:
    """The first ``limit`` coupons (None: all) of one city past ``after`` in an order; reads all within the circle.

    ``collapse`` keeps the first one of each place or merchant, ``among`` those at places that serve a point. The total
    counts what the whole list holds.
    """
    (part, rank), (mm, last) = after or (("", 0), (None, None))
    given = _given(asked, coupons) | {
        "sort": sort,
        "collapse_by": collapse,
        "after_part": part,
        "after_rank": rank,
        "after_mm": mm,
        "after_id": last,
        "limit": limit,
    }
    if among is not None:
        given |= {
            "places": [place_id for place_id, _ in among.pairs],
            "areas": [area_id for _, area_id in among.pairs],
            "to_lon": among.point.lon,
            "to_lat": among.point.lat,
        }
    rows = conn.execute(_WITHIN if among is None else _SERVED, given).all()
    city_id = asked.reach.city_id
    hits = [
        NearCoupon(
            row.distance_mm, city_id, row.coupon_id, row.place_id, (row.part, row.rank), row.merchant_id, row.fresh,
            row.moved,
        )
        for row in rows
    ]  # fmt: skip
    return CityPage(hits, rows[0].total if rows else 0)


def _given(asked: NearQuestion, coupons: CouponsAsked) -> dict[str, Any]:
    use = coupons.use
    return parameters(asked) | {
        "kinds": list(coupons.kinds) or None,
        "group_deal": coupons.group_deal,
        "served": coupons.served,
        "at": coupons.at,
        "use_at": None if use is None else use.at,
        "claim_at": None if use is None else use.claim_at,
        "shut": list(coupons.shut),
        "party": None if use is None else use.party,
        "held": [] if use is None else list(use.own.held),
        "full": [] if use is None else list(use.own.barred),
    }


def kept_open(asked: NearQuestion, bits: bytes) -> NearQuestion:
    """The same question over places whose hours pattern has its bit set in ``bits`` too."""
    if asked.open_bits is not None:
        bits = bytes(one & other for one, other in zip(asked.open_bits, bits, strict=True))
    return replace(asked, open_bits=bits)


_HOURS = text("SELECT time_zone, use_hours FROM use_hours_of(:city)")


def use_hours_of(conn: Connection, city_id: int) -> list[tuple[str, str]]:
    """Zone and text of all hours of use that the terms of a city's coupons name, today's and old ones."""
    return [(row.time_zone, row.use_hours) for row in conn.execute(_HOURS, {"city": city_id})]


_USES = text("""
    SELECT coupon_id, time_zone, claim_until, use_from, use_until, valid_days_after_claim, blackout_dates, use_hours,
           party_min, party_max, delivered, day_sold_out
    FROM coupon_uses(:city, CAST(:coupons AS uuid[]), CAST(:places AS uuid[]), :lon, :lat, CAST(:at AS timestamptz),
                     CAST(:claim_at AS timestamptz), :shut)
""").bindparams(
    bindparam("coupons", type_=ARRAY(PGUUID(as_uuid=True))),
    bindparam("places", type_=ARRAY(PGUUID(as_uuid=True))),
    bindparam("shut", type_=ARRAY(Text)),
)


def coupon_uses(
    conn: Connection, asked: tuple[int, float, float], hits: Sequence[NearCoupon], use: Use, shut: Sequence[str]
) -> dict[UUID, UseRules]:
    """What decides whether some coupons of a city can be used, each at its place; ``asked``: city, lon, lat.

    ``shut`` names the schedules of areas that are closed then, as in ``CouponsAsked``.
    """
    city_id, lon, lat = asked
    given = {
        "city": city_id,
        "coupons": [hit.coupon_id for hit in hits],
        "places": [hit.place_id for hit in hits],
        "lon": lon,
        "lat": lat,
        "at": use.at,
        "claim_at": use.claim_at,
        "shut": list(shut),
    }
    found = {}
    for row in conn.execute(_USES, given):
        coupon_id, zone, claim_until, begins, ends, days, dates, *rest = row
        found[coupon_id] = UseRules(zone, claim_until, begins, ends, days, tuple(dates), *rest)
    return found


_COUPON_CARDS = text("""
    SELECT * FROM coupon_cards(:city, :version, CAST(:coupons AS uuid[]), :lon, :lat, :at, :shut)
""").bindparams(bindparam("coupons", type_=ARRAY(PGUUID(as_uuid=True))), bindparam("shut", type_=ARRAY(Text)))


def coupon_cards(
    conn: Connection,
    city_id: int,
    version: int,
    coupon_ids: Sequence[UUID],
    origin: LonLat,
    at: datetime,
    shut: Sequence[str],
) -> dict[UUID, CouponCard]:
    """What lists show of some coupons of a city, and which of its areas serves a point; ``shut`` as in CouponsAsked."""
    given = {
        "city": city_id, "version": version, "coupons": list(coupon_ids), "lon": origin.lon, "lat": origin.lat,
        "at": at, "shut": list(shut),
    }  # fmt: skip
    return {row.coupon_id: _coupon_card(city_id, row) for row in conn.execute(_COUPON_CARDS, given)}


def _coupon_card(city_id: int, row: AnyRow) -> CouponCard:
    group = None
    if row.group_price_minor is not None:
        group = GroupDeal(row.group_target, row.group_seats, row.group_price_minor)
    facts = CouponFacts(
        city_id=city_id,
        coupon_id=row.coupon_id,
        version=row.version,
        merchant_id=row.merchant_id,
        state=row.state,
        terms=Terms(
            row.kind, row.currency, row.price_minor, row.list_price_minor, row.face_value_minor, row.percent_off_bp,
            row.cap_minor, row.min_spend_minor,
        ),
        titles=orjson.loads(row.titles),
        summaries=orjson.loads(row.summaries),
        time_zone=row.time_zone,
        claim_until=row.claim_until,
        use_until=row.use_until,
        stock_left=row.stock_left,
        group_deal=group,
        fulfilment=row.fulfilment,
        place_count=row.place_count,
    )  # fmt: skip
    merchant = None if row.merchant_names is None else orjson.loads(row.merchant_names)
    return CouponCard(facts, merchant, row.service_area_id)
