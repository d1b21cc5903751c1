"""Work on versions, done by a process of its own: one load, one activation, or one removal of rows, under a lease.

The work is one transaction; beside it, short transactions of another connection tell how far it is and prolong the
lease. Whoever lost the lease can't commit. Killed at any moment, a process leaves a version in ``validating`` without a
row that anybody sees, and the work is taken again when the lease is over; after some tries the version is ``failed``.
"""

from __future__ import annotations

import errno
import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, Engine
from sqlalchemy.exc import SQLAlchemyError

from app.cities.types import Origin
from app.core.clock import Clock
from app.core.errors import AppError
from app.imports import actions, life, purging, queries_jobs, queries_versions, uploads
from app.imports.checks.actions import DEFAULTS
from app.imports.checks.types import Limits
from app.imports.errors import UnreadableFile
from app.imports.types import LoadRequest
from app.imports.types_jobs import Failure, Job, Opened
from geo.grid_shift import parse_datum

log = logging.getLogger("fujin.loads")

LEASE: Final = timedelta(seconds=30)
TOLD_EVERY_S: Final = 0.5
RENEWED_EVERY_S: Final = 5.0
MOST_TRIES: Final = {"load": 3, "activate": 20, "purge": 20}
PAUSE: Final = timedelta(seconds=5)
NO_ROOM: Final = Failure(
    "no-room",
    "there is no more room on a disk of this installation; nothing of the file was kept",
    "ask whoever runs it to make room, then reload the version",
)
_DISK_FULL: Final = "53100"  # the server's own word for it


class LeaseLost(Exception):
    """Another process has the work, or nobody wants it any more; nothing of ours may stay."""


@dataclass(slots=True)
class Telling:
    """How far the work is: counted in the work's own thread, told from another one twice a second."""

    engine: Engine
    job: Job
    by: str
    clock: Clock
    stage: str = "reading"
    done: int = 0
    total: int = 0
    unit: str = "bytes"
    lost: bool = False
    _ended: threading.Event = field(default_factory=threading.Event)

    def began(self, stage: str, total: int, unit: str) -> None:
        """A part of the work begins; told at once by the next turn."""
        self.stage, self.done, self.total, self.unit = stage, 0, total, unit

    def step(self, steps: int) -> None:
        """So much more is done; LeaseLost ends work that nobody wants."""
        self.done += steps
        if self.lost:
            raise LeaseLost

    @contextmanager
    def running(self) -> Iterator[None]:
        """Around the work: tells and renews until it ends."""
        teller = threading.Thread(target=self._tell, name="telling", daemon=True)
        teller.start()
        try:
            yield
        finally:
            self._ended.set()
            teller.join()

    def _tell(self) -> None:
        told, renewed = ("", -1), time.monotonic()
        while not self._ended.wait(TOLD_EVERY_S):
            now = (self.stage, self.done)
            late = time.monotonic() - renewed > RENEWED_EVERY_S
            if now == told and not late:
                continue
            try:
                with self.engine.begin() as conn:
                    if late:
                        self.lost = not queries_jobs.renew(conn, self.job, self.by, self.clock() + LEASE)
                        renewed = time.monotonic()
                    queries_jobs.tell_progress(conn, self.job, self.by, *now, self.total, self.unit)
                told = now
            except SQLAlchemyError as error:
                log.warning("progress could not be told", extra={"reason": type(error).__name__})


def work(
    engine: Engine,
    city_id: int,
    dataset_id: UUID,
    by: str,
    clock: Clock,
    folder: Path,
    kept_for: timedelta,
    limits: Limits = DEFAULTS,
) -> str:
    """Does what is due for a version; returns the state it left it in, or ``not due``.

    ``engine`` gives two connections: one for the work, one to tell how far it is.
    """
    with engine.begin() as conn:
        job = queries_jobs.take(conn, city_id, dataset_id, by, clock(), LEASE)
    if job is None:
        return "not due"
    if job.tries > MOST_TRIES[job.task]:
        return _give_up(engine, job, by, clock, kept_for)
    telling = Telling(engine, job, by, clock)
    try:
        with telling.running():
            return _do(engine, job, by, clock, folder, kept_for, telling, limits)
    except LeaseLost:
        return "lease lost"
    except Exception as error:
        log.exception("work on a version failed", extra={"task": job.task, "reason": type(error).__name__})
        if job.task == "load" and _is_full(error):
            with suppress(SQLAlchemyError):
                return _fail(engine, job, by, clock, kept_for, NO_ROOM)
        with engine.begin() as conn:
            queries_jobs.hand_back(conn, job, by, clock() + PAUSE)
        return "will be tried again"


