"""Writes × roles × {own, other's, missing}: done by whom they are for, refused to all others, and nothing changes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.claims.codes import new_code
from app.core.ids import new_city_id, new_id
from tests.factories.digests import loop_contents
from tests.flows import geofence_cases
from tests.flows.access import ROLES, WRITES, admitted, alike, ask
from tests.flows.area_cases import foreign_area_writes, own_area_writes
from tests.flows.coupon_cases import coupon_terms
from tests.flows.made_things import (
    ORDER,
    REFUND,
    Hands,
    Made,
    Spares,
    Tokens,
    make_room,
    make_spares,
    send,
)
from tests.flows.partner_cases import partner_calls

# What is signed in, changed or proven by other means than a role has tests of its own.
ELSEWHERE = {
    *("POST /v1/auth/otp", "POST /v1/auth/token", "DELETE /v1/auth/token", "PATCH /v1/me"),
    *("POST /v1/providers/{provider}/notify", "POST /v1/flow/notify"),
}
DATASET_WRITES: list[tuple[str, Any]] = [
    ("versions?filename=a.geojson&source_name=x&licence=x&attribution=x", b"{}"),
    ("rollback", {"note": "mine"}),
    *((f"versions/1/{step}", body) for step, body in (
        ("approve", {"note": "mine"}), ("activate", {}), ("discard", {}), ("reload", {}),
    )),
]  # fmt: skip
HOOK = {"url": "https://93.184.215.14/written"}
Call = tuple[str, str, Any]  # method, path, body


@pytest.fixture(autouse=True)
def room_made(owner_engine: sa.Engine, made: tuple[Made, Made]) -> Iterator[None]:
    """Room for endpoints and wrong codes, before and after."""
    make_room(owner_engine, *made)
    yield
    make_room(owner_engine, *made)


@pytest.mark.parametrize("operation", sorted(WRITES))
def test_writes_refuse_whoever_may_not_call_them(
    operation: str, document: dict[str, Any], owner_engine: sa.Engine, live_server_url: str, demo_tokens: Tokens
) -> None:
    method, path = operation.split(" ")
    declared = document["paths"][path][method.lower()]
    target = re.sub(r"{\w+}", str(UUID(int=7)), path.replace("{version}", "1"))
    before = loop_contents(owner_engine)
    for name in ROLES:
        token = None if name == "anonymous" else demo_tokens[name]["token"]
        if admitted(declared, name):
            continue
        answer = ask(live_server_url, method, target, token, {} if method != "DELETE" else None)
        assert answer.status == (401 if name == "anonymous" else 403), name
    assert loop_contents(owner_engine) == before


def own_writes(made: Made, spares: Spares, who: str) -> dict[str, Call]:
    """A write of each operation that has to work for a principal, by the operation's label."""
    ids = spares.ids
    payments, refunds = "/v1/payments/{payment_id}", "/v1/payments/{payment_id}/refunds"
    member = who == "member1"
    pay = {"purpose": "claim" if member else "redemption", "purpose_id": ids["pay"], "provider": "test_wallet"}
    payment = made.claim_payment if member else made.payment
    report = {"field": "phone", "value": f"+86 571 {new_id().int % 10**7:07}"}
    calls: dict[str, Call] = {
        "POST /v1/places/{place_id}/reports": ("POST", f"/v1/places/{made.place}/reports", report),
        f"POST {payments}/resolve": ("POST", f"/v1/payments/{payment}/resolve", {}),
        f"POST {payments}/cancel": ("POST", f"/v1/payments/{ids['cancel']}/cancel", {}),
        "POST /v1/payments": ("POST", "/v1/payments", pay | {"method": "online" if member else "user_scans"}),
    }
    if member:
        cancel = f"/v1/claims/{ids['cancel_claim']}/cancel"
        return calls | {
            "POST /v1/claims": ("POST", "/v1/claims", {"coupon_id": made.coupon}),
            "POST /v1/claims/{claim_id}/cancel": ("POST", cancel, {"reason": "changed my mind"}),
            "POST /v1/groups": ("POST", "/v1/groups", {"coupon_id": ids["start"]}),
            "POST /v1/groups/{group_id}/join": (
                *("POST", f"/v1/groups/{ids['join']}/join"),
                {"invite": ids["invite"]},
            ),
            **geofence_cases.member_calls(ids["saved"]),
        }
    use = {"codes": [{"code": spares.codes[0]}], "place_id": made.place, "mode": "redeem", "order": ORDER}
    bodies = {"commit": {}, "void": {}, "reverse": {"reason": "wrong table"}}
    calls |= {
        "POST /v1/codes/lookup": ("POST", "/v1/codes/lookup", {"code": made.used_code, "place_id": made.place}),
        "POST /v1/redemptions": ("POST", "/v1/redemptions", use | {"request_no": f"own-{who}-{new_id()}"}),
        f"POST {refunds}": ("POST", f"/v1/payments/{payment}/refunds", REFUND | {"refund_no": f"{who}-{new_id()}"}),
        **{
            f"POST /v1/redemptions/{{redemption_id}}/{step}": ("POST", f"/v1/redemptions/{ids[step]}/{step}", body)
            for step, body in bodies.items()
        },
    }
    if who == "staff1":
        return calls
    hook, event = "/v1/webhook-endpoints", "/v1/events/{event_id}/redeliver"
    return calls | {
        f"POST {hook}": ("POST", hook, HOOK | {"merchant_id": made.merchant}),
        f"PATCH {hook}/{{endpoint_id}}": ("PATCH", f"{hook}/{made.endpoint}", {"description": who}),
        f"DELETE {hook}/{{endpoint_id}}": ("DELETE", f"{hook}/{ids['delete']}", None),
        **{
            f"POST {hook}/{{endpoint_id}}/{step}": ("POST", f"{hook}/{made.endpoint}/{step}", {})
            for step in ("rotate-secret", "test")
        },
        f"POST {event}": ("POST", f"/v1/events/{made.event}/redeliver", {}),
        **geofence_cases.merchant_calls(made.merchant, made.coupon, made.fence, ids),
        **(own_coupon_writes(made, ids) if who == "owner1" else partner_calls(made.merchant, made.place)),
    }


