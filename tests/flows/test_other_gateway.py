"""The same routes over a flow that stands elsewhere: slow, and silent once; what a caller sees stays the same."""

from __future__ import annotations

import time
from typing import Any

import orjson
import pytest

from app.core.errors import AppError
from app.flow.errors import FlowUnavailable
from app.flow.gateway import FlowGateway
from app.flow.types import RequestContext
from app.http.answers import Answer
from app.http.idempotency import KeyScope
from app.http.steps import Plan, run_plan
from tests.factories.loops import CITY, Loop

SLOW_S = 0.05


def refusal_of(problem: dict[str, Any]) -> AppError:
    """The refusal that another system told in a problem document."""
    refusal = AppError(problem["detail"])
    refusal.__dict__["code"] = problem["code"]
    return refusal


class FarAwayFlow:
    """Every plan becomes a call to "another system": the embedded flow under request numbers of its own.

    Calls are slow; while ``lost`` is above zero the other system does its part and its answer never arrives.
    """

    def __init__(self, inner: FlowGateway) -> None:
        self._inner = inner
        self._said: dict[tuple[str, str], Any] = {}
        self.lost = 0

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._inner, name)

        def asked(*given: Any) -> Any:
            found = method(*given)
            return self._far(found, name, given) if isinstance(found, Plan) else found

        return asked

    def _far(self, plan: Plan, name: str, given: tuple[Any, ...]) -> Plan:
        context = next((each for each in given if isinstance(each, RequestContext)), None)
        number = context.request_no if context else ""
        mark = (f"{name} {given[1:]}", number)

        def call(_prepared: None) -> Any:
            time.sleep(SLOW_S)

            def present(value: Any) -> Answer:
                self._said[mark] = value
                return Answer(b"{}", 201)

            scope = KeyScope(CITY, "far-away", mark[0], number, b"") if number else None
            answer = run_plan(plan, scope, present)
            if answer.status >= 400:
                raise refusal_of(orjson.loads(answer.encoded()))
            if self.lost:
                self.lost -= 1
                raise FlowUnavailable("the flow did not answer in time", retry_after_s=1)
            return self._said[mark]

        return Plan(lambda _conn: None, lambda _conn, _prepared, outcome: outcome, call)


@pytest.fixture
def far(loop: Loop) -> FarAwayFlow:
    """The application's flow, moved elsewhere."""
    found = FarAwayFlow(loop.app.extensions["fujin_flow"])
    loop.app.extensions["fujin_flow"] = found
    return found


def test_a_claim_whose_answer_was_lost_is_found_again_under_its_key(loop: Loop, far: FarAwayFlow) -> None:
    coupon, member = loop.coupon(), loop.member()
    far.lost = 1
    silent = loop.post("/v1/claims", {"coupon_id": str(coupon)}, by=(member, "member"), key="k")
    assert (silent.status_code, silent.get_json()["code"]) == (503, "flow-unavailable")
    assert silent.headers["Retry-After"] == "1"
    assert silent.get_json()["retryable"] is True
    answer = loop.post("/v1/claims", {"coupon_id": str(coupon)}, by=(member, "member"), key="k")
    again = loop.post("/v1/claims", {"coupon_id": str(coupon)}, by=(member, "member"), key="k")
    assert answer.status_code == 201
    assert again.data == answer.data
    assert loop.one("SELECT count(*) FROM claims") == 1
    assert loop.one("SELECT sum(taken) FROM coupon_stock") == 1


def test_refusals_of_a_flow_elsewhere_are_the_same_refusals(loop: Loop, far: FarAwayFlow) -> None:
    coupon = loop.coupon(stock=1)
    loop.claim(coupon, loop.member())
    gone = loop.post("/v1/claims", {"coupon_id": str(coupon)}, by=(loop.member(), "member"))
    assert (gone.status_code, gone.get_json()["code"]) == (409, "sold-out")


def test_a_claim_is_given_back_through_a_flow_elsewhere(loop: Loop, far: FarAwayFlow) -> None:
    coupon, member = loop.coupon(), loop.member()
    found = loop.claim(coupon, member)
    far.lost = 1
    path = f"/v1/claims/{found['claim_id']}/cancel"
    assert loop.post(path, {}, by=(member, "member"), key="c").status_code == 503
    answer = loop.post(path, {}, by=(member, "member"), key="c")
    assert (answer.status_code, answer.get_json()["state"]) == (200, "cancelled")
    assert loop.one("SELECT sum(taken) FROM coupon_stock") == 0
    assert loop.get(f"/v1/claims/{found['claim_id']}", by=(member, "member")).get_json()["state"] == "cancelled"
