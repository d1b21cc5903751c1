"""Counts, thresholds and the gate; rings; refused rows as CSV; all without a database."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import shapely

from app.imports.checks import judging
from app.imports.checks.catalogue import CHECKS, check_of
from app.imports.checks.refused import guarded, refused_csv, unguarded
from app.imports.checks.rings import turned_rings
from app.imports.checks.types import FAILURES, Finding, Limits
from app.imports.diff.rules import thresholds_of
from app.imports.diff.types import Moves

LIMITS = Limits()


def counted(declared: int, stored: int, refused: int, said: int | None = None, kind: str = "places") -> set[str]:
    counts = {"declared": declared, "stored": stored, "refused": refused}
    return {one.check for one in judging.of_counts(kind, counts, said, LIMITS)}


def test_counts_of_a_file_tell_its_faults() -> None:
    assert counted(0, 0, 0) == {"no-rows"}
    assert counted(10, 8, 1) == {"rows-lost", "too-many-refused"}
    assert counted(10, 10, 0, said=11) == {"rows-lost"}
    assert counted(10, 0, 10) == {"nothing-stored"}
    assert counted(1000, 994, 6) == {"too-many-refused"}
    assert counted(1000, 995, 5) == set()
    assert counted(1000, 999, 1, kind="regions") == {"too-many-refused"}
    assert counted(10, 10, 0, said=10) == set()


def test_most_rows_elsewhere_mean_the_whole_file() -> None:
    def told(swapped: int, outside: int) -> set[str]:
        refused = {"swapped-axes": swapped, "outside-territory": outside}
        return {one.check for one in judging.of_elsewhere({"declared": 100}, refused)}

    assert told(51, 0) == {"axes-swapped"}
    assert told(20, 40) == {"other-territory"}
    assert told(25, 25) == set()


def thresholds(before: int, after: int, removed: int, kept: int, moves: Moves = Moves()) -> set[str]:  # noqa: B008
    counts = {"removed": removed, "kept": kept}
    return {one.code for one in thresholds_of("places", before, after, counts, moves, LIMITS) if one.exceeded}


def test_limits_are_passed_above_and_not_at() -> None:
    assert thresholds(1000, 1020, 0, 1000) == set()
    assert thresholds(1000, 1021, 0, 1000) == {"count-change"}
    assert thresholds(1000, 1000, 200, 800) == set()
    assert thresholds(1000, 1000, 201, 799) == {"many-removed"}
    assert thresholds(20, 10, 10, 10) == set()  # ten rows never pass a share
    assert thresholds(0, 1000, 0, 0) == set()
    assert thresholds(1000, 1000, 0, 1000, Moves(median_m=50.0)) == set()
    assert thresholds(1000, 1000, 0, 1000, Moves(median_m=50.1)) == {"median-move"}
    assert thresholds(1000, 1000, 0, 1000, Moves(far=51)) == {"far-moves"}
    # one row, or one centimetre, above, however many there are
    assert thresholds(10_000_000, 10_000_000, 2_000_001, 7_999_999) == {"many-removed"}
    assert thresholds(10_000_000, 10_200_001, 0, 10_000_000) == {"count-change"}
    assert thresholds(1000, 1000, 0, 1000, Moves(median_m=50.01)) == {"median-move"}


def test_the_strictest_reason_makes_the_verdict_and_stands_first() -> None:
    found = [Finding(check, 1, check) for check in ("sibling-gap", "rings-turned", "missing-district", "bad-value")]
    gate = judging.gate_of(found, ())
    assert gate.verdict == "blocked"
    assert [reason.code for reason in gate.reasons] == ["missing-district", "sibling-gap"]
    assert judging.gate_of([], ()).verdict == "open"


def test_every_check_says_how_to_mend_and_failures_block() -> None:
    assert all(check.title and check.hint for check in CHECKS.values())
    assert {CHECKS[code].needs for code in FAILURES} == {"blocked"}
    assert {check.needs for check in CHECKS.values() if check.severity == "file"} == {"blocked"}
    assert check_of("never-heard-of").severity == "row"


def test_the_page_about_checks_names_every_check_and_threshold() -> None:
    page = (Path(__file__).parents[4] / "docs" / "quality.md").read_text()
    thresholds = {one.code for one in thresholds_of("places", 1, 1, {}, Moves(), LIMITS)}
    assert {code for code in {*CHECKS, *thresholds} if f"`{code}`" not in page} == set()


def test_rings_are_held_against_the_standard() -> None:
    """RFC 7946 §3.1.6: shells anticlockwise, holes clockwise; drawn by hand."""
    shell = [[0, 0], [4, 0], [4, 4], [0, 4], [0, 0]]
    hole = [[1, 1], [1, 2], [2, 2], [2, 1], [1, 1]]
    right: dict[str, Any] = {"type": "Polygon", "coordinates": [shell, hole]}
    assert turned_rings(right) == 0
    assert turned_rings({"type": "Polygon", "coordinates": [shell[::-1], hole]}) == 1
    assert turned_rings({"type": "MultiPolygon", "coordinates": [[shell[::-1], hole[::-1]]]}) == 2
    assert turned_rings(shapely.Polygon(shell[::-1])) == 1
    assert turned_rings({"type": "Point", "coordinates": [0, 0]}) == 0


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_a_cell_that_begins_like_a_formula_is_guarded_and_comes_back(start: str) -> None:
    assert guarded(f"{start}1+1") == f"'{start}1+1"
    assert unguarded(guarded(f"{start}1+1")) == f"{start}1+1"
    assert (guarded("plain"), unguarded("'plain"), unguarded("plain")) == ("plain", "'plain", "plain")


def test_refused_rows_are_a_table_with_every_property() -> None:
    rows = [
        SimpleNamespace(
            row_no=3, check_code="bad-value", source_key="a", reason="=name is missing", lon=-0.5, lat=51.0,
            raw={"source_key": "a", "phone": "+49 30 1", "names": {"en": "@x"}, "address": {"street": "Ä, 1"}},
        ),
        SimpleNamespace(
            row_no=9, check_code="not-a-feature", source_key=None, reason="no", lon=None, lat=None, raw=None
        ),
    ]  # fmt: skip
    table = list(csv.DictReader(io.StringIO(refused_csv(rows).decode())))
    assert [row["fault_row"] for row in table] == ["3", "9"]
    first = table[0]
    assert (first["fault_check"], first["fault_reason"]) == ("bad-value", "'=name is missing")
    assert (first["lon"], first["lat"], first["source_key"]) == ("-0.5", "51.0", "a")
    assert (first["phone"], first["names.en"], first["address.street"]) == ("'+49 30 1", "'@x", "Ä, 1")
