"""The sender: delivers what is due, keeps the order of each aggregate, and lets no receiver hold up another.

Two lanes of threads: one for receivers that answer quickly, one for those that failed or were slow the last time. A
receiver has one delivery under way at first, a few once it has answered quickly, and one while it is in the slow lane;
its threads come back after a number of deliveries, so that all have their turn. A delivery is taken under a lease and
ended in short transactions; the request between them holds no connection to the database. Whoever is killed in
between leaves the lease to run out, and the event is sent again under the same id.
"""

from __future__ import annotations

import logging
import ssl
import threading
import time
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final
from uuid import UUID

from sqlalchemy.exc import SQLAlchemyError

from app.core.clock import Clock
from app.core.db import Database
from app.core.sealing import Unsealable
from app.core.settings import Settings
from app.outbox import queries_deliveries, queries_endpoints
from app.outbox.envelope import MEDIA_TYPE, render
from app.outbox.errors import EndpointRefused, Unrenderable
from app.outbox.guard import Lookup, checked, system_lookup
from app.outbox.posting import post
from app.outbox.rules import next_attempt_at, rests_until
from app.outbox.signing import endpoint_secrets
from app.outbox.types import Endpoint, Outcome, Parcel, Target

LEASE: Final = timedelta(seconds=60)
STALE_S: Final = 30.0  # a thread that was frozen for so long sends no more under its lease
LOOKUP_S: Final = 15.0  # the resolver's own limits may add up to more than that
WRITE_TRIES: Final = 4
SLOW_MS: Final = 2_000
QUICK_WIDTH: Final = 4
TURN: Final = 25  # deliveries before a thread lets other receivers have their turn
QUICK_THREADS: Final = 12
SLOW_THREADS: Final = 4
GONE: Final = 410

log = logging.getLogger("fujin.outbox")


@dataclass
class _Standing:
    """What this process knows of a receiver: how it answered last, its turns under way, and when it was served."""

    quick: bool = False
    slow: bool = False
    under_way: int = 0
    served: float = 0.0


@dataclass
class _Lane:
    """Threads, and how many of them are free."""

    pool: ThreadPoolExecutor
    free: int