def _do(
    engine: Engine, job: Job, by: str, clock: Clock, folder: Path, kept_for: timedelta, telling: Telling, limits: Limits
) -> str:
    with engine.connect() as conn:
        match job.task:
            case "load":
                state = _load(conn, job, clock, folder, telling, limits)
            case "activate":
                state = _activate(conn, job, clock)
            case _:
                purging.remove_rows(conn, job.city_id, job.kind, job.version, telling.step)
                state = "purged"
        _keep_file(conn, job, clock(), state, kept_for)
        if not queries_jobs.finish(conn, job, by):
            raise LeaseLost
        conn.commit()
    return state


def _load(conn: Connection, job: Job, clock: Clock, folder: Path, telling: Telling, limits: Limits) -> str:
    """The version after its file was read: staged, failed, or checked only."""
    opened = Opened(job.version, job.dataset_id, unchanged=False)
    found = queries_versions.version(conn, job.city_id, job.kind, job.version)
    if found is None or found.state != "validating":
        raise LeaseLost
    path = None if job.file_key is None else uploads.path_of(folder, job.file_key, job.file_name)
    if path is None or not path.is_file():
        gone = Failure("file-gone", f"the file {job.file_name} is no longer there", "send it again")
        actions.close_failed(conn, job.city_id, job.kind, opened, gone, clock())
        return "failed"
    origin = Origin(found.source_name, found.licence, found.attribution, found.source_url, found.retrieved_on)
    wishes = job.wishes
    request = LoadRequest(
        job.city_id,
        job.kind,
        path,
        origin,
        parse_datum(wishes.get("datum") or "wgs84"),
        name=job.file_name,
        crs=wishes.get("crs"),
        encoding=wishes.get("encoding"),
        layer=wishes.get("layer"),
        mapping=wishes.get("mapping") or {},
        limits=limits,
    )
    try:
        report = actions.fill(
            conn, request, opened, clock(), progress=telling.step, began=telling.began, dry_run=job.dry_run
        )
    except UnreadableFile:
        return "failed"  # the version was closed with the reason
    return report.outcome


def _activate(conn: Connection, job: Job, clock: Clock) -> str:
    """Shows the version; what speaks against it by now is told as its failure."""
    found = queries_versions.version(conn, job.city_id, job.kind, job.version, lock=True)
    assert found is not None
    asked = next((each for each in reversed(found.steps) if each.step in life.ASKED), None)
    try:
        life.refuse_unless_open(life.judged_again(conn, found), asked.note if asked else None)
        actions.activate(conn, job.city_id, job.kind, job.version, clock())
    except AppError as refused:
        conn.rollback()
        failure = {"code": refused.code, "detail": refused.detail, "hint": "mend what is said and ask again"}
        queries_jobs.set_result(conn, job.city_id, job.dataset_id, failure=failure)
        return found.state
    step = "rolled_back" if asked and asked.step == "rollback_asked" else "activated"
    actor = asked.actor if asked else job.created_by
    queries_jobs.add_step(conn, job.city_id, job.dataset_id, step, actor, clock(), asked.note if asked else None)
    return "active"


def _keep_file(conn: Connection, job: Job, now: datetime, state: str, kept_for: timedelta) -> None:
    """A staged version's file is kept as long as it is staged, any other's for a while."""
    if job.file_key is not None:
        until = None if state == "staged" else now + kept_for
        queries_jobs.set_result(conn, job.city_id, job.dataset_id, file_until=until)


def _is_full(error: Exception) -> bool:
    """Whether a disk is: the database's, or one that this process writes to."""
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return getattr(getattr(error, "orig", error), "pgcode", None) == _DISK_FULL  # COPY raises the driver's own


def _give_up(engine: Engine, job: Job, by: str, clock: Clock, kept_for: timedelta) -> str:
    """After too many tries: a load has failed, an activation is no longer asked for."""
    failure = Failure(
        "gave-up",
        f"the work was begun {MOST_TRIES[job.task]} times and never came to its end",
        "look into the worker's log; then reload the version, or ask again",
    )
    if job.task == "load":
        return _fail(engine, job, by, clock, kept_for, failure)
    with engine.begin() as conn:
        if not queries_jobs.finish(conn, job, by):
            return "lease lost"
        queries_jobs.set_result(conn, job.city_id, job.dataset_id, failure=asdict(failure))
    return job.state


def _fail(engine: Engine, job: Job, by: str, clock: Clock, kept_for: timedelta, failure: Failure) -> str:
    """Ends a load of which nothing was kept."""
    with engine.begin() as conn:
        if not queries_jobs.finish(conn, job, by):
            return "lease lost"
        opened = Opened(job.version, job.dataset_id, unchanged=False)
        actions.close_failed(conn, job.city_id, job.kind, opened, failure, clock())
        _keep_file(conn, job, clock(), "failed", kept_for)
    return "failed"
