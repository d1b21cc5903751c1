"""Soft limits: told in headers, refused with 429, and forgotten when their window ends."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import time_machine
from flask.testing import FlaskClient

from app.core.db import Database
from app.core.settings import Settings
from app.factory import create_app
from app.http import limit_storage
from app.http.limit_storage import CountersInMemory


@pytest.fixture
def limited(app_settings: Settings, database: Database) -> FlaskClient:
    settings = replace(app_settings, rate_limit_per_minute=3, sign_in_limit_per_minute=2)
    return create_app(settings, database=database).test_client()


def test_the_fourth_request_of_a_minute_waits_for_the_next(limited: FlaskClient) -> None:
    with time_machine.travel(1_795_000_000, tick=False) as clock:
        left = [limited.get("/v1/categories").headers["RateLimit-Remaining"] for _ in range(3)]
        refused = limited.get("/v1/categories")
        assert left == ["2", "1", "0"]
        assert (refused.status_code, refused.get_json()["code"]) == (429, "rate-limited")
        assert 0 < int(refused.headers["Retry-After"]) <= 61
        clock.shift(61)
        assert limited.get("/v1/categories").status_code == 200


def test_health_is_never_limited(limited: FlaskClient) -> None:
    assert [limited.get("/healthz").status_code for _ in range(10)] == [200] * 10


def test_sign_in_has_a_limit_of_its_own_by_address(limited: FlaskClient) -> None:
    wrong = {"grant_type": "refresh_token", "refresh_token": "x" * 43}
    said = [limited.post("/v1/auth/token", json=wrong).status_code for _ in range(3)]
    assert said == [401, 401, 429]


def test_counting_from_many_threads_loses_nothing_and_old_keys_go() -> None:
    storage = CountersInMemory("counters://")
    with time_machine.travel(1_795_000_000, tick=False) as clock:

        def count() -> None:
            for _ in range(500):
                storage.incr("a", 60)

        threads = [threading.Thread(target=count) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert storage.get("a") == 4000
        assert storage.get_expiry("a") == 1_795_000_060
        clock.shift(60)
        assert storage.get("a") == 0
        assert storage.incr("a", 60) == 1
        assert storage.reset() == 1


def test_a_crowd_of_new_callers_is_not_swept_for_each_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limit_storage, "SWEEP_AT", 10)
    storage = CountersInMemory("counters://")
    with time_machine.travel(1_795_000_000, tick=False) as clock:
        sweeps, kept = 0, storage._counts
        for number in range(1000):
            storage.incr(f"caller:{number}", 60)
            sweeps, kept = sweeps + (storage._counts is not kept), storage._counts
        assert sweeps <= 7
        clock.shift(61)
        for number in range(2000):
            storage.incr(f"later:{number}", 60)
        assert storage.get("caller:0") == 0
        assert storage.reset() == 2000


def test_only_refusals_that_pass_say_when_to_retry(client: FlaskClient) -> None:
    phone = {"phone": "+8613800138000"}
    first, second = (client.post("/v1/auth/otp", json=phone) for _ in range(2))
    assert (first.status_code, "Retry-After" in first.headers) == (202, False)
    assert (second.status_code, second.get_json()["code"]) == (429, "otp-too-soon")
    assert 1 <= int(second.headers["Retry-After"]) <= 30
