"""Statements over HTTP and by the command: every cent once, refunds afterwards in the next, books that agree."""

from __future__ import annotations

import csv
import hashlib
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.db import Database, open_database
from app.core.settings import Settings
from app.factory import create_app
from app.http.steps import run_job
from app.outbox.relay import relay_once
from app.payments.providers.test_wallet import TestWallet
from app.payments.types import RefundAccepted
from app.settlements import actions
from tests.conftest import MakeDatabase
from tests.factories.loops import Loop, beside, plant_loop
from tests.factories.paying import at_once
from tests.factories.shops import Shop

WINDOW = timedelta(hours=1)
TERMS: dict[str, Any] = {"platform_share_bp": 5000, "commission_bp": 250, "reversal_window_s": 3600}


@dataclass
class Site:
    """A database that the tests of this file share; each has a merchant of its own."""

    settings: Settings
    database: Database
    loop: Loop


@pytest.fixture(scope="module")
def site(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Site]:
    url = make_database(migrated_template)
    settings = settings_for(url)
    database, engine = open_database(settings), sa.create_engine(url)
    yield Site(settings, database, plant_loop(create_app(settings, database=database), engine))
    engine.dispose()
    database.dispose()


@pytest.fixture
def loop(site: Site) -> Loop:
    return beside(site.loop)


