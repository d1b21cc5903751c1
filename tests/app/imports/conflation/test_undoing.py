"""What became of a merged place's corrections until the merge is undone, and of plans until they are carried out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Connection

from app.coupons.search_rows import follow_places
from app.imports import actions
from app.imports.conflation.deciding import decide, mark_duplicate
from app.imports.types import LoadReport
from app.places import overlays
from tests.app.imports.conflation.test_one_place_once import AUTHOR, HOME, WHO, by, ids, live, reviews
from tests.app.imports.loadfiles import CITY, LATER, NOW, place

Load = Callable[..., LoadReport]


def moons(one: str | None = None, other: str | None = None) -> list[dict[str, Any]]:
    """Two places that may be one, with their telephone numbers."""
    return [place("a", name="Blue Moon", phone=one), place("b", lat=-17.0008, name="Blue Moon", phone=other)]


def phone(town: Connection, version: int, place_id: UUID) -> str | None:
    found = sa.text("SELECT phone FROM place_facts WHERE version = :v AND place_id = :p")
    return town.execute(found, {"v": version, "p": place_id}).scalar_one()


def correct(town: Connection, place_id: UUID, value: str) -> UUID:
    return overlays.correct(town, CITY, place_id, "phone", value, AUTHOR, NOW, follow_places).overlay_id


def merged_pair(town: Connection, load: Load) -> tuple[UUID, UUID, UUID]:
    """The review, what stays, and what goes with a correction of its telephone number."""
    load(moons(), activate=True)
    (review,) = reviews(town, "open")
    correct(town, review.other_id, "+679 330 2222")
    decide(town, CITY, review.review_id, by("merge"), NOW)
    assert phone(town, 1, review.place_id) == "+679 330 2222"
    return review.review_id, review.place_id, review.other_id


def test_a_correction_that_the_other_place_made_needless_is_in_force_again(town: Connection, load: Load) -> None:
    review, kept, merged = merged_pair(town, load)
    said = {"one" if ids(town, 1)["a"] == kept else "other": "+679 330 2222"}
    load(moons(**said), activate=True, now=LATER)
    states = town.execute(sa.text("SELECT state FROM place_overlays WHERE field = 'phone'")).scalars().all()
    assert states == ["retired"]
    decide(town, CITY, review, by("undo"), LATER)
    assert (phone(town, 2, kept), phone(town, 2, merged)) == ("+679 330 2222", "+679 330 2222")


def test_a_correction_that_gave_way_to_one_of_the_place_that_stays_is_in_force_again(
    town: Connection, load: Load
) -> None:
    review, kept, merged = merged_pair(town, load)
    correct(town, kept, "+679 330 3333")
    decide(town, CITY, review, by("undo"), LATER)
    assert (phone(town, 1, kept), phone(town, 1, merged)) == ("+679 330 3333", "+679 330 2222")


def test_a_correction_that_was_taken_back_meanwhile_stays_taken_back(town: Connection, load: Load) -> None:
    review, kept, merged = merged_pair(town, load)
    moved = town.execute(sa.text("SELECT overlay_id FROM place_overlays WHERE field = 'phone'")).scalar_one()
    overlays.withdraw(town, CITY, moved, LATER, follow_places)
    decide(town, CITY, review, by("undo"), LATER)
    assert (phone(town, 1, kept), phone(town, 1, merged)) == (None, None)


def test_a_word_on_the_merged_place_itself_stands_after_the_undo(town: Connection, load: Load) -> None:
    review, kept, merged = merged_pair(town, load)
    correct(town, merged, "+679 330 4444")
    decide(town, CITY, review, by("undo"), LATER)
    assert (phone(town, 1, kept), phone(town, 1, merged)) == (None, "+679 330 4444")


def test_keys_that_changed_places_twice_are_each_of_one_place_after_an_undo(town: Connection, load: Load) -> None:
    """Of three places that are one, first one and then another stands in for the one that stays."""
    a, b, c = (place(key, 179.9 + lon, name=name) for key, lon, name in (
        ("a", 0.0, "Blue Moon"), ("b", 0.02, "Red Sun"), ("c", 0.04, "Old Inn")))  # fmt: skip
    load([a, b, c], activate=True)
    found = ids(town, 1)
    mark_duplicate(town, CITY, found["c"], found["b"], AUTHOR, "operator:9", NOW)
    mark_duplicate(town, CITY, found["b"], found["a"], AUTHOR, "operator:9", NOW)
    for alone in (c, b):
        load([alone], activate=True, now=LATER)
    assert live(town, 3) == {found["a"]}
    parted = sa.text("SELECT review_id FROM reviews WHERE state = 'done' AND other_id = :c")
    review = town.execute(parted, {"c": found["c"]}).scalar_one()
    decide(town, CITY, review, by("undo"), LATER)
    report = load([a, b, c], activate=True, now=LATER)
    assert (report.stored, report.refused) == (3, 0)
    assert live(town, 4) == {found["a"], found["c"]}
    assert ids(town, 4)["c"] == found["c"]


def test_a_merge_is_undone_when_each_states_what_was_the_other_ones(town: Connection, load: Load) -> None:
    """One stood in for the other in a version, and both came back with the next."""
    a, b = place("a", name="Blue Moon"), place("b", 179.92, name="Red Sun")
    load([a, b], activate=True)
    kept, merged = ids(town, 1)["a"], ids(town, 1)["b"]
    mark_duplicate(town, CITY, merged, kept, AUTHOR, "operator:9", NOW)
    load([b], activate=True, now=LATER)
    load([a, b], activate=True, now=LATER)
    assert live(town, 3) == {kept}
    (done,) = reviews(town, "done")
    decide(town, CITY, done.review_id, by("undo"), LATER)
    assert live(town, 3) == {kept, merged}
    load([b, a], activate=True, now=LATER)
    assert live(town, 4) == {kept, merged}
    assert ids(town, 4) == {"a": kept, "b": merged}


def plan(town: Connection, load: Load) -> tuple[Any, UUID]:
    """Two places that readers know as two, a version that waits in which they will be one; and a third place."""
    a, c = place("a", name="Blue Moon", address=HOME), place("c", 179.97)
    load([a, place("b", 179.95, name="Blue Moon", address=HOME), c], activate=True)
    load([a, place("b", name="Blue Moon", address=HOME), c], now=LATER)
    (planned,) = reviews(town, "planned")
    return planned, ids(town, 1)["c"]


def take_over(town: Connection, place_id: UUID) -> None:
    merchant = "INSERT INTO merchants (merchant_id, names, state, home_city_id, created_at)"
    town.execute(sa.text(f"{merchant} VALUES (:m, '{{}}', 'active', 7, :n)"), {"m": WHO, "n": NOW})
    run = "INSERT INTO place_operators (city_id, place_id, merchant_id, since) VALUES (7, :p, :m, :n)"
    town.execute(sa.text(run), {"p": place_id, "m": WHO, "n": NOW})


def test_a_place_that_a_merchant_took_over_while_the_version_waited_is_not_merged_away(
    town: Connection, load: Load
) -> None:
    planned, third = plan(town, load)
    take_over(town, planned.other_id)
    actions.activate(town, CITY, "places", 2, LATER)
    assert live(town, 2) == {planned.place_id, planned.other_id, third}
    (asked,) = reviews(town, "open")
    assert asked.review_id == planned.review_id
    decide(town, CITY, asked.review_id, by("merge"), LATER)
    assert live(town, 2) == {planned.other_id, third}


def test_a_plan_is_dropped_when_a_person_merged_its_place_into_another(town: Connection, load: Load) -> None:
    planned, third = plan(town, load)
    mark_duplicate(town, CITY, planned.other_id, third, AUTHOR, "operator:9", NOW)
    actions.activate(town, CITY, "places", 2, LATER)
    assert live(town, 2) == {planned.place_id, third}
    assert [row.review_id for row in reviews(town, "lapsed")] == [planned.review_id]
    (done,) = reviews(town, "done")
    decide(town, CITY, done.review_id, by("undo"), LATER)
    assert live(town, 2) == {planned.place_id, planned.other_id, third}


def test_a_plan_is_dropped_when_a_person_merged_the_place_that_would_stay(town: Connection, load: Load) -> None:
    planned, third = plan(town, load)
    mark_duplicate(town, CITY, planned.place_id, third, AUTHOR, "operator:9", NOW)
    actions.activate(town, CITY, "places", 2, LATER)
    assert live(town, 2) == {planned.other_id, third}
    load([place("b", name="Blue Moon", address=HOME)], activate=True, now=LATER)
    keys = town.execute(sa.text("SELECT coalesce(merged_from, place_id) FROM place_sources")).scalars().all()
    assert len(keys) == len(set(keys)) == 3


def test_a_plan_is_dropped_when_it_would_lead_in_a_circle(town: Connection, load: Load) -> None:
    planned, third = plan(town, load)
    mark_duplicate(town, CITY, planned.place_id, third, AUTHOR, "operator:9", NOW)
    mark_duplicate(town, CITY, third, planned.other_id, AUTHOR, "operator:9", NOW)
    actions.activate(town, CITY, "places", 2, LATER)
    assert live(town, 2) == {planned.other_id}
