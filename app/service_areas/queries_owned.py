"""Statements about areas as their merchants run them; each stays in one city but those about plans."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import shapely
from shapely import MultiPolygon
from sqlalchemy import ColumnElement, Connection, Row, and_, func, insert, null, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.cities.tables import active_dataset
from app.core.spatial import as_wkb, from_wkb, latitude, longitude
from app.merchants.tables import place_operators
from app.places.tables import place_facts
from app.service_areas.tables import (
    service_area_extents,
    service_area_plans,
    service_area_versions,
    service_areas,
)
from app.service_areas.types import WAITING, Area, PlaceRun, Plan, State, Version
from geo.coordinates import LonLat

MOST_AREAS: Final = 100
"""How many areas a place may have."""
_AREA = tuple(service_areas.c[name] for name in Area.__dataclass_fields__)
_VERSION = tuple(
    as_wkb(service_area_versions.c.boundary).label(name) if name == "boundary" else service_area_versions.c[name]
    for name in Version.__dataclass_fields__
)


def place_run_by(
    conn: Connection, city_id: int, place_id: UUID, merchant_ids: Collection[UUID] | None
) -> PlaceRun | None:
    """A listed place that one of some merchants (None: any) runs."""
    run = place_operators.c.merchant_id
    row = conn.execute(
        select(
            run,
            place_facts.c.brand_id,
            longitude(place_facts.c.location).label("lon"),
            latitude(place_facts.c.location).label("lat"),
        )
        .select_from(place_operators)
        .join(
            active_dataset,
            and_(active_dataset.c.city_id == place_operators.c.city_id, active_dataset.c.kind == "places"),
        )
        .join(
            place_facts,
            and_(
                place_facts.c.city_id == place_operators.c.city_id,
                place_facts.c.version == active_dataset.c.version,
                place_facts.c.place_id == place_operators.c.place_id,
            ),
        )
        .where(
            place_operators.c.city_id == city_id,
            place_operators.c.place_id == place_id,
            *(() if merchant_ids is None else (run.in_(list(merchant_ids)),)),
        )
    ).one_or_none()
    if row is None:
        return None
    return PlaceRun(city_id, place_id, row.merchant_id, LonLat(row.lon, row.lat), row.brand_id)


def insert_area(conn: Connection, area: Area) -> bool:
    """Keeps a new area; False when the place has one of that id."""
    fresh = upsert(service_areas).values({name: getattr(area, name) for name in Area.__dataclass_fields__})
    return conn.execute(fresh.on_conflict_do_nothing(constraint="service_areas_external_uq")).rowcount == 1


def area_of(conn: Connection, city_id: int, place_id: UUID, external_id: str, *, lock: bool = False) -> Area | None:
    """An area by the merchant's own id of it; locked, edits of it take turns."""
    wanted = select(*_AREA).where(
        service_areas.c.city_id == city_id,
        service_areas.c.place_id == place_id,
        service_areas.c.external_id == external_id,
    )
    row = conn.execute(wanted.with_for_update(key_share=True) if lock else wanted).one_or_none()
    return None if row is None else Area(*tuple(row))


def areas_of_place(conn: Connection, city_id: int, place_id: UUID, *, lock: bool = False) -> tuple[Area, ...]:
    """A place's areas by id; locked in that order."""
    wanted = (
        select(*_AREA)
        .where(service_areas.c.city_id == city_id, service_areas.c.place_id == place_id)
        .order_by(service_areas.c.service_area_id)
        .limit(MOST_AREAS + 1)
    )
    rows = conn.execute(wanted.with_for_update(key_share=True) if lock else wanted)
    return tuple(Area(*tuple(row)) for row in rows)


def in_review(
    conn: Connection, city_id: int, after: tuple[datetime, UUID] | None, limit: int
) -> tuple[tuple[Area, Version], ...]:
    """What waits for a review in a city, the oldest first."""
    drawings = service_area_versions
    wanted = (
        select(*_AREA, *_VERSION)
        .select_from(drawings)
        .join(service_areas, _same_area())
        .where(drawings.c.city_id == city_id, drawings.c.state == "pending_review")
    )
    if after is not None:
        at, area_id = after
        wanted = wanted.where(
            or_(
                drawings.c.edited_at > at,
                and_(drawings.c.edited_at == at, drawings.c.service_area_id > area_id),
            )
        )
    rows = conn.execute(wanted.order_by(drawings.c.edited_at, drawings.c.service_area_id).limit(limit)).all()
    split = len(_AREA)
    return tuple((Area(*tuple(row)[:split]), _version(tuple(row)[split:])) for row in rows)