@dataclass
class Sender:
    """Delivers while ``run_once`` is called again and again; ``stop`` ends what is under way.

    ``lookup`` resolves names, ``tls`` verifies receivers; both are the system's unless given.
    """

    database: Database
    settings: Settings
    clock: Clock
    lookup: Lookup = system_lookup
    tls: ssl.SSLContext = field(default_factory=ssl.create_default_context)
    quick_threads: int = QUICK_THREADS
    slow_threads: int = SLOW_THREADS

    def __post_init__(self) -> None:
        self._secrets = endpoint_secrets(self.settings.secret_key)
        self._quick = _Lane(ThreadPoolExecutor(self.quick_threads, thread_name_prefix="hooks"), self.quick_threads)
        self._slow = _Lane(ThreadPoolExecutor(self.slow_threads, thread_name_prefix="hooks-slow"), self.slow_threads)
        self._standings: dict[UUID, _Standing] = {}
        self._changed = threading.Condition()
        self._stopping = False

    def run_once(self) -> int:
        """Hands what is due to free threads and returns at once; how many turns began.

        What is due for endpoints that were switched off or deleted is given up.
        """
        now = self.clock()
        with self.database.read_primary() as conn:
            targets = queries_deliveries.due_targets(conn, now)
            found = queries_endpoints.endpoints_of(conn, list({target.merchant_id for target in targets}))
        endpoints = {endpoint.endpoint_id: endpoint for endpoint in found}
        begun = 0
        for target in self._in_turn(targets):
            endpoint = endpoints.get(target.endpoint_id)
            if endpoint is None or endpoint.state != "enabled":
                self._bury(target, endpoint, now)
            elif not endpoint.rests(now):
                begun += self._begin(target, endpoint)
        return begun

    def wait_idle(self, timeout_s: float) -> bool:
        """Waits until nothing is under way; False when it still is after ``timeout_s``."""
        with self._changed:
            return self._changed.wait_for(self._idle, timeout_s)

    def stop(self, timeout_s: float = 20.0) -> bool:
        """Begins nothing more and waits for what is under way; True when all of it ended in time."""
        with self._changed:
            self._stopping = True
        ended = self.wait_idle(timeout_s)
        for lane in (self._quick, self._slow):
            lane.pool.shutdown(wait=ended, cancel_futures=True)
        return ended

    def _idle(self) -> bool:
        return self._quick.free == self.quick_threads and self._slow.free == self.slow_threads

    def _in_turn(self, targets: Iterable[Target]) -> list[Target]:
        """Those that this process served longest ago come first."""
        with self._changed:
            served = {endpoint_id: standing.served for endpoint_id, standing in self._standings.items()}
        return sorted(targets, key=lambda target: (served.get(target.endpoint_id, 0.0), target.since))

    def _bury(self, target: Target, endpoint: Endpoint | None, now: datetime) -> None:
        reason = "the endpoint was deleted" if endpoint is None else "the endpoint is disabled"
        with self.database.write() as conn:
            count = queries_deliveries.bury(conn, target, reason, now)
            conn.commit()
        log.info("deliveries given up", extra={"endpoint_id": str(target.endpoint_id), "count": count})

    def _begin(self, target: Target, endpoint: Endpoint) -> int:
        """Begins as many turns as the receiver's standing and its lane allow."""
        begun = 0
        with self._changed:
            standing = self._standings.setdefault(target.endpoint_id, _Standing())
            in_slow_lane = endpoint.failures > 0 or standing.slow
            lane = self._slow if in_slow_lane else self._quick
            width = QUICK_WIDTH if standing.quick and not in_slow_lane else 1
            while not self._stopping and lane.free > 0 and standing.under_way < width and begun < target.count:
                lane.free -= 1
                standing.under_way += 1
                standing.served = time.monotonic()
                lane.pool.submit(self._turn, target, endpoint, lane, standing)
                begun += 1
        return begun

    def _turn(self, target: Target, endpoint: Endpoint, lane: _Lane, standing: _Standing) -> None:
        try:
            self._deliver_some(target, endpoint, standing)
        except Exception:
            log.exception("a delivery broke off", extra={"endpoint_id": str(target.endpoint_id)})
        finally:
            with self._changed:
                lane.free += 1
                standing.under_way -= 1
                self._changed.notify_all()

    def _deliver_some(self, target: Target, endpoint: Endpoint, standing: _Standing) -> None:
        """One delivery after the other, until nothing is due, the receiver does badly, or others are to have a turn."""
        taken_at = time.monotonic()
        parcel = self._take(target, endpoint)
        for number in range(1, TURN + 1):
            if parcel is None or time.monotonic() - taken_at > STALE_S:
                return
            outcome = self._attempt(parcel)
            standing.slow = not outcome.ok or outcome.took_ms > SLOW_MS
            standing.quick = not standing.slow
            go_on = standing.quick and number < TURN and not self._stopping
            taken_at = time.monotonic()
            parcel = self._ended(parcel, outcome, target if go_on else None)

    def _take(self, target: Target, endpoint: Endpoint) -> Parcel | None:
        with self.database.write() as conn:
            parcel = queries_deliveries.take_one(conn, target, endpoint, self.clock(), LEASE)
            conn.commit()
        return parcel

    def _attempt(self, parcel: Parcel) -> Outcome:
        """Sends the event; whatever is wrong on our side of it counts as a failed attempt too."""
        began, now = time.monotonic(), self.clock()
        try:
            place = checked(parcel.endpoint.url, self.settings.webhook_allow, self.lookup)
            if time.monotonic() - began > LOOKUP_S:
                raise TimeoutError
            body = render(parcel.event, self.settings.public_url)
            headers = {
                "Content-Type": f"{MEDIA_TYPE}; charset=utf-8",
                "User-Agent": "Fujin-Webhooks/1",
                **self._secrets.headers(parcel.endpoint, parcel.event.event_id, body, now),
            }
        except EndpointRefused as refused:
            error = f"not sent: {refused.detail}"
        except Unrenderable as fault:
            error = f"not sent: {fault}"
        except Unsealable:
            error = "not sent: the endpoint's secret was sealed under another key; rotate it"
        except TimeoutError:
            error = "its name was not found in time"
        except (OSError, UnicodeError):
            error = "its name was not found"
        else:
            return post(place, headers, body, self.tls, now.astimezone(UTC))
        return Outcome(False, None, error, int((time.monotonic() - began) * 1000))

    def _ended(self, parcel: Parcel, outcome: Outcome, target: Target | None) -> Parcel | None:
        """As ``_end``, a few times when the database is away for a moment: what is not written down is sent again."""
        for again in range(1, WRITE_TRIES):
            try:
                return self._end(parcel, outcome, target)
            except SQLAlchemyError:
                time.sleep(0.2 * again)
        return self._end(parcel, outcome, target)

    def _end(self, parcel: Parcel, outcome: Outcome, target: Target | None) -> Parcel | None:
        """Writes down what came of an attempt, and takes the next delivery of the target in the same transaction."""
        now, endpoint = self.clock(), parcel.endpoint
        next_at = None
        with self.database.write() as conn:
            if not outcome.ok and outcome.status != GONE:
                failed = queries_deliveries.failed_before(conn, parcel)
                next_at = next_attempt_at(failed + 1, now, outcome.retry_after_s)
            queries_deliveries.record(conn, parcel, outcome, next_at, now)
            if outcome.ok:
                queries_endpoints.count_success(conn, endpoint)
            else:
                failures = queries_endpoints.count_failure(conn, endpoint)
                rest = rests_until(failures, now, outcome.retry_after_s)
                if rest is not None:
                    queries_endpoints.rest(conn, endpoint, rest)
                if outcome.status == GONE:
                    queries_endpoints.disable(conn, endpoint, "it answered 410, gone")
            following = None if target is None else queries_deliveries.take_one(conn, target, endpoint, now, LEASE)
            conn.commit()
        if not outcome.ok:
            log.info(
                "a delivery failed",
                extra={
                    "event_id": str(parcel.event.event_id),
                    "endpoint_id": str(endpoint.endpoint_id),
                    "attempt": parcel.attempt,
                    "status": outcome.status,
                    "error": outcome.error,
                    "given_up": next_at is None,
                },
            )
        return following
