"""Webhook endpoints over HTTP: whose they are, what is refused, and that a secret is shown once."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import quote
from uuid import UUID

import pytest
from standardwebhooks.webhooks import Webhook

from app.core.clock import system_clock
from app.core.ids import new_id
from app.outbox import routes_endpoints
from app.outbox.errors import EndpointRefused
from app.outbox.relay import relay_once
from tests.app.outbox.conftest import Post, Receiver


@pytest.fixture
def ready(post: Callable[..., Post], receivers: Callable[[], Receiver]) -> tuple[Post, Receiver, tuple[UUID, str]]:
    receiver = receivers()
    made = post(receiver)
    return made, receiver, (made.loop.employee("owner", made.loop.merchant), "owner")


def body_of(post: Post, receiver: Receiver, **more: Any) -> dict[str, Any]:
    return {"merchant_id": str(post.loop.merchant), "url": receiver.url, "types": ["fujin.claim.*"], **more}


def test_a_secret_is_shown_once_and_stands_nowhere_in_the_clear(
    ready: tuple[Post, Receiver, tuple[UUID, str]],
) -> None:
    post, receiver, owner = ready
    first = post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=owner, key="k")
    again = post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=owner, key="k")
    assert (first.status_code, again.status_code) == (201, 201)
    secret = first.get_json()["secret"]
    Webhook(secret)  # the library takes it
    assert again.get_json() == first.get_json() | {"secret": None}
    assert again.headers["Idempotency-Replayed"] == "true"
    listed = post.loop.get("/v1/webhook-endpoints", by=owner)
    assert [item["endpoint_id"] for item in listed.get_json()["items"]] == [first.get_json()["endpoint_id"]]
    plain = secret.removeprefix("whsec_")
    assert plain.encode() not in listed.data
    for table in ("webhook_endpoints", "caller_idempotency_keys"):
        assert all(plain not in str(row) for row in post.loop.rows(f"SELECT t::text FROM {table} t"))


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.0.0.1/hook",
        "https://169.254.169.254/latest/meta-data",
        "https://2130706433/",
        "https://0x7f.1/",
        "http://127.0.0.1:9/",
        "ftp://example.org/file",
        "https://user@example.org/",
        "https://example.org:8443/",
        "https://localhost/",
    ],
)
def test_an_address_that_is_not_public_https_is_refused(
    ready: tuple[Post, Receiver, tuple[UUID, str]], url: str
) -> None:
    post, receiver, owner = ready
    answer = post.loop.post("/v1/webhook-endpoints", body_of(post, receiver, url=url), by=owner)
    assert (answer.status_code, answer.get_json()["code"]) == (422, "endpoint-refused")
    assert post.loop.one("SELECT count(*) FROM webhook_endpoints") == 0


def test_another_merchants_endpoint_is_as_good_as_missing(ready: tuple[Post, Receiver, tuple[UUID, str]]) -> None:
    post, receiver, owner = ready
    made = post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=owner).get_json()
    rival = post.loop.employee("owner", post.loop.rival), "owner"
    foreign = post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=rival)
    assert (foreign.status_code, foreign.get_json()["code"]) == (404, "not-found")
    mine, missing = f"/v1/webhook-endpoints/{made['endpoint_id']}", f"/v1/webhook-endpoints/{new_id()}"
    for path, call in ((mine, "rotate-secret"), (missing, "rotate-secret"), (mine, "test"), (missing, "test")):
        assert post.loop.post(f"{path}/{call}", {}, by=rival).status_code == 404
    answers = [post.loop.get(path, by=rival).get_json() | {"request_id": ""} for path in (mine, missing)]
    assert answers[0] == answers[1]
    assert post.loop.get(mine, by=owner).status_code == 200
    assert post.loop.get(mine, by=(post.loop.member(), "member")).status_code == 403


def test_a_change_names_the_state_that_it_changes(ready: tuple[Post, Receiver, tuple[UUID, str]]) -> None:
    post, receiver, owner = ready
    made = post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=owner).get_json()
    path = f"/v1/webhook-endpoints/{made['endpoint_id']}"
    tag = post.loop.get(path, by=owner).headers["ETag"]
    token = {"Authorization": f"Bearer {post.loop.token(*owner)}"}

    def patch(**headers: str) -> Any:
        return post.loop.client.patch(path, json={"state": "disabled"}, headers=token | headers)

    assert patch().status_code == 428
    assert patch(**{"If-Match": '"other"'}).status_code == 412
    done = patch(**{"If-Match": tag})
    assert (done.status_code, done.get_json()["state"]) == (200, "disabled")
    assert patch(**{"If-Match": tag}).status_code == 412
    assert post.loop.client.delete(path, headers=token).status_code == 204
    assert post.loop.get(path, by=owner).status_code == 404


def test_a_merchant_has_ten_endpoints_at_most(ready: tuple[Post, Receiver, tuple[UUID, str]]) -> None:
    post, receiver, owner = ready
    for _ in range(10):
        assert post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=owner).status_code == 201
    full = post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=owner)
    assert (full.status_code, full.get_json()["code"]) == (409, "endpoint-limit")


def test_a_test_event_goes_to_its_endpoint_alone_and_deliveries_can_be_followed_and_repeated(
    ready: tuple[Post, Receiver, tuple[UUID, str]],
) -> None:
    post, receiver, owner = ready
    made = post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=owner).get_json()
    post.loop.post("/v1/webhook-endpoints", body_of(post, receiver, types=["*"]), by=owner)
    queued = post.loop.post(f"/v1/webhook-endpoints/{made['endpoint_id']}/test", {}, by=owner)
    assert queued.status_code == 202
    relay_once(post.database, system_clock, "test")
    sender = post.sender()
    post.run(sender)
    listed = post.loop.get("/v1/deliveries", by=owner).get_json()
    assert [(item["endpoint_id"], item["state"], item["type"]) for item in listed["items"]] == [
        (made["endpoint_id"], "done", "fujin.webhook.test.v1")
    ]
    event = listed["items"][0]["event_id"]
    again = post.loop.post(f"/v1/events/{event}/redeliver", {}, by=owner)
    assert (again.status_code, again.get_json()["endpoint_ids"]) == (202, [made["endpoint_id"]])
    post.run(sender)
    sender.stop(5)
    assert receiver.ids == [event, event]
    attempts = post.loop.get(f"/v1/deliveries/{event}/attempts", by=owner).get_json()["items"]
    assert [(item["attempt"], item["ok"], item["status"]) for item in attempts] == [(2, True, 204), (1, True, 204)]
    rival = post.loop.employee("owner", post.loop.rival), "owner"
    assert post.loop.post(f"/v1/events/{event}/redeliver", {}, by=rival).status_code == 404
    assert post.loop.get("/v1/deliveries", by=rival).get_json()["items"] == []


def test_an_address_is_looked_at_once_a_key_and_outside_any_transaction(
    ready: tuple[Post, Receiver, tuple[UUID, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    post, receiver, owner = ready
    looked: list[int] = []

    def refusing(*_: Any) -> None:
        busy = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        looked.append(post.loop.one(busy))
        raise EndpointRefused("its name was not found")

    monkeypatch.setattr(routes_endpoints, "checked_for_caller", refusing)
    answers = [post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=owner, key="k") for _ in range(2)]
    assert [(each.status_code, each.get_json()["code"]) for each in answers] == [(422, "endpoint-refused")] * 2
    assert answers[1].data == answers[0].data
    assert looked == [0]
    assert post.loop.one("SELECT count(*) FROM webhook_endpoints") == 0


def test_twenty_at_once_get_ten_endpoints_and_deleting_one_makes_room(
    ready: tuple[Post, Receiver, tuple[UUID, str]],
) -> None:
    post, receiver, owner = ready
    with ThreadPoolExecutor(8) as pool:
        made = list(
            pool.map(
                lambda _n: post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=owner).status_code,
                range(20),
            )
        )
    assert sorted(made) == [201] * 10 + [409] * 10
    gone = post.loop.get("/v1/webhook-endpoints", by=owner).get_json()["items"][0]["endpoint_id"]
    token = {"Authorization": f"Bearer {post.loop.token(*owner)}"}
    assert post.loop.client.delete(f"/v1/webhook-endpoints/{gone}", headers=token).status_code == 204
    assert post.loop.one("SELECT secret_sealed FROM webhook_endpoints WHERE endpoint_id = :e", e=gone).tobytes() == b""
    assert post.loop.post("/v1/webhook-endpoints", body_of(post, receiver), by=owner).status_code == 201


@pytest.mark.parametrize("kind", ["fujin.claim", "claim.*", "fujin.*.granted.v1", "fujin.Claim.granted.v1", "**", ""])
def test_a_type_that_no_event_can_have_is_refused(ready: tuple[Post, Receiver, tuple[UUID, str]], kind: str) -> None:
    post, receiver, owner = ready
    made = post.loop.post("/v1/webhook-endpoints", body_of(post, receiver, types=[kind]), by=owner)
    assert (made.status_code, made.get_json()["errors"][0]["pointer"]) == (422, "/types/0")
    read = post.loop.get(f"/v1/events?type={quote(kind)}", by=owner)
    assert (read.status_code, read.get_json()["code"]) == (400, "invalid-parameter")
