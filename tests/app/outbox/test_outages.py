"""Receivers that are down, slow, switched off or gone: what waits, what is given up, and what the audit says of it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest
from sqlalchemy.exc import OperationalError

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.ids import new_city_id
from app.outbox import sender as sending
from app.outbox.queries import append
from app.outbox.relay import relay_once
from app.outbox.types import Event
from tests.app.outbox.conftest import Post, Receiver
from tests.factories.loops import CITY

Owner = tuple[UUID, str]


@pytest.fixture
def ready(post: Callable[..., Post], receivers: Callable[[], Receiver]) -> tuple[Post, Receiver, Owner]:
    receiver = receivers()
    made = post(receiver)
    return made, receiver, (made.loop.employee("owner", made.loop.merchant), "owner")


def endpoint(post: Post, receiver: Receiver, owner: Owner) -> str:
    """An endpoint for everything; its path."""
    body = {"merchant_id": str(post.loop.merchant), "url": receiver.url}
    answer = post.loop.post("/v1/webhook-endpoints", body, by=owner)
    assert answer.status_code == 201, answer.get_json()
    return f"/v1/webhook-endpoints/{answer.get_json()['endpoint_id']}"


def happen(post: Post, things: int = 1, each: int = 1) -> list[UUID]:
    """So many things with so many events each, placed by the relay."""
    made = [new_city_id(CITY) for _ in range(things)]
    with post.database.write() as conn:
        for thing in made:
            for seq in range(1, each + 1):
                at = system_clock()
                append(conn, Event(CITY, thing, seq, "fujin.webhook.test_step.v1", post.loop.merchant, {"n": seq}, at))
        conn.commit()
    relay_once(post.database, post.clock, "test")
    return made


def arrived(receiver: Receiver, thing: UUID) -> list[str]:
    bodies = [orjson.loads(got.body) for got in receiver.got]
    return [body["sequence"] for body in bodies if body["subject"] == str(thing)]


def violations(post: Post, *rules: str) -> list[str]:
    """What the audit says by the moved clock, of these rules."""
    with post.loop.engine.connect() as conn:
        results = audit_data(conn, post.clock(), allow_unsafe=True, only=rules)
    assert len(results) == len(rules)
    return [f"{found.rule}: {found.thing}" for result in results for found in result.violations]


def test_what_waits_behind_an_earlier_event_is_no_work(ready: tuple[Post, Receiver, Owner]) -> None:
    """Otherwise the worker would go round without a rest for as long as a receiver is down."""
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    happen(post, each=3)
    receiver.status = 500
    sender = post.sender()
    post.run(sender)
    assert post.states() == [("due", 1), ("due", 0), ("due", 0)]
    assert [sender.run_once() for _ in range(3)] == [0, 0, 0]
    sender.stop(5)


def test_a_quick_receiver_gets_no_more_turns_than_it_has_deliveries(ready: tuple[Post, Receiver, Owner]) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    happen(post)
    sender = post.sender()
    post.run(sender)
    happen(post)
    assert sender.run_once() == 1
    assert sender.wait_idle(20)
    sender.stop(5)
    assert len(receiver.got) == 2


def test_m15_three_days_down_and_everything_arrives_afterwards_in_order(ready: tuple[Post, Receiver, Owner]) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    things = happen(post, things=12, each=2)
    receiver.status = 503
    sender = post.sender()
    for _ in range(24):
        post.run(sender, rounds=2)
        assert violations(post, "delivery-in-time", "done-is-delivered", "positions-dense") == []
        post.clock.ahead += timedelta(hours=3)
    assert post.loop.one("SELECT count(*) FROM deliveries WHERE state <> 'due'") == 0
    receiver.status = 204
    receiver.got.clear()
    for _ in range(40):
        post.run(sender, rounds=3)
        post.clock.ahead += timedelta(minutes=30)
    sender.stop(5)
    assert {tuple(arrived(receiver, thing)) for thing in things} == {("1", "2")}
    assert post.loop.one("SELECT count(*) FROM outbox_events WHERE done_at IS NULL") == 0


def test_a_receiver_that_is_down_is_not_tried_once_for_each_event_that_waits(
    ready: tuple[Post, Receiver, Owner],
) -> None:
    post, receiver, owner = ready
    path = endpoint(post, receiver, owner)
    happen(post, things=100)
    receiver.status = 500
    sender = post.sender()
    post.run(sender, rounds=20)
    assert len(receiver.got) == 5, "after five failures in a row it rests"
    post.clock.ahead += timedelta(seconds=2)
    post.run(sender, rounds=5)
    assert len(receiver.got) == 6
    sender.stop(5)
    assert post.loop.get(path, by=owner).get_json()["failures"] == 6


@pytest.mark.parametrize(("how", "reason"), [("off", "the endpoint is disabled"), ("gone", "the endpoint was deleted")])
def test_what_is_due_for_an_endpoint_that_was_taken_away_is_given_up_with_the_reason(
    ready: tuple[Post, Receiver, Owner], how: str, reason: str
) -> None:
    post, receiver, owner = ready
    path = endpoint(post, receiver, owner)
    happen(post, things=2)
    token = {"Authorization": f"Bearer {post.loop.token(*owner)}", "If-Match": "*"}
    if how == "off":
        assert post.loop.client.patch(path, json={"state": "disabled"}, headers=token).status_code == 200
    else:
        assert post.loop.client.delete(path, headers=token).status_code == 204
    sender = post.sender()
    post.run(sender)
    sender.stop(5)
    assert receiver.got == []
    assert post.states() == [("dead", 0), ("dead", 0)]
    rows = post.loop.rows("SELECT DISTINCT last_error FROM deliveries")
    assert [row[0] for row in rows] == [reason]
    assert post.loop.one("SELECT count(*) FROM outbox_events WHERE dead_reason LIKE '%' || :r", r=reason) == 2


def test_what_was_given_up_is_sent_again_when_asked_and_the_list_of_attempts_goes_on(
    ready: tuple[Post, Receiver, Owner],
) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    happen(post)
    event = str(post.loop.one("SELECT event_id FROM outbox_events"))
    receiver.status = 500
    sender = post.sender()
    for _ in range(12):
        post.run(sender)
        post.clock.ahead += timedelta(hours=30)
    assert post.states() == [("dead", 10)]
    receiver.status = 204
    again = post.loop.post(f"/v1/events/{event}/redeliver", {}, by=owner)
    assert (again.status_code, len(again.get_json()["endpoint_ids"])) == (202, 1)
    post.run(sender)
    sender.stop(5)
    assert post.states() == [("done", 11)]
    assert set(receiver.ids) == {event}
    assert post.loop.one("SELECT count(*) FROM outbox_events WHERE done_at IS NOT NULL AND dead_at IS NULL") == 1


def test_an_event_is_sent_to_an_endpoint_that_was_made_later_when_asked(ready: tuple[Post, Receiver, Owner]) -> None:
    post, receiver, owner = ready
    happen(post)
    event = str(post.loop.one("SELECT event_id FROM outbox_events"))
    late = endpoint(post, receiver, owner).rsplit("/", 1)[1]
    nobody = post.loop.post(f"/v1/events/{event}/redeliver", {}, by=owner)
    assert nobody.get_json()["endpoint_ids"] == []
    named = post.loop.post(f"/v1/events/{event}/redeliver", {"endpoint_id": late}, by=owner)
    assert named.get_json()["endpoint_ids"] == [late]
    sender = post.sender()
    post.run(sender)
    sender.stop(5)
    assert receiver.ids == [event]


def test_receivers_that_answer_slowly_get_one_delivery_at_a_time(
    post: Callable[..., Post], receivers: Callable[[], Receiver], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that says 204 but takes its time is kept out of the quick ones' way, like one that fails."""
    slow, quick = receivers(), receivers()
    made = post(slow, quick)
    owner = made.loop.employee("owner", made.loop.merchant), "owner"
    endpoint(made, slow, owner)
    endpoint(made, quick, owner)
    monkeypatch.setattr(sending, "SLOW_MS", 60)
    lock, under_way, most = threading.Lock(), [0], [0]

    def dawdle(_got: Any) -> None:
        with lock:
            under_way[0] += 1
            most[0] = max(most[0], under_way[0])
        time.sleep(0.08)  # what a slow receiver does
        with lock:
            under_way[0] -= 1

    slow.before = dawdle
    happen(made, things=10)
    sender = made.sender()
    made.until(lambda: sender.run_once() >= 0 and made.states().count(("done", 1)) == 20)
    assert sender.stop(20)
    assert (len(slow.got), len(quick.got), most[0]) == (10, 10, 1)


def test_a_database_that_is_away_for_a_moment_makes_no_second_delivery(
    ready: tuple[Post, Receiver, Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    happen(post)

    wanted, record = [2], sending.queries_deliveries.record

    def flaky(*given: Any) -> None:
        if wanted[0]:
            wanted[0] -= 1
            raise OperationalError("UPDATE", {}, Exception("the server closed the connection"))
        record(*given)

    monkeypatch.setattr(sending.queries_deliveries, "record", flaky)
    sender = post.sender()
    post.run(sender)
    sender.stop(5)
    assert (post.states(), len(receiver.got)) == ([("done", 1)], 1)


def test_a_name_that_takes_too_long_to_find_is_a_failed_attempt(
    ready: tuple[Post, Receiver, Owner], monkeypatch: pytest.MonkeyPatch
) -> None:
    post, receiver, owner = ready
    endpoint(post, receiver, owner)
    happen(post)
    monkeypatch.setattr(sending, "LOOKUP_S", -1.0)
    sender = post.sender()
    post.run(sender)
    sender.stop(5)
    assert (receiver.got, post.states()) == ([], [("due", 1)])
    assert post.loop.one("SELECT error FROM delivery_attempts") == "its name was not found in time"