def own_coupon_writes(made: Made, ids: Mapping[str, str]) -> dict[str, Call]:
    """What an owner does with coupons and areas, in an order in which each works."""
    one, ending = "/v1/coupons/{coupon_id}", f"/v1/coupons/{ids['end_coupon']}"
    fresh, coded = f"/v1/coupons/{ids['publish_coupon']}", f"/v1/coupons/{ids['coded_coupon']}/codes"
    return {
        "POST /v1/coupons": ("POST", "/v1/coupons", coupon_terms(made.merchant)),
        f"PATCH {one}": ("PATCH", fresh, {"quota": 12}),
        f"POST {one}/publish": ("POST", f"{fresh}/publish", {}),
        f"DELETE {one}/draft": ("DELETE", f"/v1/coupons/{ids['discard_coupon']}/draft", None),
        f"PUT {one}/stock": ("PUT", f"{ending}/stock", {"quota": 11}),
        **{f"POST {one}/{step}": ("POST", f"{ending}/{step}", {}) for step in ("pause", "resume", "end")},
        f"POST {one}/codes": ("POST", coded, f"OWN{new_id().hex[20:]}\n".encode()),
        **own_area_writes(ids),
    }


@pytest.mark.parametrize("who", ["member1", "staff1", "owner1", "partner1"])
def test_writes_are_done_by_those_whom_the_document_names(
    who: str,
    document: dict[str, Any],
    made: tuple[Made, Made],
    owner_engine: sa.Engine,
    live_server_url: str,
    demo_tokens: Tokens,
) -> None:
    spares = make_spares(live_server_url, owner_engine, demo_tokens, made[0], who)
    calls = own_writes(made[0], spares, who)
    declared = {label: document["paths"][label.split(" ")[1]][label.split(" ")[0].lower()] for label in WRITES}
    assert set(calls) == {label for label in WRITES - ELSEWHERE if admitted(declared[label], who)}
    for label, (method, path, body) in calls.items():
        status, answer = send(live_server_url, method, path, demo_tokens[who]["token"], body)
        assert status in (200, 201, 202, 204), (label, status, answer)


