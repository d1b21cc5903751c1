"""What a correction can say of a place, what is true of a place after its corrections, and when a source agrees; pure.

A correction covers one field. ``hide`` and ``duplicate_of`` take a place out of every search, as ``closed`` does; the
source's own word on that is kept as the base of ``closed``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from app.places.errors import InvalidEdit
from app.places.facts import MAX_NAME, Facts, main_name, place_of
from app.places.hours_text import MAX_CHARS
from app.places.opening_hours import parse_ok
from app.places.phones import phone_keys
from geo.coordinates import LonLat
from geo.distance import distance_m
from geo.errors import GeoError
from geo.grid_shift import Datum, parse_datum

FIELDS: Final = (
    "names", "category_id", "alternate_category_ids", "brand_id", "address", "phone", "website", "opening_hours",
    "workday_calendar", "price_level", "attributes", "closed", "hide", "move", "duplicate_of",
)  # fmt: skip
BASES: Final = tuple(name for name in FIELDS if name not in ("hide", "duplicate_of"))
OUT: Final = frozenset({"closed", "hide", "duplicate_of"})
"""Fields that take a place out of every search, or bring it back."""
NEAR_M: Final = 1.0
"""Two positions this near say the same."""
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_LANGUAGE: Final = re.compile(r"local|[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_SLUG: Final = re.compile(r"[a-z][a-z0-9_]{1,59}")


def base_field(field: str) -> str:
    """Under which name the source's own word on a field is kept."""
    return "closed" if field in OUT else field


def base_of(facts: Facts, field: str) -> Any:
    """What facts say of a field, as a JSON value."""
    match base_field(field):
        case "names":
            return {"names": dict(facts.names), "name": facts.name}
        case "alternate_category_ids":
            return list(facts.alternate_category_ids)
        case "opening_hours":
            return facts.hours
        case "move":
            return {
                "lon": facts.location.lon,
                "lat": facts.location.lat,
                "source_lon": facts.source_lon,
                "source_lat": facts.source_lat,
                "source_datum": facts.source_datum,
            }
        case "address" | "attributes" as name:
            return dict(getattr(facts, name))
        case name:
            return getattr(facts, name)


def imported(facts: Facts, bases: Mapping[str, Any]) -> Facts:
    """A place as its source states it: what corrections cover is put back."""
    after = facts
    for field, value in bases.items():
        match field:
            case "names":
                after = replace(after, names=value["names"], name=value["name"])
            case "alternate_category_ids":
                after = replace(after, alternate_category_ids=tuple(value))
            case "opening_hours" | "workday_calendar":
                after = _with_hours(after, field, value)
            case "move":
                after = replace(
                    after,
                    location=LonLat(value["lon"], value["lat"]),
                    source_lon=value["source_lon"],
                    source_lat=value["source_lat"],
                    source_datum=value["source_datum"],
                )
            case _:
                after = replace(after, **{field: value})
    return after


def effective(facts: Facts, corrections: Mapping[str, Any]) -> Facts:
    """A place as readers see it: what its source states, its corrections applied."""
    after = facts
    for field, value in corrections.items():
        match field:
            case "names":
                after = replace(after, names=value, name=main_name(value))
            case "alternate_category_ids":
                after = replace(after, alternate_category_ids=tuple(value))
            case "opening_hours" | "workday_calendar":
                after = _with_hours(after, field, value)
            case "move":
                written, datum = _point(value)
                after = replace(
                    after,
                    location=place_of(written, datum),
                    source_lon=written.lon,
                    source_lat=written.lat,
                    source_datum=datum.value,
                )
            case "hide" | "duplicate_of":
                pass
            case _:
                after = replace(after, **{field: value})
    if "hide" in corrections or "duplicate_of" in corrections:
        after = replace(after, closed=True)
    return after


def says_the_same(field: str, base: Any, value: Any, country: str | None) -> bool:
    """Whether a source's word on a field is what a correction wants; ``hide`` and ``duplicate_of`` no source says."""
    match field:
        case "hide" | "duplicate_of":
            return False
        case "names":
            return bool(base["names"] == value)
        case "move":
            written, datum = _point(value)
            return distance_m(LonLat(base["lon"], base["lat"]), place_of(written, datum)) <= NEAR_M
        case "phone" if base is not None and value is not None:
            keys = phone_keys(base, country)
            return base == value or (bool(keys) and keys == phone_keys(value, country))
        case _:
            return bool(base == value)


def unchanged(field: str, base: Any, settled: Any) -> bool:
    """Whether a source says what it said before; positions within a metre are the same."""
    if field == "move":
        one, other = LonLat(base["lon"], base["lat"]), LonLat(settled["lon"], settled["lat"])
        return distance_m(one, other) <= NEAR_M
    return bool(base == settled)