def count_in_review(conn: Connection, city_id: int) -> int:
    """How many versions wait for a review in a city."""
    drawings = service_area_versions
    counted = select(func.count()).where(drawings.c.city_id == city_id, drawings.c.state == "pending_review")
    return conn.execute(counted).scalar_one()


def step(conn: Connection, before: Area, *, told: int) -> Area | None:
    """One more revision, and ``told`` more events; None when the area changed meanwhile."""
    row = conn.execute(
        update(service_areas)
        .where(
            service_areas.c.city_id == before.city_id,
            service_areas.c.service_area_id == before.service_area_id,
            service_areas.c.revision == before.revision,
        )
        .values(revision=service_areas.c.revision + 1, seq=service_areas.c.seq + told)
        .returning(*_AREA)
    ).one_or_none()
    return None if row is None else Area(*tuple(row))


# versions


def versions_in(
    conn: Connection, city_id: int, area_ids: Sequence[UUID], states: Collection[State]
) -> tuple[Version, ...]:
    """Versions of some areas in some states, by area and number."""
    drawings = service_area_versions
    rows = conn.execute(
        select(*_VERSION)
        .where(
            drawings.c.city_id == city_id,
            drawings.c.service_area_id.in_(list(area_ids)),
            drawings.c.state.in_(list(states)),
        )
        .order_by(drawings.c.service_area_id, drawings.c.version)
        .limit(3 * (MOST_AREAS + 1))
    )
    return tuple(_version(row) for row in rows)


def history(
    conn: Connection, city_id: int, area_id: UUID, *, below: int | None, limit: int
) -> tuple[tuple[Version, ...], int]:
    """A page of an area's versions, the newest first, and how many there are."""
    drawings = service_area_versions
    here = and_(drawings.c.city_id == city_id, drawings.c.service_area_id == area_id)
    wanted = select(*_VERSION).where(here)
    if below is not None:
        wanted = wanted.where(drawings.c.version < below)
    rows = conn.execute(wanted.order_by(drawings.c.version.desc()).limit(limit))
    found = tuple(_version(row) for row in rows)
    return found, conn.execute(select(func.count()).where(here)).scalar_one()


def version_no(conn: Connection, city_id: int, area_id: UUID, version: int) -> Version | None:
    """One version of an area."""
    row = conn.execute(select(*_VERSION).where(*_one(city_id, area_id, version))).one_or_none()
    return None if row is None else _version(row)


def last_version(conn: Connection, city_id: int, area_id: UUID) -> int:
    """The highest number that a version of an area has; 0 before the first."""
    drawings = service_area_versions
    wanted = select(func.max(drawings.c.version)).where(
        drawings.c.city_id == city_id, drawings.c.service_area_id == area_id
    )
    return conn.execute(wanted).scalar_one() or 0


def insert_version(conn: Connection, city_id: int, version: Version) -> None:
    """Keeps a version."""
    conn.execute(insert(service_area_versions).values(city_id=city_id, **_columns(version)))


def replace_waiting(conn: Connection, city_id: int, version: Version) -> bool:
    """Other contents for the version that waits; False when it does not wait any more."""
    columns = _columns(version)
    done = conn.execute(
        update(service_area_versions)
        .where(
            *_one(city_id, version.service_area_id, version.version), service_area_versions.c.state.in_(list(WAITING))
        )
        .values(**columns)
    )
    return done.rowcount == 1


def move(conn: Connection, city_id: int, version: Version, to: State, **columns: Any) -> bool:
    """One guarded step of a version; False when it is in another state by now."""
    done = conn.execute(
        update(service_area_versions)
        .where(*_one(city_id, version.service_area_id, version.version), service_area_versions.c.state == version.state)
        .values(state=to, **columns)
    )
    return done.rowcount == 1


def put_window(conn: Connection, city_id: int, version: Version) -> None:
    """Until when a published version is in force, and what follows it."""
    conn.execute(
        update(service_area_versions)
        .where(*_one(city_id, version.service_area_id, version.version), service_area_versions.c.state == "published")
        .values(
            effective_until=version.effective_until,
            followed_by=version.followed_by,
            declared_until=version.declared_until,
        )
    )


