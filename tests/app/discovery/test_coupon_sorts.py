"""Coupons in every order and collapsed, against brute force over planted rows: two cities, ties, small pages."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.app.discovery.conftest import Planted
from tests.factories.worlds import NOW

COUPONS = "/v1/coupons/nearby"
LON, LAT = 7.6, 0.0
RADIUS_M = 3000
EARTH_M = 6371008.7714150598
SORTS = ("distance", "discount", "price", "-price", "ending_soon", "newest", "sales")
KINDS: dict[str, dict[str, Any]] = {
    "amount_off": {"face_value_minor": 2000, "min_spend_minor": 10000},
    "percent_off": {"face_value_minor": None, "percent_off_bp": 1500, "min_spend_minor": 0},
    "voucher": {"face_value_minor": 5000, "price_minor": 4000, "min_spend_minor": 0},
    "package": {"face_value_minor": None, "price_minor": 8800, "list_price_minor": 10000, "min_spend_minor": 0},
    "gift": {"face_value_minor": None, "min_spend_minor": 0},
}


@dataclass
class Row:
    """A planted coupon with the distance and id of each place where it can be used."""

    coupon_id: str
    merchant_id: str
    places: list[tuple[int, str]]
    given: dict[str, Any]
    published_at: datetime

    @property
    def nearest(self) -> tuple[int, str]:
        return min(self.places)


def millimetres(lon: float, lat: float) -> int:
    """Along the sphere, by the law of haversines."""
    a = math.sin(math.radians(lat - LAT) / 2) ** 2
    b = math.cos(math.radians(LAT)) * math.cos(math.radians(lat)) * math.sin(math.radians(lon - LON) / 2) ** 2
    return round(2 * EARTH_M * math.asin(math.sqrt(a + b)) * 1000)


def plant(planted: Planted) -> list[Row]:
    """240 coupons of 30 merchants at 80 places of two cities, in two currencies; merchants stand in both cities."""
    draw, world = random.Random(4), planted.world
    merchants = [world.merchant(1, f"商户{n}") for n in range(30)]
    found = []
    for city_id, currency, side in ((2, "CNY", -1), (3, "EUR", 1)):
        # A grid, so that many places are equally far.
        spots = [(LON + side * 0.001 * (n % 8 + 1), LAT + 0.001 * (n // 8 - 2)) for n in range(40)]
        ids = planted.plant(city_id, [{"lon": lon, "lat": lat} for lon, lat in spots])
        far = {place_id: millimetres(*spot) for place_id, spot in zip(ids, spots, strict=True)}
        for _ in range(120):
            kind = draw.choice(list(KINDS))
            given: dict[str, Any] = {"kind": kind, "currency": currency} | KINDS[kind]
            given |= {
                "taken": draw.randrange(10),
                "claim_until": NOW + timedelta(days=draw.randrange(1, 6)),
                "created_at": NOW - timedelta(days=draw.randrange(11, 15)),
            }
            if draw.random() < 0.4:
                given["price_minor"] = draw.choice((0, 500, 1900))
            if kind == "amount_off" and draw.random() < 0.3:
                given["min_spend_minor"] = draw.choice((0, 500, 7000))
            if kind == "package" and draw.random() < 0.3:
                given["list_price_minor"] = None
            given.setdefault("price_minor", 0)
            given.setdefault("list_price_minor", None)
            merchant = draw.choice(merchants)
            places = draw.sample(ids, draw.choice((1, 1, 2, 9)))
            coupon_id = str(world.coupon(city_id, merchant, places, **given))
            there = [(far[place_id], place_id) for place_id in places]
            found.append(Row(coupon_id, str(merchant), there, given, given["created_at"]))
    return found


@pytest.fixture(scope="module")
def rows(planted: Planted) -> list[Row]:
    return plant(planted)


def saved_bp(row: Row) -> int | None:
    """The share saved on the smallest order on which a coupon takes its full effect, worked out by hand."""
    given = row.given
    price, face = given["price_minor"], given["face_value_minor"] or 0
    if given["kind"] == "percent_off":
        return int(given["percent_off_bp"])
    if given["kind"] in ("amount_off", "voucher"):
        if given["kind"] == "amount_off" and not given["min_spend_minor"]:
            return None
        return max(0, face - price) * 10_000 // max(face, given["min_spend_minor"])
    whole = given["list_price_minor"]
    return (whole - price) * 10_000 // whole if whole else None


def expected_key(sort: str) -> Callable[[Row], tuple[Any, ...]]:
    """What a brute-force sort of planted rows goes by."""

    def of(row: Row) -> tuple[Any, ...]:
        given = row.given
        saved = saved_bp(row)
        first: dict[str, tuple[Any, ...]] = {
            "distance": (),
            "discount": (saved is None, -(saved or 0)),
            "price": (given["currency"], given["price_minor"]),
            "-price": (given["currency"], -given["price_minor"]),
            "ending_soon": (given["claim_until"],),
            "newest": (-row.published_at.timestamp(),),
            "sales": (-given["taken"],),
        }
        return (*first[sort], row.nearest[0], row.coupon_id)

    return of


def collapsed(rows: list[Row], collapse: str) -> list[Row]:
    """The first row of each place or merchant, of rows in order."""
    seen: set[str] = set()
    found = []
    for row in rows:
        name = {"none": row.coupon_id, "place": row.nearest[1], "merchant": row.merchant_id}[collapse]
        if name not in seen:
            seen.add(name)
            found.append(row)
    return found


def inside(rows: list[Row], radius_m: int = RADIUS_M) -> list[Row]:
    return [row for row in rows if row.nearest[0] <= radius_m * 1000]


@pytest.mark.parametrize("collapse", ["none", "place", "merchant"])
@pytest.mark.parametrize("sort", SORTS)
def test_every_order_and_collapse_is_that_of_brute_force(
    planted: Planted, rows: list[Row], sort: str, collapse: str
) -> None:
    asked = {"lat": LAT, "lon": LON, "radius_m": RADIUS_M, "sort": sort, "collapse": collapse}
    ordered = collapsed(sorted(inside(rows), key=expected_key(sort)), collapse)
    first = planted.get(COUPONS, **asked, limit=7)
    assert first["total"] == {"value": len(ordered), "relation": "eq"}
    assert (first["applied"]["sort"], first["applied"]["collapse"]) == (sort, collapse)
    walked = planted.walk(COUPONS, **asked, limit=7)
    assert [item["coupon_id"] for item in walked] == [row.coupon_id for row in ordered]
    assert [item["place"]["place_id"] for item in walked] == [row.nearest[1] for row in ordered]
    assert [round(item["distance_m"] * 1000) for item in walked] == [row.nearest[0] for row in ordered]


@pytest.mark.parametrize("sort", SORTS)
def test_orders_keep_to_the_filters_and_the_circle(planted: Planted, rows: list[Row], sort: str) -> None:
    asked = {"lat": LAT, "lon": LON, "radius_m": 400, "sort": sort, "kind": ["voucher", "gift"]}
    near = [row for row in inside(rows, 400) if row.given["kind"] in ("voucher", "gift")]
    walked = planted.walk(COUPONS, **asked, limit=3)
    assert near
    assert [item["coupon_id"] for item in walked] == [row.coupon_id for row in sorted(near, key=expected_key(sort))]


def test_one_merchant_a_row_over_three_pages_counts_merchants(planted: Planted, rows: list[Row]) -> None:
    asked = {"lat": LAT, "lon": LON, "radius_m": RADIUS_M, "collapse": "merchant", "limit": 12}
    merchants = {row.merchant_id for row in inside(rows)}
    pages = [planted.get(COUPONS, **asked)]
    while pages[-1]["next_cursor"]:
        pages.append(planted.get(COUPONS, **asked, cursor=pages[-1]["next_cursor"]))
    assert len(pages) == 3
    assert all(page["total"] == {"value": len(merchants), "relation": "eq"} for page in pages)
    shown = [item["merchant"]["merchant_id"] for page in pages for item in page["items"]]
    assert len(shown) == len(set(shown))
    assert set(shown) == merchants


def test_a_cursor_belongs_to_its_order(planted: Planted, rows: list[Row]) -> None:
    assert rows
    at = {"lat": LAT, "lon": LON, "limit": 5}
    cursor = planted.get(COUPONS, **at, sort="price")["next_cursor"]
    assert planted.refused(COUPONS, **at, sort="sales", cursor=cursor) == (400, "invalid-cursor")
    assert planted.refused(COUPONS, **at, sort="price", collapse="place", cursor=cursor) == (400, "invalid-cursor")


@pytest.mark.parametrize("wrong", [{"sort": "cheap"}, {"sort": ""}, {"collapse": "chain"}])
def test_unknown_orders_are_refused(planted: Planted, wrong: dict[str, str]) -> None:
    assert planted.refused(COUPONS, lat=LAT, lon=LON, **wrong)[0] == 400


@pytest.mark.parametrize("more", [{"sort": "price"}, {"collapse": "merchant"}, {"redeemable": "now"}])
def test_a_cell_goes_by_distance_alone(planted: Planted, more: dict[str, str]) -> None:
    assert planted.refused(COUPONS, cell="wtw3sj", **more) == (400, "conflicting-parameters")
