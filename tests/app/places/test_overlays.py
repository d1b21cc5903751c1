"""Corrections of the version that readers see: true in every search at once, taken back wholly, ended by time."""

from __future__ import annotations

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from app.core.ids import new_city_id
from app.coupons.search_rows import follow_places
from app.places import edits, overlays
from app.places.errors import InvalidEdit, OverlayOver, UnknownPlace
from app.places.queries_edits import Author
from tests.app.places.conftest import AUTHOR, CITY, Edited
from tests.factories.worlds import NOW

CHANGES: dict[str, Any] = {
    "names": {"local": "Silver Fish"},
    "category_id": "cafe",
    "alternate_category_ids": ["bookshop"],
    "address": {"street": "Long Street", "house_number": "1"},
    "phone": "+49 30 1234567",
    "website": "https://example.test",
    "opening_hours": "Mo-Sa 08:00-20:00",
    "workday_calendar": True,
    "price_level": 4,
    "attributes": {"takeaway": True},
    "move": {"lon": 10.5, "lat": 50.2},
    "hide": True,
}


def correct(edited: Edited, place: UUID, field: str, value: Any, author: Author = AUTHOR) -> UUID:
    with edited.writer.begin() as conn:
        return overlays.correct(conn, CITY, place, field, value, author, NOW, follow_places).overlay_id


def withdraw(edited: Edited, overlay: UUID) -> None:
    with edited.writer.begin() as conn:
        assert overlays.withdraw(conn, CITY, overlay, NOW, follow_places) is not None


def facts(edited: Edited) -> list[tuple[Any, ...]]:
    found = edited.world.rows(
        "SELECT f.*, h.opening_hours FROM place_facts f LEFT JOIN hours_patterns h USING (city_id, version, hours_no)"
        " ORDER BY f.place_id"
    )
    return [tuple(row) for row in found]


def test_every_correction_shows_at_once_and_leaves_nothing_when_taken_back(edited: Edited) -> None:
    place = edited.ids[1]
    before, rows = facts(edited), edited.rows_written()
    made = [correct(edited, place, field, value) for field, value in CHANGES.items()]
    assert str(place) not in edited.near(10, 50) + edited.near(10.5, 50.2)
    withdraw(edited, made.pop())  # no longer hidden
    assert edited.near(10.5, 50.2, q="silver", category="cafe", price_min=4, has_coupon="true") == [str(place)]
    assert edited.rows_are_those_of_a_rebuild()
    for overlay in made:
        withdraw(edited, overlay)
    assert (facts(edited), edited.rows_written()) == (before, rows)
    assert edited.world.rows("SELECT 1 FROM place_bases") == []
    assert len(edited.near(10, 50, "coupons")) == 1
    assert edited.one("SELECT row_count FROM active_dataset WHERE city_id = 2")[0] == 3


def test_second_word_on_a_field_replaces_the_first_and_the_source_is_kept(edited: Edited) -> None:
    place = edited.ids[0]
    correct(edited, place, "phone", "1234567")
    edited.edit(edits.Change(place, phone="7654321"))
    second = edited.one("SELECT overlay_id FROM place_overlays WHERE state = 'live'")[0]
    states = edited.world.rows("SELECT value, state, old_value FROM place_overlays ORDER BY overlay_id")
    assert [tuple(row) for row in states] == [("1234567", "replaced", None), ("7654321", "live", None)]
    withdraw(edited, second)
    assert edited.one("SELECT phone FROM place_facts WHERE place_id = :p", p=place)[0] is None
    with edited.writer.begin() as conn, pytest.raises(OverlayOver, match="withdrawn already"):
        overlays.withdraw(conn, CITY, second, NOW, follow_places)


def test_correction_ends_with_its_time_and_the_source_speaks_again(edited: Edited) -> None:
    place = edited.ids[0]
    until = Author(UUID(int=7), "works on the roof", "https://example.test/notice", NOW + timedelta(days=1))
    correct(edited, place, "closed", True, until)
    assert str(place) not in edited.near(10, 50)
    with edited.writer.begin() as conn:
        assert overlays.expire(conn, CITY, NOW + timedelta(hours=23), follow_places) == 0
        assert overlays.expire(conn, CITY, NOW + timedelta(hours=24), follow_places) == 1
    assert str(place) in edited.near(10, 50)
    row = edited.one("SELECT state, reason, evidence FROM place_overlays")
    assert tuple(row) == ("expired", "works on the roof", "https://example.test/notice")
    assert edited.rows_are_those_of_a_rebuild()


def test_refused_correction_changes_nothing(edited: Edited) -> None:
    before = facts(edited), edited.rows_written()
    past = Author(UUID(int=7), "x", None, NOW)
    for place, field, value, author, says in (
        (edited.ids[0], "category_id", "moon_base", AUTHOR, "no category is called moon_base"),
        (edited.ids[0], "brand_id", "acme", AUTHOR, "no brand is called acme"),
        (edited.ids[0], "duplicate_of", str(edited.ids[1]), AUTHOR, "is merged"),
        (edited.ids[0], "closed", True, past, "in the past"),
    ):
        with pytest.raises(InvalidEdit, match=says):
            correct(edited, place, field, value, author)
    with pytest.raises(UnknownPlace):
        correct(edited, new_city_id(CITY), "closed", True)
    assert (facts(edited), edited.rows_written()) == before
    assert edited.world.rows("SELECT 1 FROM place_overlays") == []


def test_hidden_place_is_not_reopened_by_an_edit(edited: Edited) -> None:
    hidden = correct(edited, edited.ids[0], "hide", True)
    with pytest.raises(InvalidEdit, match="withdraw that one"):
        edited.edit(edits.Reopen(edited.ids[0]))
    withdraw(edited, hidden)
    assert str(edited.ids[0]) in edited.near(10, 50)


def test_words_of_the_source_that_nobody_could_give_come_back_all_the_same(edited: Edited) -> None:
    """Hours that can't be read, a category and a brand that the lists of today don't hold."""
    place, other = edited.ids[0], edited.ids[1]
    edited.world.run("UPDATE hours_patterns SET opening_hours = 'when we like', parsed = false", {})
    old = "UPDATE place_facts SET category_id = 'phone_box', brand_id = 'gone' WHERE place_id = :p"
    edited.world.run(old, {"p": place})
    edited.world.search_rows(CITY, 1)
    before = facts(edited), edited.rows_written()
    until = Author(UUID(int=7), "a notice at the door", None, NOW + timedelta(days=1))
    for made in [
        correct(edited, place, field, value)
        for field, value in (("opening_hours", "Mo-Sa 08:00-20:00"), ("category_id", "cafe"), ("brand_id", None))
    ]:
        withdraw(edited, made)
    assert (facts(edited), edited.rows_written()) == before
    correct(edited, place, "opening_hours", "Mo-Sa 08:00-20:00", until)
    correct(edited, other, "phone", "1234567", until)
    with edited.writer.begin() as conn:
        assert overlays.expire(conn, CITY, NOW + timedelta(days=1), follow_places) == 2
    assert (facts(edited), edited.rows_written()) == before
