"""The life of a pair: by examples from the design, and against a model that lives it second by second."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from shapely import MultiPolygon, Polygon

from app.core.ids import new_city_id, new_id
from app.geofencing.machine import advance, confidence_of, due_at, end, see
from app.geofencing.sights import Borders, crosses, inside_of, outline, sight_of
from app.geofencing.types import NEVER_SEEN, Fence, Fix, Happening, Pair, Rules, Side, Sight
from geo.coordinates import LonLat
from geo.distance import destination
from geo.geofence import Circle

T0 = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
HERE = LonLat(120.16, 30.25)
FAR = 10_000


def at(second: float) -> datetime:
    return T0 + timedelta(seconds=second)


def sight(second: float, side: Side) -> Sight:
    return Sight(at(second), side, {"inside": -50.0, "margin": 10.0, "outside": 80.0}[side], 10.0)


def lived(rules: Rules, sights: list[Sight], until: int | None = None) -> list[Happening]:
    pair, told = NEVER_SEEN, []
    for each in sights:
        pair, more = see(pair, rules, each)
        told += more
    if until is not None:
        told += advance(pair, rules, at(until))[1]
    return told


def said(told: list[Happening]) -> list[tuple[str, int]]:
    return [(each.what, round((each.at - T0).total_seconds())) for each in told]


def fence(shape: Circle | MultiPolygon, **rules: object) -> Fence:
    return Fence(2, new_city_id(2), new_id(), "f", 1, shape, Rules(**rules), None, None)  # type: ignore[arg-type]


def model(rules: Rules, sides: dict[int, Side], until: int) -> list[tuple[str, int]]:
    """The same in the words of a person who stands at the border with a stop-watch and looks every second."""
    told: list[tuple[str, int]] = []
    waiting: int | None = None  # came in then, not believed yet
    entry: int | None = None  # is in since
    leaving: int | None = None  # is in, was seen outside since then
    last_exit = -FAR
    dwells: list[int] = []
    for second in range(until + 1):
        for when in ("time", "fix"):
            side = sides.get(second) if when == "fix" else None
            if side is not None and entry is None:
                if side == "inside" and waiting is None and second >= last_exit + rules.cooldown_s:
                    waiting = second
                elif side != "inside":
                    waiting = None
            if side is not None and entry is not None:
                leaving = (leaving if leaving is not None else second) if side == "outside" else None
            if waiting is not None and second - waiting >= rules.enter_after_s:
                told.append(("entered", waiting))
                entry, waiting, dwells = waiting, None, list(rules.dwell_s)
            while entry is not None and leaving is None and dwells and second - entry >= dwells[0]:
                told.append(("dwelled", entry + dwells.pop(0)))
            if entry is not None and leaving is not None and second - leaving >= rules.exit_after_s:
                told.append(("exited", leaving))
                entry, last_exit, leaving = None, leaving, None
    return told


@given(
    st.dictionaries(st.integers(0, 90), st.sampled_from(get_args(Side)), max_size=25),
    st.builds(
        Rules,
        enter_after_s=st.sampled_from([0, 1, 5, 20]),
        dwell_s=st.sampled_from([(), (3,), (10, 30), (1, 2, 60)]),
        exit_after_s=st.sampled_from([0, 1, 7, 25]),
        cooldown_s=st.sampled_from([0, 10, 40]),
    ),
)
@settings(max_examples=400, deadline=None)
def test_machine_tells_what_a_person_with_a_stop_watch_tells(sides: dict[int, Side], rules: Rules) -> None:
    told = lived(rules, [sight(second, side) for second, side in sorted(sides.items())], until=120)
    assert said(told) == model(rules, sides, 120)
    assert [each.seq for each in told] == list(range(1, len(told) + 1))


@given(st.dictionaries(st.integers(0, 90), st.sampled_from(get_args(Side)), max_size=25), st.randoms())
@settings(max_examples=100, deadline=None)
def test_it_makes_no_difference_when_timers_speak(sides: dict[int, Side], draw: random.Random) -> None:
    rules = Rules(enter_after_s=4, dwell_s=(10, 20), exit_after_s=6, cooldown_s=15)
    pair, told = NEVER_SEEN, []
    for second in range(121):
        if draw.random() < 0.5:
            pair, more = advance(pair, rules, at(second))
            told += more
        if second in sides:
            pair, more = see(pair, rules, sight(second, sides[second]))
            told += more
    told += advance(pair, rules, at(120))[1]
    # a timer that has spoken knew less: what it told stands; here all fixes came in time, so nothing differs
    assert said(told) == said(lived(rules, [sight(s, side) for s, side in sorted(sides.items())], until=120))


def test_dwell_times_pass_without_a_fix_each_once() -> None:
    rules = Rules(dwell_s=(60, 300, 600))
    pair, told = see(NEVER_SEEN, rules, sight(0, "inside"))
    assert due_at(pair, rules) == at(60)
    pair, more = advance(pair, rules, at(299))
    assert said(told + more) == [("entered", 0), ("dwelled", 60)]
    pair, more = advance(pair, rules, at(5000))
    assert [(each.what, each.dwell_s, each.cause) for each in more] == [
        ("dwelled", 300, "timer"),
        ("dwelled", 600, "timer"),
    ]
    assert due_at(pair, rules) is None


def test_passers_by_are_not_told_of() -> None:
    rules = Rules(enter_after_s=60)
    assert said(lived(rules, [sight(0, "inside"), sight(59, "outside")], until=500)) == []
    assert said(lived(rules, [sight(0, "inside"), sight(60, "outside")], until=500)) == [("entered", 0), ("exited", 60)]


def test_who_comes_back_within_the_rest_is_told_of_when_it_is_over() -> None:
    rules = Rules(cooldown_s=100)
    sights = [sight(0, "inside"), sight(10, "outside"), sight(50, "inside"), sight(109, "inside"), sight(110, "inside")]
    assert said(lived(rules, sights)) == [("entered", 0), ("exited", 10), ("entered", 110)]


def test_outside_its_schedule_a_fence_lets_nobody_in_and_everybody_out() -> None:
    def from_100(when: datetime) -> bool:
        return when >= at(100)

    pair, told = see(NEVER_SEEN, Rules(), sight(50, "inside"), from_100)
    assert told == []
    pair, told = see(pair, Rules(), sight(100, "inside"), from_100)
    assert said(told) == [("entered", 100)]
    _, told = see(pair, Rules(), sight(150, "outside"), lambda _at: False)
    assert said(told) == [("exited", 150)]


@pytest.mark.parametrize("cause", ["fence_changed", "expired", "deleted"])
def test_when_the_fence_goes_those_inside_have_left_and_those_who_waited_never_came(cause: str) -> None:
    inside, _ = see(NEVER_SEEN, Rules(), sight(0, "inside"))
    gone, told = end(inside, at(30), cause)  # type: ignore[arg-type]
    assert [(each.what, each.cause, each.seq) for each in told] == [("exited", cause, 2)]
    assert gone.phase == "out"
    waiting, _ = see(NEVER_SEEN, Rules(enter_after_s=60), sight(0, "inside"))
    assert end(waiting, at(30), cause)[1] == []  # type: ignore[arg-type]
    assert end(Pair(), at(30), cause)[1] == []  # type: ignore[arg-type]


def test_confidence_is_the_accuracy_against_the_distance_to_the_border() -> None:
    assert confidence_of(-10.0, 10.0) == "low"
    assert confidence_of(-15.0, 10.0) == "medium"
    assert confidence_of(50.0, 10.0) == "high"
    assert confidence_of(None, None) == "low"


def test_ten_minutes_of_jitter_on_the_border_are_one_visit() -> None:
    """T13: 1 Hz, 15 m to either side of a straight border, buffer 30 m."""
    side = 0.01
    square = MultiPolygon(
        [Polygon([(HERE.lon, HERE.lat), (HERE.lon + side, HERE.lat), (HERE.lon + side, HERE.lat + side),
                  (HERE.lon, HERE.lat + side)])]
    )  # fmt: skip
    middle_of_border = LonLat(HERE.lon, HERE.lat + side / 2)
    draw = random.Random(13)
    for shape, start in ((square, middle_of_border), (Circle(HERE, 300.0), destination(HERE, 90.0, 300.0))):
        found = fence(shape, exit_buffer_m=30.0)
        sights = []
        for second in range(600):
            spot = destination(start, draw.choice((90.0, 270.0)), draw.uniform(0.0, 15.0))
            fix = Fix(at(second), spot.lon, spot.lat, 10.0)
            inside = inside_of(found, [fix])[0]
            # seen by somebody who is in the fence, so that the distance to the border is told
            sights.append(sight_of(found, "in", None, fix, 0, Borders(found, [fix]), inside=inside, touched=True))
        assert {each.side for each in sights} == {"inside", "margin"}
        told = lived(found.rules, sights)
        assert [each.what for each in told] == ["entered"]
        bare = [replace(each, side="outside") if each.side == "margin" else each for each in sights]
        assert len(lived(Rules(), bare)) > 100  # the same walk without a buffer


def test_a_way_that_cuts_a_fence_between_two_fixes_is_a_crossing() -> None:
    west, east = destination(HERE, 270.0, 800.0), destination(HERE, 90.0, 800.0)
    before, after = Fix(at(0), west.lon, west.lat, 5.0), Fix(at(60), east.lon, east.lat, 5.0)
    ring = outline(Circle(HERE, 300.0))
    for shape in (Circle(HERE, 300.0), ring):
        found = fence(shape)
        assert crosses(found, before, after)
        seen = sight_of(found, "out", before, after, 0, Borders(found, [after]), inside=False, touched=True)
        assert seen.crossed
        assert said(see(NEVER_SEEN, found.rules, seen)[1]) == [("crossed", 60)]
        hour = Fix(at(3600), east.lon, east.lat, 5.0)
        later = sight_of(found, "out", before, hour, 0, Borders(found, [hour]), inside=False, touched=True)
        assert not later.crossed  # an hour says nothing about the way
    beside = fence(Circle(destination(HERE, 0.0, 500.0), 300.0))
    assert not sight_of(beside, "out", before, after, 0, Borders(beside, [after]), inside=False, touched=True).crossed


def test_the_outline_of_a_circle_holds_all_of_it() -> None:
    for center in (HERE, LonLat(13.4, 52.5), LonLat(24.9, 60.2)):
        for radius_m in (20.0, 300.0, 5000.0):
            ring = outline(Circle(center, radius_m)).geoms[0]
            for bearing in range(0, 360, 3):
                edge = destination(center, float(bearing), radius_m)
                assert ring.covers(Polygon([(edge.lon, edge.lat)] * 4).centroid)


def test_events_of_one_pair_alternate() -> None:
    draw = random.Random(16)
    sights = [sight(second, draw.choice(get_args(Side))) for second in range(300)]
    told = [each.what for each in lived(Rules(), sights) if each.what != "dwelled"]
    assert all(one != other for one, other in pairwise(told))
