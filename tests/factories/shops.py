"""A shop of the loop: a member, and people of the merchant, over HTTP; and refusals held to what they promise."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import timedelta
from typing import Any
from uuid import UUID

from werkzeug.test import TestResponse

from app.http.problems import PROBLEMS
from tests.factories.digests import loop_contents
from tests.factories.loops import Loop

ORDER = {"gross_minor": 5000, "currency": "CNY"}
Row = tuple[str, Callable[[], TestResponse], int, str]
Who = tuple[UUID, str]


def refused(loop: Loop, *rows: Row) -> None:
    """Sends each request and holds its answer to RFC 9457, to our table and to what was there before."""
    before = loop_contents(loop.engine)
    for name, send, status, code in rows:
        answer = send()
        body = answer.get_json()
        assert (answer.status_code, body.get("code")) == (status, code), (name, body)
        assert (answer.mimetype, answer.headers["Cache-Control"]) == ("application/problem+json", "no-store"), name
        problem = PROBLEMS[code]
        assert (body["status"], body["title"], body["type"]) == (status, problem.title, f"/problems#{code}"), name
        assert body["retryable"] == (problem.advice == "retry later with the same key"), name
        assert body["detail"], name
        assert loop_contents(loop.engine) == before, name


class Shop:
    """A loop with a member, and staff and owner of the merchant, and what they do when it has to work."""

    def __init__(self, loop: Loop) -> None:
        self.loop = loop
        self.member: Who = (loop.member(), "member")
        self.staff: Who = (loop.employee("staff", loop.merchant, loop.places[:2]), "staff")
        self.owner: Who = (loop.employee("owner", loop.merchant), "owner")
        self.rival: Who = (loop.employee("owner", loop.rival), "owner")
        self.place = str(loop.places[0])

    def coupon(self, **given: Any) -> UUID:
        """10.00 off any order, a hundred a member."""
        more = {"min_spend_minor": 0, "face_value_minor": 1000, "per_member": 100, "stock": 100}
        return self.loop.coupon(**more | given)

    def claim(self, **given: Any) -> tuple[str, str]:
        """A claim of a coupon of its own, and its code."""
        claim_id = self.loop.claim(self.coupon(**given), self.member[0])["claim_id"]
        return claim_id, self.loop.code(claim_id, self.member[0])

    def asks(self, **body: Any) -> Callable[[], TestResponse]:
        """A claim, not sent yet."""
        return lambda: self.loop.post("/v1/claims", body, by=self.member)

    def use(self, *codes: str, by: Who | None = None, mode: str = "redeem", **more: Any) -> TestResponse:
        """A redemption."""
        sent = {"codes": [{"code": code} for code in codes], "place_id": self.place, "mode": mode, "order": ORDER}
        sent |= {"request_no": f"r-{secrets.token_hex(6)}"} | more
        sent = {name: value for name, value in sent.items() if value is not None}
        return self.loop.post("/v1/redemptions", sent, by=by or self.staff)

    def used(self, *codes: str, **more: Any) -> str:
        """The id of a redemption that is made."""
        answer = self.use(*codes, **more)
        assert answer.status_code == 201, answer.get_json()
        return str(answer.get_json()["redemption_id"])

    def step(self, redemption: str, what: str, **body: Any) -> Callable[[], TestResponse]:
        """A step of a redemption, not taken yet."""
        return lambda: self.loop.post(f"/v1/redemptions/{redemption}/{what}", body, by=self.staff)

    def pay(self, purpose: str, thing: str, by: Who, **more: Any) -> TestResponse:
        """A payment through the test wallet."""
        method = "online" if purpose == "claim" else "user_scans"
        body = {"purpose": purpose, "purpose_id": thing, "provider": "test_wallet", "method": method} | more
        return self.loop.post("/v1/payments", body, by=by)

    def paid(self, purpose: str, thing: str, by: Who, **more: Any) -> str:
        """A payment's id."""
        answer = self.pay(purpose, thing, by, **more)
        assert answer.status_code == 201, answer.get_json()
        return str(answer.get_json()["payment_id"])

    def refund(
        self, payment: str, minor: float, number: str | None = None, *, by: Who | None = None, currency: str = "CNY"
    ) -> Callable[[], TestResponse]:
        """A refund, not asked for yet."""
        amount = {"amount_minor": minor, "currency": currency}
        body = {"refund_no": number or secrets.token_hex(6), "amount": amount, "reason": "cold"}
        return lambda: self.loop.post(f"/v1/payments/{payment}/refunds", body, by=by or self.staff)

    def of_payment(self, payment: str, what: str) -> Callable[[], TestResponse]:
        """A step of a payment, not taken yet."""
        return lambda: self.loop.post(f"/v1/payments/{payment}/{what}", {}, by=self.staff)

    def notice(self, body: bytes, provider: str = "test_wallet") -> TestResponse:
        """What comes to a provider's door unsigned."""
        return self.loop.client.post(f"/v1/providers/{provider}/notify", data=body, content_type="application/json")

    def write(self, statement: str, **values: Any) -> None:
        """Brings a time about."""
        self.loop.world.run(statement, values)

    def expire(self, claim_id: str) -> None:
        """The claim's time ends now."""
        times = {"since": self.loop.now - timedelta(days=1), "now": self.loop.now}
        self.write("UPDATE claims SET valid_from = :since, valid_until = :now WHERE claim_id = :c", c=claim_id, **times)