def foreign_writes(ours: Made, theirs: Made) -> list[tuple[str, Call, Call]]:
    """Who names what is another's, the write that does, and the same with what nobody has."""
    missing, nobody = str(new_city_id(2)), str(new_id())
    wallet = {"provider": "test_wallet", "method": "online"}
    use = {"mode": "redeem", "order": ORDER, "request_no": "foreign"}
    hook = "/v1/webhook-endpoints/{}"
    paths: list[tuple[str, str, str, str, Any]] = [
        *(("owner2", f"/v1/redemptions/{{}}/{step}", ours.redemption, missing, body)
          for step, body in (("commit", {}), ("void", {}), ("reverse", {"reason": "mine"}))),
        *(("owner2", f"/v1/payments/{{}}/{step}", payment, missing, body)
          for payment in (ours.payment, ours.claim_payment)
          for step, body in (("cancel", {}), ("resolve", {}), ("refunds", REFUND | {"refund_no": "x"}))),
        *(("owner2", f"{hook}/{step}", ours.endpoint, nobody, {}) for step in ("rotate-secret", "test")),
        ("owner2", "/v1/events/{}/redeliver", ours.event, missing, {}),
        *(("owner2", f"/v1/coupons/{{}}/{step}", ours.coupon, missing, b"CODE001" if step == "codes" else {})
          for step in ("publish", "pause", "resume", "end", "codes")),
        ("member1", "/v1/claims/{}/cancel", theirs.active_claim, missing, {}),
        *(("member1", "/v1/groups/{}/join", theirs.group, missing, body) for body in ({}, {"invite": ours.invite})),
        *(("member1", f"/v1/payments/{{}}/{step}", payment, missing, {}) for step in ("cancel", "resolve")
          for payment in (theirs.claim_payment, ours.payment)),
        *(("staff1", f"/v1/payments/{{}}/{step}", ours.claim_payment, missing, {}) for step in ("cancel", "resolve")),
    ]  # fmt: skip
    bodies: list[tuple[str, str, str, str, str, Any]] = [
        ("owner2", "/v1/codes/lookup", "place_id", ours.place, missing, {"code": theirs.used_code}),
        ("owner2", "/v1/codes/lookup", "code", ours.used_code, new_code(), {"place_id": theirs.place}),
        ("owner2", "/v1/redemptions", "place_id", ours.place, missing, use | {"codes": [{"code": theirs.used_code}]}),
        ("owner2", "/v1/redemptions", "codes", ours.used_code, new_code(), use | {"place_id": theirs.place}),
        ("owner2", "/v1/payments", "purpose_id", ours.redemption, missing, wallet | {"purpose": "redemption"}),
        ("owner1", "/v1/payments", "purpose_id", ours.paid_claim, missing, wallet | {"purpose": "claim"}),
        ("member1", "/v1/payments", "purpose_id", theirs.paid_claim, missing, wallet | {"purpose": "claim"}),
        ("member1", "/v1/payments", "purpose_id", ours.redemption, missing, wallet | {"purpose": "redemption"}),
        ("owner2", "/v1/webhook-endpoints", "merchant_id", ours.merchant, nobody, HOOK),
        ("owner2", f"/v1/events/{theirs.event}/redeliver", "endpoint_id", ours.endpoint, nobody, {}),
        ("operator2", "/v1/overlays", "place_id", ours.place, missing, {"field": "hide", "value": True, "reason": "x"}),
    ]

    def named(path: str, body: Any, name: str, value: str) -> Call:
        return "POST", path, {**body, name: [{"code": value}] if name == "codes" else value}

    change = {"description": "mine"}
    return [
        *((who, ("POST", path.format(own), body), ("POST", path.format(gone), body))
          for who, path, own, gone, body in paths),
        *((who, named(path, body, name, own), named(path, body, name, gone))
          for who, path, name, own, gone, body in bodies),
        *(("owner2", (method, hook.format(ours.endpoint), body), (method, hook.format(nobody), body))
          for method, body in (("PATCH", change), ("DELETE", None))),
        *((who, (method, f"/v1/coupons/{ours.coupon}{what}", body), (method, f"/v1/coupons/{missing}{what}", body))
          for who, method, what, body in (
              ("owner2", "PATCH", "", {"quota": 1}),
              ("owner2", "DELETE", "/draft", None),
              ("owner2", "PUT", "/stock", {"quota": 1}),
              ("operator2", "PUT", "/platform-terms", {"platform_share_bp": 0}),
          )),
        *(("owner2", *pair) for pair in geofence_cases.foreign_calls(ours.fence, ours.merchant, ours.coupon, nobody)),
        ("owner2", ("POST", "/v1/coupons", coupon_terms(ours.merchant)),
                   ("POST", "/v1/coupons", coupon_terms(nobody))),
        *(("operator2", ("POST", f"/v1/datasets/hangzhou/places/{what}", body),
                        ("POST", f"/v1/datasets/atlantis/places/{what}", body))
          for what, body in DATASET_WRITES),
        *foreign_area_writes(ours.place, ours.area, ours.merchant),
    ]  # fmt: skip