def areas_to_switch(conn: Connection, city_id: int, now: datetime) -> tuple[Area, ...]:
    """Areas of which a version that was to begin later has begun, by id and locked; not those that others are at."""
    before, after = service_area_versions.alias("before"), service_area_versions.alias("after")
    begun = (
        select(before.c.service_area_id)
        .join(
            after,
            and_(
                after.c.city_id == before.c.city_id,
                after.c.service_area_id == before.c.service_area_id,
                after.c.version == before.c.followed_by,
            ),
        )
        .where(
            before.c.city_id == city_id,
            before.c.state == "published",
            before.c.followed_by.is_not(None),
            after.c.effective_from <= now,
        )
    )
    rows = conn.execute(
        select(*_AREA)
        .where(service_areas.c.city_id == city_id, service_areas.c.service_area_id.in_(begun))
        .order_by(service_areas.c.service_area_id)
        .limit(MOST_AREAS)
        .with_for_update(key_share=True, skip_locked=True)
    )
    return tuple(Area(*tuple(row)) for row in rows)


# plans and extents


def plan_of(conn: Connection, merchant_id: UUID) -> Plan:
    """What a merchant's areas may be."""
    row = conn.execute(
        select(service_area_plans.c.max_area_km2, service_area_plans.c.review).where(
            service_area_plans.c.merchant_id == merchant_id
        )
    ).one_or_none()
    return Plan() if row is None else Plan(row.max_area_km2, row.review)


def put_plan(conn: Connection, merchant_id: UUID, plan: Plan, set_by: UUID, now: datetime) -> None:
    """Gives a merchant a plan, in place of the one before."""
    values = {"max_area_km2": plan.max_area_km2, "review": plan.review, "set_by": set_by, "set_at": now}
    fresh = upsert(service_area_plans).values(merchant_id=merchant_id, **values)
    conn.execute(fresh.on_conflict_do_update(constraint="service_area_plans_pk", set_=values))


def widen_extent(conn: Connection, city_id: int, boundary: MultiPolygon) -> None:
    """The box around a city's published areas covers one more."""
    west, south, east, north = boundary.bounds
    box = service_area_extents
    fresh = upsert(box).values(city_id=city_id, west=west, south=south, east=east, north=north)
    wider = {
        "west": func.least(box.c.west, west),
        "south": func.least(box.c.south, south),
        "east": func.greatest(box.c.east, east),
        "north": func.greatest(box.c.north, north),
    }
    conn.execute(fresh.on_conflict_do_update(constraint="service_area_extents_pk", set_=wider))


def measure_extents(conn: Connection) -> None:
    """The box of every city's published areas, worked out anew; for whoever wrote areas in bulk; cross-city."""
    conn.execute(
        text("""
            INSERT INTO service_area_extents (city_id, west, south, east, north) /* cross-city */
            SELECT city_id, min(st_xmin(boundary)), min(st_ymin(boundary)), max(st_xmax(boundary)),
                   max(st_ymax(boundary))
            FROM service_area_versions WHERE state = 'published' GROUP BY city_id
            ON CONFLICT (city_id) DO UPDATE
            SET west = excluded.west, south = excluded.south, east = excluded.east, north = excluded.north
        """)
    )


def _same_area() -> ColumnElement[bool]:
    return and_(
        service_areas.c.city_id == service_area_versions.c.city_id,
        service_areas.c.service_area_id == service_area_versions.c.service_area_id,
    )


def _one(city_id: int, area_id: UUID, version: int) -> tuple[ColumnElement[bool], ...]:
    drawings = service_area_versions
    return (
        drawings.c.city_id == city_id,
        drawings.c.service_area_id == area_id,
        drawings.c.version == version,
    )


def _columns(version: Version) -> dict[str, Any]:
    found = {name: getattr(version, name) for name in Version.__dataclass_fields__}
    found["boundary"] = from_wkb(shapely.to_wkb(version.boundary))
    found["outline"] = null() if version.outline is None else dict(version.outline)  # SQL's null, not JSON's
    return found | {"names": dict(version.names), "metadata": dict(version.metadata), "tags": list(version.tags)}


def _version(row: Row[Any] | tuple[Any, ...]) -> Version:
    values = dict(zip(Version.__dataclass_fields__, tuple(row), strict=True))
    values["boundary"] = shapely.from_wkb(bytes(values["boundary"]))
    return Version(**values | {"tags": tuple(values["tags"])})