def shown(field: str, base: Any) -> Any:
    """A base in the form of a correction's value, for people."""
    if field == "names":
        return base["names"]
    if field == "move":
        return {"lon": base["source_lon"], "lat": base["source_lat"], "datum": base["source_datum"]}
    return base


def checked(field: str, value: Any) -> Any:
    """The value in its one form; InvalidEdit says what would be right. Categories and brands are looked up later."""
    match field:
        case "names":
            return _names(value)
        case "category_id":
            return _slug(field, value)
        case "alternate_category_ids":
            if not isinstance(value, list) or len(value) > 20:
                raise InvalidEdit("alternate_category_ids is a list of at most 20 categories")
            return [_slug(field, one) for one in value]
        case "brand_id" | "phone" | "website":
            return _text(field, value, {"brand_id": 100, "phone": 200, "website": 2000}[field])
        case "address" | "attributes":
            return _object(field, value)
        case "opening_hours":
            hours = _text(field, value, MAX_CHARS)
            if hours is not None and not parse_ok(hours):
                raise InvalidEdit(f"the hours {hours[:80]!r} can't be read; write them like Mo-Fr 09:00-18:00")
            return hours
        case "workday_calendar" | "closed":
            if not isinstance(value, bool):
                raise InvalidEdit(f"{field} is true or false")
            return value
        case "hide":
            if value is not True:
                raise InvalidEdit("hide is true; to show the place again, withdraw the correction")
            return True
        case "price_level":
            return _price(value)
        case "move":
            written, datum = _point(value)
            return {"lon": written.lon, "lat": written.lat, "datum": datum.value}
        case "duplicate_of":
            try:
                return str(UUID(value))
            except (ValueError, TypeError, AttributeError):
                raise InvalidEdit("duplicate_of is the id of the place that stays") from None
    raise InvalidEdit(f"no field is called {field}; give one of: {', '.join(FIELDS)}")


def _with_hours(facts: Facts, field: str, value: Any) -> Facts:
    name = "hours" if field == "opening_hours" else field
    return facts if getattr(facts, name) == value else replace(facts, **{name: value}, hours_no=None)


def _point(value: Any) -> tuple[LonLat, Datum]:
    if not isinstance(value, Mapping) or not {"lon", "lat"} <= value.keys() <= {"lon", "lat", "datum"}:
        raise InvalidEdit('move is an object with lon, lat and, where it is not wgs84, datum, as {"lon": 1, "lat": 2}')
    lon, lat, datum = value["lon"], value["lat"], value.get("datum", "wgs84")
    if any(isinstance(one, bool) or not isinstance(one, int | float) for one in (lon, lat)):
        raise InvalidEdit("lon and lat of move are decimal degrees")
    try:
        return LonLat(float(lon), float(lat)), parse_datum(datum)
    except GeoError as fault:
        raise InvalidEdit(f"move: {fault.detail}") from None


def _names(value: Any) -> dict[str, str]:
    if not isinstance(value, Mapping) or not 1 <= len(value) <= 64:
        raise InvalidEdit('names is an object of names by language, as {"local": "知味观", "en": "Zhiweiguan"}')
    for language, name in value.items():
        if _LANGUAGE.fullmatch(language) is None:
            raise InvalidEdit(f"names has {language[:20]!r}, which is neither local nor a language tag")
        if not isinstance(name, str) or not 1 <= len(name) <= MAX_NAME or _CONTROL.search(name):
            raise InvalidEdit(f"the name in {language} is no text of 1 to {MAX_NAME} characters")
    return dict(value)


def _slug(field: str, value: Any) -> str:
    if not isinstance(value, str) or _SLUG.fullmatch(value) is None:
        raise InvalidEdit(f"{field} takes ids as /v1/categories shows them")
    return value


def _text(field: str, value: Any, longest: int) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str) or not 1 <= len(value) <= longest or _CONTROL.search(value):
        raise InvalidEdit(f"{field} is text of 1 to {longest} characters, or null for none")
    if field == "website" and not value.startswith(("http://", "https://")):
        raise InvalidEdit("website begins with http:// or https://")
    return value


def _object(field: str, value: Any) -> dict[str, Any]:
    if not isinstance(value, Mapping) or len(value) > 64:
        raise InvalidEdit(f"{field} is an object of at most 64 members")
    for key, member in value.items():
        for one in member if isinstance(member, list) else [member]:
            plain = one is None or isinstance(one, str | bool | int | float)
            if not plain or (isinstance(one, str) and (len(one) > 2000 or _CONTROL.search(one))):
                raise InvalidEdit(f"{field}/{key[:40]} is neither text, number, boolean nor a list of them")
    return dict(value)


def _price(value: Any) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 4:
        raise InvalidEdit(f"price level {value} is none; give 1 to 4")
    return value
