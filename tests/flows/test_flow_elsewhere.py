"""An installation whose flow is another application of this process: what it tells, what it refuses, what it lacks."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

import orjson
import pytest
import sqlalchemy as sa
from sqlalchemy.engine import make_url
from werkzeug.test import TestResponse

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.db import open_database
from app.core.settings import InvalidSettings, Settings, load_settings
from app.factory import create_app
from app.flow.client.flow import FlowElsewhere
from app.flow.wire import Client, NoAnswer, Reply
from app.http.steps import run_job
from app.outbox.relay import relay_once
from app.payments.providers.signing import signed_headers
from tests.conftest import MakeDatabase
from tests.factories.loops import CITY, Loop, plant_loop
from tests.factories.partners import InProcess, plant_partner
from tests.factories.shops import Shop
from tests.factories.worlds import World

HOOK_SECRET = b"0123456789abcdef0123456789abcdef"


@dataclass
class Pair:
    """The loop in front, whose flow is the one behind."""

    front: Loop
    behind: Loop
    flow: FlowElsewhere
    tell: Callable[[], list[dict[str, Any]]]

    def poll(self) -> int:
        """The events of the flow are relayed there and read here; how many."""
        self.tell()
        with self.front.app.test_request_context("/"):
            return self.flow.partner_work(system_clock())

    def hook(self, event: dict[str, Any], *, secret: bytes = HOOK_SECRET, **headers: str) -> TestResponse:
        """An event as a webhook."""
        body = orjson.dumps(event)
        signed = signed_headers(secret, event["id"], system_clock(), body)
        return self.front.client.post("/v1/flow/notify", data=body, headers=signed | headers)

    def mirrored(self, subject: str) -> tuple[int, str]:
        """Sequence and state of a thing in front."""
        row = self.front.rows("SELECT seq, state FROM flow_mirror WHERE subject_id = :s", s=UUID(subject))[0]
        return row[0], row[1]


@pytest.fixture(scope="module")
def pair(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Pair]:
    """Two applications over two databases with the same places and merchants."""
    url = make_database(migrated_template)
    settings, engine = settings_for(url), sa.create_engine(url)
    database = open_database(settings)
    behind = plant_loop(create_app(settings, database=database), engine)
    engine.dispose()
    front_url = make_database(str(make_url(url).database))
    client_id, secret = plant_partner(behind.world, [behind.merchant])
    front_settings = replace(
        settings_for(front_url),
        flow="https://flow.example.org",
        flow_client_id=client_id,
        flow_secret=secret,
        flow_hook_secret=HOOK_SECRET,
        flow_poll_s=0.001,
    )
    front_engine, front_database = sa.create_engine(front_url), open_database(front_settings)
    app = create_app(front_settings, database=front_database)
    flow = FlowElsewhere(front_settings, front_database, transport=InProcess(behind.app))
    app.extensions["fujin_flow"] = flow
    front = replace(behind, app=app, engine=front_engine, world=World(front_engine))
    owner = (behind.employee("owner", behind.merchant), "owner")

    def tell() -> list[dict[str, Any]]:
        while relay_once(database, system_clock, "test"):
            pass
        told: list[dict[str, Any]] = []
        after = ""
        while True:
            page = behind.get(f"/v1/events?limit=100{after}", by=owner).get_json()
            told += page["items"]
            if not page["has_more"]:
                return told
            after = f"&after={page['next_cursor']}"

    yield Pair(front, behind, flow, tell)
    front_database.dispose()
    database.dispose()
    front_engine.dispose()
    engine.dispose()


def test_the_whole_loop_is_passed_on_and_both_audits_are_silent(pair: Pair) -> None:
    shop = Shop(pair.front)
    claim, code = shop.claim(platform_share_bp=0)
    used = shop.used(code, mode="hold")
    paid = shop.paid("redemption", used, shop.staff)
    assert pair.front.get(f"/v1/redemptions/{used}", by=shop.staff).get_json()["state"] == "committed"
    assert shop.refund(paid, 100)().status_code == 201
    assert pair.front.get(f"/v1/claims/{claim}", by=shop.member).get_json()["state"] == "redeemed"
    picture = pair.front.get(f"/v1/claims/{claim}/qr.svg", by=shop.member)
    assert picture.get_json()["code"] == "already-redeemed"
    while pair.poll():
        pass
    assert pair.mirrored(claim)[1] == "redeemed"
    assert [item["state"] for item in pair.front.get("/v1/claims", by=shop.member).get_json()["items"]] == ["redeemed"]
    assert pair.front.get("/v1/claims?state=usable", by=shop.member).get_json()["total"]["value"] == 0
    assert pair.front.one("SELECT count(*) FROM claims") == 0
    for loop in (pair.front, pair.behind):
        with loop.engine.connect() as conn:
            results = audit_data(conn, system_clock(), allow_unsafe=True)
        found = [(v.rule, v.thing, v.detail) for result in results for v in result.violations]
        assert found == []


def test_cash_is_taken_here_and_booked_there(pair: Pair) -> None:
    shop = Shop(pair.front)
    _, code = shop.claim()
    used = shop.used(code, mode="hold")
    body = {"purpose": "redemption", "purpose_id": used, "provider": "cash", "method": "cash"}
    paid = pair.front.post("/v1/payments", body, by=shop.staff)
    assert (paid.status_code, paid.get_json()["state"]) == (201, "succeeded"), paid.get_json()
    assert pair.behind.one("SELECT state FROM redemptions WHERE redemption_id = :r", r=UUID(used)) == "committed"


def test_more_stock_and_the_end_of_a_coupon_are_told_to_the_flow(pair: Pair) -> None:
    shop = Shop(pair.front)
    coupon = shop.coupon(stock=1)
    assert shop.asks(coupon_id=str(coupon))().status_code == 201
    assert shop.asks(coupon_id=str(coupon))().get_json()["code"] == "sold-out"
    pair.front.world.run("UPDATE coupons SET quota = 3 WHERE coupon_id = :c", {"c": coupon})
    pair.poll()
    assert shop.asks(coupon_id=str(coupon))().status_code == 201
    over = "UPDATE coupons SET state = 'ended', ended_at = :now WHERE coupon_id = :c"
    pair.front.world.run(over, {"c": coupon, "now": system_clock()})
    pair.poll()
    there = "SELECT c.state FROM coupons c JOIN partner_coupons p USING (city_id, coupon_id) WHERE external_key LIKE :k"
    assert pair.behind.one(there, k=f"%|{coupon}") == "ended"
    assert tuple(pair.front.rows("SELECT ended, quota FROM flow_coupons WHERE coupon_id = :c", c=coupon)[0]) == (
        True,
        3,
    )


def test_refusals_of_the_flow_are_the_same_refusals_here(pair: Pair) -> None:
    shop = Shop(pair.front)
    coupon = str(shop.coupon(stock=1, per_member=1))
    assert shop.asks(coupon_id=coupon)().status_code == 201
    assert shop.asks(coupon_id=coupon)().get_json()["code"] in ("user-limit", "sold-out")
    other = pair.front.post("/v1/claims", {"coupon_id": coupon}, by=(pair.front.member(), "member"))
    assert (other.status_code, other.get_json()["code"]) == (409, "sold-out")
    states = pair.front.rows("SELECT state, refusal FROM flow_intents WHERE coupon_id = :c ORDER BY 1", c=UUID(coupon))
    assert tuple(states[0]) == ("granted", None)
    assert {row[0] for row in states[1:]} == {"refused"}
    wrong = shop.use("123456789010")
    assert wrong.get_json()["code"] in ("code-mistyped", "code-unknown")


def test_our_own_people_reach_what_is_theirs_alone(pair: Pair) -> None:
    shop = Shop(pair.front)
    claim, code = shop.claim()
    used = shop.used(code, mode="hold")
    paid = shop.paid("redemption", used, shop.staff)
    stranger = (pair.front.member(), "member")
    for path in (f"/v1/claims/{claim}", f"/v1/claims/{claim}/code", f"/v1/payments/{paid}"):
        assert pair.front.get(path, by=stranger).status_code == 404, path
    elsewhere = (pair.front.employee("staff", pair.front.merchant, pair.front.places[1:2]), "staff")
    for path in (f"/v1/redemptions/{used}", f"/v1/payments/{paid}"):
        assert pair.front.get(path, by=elsewhere).status_code == 404, path
        assert pair.front.get(path, by=shop.rival).status_code == 404, path
        assert pair.front.get(path, by=shop.staff).status_code == 200, path
    assert shop.use(code, by=shop.rival).status_code == 404


def test_events_are_verified_applied_once_and_by_sequence(pair: Pair) -> None:
    shop = Shop(pair.front)
    claim, _ = shop.claim()
    pair.front.post(f"/v1/claims/{claim}/cancel", {}, by=shop.member)
    granted, cancelled = (event for event in pair.tell() if event["subject"] == claim)
    forged = pair.hook(cancelled, secret=b"f" * 32)
    assert (forged.status_code, forged.get_json()["code"]) == (401, "invalid-signature")
    late = pair.hook(cancelled, **{"webhook-timestamp": "1"})
    assert late.status_code == 401
    assert pair.front.rows("SELECT 1 FROM flow_mirror WHERE subject_id = :s", s=UUID(claim)) == []
    assert [pair.hook(cancelled).status_code for _ in range(2)] == [204, 204]
    assert pair.mirrored(claim) == (2, "cancelled")
    assert pair.hook(granted).status_code == 204  # late: overtaken by a higher sequence
    assert pair.mirrored(claim) == (2, "cancelled")
    assert pair.front.one("SELECT count(*) FROM flow_inbox WHERE event_id = :e", e=cancelled["id"]) == 1
    while pair.poll():
        pass
    assert pair.mirrored(claim) == (2, "cancelled")


def test_an_event_of_a_claim_taken_for_lost_takes_it_up_again(pair: Pair) -> None:
    shop = Shop(pair.front)
    claim, _ = shop.claim()
    pair.front.world.run(
        "UPDATE flow_intents SET state = 'refused', refusal = 'never-arrived', view = NULL WHERE claim_id = :c",
        {"c": UUID(claim)},
    )
    assert pair.front.get(f"/v1/claims/{claim}", by=shop.member).status_code == 404
    granted = next(event for event in pair.tell() if event["subject"] == claim)
    assert pair.hook(granted).status_code == 204
    with pair.front.app.test_request_context("/"):
        assert run_job(pair.flow.resolve_claim(UUID(claim), system_clock())).state == "granted"
    assert pair.front.get(f"/v1/claims/{claim}", by=shop.member).get_json()["state"] == "active"


def test_what_the_flow_would_not_keep_is_refused_before_it_is_asked(pair: Pair) -> None:
    shop = Shop(pair.front)
    shared = shop.coupon(platform_share_bp=5000)
    answer = shop.asks(coupon_id=str(shared))()
    assert (answer.status_code, answer.get_json()["code"]) == (409, "flow-lacks")
    assert pair.behind.one("SELECT count(*) FROM partner_coupons WHERE external_key LIKE :k", k=f"%{shared}") == 0


def test_a_flow_that_lacks_something_is_told_of_and_plain_http_is_for_named_hosts(pair: Pair) -> None:
    assert pair.flow.lacks() == ()
    assert pair.flow.capabilities().group is False
    flow = pair.front.client.get("/v1/flow").get_json()["capabilities"]
    assert (flow["hold"], flow["partner_coupons"]) == (True, False)
    given = {
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:9/none",
        "FUJIN_SECRET_KEY": "tests-sign-with-this-0123456789abcdef",
        "FUJIN_CODE_PEPPER": "tests-hash-with-this-0123456789abcdef",
        "FUJIN_FLOW": "http://127.0.0.1:9",
    }
    with pytest.raises(InvalidSettings, match="FUJIN_FLOW_CLIENT is not set"):
        load_settings(given)
    whole = load_settings(given | {"FUJIN_FLOW_CLIENT": "c", "FUJIN_FLOW_SECRET": secrets.token_hex(8)})
    with pytest.raises(InvalidSettings, match="FUJIN_FLOW_ALLOW"):
        FlowElsewhere(whole, pair.front.app.extensions["fujin"].database)
    with pytest.raises(InvalidSettings, match="whsec_"):
        load_settings(given | {"FUJIN_FLOW_HOOK_SECRET": base64.b64encode(HOOK_SECRET).decode()})


def test_the_command_shows_what_the_flow_can_do_and_what_it_lacks(pair: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    runner = pair.front.app.test_cli_runner()
    whole = runner.invoke(args=["fujin", "flow"])
    found = orjson.loads(whole.output)
    assert (whole.exit_code, found["lacks"], found["hold"]) == (0, [], True)
    monkeypatch.setattr("app.flow.client.flow.NEEDED", ("hold", "teleport"))
    lacking = runner.invoke(args=["fujin", "flow"])
    assert (lacking.exit_code, orjson.loads(lacking.output)["lacks"]) == (1, ["teleport"])

    def silence(*_: Any) -> Reply:
        raise NoAnswer

    client = Client("https://flow.example.org", "c", "s", transport=silence)
    monkeypatch.setattr(pair.flow, "_ask", replace(pair.flow._ask, client=client))
    silent = runner.invoke(args=["fujin", "flow"])
    assert (silent.exit_code, "does not answer" in silent.output + silent.stderr) == (2, True)
    away = pair.front.client.get("/v1/flow")
    assert (away.status_code, away.get_json()["code"]) == (503, "flow-unavailable")


def test_the_embedded_flow_takes_no_events_of_others(pair: Pair) -> None:
    assert pair.behind.client.post("/v1/flow/notify", data=b"{}").status_code == 404
    assert pair.behind.one("SELECT count(*) FROM cities WHERE city_id = :c", c=CITY) == 1
