"""The verdict on a position, case by case, each drawn by hand; one degree of the equator is 111.195 km."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from app.claims.gates import Cell, MeasuredFix, Seen, cell_of, guarded, judge, refusal_of, speed_kmh, window_of
from tests.app.redemption.terms import terms

NOW = datetime(2026, 11, 26, 12, 34, 56, tzinfo=UTC)
HERE, A_DEGREE_EAST = Cell(0, 0), Cell(100, 0)
PLACE = UUID(int=9)
NEAR = terms(claim_within_m=300)
IN_AREA = terms(claim_in_area=True)


def fix(distance_m: float | None = 100, accuracy_m: float = 20, age_s: float = 0, **given: Any) -> MeasuredFix:
    """A good position a hundred metres away, measured now."""
    distance_mm = None if distance_m is None else round(distance_m * 1000)
    values = {"mock": False, "cell": HERE} | given
    return MeasuredFix(distance_mm, accuracy_m, NOW - timedelta(seconds=age_s), **values)


def seen(seconds_ago: float, cell: Cell = A_DEGREE_EAST) -> Seen:
    """The last claim, a degree further east."""
    return Seen(cell, NOW - timedelta(seconds=seconds_ago))


BOTH = ("fresh_fix", "place_code")
CASES = [
    # what is sent, where the member was seen, → verdict, code, answers
    ("near", fix(), None, "allow", None, ()),
    ("at the edge", fix(300, 0), None, "allow", None, ()),
    ("a millimetre beyond", fix(300.001, 0), None, "deny", "outside-geofence", ()),
    ("its own error helps", fix(320, 20), None, "allow", None, ()),
    ("but by 100 m at most", fix(400, 150), None, "allow", None, ()),
    ("and no further", fix(400.001, 150), None, "deny", "outside-geofence", ()),
    ("nowhere to be used", fix(None), None, "deny", "outside-geofence", ()),
    ("nothing sent", None, None, "challenge", "location-needed", BOTH),
    ("mocked", fix(mock=True), None, "deny", "location-suspect", ()),
    ("a minute old", fix(age_s=60), None, "allow", None, ()),
    ("older", fix(age_s=60.001), None, "challenge", "location-stale", BOTH),
    ("a minute ahead", fix(age_s=-60), None, "allow", None, ()),
    ("further ahead", fix(age_s=-60.001), None, "challenge", "location-stale", BOTH),
    ("200 m vague", fix(accuracy_m=200), None, "allow", None, ()),
    ("vaguer", fix(accuracy_m=200.1), None, "challenge", "location-inaccurate", BOTH),
    ("mocked and old is mocked", fix(mock=True, age_s=99), None, "deny", "location-suspect", ()),
    # 111.195 km less 1.8 km of doubt: 109.395 km
    ("303 km/h", fix(), seen(1300), "deny", "location-suspect", ()),
    ("300 km/h", fix(), seen(1313), "challenge", "location-suspect", ("place_code",)),
    ("151 km/h", fix(), seen(2608), "challenge", "location-suspect", ("place_code",)),
    ("150 km/h", fix(), seen(2626), "allow", None, ()),
    ("far away and fast is too fast first", fix(900), seen(60), "deny", "location-suspect", ()),
    ("far away and quick is far away", fix(900), seen(2000), "deny", "outside-geofence", ()),
    ("next door a second ago", fix(), seen(1, Cell(1, 0)), "allow", None, ()),
]


@pytest.mark.parametrize(("name", "sent", "before", "verdict", "code", "answers"), CASES, ids=[c[0] for c in CASES])
def test_a_position_gets_the_verdict_drawn_by_hand(
    name: str, sent: Any, before: Any, verdict: str, code: str | None, answers: tuple[str, ...]
) -> None:
    found = judge(NEAR, sent, before, NOW)
    assert (found.verdict, found.code, found.answers) == (verdict, code, answers), name
    if verdict == "allow":
        return
    refusal = refusal_of(found)
    assert (refusal.code, refusal.extra) == (code, {"verdict": verdict, "answer_with": list(answers)})


def test_the_digits_of_a_till_answer_every_challenge_and_are_on_record() -> None:
    for sent in (None, fix(accuracy_m=5000), fix(age_s=999), fix(9000), fix(mock=True)):
        found = judge(NEAR, sent, seen(1), NOW, PLACE)
        assert (found.verdict, found.evidence.place_id) == ("allow", PLACE)


def test_an_area_counts_from_its_border() -> None:
    assert judge(IN_AREA, fix(0), None, NOW).verdict == "allow"
    assert judge(IN_AREA, fix(20), None, NOW).verdict == "allow"  # within the fix's own error
    assert judge(IN_AREA, fix(20.001), None, NOW).code == "outside-geofence"
    assert [guarded(each) for each in (terms(), NEAR, IN_AREA)] == [False, True, True]


def test_evidence_is_coarse() -> None:
    evidence = judge(NEAR, fix(123.456, 17.6, 12.4), seen(3600), NOW).evidence
    assert (evidence.distance_m, evidence.accuracy_m, evidence.fix_age_s, evidence.speed_kmh) == (123, 18, 12, 110)
    assert evidence.cell == HERE


@pytest.mark.parametrize(
    ("lon", "lat", "cell"),
    [
        (120.1567, 30.2512, Cell(12015, 3025)),
        (-0.001, -0.001, Cell(-1, -1)),
        (180.0, 90.0, Cell(17999, 8999)),
        (-180.0, -90.0, Cell(-18000, -9000)),
        (0.29, 0.0, Cell(28, 0)),  # 0.29 × 100 is 28.999999999999996 in binary
    ],
)
def test_a_square_is_a_hundredth_of_a_degree(lon: float, lat: float, cell: Cell) -> None:
    assert cell_of(lon, lat) == cell


def test_the_other_side_of_180_degrees_is_near() -> None:
    before = Seen(cell_of(-179.995, 0.0), NOW - timedelta(seconds=10))
    assert speed_kmh(before, fix(cell=cell_of(179.995, 0.0))) == 0
    assert speed_kmh(None, fix()) is None


def test_tries_are_counted_by_the_hour() -> None:
    assert window_of(NOW) == datetime(2026, 11, 26, 12, tzinfo=UTC)
