"""The process beside the web: relay, deliveries, sweepers, resolver of payments.

Each loop is a thread that does what is due, and waits a little when nothing is. Several workers can run: every piece of
work is taken under a lease or a row lock. Killed at any moment, a worker leaves nothing that another one does not end.
"""

from __future__ import annotations

import logging
import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import click
from flask import Flask, current_app
from flask.cli import with_appcontext
from sqlalchemy.exc import SQLAlchemyError

from app.cities.queries import city_ids
from app.core.db import Database, install_deadline, patience
from app.core.errors import AppError
from app.coupons.actions import tell_sold_out
from app.coupons.area_changes import follow_areas
from app.coupons.search_rows import follow_places
from app.flow.gateway import FlowGateway
from app.fraud.actions import look
from app.geofencing import actions_fences, queries_sweeping, sweeping
from app.geofencing.alerting import alert_city
from app.geofencing.memory import FenceMemory
from app.http import idempotency
from app.http.services import Services
from app.http.steps import run_job
from app.imports.loaders import Loaders
from app.outbox import queries
from app.outbox.relay import relay_once
from app.outbox.sender import Sender
from app.outbox.types import Job
from app.payments import rules
from app.places.overlays import expire
from app.places.queries_reviews import forget_reporters
from app.ranks.actions import take_due
from app.service_areas.succession import switch

log = logging.getLogger("fujin.worker")

JOB_LEASE: Final = timedelta(seconds=60)
MAX_TRIES: Final = 200  # at five minutes a try, most of a day; then the job is dead and listed
DRAIN_S: Final = 10.0
UNFINISHED: Final = rules.UNFINISHED | {"requested"}  # payments and refunds, as the flow shows them


@dataclass(frozen=True, slots=True)
class Loop:
    """Work that comes round: ``turn`` returns how much it did; after a turn without work it rests ``pause_s``."""

    name: str
    turn: Callable[[], int]
    pause_s: float


def job_pause(tries: int) -> timedelta:
    """How long to wait before asking again: 2, 4, 8 … seconds, at most five minutes."""
    return timedelta(seconds=min(300, 2 ** min(tries, 9)))


