"""What is told of versions: their origin, file, counts, progress, gate and history; foreign ones are not there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, and_, select

from app.cities.tables import active_dataset, cities, datasets
from app.imports.tables_jobs import STEPS, dataset_steps, import_jobs
from app.imports.types_jobs import Step, VersionView

_POINTED = and_(
    datasets.c.city_id == active_dataset.c.city_id,
    datasets.c.kind == active_dataset.c.kind,
    datasets.c.version == active_dataset.c.version,
)
_WORK = and_(import_jobs.c.city_id == datasets.c.city_id, import_jobs.c.dataset_id == datasets.c.dataset_id)
_VIEW = (
    cities.c.slug.label("city"),
    datasets.c.city_id,
    datasets.c.dataset_id,
    datasets.c.kind,
    datasets.c.version,
    datasets.c.state,
    active_dataset.c.version.is_not(None).label("active"),
    datasets.c.source_name,
    datasets.c.source_url,
    datasets.c.licence,
    datasets.c.attribution,
    datasets.c.retrieved_on,
    datasets.c.source_sha256.label("sha256"),
    datasets.c.rows_declared,
    datasets.c.rows_stored,
    datasets.c.rows_refused,
    datasets.c.created_at,
    datasets.c.activated_at,
    datasets.c.purged_at,
    import_jobs.c.task,
    import_jobs.c.tries,
    import_jobs.c.dry_run,
    import_jobs.c.created_by,
    import_jobs.c.file_name,
    import_jobs.c.file_bytes,
    import_jobs.c.file_key,
    import_jobs.c.file_until,
    import_jobs.c.wishes,
    import_jobs.c.source,
    import_jobs.c.stage,
    import_jobs.c.done,
    import_jobs.c.total,
    import_jobs.c.unit,
    import_jobs.c.created,
    import_jobs.c.outcome,
    import_jobs.c.failure,
    import_jobs.c.gate,
    import_jobs.c.remarks,
)
MOST_STEPS = 200


def city_open_to(conn: Connection, slug: str, city_ids: Iterable[int] | None) -> int | None:
    """The id of a territory, for an operator of some cities (None: of all); a foreign one is not there."""
    statement = select(cities.c.city_id).where(cities.c.slug == slug)
    if city_ids is not None:
        statement = statement.where(cities.c.city_id.in_(list(city_ids)))
    return conn.execute(statement).scalar_one_or_none()


def versions_of_kind(conn: Connection, city_id: int, kind: str, limit: int = 500) -> tuple[VersionView, ...]:
    """Versions of a city's kind, newest first, without their history."""
    return tuple(_view(row) for row in conn.execute(_versions(city_id, kind).limit(limit)))


def version(conn: Connection, city_id: int, kind: str, number: int, *, lock: bool = False) -> VersionView | None:
    """One version with its history; ``lock`` keeps its state until the transaction ends."""
    if lock:
        conn.execute(
            select(datasets.c.dataset_id)
            .where(datasets.c.city_id == city_id, datasets.c.kind == kind, datasets.c.version == number)
            .with_for_update()
        )
    row = conn.execute(_versions(city_id, kind).where(datasets.c.version == number)).one_or_none()
    if row is None:
        return None
    found = _view(row)
    return replace(found, steps=_steps(conn, city_id, found.dataset_id))


def load_under_way(conn: Connection, city_id: int, kind: str) -> VersionView | None:
    """The version of a kind that is validating or staged."""
    statement = _versions(city_id, kind).where(datasets.c.state.in_(["validating", "staged"]))
    row = conn.execute(statement.limit(1)).one_or_none()
    return None if row is None else _view(row)


def _versions(city_id: int, kind: str) -> Any:
    return (
        select(*_VIEW)
        .join(cities, cities.c.city_id == datasets.c.city_id)
        .outerjoin(active_dataset, _POINTED)
        .outerjoin(import_jobs, _WORK)
        .where(datasets.c.city_id == city_id, datasets.c.kind == kind)
        .order_by(datasets.c.version.desc())
    )


def _steps(conn: Connection, city_id: int, dataset_id: UUID) -> tuple[Step, ...]:
    rows = conn.execute(
        select(dataset_steps.c.step, dataset_steps.c.actor, dataset_steps.c.note, dataset_steps.c.at)
        .where(dataset_steps.c.city_id == city_id, dataset_steps.c.dataset_id == dataset_id)
        .order_by(dataset_steps.c.at, dataset_steps.c.step_id)
        .limit(MOST_STEPS)
    )
    steps = [Step(row.step, row.actor, row.note, row.at) for row in rows]
    # Steps of one transaction have one time: they are told in the order of a version's life.
    return tuple(sorted(steps, key=lambda step: (step.at, STEPS.index(step.step))))


def _view(row: Any) -> VersionView:
    told = dict(row._mapping)
    told |= {
        "sha256": bytes(told["sha256"]),
        "tries": told["tries"] or 0,
        "dry_run": bool(told["dry_run"]),
        "done": told["done"] or 0,
        "total": told["total"] or 0,
        "created": told["created"] or 0,
        "remarks": tuple(told["remarks"] or ()),
    }
    return VersionView(**told)
