"""Who reaches endpoints, deliveries and redelivery: owners, partners by their scopes, nobody else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import pytest
from werkzeug.test import TestResponse

from app.core.clock import system_clock
from app.core.ids import new_city_id, new_id
from app.factory import create_app
from app.outbox.relay import relay_once
from tests.app.outbox.conftest import Post, Receiver
from tests.factories.loops import CITY


@dataclass
class Scene:
    """A merchant with one endpoint and one delivered test event."""

    post: Post
    receiver: Receiver
    owner: tuple[UUID, str]
    endpoint_id: str
    event_id: str

    def partner(self, *scopes: str) -> str:
        """A token of a client of the merchant with some scopes."""
        client_id = f"till-{new_id()}"
        self.post.loop.world.run(
            "INSERT INTO api_clients VALUES (:id, '\\x00', 'A till', :scopes, :merchants, true, :now)",
            {
                "id": client_id,
                "scopes": list(scopes),
                "merchants": [self.post.loop.merchant],
                "now": self.post.loop.now,
            },
        )
        parts = self.post.loop.app.extensions["fujin"].principals.parts
        return str(parts.issuer.issue(client_id, "partner", system_clock(), client_id=client_id).token)

    def calls(self, endpoint_id: str, event_id: str) -> dict[str, Callable[[str], TestResponse]]:
        """Each route about a thing, by name; given a token."""
        one, client = f"/v1/webhook-endpoints/{endpoint_id}", self.post.loop.client

        def call(method: str, path: str, body: Any = None) -> Callable[[str], TestResponse]:
            return lambda token: client.open(
                path,
                method=method,
                json=body,
                headers={"Authorization": f"Bearer {token}", "Idempotency-Key": str(new_id()), "If-Match": "*"},
            )

        return {
            "read": call("GET", one),
            "test": call("POST", f"{one}/test", {}),
            "rotate": call("POST", f"{one}/rotate-secret", {}),
            "redeliver": call("POST", f"/v1/events/{event_id}/redeliver", {}),
            "attempts": call("GET", f"/v1/deliveries/{event_id}/attempts"),
            "change": call("PATCH", one, {"description": "changed"}),
            "delete": call("DELETE", one),
        }

    def rows(self) -> list[Any]:
        """All that the routes could change."""
        return [
            self.post.loop.rows(f"SELECT t::text FROM {table} t ORDER BY 1")
            for table in ("webhook_endpoints", "deliveries", "outbox_events")
        ]


@pytest.fixture
def scene(post: Callable[..., Post], receivers: Callable[[], Receiver]) -> Scene:
    receiver = receivers()
    made = post(receiver)
    owner = made.loop.employee("owner", made.loop.merchant), "owner"
    body = {"merchant_id": str(made.loop.merchant), "url": receiver.url}
    endpoint_id = made.loop.post("/v1/webhook-endpoints", body, by=owner).get_json()["endpoint_id"]
    made.loop.post(f"/v1/webhook-endpoints/{endpoint_id}/test", {}, by=owner)
    relay_once(made.database, system_clock, "test")
    event_id = str(made.loop.one("SELECT event_id FROM outbox_events"))
    return Scene(made, receiver, owner, endpoint_id, event_id)


def test_the_owner_and_a_partner_with_the_scopes_reach_everything(scene: Scene) -> None:
    expected = {
        "read": 200,
        "test": 202,
        "rotate": 200,
        "redeliver": 202,
        "attempts": 200,
        "change": 200,
        "delete": 204,
    }
    calls = scene.calls(scene.endpoint_id, scene.event_id)
    partner = scene.partner("webhooks:write", "events:read")
    assert {name: call(partner).status_code for name, call in calls.items() if name != "delete"} | {
        "delete": 204
    } == expected
    owner = scene.post.loop.token(*scene.owner)
    assert {name: call(owner).status_code for name, call in calls.items()} == expected


def test_what_is_anothers_answers_as_what_is_missing_and_nothing_changes(scene: Scene) -> None:
    loop = scene.post.loop
    token = loop.token(loop.employee("owner", loop.rival), "owner")
    before = scene.rows()
    foreign = scene.calls(scene.endpoint_id, scene.event_id)
    missing = scene.calls(str(new_id()), str(new_city_id(CITY)))
    for name in foreign:
        answers = [calls[name](token) for calls in (foreign, missing)]
        assert [answer.status_code for answer in answers] == [404, 404], name
        bodies = [answer.get_json() | {"request_id": ""} for answer in answers]
        assert bodies[0] == bodies[1], name
    assert scene.rows() == before


@pytest.mark.parametrize("role", ["member", "staff"])
def test_other_roles_reach_nothing(scene: Scene, role: str) -> None:
    loop = scene.post.loop
    person = loop.member() if role == "member" else loop.employee("staff", loop.merchant, loop.places)
    before, token = scene.rows(), loop.token(person, role)
    for name, call in scene.calls(scene.endpoint_id, scene.event_id).items():
        answer = call(token)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "forbidden"), name
    assert scene.rows() == before


def test_a_partner_without_the_scope_reaches_nothing(scene: Scene) -> None:
    before, token = scene.rows(), scene.partner("redemptions:write")
    for name, call in scene.calls(scene.endpoint_id, scene.event_id).items():
        answer = call(token)
        assert (answer.status_code, answer.get_json()["code"]) == (403, "scope-missing"), name
    assert scene.rows() == before


def test_a_partner_that_may_read_events_changes_no_endpoint(scene: Scene) -> None:
    before, token = scene.rows(), scene.partner("events:read")
    answers = {name: call(token).status_code for name, call in scene.calls(scene.endpoint_id, scene.event_id).items()}
    assert answers.pop("attempts") == 200
    assert set(answers.values()) == {403}
    assert scene.rows() == before


def test_a_repeated_registration_gets_the_first_answer_though_its_address_is_refused_by_now(scene: Scene) -> None:
    loop = scene.post.loop
    body = {"merchant_id": str(loop.merchant), "url": scene.receiver.url}
    first = loop.post("/v1/webhook-endpoints", body, by=scene.owner, key="k")
    strict = replace(loop, app=create_app(replace(scene.post.settings, webhook_allow=()), database=scene.post.database))
    again = strict.post("/v1/webhook-endpoints", body, by=scene.owner, key="k")
    assert (again.status_code, again.get_json()) == (201, first.get_json() | {"secret": None})


def test_a_refused_registration_stays_refused_under_its_key(scene: Scene) -> None:
    loop = scene.post.loop
    body = {"merchant_id": str(loop.merchant), "url": "https://127.0.0.1/"}
    answers = [loop.post("/v1/webhook-endpoints", body, by=scene.owner, key="k") for _ in range(2)]
    assert [answer.status_code for answer in answers] == [422, 422]
    assert answers[1].headers.get("Idempotency-Replayed") == "true"


def test_pages_of_deliveries_hold_each_delivery_once_and_newest_first(scene: Scene) -> None:
    loop = scene.post.loop
    for _ in range(4):
        loop.post(f"/v1/webhook-endpoints/{scene.endpoint_id}/test", {}, by=scene.owner)
    relay_once(scene.post.database, system_clock, "test")
    newest_first = [str(row[0]) for row in loop.rows("SELECT event_id FROM deliveries ORDER BY position DESC")]
    seen: list[str] = []
    path, cursor = "/v1/deliveries?limit=2", ""
    for _ in range(3):
        page = loop.get(path + cursor, by=scene.owner).get_json()
        assert page["total"] == {"value": 5, "relation": "eq"}
        seen += [item["event_id"] for item in page["items"]]
        cursor = f"&cursor={page['next_cursor']}"
    assert page["next_cursor"] is None
    assert seen == newest_first
    elsewhere = loop.get(f"{path}&state=dead{cursor.replace('None', 'x')}", by=scene.owner)
    assert (elsewhere.status_code, elsewhere.get_json()["code"]) == (400, "invalid-cursor")
