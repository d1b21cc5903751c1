"""A copy that follows the feed is what readers see, whatever happened meanwhile."""

from __future__ import annotations

import random
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.core.clock import system_clock
from app.coupons.search_rows import follow_places
from app.discovery import queries_changes
from app.imports import actions, purging
from app.imports.conflation.deciding import Decision, decide
from app.places.actions import apply
from app.places.edits import Close, Move, Reopen
from app.places.queries_edits import Author
from geo.coordinates import LonLat
from tests.app.imports.loadfiles import CITY, place, region
from tests.factories.loads import Town

AUTHOR = Author(UUID(int=1), "checked on the spot")
Copy = dict[tuple[str, str], Any]


class Follower:
    """Somebody's copy, brought up to date page by page."""

    def __init__(self, town: Town, city: str | None = "town") -> None:
        self.town, self.city = town, city
        self.since: str | None = None
        self.copy: Copy = {}
        self.told = 0

    def page(self, limit: int) -> bool:
        """One page; whether there is more."""
        asked = {"limit": limit} | ({"city": self.city} if self.city else {})
        answer = self.town.app.test_client().get(
            "/v1/changes", query_string=asked | ({"since": self.since} if self.since else {})
        )
        if answer.status_code == 410:
            self.since, self.copy = None, {}
            return True
        assert answer.status_code == 200, answer.get_json()
        found = answer.get_json()
        assert len(found["items"]) <= limit
        for item in found["items"]:
            key = (item["type"], item["id"])
            self.told += 1
            if item["op"] == "delete":
                self.copy.pop(key, None)
            else:
                self.copy[key] = item[item["type"]]
        self.since = found["next_since"]
        return bool(found["more"])

    def catch_up(self, limit: int = 500) -> Copy:
        """Pages until there are no more."""
        for _ in range(10_000):
            if not self.page(limit):
                return self.copy
        raise AssertionError("the feed never ends")


def seen(town: Town) -> Copy:
    """What readers see, read from the tables by a plain statement of the test's own."""
    rows = town.rows("""
        SELECT f.place_id::text AS id, f.name, f.category_id, f.phone, h.opening_hours,
               round(st_x(f.location::geometry)::numeric, 6)::float AS lon
        FROM place_facts f JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (f.city_id, 'places', f.version)
        LEFT JOIN hours_patterns h ON (h.city_id, h.version, h.hours_no) = (f.city_id, f.version, f.hours_no)
        WHERE f.city_id = 7 AND NOT f.closed""")
    regions = town.rows("""
        SELECT f.region_id::text AS id, f.region_code, f.names FROM region_facts f
        JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (f.city_id, 'regions', f.version)
        WHERE f.city_id = 7""")
    return {("place", row.id): (row.name, row.category_id, row.phone, row.opening_hours, row.lon) for row in rows} | {
        ("region", row.id): (row.region_code, row.names) for row in regions
    }


def short(copy: Copy) -> Copy:
    """A copy in the words of ``seen``."""
    return {
        key: (
            (
                held["name"], held["category_id"], held["phone"], held["opening_hours"],
                round(held["location"]["lon"], 6),
            )
            if key[0] == "place"
            else (held["region_code"], held["names"])
        )
        for key, held in copy.items()
    }  # fmt: skip


def edit(town: Town, draw: random.Random) -> None:
    """A place that readers see moves, closes, or is back."""
    known = town.rows("""SELECT f.place_id, f.closed FROM place_facts f JOIN active_dataset a
        ON (a.city_id, a.kind, a.version) = (f.city_id, 'places', f.version) WHERE f.city_id = 7
        ORDER BY f.source_key""")
    if not known:
        return
    row = draw.choice(known)
    change: Any = Reopen(row.place_id) if row.closed else draw.choice(
        [Close(row.place_id), Move(row.place_id, LonLat(179.9 + draw.randrange(50) / 1000, -17.0))]
    )  # fmt: skip
    with town.owner.begin() as conn:
        apply(conn, CITY, [change], AUTHOR, system_clock(), follow=follow_places)


def a_load(town: Town, draw: random.Random, tmp_path: Any, number: int) -> None:
    """Another version of places or regions, shown at once."""
    from app.imports.types import LoadRequest
    from tests.app.imports.loadfiles import ORIGIN
    from tests.factories.loads import lines_of

    kind = draw.choice(["places", "places", "places", "regions"])
    if kind == "places":
        keys = draw.sample(range(12), draw.randrange(1, 12))
        rows = [
            place(
                f"p{key}", 179.9 + draw.randrange(3) / 100, name=f"P{key} {draw.randrange(2)}",
                opening_hours=draw.choice([None, "Mo-Fr 09:00-18:00", "24/7"]),
            )
            for key in keys
        ]  # fmt: skip
    else:
        rows = [region(f"r{key}", region_code=f"c{draw.randrange(3)}") for key in draw.sample(range(4), 2)]
    path = tmp_path / f"{kind}{number}.geojsonl"
    path.write_bytes(lines_of([*rows]))
    now = system_clock()
    with town.owner.begin() as conn:
        report = actions.load(conn, LoadRequest(CITY, kind, path, ORIGIN, max_refused_share=1.0), now)
        if report.outcome == "staged":
            actions.activate(conn, CITY, kind, report.version, now)


