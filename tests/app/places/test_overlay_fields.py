"""What corrections can say, what a place is after them, and when a source agrees; no database."""

from __future__ import annotations

from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from app.places.errors import InvalidEdit
from app.places.facts import Facts
from app.places.overlay_fields import FIELDS, base_field, base_of, checked, effective, imported, says_the_same
from geo.coordinates import LonLat

OTHER = "01900000-0000-7000-8000-000000000001"
FACTS = Facts(
    UUID(int=1), LonLat(120.2, 30.3), "知味观", {"local": "知味观"}, "restaurant", ("cafe",), "zwg", {"city": "杭州"},
    "0571 8701 8638", None, "24/7", False, 3, 2, {"takeaway": True}, False, "osm:1", "wgs84", 120.2, 30.3,
)  # fmt: skip
VALUES: dict[str, Any] = {
    "names": {"en": "Zhiweiguan"},
    "category_id": "cafe",
    "alternate_category_ids": [],
    "brand_id": None,
    "address": {},
    "phone": None,
    "website": "https://example.test",
    "opening_hours": "Mo 10:00-12:00",
    "workday_calendar": True,
    "price_level": 4,
    "attributes": {"takeaway": False},
    "closed": True,
    "hide": True,
    "move": {"lon": 120.3, "lat": 30.4, "datum": "wgs84"},
    "duplicate_of": OTHER,
}


def test_every_field_is_tried() -> None:
    assert set(VALUES) == set(FIELDS)


@pytest.mark.parametrize("field", FIELDS)
def test_corrected_place_is_the_imported_one_again_by_its_bases(field: str) -> None:
    value = checked(field, VALUES[field])
    after = effective(FACTS, {field: value})
    assert after != FACTS
    bases = {base_field(field): base_of(FACTS, field)}
    back = imported(after, bases)
    assert replace(back, hours_no=3) == FACTS
    assert not says_the_same(field, base_of(FACTS, field), value, "CN")
    if field not in ("hide", "duplicate_of"):
        assert says_the_same(field, base_of(after, field), value, "CN")


def test_hidden_place_stays_out_though_another_correction_says_open() -> None:
    assert effective(FACTS, {"closed": False, "hide": True}).closed
    assert effective(FACTS, {"hide": True, "closed": False}).closed


def test_phone_written_otherwise_is_the_same() -> None:
    assert says_the_same("phone", "0571-87018638", "+86 571 8701 8638", "CN")
    assert not says_the_same("phone", "0571-87018639", "+86 571 8701 8638", "CN")
    assert not says_the_same("phone", "1", "2", "CN")  # neither is a number


def test_position_within_a_metre_is_the_same() -> None:
    """One millionth of a degree of latitude is 0.111 m."""
    base = base_of(FACTS, "move")
    assert says_the_same("move", base, {"lon": 120.2, "lat": 30.300008, "datum": "wgs84"}, "CN")
    assert not says_the_same("move", base, {"lon": 120.2, "lat": 30.30001, "datum": "wgs84"}, "CN")


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("colour", "red", "no field is called colour"),
        ("names", {}, "names is an object"),
        ("names", {"Chinese!": "x"}, "neither local nor a language tag"),
        ("names", {"en": "x" * 301}, "1 to 300"),
        ("names", {"en": "a\x00b"}, "1 to 300"),
        ("category_id", "Not A Slug", "as /v1/categories"),
        ("alternate_category_ids", "cafe", "list of at most 20"),
        ("phone", 5, "phone is text"),
        ("website", "javascript:alert(1)", "begins with http"),
        ("address", {"street": {"deep": 1}}, "address/street"),
        ("opening_hours", "whenever", "can't be read"),
        ("workday_calendar", 1, "true or false"),
        ("price_level", True, "give 1 to 4"),
        ("price_level", 5, "give 1 to 4"),
        ("closed", "yes", "true or false"),
        ("hide", False, "withdraw the correction"),
        ("move", [1, 2], "lon, lat"),
        ("move", {"lon": 1, "lat": 95}, "lat is not within"),
        ("move", {"lon": "1", "lat": 2}, "decimal degrees"),
        ("move", {"lon": 1, "lat": 2, "datum": "mars"}, "one of wgs84"),
        ("duplicate_of", "x", "id of the place that stays"),
        ("duplicate_of", 7, "id of the place that stays"),
    ],
)
def test_untrue_value_is_refused_with_what_would_be_right(field: str, value: Any, says: str) -> None:
    with pytest.raises(InvalidEdit, match=says):
        checked(field, value)
