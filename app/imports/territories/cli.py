"""``fujin cities``: adds the territory that regional data is then loaded for, and lists what there is."""

from __future__ import annotations

import re
from typing import Any, Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import click

from app.cities import queries, queries_territories
from app.cities.types import Territory
from app.core.clock import system_clock
from app.core.money import exponent_of
from app.imports import fields
from app.imports.console import Console, connected, guarded, import_engine, owner_engine, settings
from app.imports.errors import InvalidTerritory, RowRefused
from app.imports.usage import FujinGroup
from geo.coordinates import LonLat
from geo.errors import GeoError

_SLUG: Final = re.compile(r"[a-z][a-z0-9-]{1,39}")
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")


@click.group(cls=FujinGroup)
def cities() -> None:
    """Territories: what regional data is loaded for."""


@cities.command("add")
@click.argument("slug")
@click.option("--name", "names", multiple=True, required=True, help="language=Name; the default language's among them.")
@click.option("--language", required=True, help="Its default language, such as pt.")
@click.option("--time-zone", required=True, help="IANA name, such as Europe/Lisbon.")
@click.option("--lon", required=True, help="Of its centre: degrees east, in plain decimals.")
@click.option("--lat", required=True, help="Of its centre: degrees north, in plain decimals.")
@click.option("--zoom", type=click.IntRange(3, 18), default=13, show_default=True, help="What its map opens with.")
@click.option("--country", help="ISO 3166 code, such as PT.")
@click.option("--currency", help="ISO 4217 code, such as EUR; needed before merchants sell there.")
@click.option("--calendar", help="Calendar of its holidays, as the loaded holidays name it.")
@click.option("--kind", type=click.Choice(["city", "country"]), default="city", show_default=True)
@_json
@guarded
def add_city(slug: str, as_json: bool, **given: Any) -> None:
    """Add the territory SLUG, or change what is said of it; nobody sees it before places are loaded."""
    territory = _territory(slug, given)
    now = system_clock()
    with connected(owner_engine(settings())) as conn:
        before = queries.territory_by_slug(conn, slug)
        if territory.currency is not None:
            queries.put_currencies(conn, {territory.currency: exponent_of(territory.currency)})
        city_id = queries_territories.add_territory(conn, territory, now)
        conn.commit()
    outcome = "added" if before is None else "changed"
    facts = {"city": slug, "city_id": city_id, "outcome": outcome}
    Console(as_json).result(f"{slug}: {outcome}, city_id {city_id}; load its regions first, then its places", facts)


@cities.command("list")
@_json
@guarded
def list_cities(as_json: bool) -> None:
    """List the territories, also those without data."""
    console = Console(as_json)
    with connected(import_engine(settings())) as conn:
        found = queries_territories.territories_open_to(conn, None)
    for one in found:
        territory = one.territory
        seen = ", ".join(f"{each.kind} {each.version} ({each.row_count:,})" for each in one.seen) or "no data yet"
        facts = {
            "city": territory.slug,
            "city_id": territory.city_id,
            "active": {each.kind: each.version for each in one.seen},
        }
        console.result(f"{territory.slug:<16} {territory.city_id:>7}  {seen}", facts)


def _territory(slug: str, given: dict[str, Any]) -> Territory:
    if not _SLUG.fullmatch(slug) or slug == "world":
        raise InvalidTerritory(f"{slug[:60]!r} is no slug: 2 to 40 of a-z, 0-9 and -, a letter first, not world")
    names = _names(given["names"])
    language = given["language"]
    if language not in names:
        raise InvalidTerritory(f"--language {language} has no --name: add --name {language}=…")
    for name, pattern in (("country", "[A-Z]{2}"), ("currency", "[A-Z]{3}"), ("calendar", "[A-Za-z0-9-]{1,40}")):
        value = given[name]
        if value is not None and not re.fullmatch(pattern, value):
            raise InvalidTerritory(f"--{name} {value[:40]!r} has not the form {pattern}")
    return Territory(
        city_id=0,
        slug=slug,
        kind=given["kind"],
        names={"local": names[language], **names},
        default_language=language,
        country_code=given["country"],
        time_zone=_zone(given["time_zone"]),
        currency=given["currency"],
        calendar=given["calendar"],
        centre=_centre(given["lon"], given["lat"]),
        zoom=given["zoom"],
    )


def _names(given: tuple[str, ...]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    wrong = next((tag for tag, equals, _ in pairs if not equals), None)
    if wrong is not None:
        raise InvalidTerritory(f"--name {wrong[:40]!r}: write the language first, as en=Lisbon")
    try:
        return fields.names({"names": {tag: name for tag, _, name in pairs}})
    except RowRefused as refusal:
        raise InvalidTerritory(f"--name: {refusal}") from None


def _zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise InvalidTerritory(f"--time-zone {name[:60]!r} is no IANA zone; write it as Europe/Lisbon") from None
    return name


def _centre(lon: str, lat: str) -> LonLat:
    try:
        return LonLat.parse(lon, lat)
    except GeoError as fault:
        raise InvalidTerritory(f"--lon {lon[:40]} --lat {lat[:40]}: {fault.detail}") from None