def test_another_ones_things_named_in_a_write_are_as_good_as_missing_and_nothing_changes(
    made: tuple[Made, Made], owner_engine: sa.Engine, live_server_url: str, demo_tokens: Tokens
) -> None:
    before = loop_contents(owner_engine)
    for who, foreign, gone in foreign_writes(*made):
        answers = [
            send(live_server_url, method, path, demo_tokens[who]["token"], body)
            for method, path, body in (foreign, gone)
        ]
        assert [status for status, _ in answers] == [404, 404], (who, foreign, answers)
        assert alike(answers[0][1], answers[1][1]), (who, foreign, answers)
    assert loop_contents(owner_engine) == before


def test_a_draft_of_another_merchant_is_as_good_as_no_coupon(
    owner_engine: sa.Engine, live_server_url: str, demo_tokens: Tokens
) -> None:
    draft = "SELECT coupon_id FROM coupons WHERE city_id = 2 AND state = 'draft' LIMIT 1"
    with owner_engine.connect() as conn:
        coupon = str(conn.execute(sa.text(draft)).scalar_one())
    before = loop_contents(owner_engine)
    token = demo_tokens["member1"]["token"]
    answers = [
        send(live_server_url, "POST", "/v1/claims", token, {"coupon_id": each})
        for each in (coupon, str(new_city_id(2)))
    ]
    assert [status for status, _ in answers] == [404, 404]
    assert alike(answers[0][1], answers[1][1])
    assert loop_contents(owner_engine) == before


def test_staff_reach_nothing_at_their_merchants_other_places(
    made: tuple[Made, Made], owner_engine: sa.Engine, live_server_url: str, demo_tokens: Tokens
) -> None:
    """What the owner did elsewhere is there for the owner, and for staff of another place as good as missing."""
    ours, hands = made[0], Hands(live_server_url, demo_tokens)
    run = "SELECT place_id FROM place_operators WHERE city_id = 2 AND merchant_id = :merchant ORDER BY 1"
    with owner_engine.connect() as conn:
        places = [str(row[0]) for row in conn.execute(sa.text(run), {"merchant": ours.merchant})]
    elsewhere = next(each for each in places if each not in demo_tokens["staff1"]["place_ids"])
    spares = make_spares(live_server_url, owner_engine, demo_tokens, ours, "owner1", place=elsewhere)
    redemption, _ = hands.use("owner1", elsewhere, spares.codes[0])
    payment = hands.pay("owner1", "redemption", redemption)
    token, missing = demo_tokens["staff1"]["token"], str(new_city_id(2))
    use = {"codes": [{"code": spares.codes[1]}], "mode": "redeem", "order": ORDER, "request_no": "elsewhere"}
    tried: list[tuple[Call, Call]] = [
        (("GET", f"/v1/redemptions/{redemption}", None), ("GET", f"/v1/redemptions/{missing}", None)),
        (("GET", f"/v1/payments/{payment}", None), ("GET", f"/v1/payments/{missing}", None)),
        (
            ("POST", f"/v1/redemptions/{redemption}/reverse", {"reason": "x"}),
            ("POST", f"/v1/redemptions/{missing}/reverse", {"reason": "x"}),
        ),
        (
            ("POST", f"/v1/payments/{payment}/refunds", REFUND),
            ("POST", f"/v1/payments/{missing}/refunds", REFUND),
        ),
        (
            ("POST", "/v1/codes/lookup", {"code": spares.codes[1], "place_id": elsewhere}),
            ("POST", "/v1/codes/lookup", {"code": spares.codes[1], "place_id": missing}),
        ),
        (
            ("POST", "/v1/redemptions", use | {"place_id": elsewhere}),
            ("POST", "/v1/redemptions", use | {"place_id": missing}),
        ),
    ]
    before = loop_contents(owner_engine)
    for there, nowhere in tried:
        (status, found), (_, nothing) = (
            send(live_server_url, each[0], each[1], token, each[2]) for each in (there, nowhere)
        )
        assert (status, alike(found, nothing)) == (404, True), there
    assert loop_contents(owner_engine) == before
