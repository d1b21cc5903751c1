"""``fujin outbox`` and the demo's own endpoint, as an operator of the installation runs them."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from standardwebhooks.webhooks import Webhook

from app.core.clock import system_clock
from app.core.ids import new_city_id
from app.factory import create_app
from app.imports.demo import cli as demo_cli
from app.imports.demo.people import MERCHANT_1
from app.outbox import cli
from app.outbox.queries import append
from app.outbox.relay import MAX_TRIES, relay_once
from app.outbox.types import Event
from tests.app.outbox.conftest import Post, Receiver
from tests.factories.loops import CITY

Fujin = Callable[..., Result]


@pytest.fixture
def ready(post: Callable[..., Post], receivers: Callable[[], Receiver]) -> tuple[Post, Receiver]:
    receiver = receivers()
    return post(receiver), receiver


@pytest.fixture
def fujin(ready: tuple[Post, Receiver]) -> Fujin:
    app = ready[0].loop.app
    group = click.Group("fujin", commands={str(each.name): each for each in (*cli.commands, demo_cli.demo_endpoint)})

    def run(*arguments: str) -> Result:
        with app.app_context():
            return CliRunner().invoke(group, list(arguments))

    return run


def told(done: Result) -> list[dict[str, Any]]:
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.output.splitlines()]


def happen(post: Post, merchant: UUID, data: dict[str, Any] | None = None) -> None:
    with post.database.write() as conn:
        event = Event(CITY, new_city_id(CITY), 1, "fujin.claim.granted.v1", merchant, data or {}, system_clock())
        append(conn, event)
        conn.commit()


def endpoint(post: Post, receiver: Receiver) -> str:
    owner = post.loop.employee("owner", post.loop.merchant), "owner"
    body = {"merchant_id": str(post.loop.merchant), "url": receiver.url}
    return str(post.loop.post("/v1/webhook-endpoints", body, by=owner).get_json()["endpoint_id"])


def give_up(post: Post) -> None:
    """A delivery that has used up its schedule."""
    post.loop.world.run(
        "UPDATE deliveries SET state = 'dead', attempt = 10, done_at = :now, last_error = 'HTTP 500'",
        {"now": post.loop.now},
    )


def test_status_counts_what_waits_what_is_due_and_what_is_dead(ready: tuple[Post, Receiver], fujin: Fujin) -> None:
    post, receiver = ready
    assert told(fujin("outbox", "status", "--json")) == []
    endpoint(post, receiver)
    happen(post, post.loop.merchant)
    (line,) = told(fujin("outbox", "status", "--json"))
    assert (line["city"], line["position"], line["waiting"], line["due"]) == (CITY, 0, 1, 0)
    relay_once(post.database, system_clock, "test")
    (line,) = told(fujin("outbox", "status", "--json"))
    assert (line["position"], line["waiting"], line["due"], line["dead_deliveries"]) == (1, 0, 1, 0)
    give_up(post)
    (line,) = told(fujin("outbox", "status", "--json"))
    assert (line["due"], line["due_since"], line["dead_deliveries"], line["dead_events"]) == (0, None, 1, 0)
    assert fujin("outbox", "status").output.startswith(f"city {CITY}  position 1  waiting 0  waiting_since -  due 0")


def test_a_delivery_that_was_given_up_is_listed_with_its_reason_and_sent_when_requeued(
    ready: tuple[Post, Receiver], fujin: Fujin
) -> None:
    post, receiver = ready
    endpoint_id = endpoint(post, receiver)
    happen(post, post.loop.merchant)
    relay_once(post.database, system_clock, "test")
    give_up(post)
    (letter,) = told(fujin("outbox", "dead", "--json"))
    assert (letter["endpoint"], letter["city"], letter["reason"]) == (endpoint_id, CITY, "HTTP 500")
    assert told(fujin("outbox", "dead", "--city", "3", "--json")) == []
    assert told(fujin("outbox", "dead", "--city", str(CITY), "--json")) == [letter]
    assert told(fujin("outbox", "requeue", letter["event"], "--json")) == [{"event": letter["event"], "due_again": 1}]
    sender = post.sender()
    post.run(sender)
    sender.stop(5)
    assert receiver.ids == [letter["event"]]
    assert post.states() == [("done", 11)]
    assert told(fujin("outbox", "dead", "--json")) == []


def test_requeue_leaves_what_is_not_dead_and_other_endpoints_alone(ready: tuple[Post, Receiver], fujin: Fujin) -> None:
    post, receiver = ready
    first, second = endpoint(post, receiver), endpoint(post, receiver)
    happen(post, post.loop.merchant)
    relay_once(post.database, system_clock, "test")
    event = str(post.loop.one("SELECT event_id FROM outbox_events"))
    assert told(fujin("outbox", "requeue", event, "--json")) == [{"event": event, "due_again": 0}]
    give_up(post)
    assert told(fujin("outbox", "requeue", event, "--endpoint", first, "--json"))[0]["due_again"] == 1
    states = post.loop.rows("SELECT endpoint_id::text, state FROM deliveries")
    assert sorted(map(tuple, states)) == sorted([(first, "due"), (second, "dead")])


def test_an_event_that_could_not_be_told_is_dead_and_gets_its_place_when_requeued(
    ready: tuple[Post, Receiver], fujin: Fujin
) -> None:
    post, _ = ready
    happen(post, post.loop.merchant, {"long": "x" * 30_000})
    for _ in range(MAX_TRIES):
        assert told(fujin("outbox", "dead", "--json")) == []
        relay_once(post.database, system_clock, "test")
    (letter,) = told(fujin("outbox", "dead", "--json"))
    assert (letter["endpoint"], letter["type"]) == (None, "fujin.claim.granted.v1")
    assert "20000" in letter["reason"]
    post.loop.world.run("UPDATE outbox_events SET data = '{}'", {})
    assert told(fujin("outbox", "requeue", letter["event"], "--json"))[0]["due_again"] == 1
    relay_once(post.database, system_clock, "test")
    assert post.loop.one("SELECT position FROM outbox_events") == 1
    assert told(fujin("outbox", "dead", "--json")) == []


def test_requeue_of_a_missing_event_says_so(ready: tuple[Post, Receiver], fujin: Fujin) -> None:
    done = fujin("outbox", "requeue", str(new_city_id(CITY)))
    assert (done.exit_code, done.output) == (1, "error: there is no such event\n")


@pytest.fixture
def first_merchant(ready: tuple[Post, Receiver]) -> None:
    """The demo's first merchant; the rest of the demo is not needed here."""
    ready[0].loop.world.run(
        "INSERT INTO merchants VALUES (:id, '{\"local\": \"x\"}', 'active', :city, :now)",
        {"id": MERCHANT_1, "city": CITY, "now": ready[0].loop.now},
    )


