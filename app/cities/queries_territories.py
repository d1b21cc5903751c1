"""Territories as those who run them see them: also those that hold no data yet."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, insert, select, update

from app.cities.queries import _TERRITORY, AnyRow, _territory, next_epoch
from app.cities.tables import active_dataset, cities
from app.cities.types import Territory

FIRST_ID = 1_000
LAST_ID = 99_999
"""Ids that ``fujin cities add`` gives out; those of the seeds and of benches lie outside."""


@dataclass(frozen=True, slots=True)
class SeenVersion:
    """The version of one kind that readers see, how many rows they see of it, and since when."""

    kind: str
    version: int
    row_count: int
    activated_at: datetime


@dataclass(frozen=True, slots=True)
class RunTerritory:
    """A territory and what readers see there, by kind."""

    territory: Territory
    seen: tuple[SeenVersion, ...]


def territories_open_to(conn: Connection, city_ids: Iterable[int] | None, limit: int = 500) -> tuple[RunTerritory, ...]:
    """Territories of an operator of some cities (None: all, the world's lists too), in order of id."""
    statement = select(
        *_TERRITORY,
        active_dataset.c.kind.label("dataset_kind"),
        active_dataset.c.version,
        active_dataset.c.row_count,
        active_dataset.c.activated_at,
    ).outerjoin(active_dataset, active_dataset.c.city_id == cities.c.city_id)
    if city_ids is not None:
        statement = statement.where(cities.c.city_id.in_(list(city_ids)))
    # Six kinds a territory at most, so that whole territories are cut off and never some kinds of one.
    rows = conn.execute(statement.order_by(cities.c.city_id, active_dataset.c.kind).limit(limit * 6))
    found: dict[int, list[AnyRow]] = {}
    for row in rows:
        found.setdefault(row.city_id, []).append(row)
    return tuple(_run_territory(group) for group in list(found.values())[:limit])


def _run_territory(rows: list[AnyRow]) -> RunTerritory:
    seen = [row for row in rows if row.dataset_kind is not None]
    return RunTerritory(
        _territory(rows[0]),
        tuple(SeenVersion(row.dataset_kind, row.version, row.row_count, row.activated_at) for row in seen),
    )


def add_territory(conn: Connection, territory: Territory, now: datetime) -> int:
    """Adds a territory under the next free id, which it answers; what the slug names already is changed in place."""
    facts = {
        "slug": territory.slug,
        "kind": territory.kind,
        "names": dict(territory.names),
        "default_language": territory.default_language,
        "country_code": territory.country_code,
        "time_zone": territory.time_zone,
        "currency": territory.currency,
        "calendar": territory.calendar,
        "centre_lon": territory.centre.lon,
        "centre_lat": territory.centre.lat,
        "zoom": territory.zoom,
    }
    known = conn.execute(
        update(cities).where(cities.c.slug == territory.slug).values(**facts).returning(cities.c.city_id)
    ).scalar_one_or_none()
    if known is None:
        given = cities.c.city_id.between(FIRST_ID, LAST_ID)
        last = conn.execute(select(func.max(cities.c.city_id)).where(given)).scalar_one()
        known = FIRST_ID if last is None else last + 1
        conn.execute(insert(cities).values(city_id=known, created_at=now, **facts))
    next_epoch(conn)
    return int(known)
