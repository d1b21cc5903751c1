"""One place once: duplicates in a file, a change of source, merges by a person and their undoing; real loads."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection

from app.coupons.search_rows import follow_places
from app.imports import actions
from app.imports.conflation.deciding import Decision, decide, mark_duplicate
from app.imports.types import LoadReport
from app.places import overlays
from app.places.errors import BothRun, DecisionNotOffered, ReviewOver
from app.places.queries_edits import Author
from tests.app.imports.loadfiles import CITY, LATER, NOW, place

Load = Callable[..., LoadReport]
WHO = UUID(int=9)
AUTHOR = Author(WHO, "seen on the spot")
HOME = {"street": "High Street", "house_number": "12"}


def by(decision: str, **more: Any) -> Decision:
    return Decision(decision, "looked", WHO, "operator:9", **more)


def ids(town: Connection, version: int) -> dict[str, UUID]:
    """Places of a version by source key."""
    rows = town.execute(sa.text("SELECT source_key, place_id FROM place_facts WHERE version = :v"), {"v": version})
    return {row.source_key: row.place_id for row in rows}


def live(town: Connection, version: int) -> set[UUID]:
    """Places that searches find in a version: those with a search row in the lane of all."""
    shown = town.execute(sa.text("SELECT place_id FROM postings WHERE slot = :s AND facet = 0"), {"s": version % 4})
    rows = town.execute(sa.text("SELECT place_id FROM place_facts WHERE version = :v AND NOT closed"), {"v": version})
    found, facts = set(shown.scalars()), set(rows.scalars())
    assert found == facts
    return found


def sources(town: Connection) -> dict[str, UUID]:
    return {
        row.source_key: row.place_id for row in town.execute(sa.text("SELECT source_key, place_id FROM place_sources"))
    }


def reviews(town: Connection, state: str) -> list[Any]:
    return list(
        town.execute(
            sa.text("SELECT review_id, place_id, other_id, score, evidence FROM reviews WHERE state = :s ORDER BY 1"),
            {"s": state},
        )
    )


def everything(town: Connection) -> dict[str, list[tuple[Any, ...]]]:
    """Rows of all tables that a merge touches; of corrections those in force."""
    tables = {
        "places": "places", "place_sources": "place_sources", "place_facts": "place_facts", "postings": "postings",
        "place_bases": "place_bases", "place_overlays": "place_overlays WHERE state = 'live'",
        "active_dataset": "active_dataset WHERE city_id = 7", "place_regions": "place_regions",
    }  # fmt: skip
    return {
        name: sorted((tuple(map(str, row)) for row in town.execute(sa.text(f"SELECT * FROM {table}"))), key=repr)
        for name, table in tables.items()
    }


def test_duplicates_of_a_file_are_one_when_it_is_shown_and_stay_one(town: Connection, load: Load) -> None:
    twins = [
        place("a", name="Blue Moon Café", address=HOME),
        place("b", lat=-17.00001, name="Blue Moon Cafe", address=HOME),
    ]
    load([*twins, place("c", lon=179.95)])
    a, b = ids(town, 1)["a"], ids(town, 1)["b"]
    kept, merged = min(a, b), max(a, b)
    assert town.execute(sa.text("SELECT count(*) FROM places WHERE moved_to IS NOT NULL")).scalar_one() == 0
    actions.activate(town, CITY, "places", 1, NOW)
    assert live(town, 1) == {kept, ids(town, 1)["c"]}
    assert sources(town)["a"] == sources(town)["b"] == kept
    row = town.execute(sa.text("SELECT moved_to, moved_at FROM places WHERE place_id = :p"), {"p": merged}).one()
    assert tuple(row) == (kept, NOW)
    load([*twins, place("c", lon=179.95), place("d", lon=179.97)], activate=True, now=LATER)
    assert live(town, 2) == {kept, ids(town, 2)["c"], ids(town, 2)["d"]}
    gone = "a" if ids(town, 2)["a"] == kept else "b"
    load([one for one in twins if one["properties"]["source_key"] != gone], activate=True, now=LATER)
    assert live(town, 3) == {kept}
    load(twins, activate=True, now=LATER)
    assert live(town, 4) == {kept}
    actions.rollback(town, CITY, "places", LATER)
    assert live(town, 3) == {kept}
    assert reviews(town, "open") == []


def test_change_of_source_keeps_ids_and_what_was_corrected(town: Connection, load: Load) -> None:
    first = [
        place("osm:1", name="Blue Moon", address=HOME),
        place("osm:2", lon=179.95, name="Red Sun", phone="+679 330 1111"),
        place("osm:3", lon=179.96, name="Old Inn"),
    ]
    second = [
        place("ov:1", lat=-17.0001, name="Blue Moon Café", names={"en": "Blue Moon"}, address=HOME),
        place("ov:2", lon=179.9501, name="Red Sun", phone="3301111"),
        place("ov:9", lon=179.97, name="New Bar"),
    ]
    load(first, activate=True)
    before = ids(town, 1)
    overlays.correct(town, CITY, before["osm:1"], "phone", "+679 330 2222", AUTHOR, NOW, follow_places)
    report = load(second, now=LATER)
    assert report.outcome == "staged"
    assert live(town, 1) == set(before.values())
    actions.activate(town, CITY, "places", 2, LATER)
    after = ids(town, 2)
    assert (after["ov:1"], after["ov:2"]) == (before["osm:1"], before["osm:2"])
    assert after["ov:9"] not in before.values()
    phone = town.execute(sa.text("SELECT phone FROM place_facts WHERE version = 2 AND source_key = 'ov:1'"))
    assert phone.scalar_one() == "+679 330 2222"
    load(second[:2], activate=True, now=LATER)  # the new keys know their places now
    assert set(ids(town, 3).values()) == {before["osm:1"], before["osm:2"]}
    load(first, activate=True, now=LATER)  # and the old source is at home again when it comes back
    assert ids(town, 4) == before
    load(first + second, activate=True, now=LATER)
    assert live(town, 5) == {*before.values(), after["ov:9"]}


def test_an_entry_that_people_corrected_in_a_version_taken_back_is_asked_about(town: Connection, load: Load) -> None:
    """A load that nobody sees may not bring its corrections to the place that readers see."""
    load([place("osm:1", name="Blue Moon", address=HOME)], activate=True)
    load([place("ov:1", lon=179.95, name="Red Sun")], activate=True, now=LATER)
    seen, corrected = ids(town, 1)["osm:1"], ids(town, 2)["ov:1"]
    assert seen != corrected
    overlays.correct(town, CITY, corrected, "phone", "+679 330 2222", AUTHOR, LATER, follow_places)
    actions.rollback(town, CITY, "places", LATER)
    load([place("ov:1", lat=-17.0001, name="Blue Moon Café", names={"en": "Blue Moon"}, address=HOME)], now=LATER)
    held = town.execute(sa.text("SELECT place_id, field FROM place_overlays WHERE state = 'live'")).all()
    assert list(map(tuple, held)) == [(corrected, "phone")]
    assert sources(town)["ov:1"] == corrected
    assert [(row.place_id, row.other_id) for row in reviews(town, "open")] == [(seen, corrected)]
    actions.activate(town, CITY, "places", 3, LATER)
    phone = town.execute(sa.text("SELECT phone FROM place_facts WHERE version = 3 AND source_key = 'ov:1'"))
    assert phone.scalar_one() == "+679 330 2222"


def test_merge_and_undo_give_the_same_rows_back(town: Connection, load: Load) -> None:
    """With a correction on each side, and the merged one carrying the only facts of the version."""
    load([place("a", name="Blue Moon"), place("b", lat=-17.0008, name="Blue Moon")], activate=True)
    (review,) = reviews(town, "open")
    kept, merged = review.place_id, review.other_id
    overlays.correct(town, CITY, merged, "phone", "+679 330 2222", AUTHOR, NOW, follow_places)
    overlays.correct(town, CITY, kept, "website", "https://example.test", AUTHOR, NOW, follow_places)
    before = everything(town)
    decide(town, CITY, review.review_id, by("merge"), LATER)
    assert live(town, 1) == {kept}
    said = town.execute(sa.text("SELECT phone, website FROM place_facts WHERE place_id = :p"), {"p": kept}).one()
    assert tuple(said) == ("+679 330 2222", "https://example.test")
    assert set(sources(town).values()) == {kept}
    with pytest.raises(ReviewOver, match="it was decided: merge; it takes undo"):
        decide(town, CITY, review.review_id, by("merge"), LATER)
    decide(town, CITY, review.review_id, by("undo"), LATER)
    assert everything(town) == before
    moved = [place("a", name="Blue Moon"), place("b", lat=-17.0007, name="Blue Moon")]
    load(moved, activate=True, now=LATER)
    assert live(town, 2) == {kept, merged}
    assert reviews(town, "open") == []  # the two are known to be apart


def test_merge_with_a_place_that_has_gone_and_undo(town: Connection, load: Load) -> None:
    """A question over a change of source: the new entry takes the old id, and gives it back."""
    load([place("osm:1", name="Blue Moon"), place("x", lon=179.95)], activate=True)
    old = ids(town, 1)["osm:1"]
    load([place("ov:1", lat=-17.0008, name="Blue Moon"), place("x", lon=179.95)], activate=True, now=LATER)
    (review,) = reviews(town, "open")
    fresh = ids(town, 2)["ov:1"]
    assert (review.place_id, review.other_id) == (old, fresh)
    before = everything(town)
    decide(town, CITY, review.review_id, by("merge"), LATER)
    assert ids(town, 2)["ov:1"] == old
    assert live(town, 2) == {old, ids(town, 2)["x"]}
    decide(town, CITY, review.review_id, by("undo"), LATER)
    assert everything(town) == before
    decide(town, CITY, review.review_id, by("undo"), LATER)  # apart is taken back too: it is a question again
    decide(town, CITY, review.review_id, by("merge"), LATER)
    load([place("ov:1", lat=-17.0008, name="Blue Moon")], activate=True, now=LATER)
    assert set(ids(town, 3).values()) == {old}


def test_planned_merge_can_be_kept_apart_before_it_is_shown(town: Connection, load: Load) -> None:
    load([place("a", name="Blue Moon", address=HOME), place("b", name="Blue Moon", address=HOME)])
    (review,) = reviews(town, "planned")
    decide_at = NOW + timedelta(hours=1)
    actions.activate(town, CITY, "places", 1, NOW)
    assert len(live(town, 1)) == 1
    decide(town, CITY, review.review_id, by("undo"), decide_at)
    assert len(live(town, 1)) == 2


def test_place_that_a_merchant_runs_stays_and_two_are_never_merged(town: Connection, load: Load) -> None:
    load([place("a", name="Blue Moon", address=HOME), place("x", lon=179.95)], activate=True)
    load(
        [
            place("a", name="Blue Moon", address=HOME),
            place("b", name="Blue Moon", address=HOME),
            place("x", lon=179.95),
        ],
        now=LATER,
    )
    town.execute(
        sa.text(
            "INSERT INTO merchants (merchant_id, names, state, home_city_id, created_at)"
            " VALUES (:m, '{}', 'active', 7, :n)"
        ),
        {"m": WHO, "n": NOW},
    )
    actions.activate(town, CITY, "places", 2, LATER)
    found = ids(town, 2)
    assert live(town, 2) == {found["a"], found["x"]}
    run = sa.text("INSERT INTO place_operators (city_id, place_id, merchant_id, since) VALUES (7, :p, :m, :n)")
    for key in ("a", "x"):
        town.execute(run, {"p": found[key], "m": WHO, "n": NOW})
    with pytest.raises(BothRun, match="runs each of the two"):
        mark_duplicate(town, CITY, found["x"], found["a"], AUTHOR, "operator:9", LATER)
    (done,) = reviews(town, "done")
    decide(town, CITY, done.review_id, by("undo"), LATER)
    with pytest.raises(BothRun, match="the other way round"):
        mark_duplicate(town, CITY, found["a"], found["b"], AUTHOR, "operator:9", LATER)
    mark_duplicate(town, CITY, found["b"], found["a"], AUTHOR, "operator:9", LATER)
    assert live(town, 2) == {found["a"], found["x"]}
    with pytest.raises(DecisionNotOffered, match="was merged into another"):
        mark_duplicate(town, CITY, found["b"], found["x"], AUTHOR, "operator:9", LATER)