class Worker:
    """The loops of one process over one application."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._services: Services = app.extensions["fujin"]
        self._flow: FlowGateway = app.extensions["fujin_flow"]
        self._fences: FenceMemory = app.extensions["fujin_fences"]
        self.worker_id = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
        self._stopping = threading.Event()
        self._loads = Loaders(self._services, self._stopping)
        self._sender = Sender(self._services.database, self._services.settings, self._services.clock)

    @property
    def _database(self) -> Database:
        return self._services.database

    def _now(self) -> datetime:
        return self._services.clock()

    def loops(self) -> tuple[Loop, ...]:
        """Everything this process does."""
        return (
            Loop("relay", lambda: relay_once(self._database, self._services.clock, self.worker_id), 0.1),
            Loop("deliveries", self._sender.run_once, 0.1),
            Loop("jobs", self.run_jobs, 0.25),
            Loop("sweepers", self.sweep, 2.0),
            Loop("fences", self.watch_fences, 0.2),
            Loop("drawings", self.follow_drawings, 2.0),
            Loop("alerts", self.alert_members, 1.0),
            Loop("partners", lambda: self._flow.partner_work(self._now()), 0.25),
            Loop("keeping", self.keep_house, 30.0),
            Loop("loads", lambda: self._loads.turn(("load", "purge")), 0.5),
            Loop("activations", lambda: self._loads.turn(("activate",)), 0.25),
            Loop("uploads", self._loads.keep_house, 60.0),
            Loop("ranks", self.take_ranks, 600.0),
            Loop("signals", self.look_for_abuse, 60.0),
            Loop("corrections", self.end_corrections, 30.0),
        )

    def run_jobs(self) -> int:
        """Ends what a crash or a provider's silence has left; how many jobs were tried."""
        with self._database.read_primary() as conn:
            cities = queries.cities_with_due_jobs(conn, self._now())
        done = 0
        for city_id in cities:
            with self._database.write() as conn:
                taken = queries.take_jobs(conn, city_id, self._now(), lease=JOB_LEASE, limit=20)
                conn.commit()
            for job in taken:
                if self._stopping.is_set():
                    return done
                self._run_job(job)
                done += 1
        return done

    def _run_job(self, job: Job) -> None:
        error: str | None = None
        try:
            state = self._outcome(job)
        except (AppError, SQLAlchemyError) as failed:
            state, error = "unknown", f"{type(failed).__name__}: {failed}"[:300]
            log.warning("a job failed", extra={"kind": job.kind, "reason": type(failed).__name__})
        with self._database.write() as conn:
            if state not in UNFINISHED:
                queries.finish_job(conn, job, self._now())
            elif job.tries >= MAX_TRIES:
                queries.bury_job(conn, job, error or f"still {state}", self._now())
            else:
                queries.retry_job(conn, job, self._now() + job_pause(job.tries), error)
            conn.commit()

    def _outcome(self, job: Job) -> str:
        if job.kind == "payment.resolve":
            return str(run_job(self._flow.resolve_payment(None, job.ref_id, self._now())).state)
        if job.kind == "refund.resolve":
            return str(run_job(self._flow.resolve_refund(job.ref_id, self._now())).state)
        if job.kind == "coupon.stock":
            return self._look_at_stock(job)
        if job.kind == "claim.resolve":
            return str(run_job(self._flow.resolve_claim(job.ref_id, self._now())).state)
        if job.kind == actions_fences.LET_OUT:
            return self._let_out(job)
        raise LookupError(f"no work is called {job.kind}")

    def _let_out(self, job: Job) -> str:
        """A batch that was under way when its fence changed is seen to by looking again half a minute later."""
        while not self._stopping.is_set():
            with self._database.write() as conn:
                state = sweeping.let_out(conn, job.city_id, job.ref_id, self._now())
                conn.commit()
            if state != "more":
                break
        return "let out" if state == "done" else "unknown"

    def _look_at_stock(self, job: Job) -> str:
        with self._database.write() as conn:
            sold_out = tell_sold_out(conn, job.ref_id, self._now())
            conn.commit()
        return "sold out" if sold_out else "in stock"

    def sweep(self) -> int:
        """Ends what time has ended, city by city; always rests afterwards."""
        with self._database.read_primary() as conn:
            cities = city_ids(conn)
        for city_id in cities:
            for plan in self._flow.due_work(city_id, self._now()):
                if self._stopping.is_set():
                    return 0
                run_job(plan)
        return 0

    def watch_fences(self) -> int:
        """Lets time pass for those near fences: dwell times, held fixes, ends of fences; how much was done."""
        with self._database.read_primary() as conn:
            cities = queries_sweeping.cities_with_work(conn, self._now())
        done = 0
        for city_id in cities:
            for work in (sweeping.run_timers, sweeping.release_held):
                with self._database.write() as conn:
                    done += work(conn, self._fences, city_id, self._now())
                    conn.commit()
            with self._database.write() as conn:
                done += actions_fences.expire_due(conn, city_id, self._now())
                conn.commit()
        return done

    def alert_members(self) -> int:
        """Tells members of coupons and places in what they saved, and offers those of fences; how many alerts."""
        with self._database.read_primary() as conn:
            cities = city_ids(conn)
        made = 0
        for city_id in cities:
            with self._database.write() as conn:
                made += alert_city(conn, city_id, self._now())
                conn.commit()
        return made

    def follow_drawings(self) -> int:
        """Service areas that were to begin later have begun, and fences are drawn as what they follow; how many."""
        with self._database.read_primary() as conn:
            cities = city_ids(conn)
        done = 0
        for city_id in cities:
            with self._database.write() as conn:
                done += switch(conn, city_id, self._now(), follow_areas)
                conn.commit()
            with self._database.write() as conn:
                done += actions_fences.follow_sources(conn, city_id, self._now())
                conn.commit()
        return done

    def take_ranks(self) -> int:
        """Works out anew, once a day, how popular the places of each city are; always rests afterwards."""
        with self._database.read_primary() as conn:
            cities = city_ids(conn)
        for city_id in cities:
            if self._stopping.is_set():
                return 0
            with self._database.write() as conn:
                take_due(conn, city_id, self._now())
                conn.commit()
        return 0

    def look_for_abuse(self) -> int:
        """Flags what tills did lately that looks like abuse; always rests afterwards."""
        with self._database.read_primary() as conn:
            cities = city_ids(conn)
        for city_id in cities:
            if self._stopping.is_set():
                return 0
            with self._database.write() as conn:
                look(conn, city_id, self._services.settings, self._now())
                conn.commit()
        return 0

    def end_corrections(self) -> int:
        """Ends corrections past their time, and forgets who reported long ago; always rests afterwards."""
        with self._database.read_primary() as conn:
            cities = city_ids(conn)
        for city_id in cities:
            if self._stopping.is_set():
                return 0
            with self._database.write() as conn:
                expire(conn, city_id, self._now(), follow_places)
                forget_reporters(conn, city_id, self._now())
                conn.commit()
        return 0

    def keep_house(self) -> int:
        """Says that this worker is alive; removes stored answers past their time, and positions of yesterday."""
        with self._database.write() as conn:
            queries.beat(conn, self.worker_id, self._now())
            idempotency.purge(conn, self._now(), 1000)
            conn.commit()
        with self._database.read_primary() as conn:
            cities = city_ids(conn)
        for city_id in cities:
            while not self._stopping.is_set():
                with self._database.write() as conn:
                    gone = sweeping.purge(conn, city_id, self._now())
                    conn.commit()
                if gone < sweeping.PURGED_AT_ONCE:
                    break
        return 0

    def run_once(self) -> int:
        """One turn of each loop, in order; how much was done."""
        return sum(self._turn(loop) for loop in self.loops())

    def _turn(self, loop: Loop) -> int:
        seconds = self._services.settings.database_deadline_s
        with self._app.app_context():
            try:
                if not seconds:
                    return loop.turn()
                with patience(seconds * 4):
                    return loop.turn()
            except (AppError, SQLAlchemyError) as error:
                log.warning("a turn failed", extra={"loop": loop.name, "reason": type(error).__name__})
            except Exception:
                log.exception("a turn failed", extra={"loop": loop.name})
        return 0

    def _go_on(self, loop: Loop) -> None:
        while not self._stopping.is_set():
            if not self._turn(loop):
                self._stopping.wait(loop.pause_s)

    def run(self) -> None:
        """Runs every loop until ``stop``; then what is in hand is ended, at most ten seconds long."""
        threads = [
            threading.Thread(target=self._go_on, args=(loop,), name=loop.name, daemon=True) for loop in self.loops()
        ]
        for thread in threads:
            thread.start()
        self._stopping.wait()
        for thread in threads:
            thread.join(DRAIN_S)
        self._sender.stop(DRAIN_S)
        with self._database.write() as conn:
            queries.end_beat(conn, self.worker_id)
            conn.commit()

    def stop(self) -> None:
        """Asks the loops to end after what they have in hand."""
        self._stopping.set()


@click.command()
@click.option("--pid-file", type=click.Path(dir_okay=False, path_type=Path), help="Write this process's id there.")
@click.option("--once", is_flag=True, help="Do what is due now, once, and end.")
@with_appcontext
def worker(pid_file: Path | None, once: bool) -> None:
    """Relay events, send webhooks, end what time ends, settle payments in doubt; SIGTERM drains and ends it."""
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    seconds = app.extensions["fujin"].settings.database_deadline_s
    if seconds:
        install_deadline(seconds)
    found = Worker(app)
    if once:
        click.echo(f"{found.run_once()} things done")
        return
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: found.stop())
    if pid_file is not None:
        fresh = pid_file.with_suffix(".new")
        fresh.write_text(f"{os.getpid()}\n")
        fresh.replace(pid_file)
    log.info("worker began", extra={"worker_id": found.worker_id})
    try:
        found.run()
    finally:
        if pid_file is not None:
            pid_file.unlink(missing_ok=True)
    log.info("worker ended", extra={"worker_id": found.worker_id})
