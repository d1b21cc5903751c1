"""Places by score and one place a merchant, against brute force in plain Python over what was planted.

Distances are the answer's own under sort=distance, which other tests prove; scores are worked out here anew.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from datetime import timedelta
from math import log1p
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_city_id
from tests.app.discovery.conftest import Planted
from tests.factories.worlds import NOW

NEARBY = "/v1/places/nearby"
CITY, TWIN, BARE, CHAINS = 2, 3, 4, 5
P99 = 40
AROUND = {"lat": 0, "lon": 0, "radius_m": 5000}


def popularity(redemptions: int) -> int:
    return round(1e6 * min(1.0, log1p(redemptions) / log1p(P99)))


def plant_ranks(planted: Planted, city_id: int, redemptions: Mapping[str, int], taken_at: Any = NOW) -> UUID:
    """A snapshot as ``fujin ranks`` leaves it."""
    snapshot = new_city_id(city_id)
    row = {"c": city_id, "s": snapshot, "at": taken_at, "n": len(redemptions), "p": P99 if redemptions else 0}
    planted.world.run("INSERT INTO rank_snapshots VALUES (:c, :s, :at, :n, :p)", row)
    if redemptions:
        planted.world.run(
            "INSERT INTO place_ranks VALUES (:c, :s, :place, :n, :ppm)",
            [{"c": city_id, "s": snapshot, "place": place, "n": n, "ppm": popularity(n)}
             for place, n in redemptions.items()],
        )  # fmt: skip
    return snapshot


@pytest.fixture(scope="module", autouse=True)
def scenes(planted: Planted) -> None:
    """Two cities on one ground, with ranks and coupons; one far away without a snapshot; one of chains."""
    drawn = random.Random(20261122)

    def scattered(count: int, lon: float = 0.0) -> list[dict[str, Any]]:
        return [
            {
                "lon": round(lon + drawn.gauss(0, 0.015), 7),
                "lat": round(drawn.gauss(0, 0.015), 7),
                "category": drawn.choice(["hotpot", "cafe", "bookshop"]),
            }
            for _ in range(count)
        ]

    ranks: dict[str, int] = {}
    couponed: set[str] = set()
    for city_id, count in ((CITY, 400), (TWIN, 150)):
        ids = planted.plant(city_id, scattered(count) + [{"lon": 0.01, "lat": 0}] * 3)
        chosen = {place: drawn.choice([1, 2, 5, 40, 90]) for place in drawn.sample(ids, count // 5)}
        plant_ranks(planted, city_id, chosen)
        ranks |= chosen
        some = drawn.sample(ids, count // 8)
        merchant = planted.world.merchant(city_id)
        planted.world.coupon(city_id, merchant, [UUID(place) for place in some])
        sold_out = drawn.sample(ids, 5)
        planted.world.coupon(city_id, merchant, [UUID(place) for place in sold_out], taken=10)
        couponed |= set(some)
    planted.scenes |= {"ranks": ranks, "couponed": couponed}
    planted.plant(BARE, scattered(30, 20.0))
    ids = planted.plant(CHAINS, scattered(300, 40.0))
    runs: dict[str, str] = {}
    for _ in range(12):
        own = drawn.sample([place for place in ids if place not in runs], drawn.choice([1, 4, 15]))
        merchant = planted.world.merchant(CHAINS, places=[UUID(place) for place in own])
        runs |= dict.fromkeys(own, str(merchant))
    plant_ranks(planted, CHAINS, {place: drawn.choice([1, 7, 60]) for place in drawn.sample(ids, 60)})
    planted.scenes["runs"] = runs


def score(place: str, distance_m: float, planted: Planted, weights: Mapping[str, float], bucket_m: int = 0) -> int:
    counted = distance_m // bucket_m * bucket_m if bucket_m else distance_m
    return round(
        1e6 * weights.get("distance", 0) * 0.5 ** (max(0.0, counted - 200) / 1000)
        + weights.get("popularity", 0) * popularity(planted.scenes["ranks"].get(place, 0))
        + 1e6 * weights.get("coupon", 0) * (place in planted.scenes["couponed"])
    )


def expected(
    planted: Planted, found: Iterable[Mapping[str, Any]], weights: Mapping[str, float], bucket_m: int = 0
) -> list[str]:
    keyed = sorted(
        (-score(item["place_id"], item["distance_m"], planted, weights, bucket_m), item["distance_m"], item["place_id"])
        for item in found
    )
    return [key[2] for key in keyed]


def ids(items: Iterable[Mapping[str, Any]]) -> list[str]:
    return [item["place_id"] for item in items]


BLENDS = (
    ({"distance": 0.5, "rating": 0.2, "popularity": 0.2, "coupon": 0.1}, 0),
    ({"distance": 0.5, "rating": 0.2, "popularity": 0.2, "coupon": 0.1}, 500),
    ({"distance": 1.0}, 0),
    ({"distance": 1.0}, 2000),
    ({"popularity": 1.0}, 0),
    ({"coupon": 1.0}, 0),
    ({"distance": 0.1, "popularity": 0.9}, 0),
    ({"rating": 1.0}, 0),
)


@pytest.mark.parametrize(("weights", "bucket_m"), BLENDS)
@pytest.mark.parametrize("limit", [7, 100])
def test_blend_is_what_brute_force_says_on_every_page(
    planted: Planted, weights: dict[str, float], bucket_m: int, limit: int
) -> None:
    asked = {"sort": "blend", "weights": ",".join(f"{name}:{value}" for name, value in weights.items())}
    for more in ({}, {"category": ["hotpot", "cafe"]}, {"radius_m": 700}):
        here = AROUND | more
        near = planted.walk(NEARBY, **here, limit=100)
        found = planted.walk(NEARBY, **here, **asked, distance_bucket_m=bucket_m, limit=limit)
        assert ids(found) == expected(planted, near, weights, bucket_m)
        for item in found:
            assert item["score"]["value"] == score(item["place_id"], item["distance_m"], planted, weights, bucket_m)


def test_a_score_explains_itself(planted: Planted) -> None:
    page = planted.get(NEARBY, **AROUND, sort="blend", limit=100)
    assert page["applied"]["weights"] == {"distance": 0.5, "rating": 0.2, "popularity": 0.2, "coupon": 0.1}
    for item in page["items"]:
        told, place = item["score"], item["place_id"]
        assert told["parts"]["popularity"] == popularity(planted.scenes["ranks"].get(place, 0)) / 1e6
        assert told["parts"]["coupon"] == float(place in planted.scenes["couponed"]) == float(item["coupon_count"] > 0)
        assert told["parts"]["distance"] == round(0.5 ** (max(0.0, item["distance_m"] - 200) / 1000), 6)
        assert told["parts"]["rating"] == 0.0
        assert told["missing"] == ["rating"]
        blend = sum(page["applied"]["weights"][name] * part for name, part in told["parts"].items())
        assert abs(told["value"] - 1e6 * blend) < 2
    assert planted.get(NEARBY, **AROUND)["items"][0]["score"] is None


def test_by_popularity_the_most_redeemed_come_first_then_the_nearest(planted: Planted) -> None:
    near = planted.walk(NEARBY, **AROUND, limit=100)
    found = planted.walk(NEARBY, **AROUND, sort="popularity", limit=30)
    assert ids(found) == expected(planted, near, {"popularity": 1.0})
    total = planted.get(NEARBY, **AROUND, sort="popularity")["total"]
    assert total == {"value": len(near), "relation": "eq"}
    shown = {item["place_id"]: item["score"]["parts"]["coupon"] for item in found}
    assert {place for place, part in shown.items() if part} == planted.scenes["couponed"] & shown.keys()


def test_a_city_without_a_snapshot_counts_the_median_and_says_so(planted: Planted) -> None:
    around = {"lat": 0, "lon": 20, "radius_m": 9000}
    page = planted.get(NEARBY, **around, sort="popularity", limit=100)
    assert page["applied"]["rank_snapshots"] == {str(BARE): None}
    assert ids(page["items"]) == ids(planted.get(NEARBY, **around, limit=100)["items"])
    assert {tuple(item["score"]["missing"]) for item in page["items"]} == {("rating", "popularity")}


def test_weights_are_normalised_and_what_is_left_out_weighs_nothing(planted: Planted) -> None:
    page = planted.get(NEARBY, **AROUND, sort="blend", weights="distance:3,coupon:1", distance_bucket_m=250)
    assert page["applied"]["weights"] == {"distance": 0.75, "rating": 0.0, "popularity": 0.0, "coupon": 0.25}
    assert page["applied"]["distance_bucket_m"] == 250
    assert page["applied"]["sort"] == "blend"


@pytest.mark.parametrize(
    "weights", ["", "distance", "distance:", "distance:-1", "distance:1e3", "distance:nan", "distance:0,coupon:0",
                "distance:1,distance:1", "fame:1", "distance:1,", "distance: 1", "distance:0.1234567"],
)  # fmt: skip
def test_weights_that_say_nothing_clear_are_refused(planted: Planted, weights: str) -> None:
    assert planted.refused(NEARBY, **AROUND, sort="blend", weights=weights)[0] == 400


def test_ratings_are_refused_by_name(planted: Planted) -> None:
    assert planted.refused(NEARBY, **AROUND, sort="rating") == (400, "ratings-missing")
    assert planted.refused(NEARBY, **AROUND, min_rating=4) == (400, "ratings-missing")
    assert planted.refused(NEARBY, **AROUND, min_rating=6) == (400, "invalid-parameter")


def test_scores_and_merchants_are_not_told_around_a_cell(planted: Planted) -> None:
    for more in ({"sort": "blend"}, {"sort": "popularity"}, {"collapse": "merchant"}):
        assert planted.refused(NEARBY, cell="s00000", **more) == (400, "conflicting-parameters")


def test_weights_and_buckets_go_with_blend_alone(planted: Planted) -> None:
    for sort in ("distance", "popularity"):
        assert planted.refused(NEARBY, **AROUND, sort=sort, weights="distance:1") == (400, "invalid-parameter")
        assert planted.refused(NEARBY, **AROUND, sort=sort, distance_bucket_m=10) == (400, "invalid-parameter")


def test_a_cursor_of_one_order_is_no_cursor_of_another(planted: Planted) -> None:
    cursor = planted.get(NEARBY, **AROUND, sort="blend", limit=5)["next_cursor"]
    for other in ({}, {"sort": "popularity"}, {"sort": "blend", "weights": "distance:1"}, {"collapse": "merchant"},
                  {"sort": "blend", "distance_bucket_m": 100}):  # fmt: skip
        assert planted.refused(NEARBY, **AROUND, **other, limit=5, cursor=cursor) == (400, "invalid-cursor")


def test_pages_keep_to_their_snapshot_until_it_is_purged(planted: Planted) -> None:
    shown = planted.walk(NEARBY, **AROUND, sort="popularity", limit=100)
    before = ids(shown)
    page = planted.get(NEARBY, **AROUND, sort="popularity", limit=50)
    told, asked = ids(page["items"]), {"sort": "popularity", "limit": 50}
    others = ids(item for item in shown if item["city_id"] == CITY)[::-1]
    newer = plant_ranks(planted, CITY, dict.fromkeys(others[:40], 90), NOW + timedelta(hours=1))
    assert ids(planted.get(NEARBY, **AROUND, **asked)["items"]) != told
    cursor = page["next_cursor"]
    while cursor:
        page = planted.get(NEARBY, **AROUND, **asked, cursor=cursor)
        told, cursor = told + ids(page["items"]), page["next_cursor"]
    assert told == before
    cursor = planted.get(NEARBY, **AROUND, **asked)["next_cursor"]
    for table in ("place_ranks", "rank_snapshots"):
        planted.world.run(f"DELETE FROM {table} WHERE city_id = :c AND snapshot_id = :s", {"c": CITY, "s": newer})
    assert planted.refused(NEARBY, **AROUND, **asked, cursor=cursor) == (410, "expired-cursor")


@pytest.mark.parametrize("sort", ["blend", "popularity", "distance"])
def test_of_each_merchant_the_nearest_place_stays(planted: Planted, sort: str) -> None:
    runs = planted.scenes["runs"]
    for more in ({}, {"category": "hotpot"}, {"category": ["cafe", "bookshop"]}):
        around = {"lat": 0, "lon": 40, "radius_m": 2500} | more
        seen: set[str] = set()
        stay: list[str] = []
        for item in planted.walk(NEARBY, **around, limit=100):
            who = runs.get(item["place_id"], item["place_id"])
            if who not in seen:
                stay.append(item["place_id"])
            seen.add(who)
        every = ids(planted.walk(NEARBY, **around, sort=sort, limit=100))
        for limit in (3, 20, 100):
            page = planted.get(NEARBY, **around, sort=sort, collapse="merchant", limit=limit)
            assert page["total"] == {"value": len(stay), "relation": "eq"}
            walked = planted.walk(NEARBY, **around, sort=sort, collapse="merchant", limit=limit)
            assert ids(walked) == [place for place in every if place in stay]


def test_pages_by_score_are_stable_while_places_come(planted: Planted) -> None:
    around = {"lat": 0, "lon": 20, "radius_m": 9000, "sort": "blend", "limit": 5}
    page = planted.get(NEARBY, **around)
    first = ids(page["items"])
    whole = ids(planted.walk(NEARBY, **around))
    nearer, farther = (
        str(found) for found in planted.world.places(BARE, 1, [{"lon": 20.0, "lat": 0.0}, {"lon": 20.07, "lat": 0.0}])
    )
    told, cursor = first, page["next_cursor"]
    while cursor:
        page = planted.get(NEARBY, **around, cursor=cursor)
        told, cursor = told + ids(page["items"]), page["next_cursor"]
    assert nearer not in told
    assert [place for place in told if place != farther] == whole
    assert told[-1] == farther
