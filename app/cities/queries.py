"""Territories, dataset versions, and the one pointer that every read goes through."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, Row, and_, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.cities.tables import active_dataset, cities, currencies, dataset_epoch, datasets
from app.cities.types import (
    WORLD_CITY_ID,
    ActiveCity,
    ActiveDatasets,
    Attribution,
    DatasetVersion,
    Origin,
    Territory,
    WorldVersions,
)
from geo.bbox import Bbox
from geo.coordinates import LonLat

_LOADS = 0x66756A69  # first half of the advisory locks that loads take; the second is the territory

AnyRow = Row[*tuple[Any, ...]]

_TERRITORY = (
    cities.c.city_id,
    cities.c.slug,
    cities.c.kind,
    cities.c.names,
    cities.c.default_language,
    cities.c.country_code,
    cities.c.time_zone,
    cities.c.currency,
    cities.c.calendar,
    cities.c.centre_lon,
    cities.c.centre_lat,
    cities.c.zoom,
)
_EPOCH = select(dataset_epoch.c.epoch)
_POINTED = and_(
    datasets.c.city_id == active_dataset.c.city_id,
    datasets.c.kind == active_dataset.c.kind,
    datasets.c.version == active_dataset.c.version,
)
_VERSION = (
    datasets.c.city_id,
    datasets.c.dataset_id,
    datasets.c.kind,
    datasets.c.version,
    datasets.c.state,
    datasets.c.source_name,
    datasets.c.source_sha256,
    datasets.c.rows_declared,
    datasets.c.rows_stored,
    datasets.c.rows_refused,
    datasets.c.created_at,
    datasets.c.activated_at,
    active_dataset.c.version.is_not(None).label("active"),
)


def everything_active(conn: Connection) -> ActiveDatasets:
    """Every territory with its active versions, and the world's, in one statement; cities in order of id."""
    rows = conn.execute(
        select(
            *_TERRITORY,
            active_dataset.c.kind.label("dataset_kind"),
            active_dataset.c.version,
            active_dataset.c.row_count,
            active_dataset.c.extent_west,
            active_dataset.c.extent_south,
            active_dataset.c.extent_east,
            active_dataset.c.extent_north,
            datasets.c.source_name,
            datasets.c.source_url,
            datasets.c.licence,
            datasets.c.attribution,
            datasets.c.retrieved_on,
        )
        .prefix_with("/* cross-city: says which cities a request asks */")
        .select_from(cities)
        .outerjoin(active_dataset, active_dataset.c.city_id == cities.c.city_id)
        .outerjoin(datasets, _POINTED)
        .order_by(cities.c.city_id, active_dataset.c.kind)
    ).all()
    by_city: dict[int, list[AnyRow]] = {}
    for row in rows:
        by_city.setdefault(row.city_id, []).append(row)
    world = {row.dataset_kind: row.version for row in by_city.pop(WORLD_CITY_ID, []) if row.dataset_kind}
    return ActiveDatasets(
        cities=tuple(_active_city(group) for group in by_city.values()),
        world=WorldVersions(world.get("categories", 0), world.get("holidays", 0), world.get("brands", 0)),
    )


def epoch(conn: Connection) -> int:
    """A number that grows whenever ``everything_active`` or a version's opening hours have changed.

    Counts of rows alone don't move it: places close and open all day.
    """
    return int(conn.execute(_EPOCH).scalar_one())


def next_epoch(conn: Connection) -> None:
    """Tells every reader to read again what they keep of the pointer; seen with the commit."""
    conn.execute(update(dataset_epoch).values(epoch=dataset_epoch.c.epoch + 1))


def active_datasets(conn: Connection) -> tuple[ActiveCity, ...]:
    """Every territory but the world with its active versions, in order of id."""
    return everything_active(conn).cities


def world_versions(conn: Connection) -> WorldVersions:
    """Active versions of categories, holidays and brands."""
    rows = conn.execute(
        select(active_dataset.c.kind, active_dataset.c.version).where(active_dataset.c.city_id == WORLD_CITY_ID)
    ).all()
    found = {row.kind: row.version for row in rows}
    return WorldVersions(found.get("categories", 0), found.get("holidays", 0), found.get("brands", 0))


