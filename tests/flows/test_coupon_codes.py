"""Codes that merchants bring: uploaded, refused row by row, handed out once, redeemed at the till."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import MakeDatabase
from tests.factories.desks import Desk, Json, code_of, fault_of
from tests.factories.loops import plant_loop


@pytest.fixture(scope="module")
def desk(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Desk]:
    """One world for the whole file, sound at its end."""
    url = make_database(migrated_template)
    settings = settings_for(url)
    engine, opened = sa.create_engine(url), open_database(settings)
    yield Desk(plant_loop(create_app(settings, database=opened), engine))
    with engine.connect() as conn:
        results = audit_data(conn, system_clock(), allow_unsafe=True)
    opened.dispose()
    engine.dispose()
    assert {each.rule: each.violations[:2] for each in results if each.violations} == {}


def brought(desk: Desk, *codes: str, **given: object) -> Json:
    """A published coupon with codes of the merchant's own."""
    draft = desk.draft(code_source="merchant", **given)
    assert desk.uploads(draft, "\n".join(codes)).status_code == 200
    return desk.done(draft, "publish")


def test_a_brought_code_is_handed_out_shown_and_redeemed_however_it_is_typed(desk: Desk) -> None:
    coupon = brought(desk, "spring-2027 a", "SPRING-2027 B")
    assert coupon["codes"] == {"uploaded": 2, "left": 2}
    assert coupon["stock"] == {"quota": 100, "taken": 0, "left": 2, "bounded_by": "codes"}
    claim_id, first = desk.claimed(coupon)
    _, second = desk.claimed(coupon)
    assert {first, second} == {"spring-2027 a", "SPRING-2027 B"}
    assert code_of(desk.claims(coupon)) == (409, "sold-out")
    listed = desk.loop.get(f"/v1/claims/{claim_id}", by=desk.member).get_json()
    assert listed["code_tail"] == first.upper().replace(" ", "").replace("-", "")[-4:]
    lookup = desk.loop.post("/v1/codes/lookup", {"code": "Spring 2027-a", "place_id": desk.place}, by=desk.staff)
    assert (lookup.status_code, lookup.get_json()["coupon_id"]) == (200, coupon["coupon_id"])
    redeemed = desk.use(first.swapcase())
    assert redeemed.status_code == 201, redeemed.get_json()
    assert code_of(desk.use(first)) == (409, "already-redeemed")
    wrong = desk.use("SPRING-2027 C")
    assert code_of(wrong) == (404, "code-unknown")
    assert desk.loop.one("SELECT sum(wrong_count) FROM wrong_codes WHERE terminal = '*'") == 1
    more = desk.uploads(coupon, "SPRING-2027-C\n").get_json()
    assert (more["accepted"], more["stock"]["left"]) == (1, 1)
    assert desk.claims(coupon).status_code == 201


def test_rows_that_give_no_code_are_told_with_line_and_reason_and_the_others_are_kept(desk: Desk) -> None:
    draft = desk.draft(code_source="merchant")
    text = (
        "\ufeffname;Code\nAnna;WINTER01\n\nBen;winter-01\nCem;AB1\nGus;400638133393\nDan;WINTER/02\nEve\nFay;WINTER§3"
    )
    found = desk.uploads(draft, text.encode()).get_json()
    assert (found["accepted"], found["refused_count"], found["codes"]) == (2, 5, {"uploaded": 2, "left": 2})
    assert found["refused"] == [
        {"line": 4, "reason": "this code stands in row 2 already"},
        {"line": 5, "reason": "a code has 6 to 32 letters and digits, this one has 3"},
        {"line": 6, "reason": "more than 11 digits without a letter are taken for a code of the platform"},
        {"line": 8, "reason": "the row ends before the column of the codes"},
        {"line": 9, "reason": "a code has letters A to Z and digits only"},
    ]
    other = desk.draft(code_source="merchant")
    again = desk.uploads(other, b"WINTER02\nWINTER03\n\xff\xfe99999\n").get_json()
    assert (again["accepted"], [each["line"] for each in again["refused"]]) == (1, [1, 3])
    assert "another coupon of yours" in again["refused"][0]["reason"]
    assert again["refused"][1]["reason"] == "the row is not UTF-8"


