"""``fujin places``: opens, changes, moves and closes single places of the version that readers see."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final
from uuid import UUID

import click
import orjson

from app.cities import queries as cities
from app.core.clock import system_clock
from app.core.ids import new_city_id
from app.coupons.search_rows import follow_places
from app.imports import fields
from app.imports.console import Console, connected, guarded, import_engine, settings
from app.imports.errors import RowRefused, UnknownTerritory
from app.imports.usage import FujinGroup
from app.places import edits
from app.places.actions import apply
from app.places.errors import InvalidEdit
from app.places.hours_text import MAX_CHARS
from app.places.queries_edits import Author
from geo.coordinates import LonLat
from geo.errors import GeoError
from geo.grid_shift import Datum, parse_datum

CONSOLE: Final = UUID(int=0)
"""The author of corrections from a command line, where nobody signs in."""
Command = Callable[..., None]

_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")
_city = click.option("--city", required=True, help="Slug of the city.")
_id = click.option("--id", "place_id", required=True, type=click.UUID, help="The place's id.")
DEFAULT_REASON: Final = "by an operator"
_reason = click.option("--reason", default=DEFAULT_REASON, show_default=True, help="Why; kept with the correction.")
_lon = click.option("--lon", required=True, help="Degrees east, in plain decimals.")
_lat = click.option("--lat", required=True, help="Degrees north, in plain decimals.")
_datum = click.option("--datum", default="wgs84", show_default=True, help="Datum of the position: wgs84, gcj02, bd09.")


def _fact_options(command: Command) -> Command:
    """The options of what can be said of a place beside its position and hours."""
    for option in (
        click.option("--website", help="Its page."),
        click.option("--phone", help="Its telephone number."),
        click.option("--price-level", type=click.IntRange(1, 4), help="1 cheap to 4 dear."),
        click.option("--attribute", "attributes", multiple=True, help="name=value in JSON, as outdoor_seating=true."),
        click.option("--brand", help="The chain it belongs to."),
        click.option("--alternate", "alternates", multiple=True, help="A further category; can be repeated."),
    ):
        command = option(command)
    return command


@click.group(cls=FujinGroup)
def places() -> None:
    """Open, change, move, close or reopen a place that readers see."""


@places.command("open")
@_city
@_lon
@_lat
@_datum
@click.option("--name", "names", multiple=True, required=True, help="Name, or language=Name; can be repeated.")
@click.option("--category", required=True, help="What it is first of all.")
@_fact_options
@click.option("--hours", help="Opening hours, as Mo-Fr 09:00-18:00.")
@_reason
@_json
@guarded
def open_place(city: str, lon: str, lat: str, datum: str, category: str, hours: str | None, **given: Any) -> None:
    """Add a place that no load brought; it is there for readers at once."""
    values = _values(given)
    written = _point(lon, lat)

    def edit(city_id: int) -> edits.Edit:
        return edits.Open(
            place_id=new_city_id(city_id),
            written=written,
            datum=_parsed_datum(datum),
            category_id=category,
            opening_hours=hours,
            **values,
        )

    _run(city, given, edit, "opened")


@places.command("change")
@_city
@_id
@click.option("--name", "names", multiple=True, help="Name, or language=Name; all of them, can be repeated.")
@click.option("--category", "category_id", help="What it is first of all.")
@_fact_options
@click.option(
    "--without",
    multiple=True,
    type=click.Choice(["alternates", "brand", "attributes", "price-level", "phone", "website"]),
    help="A value to take away; can be repeated.",
)
@_reason
@_json
@guarded
def change_place(city: str, place_id: UUID, category_id: str | None, without: tuple[str, ...], **given: Any) -> None:
    """Give new values; what is not said stays as it is."""
    values = _values(given) | ({"category_id": category_id} if category_id else {})
    nothing: dict[str, Any] = {"alternates": ("alternate_category_ids", ()), "brand": ("brand_id", None)}
    for name in without:
        field, value = nothing.get(name, (name.replace("-", "_"), {} if name == "attributes" else None))
        if field in values:
            raise InvalidEdit(f"--without {name} takes away what another option gives; leave out one of them")
        values[field] = value
    _run(city, given, lambda _: edits.Change(place_id, **values), "changed")


@places.command("move")
@_city
@_id
@_lon
@_lat
@_datum
@_reason
@_json
@guarded
def move_place(city: str, place_id: UUID, lon: str, lat: str, datum: str, **given: Any) -> None:
    """Give the place another position."""
    edit = edits.Move(place_id, _point(lon, lat), _parsed_datum(datum))
    _run(city, given, lambda _: edit, "moved")


@places.command("hours")
@_city
@_id
@click.option("--hours", help="Opening hours, as Mo-Fr 09:00-18:00.")
@click.option("--unknown", is_flag=True, help="In place of --hours: nobody knows them.")
@click.option("--workday-calendar/--weekly", default=None, help="Whether holidays and make-up workdays apply.")
@_reason
@_json
@guarded
def change_hours(
    city: str, place_id: UUID, hours: str | None, unknown: bool, workday_calendar: bool | None, **given: Any
) -> None:
    """Give the place other opening hours."""
    if (hours is None) != unknown:
        raise click.UsageError("Give either --hours or --unknown.")
    if hours is not None and len(hours) > MAX_CHARS:
        raise click.UsageError(f"--hours has {len(hours)} characters; at most {MAX_CHARS} are read.")
    edit = edits.ChangeHours(place_id, hours, workday_calendar)
    _run(city, given, lambda _: edit, "changed its hours")


@places.command("close")
@_city
@_id
@_reason
@_json
@guarded
def close_place(city: str, place_id: UUID, **given: Any) -> None:
    """Take the place out of every search; loads to come keep it closed."""
    _run(city, given, lambda _: edits.Close(place_id), "closed")


@places.command("reopen")
@_city
@_id
@_reason
@_json
@guarded
def reopen_place(city: str, place_id: UUID, **given: Any) -> None:
    """Bring a closed place back."""
    _run(city, given, lambda _: edits.Reopen(place_id), "reopened")


def _run(city: str, given: dict[str, Any], make: Callable[[int], edits.Edit], done: str) -> None:
    """One edit, one transaction, one line of answer."""
    now = system_clock()
    with connected(import_engine(settings())) as conn:
        territory = cities.territory_by_slug(conn, city)
        if territory is None:
            raise UnknownTerritory(f"there is no territory {city}; fujin datasets list shows those with data")
        edit = make(territory.city_id)
        author = Author(CONSOLE, given["reason"])
        told = apply(conn, territory.city_id, [edit], author, now, follow=follow_places)
        conn.commit()
    changed = bool(told.changed)
    facts = {"city": city, "place_id": str(edit.place_id), "version": told.version, "changed": changed}
    sentence = f"{city}: place {edit.place_id} {done}" if changed else f"{city}: place {edit.place_id} was so already"
    Console(given["as_json"]).result(sentence, facts)


def _values(given: dict[str, Any]) -> dict[str, Any]:
    """Values that were given, under the names of an edit; those left out are not among them."""
    said: dict[str, Any] = {
        "names": _names(given["names"]),
        "alternate_category_ids": tuple(given["alternates"]),
        "attributes": dict(map(_attribute, given["attributes"])),
        "brand_id": given["brand"],
        "price_level": given["price_level"],
        "phone": given["phone"],
        "website": given["website"],
    }
    return {name: value for name, value in said.items() if value not in (None, (), {})}


def _names(given: tuple[str, ...]) -> dict[str, str]:
    if not given:
        return {}
    pairs = [one.split("=", 1) if "=" in one else ["local", one] for one in given]
    try:
        return fields.names({"names": dict(pairs)})
    except RowRefused as refusal:
        raise InvalidEdit(f"--name: {refusal}") from None


def _attribute(given: str) -> tuple[str, Any]:
    name, equals, value = given.partition("=")
    try:
        return name, fields.plain_object({"a": {name: orjson.loads(value)}}, "a")[name]
    except orjson.JSONDecodeError:
        said = f"--attribute {given[:80]!r}" if equals else f"--attribute {given[:80]!r} has no value and"
        raise InvalidEdit(f"{said} is no JSON; write takeaway=true or cuisine='\"hunan\"'") from None
    except RowRefused as refusal:
        raise InvalidEdit(f"--attribute: {refusal}") from None


def _point(lon: str, lat: str) -> LonLat:
    try:
        return LonLat.parse(lon, lat)
    except GeoError as fault:
        raise InvalidEdit(f"--lon {lon} --lat {lat}: {fault.detail}") from None


def _parsed_datum(name: str) -> Datum:
    try:
        return parse_datum(name)
    except GeoError as fault:
        raise InvalidEdit(f"--datum: {fault.detail}") from None
