"""What merchants see of the ledger over HTTP: their own lines, signed from their side, in pages."""

from __future__ import annotations

from uuid import UUID

import pytest

from app.core.ids import new_city_id, new_id
from app.core.money import Money
from app.ledger import actions
from app.ledger.types import UnitSplit
from tests.factories.loops import CITY, Loop

Line = dict[str, object]


def sell(loop: Loop, merchant: UUID, amount: int, city_id: int = CITY) -> tuple[UUID, UUID]:
    """An order paid through a provider, whose coupon the platform funds by 500 and takes 100 for."""
    payment_id, unit_id = new_city_id(city_id), new_city_id(city_id)
    split = UnitSplit(unit_id, new_city_id(city_id), 500, 0, 100, False, None)
    with loop.engine.begin() as conn:
        actions.post_capture(
            conn, city_id, payment_id=payment_id, purpose="redemption", merchant_id=merchant,
            money=Money(amount, "CNY"), fee_minor=20, provider="test_wallet", now=loop.now,
        )  # fmt: skip
        actions.post_committed(conn, city_id, merchant, "CNY", [split], loop.now)
    return payment_id, unit_id


def test_owner_sees_the_own_lines_signed_from_the_own_side(loop: Loop) -> None:
    payment_id, unit_id = sell(loop, loop.merchant, 4000)
    sell(loop, loop.rival, 9999)
    owner = loop.employee("owner", loop.merchant)
    answer = loop.get("/v1/ledger", by=(owner, "owner"))
    body = answer.get_json()
    assert (answer.status_code, answer.headers["Cache-Control"]) == (200, "no-store")
    shown = {line["kind"]: (line["amount"], line["event"]) for line in body["items"]}
    assert shown == {
        "capture": ({"amount_minor": 4000, "currency": "CNY"}, {"type": "payment", "id": str(payment_id)}),
        "platform_promo": ({"amount_minor": 500, "currency": "CNY"}, {"type": "redemption_unit", "id": str(unit_id)}),
        "commission": ({"amount_minor": -100, "currency": "CNY"}, {"type": "redemption_unit", "id": str(unit_id)}),
    }
    assert {(line["merchant_id"], line["city_id"]) for line in body["items"]} == {(str(loop.merchant), CITY)}
    assert body["total"] == {"value": 3, "relation": "eq"}
    assert body["applied"] == {"merchant_id": None, "limit": 20}


def test_lines_of_several_cities_come_newest_first_in_pages_that_miss_and_repeat_none(loop: Loop) -> None:
    loop.world.city(3, "there")
    for city_id in (CITY, 3, CITY):
        sell(loop, loop.merchant, 4000, city_id)
    owner, seen, cursor = loop.employee("owner", loop.merchant), [], ""
    while True:
        body = loop.get(f"/v1/ledger?limit=4{cursor}", by=(owner, "owner")).get_json()
        seen += [line["transfer_id"] for line in body["items"]]
        if body["next_cursor"] is None:
            break
        cursor = f"&cursor={body['next_cursor']}"
    assert len(seen) == len(set(seen)) == body["total"]["value"] == 9
    assert seen == sorted(seen, reverse=True)
    other = loop.employee("owner", loop.rival)
    stolen = loop.get(f"/v1/ledger?limit=4{cursor}", by=(other, "owner"))
    assert (stolen.status_code, stolen.get_json()["code"]) == (400, "invalid-cursor")


def test_another_merchant_answers_like_a_missing_one(loop: Loop) -> None:
    sell(loop, loop.rival, 4000)
    owner = loop.employee("owner", loop.merchant)
    foreign, missing = (
        loop.get(f"/v1/ledger?merchant_id={some}", by=(owner, "owner")) for some in (loop.rival, new_id())
    )
    assert foreign.status_code == missing.status_code == 404
    assert {**foreign.get_json(), "request_id": ""} == {**missing.get_json(), "request_id": ""}
    own = loop.get(f"/v1/ledger?merchant_id={loop.merchant}", by=(owner, "owner"))
    assert own.get_json()["items"] == []


def test_partner_sees_its_merchants_and_members_and_staff_see_nothing(loop: Loop) -> None:
    sell(loop, loop.merchant, 4000)
    loop.world.run(
        "INSERT INTO api_clients (client_id, secret_hash, name, scopes, merchant_ids, enabled, created_at)"
        " VALUES ('shop', '\\x00', 'Shop', '{}', ARRAY[CAST(:merchant AS uuid)], true, :now)",
        {"merchant": loop.merchant, "now": loop.now},
    )
    shown = loop.get("/v1/ledger", by=("shop", "partner"))  # type: ignore[arg-type]
    assert len(shown.get_json()["items"]) == 3
    staff = loop.employee("staff", loop.merchant, loop.places[:1])
    for who, role in ((loop.member(), "member"), (staff, "staff")):
        assert loop.get("/v1/ledger", by=(who, role)).status_code == 403
    assert loop.client.get("/v1/ledger").status_code == 401


def test_total_above_what_is_counted_is_a_lower_bound(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.settlements.routes._COUNTED", 2)
    sell(loop, loop.merchant, 4000)
    owner = loop.employee("owner", loop.merchant)
    assert loop.get("/v1/ledger", by=(owner, "owner")).get_json()["total"] == {"value": 2, "relation": "gte"}
