"""Statements about loads: work that is due, its lease, how far it is, what came of it, and what people did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, insert, or_, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.cities.tables import active_dataset, datasets
from app.core.ids import new_city_id
from app.imports.tables_jobs import dataset_steps, import_jobs
from app.imports.types_jobs import Job, Upload

_JOB = (
    datasets.c.city_id,
    datasets.c.dataset_id,
    datasets.c.kind,
    datasets.c.version,
    datasets.c.state,
    import_jobs.c.task,
    import_jobs.c.tries,
    import_jobs.c.dry_run,
    import_jobs.c.created_by,
    import_jobs.c.file_name,
    import_jobs.c.file_key,
    import_jobs.c.wishes,
)


def insert_job(
    conn: Connection,
    city_id: int,
    dataset_id: UUID,
    upload: Upload,
    *,
    created_by: str,
    wishes: Mapping[str, Any],
    dry_run: bool,
    due_at: datetime | None,
) -> None:
    """The work on a new version; due for a worker at ``due_at``, or done by who opens it."""
    conn.execute(
        insert(import_jobs).values(
            city_id=city_id,
            dataset_id=dataset_id,
            task=None if due_at is None else "load",
            run_at=due_at,
            tries=0,
            dry_run=dry_run,
            created_by=created_by,
            file_name=upload.name,
            file_bytes=upload.size,
            file_key=upload.key,
            wishes=dict(wishes),
            stage="reading",
            done=0,
            total=upload.size,
            unit="bytes",
            created=0,
            remarks=[],
        )
    )


def due_work(conn: Connection, tasks: Sequence[str], now: datetime, limit: int = 20) -> Sequence[tuple[int, UUID]]:
    """(city, dataset) of work that nobody does at present, the longest due first; one unlocked look over all cities."""
    rows = conn.execute(
        select(import_jobs.c.city_id, import_jobs.c.dataset_id)
        .prefix_with("/* cross-city: which cities have loads to do */")
        .where(
            import_jobs.c.task.in_(list(tasks)),
            import_jobs.c.run_at <= now,
            or_(import_jobs.c.lease_until.is_(None), import_jobs.c.lease_until <= now),
        )
        .order_by(import_jobs.c.run_at, import_jobs.c.city_id, import_jobs.c.dataset_id)
        .limit(limit)
    )
    return [(row.city_id, row.dataset_id) for row in rows]


def versions_due(conn: Connection, city_id: int, kind: str, task: str) -> Sequence[int]:
    """Versions of a kind of which a task was asked for and is not done yet."""
    work = (import_jobs.c.city_id == datasets.c.city_id) & (import_jobs.c.dataset_id == datasets.c.dataset_id)
    return (
        conn.execute(
            select(datasets.c.version)
            .join(import_jobs, work)
            .where(import_jobs.c.city_id == city_id, import_jobs.c.task == task, datasets.c.kind == kind)
            .order_by(datasets.c.version)
            .limit(1_000)
        )
        .scalars()
        .all()
    )


def take(conn: Connection, city_id: int, dataset_id: UUID, by: str, now: datetime, lease: timedelta) -> Job | None:
    """The work on a version, taken under a lease; None when it is not due or somebody has it."""
    taken = conn.execute(
        update(import_jobs)
        .where(
            import_jobs.c.city_id == city_id,
            import_jobs.c.dataset_id == dataset_id,
            import_jobs.c.task.is_not(None),
            import_jobs.c.run_at <= now,
            or_(import_jobs.c.lease_until.is_(None), import_jobs.c.lease_until <= now),
        )
        .values(lease_until=now + lease, lease_by=by, tries=import_jobs.c.tries + 1)
    )
    return job_of(conn, city_id, dataset_id) if taken.rowcount == 1 else None


def job_of(conn: Connection, city_id: int, dataset_id: UUID) -> Job | None:
    """The work on a version."""
    row = conn.execute(
        select(*_JOB)
        .join(
            import_jobs,
            (import_jobs.c.city_id == datasets.c.city_id) & (import_jobs.c.dataset_id == datasets.c.dataset_id),
        )
        .where(datasets.c.city_id == city_id, datasets.c.dataset_id == dataset_id)
    ).one_or_none()
    return None if row is None else Job(**row._mapping)


def renew(conn: Connection, job: Job, by: str, until: datetime) -> bool:
    """Prolongs a lease; False when somebody else has the work by now."""
    values: dict[str, Any] = {"lease_until": until}
    return conn.execute(_mine(job, by).values(**values)).rowcount == 1


def tell_progress(conn: Connection, job: Job, by: str, stage: str, done: int, total: int, unit: str) -> None:
    """How far the work is."""
    conn.execute(_mine(job, by).values(stage=stage, done=done, total=max(total, done), unit=unit))


def hand_back(conn: Connection, job: Job, by: str, run_at: datetime) -> bool:
    """Gives the lease up: the work is due again at ``run_at``."""
    values = {"lease_until": None, "lease_by": None, "run_at": run_at}
    return conn.execute(_mine(job, by).values(**values)).rowcount == 1


def release(conn: Connection, city_id: int, dataset_id: UUID, by: str) -> None:
    """Frees the lease of a process that is known to have ended."""
    conn.execute(
        update(import_jobs)
        .where(import_jobs.c.city_id == city_id, import_jobs.c.dataset_id == dataset_id, import_jobs.c.lease_by == by)
        .values(lease_until=None, lease_by=None)
    )


def finish(conn: Connection, job: Job, by: str) -> bool:
    """Ends the work; False when the lease was lost, and with it the right to write."""
    values = {"task": None, "run_at": None, "lease_until": None, "lease_by": None, "tries": 0}
    return conn.execute(_mine(job, by).values(**values)).rowcount == 1


def _mine(job: Job, by: str) -> Any:
    return update(import_jobs).where(
        import_jobs.c.city_id == job.city_id, import_jobs.c.dataset_id == job.dataset_id, import_jobs.c.lease_by == by
    )


def set_result(conn: Connection, city_id: int, dataset_id: UUID, **values: Any) -> None:
    """Writes what came of a load: ``outcome``, ``failure``, ``gate``, ``source``, ``created``, and the like."""
    conn.execute(
        update(import_jobs)
        .where(import_jobs.c.city_id == city_id, import_jobs.c.dataset_id == dataset_id)
        .values(**values)
    )


def set_task(conn: Connection, city_id: int, dataset_id: UUID, task: str, now: datetime) -> bool:
    """Makes a task due; False when the version has no row of work, or other work is under way."""
    done = conn.execute(
        update(import_jobs)
        .where(
            import_jobs.c.city_id == city_id,
            import_jobs.c.dataset_id == dataset_id,
            or_(import_jobs.c.task.is_(None), import_jobs.c.task == task),
        )
        .values(task=task, run_at=now, tries=0)
    )
    return done.rowcount == 1


def adopt(conn: Connection, city_id: int, dataset_id: UUID, name: str) -> None:
    """A row of work for a version that was loaded before loads were kept."""
    row = upsert(import_jobs).values(
        city_id=city_id,
        dataset_id=dataset_id,
        tries=0,
        dry_run=False,
        created_by="unknown",
        file_name=name,
        file_bytes=0,
        wishes={},
        stage="done",
        done=0,
        total=0,
        unit="rows",
        created=0,
        outcome="staged",
        remarks=[],
    )
    conn.execute(row.on_conflict_do_nothing(index_elements=["city_id", "dataset_id"]))


def add_step(
    conn: Connection, city_id: int, dataset_id: UUID, step: str, actor: str, now: datetime, note: str | None = None
) -> None:
    """One more line in a version's history."""
    conn.execute(
        insert(dataset_steps).values(
            city_id=city_id,
            step_id=new_city_id(city_id, int(now.timestamp() * 1000)),
            dataset_id=dataset_id,
            step=step,
            actor=actor,
            note=note,
            at=now,
        )
    )


