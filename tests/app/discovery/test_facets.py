"""Facets against counts over what was planted, and against the totals of the searches that they promise."""

from __future__ import annotations

import random
from collections import Counter
from typing import Any
from uuid import UUID

import pytest

from app.discovery import facets
from tests.app.discovery.conftest import Planted

NEARBY = "/v1/places/nearby"
AROUND = {"lat": 0, "lon": 0, "radius_m": 2500}
ABOVE = {"hotpot": {"hotpot", "chinese_restaurant", "restaurant", "food"}, "cafe": {"cafe", "food"},
         "bookshop": {"bookshop", "shop"}}  # fmt: skip
WEST = "POLYGON((-1 -1, 0 -1, 0 1, -1 1, -1 -1))"
EAST = "POLYGON((0 -1, 1 -1, 1 1, 0 1, 0 -1))"
FAR = "POLYGON((2 -1, 3 -1, 3 1, 2 1, 2 -1))"


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    """Two cities on one ground: categories, prices, coupons of two kinds, districts of the first."""
    drawn, facts = random.Random(7), {}
    for city_id in (2, 3):
        places = [
            {
                "lon": round(drawn.gauss(0, 0.015), 7),
                "lat": round(drawn.gauss(0, 0.015), 7),
                "category": drawn.choice(list(ABOVE)),
            }
            for _ in range(200)
        ]
        ids = planted.plant(city_id, places)
        prices = {place: drawn.choice([None, 1, 2, 4]) for place in ids}
        planted.world.run(
            "UPDATE place_facts SET price_level = :level WHERE city_id = :c AND place_id = :id",
            [{"level": level, "c": city_id, "id": place} for place, level in prices.items()],
        )
        planted.world.search_rows(city_id, 1)
        merchant = planted.world.merchant(city_id)
        kinds: dict[str, set[str]] = {place: set() for place in ids}
        for kind in ("amount_off", "gift", "amount_off"):
            some = drawn.sample(ids, 30)
            more = {"face_value_minor": None} if kind == "gift" else {}
            planted.world.coupon(city_id, merchant, [UUID(place) for place in some], kind=kind, **more)
            for place in some:
                kinds[place].add(kind)
        planted.world.coupon(city_id, merchant, [UUID(ids[0])], kind="voucher", taken=10)
        for place, given in zip(ids, places, strict=True):
            facts[place] = given | {"price": prices[place], "kinds": kinds[place], "city": city_id}
    planted.world.dataset(2, "regions", 1)
    planted.scenes["districts"] = {
        name: str(planted.world.region(2, 1, wkt, name=name, code=str(number)))
        for number, (name, wkt) in enumerate((("west", WEST), ("east", EAST), ("far", FAR)))
    }
    planted.world.region(2, 1, WEST, name="quarter", kind="neighbourhood", level=9)
    planted.world.activate(2, "regions", 1)
    planted.scenes["facts"] = facts


def counts(page: dict[str, Any], facet: str) -> dict[str, int]:
    found = {bucket["key"]: bucket["count"] for bucket in page["facets"][facet]}
    assert len(found) == len(page["facets"][facet])
    return found


def matched(planted: Planted, **more: Any) -> list[dict[str, Any]]:
    return [planted.scenes["facts"][item["place_id"]] for item in planted.walk(NEARBY, **AROUND | more, limit=100)]


ALL = "category,price,coupon_kind,district,distance"


