"""How areas fit together, on squares drawn by hand: one degree near the equator is about 111 km."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
import shapely

from app.imports.checks.areas import check_fit, check_n14
from app.imports.checks.types import Limits
from app.imports.diff import regions
from app.imports.diff.outlines import change_of, hausdorff_m
from geo.polygons import geodesic_area_m2

DEGREE_M = 111_195.08


def box(west: float, south: float, east: float, north: float) -> Any:
    return shapely.MultiPolygon([shapely.box(west, south, east, north)])


def area(number: int, shape: Any, parent: int | None = None, **more: Any) -> tuple[UUID, dict[str, Any]]:
    key = UUID(int=number)
    return key, {
        "region_id": key, "source_key": f"k{number}", "kind": "district", "admin_level": 6, "region_code": f"c{number}",
        "names": {"local": f"Area {number}"}, "parent_id": None if parent is None else UUID(int=parent), "extend_m": 0,
        "note": None, "demo": False, "boundary": shape, "area_m2": geodesic_area_m2(shape), "successor_of": [], **more,
    }  # fmt: skip


TOWN = area(1, box(0, 0, 2, 2), kind="city", admin_level=4)
QUARTERS = [
    area(2, box(0, 0, 1, 1), 1), area(3, box(1, 0, 2, 1), 1), area(4, box(0, 1, 1, 2), 1), area(5, box(1, 1, 2, 2), 1),
]  # fmt: skip
GOOD = dict([TOWN, *QUARTERS])


def fit(*areas: tuple[UUID, dict[str, Any]]) -> dict[str, int]:
    return {one.check: one.count for one in check_fit(dict(areas))}


def test_areas_that_fit_are_passed_in_silence() -> None:
    assert fit(*GOOD.items()) == {}


@pytest.mark.parametrize(
    ("number", "shape", "expected"),
    [
        (5, box(0.9, 1, 2, 2), {"sibling-overlap": 1}),
        (5, box(0.99999, 1, 2, 2), {"sibling-sliver": 1}),  # a metre wide
        (5, box(1.1, 1, 2, 2), {"sibling-gap": 1}),
        (5, box(1.00001, 1, 2, 2), {"sibling-sliver": 1}),
        (5, box(1, 1, 2.1, 2), {"child-outside-parent": 1}),
        (5, box(0, 1, 1, 2), {"duplicate-shape": 1, "sibling-gap": 1}),
    ],
)
def test_a_misfit_is_found(number: int, shape: Any, expected: dict[str, int]) -> None:
    changed = [one for one in GOOD.items() if one[0] != UUID(int=number)]
    assert fit(*changed, area(number, shape, 1)) == expected


def test_business_districts_may_overlap_and_cross_a_border() -> None:
    shops = [
        area(8, box(0.9, 0.4, 1.1, 0.6), 2, kind="business_district"),
        area(9, box(0.9, 0.4, 1.1, 0.6), 2, kind="business_district"),
    ]
    assert fit(*GOOD.items(), *shops) == {}
    assert fit(*GOOD.items(), area(8, box(1.5, 1.5, 1.6, 1.6), 2, kind="business_district")) == {
        "child-outside-parent": 1
    }


def n14(*new: tuple[UUID, dict[str, Any]], old: dict[UUID, Any] | None = None) -> dict[str, str]:
    before = old or GOOD
    after = dict(new)
    found = check_n14(before, after, regions.compare(before, after), Limits())
    return {one.check: one.detail for one in found}


def test_a_district_whose_land_nobody_holds_is_missing_and_named() -> None:
    assert n14(*GOOD.items()) == {}
    found = n14(TOWN, *QUARTERS[:3])
    assert set(found) == {"missing-district"}
    assert "Area 5 (c5, level 6) is gone and its land belongs to nobody" in found["missing-district"]


def test_a_district_that_others_hold_or_followed_is_for_a_second_person() -> None:
    taken = area(4, box(0, 1, 2, 2), 1)
    assert set(n14(TOWN, QUARTERS[0], QUARTERS[1], taken)) == {"admin-area-gone", "admin-area-reshaped"}
    heir = area(6, box(1, 1, 2, 2), 1, successor_of=[UUID(int=5)])
    assert "was followed by others" in n14(TOWN, *QUARTERS[:3], heir)["admin-area-gone"]


def test_land_that_left_the_town_is_not_missing() -> None:
    smaller = area(
        1, shapely.MultiPolygon([shapely.union_all([box(0, 0, 2, 1), box(0, 1, 1, 2)])]), kind="city", admin_level=4
    )
    assert set(n14(smaller, *QUARTERS[:3])) == {"admin-area-gone", "admin-area-reshaped"}


def test_a_tenth_of_the_land_may_change_hands() -> None:
    assert n14(TOWN, *QUARTERS[:3], area(5, box(1, 1.09, 2, 2), 1)) == {}
    found = n14(TOWN, *QUARTERS[:3], area(5, box(1, 1.12, 2, 2), 1))
    assert "12% of its land changes hands" in found["admin-area-reshaped"]
    low = QUARTERS[:3]
    lower = area(5, box(1, 1, 2, 2), 1, admin_level=9)
    redrawn = area(5, box(1, 1.2, 2, 2), 1, admin_level=9)
    assert set(n14(TOWN, *low, redrawn, old=dict([TOWN, *low, lower]))) == {"area-reshaped"}


def test_outlines_are_measured_as_drawn() -> None:
    """A square whose northern side moves by 0.1°: a tenth of the land, 11,119.5 m."""
    change = change_of(box(0, 0, 1, 1), box(0, 0, 1, 1.1))
    assert change is not None
    assert change.share == pytest.approx(0.1, rel=1e-3)
    assert (change.lost_m2, change.gained_m2) == (0.0, pytest.approx(0.1 * change.before_m2, rel=1e-3))
    assert change.hausdorff_m == pytest.approx(0.1 * DEGREE_M, rel=1e-4)
    assert hausdorff_m(box(0, 0, 1, 1), box(0, 0, 1, 1)) == 0.0
    turned = shapely.MultiPolygon([shapely.Polygon([(1, 1), (0, 1), (0, 0), (1, 0), (1, 1)])])
    assert change_of(box(0, 0, 1, 1), turned) is None


def test_two_versions_of_areas_side_by_side() -> None:
    renamed = area(2, box(0, 0, 1, 1), 1, names={"local": "Old Town"}, note="new")
    redrawn = area(3, box(1, 0, 2, 0.9), 1)
    came = area(7, box(2, 0, 3, 1), 1)
    found = regions.compare(GOOD, dict([TOWN, renamed, redrawn, QUARTERS[2], came]))
    assert found.counts == {
        "before": 5, "after": 5, "kept": 4, "added": 1, "removed": 1, "renamed": 1, "reshaped": 1, "changed": 1,
    }  # fmt: skip
    assert found.fields == {"note": 1}
    shown = {item.layer: item for item in found.items}
    assert (shown["added"].source_key, shown["removed"].source_key) == ("k7", "k5")
    assert shown["renamed"].more["old_name"] == "Area 2"
    assert shown["reshaped"].more["hausdorff_m"] == pytest.approx(0.1 * DEGREE_M, rel=1e-3)
    assert set(found.touched) == {UUID(int=5), UUID(int=3)}