def cities_with_loads(conn: Connection, limit: int) -> Sequence[int]:
    """Territories that have versions; one unlocked look over all of them."""
    return (
        conn.execute(
            select(active_dataset.c.city_id)
            .prefix_with("/* cross-city: whose old versions and files are looked after */")
            .union(select(import_jobs.c.city_id))
            .order_by("city_id")
            .limit(limit)
        )
        .scalars()
        .all()
    )


def wanted_files(conn: Connection, city_id: int, now: datetime) -> Sequence[UUID]:
    """Keys of uploaded files that a city's loads still want."""
    return (
        conn.execute(
            select(import_jobs.c.file_key)
            .where(
                import_jobs.c.city_id == city_id,
                import_jobs.c.file_key.is_not(None),
                or_(import_jobs.c.file_until.is_(None), import_jobs.c.file_until > now),
            )
            .limit(100_000)
        )
        .scalars()
        .all()
    )


def forget_files(conn: Connection, city_id: int, now: datetime) -> int:
    """Takes the keys of files whose time is over off their loads; returns how many."""
    return conn.execute(
        update(import_jobs)
        .where(
            import_jobs.c.city_id == city_id,
            import_jobs.c.file_key.is_not(None),
            import_jobs.c.file_until <= now,
        )
        .values(file_key=None, file_until=None)
    ).rowcount


LOCKED: Final = "55P03"
"""The server's word for a lock that was not to be had in time."""


@contextmanager
def waiting_at_most(conn: Connection, wait_ms: int) -> Iterator[None]:
    """Statements within wait so long for a lock; those after them as long as before."""
    before = conn.execute(text("SELECT current_setting('lock_timeout')")).scalar_one()
    set_wait = text("SELECT set_config('lock_timeout', :wait, true)")
    conn.execute(set_wait, {"wait": f"{wait_ms}ms"})
    yield  # what fails takes the setting back with its savepoint
    conn.execute(set_wait, {"wait": before})


_FILL_LOCK = 0x66756A66  # first half of the advisory lock under which one process fills a kind; the second: city, kind


def hold_filling(conn: Connection, city_id: int, kind: str) -> None:
    """Keeps a second process from filling the same kind: a killed one may live on in the database for a moment."""
    conn.execute(
        text("SELECT pg_advisory_xact_lock(:first, hashtext(:kind) # :city)"),
        {"first": _FILL_LOCK, "kind": kind, "city": city_id},
    )
