"""What statements over a whole file make of it: search rows as for single places, findings, places opened by hand."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from sqlalchemy import Connection, Engine

from app.core.ids import new_city_id
from app.coupons.search_rows import follow_places
from app.imports import actions, copy_lines, findings, pipeline, reader, search_rows, search_waiting
from app.imports.errors import UnreadableFile, VersionNotReady
from app.imports.tally import Tally
from app.imports.types import LoadReport, RowFault
from app.places import actions as places
from app.places import edits
from app.places.queries_edits import Author
from app.postings.queries import number_facets, take_slot
from app.postings.types import FacetKey
from geo.coordinates import LonLat
from tests.app.imports.loadfiles import CITY, LATER, NOW, only_row, place

Load = Callable[..., LoadReport]
AUTHOR = Author(UUID(int=1), "seen on the spot")


def postings(conn: Connection, slot: int) -> set[Any]:
    rows = conn.execute(
        sa.text(
            "SELECT place_id, facet, image, spot[0], spot[1], signature, lon7, lat7, hours_no, price_level"
            " FROM postings WHERE city_id = 7 AND slot = :s"
        ),
        {"s": slot},
    ).all()
    assert len(rows) == len(set(map(tuple, rows)))
    return set(map(tuple, rows))


def test_search_rows_of_a_file_are_those_that_single_places_would_get(town: Connection, load: Load) -> None:
    town.execute(sa.text("UPDATE cities SET centre_lon = 179.9, centre_lat = 60 WHERE city_id = 7"))
    load(
        [
            place("plain", 179.5, -17.0, opening_hours="24/7", price_level=2),
            place("edge", 180.0, -17.0, phone="+679 330 0000; 12", alternate_category_ids=["shop"]),
            place("pole", 10.0, 89.95, names={"local": "极地 Café (北)", "en": 'Pole\'s "Bar" \\ Grill'}),
            place("both", -179.99, 82.0, brand_id="bean", attributes={"wifi": True, "cuisine": ["a,b", "c{d}"]}),
            place("quiet", name="—", attributes={"odd\\key": "tab"}),
            place("shut", closed=True),
        ]
    )
    made = postings(town, 1)
    search_rows.build(town, CITY, 1, NOW)
    assert postings(town, 1) == made
    assert len({row[0] for row in made}) == 5
    assert {row[2] for row in made} == {0, 1, -1, 2}


def in_parts(monkeypatch: pytest.MonkeyPatch, rows: int) -> None:
    """Lets loads write a part as soon as it has so many rows, a message each."""
    monkeypatch.setattr(pipeline, "PART_ROWS", rows)
    monkeypatch.setattr(reader, "FLUSH_CHARS", 1)


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_file_in_parts_becomes_what_it_becomes_as_a_whole(
    town: Connection, load: Load, monkeypatch: pytest.MonkeyPatch, rows: int
) -> None:
    features = [
        place("a", opening_hours="24/7"), place("b", 179.95, opening_hours="Mo 10:00-12:00"), place("a", name="Again"),
        place("c", 179.8, opening_hours="24/7"), place("b", opening_hours="nonsense"), place("shut", closed=True),
        place("d", 179.7, opening_hours="nonsense", price_level=3), place("e", 179.6, category_id="spaceport"),
    ]  # fmt: skip
    found = (
        "SELECT source_key, name, closed, h.hours_no, opening_hours, h.parsed FROM place_facts"
        " LEFT JOIN hours_patterns h USING (city_id, version, hours_no) WHERE version = :v ORDER BY 1"
    )
    whole = load(features, activate=True)
    expected = town.execute(sa.text(found), {"v": whole.version}).all()
    assert [row.source_key for row in expected] == ["a", "b", "c", "d", "shut"]
    town.execute(sa.text("UPDATE datasets SET source_sha256 = '\\x00' WHERE city_id = 7"))  # not the same file again
    in_parts(monkeypatch, rows)
    report = load(features)
    assert town.execute(sa.text(found), {"v": report.version}).all() == expected
    told = [(fault.row, fault.code) for fault in report.faults]
    assert sorted(told) == sorted((fault.row, fault.code) for fault in whole.faults)
    assert (
        (report.declared, report.stored, report.refused) == (whole.declared, whole.stored, whole.refused) == (8, 5, 3)
    )
    assert (whole.created, report.created) == (5, 0)
    assert whole.unreadable_hours == report.unreadable_hours
    made = postings(town, report.version)
    search_rows.build(town, CITY, report.version, NOW)
    assert postings(town, report.version) == made
    assert len({row[0] for row in made}) == 4


def test_the_second_key_of_a_merged_place_is_refused_in_whatever_part_it_comes(
    town: Connection, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    load([place("a"), place("b", 179.8)], activate=True)
    town.execute(
        sa.text("UPDATE place_sources SET place_id = p.place_id FROM place_sources p WHERE p.source_key = 'a'")
    )
    in_parts(monkeypatch, 1)
    report = load([place("b", name="First"), place("c", 179.7), place("a", name="Second")])
    assert [(fault.row, fault.code) for fault in report.faults] == [(3, "same-place")]
    assert report.stored == 2


def test_rows_that_are_not_numbered_upwards_make_a_file_unreadable(
    town: Connection, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = copy_lines.place_line

    def backwards(record: Any, *rest: Any) -> str:
        number, tab, line = real(record, *rest).partition("\t")
        return f"{1_000 - int(number)}{tab}{line}"

    monkeypatch.setattr(copy_lines, "place_line", backwards)
    in_parts(monkeypatch, 1)
    with pytest.raises(UnreadableFile) as refused:
        load([place("a"), place("b", 179.8)])
    assert refused.value.code == "reading-failed"
    assert postings(town, 1) == set()


def test_a_slot_that_another_works_on_is_left_to_it_and_filled_when_the_version_is_shown(
    town: Connection, owner: Engine, load: Load
) -> None:
    load([place("a")], activate=True)
    with owner.connect() as other:
        assert take_slot(other, CITY, 2)
        report = load([place("a"), place("b", 179.8)])
        assert (report.version, report.stored) == (2, 2)
        assert postings(town, 2) == set()
        with pytest.raises(VersionNotReady, match="a load writes search rows"):
            actions.activate(town, CITY, "places", 2, LATER)
        town.rollback()
        assert only_row(town, "SELECT version FROM active_dataset WHERE city_id = 7 AND kind = 'places'")[0] == 1
    actions.activate(town, CITY, "places", 2, LATER)
    assert len({row[0] for row in postings(town, 2)}) == 2


def unhindered(owner: Engine, word: FacetKey) -> int:
    """The number that another writer gets for a word, which may wait for nobody."""
    with owner.begin() as other:
        other.execute(sa.text("SET LOCAL lock_timeout = 50"))
        return number_facets(other, CITY, [word])[word]


def test_the_words_of_a_load_keep_no_edit_waiting(
    town: Connection, load: Load, owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    met: list[int] = []
    monkeypatch.setattr(pipeline.hooks, "conflate", lambda *_: met.append(unhindered(owner, ("name", "place a"))))
    load([place("a"), place("b", 179.8)])
    assert only_row(town, "SELECT facet FROM search_facets WHERE kind = 'name' AND key = 'place a'")[0] == met[0]
    made = postings(town, 1)
    assert met[0] in {row[1] for row in made}
    search_rows.build(town, CITY, 1, NOW)
    assert postings(town, 1) == made


def test_a_word_that_another_writer_brings_at_this_moment_is_found_in_the_end(
    town: Connection, load: Load, owner: Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search_waiting, "WAITED_MS", 50)
    with owner.connect() as other:
        number = number_facets(other, CITY, [("name", "place a")])[("name", "place a")]
        monkeypatch.setattr(pipeline.hooks, "conflate", lambda *_: other.commit())
        load([place("a"), place("b", 179.8)])
    made = postings(town, 1)
    assert len({row[0] for row in made}) == 2
    assert number in {row[1] for row in made}
    search_rows.build(town, CITY, 1, NOW)
    assert postings(town, 1) == made


def test_a_corrected_place_is_found_by_what_it_is_corrected_to(town: Connection, load: Load) -> None:
    load([place("a"), place("b")], activate=True)
    ids = {row[0]: row[1] for row in town.execute(sa.text("SELECT source_key, place_id FROM place_facts"))}
    change = edits.Change(ids["a"], names={"local": "Nonesuch"})
    places.apply(town, CITY, [change, edits.Close(ids["b"])], AUTHOR, NOW, follow=follow_places)
    load([place("a"), place("b"), place("c")])
    made = postings(town, 2)
    search_rows.build(town, CITY, 2, NOW)
    assert postings(town, 2) == made
    assert {row[0] for row in made} == {
        ids["a"],
        only_row(town, "SELECT place_id FROM place_facts WHERE version = 2 AND source_key = 'c'")[0],
    }
    word = "SELECT count(*) FROM postings p JOIN search_facets f USING (city_id, facet) WHERE p.slot = 2 AND image = 0"
    assert only_row(town, f"{word} AND f.kind = 'word' AND f.key = 'nonesuch'")[0] == 1


def test_a_place_that_somebody_opened_comes_along_with_the_next_file(town: Connection, load: Load) -> None:
    load([place("a", opening_hours="24/7")], activate=True)
    own, shut = new_city_id(CITY), new_city_id(CITY)
    opened = [
        edits.Open(
            own, LonLat(179.91, -17.01), {"local": "Ours"}, "cafe", opening_hours="Mo 10:00-12:00", phone="1234"
        ),
        edits.Open(shut, LonLat(179.92, -17.0), {"local": "Gone"}, "shop"),
        edits.Close(shut),
    ]
    places.apply(town, CITY, opened, AUTHOR, NOW, follow=follow_places)
    report = load([place("b", opening_hours="24/7")], activate=True, now=LATER)
    assert (report.declared, report.stored) == (1, 1)
    columns = "name, closed, opening_hours, h.parsed, ST_X(location::geometry)"
    facts = f"SELECT {columns} FROM place_facts LEFT JOIN hours_patterns h USING (city_id, version, hours_no)"
    assert tuple(only_row(town, f"{facts} WHERE version = 2 AND place_id = :p", p=own)) == (
        "Ours", False, "Mo 10:00-12:00", True, 179.91,
    )  # fmt: skip
    assert only_row(town, f"{facts} WHERE version = 2 AND place_id = :p", p=shut).closed
    made = postings(town, 2)
    assert {row[0] for row in made if row[1] == 0} >= {own}
    search_rows.build(town, CITY, 2, NOW)
    assert postings(town, 2) == made
    assert only_row(town, "SELECT row_count FROM active_dataset WHERE kind = 'places'")[0] == 2
    load([place("c")], activate=True, now=LATER)
    assert only_row(town, f"{facts} WHERE version = 3 AND place_id = :p", p=own).name == "Ours"


def test_hours_that_can_be_read_by_now_are_when_their_version_is_shown_again(town: Connection, load: Load) -> None:
    load([place("a", opening_hours="24/7"), place("b", opening_hours="when we like")], activate=True)
    town.execute(sa.text("UPDATE hours_patterns SET parsed = false"))  # as an older reader of hours left them
    load([place("c")], activate=True)
    actions.rollback(town, CITY, "places", LATER)
    flags = town.execute(sa.text("SELECT opening_hours, parsed FROM hours_patterns WHERE version = 1")).all()
    assert dict(map(tuple, flags)) == {"24/7": True, "when we like": False}


def test_every_refused_row_is_counted_and_the_first_are_kept_also_of_a_failed_load(
    town: Connection, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(findings, "KEPT_OF_A_CHECK", 2)
    rows = [place(f"x{number}", category_id="spaceport") for number in range(5)]
    report = load([place("a"), *rows, place("a"), place("swapped\u2028", "x")], share=None)
    assert report.outcome == "failed"
    counted = "SELECT check_code, faults FROM dataset_fault_counts WHERE city_id = 7 ORDER BY check_code"
    assert [tuple(row) for row in town.execute(sa.text(counted))] == [
        ("duplicate-key", 1), ("invalid-coordinate", 1), ("unknown-category", 5),
    ]  # fmt: skip
    kept = town.execute(
        sa.text("SELECT check_code, row_no, source_key, lon, lat, raw ->> 'name' FROM dataset_faults ORDER BY fault_no")
    ).all()
    assert [tuple(row) for row in kept if row.check_code == "unknown-category"] == [
        ("unknown-category", 2, "x0", 179.9, -17.0, "Place x0"),
        ("unknown-category", 3, "x1", 179.9, -17.0, "Place x1"),
    ]
    assert next(row for row in kept if row.check_code == "duplicate-key")[1:3] == (7, "a")


@pytest.mark.parametrize("odd", ["nul\x00", "half\ud800", "tab\tline\nback\\slash", "x" * 5_000])
def test_what_a_strange_row_says_can_be_kept(town: Connection, load: Load, odd: str) -> None:
    load([place("a")])
    tally = Tally()
    tally.refuse(RowFault(1, odd[:200], odd, "bad-value", None, {"name": odd}))
    tally.findings.write(town, CITY, "places", 1)
    tally.findings.close()
    row = only_row(town, "SELECT source_key, reason, raw FROM dataset_faults WHERE city_id = 7")
    assert len(row.reason) <= findings.MAX_REASON
    assert row.raw in (None, {"name": odd})


def test_findings_take_no_more_memory_than_they_may() -> None:
    tally = Tally()
    for number in range(30_000):
        tally.refuse(RowFault(number + 1, f"k{number}", "r" * 500, "bad-value", None, {"name": "n" * 500}))
    assert tally.findings.counted() == {"bad-value": 30_000}
    assert sys.getsizeof(tally.faults) < 5_000
    tally.findings.close()