def go_back(town: Town, draw: random.Random) -> None:
    """The version before is shown again, where there is one."""
    from app.imports.errors import UnknownVersion

    with town.owner.begin() as conn:
        try:
            actions.rollback(conn, CITY, draw.choice(["places", "regions"]), system_clock())
        except UnknownVersion:
            return


@pytest.mark.parametrize("seed", range(2))
def test_a_copy_is_what_readers_see_after_any_sequence(
    town: Town, tmp_path: Any, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    draw = random.Random(seed)
    for name in ("_PLACES_UPTO", "_REGIONS_UPTO"):  # windows of five ids, so that a few places fill several
        made = str(getattr(queries_changes, name)).replace(str(queries_changes.WINDOW), "5")
        monkeypatch.setattr(queries_changes, name, sa.text(made))
    followers = [Follower(town), Follower(town), Follower(town, None)]
    for number in range(28):
        what = draw.random()
        if what < 0.3:
            a_load(town, draw, tmp_path, number)
        elif what < 0.7:
            edit(town, draw)
        elif what < 0.85:
            go_back(town, draw)
        for follower in followers:  # some read a page or two at times, in the middle of everything
            for _ in range(draw.choice([0, 0, 1, 2])):
                follower.page(draw.choice([1, 2, 3, 7]))
    expected = seen(town)
    assert expected
    for follower in followers:
        assert short(follower.catch_up(draw.choice([1, 4, 500]))) == expected
        told = follower.told
        follower.catch_up()
        assert follower.told == told, "told again what did not change"


def test_an_activation_is_told_as_what_differs_and_an_edit_alone(town: Town) -> None:
    before = [place(f"d{n}") for n in range(40)]
    town.shown(before)
    follower = Follower(town)
    follower.catch_up()
    start = follower.told
    after = [*before[:-1], place("new")]
    after[0]["properties"]["name"] = "Renamed"
    town.shown(after)
    follower.catch_up()
    assert follower.told - start == 3  # one renamed, one gone, one new
    with town.owner.begin() as conn:
        place_id = UUID(next(key[1] for key, held in follower.copy.items() if held.get("name") == "Renamed"))
        apply(conn, CITY, [Close(place_id)], AUTHOR, system_clock(), follow=follow_places)
    follower.catch_up()
    assert follower.told - start == 4
    assert ("place", str(place_id)) not in follower.copy


def test_a_place_that_was_merged_before_the_next_version_came_is_told(town: Town) -> None:
    """Neither version states the merged place, whose id is the last of all."""
    far = place("stays", 179.95)
    town.shown([place("old:1", name="Silver Fish"), far])
    town.shown([place("new:1", lat=-17.0008, name="Silver Fish"), far])
    follower = Follower(town)
    assert short(follower.catch_up()) == seen(town)
    (review,) = town.rows("SELECT review_id FROM reviews WHERE state = 'open' AND kind = 'duplicate'")
    with town.owner.begin() as conn:
        decide(conn, CITY, review.review_id, Decision("merge", None, UUID(int=1), "operator:1"), system_clock())
    town.shown([place("new:1", lat=-17.0008, name="Silver Fish", phone="+679 330 1111"), far])
    assert short(follower.catch_up()) == seen(town)


def test_a_copy_of_a_purged_version_has_to_begin_anew(town: Town) -> None:
    town.shown([place("z0")])
    follower = Follower(town)
    follower.catch_up()
    held = follower.since
    for n in range(1, 4):
        town.shown([place("z0"), place(f"z{n}")])
    from datetime import timedelta

    late = system_clock() + timedelta(hours=1)
    with town.owner.begin() as conn:
        purging.retire_old(conn, CITY, late, 3)
    answer = town.app.test_client().get("/v1/changes", query_string={"city": "town", "since": held})
    assert (answer.status_code, answer.get_json()["code"]) == (410, "expired-cursor")
    assert "begin without since" in answer.get_json()["detail"]
    town.work(at=late)
    assert short(follower.catch_up()) == seen(town)


@pytest.mark.parametrize("since", ["x", "AAAA", ""])
def test_a_token_that_is_none_of_ours_is_refused(town: Town, since: str) -> None:
    answer = town.app.test_client().get("/v1/changes", query_string={"since": since})
    assert answer.status_code == 400
    assert answer.get_json()["errors"][0]["parameter"] == "since"


def test_a_token_of_one_city_is_no_token_of_another(town: Town) -> None:
    follower = Follower(town)
    follower.catch_up()
    answer = town.app.test_client().get("/v1/changes", query_string={"city": "village", "since": follower.since})
    assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid-cursor")
    unknown = town.app.test_client().get("/v1/changes?city=atlantis")
    assert (unknown.status_code, unknown.get_json()["code"]) == (400, "unknown-city")
