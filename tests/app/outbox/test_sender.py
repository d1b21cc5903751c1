"""Webhooks on real sockets: signed, in order, again when they failed, and no receiver in another's way."""

from __future__ import annotations

import base64
import threading
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from app.core.clock import system_clock
from app.core.ids import new_city_id
from app.outbox import queries_deliveries
from app.outbox.queries import append
from app.outbox.relay import relay_once
from app.outbox.sender import Sender
from app.outbox.types import Event
from tests.app.outbox.conftest import Post, Receiver
from tests.factories.loops import CITY
from tests.factories.webhooks import verified


def endpoint(post: Post, receiver: Receiver, owner: tuple[UUID, str], **more: Any) -> dict[str, Any]:
    """An endpoint registered over HTTP, with its secret."""
    body = {"merchant_id": str(post.loop.merchant), "url": receiver.url, **more}
    answer = post.loop.post("/v1/webhook-endpoints", body, by=owner)
    assert answer.status_code == 201, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    return found


def happen(post: Post, *seqs: int, aggregate: UUID | None = None, count: int = 1) -> None:
    """Events of one aggregate, or ``count`` of different ones, placed by the relay."""
    with post.database.write() as conn:
        for _ in range(count):
            thing = aggregate or new_city_id(CITY)
            for seq in seqs or (1,):
                now = system_clock()
                append(conn, Event(CITY, thing, seq, "fujin.claim.granted.v1", post.loop.merchant, {"n": seq}, now))
        conn.commit()
    relay_once(post.database, system_clock, "test")


def killed(*_: Any) -> None:
    """In the place of what a process did not come to."""
    raise SystemExit


@pytest.fixture
def ready(post: Callable[..., Post], receivers: Callable[[], Receiver]) -> tuple[Post, Receiver, tuple[UUID, str]]:
    receiver = receivers()
    made = post(receiver)
    return made, receiver, (made.loop.employee("owner", made.loop.merchant), "owner")


def test_an_event_arrives_signed_as_a_cloud_event(ready: tuple[Post, Receiver, tuple[UUID, str]]) -> None:
    post, receiver, owner = ready
    secret = endpoint(post, receiver, owner)["secret"]
    claim = post.loop.claim(post.loop.coupon(), post.loop.member())
    relay_once(post.database, system_clock, "test")
    sender = post.sender()
    post.run(sender)
    sender.stop(5)
    (got,) = receiver.got
    body = orjson.loads(got.body)
    assert (body["specversion"], body["type"], body["subject"]) == ("1.0", "fujin.claim.granted.v1", claim["claim_id"])
    assert got.headers["content-type"].startswith("application/cloudevents+json")
    assert got.headers["webhook-id"] == body["id"]
    assert verified(got.headers, got.body, secret)
    assert not verified(got.headers, got.body + b" ", secret)
    assert not verified(got.headers, got.body, f"whsec_{base64.b64encode(b'x' * 32).decode()}")
    assert post.states() == [("done", 1)]
    assert post.loop.one("SELECT count(*) FROM outbox_events WHERE done_at IS NULL") == 0


def test_a_failure_is_tried_again_on_schedule_under_the_same_id_and_bytes(
    ready: tuple[Post, Receiver, tuple[UUID, str]],
) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    happen(post)
    sender = post.sender()
    receiver.status = 500
    waits = (5, 300, 1800, 7200, 18000, 36000, 50400, 72000, 86400)
    for number, wait in enumerate(waits, 1):
        post.run(sender)
        assert post.states() == [("due", number)]
        post.clock.ahead += timedelta(seconds=wait - 1)
        post.run(sender)
        assert len(receiver.got) == number, "it came before its time"
        post.clock.ahead += timedelta(seconds=1 + wait * 0.11 + 300)
    post.run(sender)
    assert post.states() == [("dead", 10)]
    sender.stop(5)
    assert len(set(receiver.ids)) == 1
    assert len({got.body for got in receiver.got}) == 1
    attempts = post.loop.rows("SELECT attempt, status_code, ok FROM delivery_attempts ORDER BY attempt")
    assert [tuple(row) for row in attempts] == [(number, 500, False) for number in range(1, 11)]
    dead = post.loop.rows("SELECT dead_reason FROM outbox_events WHERE dead_at IS NOT NULL")
    assert "answered 500" in dead[0][0]


def test_of_one_aggregate_the_later_event_waits_for_the_earlier_one(
    ready: tuple[Post, Receiver, tuple[UUID, str]],
) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    thing = new_city_id(CITY)
    happen(post, 1, 2, 3, aggregate=thing)
    happen(post)
    sender = post.sender()
    failed_once: list[str] = []

    def fail_the_first(got: Any) -> None:
        body = orjson.loads(got.body)
        first = body["subject"] == str(thing) and body["sequence"] == "1"
        receiver.status = 500 if first and not failed_once else 204
        if first:
            failed_once.append("")

    receiver.before = fail_the_first
    post.run(sender, rounds=4)
    mine = [
        orjson.loads(got.body)["sequence"] for got in receiver.got if orjson.loads(got.body)["subject"] == str(thing)
    ]
    assert mine == ["1"]
    post.clock.ahead += timedelta(seconds=10)
    post.run(sender, rounds=4)
    sender.stop(5)
    mine = [
        orjson.loads(got.body)["sequence"] for got in receiver.got if orjson.loads(got.body)["subject"] == str(thing)
    ]
    assert mine == ["1", "1", "2", "3"]