def _active_city(rows: list[AnyRow]) -> ActiveCity:
    first = rows[0]
    live = [row for row in rows if row.dataset_kind is not None]
    extent = next((_extent(row) for row in live if row.dataset_kind == "places"), None)
    return ActiveCity(
        city_id=first.city_id,
        slug=first.slug,
        kind=first.kind,
        names=first.names,
        default_language=first.default_language,
        country_code=first.country_code,
        time_zone=first.time_zone,
        currency=first.currency,
        calendar=first.calendar,
        centre=LonLat(first.centre_lon, first.centre_lat),
        zoom=first.zoom,
        versions={row.dataset_kind: row.version for row in live},
        row_counts={row.dataset_kind: row.row_count for row in live},
        places_extent=extent,
        attributions=tuple(
            Attribution(
                row.dataset_kind, row.source_name, row.source_url, row.licence, row.attribution, row.retrieved_on
            )
            for row in live
        ),
    )


def _extent(row: AnyRow) -> Bbox | None:
    if row.extent_west is None:
        return None
    return Bbox(row.extent_west, row.extent_south, row.extent_east, row.extent_north)


def territory_by_slug(conn: Connection, slug: str) -> Territory | None:
    """The territory of that slug; the world's is ``world``."""
    row = conn.execute(select(*_TERRITORY).where(cities.c.slug == slug)).one_or_none()
    return None if row is None else _territory(row)


def territory_by_id(conn: Connection, city_id: int) -> Territory | None:
    """The territory of that id."""
    row = conn.execute(select(*_TERRITORY).where(cities.c.city_id == city_id)).one_or_none()
    return None if row is None else _territory(row)


def city_ids(conn: Connection) -> tuple[int, ...]:
    """Every territory but the world, for work that goes from city to city."""
    return tuple(
        conn.execute(select(cities.c.city_id).where(cities.c.kind != "world").order_by(cities.c.city_id)).scalars()
    )


def _territory(row: AnyRow) -> Territory:
    return Territory(
        city_id=row.city_id,
        slug=row.slug,
        kind=row.kind,
        names=row.names,
        default_language=row.default_language,
        country_code=row.country_code,
        time_zone=row.time_zone,
        currency=row.currency,
        calendar=row.calendar,
        centre=LonLat(row.centre_lon, row.centre_lat),
        zoom=row.zoom,
    )


def put_currencies(conn: Connection, exponents: Mapping[str, int]) -> None:
    """Adds currencies that are not there yet."""
    rows = [{"currency": currency, "exponent": exponent} for currency, exponent in sorted(exponents.items())]
    conn.execute(upsert(currencies).on_conflict_do_nothing(index_elements=["currency"]), rows)


