"""What is known of a place, the changes that a person makes to it, and what it is after them; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from app.places.errors import InvalidEdit
from geo.coordinates import LonLat
from geo.grid_shift import Datum, to_wgs84

MOST_EDITS: Final = 100
MAX_NAME: Final = 300
OWN_KEY: Final = "fujin:"
"""How the source key of a place begins that no load brought."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The value of a field that an edit says nothing of."""


UNCHANGED: Final = Unchanged()


@dataclass(frozen=True, slots=True)
class Facts:
    """A place as one version states it; ``hours`` is the text, ``hours_no`` its number in the version."""

    place_id: UUID
    location: LonLat
    name: str
    names: Mapping[str, str]
    category_id: str
    alternate_category_ids: tuple[str, ...]
    brand_id: str | None
    address: Mapping[str, Any]
    phone: str | None
    website: str | None
    hours: str | None
    workday_calendar: bool
    hours_no: int | None
    price_level: int | None
    attributes: Mapping[str, Any]
    closed: bool
    source_key: str
    source_datum: str
    source_lon: float
    source_lat: float


@dataclass(frozen=True, slots=True)
class Change:
    """New values of some fields; those left out stay, None takes a value away."""

    place_id: UUID
    names: Mapping[str, str] | Unchanged = UNCHANGED
    category_id: str | Unchanged = UNCHANGED
    alternate_category_ids: tuple[str, ...] | Unchanged = UNCHANGED
    brand_id: str | Unchanged | None = UNCHANGED
    attributes: Mapping[str, Any] | Unchanged = UNCHANGED
    price_level: int | Unchanged | None = UNCHANGED
    phone: str | Unchanged | None = UNCHANGED
    website: str | Unchanged | None = UNCHANGED


@dataclass(frozen=True, slots=True)
class Move:
    """A new position, as it is written in a datum."""

    place_id: UUID
    written: LonLat
    datum: Datum = Datum.WGS84


@dataclass(frozen=True, slots=True)
class ChangeHours:
    """New opening hours; None: nobody knows them. ``workday_calendar`` stays as it is unless said."""

    place_id: UUID
    opening_hours: str | None
    workday_calendar: bool | None = None


@dataclass(frozen=True, slots=True)
class Close:
    """The place is no longer there for customers."""

    place_id: UUID


@dataclass(frozen=True, slots=True)
class Reopen:
    """A closed place is there again."""

    place_id: UUID


@dataclass(frozen=True, slots=True)
class Open:
    """A place that no version stated."""

    place_id: UUID
    written: LonLat
    names: Mapping[str, str]
    category_id: str
    datum: Datum = Datum.WGS84
    alternate_category_ids: tuple[str, ...] = ()
    brand_id: str | None = None
    address: Mapping[str, Any] = field(default_factory=dict)
    phone: str | None = None
    website: str | None = None
    opening_hours: str | None = None
    workday_calendar: bool = False
    price_level: int | None = None
    attributes: Mapping[str, Any] = field(default_factory=dict)


Edit = Open | Change | Move | ChangeHours | Close | Reopen


def opened(edit: Open) -> Facts:
    """A new place as the version in force will state it."""
    location = _place_of(edit.written, edit.datum)
    return Facts(
        place_id=edit.place_id,
        location=location,
        name=_main_name(edit.names),
        names=edit.names,
        category_id=edit.category_id,
        alternate_category_ids=edit.alternate_category_ids,
        brand_id=edit.brand_id,
        address=edit.address,
        phone=edit.phone,
        website=edit.website,
        hours=edit.opening_hours,
        workday_calendar=edit.workday_calendar,
        hours_no=None,
        price_level=_price(edit.price_level),
        attributes=edit.attributes,
        closed=False,
        source_key=f"{OWN_KEY}{edit.place_id}",
        source_datum=edit.datum.value,
        source_lon=edit.written.lon,
        source_lat=edit.written.lat,
    )


def edited(facts: Facts, edit: Edit) -> Facts:
    """A place after an edit."""
    match edit:
        case Open():
            raise InvalidEdit(f"place {edit.place_id} is there already; change it or reopen it")
        case Change():
            return _changed(facts, edit)
        case Move():
            return replace(
                facts,
                location=_place_of(edit.written, edit.datum),
                source_datum=edit.datum.value,
                source_lon=edit.written.lon,
                source_lat=edit.written.lat,
            )
        case ChangeHours():
            workdays = facts.workday_calendar if edit.workday_calendar is None else edit.workday_calendar
            return replace(facts, hours=edit.opening_hours, workday_calendar=workdays, hours_no=None)
        case Close():
            return replace(facts, closed=True)
        case Reopen():
            return replace(facts, closed=False)


def overrides_of(edit: Edit) -> dict[str, Any]:
    """The corrections of an edit that are kept apart and applied again to each version."""
    match edit:
        case Change():
            said = {"names": edit.names, "phone": edit.phone, "website": edit.website}
            return {name: value for name, value in said.items() if not isinstance(value, Unchanged)}
        case ChangeHours():
            return {"opening_hours": edit.opening_hours}
        case Close():
            return {"closed": True}
        case Reopen():
            return {"closed": False}
        case _:
            return {}


def corrected(facts: Facts, corrections: Mapping[str, Any]) -> Facts:
    """A place of a version with its corrections applied."""
    after = facts
    if "names" in corrections:
        after = replace(after, names=corrections["names"], name=_main_name(corrections["names"]))
    for field_name in ("phone", "website", "closed"):
        if field_name in corrections:
            after = replace(after, **{field_name: corrections[field_name]})
    if "opening_hours" in corrections and corrections["opening_hours"] != facts.hours:
        after = replace(after, hours=corrections["opening_hours"], hours_no=None)
    return after


def _changed(facts: Facts, edit: Change) -> Facts:
    said = {
        "names": edit.names,
        "category_id": edit.category_id,
        "alternate_category_ids": edit.alternate_category_ids,
        "brand_id": edit.brand_id,
        "attributes": edit.attributes,
        "price_level": edit.price_level,
        "phone": edit.phone,
        "website": edit.website,
    }
    values: dict[str, Any] = {name: value for name, value in said.items() if not isinstance(value, Unchanged)}
    if not values:
        raise InvalidEdit(f"nothing is said of place {edit.place_id}; give at least one new value")
    if "names" in values:
        values["name"] = _main_name(values["names"])
    if "price_level" in values:
        _price(values["price_level"])
    return replace(facts, **values)


def _place_of(written: LonLat, datum: Datum) -> LonLat:
    return to_wgs84(written, datum).rounded()


def _main_name(names: Mapping[str, str]) -> str:
    """The name without a language, or the first."""
    if not names:
        raise InvalidEdit("names holds no name; give at least one, as local=Name")
    for language, name in names.items():
        if not 1 <= len(name) <= MAX_NAME:
            raise InvalidEdit(f"the name in {language} has {len(name)} characters; 1 to {MAX_NAME} are allowed")
    return names.get("local", next(iter(names.values())))


def _price(level: int | None) -> int | None:
    if level is not None and not 1 <= level <= 4:
        raise InvalidEdit(f"price level {level} is none; give 1 to 4")
    return level
