"""The worker: does what is due, ends when told to, and a payment in doubt is settled by it alone."""

from __future__ import annotations

import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.core.settings import Settings
from app.worker import Worker, job_pause
from tests.factories.loops import Loop
from tests.servers import Worker as WorkerProcess


def until(true: Callable[[], bool], seconds: float = 20) -> None:
    """Waits, at most so long, until something is true."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


@contextmanager
def running_worker(settings: Settings, folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """A worker process over these settings; ended by its own pid."""
    pid_file = folder / "worker.pid"
    worker = WorkerProcess(settings, folder / "worker.log", pid_file)
    worker.start()
    try:
        until(pid_file.exists)
        assert worker.process is not None
        yield worker.process
    finally:
        worker.kill()


def test_pauses_between_tries_double_up_to_five_minutes() -> None:
    assert [int(job_pause(tries).total_seconds()) for tries in (1, 2, 3, 8, 9, 50)] == [2, 4, 8, 256, 300, 300]


def doubtful(loop: Loop) -> tuple[str, str]:
    """A claim and the payment for it, whose answer was lost."""
    terms = {"kind": "voucher", "price_minor": 800, "face_value_minor": 1000, "min_spend_minor": 0}
    member = loop.member()
    claim = loop.claim(loop.coupon(**terms), member)
    body: dict[str, Any] = {"purpose": "claim", "purpose_id": claim["claim_id"], "provider": "test_wallet"}
    body |= {"method": "online", "wallet": {"outcome": "pay", "lost_answers": 1, "notices": 0}}
    payment = loop.post("/v1/payments", body, by=(member, "member")).get_json()
    assert payment["state"] == "unknown", payment
    return claim["claim_id"], payment["payment_id"]


def test_a_process_settles_what_is_in_doubt_relays_and_ends_when_told(
    loop: Loop, app_settings: Settings, tmp_path: Path
) -> None:
    claim, payment = doubtful(loop)
    with running_worker(app_settings, tmp_path) as process:
        assert int((tmp_path / "worker.pid").read_text()) == process.pid
        until(lambda: loop.one("SELECT state FROM payments WHERE payment_id = :p", p=payment) == "succeeded")
        until(lambda: loop.one("SELECT count(*) FROM outbox_events WHERE position IS NULL") == 0)
        assert loop.one("SELECT state FROM claims WHERE claim_id = :c", c=claim) == "active"
        assert loop.one("SELECT count(*) FROM worker_beats") == 1
        until(lambda: loop.one("SELECT state FROM jobs WHERE ref_id = :p", p=payment) == "done")
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    assert not (tmp_path / "worker.pid").exists()
    assert loop.one("SELECT count(*) FROM worker_beats") == 0


def test_a_killed_worker_leaves_a_lease_that_the_next_one_waits_out(loop: Loop) -> None:
    """Taken under a lease and not ended: nobody works on it until the lease is over, then somebody does."""
    _, payment = doubtful(loop)
    loop.world.run(
        "UPDATE jobs SET run_at = :past, lease_until = :later, tries = 1",
        {"past": loop.now, "later": "2100-01-01T00:00:00Z"},
    )
    worker = Worker(loop.app)
    worker.run_once()
    assert loop.one("SELECT state FROM payments WHERE payment_id = :p", p=payment) == "unknown"
    loop.world.run("UPDATE jobs SET lease_until = :past", {"past": loop.now})
    worker.run_once()
    assert loop.one("SELECT state FROM payments WHERE payment_id = :p", p=payment) == "succeeded"
    assert loop.rows("SELECT state, tries FROM jobs") == [("done", 2)]
    worker.stop()


def test_one_loop_that_fails_stops_no_other(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = Worker(loop.app)

    def broken() -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(worker, "sweep", broken)
    loop.claim(loop.coupon(), loop.member())
    worker.run_once()
    assert loop.one("SELECT count(*) FROM outbox_events WHERE position IS NULL") == 0
    worker.stop()


def test_stored_answers_past_their_time_are_removed(loop: Loop) -> None:
    member: UUID = loop.member()
    loop.claim(loop.coupon(), member)
    worker = Worker(loop.app)
    worker.keep_house()
    assert loop.one("SELECT count(*) FROM idempotency_keys") == 1
    loop.world.run("UPDATE idempotency_keys SET expires_at = :past", {"past": loop.now})
    worker.keep_house()
    assert loop.one("SELECT count(*) FROM idempotency_keys") == 0
    worker.stop()