def put_territory(conn: Connection, territory: Territory, now: datetime) -> None:
    """Adds a territory or brings it up to date; its id and the time it was added stay."""
    facts: dict[str, Any] = {
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
    statement = upsert(cities).values(city_id=territory.city_id, created_at=now, **facts)
    conn.execute(statement.on_conflict_do_update(index_elements=["city_id"], set_=facts))
    next_epoch(conn)


def lock_versions(conn: Connection, city_id: int) -> None:
    """Makes two loads of one territory take turns until the transaction ends.

    A lock on the territory's row would need the right to change territories, which loads don't have.
    """
    conn.execute(select(func.pg_advisory_xact_lock(_LOADS, city_id)))


def next_version(conn: Connection, city_id: int, kind: str) -> int:
    """The number after the last version, failed ones counted; two may be given the same."""
    last = select(func.max(datasets.c.version)).where(datasets.c.city_id == city_id, datasets.c.kind == kind)
    return (conn.execute(last).scalar_one() or 0) + 1


def insert_version(
    conn: Connection,
    *,
    city_id: int,
    dataset_id: UUID,
    kind: str,
    version: int,
    origin: Origin,
    sha256: bytes,
    now: datetime,
) -> bool:
    """A new version in the state ``validating``; nobody reads it.

    False when the number is taken, or another version of the kind is validating or staged: waits for whoever is about
    to add one.
    """
    added = conn.execute(
        upsert(datasets)
        .values(
            city_id=city_id,
            dataset_id=dataset_id,
            kind=kind,
            version=version,
            state="validating",
            source_name=origin.source_name,
            source_url=origin.source_url,
            source_sha256=sha256,
            licence=origin.licence,
            attribution=origin.attribution,
            retrieved_on=origin.retrieved_on,
            rows_declared=0,
            rows_stored=0,
            rows_refused=0,
            created_at=now,
        )
        .on_conflict_do_nothing()
    )
    return added.rowcount == 1


def set_state(
    conn: Connection,
    city_id: int,
    kind: str,
    version: int,
    *,
    state: str,
    only_from: Iterable[str],
    counts: tuple[int, int, int] | None = None,
    activated_at: datetime | None = None,
    purged_at: datetime | None = None,
) -> bool:
    """Moves a version to another state; False when it was in none of ``only_from``, or was purged.

    ``counts`` are rows declared, stored, refused.
    """
    values: dict[str, Any] = {"state": state}
    if counts is not None:
        values |= dict(zip(("rows_declared", "rows_stored", "rows_refused"), counts, strict=True))
    if activated_at is not None:
        values["activated_at"] = activated_at
    if purged_at is not None:
        values["purged_at"] = purged_at
    result = conn.execute(
        update(datasets)
        .where(
            datasets.c.city_id == city_id,
            datasets.c.kind == kind,
            datasets.c.version == version,
            datasets.c.state.in_(list(only_from)),
            datasets.c.purged_at.is_(None),
        )
        .values(**values)
    )
    return result.rowcount == 1


def point_at(
    conn: Connection, city_id: int, kind: str, version: int, *, extent: Bbox | None, row_count: int, now: datetime
) -> None:
    """Moves the one pointer: from the commit on, every read of this kind sees this version."""
    values: dict[str, Any] = {
        "version": version,
        "extent_west": extent.west if extent else None,
        "extent_south": extent.south if extent else None,
        "extent_east": extent.east if extent else None,
        "extent_north": extent.north if extent else None,
        "row_count": row_count,
        "activated_at": now,
    }
    statement = upsert(active_dataset).values(city_id=city_id, kind=kind, **values)
    conn.execute(statement.on_conflict_do_update(index_elements=["city_id", "kind"], set_=values))
    next_epoch(conn)


def versions_of(
    conn: Connection, city_id: int | None = None, kind: str | None = None, limit: int = 1000
) -> tuple[DatasetVersion, ...]:
    """Versions by territory and kind, newest first within each."""
    statement = select(*_VERSION).outerjoin(active_dataset, _POINTED)
    if city_id is not None:
        statement = statement.where(datasets.c.city_id == city_id)
    if kind is not None:
        statement = statement.where(datasets.c.kind == kind)
    order = (datasets.c.city_id, datasets.c.kind, datasets.c.version.desc())
    return tuple(_dataset_version(row) for row in conn.execute(statement.order_by(*order).limit(limit)))


def active_version(conn: Connection, city_id: int, kind: str) -> DatasetVersion | None:
    """The version that readers see."""
    statement = (
        select(*_VERSION).join(active_dataset, _POINTED).where(datasets.c.city_id == city_id, datasets.c.kind == kind)
    )
    row = conn.execute(statement).one_or_none()
    return None if row is None else _dataset_version(row)


def previous_version(conn: Connection, city_id: int, kind: str, before: int) -> DatasetVersion | None:
    """The last version under ``before`` that was active once and is kept."""
    statement = (
        select(*_VERSION)
        .outerjoin(active_dataset, _POINTED)
        .where(
            datasets.c.city_id == city_id,
            datasets.c.kind == kind,
            datasets.c.version < before,
            datasets.c.state == "retired",
            datasets.c.activated_at.is_not(None),
            datasets.c.purged_at.is_(None),
        )
        .order_by(datasets.c.version.desc())
        .limit(1)
    )
    row = conn.execute(statement).one_or_none()
    return None if row is None else _dataset_version(row)


def _dataset_version(row: AnyRow) -> DatasetVersion:
    return DatasetVersion(
        city_id=row.city_id,
        dataset_id=row.dataset_id,
        kind=row.kind,
        version=row.version,
        state=row.state,
        source_name=row.source_name,
        source_sha256=bytes(row.source_sha256),
        rows_declared=row.rows_declared,
        rows_stored=row.rows_stored,
        rows_refused=row.rows_refused,
        created_at=row.created_at,
        activated_at=row.activated_at,
        active=row.active,
    )
