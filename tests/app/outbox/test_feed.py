"""The feed over several cities: each in its own order, none left behind, from a cursor that never gets old."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import orjson
import pytest

from app.core.clock import system_clock
from app.core.db import Database
from app.core.ids import new_city_id
from app.core.settings import Settings
from app.factory import create_app
from app.outbox.envelope import render
from app.outbox.queries import append
from app.outbox.queries_events import event_by_id
from app.outbox.relay import relay_once
from app.outbox.types import Event
from tests.factories.loops import CITY, Loop

FAR = 3
Owner = tuple[UUID, str]


@pytest.fixture
def reader(loop: Loop) -> Owner:
    loop.world.city(FAR, "there", time_zone="Europe/Berlin", currency="EUR")
    return loop.employee("owner", loop.merchant), "owner"


def happen(database: Database, merchant: UUID, city_id: int, names: Sequence[str], kind: str = "claim.granted") -> None:
    """Events a second apart, each named in its data."""
    with database.write() as conn:
        for number, name in enumerate(names):
            at = system_clock() + timedelta(seconds=number)
            event = Event(city_id, new_city_id(city_id), 1, f"fujin.{kind}.v1", merchant, {"name": name}, at)
            append(conn, event)
        conn.commit()
    relay_once(database, system_clock, "test")


def read(loop: Loop, reader: Owner, **asked: Any) -> dict[str, Any]:
    words = "&".join(f"{name}={value}" for name, value in asked.items())
    answer = loop.get(f"/v1/events?{words}", by=reader)
    assert answer.status_code == 200, answer.get_json()
    found: dict[str, Any] = answer.get_json()
    return found


def names(page: dict[str, Any]) -> list[str]:
    return [item["data"]["name"] for item in page["items"]]


def test_a_busy_city_leaves_no_other_behind(loop: Loop, database: Database, reader: Owner) -> None:
    happen(database, loop.merchant, CITY, [f"here{n}" for n in range(30)])
    happen(database, loop.merchant, FAR, ["there0", "there1"])
    seen: list[str] = []
    page = read(loop, reader, limit=5)
    while True:
        seen += names(page)
        if not page["has_more"]:
            break
        page = read(loop, reader, limit=5, after=page["next_cursor"])
    assert [each for each in seen if each.startswith("here")] == [f"here{n}" for n in range(30)]
    assert [each for each in seen if each.startswith("there")] == ["there0", "there1"]
    assert seen.index("there1") < 10, "by time, not city after city"


def test_the_feed_shows_what_a_webhook_carries(
    loop: Loop, database: Database, app_settings: Settings, reader: Owner
) -> None:
    happen(database, loop.merchant, CITY, ["一"])
    answer = loop.get("/v1/events", by=reader)
    event_id = UUID(answer.get_json()["items"][0]["id"])
    with database.read_primary() as conn:
        stored = event_by_id(conn, CITY, event_id, None)
    assert stored is not None
    assert answer.get_json()["items"][0] == orjson.loads(render(stored, app_settings.public_url))


def test_a_cursor_is_good_after_a_year_and_tells_where_nothing_has_happened_yet(
    loop: Loop, database: Database, app_settings: Settings, reader: Owner
) -> None:
    begin = read(loop, reader)
    assert (begin["items"], begin["has_more"]) == ([], False)
    happen(database, loop.merchant, CITY, ["first"])
    page = read(loop, reader, after=begin["next_cursor"])
    assert names(page) == ["first"]
    later = create_app(app_settings, clock=lambda: system_clock() + timedelta(days=366), database=database)
    happen(database, loop.merchant, FAR, ["second"])
    with later.app_context():
        principals = later.extensions["fujin"].principals
        token = principals.parts.issuer.issue(str(reader[0]), "owner", later.extensions["fujin"].clock()).token
    # readers' tokens are compared with the moved clock; the database's is not asked by a read
    answer = later.test_client().get(
        f"/v1/events?after={page['next_cursor']}", headers={"Authorization": f"Bearer {token}"}
    )
    assert answer.status_code == 200, answer.get_json()
    assert names(answer.get_json()) == ["second"]


def test_an_edited_cursor_is_refused(loop: Loop, reader: Owner) -> None:
    cursor = read(loop, reader)["next_cursor"]
    for edited in (cursor[:-2] + "AA", "A" * 60, cursor[::-1]):
        answer = loop.get(f"/v1/events?after={edited}", by=reader)
        assert (answer.status_code, answer.get_json()["code"]) == (400, "invalid-cursor")
        assert answer.get_json()["errors"][0]["parameter"] == "after"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("*", ["granted", "redeemed", "held"]),
        ("fujin.*", ["granted", "redeemed", "held"]),
        ("fujin.claim.*", ["granted", "redeemed"]),
        ("fujin.claim.redeemed.v1", ["redeemed"]),
        ("fujin.payment.*", []),
        ("fujin.claim_x.*", []),
    ],
)
def test_types_are_chosen_by_name_or_beginning(
    loop: Loop, database: Database, reader: Owner, kind: str, expected: list[str]
) -> None:
    happen(database, loop.merchant, CITY, ["granted"], "claim.granted")
    happen(database, loop.merchant, CITY, ["redeemed"], "claim.redeemed")
    happen(database, loop.merchant, CITY, ["held"], "redemption.held")
    assert names(read(loop, reader, type=kind)) == expected


def test_someone_without_merchants_reads_an_empty_feed(loop: Loop, database: Database, reader: Owner) -> None:
    happen(database, loop.merchant, CITY, ["theirs"])
    loop.world.run(
        "INSERT INTO api_clients (client_id, secret_hash, name, scopes, merchant_ids, enabled, created_at)"
        " VALUES ('nobody', '\\x00', 'Nobody', ARRAY['events:read'], '{}', true, :now)",
        {"now": loop.now},
    )
    issuer = loop.app.extensions["fujin"].principals.parts.issuer
    token = issuer.issue("nobody", "partner", system_clock(), client_id="nobody").token
    answer = loop.client.get("/v1/events", headers={"Authorization": f"Bearer {token}"})
    assert (answer.status_code, answer.get_json()["items"], answer.get_json()["has_more"]) == (200, [], False)


def test_deliveries_come_in_pages_that_miss_and_repeat_nothing(loop: Loop, database: Database, reader: Owner) -> None:
    loop.world.run(
        "INSERT INTO webhook_endpoints (merchant_id, endpoint_id, url, types, secret_sealed, slot, state, failures,"
        " row_version, created_by, created_at) SELECT :merchant, gen_random_uuid(), 'https://example.org/', '{*}',"
        " '\\x00', n, 'enabled', 0, 1, 'test', :now FROM generate_series(1, 2) n",
        {"merchant": loop.merchant, "now": loop.now},
    )
    for city_id in (CITY, FAR):
        happen(database, loop.merchant, city_id, [str(n) for n in range(5)])
    seen: list[tuple[str, str]] = []
    cursor = ""
    while True:
        page = loop.get(f"/v1/deliveries?limit=3{cursor}", by=reader).get_json()
        seen += [(item["event_id"], item["endpoint_id"]) for item in page["items"]]
        assert page["total"] == {"value": 20, "relation": "eq"}
        if page["next_cursor"] is None:
            break
        cursor = f"&cursor={page['next_cursor']}"
    assert len(seen) == len(set(seen)) == 20
    one = seen[0][1]
    mine = loop.get(f"/v1/deliveries?limit=100&endpoint_id={one}&state=due", by=reader).get_json()["items"]
    assert len(mine) == 10
    assert {item["endpoint_id"] for item in mine} == {one}
    assert loop.get("/v1/deliveries?state=dead", by=reader).get_json()["items"] == []
