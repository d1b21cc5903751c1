"""One copy is the flow of another: whatever is killed or lost between them, the books of both agree in the end."""

from __future__ import annotations

import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.core.settings import Settings
from tests.conftest import MakeDatabase
from tests.faults.two_copies import Copies, cuts, disagreements, two_copies

pytestmark = pytest.mark.timeout(300)  # seven kills, each with a start; a busy machine starts servers slowly
ORDER = {"gross_minor": 5000, "currency": "CNY"}


@pytest.fixture(scope="module")
def copies(
    make_database: MakeDatabase,
    migrated_template: str,
    settings_for: Callable[[str], Settings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Copies]:
    """A copy in front and the copy that is its flow."""
    folder: Path = tmp_path_factory.mktemp("copies")
    with two_copies(make_database, migrated_template, settings_for, folder, seed=20261126) as found:
        yield found


def walk(copies: Copies, after: Callable[[str], None]) -> dict[str, Any]:
    """The whole loop by the copy in front; ``after`` is told each step that was taken."""
    front = copies.front.loop
    member, staff = (front.member(), "member"), (front.employee("staff", front.merchant, front.places[:2]), "staff")
    coupon = front.coupon(min_spend_minor=0, face_value_minor=1000, per_member=5, stock=20)
    place = str(front.places[0])
    after("begin")
    status, claim = copies.ask("POST", "/v1/claims", member, {"coupon_id": str(coupon)})
    assert status == 201, claim
    after("claimed")
    _, code = copies.ask("GET", f"/v1/claims/{claim['claim_id']}/code", member)
    digits = code["human_code"].replace(" ", "")
    body = {"code": digits, "place_id": place, "order": ORDER}
    status, seen = copies.ask("POST", "/v1/codes/lookup", staff, body)
    assert (status, seen["usable"], seen["coupon_id"]) == (200, True, str(coupon)), seen
    body = {"codes": [{"code": digits}], "place_id": place, "order": ORDER, "mode": "hold"}
    status, held = copies.ask("POST", "/v1/redemptions", staff, body | {"request_no": f"r-{claim['claim_id']}"})
    assert (status, held["state"]) == (201, "held"), held
    after("held")
    pay = {"purpose": "redemption", "purpose_id": held["redemption_id"], "provider": "test_wallet"}
    status, paid = copies.ask("POST", "/v1/payments", staff, pay | {"method": "user_scans"})
    assert status == 201, paid
    after("paid")
    path = f"/v1/redemptions/{held['redemption_id']}"
    copies.wait(lambda: copies.ask("GET", path, staff)[1]["state"] == "committed", "the commit")
    status, back = copies.ask("POST", f"{path}/reverse", staff, {"reason": "wrong table"})
    assert status == 200, back
    copies.wait(lambda: copies.ask("GET", path, staff)[1]["state"] == "reversed", "the reversal")
    after("reversed")
    status, gone = copies.ask("POST", f"/v1/claims/{claim['claim_id']}/cancel", member, {})
    assert (status, gone["state"]) == (200, "cancelled"), gone
    after("cancelled")
    status, other = copies.ask("POST", "/v1/claims", member, {"coupon_id": str(coupon)})
    assert status == 201, other
    status, wallet = copies.ask("GET", "/v1/claims", member)
    assert [item["claim_id"] for item in wallet["items"]] == [other["claim_id"], claim["claim_id"]]
    return {"coupon": coupon, "payment": paid["payment_id"], "claims": [claim["claim_id"], other["claim_id"]]}


def agree(copies: Copies) -> None:
    """Both books say the same once everything is quiet; every success that was told in front has its row behind."""
    copies.wait(lambda: not disagreements(copies), f"agreement: {disagreements(copies)}")
    behind = copies.behind.loop
    for what, status, body in copies.sent:
        if what == "POST /v1/claims" and status == 201:
            assert behind.one("SELECT count(*) FROM claims WHERE claim_id = :id", id=UUID(body["claim_id"])) == 1


def test_a_loop_through_a_network_that_cuts_and_kills_at_each_step_ends_in_agreement(copies: Copies) -> None:
    copies.network.cuts = cuts(0.15)
    turns = iter(
        ["front web", "behind web", "behind worker", "front worker", "behind web", "front web", "front worker"]
    )

    def after(step: str) -> None:
        name, what = next(turns, "behind worker").split()
        side = copies.front if name == "front" else copies.behind
        side.kill(what)
        side.start(what)

    found = walk(copies, after)
    copies.network.cuts = ()
    agree(copies)
    behind = copies.behind.loop
    assert behind.one("SELECT count(*) FROM claims") == 2
    assert behind.rows("SELECT state, captured_minor = refunded_minor FROM payments") == [("succeeded", True)]
    taken = copies.front.loop.one("SELECT sum(taken) FROM coupon_stock WHERE coupon_id = :c", c=found["coupon"])
    assert taken == 1


def test_a_claim_whose_answer_is_lost_for_good_is_found_by_its_id(copies: Copies) -> None:
    front = copies.front.loop
    coupon, member = front.coupon(min_spend_minor=0, face_value_minor=500, per_member=5, stock=20), front.member()
    first = copies.ask("POST", "/v1/claims", (front.member(), "member"), {"coupon_id": str(coupon)})
    assert first[0] == 201, first  # the coupon stands at the flow from here on
    copies.network.answers_lost = True
    call = urllib.request.Request(
        f"{copies.front.web.address}/v1/claims",
        data=f'{{"coupon_id": "{coupon}"}}'.encode(),
        headers={
            "Authorization": f"Bearer {front.token(member, 'member')}",
            "Idempotency-Key": "lost-for-good",
            "Content-Type": "application/json",
        },
    )
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(call, timeout=20)
    with refused.value as answer:
        assert answer.code == 503
    state = "SELECT state FROM flow_intents WHERE member_id = :m"
    assert front.one(state, m=member) == "unknown"
    copies.network.answers_lost = False
    copies.network.reset()
    # nobody asks again: the job does, by the id
    front.world.run("UPDATE jobs SET run_at = :now WHERE kind = 'claim.resolve' AND state = 'due'", {"now": front.now})
    copies.wait(lambda: front.one(state, m=member) == "granted", "the end of a claim in doubt")
    agree(copies)


def test_a_flow_that_is_away_is_told_as_such_and_nothing_is_written(copies: Copies) -> None:
    front = copies.front.loop
    member = (front.member(), "member")
    copies.network.vanish()
    try:
        status, body = copies.ask("GET", "/v1/claims", member)
        assert (status, body["items"]) == (200, [])  # the wallet is answered from what is known here
    finally:
        copies.network.listen()
    agree(copies)