class Office:
    """An operator's command line over the shop's books, at a time of its own."""

    def __init__(self, loop: Loop, site: Site, floor_minor: int = 100_000) -> None:
        self.loop, self.database = loop, site.database
        self.now = loop.now
        settings = replace(site.settings, settlement_floor_minor=floor_minor)
        self.app: Flask = create_app(settings, clock=lambda: self.now, database=site.database)

    def after(self, **given: float) -> Office:
        """Some time later."""
        self.now = self.now + timedelta(**given)
        return self

    def run(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        """``fujin settlements …``, its lines."""
        of_city = ("--merchant", str(self.loop.merchant)) if words[1] == "--city" else ()
        done = self.app.test_cli_runner().invoke(args=["fujin", "settlements", *words, *of_city])
        assert done.exit_code == code, done.output
        return [json.loads(line) for line in done.output.splitlines()] if code == 0 else [{"said": done.output}]

    def close(self) -> list[dict[str, Any]]:
        """Everything that is due now."""
        return self.run("close", "--city", "here", "--until", self.now.isoformat(), "--json")

    def sound(self) -> None:
        """No invariant is broken, whatever the time."""
        relay_once(self.database, system_clock, "test")
        with self.loop.engine.connect() as conn:
            found = audit_data(conn, system_clock(), allow_unsafe=True)
        assert [(v.rule, v.thing, v.detail) for result in found for v in result.violations] == []

    def balances(self) -> dict[str, int]:
        """The merchant's accounts that are not at 0, debits positive."""
        rows = self.loop.rows(
            "SELECT a.kind, sum(CASE WHEN t.debit_account_id = a.account_id THEN t.amount_minor"
            " ELSE -t.amount_minor END) FROM accounts a JOIN transfers t ON t.city_id = a.city_id"
            " AND a.account_id IN (t.debit_account_id, t.credit_account_id)"
            " WHERE a.owner_id = :merchant GROUP BY a.kind",
            merchant=self.loop.merchant,
        )
        return {row[0]: int(row[1]) for row in rows if row[1]}


@pytest.fixture
def office(loop: Loop, site: Site) -> Office:
    return Office(loop, site)


def sold(shop: Shop, **more: Any) -> tuple[str, str]:
    """The worked example: held, paid through the wallet, committed; redemption and payment."""
    _, code = shop.claim(**TERMS)
    held = shop.used(code, mode="hold", **more)
    return held, shop.paid("redemption", held, shop.staff)


def shown(shop: Shop, path: str) -> Any:
    answer = shop.loop.get(path, by=shop.owner)
    assert answer.status_code == 200, answer.get_json()
    return answer.get_json()


def settled_transfers(loop: Loop) -> int:
    """How many transfers of the merchant stand in statements."""
    statement = (
        "SELECT count(*) FROM settlement_transfers JOIN settlements USING (city_id, settlement_id)"
        " WHERE merchant_id = :merchant"
    )
    return int(loop.one(statement, merchant=loop.merchant))


def minor(amounts: dict[str, dict[str, Any]]) -> dict[str, int]:
    return {name: money["amount_minor"] for name, money in amounts.items() if money["amount_minor"]}


def test_a_sale_is_settled_once_it_cannot_be_reversed_and_paid_out_to_the_cent(office: Office, loop: Loop) -> None:
    shop = Shop(loop)
    redemption, payment = sold(shop)
    assert office.after(minutes=59).close() == []
    (closed,) = office.after(minutes=2).close()
    assert (closed["state"], closed["number"], closed["lines"], closed["payout_minor"]) == ("closed", 1, 1, 4400)
    assert office.after(seconds=1).close() == []
    (statement,) = shown(shop, "/v1/settlements")["items"]
    assert minor(statement["amounts"]) == {
        "gross": 5000,
        "merchant_discount": 500,
        "platform_discount": 500,
        "paid": 4000,
        "provider_fee": 20,
        "platform_fee": 100,
        "tax_base": 4500,
        "net": 4400,
    }
    assert statement["payout"] == {"amount_minor": 4400, "currency": "CNY"}
    (line,) = shown(shop, f"/v1/settlements/{statement['settlement_id']}/lines")["items"]
    assert (line["happening"], line["redemption_id"], line["payment_id"]) == ("sale", redemption, payment)
    assert line["amounts"] == statement["amounts"]
    assert office.balances() == {"payout_due": -4400}
    office.run("paid", statement["settlement_id"], "--reference", "bank-7", "--json")
    office.run("paid", statement["settlement_id"], "--reference", "bank-7", "--json")
    assert "was paid as bank-7" in office.run("paid", statement["settlement_id"], "--reference", "x", code=1)[0]["said"]
    assert office.balances() == {}
    told = loop.rows(
        "SELECT type, data FROM outbox_events WHERE aggregate_id = :s ORDER BY seq", s=statement["settlement_id"]
    )
    assert [row[0] for row in told] == ["fujin.settlement.closed.v1", "fujin.settlement.paid.v1"]
    assert (told[0][1]["payout_minor"], told[0][1]["file_sha256"]) == (4400, closed["file_sha256"])
    office.sound()


def test_the_file_is_the_lines_and_its_hash_is_told(office: Office, loop: Loop) -> None:
    shop = Shop(loop)
    for _ in range(3):
        sold(shop)
    (closed,) = office.after(hours=2).close()
    answer = loop.get(f"/v1/settlements/{closed['settlement']}/lines.csv", by=shop.owner)
    assert (answer.status_code, answer.mimetype) == (200, "text/csv")
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="settlement-')
    rows = list(csv.DictReader(io.StringIO(answer.get_data(as_text=True), newline="")))
    assert (len(rows), sum(int(row["net_minor"]) for row in rows)) == (3, 13_200)
    digest = hashlib.sha256(answer.data).hexdigest()
    file = shown(shop, f"/v1/settlements/{closed['settlement']}")["file"]
    assert (file["sha256"], file["rows"], closed["file_sha256"]) == (digest, 3, digest)
    office.sound()


def test_m12_a_refund_after_settlement_is_a_line_of_the_next_statement_and_is_carried_on(
    office: Office, loop: Loop
) -> None:
    """M12. The first statement stays as it was; the second is negative and pays nothing; the third makes it up."""
    shop = Shop(loop)
    _, payment = sold(shop)
    (first,) = office.after(hours=2).close()
    before = shown(shop, f"/v1/settlements/{first['settlement']}")
    assert shop.refund(payment, 1500)().status_code == 201
    office.now = system_clock() + timedelta(hours=3)
    (second,) = office.close()
    assert (second["lines_minor"], second["payout_minor"], second["carried_minor"]) == (-1500, 0, -1500)
    (line,) = shown(shop, f"/v1/settlements/{second['settlement']}/lines")["items"]
    assert line["happening"] == "refund"
    assert minor(line["amounts"]) == {
        "gross": -1500,
        "paid": -1500,
        "provider_fee": -8,
        "tax_base": -1500,
        "net": -1500,
    }
    assert "pays nothing out" in office.run("paid", second["settlement"], "--reference", "b", code=1)[0]["said"]
    assert shown(shop, f"/v1/settlements/{first['settlement']}") == before
    office.sound()
    sold(shop)
    office.now = system_clock() + timedelta(hours=5)
    (third,) = office.close()
    assert (third["opening_minor"], third["lines_minor"], third["payout_minor"]) == (-1500, 4400, 2900)
    assert (third["number"], third["carried_minor"]) == (3, 0)
    office.sound()


def test_beyond_the_floor_the_rest_is_receivable_and_later_sales_make_up_for_it(
    loop: Loop, site: Site, capfd: pytest.CaptureFixture[str]
) -> None:
    office, shop = Office(loop, site, floor_minor=1000), Shop(loop)
    _, payment = sold(shop)
    office.after(hours=2).close()
    shop.refund(payment, 4000)()
    office.now = system_clock() + timedelta(hours=3)
    (negative,) = office.close()
    assert (negative["receivable_minor"], negative["carried_minor"]) == (3000, -1000)
    alarms = [json.loads(line) for line in capfd.readouterr().err.splitlines() if '"alarm":true' in line]
    assert [(line["receivable_minor"], line["merchant_id"]) for line in alarms] == [(3000, str(loop.merchant))]
    assert office.balances()["merchant_receivable"] == 3000
    for _ in range(2):
        sold(shop)
    office.now = system_clock() + timedelta(hours=5)
    (made_up,) = office.close()
    assert (made_up["lines_minor"], made_up["recovered_minor"], made_up["payout_minor"]) == (8800, 3000, 4800)
    assert "merchant_receivable" not in office.balances()
    office.sound()


def test_a_draft_shows_what_it_would_come_to_and_takes_in_what_comes_until_it_is_closed(
    office: Office, loop: Loop
) -> None:
    shop = Shop(loop)
    sold(shop)
    cut = (loop.now + timedelta(hours=2)).isoformat()
    (draft,) = office.after(hours=3).run("draft", "--city", "here", "--until", cut, "--json")
    assert (draft["state"], draft["lines"], draft["payout_minor"]) == ("draft", 1, 4400)
    sold(shop)
    (listed,) = shown(shop, "/v1/settlements?state=draft")["items"]
    assert (listed["line_count"], listed["payout"]["amount_minor"], listed["file"]) == (2, 8800, None)
    assert len(shown(shop, f"/v1/settlements/{draft['settlement']}/lines?limit=1")["items"]) == 1
    assert settled_transfers(loop) == 0
    office.sound()
    (closed,) = office.run("close", draft["settlement"], "--json")
    assert (closed["state"], closed["lines"], closed["payout_minor"]) == ("closed", 2, 8800)
    again = office.run("close", draft["settlement"], code=1)[0]["said"]
    assert "it is closed" in again
    office.sound()


def test_a_dispute_holds_the_payout_up_and_ends_where_it_began(office: Office, loop: Loop) -> None:
    shop = Shop(loop)
    sold(shop)
    (closed,) = office.after(hours=2).close()
    name = closed["settlement"]
    office.run("dispute", name, "--reason", "a line is missing", "--json")
    assert "it is disputed" in office.run("paid", name, "--reference", "b", code=1)[0]["said"]
    assert shown(shop, f"/v1/settlements/{name}")["dispute_reason"] == "a line is missing"
    assert office.run("resolve", name, "--json")[0]["state"] == "closed"
    office.run("paid", name, "--reference", "b", "--json")
    office.run("dispute", name, "--reason", "it never came", "--json")
    assert office.run("resolve", name, "--json")[0]["state"] == "paid"
    office.sound()


def test_a_cut_in_the_future_or_behind_the_last_one_is_refused(office: Office, loop: Loop) -> None:
    shop = Shop(loop)
    sold(shop)
    ahead = (office.now + timedelta(hours=5)).isoformat()
    office.after(hours=2)
    assert "in the future" in office.run("draft", "--city", "here", "--until", ahead, code=1)[0]["said"]
    office.close()
    sold(shop)
    assert office.run("draft", "--city", "here", "--until", loop.now.isoformat(), "--json") == []
    cut = office.after(hours=2).now.isoformat()
    office.run("draft", "--city", "here", "--until", cut, "--json")
    back = (loop.now + timedelta(minutes=1)).isoformat()
    assert "end this one later" in office.run("draft", "--city", "here", "--until", back, code=1)[0]["said"]
    assert "there is no territory" in office.run("close", "--city", "atlantis", code=1)[0]["said"]


def test_two_who_close_at_once_make_one_statement(office: Office, loop: Loop) -> None:
    shop = Shop(loop)
    sold(shop)
    cut = loop.now + timedelta(hours=2)
    (draft,) = office.after(hours=3).run("draft", "--city", "here", "--until", cut.isoformat(), "--json")

    def close() -> str:
        with office.database.write() as conn:
            state = actions.close(conn, UUID(draft["settlement"]), 0, office.now).state
            conn.commit()
        return state

    assert sorted(at_once(*[close] * 4)) == ["closed", *["settlement-over"] * 3]
    assert settled_transfers(loop) == 3
    office.sound()


def test_statements_of_others_answer_like_missing_ones(office: Office, loop: Loop) -> None:
    shop = Shop(loop)
    sold(shop)
    (closed,) = office.after(hours=2).close()
    for ending in ("", "/lines", "/lines.csv"):
        answers = [
            loop.get(f"/v1/settlements/{name}{ending}", by=who)
            for name, who in ((closed["settlement"], shop.rival), (str(loop.merchant), shop.owner))
        ]
        assert [answer.status_code for answer in answers] == [404, 404]
    assert shown_by(loop, shop.rival) == []
    assert loop.get("/v1/settlements", by=shop.staff).status_code == 403
    assert loop.get(f"/v1/settlements?merchant_id={loop.merchant}", by=shop.rival).status_code == 404


def shown_by(loop: Loop, who: tuple[UUID, str]) -> list[Any]:
    found: list[Any] = loop.get("/v1/settlements", by=who).get_json()["items"]
    return found


def test_the_ledger_says_who_funded_each_cent_and_which_statement_has_it(office: Office, loop: Loop) -> None:
    shop = Shop(loop)
    redemption, _ = sold(shop)
    (closed,) = office.after(hours=2).close()
    found = {line["kind"]: line for line in shown(shop, "/v1/ledger")["items"]}
    assert {kind: (line["funded_by"], line["amount"]["amount_minor"]) for kind, line in found.items()} == {
        "capture": ("customer", 4000),
        "platform_promo": ("platform", 500),
        "commission": ("merchant", -100),
        "settle": (None, -4400),
    }
    assert {line["settlement_id"] for line in found.values()} == {closed["settlement"]}
    assert {line["redemption_id"] for kind, line in found.items() if kind != "settle"} == {redemption}
    assert found["platform_promo"]["coupon_id"] is not None
    assert found["capture"]["place_id"] == shop.place
    assert sum(line["amount"]["amount_minor"] for line in found.values()) == 0


def test_days_are_those_of_the_city(office: Office, loop: Loop) -> None:
    """The city's days begin at 16:00 UTC."""
    shop = Shop(loop)
    sold(shop)
    office.now = datetime(loop.now.year, loop.now.month, loop.now.day, 15, 59, tzinfo=UTC) + timedelta(days=2)
    (draft,) = office.run("draft", "--city", "here", "--json")
    begun = datetime.fromisoformat(draft["period_to"]).astimezone(UTC)
    assert (begun.hour, begun.minute) == (16, 0)
    assert begun == office.now + timedelta(minutes=1) - timedelta(days=1)


@pytest.mark.parametrize("pending", [False, True])
def test_a_reversal_that_ends_after_the_cut_is_in_the_next_statement(
    office: Office, loop: Loop, pending: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    shop = Shop(loop)
    redemption, payment = sold(shop)
    if pending:
        monkeypatch.setattr(TestWallet, "refund", lambda *_: RefundAccepted())
    back = shop.step(redemption, "reverse", reason="wrong table")()
    assert back.get_json()["reversal_pending"] is pending
    statements = office.after(hours=2).close()
    if not pending:
        (closed,) = statements
        lines = shown(shop, f"/v1/settlements/{closed['settlement']}/lines")["items"]
        assert [line["happening"] for line in lines] == ["sale", "reversal"]
        assert (closed["lines_minor"], closed["payout_minor"]) == (0, 0)
        return office.sound()
    monkeypatch.undo()
    with loop.app.test_request_context("/"):
        refund = loop.one("SELECT refund_id FROM refunds WHERE payment_id = :p", p=payment)
        flow = loop.app.extensions["fujin_flow"]
        assert run_job(flow.resolve_refund(refund, office.now)).state == "succeeded"
    (second,) = office.after(hours=1).close()
    assert (statements[0]["lines_minor"], second["lines_minor"]) == (4400, -4400)
    return office.sound()
