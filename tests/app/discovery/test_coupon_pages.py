"""Pages of coupons while coupons come, pause and change; deep pages; the nearest eligible place under filters."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from tests.app.discovery.conftest import Planted
from tests.factories.worlds import NOW

COUPONS = "/v1/coupons/nearby"
SORTS = ("distance", "discount", "price", "-price", "ending_soon", "newest", "sales")
CITIES = iter(range(2, 60))


def city(planted: Planted, places: list[dict[str, Any]], **given: Any) -> tuple[int, float, list[str]]:
    """A fresh city with its longitude; places are given by how far east they stand, in degrees."""
    city_id = next(CITIES)
    lon = 2.0 * city_id
    ids = planted.plant(city_id, [{"lat": 0} | place | {"lon": lon + place["lon"]} for place in places], **given)
    return city_id, lon, ids


def edit(planted: Planted, statement: str, **values: Any) -> None:
    planted.world.run(statement, values)


@pytest.mark.parametrize("collapse", ["none", "place", "merchant"])
@pytest.mark.parametrize("sort", SORTS)
def test_pages_lose_and_repeat_nothing_while_coupons_come_and_pause(planted: Planted, sort: str, collapse: str) -> None:
    draw, world = random.Random(7), planted.world
    city_id, lon, ids = city(planted, [{"lon": 0.0005 * (n + 1)} for n in range(24)])
    merchants = [world.merchant(city_id) for _ in ids]

    def add(number: int, **given: Any) -> str:
        values = {
            "price_minor": draw.randrange(20),
            "min_spend_minor": draw.choice((4000, 8000)),
            "taken": draw.randrange(9),
            "claim_until": NOW + timedelta(days=draw.randrange(1, 9)),
        }
        return str(world.coupon(city_id, merchants[number], [ids[number]], **values | given))

    untouched = {add(n % 24) for n in range(24 if collapse != "none" else 72)}
    doomed = [add(n) for n in range(24)] if collapse == "none" else []
    asked = {"lat": 0, "lon": lon, "radius_m": 5000, "sort": sort, "collapse": collapse, "limit": 5}
    page = planted.get(COUPONS, **asked)
    seen = list(page["items"])
    planted.now = NOW
    try:
        while page["next_cursor"]:
            planted.now += timedelta(seconds=1)
            add(draw.randrange(24), created_at=planted.now, claim_from=NOW - timedelta(days=1))
            if doomed:
                gone = doomed.pop(draw.randrange(len(doomed)))
                edit(planted, "UPDATE coupons SET state = 'paused' WHERE coupon_id = :id", id=gone)
            page = planted.get(COUPONS, **asked, cursor=page["next_cursor"])
            seen += page["items"]
    finally:
        planted.now = NOW
    got = [item["coupon_id"] for item in seen]
    assert len(got) == len(set(got))
    assert untouched <= set(got)
    if collapse != "none":
        assert set(got) == untouched
        names = [item["place"]["place_id"] if collapse == "place" else item["merchant"]["merchant_id"] for item in seen]
        assert len(names) == len(set(names))


def test_terms_that_changed_since_the_first_page_bring_no_coupon_twice(planted: Planted) -> None:
    city_id, lon, ids = city(planted, [{"lon": 0.001}])
    world = planted.world
    merchant = world.merchant(city_id)
    made = [str(world.coupon(city_id, merchant, ids, price_minor=n)) for n in range(6)]
    asked = {"lat": 0, "lon": lon, "sort": "price", "limit": 2}
    page = planted.get(COUPONS, **asked)
    assert [item["coupon_id"] for item in page["items"]] == made[:2]
    columns = [row[0] for row in world.rows(
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'coupon_versions'"
    )]  # fmt: skip
    same = [name for name in columns if name not in ("version", "price_minor", "created_at")]
    edit(
        planted,
        f"INSERT INTO coupon_versions ({', '.join(same)}, version, price_minor, created_at)"
        f" SELECT {', '.join(same)}, 2, 99, :now FROM coupon_versions WHERE coupon_id = :id",
        id=UUID(made[0]),
        now=NOW + timedelta(seconds=1),
    )
    edit(planted, "UPDATE coupons SET current_version = 2 WHERE coupon_id = :id", id=UUID(made[0]))
    seen = []
    while page["next_cursor"]:
        page = planted.get(COUPONS, **asked, cursor=page["next_cursor"])
        seen += [item["coupon_id"] for item in page["items"]]
    assert seen == made[2:]


def test_deep_pages_hold_what_one_long_list_would(planted: Planted) -> None:
    """Chains stand near and far; only their nearest place may list them, on whatever page that is."""
    draw = random.Random(11)
    city_id, lon, ids = city(planted, [{"lon": 0.0001 * n, "lat": 0.00003 * (n % 5)} for n in range(400)])
    world = planted.world
    merchant = world.merchant(city_id)
    nearest = {}
    for _ in range(300):
        places = draw.sample(range(400), draw.choice((1, 1, 1, 2, 40)))
        nearest[str(world.coupon(city_id, merchant, [ids[n] for n in places]))] = {ids[n] for n in places}
    whole: list[dict[str, Any]] = []
    asked = {"lat": 0, "lon": lon, "radius_m": 10_000}
    short, long = planted.walk(COUPONS, **asked, limit=3), planted.walk(COUPONS, **asked, limit=100)
    whole = [(item["distance_m"], item["coupon_id"], item["place"]["place_id"]) for item in long]
    assert [(item["distance_m"], item["coupon_id"], item["place"]["place_id"]) for item in short] == whole
    assert len(whole) == 300
    assert whole == sorted(whole)
    assert all(place_id in nearest[coupon_id] for _, coupon_id, place_id in whole)


@pytest.mark.parametrize("sort", SORTS)
def test_the_nearest_of_two_of_nine_places_counts_in_every_order(planted: Planted, sort: str) -> None:
    city_id, lon, ids = city(planted, [{"lon": 0.001 * n} for n in range(1, 10)])
    coupon = str(planted.world.coupon(city_id, planted.world.merchant(city_id), [ids[7], ids[4]]))
    (item,) = planted.get(COUPONS, lat=0, lon=lon, radius_m=5000, sort=sort)["items"]
    assert (item["coupon_id"], item["place"]["place_id"], item["distance_m"]) == (coupon, ids[4], 555.975)
    assert planted.get(COUPONS, lat=0, lon=lon, radius_m=555, sort=sort)["items"] == []


@pytest.mark.parametrize("sort", ["distance", "price"])
def test_filters_of_places_choose_among_the_places_of_a_coupon(planted: Planted, sort: str) -> None:
    levels = [1, 4, 2, None]
    city_id, lon, ids = city(
        planted,
        [{"lon": 0.001 * (n + 1), "category": name} for n, name in enumerate(("hotpot", "cafe", "shop", "cafe"))],
    )
    world = planted.world
    for place_id, level in zip(ids, levels, strict=True):
        edit(
            planted, "UPDATE place_facts SET price_level = :level WHERE place_id = :id", level=level, id=UUID(place_id)
        )
    if "brand" not in planted.scenes:
        planted.scenes["brand"] = True
        world.dataset(1, "brands", 1)
        edit(planted, "INSERT INTO brands (version, brand_id, names) VALUES (1, 'Q1', '{\"en\": \"One\"}')")
        world.activate(1, "brands", 1)
    edit(planted, "UPDATE place_facts SET brand_id = 'Q1' WHERE place_id = :id", id=UUID(ids[3]))
    world.search_rows(city_id, 1)
    world.coupon(city_id, world.merchant(city_id), ids)

    def place(**query: Any) -> list[int]:
        items = planted.get(COUPONS, lat=0, lon=lon, sort=sort, **query)["items"]
        return [ids.index(item["place"]["place_id"]) for item in items]

    assert place() == [0]
    assert place(exclude_category="restaurant") == [1]
    assert place(exclude_category=["restaurant", "cafe"]) == [2]
    assert place(exclude_category=["food", "shop"]) == []
    assert place(price_min=2) == [1]
    assert place(price_min=2, price_max=3) == [2]
    assert place(price_min=2, include_unknown="true", category="cafe") == [1]
    assert place(price_max=3, include_unknown="true", category="cafe") == [3]
    assert place(brand="Q1") == [3]
    assert planted.refused(COUPONS, lat=0, lon=lon, brand="Q2") == (400, "unknown-brand")