def test_the_same_key_answers_with_the_same_report_and_a_look_keeps_nothing(desk: Desk) -> None:
    draft = desk.draft(code_source="merchant")
    looked = desk.uploads(draft, "AUTUMN01\n", query="?check_only=true").get_json()
    assert (looked["accepted"], looked["check_only"], looked["codes"]["uploaded"]) == (1, True, 1)
    assert desk.seen(draft)["codes"] == {"uploaded": 0, "left": 0}
    first = desk.uploads(draft, "AUTUMN01\n", key="upload-1")
    again = desk.uploads(draft, "AUTUMN01\n", key="upload-1")
    assert (first.get_json()["accepted"], again.get_json()) == (1, first.get_json())
    assert code_of(desk.uploads(draft, "AUTUMN02\n", key="upload-1")) == (422, "idempotency-key-mismatch")


def test_files_that_are_no_list_of_codes_are_refused_whole(desk: Desk) -> None:
    draft = desk.draft(code_source="merchant")
    assert fault_of(desk.uploads(draft, "one,two\nABCDEF,GHIJKL\n")) == (422, [""])
    headers = {"Authorization": f"Bearer {desk.loop.token(*desk.owner)}", "Idempotency-Key": "x1"}
    path = f"/v1/coupons/{draft['coupon_id']}/codes"
    assert code_of(desk.loop.client.post(path, json={}, headers=headers)) == (415, "unsupported-media-type")
    assert code_of(desk.uploads(draft, b"A" * 8_000_001)) == (413, "body-too-large")
    assert code_of(desk.uploads(desk.draft(), "ABCDEF1\n")) == (409, "codes-are-generated")
    assert desk.seen(draft)["codes"]["uploaded"] == 0


def test_two_merchants_may_bring_the_same_code_and_each_redeems_its_own(desk: Desk) -> None:
    ours = brought(desk, "SAMECODE7")
    theirs = desk.send("POST", "/v1/coupons", desk.terms(code_source="merchant"), by=desk.rival).get_json()
    assert desk.uploads(theirs, "samecode7", by=desk.rival).get_json()["accepted"] == 1
    _, code = desk.claimed(ours)
    foreign = desk.use(code, by=desk.rival, place_id=str(desk.loop.rival_place))
    assert code_of(foreign) == (404, "code-unknown")
    assert desk.use(code).status_code == 201


def test_eight_claims_at_once_get_eight_codes_of_eight(desk: Desk) -> None:
    coupon = brought(desk, *(f"CROWD{n:04}" for n in range(8)))
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda who: desk.claims(coupon, (who, "member")), desk.loop.members(8)))
    assert [each.status_code for each in answers] == [201] * 8
    used = "SELECT count(DISTINCT claim_id) FROM coupon_codes WHERE coupon_id = :c"
    assert desk.loop.one(used, c=coupon["coupon_id"]) == 8


def test_a_code_that_somebody_has_seen_is_never_handed_out_again(desk: Desk) -> None:
    coupon = brought(desk, "ONLYONE1")
    claim_id, code = desk.claimed(coupon)
    assert desk.loop.post(f"/v1/claims/{claim_id}/cancel", {}, by=desk.member).status_code == 200
    assert desk.seen(coupon)["stock"] == {"quota": 100, "taken": 0, "left": 0, "bounded_by": "codes"}
    assert code_of(desk.claims(coupon)) == (409, "sold-out")
    assert code_of(desk.use(code)) == (410, "code-revoked")


def test_a_draft_with_codes_is_given_up_whole(desk: Desk) -> None:
    draft = desk.draft(code_source="merchant")
    desk.uploads(draft, "GIVENUP1\n")
    assert desk.send("DELETE", f"/v1/coupons/{draft['coupon_id']}/draft", If_Match=draft["etag"]).status_code == 204
    assert desk.uploads(desk.draft(code_source="merchant"), "GIVENUP1\n").get_json()["accepted"] == 1
