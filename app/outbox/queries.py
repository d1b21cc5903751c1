"""Statements about events and jobs; each stays in one city."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, case, delete, insert, or_, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from app.core.ids import new_city_id
from app.outbox.tables import jobs, outbox_events, worker_beats
from app.outbox.types import Event, Job


def append(conn: Connection, *events: Event) -> None:
    """Writes events in the transaction that did what they tell."""
    if not events:
        return
    conn.execute(
        insert(outbox_events),
        [
            {
                "city_id": event.city_id,
                "event_id": event.event_id or new_city_id(event.city_id),
                "aggregate_id": event.aggregate_id,
                "seq": event.seq,
                "type": event.type,
                "merchant_id": event.merchant_id,
                "data": dict(event.data),
                "trace": event.trace,
                "occurred_at": event.occurred_at,
            }
            for event in events
        ],
    )


def put_job(conn: Connection, city_id: int, kind: str, ref_id: UUID, run_at: datetime, now: datetime) -> None:
    """Work for a thing, once a kind: one that is due keeps the earlier time, one that ended is due again."""
    fresh = upsert(jobs).values(
        city_id=city_id,
        job_id=new_city_id(city_id),
        kind=kind,
        ref_id=ref_id,
        state="due",
        run_at=run_at,
        tries=0,
        created_at=now,
    )
    conn.execute(
        fresh.on_conflict_do_update(
            constraint="jobs_ref_uq",
            set_={
                "state": "due",
                "run_at": case((jobs.c.state == "due", jobs.c.run_at), else_=run_at),
                "tries": case((jobs.c.state == "due", jobs.c.tries), else_=0),
                "done_at": None,
            },
        )
    )


def cities_with_due_jobs(conn: Connection, now: datetime) -> Sequence[int]:
    """Cities with work to do; one unlocked look over all of them."""
    return (
        conn.execute(  # cross-city
            select(jobs.c.city_id)
            .prefix_with("/* cross-city */")
            .where(jobs.c.state == "due", jobs.c.run_at <= now)
            .distinct()
            .order_by(jobs.c.city_id)
            .limit(10_000)
        )
        .scalars()
        .all()
    )


def take_jobs(conn: Connection, city_id: int, now: datetime, *, lease: timedelta, limit: int = 50) -> tuple[Job, ...]:
    """Due jobs of a city under a lease, so that another worker leaves them alone until it is over."""
    due = (
        select(jobs.c.job_id)
        .where(
            jobs.c.city_id == city_id,
            jobs.c.state == "due",
            jobs.c.run_at <= now,
            or_(jobs.c.lease_until.is_(None), jobs.c.lease_until <= now),
        )
        .order_by(jobs.c.run_at, jobs.c.job_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    found = conn.execute(due).scalars().all()
    if not found:
        return ()
    rows = conn.execute(
        update(jobs)
        .where(jobs.c.city_id == city_id, jobs.c.job_id.in_(found))
        .values(lease_until=now + lease, tries=jobs.c.tries + 1)
        .returning(jobs.c.job_id, jobs.c.kind, jobs.c.ref_id, jobs.c.tries)
    ).all()
    return tuple(Job(city_id, row.job_id, row.kind, row.ref_id, row.tries) for row in rows)


def finish_job(conn: Connection, job: Job, now: datetime) -> None:
    """The work is done."""
    _end(conn, job, state="done", done_at=now, lease_until=None, last_error=None)


def bury_job(conn: Connection, job: Job, error: str, now: datetime) -> None:
    """The work can't be done; it stays with its reason and is listed."""
    _end(conn, job, state="dead", done_at=now, lease_until=None, last_error=error[:500])


def retry_job(conn: Connection, job: Job, run_at: datetime, error: str | None) -> None:
    """The work is due again."""
    _end(conn, job, run_at=run_at, lease_until=None, last_error=error[:500] if error else None)


def _end(conn: Connection, job: Job, **columns: object) -> None:
    conn.execute(
        update(jobs)
        .where(jobs.c.city_id == job.city_id, jobs.c.job_id == job.job_id, jobs.c.state == "due")
        .values(**columns)
    )


def beat(conn: Connection, worker_id: str, now: datetime) -> None:
    """A worker is at work; those not seen for a day are forgotten."""
    fresh = upsert(worker_beats).values(worker_id=worker_id, began_at=now, seen_at=now)
    conn.execute(fresh.on_conflict_do_update(constraint="worker_beats_pk", set_={"seen_at": now}))
    conn.execute(delete(worker_beats).where(worker_beats.c.seen_at < now - timedelta(days=1)))


def end_beat(conn: Connection, worker_id: str) -> None:
    """A worker has ended as it should."""
    conn.execute(delete(worker_beats).where(worker_beats.c.worker_id == worker_id))