@pytest.mark.parametrize(
    "filters",
    [{}, {"category": ["cafe"]}, {"price_min": 2, "price_max": 3}, {"has_coupon": "true"},
     {"category": ["food"], "price_max": 2, "include_unknown": "true"}, {"exclude_category": ["cafe"]},
     {"sort": "blend"}, {"collapse": "merchant"}],
)  # fmt: skip
def test_each_facet_counts_under_all_filters_but_its_own(planted: Planted, filters: dict[str, Any]) -> None:
    page = planted.get(NEARBY, **AROUND, **filters, facets=ALL, limit=1)

    def without(*names: str) -> list[dict[str, Any]]:
        out = {"sort", "collapse", *names}
        return matched(planted, **{name: value for name, value in filters.items() if name not in out})

    expected = Counter(above for place in without("category") for above in ABOVE[place["category"]])
    assert counts(page, "category") == expected
    priced = Counter(str(place["price"] or "unknown") for place in without("price_min", "price_max"))
    chosen = range(filters.get("price_min", 1), filters.get("price_max", 4) + 1) if "price_max" in filters else ()
    assert counts(page, "price") == {str(level): 0 for level in chosen} | priced
    assert counts(page, "coupon_kind") == Counter(kind for place in without() for kind in place["kinds"])
    names = planted.scenes["districts"]
    here = [place for place in without() if place["city"] == 2]
    sides = {names["west"]: sum(p["lon"] <= 0 for p in here), names["east"]: sum(p["lon"] >= 0 for p in here)}
    assert counts(page, "district") == {key: count for key, count in sides.items() if count}
    for band, count in counts(page, "distance").items():
        rest = {name: value for name, value in filters.items() if name not in ("sort", "collapse")}
        total = planted.get(NEARBY, **AROUND | {"radius_m": band}, **rest)["total"]
        assert total == {"value": count, "relation": "eq"}
    assert list(counts(page, "distance")) == ["500", "1000", "3000", "5000"]
    assert page["facets"]["approximate"] is False


def test_zero_buckets_of_chosen_values_are_kept(planted: Planted) -> None:
    district = planted.scenes["districts"]
    chosen = {"category": ["cafe", "hotpot"], "price_min": 3, "price_max": 3, "region": district["far"]}
    page = planted.get(NEARBY, **AROUND, **chosen, facets=ALL)
    assert page["items"] == []
    assert counts(page, "category") == {"cafe": 0, "hotpot": 0}
    assert counts(page, "price") == {"3": 0}
    assert counts(page, "district") == {district["far"]: 0}
    assert counts(page, "coupon_kind") == {}
    assert set(counts(page, "distance").values()) == {0}


def test_a_district_chosen_leaves_the_counts_of_the_others(planted: Planted) -> None:
    district = planted.scenes["districts"]
    free = counts(planted.get(NEARBY, **AROUND, facets="district"), "district")
    page = planted.get(NEARBY, **AROUND, region=district["west"], facets="district,category")
    assert counts(page, "district") == free
    assert [bucket["name"] for bucket in page["facets"]["district"]] == sorted(
        ("west", "east"), key=lambda name: -free[district[name]]
    )
    inside = matched(planted, region=district["west"])
    assert counts(page, "category")["food"] == sum("food" in ABOVE[place["category"]] for place in inside)


def test_facets_stand_on_the_first_page_and_only_when_asked(planted: Planted) -> None:
    page = planted.get(NEARBY, **AROUND, facets="price", limit=1)
    assert set(page["facets"]) == {"price", "approximate"}
    behind = planted.get(NEARBY, **AROUND, facets="price", limit=1, cursor=page["next_cursor"])
    assert behind["facets"] is None
    assert planted.get(NEARBY, **AROUND)["facets"] is None


def test_beyond_the_cap_the_nearest_are_counted_and_it_is_said(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "CAP", 60)
    page = planted.get(NEARBY, **AROUND, facets="category,distance")
    assert page["facets"]["approximate"] is True
    facts = planted.scenes["facts"]
    expected: Counter[str] = Counter()
    for city_id in (2, 3):
        near = [facts[item["place_id"]] for item in planted.walk(NEARBY, **AROUND, limit=100)]
        for place in [place for place in near if place["city"] == city_id][:60]:
            expected.update(ABOVE[place["category"]])
    assert counts(page, "category") == expected


@pytest.mark.parametrize("given", ["", "fame", "price,", "price, category"])
def test_facets_that_are_not_there_are_refused(planted: Planted, given: str) -> None:
    assert planted.refused(NEARBY, **AROUND, facets=given) == (400, "invalid-parameter")