def test_a_receiver_that_hangs_keeps_no_other_waiting(
    post: Callable[..., Post], receivers: Callable[[], Receiver]
) -> None:
    """Fifty events go to the good receiver while the bad one still sits on its first."""
    bad, good = receivers(), receivers()
    made = post(bad, good)
    owner = made.loop.employee("owner", made.loop.merchant), "owner"
    endpoint(made, bad, owner)
    endpoint(made, good, owner)
    release = threading.Event()

    def hang(_got: Any) -> None:
        release.wait(12)

    bad.before = hang
    happen(made, count=50)
    sender = made.sender()
    try:
        made.until(lambda: sender.run_once() >= 0 and made.states().count(("done", 1)) == 50)
        assert not release.is_set()
        assert (len(bad.got), len(good.got)) == (1, 50)
    finally:
        release.set()
        sender.stop(20)


def test_killed_between_sending_and_writing_it_down_the_event_comes_again_under_the_same_id(
    ready: tuple[Post, Receiver, tuple[UUID, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    happen(post)

    with monkeypatch.context() as patched:
        patched.setattr(queries_deliveries, "record", killed)
        sender = post.sender()
        sender.run_once()
        assert sender.wait_idle(20)
    assert len(receiver.got) == 1
    assert post.states() == [("due", 1)]
    following = post.sender()
    post.run(following)
    assert len(receiver.got) == 1, "the lease still runs"
    post.clock.ahead += timedelta(seconds=61)
    post.run(following)
    following.stop(5)
    assert len(receiver.got) == 2
    assert len(set(receiver.ids)) == 1
    assert post.states() == [("done", 2)]


def test_who_is_killed_amid_attempts_leaves_the_receiver_all_of_its_tries(
    ready: tuple[Post, Receiver, tuple[UUID, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    happen(post)

    with monkeypatch.context() as patched:
        patched.setattr(Sender, "_attempt", killed)
        for _ in range(12):
            sender = post.sender()
            sender.run_once()
            assert sender.wait_idle(20)
            post.clock.ahead += timedelta(seconds=61)
    assert post.states() == [("due", 12)]
    receiver.status = 503
    following = post.sender()
    post.run(following)
    assert post.states() == [("due", 13)], "the first answer is the first failure"
    receiver.status = 204
    post.clock.ahead += timedelta(minutes=10)
    post.run(following)
    following.stop(5)
    assert post.states() == [("done", 14)]


def test_gone_switches_the_endpoint_off_and_redirects_are_not_followed(
    post: Callable[..., Post], receivers: Callable[[], Receiver]
) -> None:
    gone, moved, elsewhere = receivers(), receivers(), receivers()
    made = post(gone, moved, elsewhere)
    owner = made.loop.employee("owner", made.loop.merchant), "owner"
    first = endpoint(made, gone, owner)
    endpoint(made, moved, owner)
    gone.status = 410
    moved.status, moved.headers = 302, {"Location": elsewhere.url}
    happen(made)
    sender = made.sender()
    made.run(sender)
    sender.stop(5)
    assert elsewhere.got == []
    seen = made.loop.get(f"/v1/webhook-endpoints/{first['endpoint_id']}", by=owner).get_json()
    assert (seen["state"], seen["disabled_reason"]) == ("disabled", "it answered 410, gone")
    attempts = made.loop.rows("SELECT status_code, error FROM delivery_attempts ORDER BY status_code")
    assert [tuple(row) for row in attempts] == [(302, "redirects are not followed"), (410, "answered 410")]


def test_retry_after_is_honoured_and_a_huge_answer_is_not_read(
    ready: tuple[Post, Receiver, tuple[UUID, str]],
) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    happen(post)
    receiver.status, receiver.headers = 429, {"Retry-After": "1000"}
    receiver.answer = b"x" * 10_000_000
    sender = post.sender()
    post.run(sender)
    post.clock.ahead += timedelta(seconds=900)
    post.run(sender)
    assert len(receiver.got) == 1
    receiver.status, receiver.headers = 204, {}
    receiver.answer = b""
    post.clock.ahead += timedelta(seconds=200)
    post.run(sender)
    sender.stop(5)
    assert post.states() == [("done", 2)]


def test_during_a_rotation_both_secrets_verify_and_afterwards_the_new_one_alone(
    ready: tuple[Post, Receiver, tuple[UUID, str]],
) -> None:
    post, receiver, owner = ready
    made = endpoint(post, receiver, owner)
    rotated = post.loop.post(f"/v1/webhook-endpoints/{made['endpoint_id']}/rotate-secret", {}, by=owner).get_json()
    assert rotated["secret"] != made["secret"]
    sender = post.sender()
    happen(post)
    post.run(sender)
    post.clock.ahead += timedelta(hours=25)
    happen(post)
    post.run(sender)
    sender.stop(5)
    during, after = receiver.got
    assert verified(during.headers, during.body, made["secret"])
    assert verified(during.headers, during.body, rotated["secret"])
    assert not verified(after.headers, after.body, made["secret"])
    assert verified(after.headers, after.body, rotated["secret"])


def test_a_receiver_that_is_no_longer_allowed_gets_nothing(ready: tuple[Post, Receiver, tuple[UUID, str]]) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    happen(post)
    sender = Sender(post.database, replace(post.settings, webhook_allow=()), post.clock)
    post.run(sender)
    sender.stop(5)
    assert receiver.got == []
    assert post.loop.one("SELECT error FROM delivery_attempts").startswith("not sent: give an address")