@pytest.mark.usefixtures("first_merchant")
def test_the_demos_endpoint_keeps_its_id_and_gets_a_fresh_secret_at_each_start(
    ready: tuple[Post, Receiver], receivers: Callable[[], Receiver], fujin: Fujin, tmp_path: Path
) -> None:
    post, receiver = ready
    file, found = tmp_path / "hooks.secret", []
    for _ in range(2):
        done = fujin("demo-endpoint", "--url", receiver.url, "--secret-file", str(file))
        assert (done.exit_code, done.output) == (0, "")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        found.append((str(post.loop.one("SELECT endpoint_id FROM webhook_endpoints")), file.read_text().strip()))
    (first, old), (again, new) = found
    assert first == again
    assert old != new
    happen(post, MERCHANT_1)
    relay_once(post.database, system_clock, "test")
    sender = post.sender()
    post.run(sender)
    sender.stop(5)
    (got,) = receiver.got
    Webhook(new).verify(got.body, got.headers)


@pytest.mark.usefixtures("first_merchant")
def test_the_demos_endpoint_is_refused_where_webhooks_may_not_go(
    ready: tuple[Post, Receiver], fujin: Fujin, tmp_path: Path
) -> None:
    done = fujin("demo-endpoint", "--url", "http://127.0.0.1:9/", "--secret-file", str(tmp_path / "hooks.secret"))
    assert done.exit_code == 1
    assert not (tmp_path / "hooks.secret").exists()
    assert ready[0].loop.one("SELECT count(*) FROM webhook_endpoints") == 0


@pytest.mark.usefixtures("first_merchant")
def test_without_the_demo_there_is_no_demo_endpoint(
    ready: tuple[Post, Receiver], owner: sa.Engine, tmp_path: Path
) -> None:
    post, receiver = ready
    app = create_app(replace(post.settings, demo=False), database=post.database)
    with app.app_context():
        done = CliRunner().invoke(
            demo_cli.demo_endpoint, ["--url", receiver.url, "--secret-file", str(tmp_path / "hooks.secret")]
        )
    assert done.exit_code == 1
    assert not (tmp_path / "hooks.secret").exists()
    assert post.loop.one("SELECT count(*) FROM webhook_endpoints") == 0
