"""What happens at the same time: two uploads, searches during activations, pages over activation and rollback."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.clock import system_clock
from app.core.db import open_database
from app.coupons.search_rows import follow_places
from app.factory import create_app
from app.imports import actions
from app.imports.errors import LoadInProgress
from app.imports.types_jobs import Upload, Wanted
from app.imports.uploads import folder_of
from app.places import overlays
from app.places.queries_edits import Author
from tests.app.imports.loadfiles import CITY, NOW, ORIGIN, place
from tests.factories.loads import KIND, Town, lines_of

SEARCH = "/v1/places/nearby?lat=-17&lon=179.9&radius_m=5000"
ANSWERS = 1_000


def named(word: str, count: int) -> list[dict[str, Any]]:
    """Places with the same keys in every version, whose names say which one it is."""
    return [place(f"k{n}", 179.9 + n / 10_000, name=f"{word} {n}") for n in range(count)]


def page(app: Flask, more: str = "") -> dict[str, Any]:
    """An answer to the search."""
    answer = app.test_client().get(SEARCH + more)
    assert answer.status_code == 200, answer.get_json()
    return dict(answer.get_json())


def words(answer: dict[str, Any]) -> set[str]:
    """Which versions an answer's names come from."""
    return {item["name"].split()[0] for item in answer["items"]}


def test_of_two_uploads_at_once_one_wins_whole(town: Town) -> None:
    for turn in range(5):
        together = threading.Barrier(2)
        bodies = [lines_of([place(f"t{turn}-{each}")]) for each in range(2)]

        def send(body: bytes, gate: threading.Barrier = together) -> tuple[int, dict[str, Any]]:
            gate.wait()
            answer = town.send(body)
            return answer.status_code, answer.get_json()

        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(send, bodies))
        assert sorted(status for status, _ in answers) == [202, 409], answers
        won = next(told for status, told in answers if status == 202)
        lost = next(told for status, told in answers if status == 409)
        assert (lost["code"], lost["version"]) == ("load-in-progress", won["version"])
        assert len(list(folder_of(town.settings).iterdir())) == len(
            town.rows("SELECT 1 FROM import_jobs WHERE file_key IS NOT NULL")
        )
        assert town.work() == ["staged"]
        assert town.version(won["version"])["counts"]["stored"] == 1
        town.post(f"{KIND}/versions/{won['version']}/discard")
        town.work()


def test_a_load_that_nobody_can_see_yet_refuses_others_as_one_that_is_seen(town: Town) -> None:
    wanted = Wanted(CITY, "places", Upload("a.csv", 1, bytes(32), None), ORIGIN, {}, dry_run=False)
    with town.owner.connect() as first, town.owner.connect() as second:  # a command line's load: one transaction
        actions.open_version(first, wanted, "command line:anna", NOW)
        answer = town.send([place("a")])
        told = answer.get_json()
        assert (answer.status_code, told["code"], told["retryable"]) == (409, "load-in-progress", True), told
        assert answer.headers["Retry-After"] == "5"
        assert "by command line" in told["detail"]
        second.execute(sa.text("SET lock_timeout = '30s'"))
        with pytest.raises(LoadInProgress, match="by command line"):
            actions.open_version(second, wanted, "command line:bert", NOW)
        patience = second.execute(sa.text("SELECT current_setting('lock_timeout')")).scalar_one()
        assert patience == "30s", "the transaction goes on, with its own patience"
        first.rollback()
    assert not list(folder_of(town.settings).glob("*.part"))
    again = town.send([place("a")])
    assert again.status_code == 202


def test_each_answer_during_activations_is_wholly_old_or_wholly_new(town: Town) -> None:
    town.shown(named("old", 20))
    staged = town.loaded(named("new", 20))
    where = f"{KIND}/versions/{staged['version']}"
    town.post(f"{where}/approve", {"note": "all renamed"}, by=(town.second, "operator"))
    other = create_app(town.settings, database=open_database(town.settings))  # another worker, with caches of its own
    apps = (town.app, other)
    over = threading.Event()
    seen: list[frozenset[str]] = []

    def search(app: Flask) -> None:
        while not over.is_set():
            answer = page(app, "&limit=20")
            assert len(answer["items"]) == 20
            seen.append(frozenset(words(answer)))

    with ThreadPoolExecutor(4) as pool:
        running = [pool.submit(search, app) for app in (*apps, *apps)]
        try:
            turns = 0
            while len(seen) < ANSWERS or turns < 4:
                forth = turns % 2 == 0
                asked = (
                    town.post(f"{where}/activate", {"note": "again"})
                    if forth
                    else town.post(f"{KIND}/rollback", {"note": "back"})
                )
                assert asked.status_code == 202, asked.get_json()
                assert town.work() == ["active"]
                expected = {"new"} if forth else {"old"}
                assert [words(page(app)) for app in apps] == [expected, expected]  # at once, in every process
                turns += 1
        finally:
            over.set()
        for each in running:
            each.result()
    assert len(seen) >= ANSWERS
    assert set(seen) == {frozenset({"old"}), frozenset({"new"})}


def test_pages_end_on_the_version_that_they_began_with(town: Town) -> None:
    """T17 of the design, forth and back."""
    first = town.shown(named("one", 25))
    open_before = page(town.app, "&limit=10")
    second = town.shown(named("two", 25))
    open_between = page(town.app, "&limit=10")

    def rest(begun: dict[str, Any]) -> tuple[set[str], int]:
        found, ids = words(begun), {item["place_id"] for item in begun["items"]}
        cursor = begun["next_cursor"]
        while cursor:
            answer = page(town.app, f"&limit=10&cursor={cursor}")
            found |= words(answer)
            ids |= {item["place_id"] for item in answer["items"]}
            cursor = answer["next_cursor"]
        return found, len(ids)

    assert rest(open_before) == ({"one"}, 25)
    assert town.post(f"{KIND}/rollback", {"note": "back"}).status_code == 202
    town.work()
    assert words(page(town.app)) == {"one"}
    assert rest(open_between) == ({"two"}, 25)
    # Another load and its discard take no slot that pages read, nor the one that a rollback shows again.
    for turn in range(4):
        number = town.loaded(named(f"more{turn}", 25))["version"]
        town.post(f"{KIND}/versions/{number}/discard")
        town.work()
    assert rest(open_before) == ({"one"}, 25)
    assert town.version(first["version"])["active"]
    assert town.version(second["version"])["state"] == "retired"


def test_a_place_that_a_correction_moves_in_an_older_version_is_told_once(town: Town) -> None:
    """Pages began on the version that is shown again later, with what was corrected in between."""
    town.shown(named("before", 25))
    begun = page(town.app, "&limit=10")
    town.shown(named("between", 25))
    moved = UUID(begun["items"][0]["place_id"])
    with town.owner.begin() as conn:
        there = {"lon": 179.9024, "lat": -17.0}
        author = Author(UUID(int=1), "seen on the spot")
        overlays.correct(conn, CITY, moved, "move", there, author, system_clock(), follow_places)
    assert town.post(f"{KIND}/rollback", {"note": "back"}).status_code == 202
    assert town.work() == ["active"]
    told = [item["place_id"] for item in begun["items"]]
    answer = begun
    while answer["next_cursor"]:
        answer = page(town.app, f"&limit=10&cursor={answer['next_cursor']}")
        told += [item["place_id"] for item in answer["items"]]
    assert len(told) == len(set(told)) == 25
