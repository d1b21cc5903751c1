"""The catalogue of events: served, shown, valid, and what every event that the code writes keeps to."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from flask import Flask
from jsonschema import Draft202012Validator

from app.core.clock import system_clock
from app.core.db import Database
from app.core.settings import Settings
from app.coupons.actions import tell_sold_out
from app.flow.catalogue import CATALOGUE, index, page
from app.fraud.actions import look
from app.http.steps import run_job
from app.outbox.relay import relay_once
from app.payments.types import RefundRefused
from app.settlements import actions
from tests.conftest import ROOT
from tests.factories.described import faults_of, stored_faults
from tests.factories.desks import Desk
from tests.factories.drawers import Drawer
from tests.factories.loops import CITY, LAT, LON, Loop
from tests.factories.paying import PRICE, Paying, Scripted, compose
from tests.factories.shops import Shop

# What the contract promises by name; a type that goes is a breach.
PROMISED = {
    f"fujin.{thing}.{what}.v1"
    for thing, all_of_it in {
        "coupon": "published paused resumed ended stock_changed sold_out",
        "claim": "granted activated redeemed released cancelled expired refunded",
        "redemption": "held committed voided reversed",
        "payment": "pending unknown succeeded failed cancelled stray",
        "refund": "requested succeeded failed",
        "settlement": "closed paid",
        "group": "joined succeeded failed closed",
        "fraud": "flagged",
        "geofence": "entered dwelled exited crossed",
        "webhook": "test",
        "service_area": "submitted published withdrawn rejected archived",
    }.items()
    for what in all_of_it.split()
}


@pytest.fixture
def scripted(app: Flask, loop: Loop, app_settings: Settings, database: Database) -> tuple[Paying, Scripted]:
    """The money side with a provider whose answers about refunds are given beforehand."""
    made: list[Scripted] = []

    def wrap(provider: Any) -> Scripted:
        made.append(Scripted(provider))
        return made[-1]

    return compose(app, loop, app_settings, database, wrap), made[0]


def test_every_type_that_is_written_is_described_and_every_described_type_is_written(
    scripted: tuple[Paying, Scripted],
) -> None:
    paying, provider = scripted
    loop = paying.loop
    _claims(loop)
    _payments(paying, provider)
    _settlements(loop)
    _groups(loop)
    _abuse(paying)
    _endpoint(loop)
    _coupons(loop)
    _areas(loop)
    _fences(loop)
    written, faults = stored_faults(loop.engine)
    assert faults == []
    assert written == set(CATALOGUE)


def _claims(loop: Loop) -> None:
    """A claim in each of its states, and a redemption in each of its own."""
    shop = Shop(loop)
    claim, code = shop.claim()
    used = shop.used(code)
    assert shop.step(used, "reverse", reason="wrong table")().status_code == 200
    held = shop.used(code, mode="hold")
    assert shop.step(held, "void")().status_code == 200
    assert shop.step(shop.used(code, mode="hold"), "commit")().status_code == 200
    given_back, _ = shop.claim()
    assert loop.post(f"/v1/claims/{given_back}/cancel", {}, by=shop.member).status_code == 200
    late = loop.claim(shop.coupon(price_minor=800, list_price_minor=1000), shop.member[0])["claim_id"]
    shop.write("UPDATE claims SET pay_until = :now WHERE claim_id = :c", now=loop.now, c=late)
    over, _ = shop.claim()
    shop.expire(over)
    _sweep(loop)
    states = dict(loop.rows("SELECT claim_id::text, state FROM claims"))
    assert [states[each] for each in (claim, given_back, late, over)] == [
        *("redeemed", "cancelled", "released", "expired")
    ]


def _fences(loop: Loop) -> None:
    """Somebody comes, stays, leaves, and drives through."""
    owner, member = (loop.employee("owner", loop.merchant), "owner"), (loop.member(), "member")
    circle = {"center": {"lon": LON, "lat": LAT}, "radius_m": 200}
    fence = {"external_id": "door", "name": "Door", "circle": circle, "dwell_s": [60]}
    assert loop.post("/v1/geofences", fence, by=owner).status_code == 201
    headers = {"Authorization": f"Bearer {loop.token(*member)}"}
    chosen = loop.client.put("/v1/me/location", json={"positions": True, "offers": False}, headers=headers)
    assert chosen.status_code == 200
    spots = ((400, 0.0), (300, 0.01), (200, -0.01))  # in it, east of it, west of it
    fixes = [
        {"at": (loop.now - timedelta(seconds=ago)).isoformat(), "lon": LON + east, "lat": LAT, "accuracy_m": 5}
        for ago, east in spots
    ]
    assert loop.post("/v1/positions", {"fixes": fixes}, by=member).get_json()["events"] == 4


def _sweep(loop: Loop) -> None:
    with loop.app.test_request_context("/"):
        flow = loop.app.extensions["fujin_flow"]
        for plan in flow.due_work(CITY, loop.now + timedelta(seconds=1)):
            run_job(plan)


def _payments(paying: Paying, provider: Scripted) -> None:
    """A payment in each of its states, and refunds that are asked for, fail and succeed."""
    paid, _, _ = paying.paid_claim()
    declined, claim_id, _ = paying.paid_claim(outcome="decline", notices=1)
    paying.release(claim_id)
    assert paying.wallet.tell(declined["trade_no"], "pay")
    paying.send_notices()
    assert paying.payment(declined["payment_id"]).state == "stray"
    waiting, _, member = paying.paid_claim(outcome="wait")
    answer = paying.loop.post(f"/v1/payments/{waiting['payment_id']}/cancel", {}, by=(member, "member"))
    assert answer.get_json()["state"] == "cancelled"
    silent, _, _ = paying.paid_claim(lost_answers=1)
    assert silent["state"] == "unknown"
    provider.refunds = [RefundRefused("the card is gone")]
    owner = (paying.loop.employee("owner", paying.loop.merchant), "owner")
    body = {"refund_no": "r", "amount": {"amount_minor": PRICE, "currency": "CNY"}, "reason": "cold"}
    path = f"/v1/payments/{paid['payment_id']}/refunds"
    assert paying.loop.post(path, body, by=owner).get_json()["state"] == "failed"
    assert paying.loop.post(path, body, by=owner).get_json()["state"] == "succeeded"


def _settlements(loop: Loop) -> None:
    """A statement that is closed and paid."""
    shop, later = Shop(loop), loop.now + timedelta(hours=2)
    _, code = shop.claim(platform_share_bp=5000)
    shop.used(code)
    with loop.engine.begin() as conn:
        draft = actions.draft(conn, CITY, loop.merchant, "CNY", later, later)
        closed = actions.close(conn, draft.settlement_id, 0, later)
        assert actions.pay(conn, closed.settlement_id, "bank-1", later).state == "paid"


def _groups(loop: Loop) -> None:
    """A deal that is made, and one whose deadline came first; neither costs anything."""
    terms = {"group_price_minor": 0, "group_target": 2, "group_seats": 2, "group_deadline_s": 600}
    made, late = (str(loop.coupon(**terms)) for _ in range(2))
    first, second = ((member, "member") for member in loop.members(2))
    group = loop.post("/v1/groups", {"coupon_id": made}, by=first).get_json()
    joined = loop.post(f"/v1/groups/{group['group_id']}/join", {"invite": group["invite"]}, by=second)
    assert joined.get_json()["state"] == "succeeded"
    lonely = loop.post("/v1/groups", {"coupon_id": late}, by=first).get_json()
    loop.world.run("UPDATE deal_groups SET deadline = :now WHERE state = 'open'", {"now": loop.now})
    _sweep(loop)
    assert loop.one("SELECT state FROM deal_groups WHERE group_id = :g", g=lonely["group_id"]) == "closed"


def _abuse(paying: Paying) -> None:
    """A code that is used at once, five kilometres from where it was claimed."""
    loop, shop = paying.loop, Shop(paying.loop)
    coupon = str(shop.coupon(claim_within_m=50_000))
    fix = {"lat": LAT + 0.05, "lon": LON, "accuracy_m": 20, "at": loop.now.isoformat()}
    claim = loop.claim(UUID(coupon), shop.member[0], location=fix)["claim_id"]
    shop.used(loop.code(claim, shop.member[0]))
    with paying.database.write() as conn:
        assert look(conn, CITY, paying.settings, loop.now) == 1
        conn.commit()


def _coupons(loop: Loop) -> None:
    """A coupon that is published, sold out, given more of, paused, resumed and ended."""
    desk = Desk(loop)
    coupon = desk.published(quota=1)
    assert desk.claims(coupon).status_code == 201
    with loop.engine.begin() as conn:
        assert tell_sold_out(conn, UUID(coupon["coupon_id"]), loop.now)
    for what, body in (("stock", {"quota": 2}), ("pause", {}), ("resume", {}), ("end", {})):
        coupon = desk.done(coupon, what, body)


def _areas(loop: Loop) -> None:
    """An area that an operator rejects and then lets pass, one that was to begin later and does not, and its end."""
    drawer = Drawer(loop, bounded=False)
    plan = f"/v1/merchants/{loop.merchant}/service-area-plan"
    wanted = {"max_area_km2": 1000, "review": True}
    assert drawer.send("PUT", plan, wanted, by=drawer.operator).status_code == 200
    area = drawer.acted(drawer.drawn("told"), "publish")
    area = drawer.acted(area, "reject", {"note": "draw it anew"}, by=drawer.operator)
    area = drawer.acted(drawer.acted(area, "publish"), "approve", by=drawer.operator)
    tomorrow = {"from": (system_clock() + timedelta(days=1)).isoformat(), "until": None}
    later = drawer.acted(drawer.drawn("told", etag=area["etag"], effective=tomorrow), "publish")
    later = drawer.acted(later, "approve", by=drawer.operator)
    assert (later["published"]["version"], later["scheduled"]["version"], later["waiting"]) == (1, 2, None)
    assert drawer.ends(later, "/draft").status_code == 204
    area = drawer.area("told")
    assert (area["published"]["version"], area["scheduled"]) == (1, None)
    assert area["published"]["effective"]["until"] is None
    assert drawer.ends(area).status_code == 204


def _endpoint(loop: Loop) -> None:
    owner = (loop.employee("owner", loop.merchant), "owner")
    body = {"merchant_id": str(loop.merchant), "url": "https://93.184.215.14/hook"}
    made = loop.post("/v1/webhook-endpoints", body, by=owner)
    assert made.status_code == 201, made.get_json()
    path = f"/v1/webhook-endpoints/{made.get_json()['endpoint_id']}/test"
    assert loop.post(path, {}, by=owner).status_code == 202


def test_the_promised_types_are_there() -> None:
    assert set(CATALOGUE) >= PROMISED


def test_schemas_are_valid_and_stand_where_events_say(loop: Loop, database: Database, app_settings: Settings) -> None:
    shop = Shop(loop)
    shop.claim()
    relay_once(database, lambda: loop.now, "test")
    event = loop.get("/v1/events", by=shop.owner).get_json()["items"][0]
    assert event["dataschema"] == f"{app_settings.public_url}/schemas/events/fujin.claim.granted.v1.json"
    items = loop.client.get("/schemas/events").get_json()["items"]
    assert items == index(app_settings.public_url)
    assert loop.client.get("/v1/flow").get_json()["events"]["types"] == [item["type"] for item in items]
    for item in items:
        answer = loop.client.get(item["dataschema"].removeprefix(app_settings.public_url))
        assert (answer.status_code, answer.mimetype) == (200, "application/schema+json")
        schema = answer.get_json()
        assert (schema["$id"], schema["title"]) == (item["dataschema"], item["type"])
        Draft202012Validator.check_schema(schema)
        for name in schema["required"]:
            assert name in schema["properties"], item["type"]
        # receivers that validate with the served schema accept a member that was added later
        assert "additionalProperties" not in schema
    granted = loop.client.get("/schemas/events/fujin.claim.granted.v1.json").get_json()
    Draft202012Validator(granted).validate(event["data"] | {"added_later": 1})


@pytest.mark.parametrize("name", ["fujin.claim.granted.v1", "fujin.claim.granted.v9.json", "x.json", ".json"])
def test_there_is_no_schema_of_a_type_that_is_not_told(loop: Loop, name: str) -> None:
    answer = loop.client.get(f"/schemas/events/{name}")
    assert (answer.status_code, answer.get_json()["code"]) == (404, "not-found")


def test_an_undescribed_event_is_found_out() -> None:
    """The check itself: each way to break a schema is told."""
    subject = str(UUID(int=5))
    good: dict[str, Any] = {
        "claim_id": subject,
        "coupon_id": str(UUID(int=6)),
        "coupon_version": 1,
        "merchant_id": str(UUID(int=7)),
        "occurred_at": "2026-11-22T09:30:00+00:00",
        "state": "cancelled",
        "reason": secrets.token_hex(3),
        "stock_returned": True,
    }
    kind = "fujin.claim.cancelled.v1"
    assert faults_of(kind, subject, good) == []
    for broken in (
        good | {"code": "123456789012"},
        good | {"occurred_at": "yesterday"},
        good | {"claim_id": "1"},
        good | {"state": "active"},
        {name: value for name, value in good.items() if name != "reason"},
    ):
        assert len(faults_of(kind, subject, broken)) >= 1, broken
    assert faults_of(kind, str(UUID(int=8)), good)
    assert faults_of("fujin.claim.vanished.v1", subject, good)


def test_the_page_of_events_is_current() -> None:
    assert (ROOT / "docs" / "events.md").read_text() == page(), "write it anew: fujin event-types > docs/events.md"
