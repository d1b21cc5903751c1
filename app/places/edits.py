"""What is known of a place, the changes that a person makes to it, and what it is after them; pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from uuid import UUID

from app.places.errors import InvalidEdit
from app.places.facts import Facts, main_name, place_of
from geo.coordinates import LonLat
from geo.grid_shift import Datum

MOST_EDITS: Final = 100
OWN_KEY: Final = "fujin:"
"""How the source key of a place begins that no load brought."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """The value of a field that an edit says nothing of."""


UNCHANGED: Final = Unchanged()


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


_CHANGED: Final = (
    "names", "category_id", "alternate_category_ids", "brand_id", "attributes", "price_level", "phone", "website",
)  # fmt: skip
Edit = Open | Change | Move | ChangeHours | Close | Reopen


def opened(edit: Open) -> Facts:
    """A new place as the version in force will state it."""
    location = place_of(edit.written, edit.datum)
    return Facts(
        place_id=edit.place_id,
        location=location,
        name=main_name(edit.names),
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
                location=place_of(edit.written, edit.datum),
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


def overlays_of(edit: Edit) -> dict[str, Any]:
    """The corrections, by field, that keep an edit for the versions to come; a place that was opened has none."""
    match edit:
        case Change():
            said = {name: getattr(edit, name) for name in _CHANGED}
            kept = {name: value for name, value in said.items() if not isinstance(value, Unchanged)}
            return {name: list(value) if isinstance(value, tuple) else value for name, value in kept.items()}
        case Move():
            return {"move": {"lon": edit.written.lon, "lat": edit.written.lat, "datum": edit.datum.value}}
        case ChangeHours():
            hours: dict[str, Any] = {"opening_hours": edit.opening_hours}
            return hours if edit.workday_calendar is None else hours | {"workday_calendar": edit.workday_calendar}
        case Close():
            return {"closed": True}
        case Reopen():
            return {"closed": False}
        case _:
            return {}


def _changed(facts: Facts, edit: Change) -> Facts:
    said = {name: getattr(edit, name) for name in _CHANGED}
    values: dict[str, Any] = {name: value for name, value in said.items() if not isinstance(value, Unchanged)}
    if not values:
        raise InvalidEdit(f"nothing is said of place {edit.place_id}; give at least one new value")
    if "names" in values:
        values["name"] = main_name(values["names"])
    if "price_level" in values:
        _price(values["price_level"])
    return replace(facts, **values)


def _price(level: int | None) -> int | None:
    if level is not None and not 1 <= level <= 4:
        raise InvalidEdit(f"price level {level} is none; give 1 to 4")
    return level
