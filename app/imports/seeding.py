"""The seed files as requests to the road that every load takes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import orjson
from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import Origin, Territory
from app.core.money import exponent_of
from app.imports.errors import UnreadableFile
from app.imports.types import LoadRequest
from geo.coordinates import LonLat

SEEDS: Final = Path(__file__).parent.parent.parent / "seeds"
KINDS: Final = ("categories", "holidays", "brands", "regions", "places", "basemap")
MORE_CURRENCIES: Final = ("EUR", "CNY", "USD", "GBP", "JPY", "KWD", "FJD", "NOK")


@dataclass(frozen=True, slots=True)
class SeedCity:
    """A territory of the seeds with its files, in the order in which they are loaded."""

    territory: Territory
    loads: tuple[LoadRequest, ...]


def read_seeds(folder: Path = SEEDS) -> tuple[SeedCity, ...]:
    """The territories of ``cities.json``, the world first."""
    path = folder / "cities.json"
    try:
        content = orjson.loads(path.read_bytes())
        found = [_seed_city(folder, entry) for entry in content]
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UnreadableFile(f"{path.name} can't be read: {error}") from error
    return tuple(sorted(found, key=lambda seed: seed.territory.city_id))


def put_territories(conn: Connection, seeds: tuple[SeedCity, ...], now: datetime) -> None:
    """Adds the territories and currencies of the seeds, or brings them up to date."""
    currencies = {seed.territory.currency for seed in seeds if seed.territory.currency} | set(MORE_CURRENCIES)
    cities.put_currencies(conn, {currency: exponent_of(currency) for currency in currencies})
    for seed in seeds:
        cities.put_territory(conn, seed.territory, now)


def _seed_city(folder: Path, entry: dict[str, Any]) -> SeedCity:
    territory = Territory(
        city_id=entry["city_id"],
        slug=entry["slug"],
        kind=entry["kind"],
        names=entry["names"],
        default_language=entry["default_language"],
        country_code=entry["country_code"],
        time_zone=entry["time_zone"],
        currency=entry["currency"],
        calendar=entry["calendar"],
        centre=LonLat(entry["centre"]["lon"], entry["centre"]["lat"]),
        zoom=entry["zoom"],
    )
    datasets = entry["datasets"]
    loads = [
        LoadRequest(territory.city_id, kind, folder / datasets[kind]["file"], _origin(datasets[kind]), trusted=True)
        for kind in KINDS
        if kind in datasets
    ]
    return SeedCity(territory, tuple(loads))


def _origin(entry: dict[str, Any]) -> Origin:
    retrieved_on = entry.get("retrieved_on")
    return Origin(
        source_name=entry["source_name"],
        licence=entry["licence"],
        attribution=entry["attribution"],
        source_url=entry.get("source_url"),
        retrieved_on=date.fromisoformat(retrieved_on) if retrieved_on else None,
    )
