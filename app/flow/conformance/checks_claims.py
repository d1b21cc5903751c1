"""Promises about claims and their use: stock, limits of members, units, and states that follow from units."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from app.flow.conformance.run import Run
from app.flow.conformance.types import expect
from app.flow.wire import Reply

USED_UP = frozenset({"already-redeemed", "unit-exhausted", "hold-by-other"})


def _granted(replies: list[Reply], refusal: str, what: str) -> set[str]:
    """Ids of the claims that were granted; every other answer has to be the one refusal."""
    for reply in replies:
        said = "granted" if reply.status == 201 else reply.code
        expect(said in ("granted", refusal), f"{what}: a claim is answered {reply.status} {said}, not {refusal}")
    return {reply.json()["claim_id"] for reply in replies if reply.status == 201}


def stock(run: Run) -> str:
    """Five users want three at once; one gives back, one more gets it, and then it is sold out again."""
    coupon = run.coupon(quota=3)
    users = [run.user() for _ in range(5)]
    replies = run.at_once(*(partial(run.try_claim, coupon, user) for user in users))
    granted = _granted(replies, "sold-out", "stock of 3")
    expect(len(granted) == 3, f"of a stock of 3, {len(granted)} claims were granted to five users")
    winner = next(n for n, reply in enumerate(replies) if reply.status == 201)
    given_back = replies[winner].json()["claim_id"]
    run.done(f"/v1/claims/{given_back}/cancel", {}, user=users[winner])
    more = [run.try_claim(coupon, run.user()) for _ in range(2)]
    again = _granted(more, "sold-out", "stock of 3, one given back")
    expect(len(again) == 1, f"one of three was given back, and {len(again)} more were granted")
    return "3 of 5 granted, 1 given back, 1 of 2 granted"


def limits_of_members(run: Run) -> str:
    """One user wants four at once where two are allowed; one is given back, and one more is granted."""
    coupon, user = run.coupon(per_member=2), run.user()
    replies = run.at_once(*([partial(run.try_claim, coupon, user)] * 4))
    granted = _granted(replies, "user-limit", "limit of 2")
    expect(len(granted) == 2, f"with a limit of 2, one user was granted {len(granted)} claims")
    run.done(f"/v1/claims/{min(granted)}/cancel", {}, user=user)
    again = _granted([run.try_claim(coupon, user) for _ in range(2)], "user-limit", "limit of 2, one given back")
    expect(len(again) == 1, f"one of two was given back, and {len(again)} more were granted")
    return "2 of 4 granted, 1 given back, 1 of 2 granted"


def units_once(run: Run) -> str:
    """Four tills use a claim of two units at once; a request is all or nothing, and its number is good once."""
    coupon = run.coupon(units=2, per_member=2)
    held = run.claim(coupon)
    code = run.code(held)
    tills: list[Callable[[], Reply]] = [partial(run.try_redeem, (code, 1))] * 4
    made = [reply.json() for reply in run.at_once(*tills) if _used(reply)]
    _expect_units(made, 2)
    number = run.fresh("till")
    untouched = run.claim(coupon)
    both = run.try_redeem((code, 1), (run.code(untouched), 1), number=number)
    expect(both.status >= 400, "a request with a used-up code and a good one was taken")
    expect(run.see(untouched)["units_left"] == 2, "a refused request used a unit of the other claim")
    over = run.try_redeem((run.code(untouched), 3))
    expect(over.status >= 400, "three units of a claim of two were used")
    first = run.redeem((run.code(untouched), 2))
    sent = run.journal[-1]
    again = run.post("/v1/redemptions", sent.body)
    expect(
        again.status == 201 and again.json()["redemption_id"] == first["redemption_id"],
        f"the same request number under another key is answered {again.status} {again.code}",
    )
    expect(run.see(untouched)["units_left"] == 0, "two of two units are used, and some are left")
    return "2 of 4 tills got a unit; refused requests used nothing"


def _used(reply: Reply) -> bool:
    if reply.status == 201:
        return True
    expect(reply.code in USED_UP, f"a till at a used-up claim is answered {reply.status} {reply.code}")
    return False


def _expect_units(made: list[Any], units: int) -> None:
    used = [(unit["claim_id"], unit["unit_no"]) for each in made for unit in each["units"]]
    expect(len(used) <= units, f"{len(used)} units of a claim of {units} were used")
    expect(len(used) == len(set(used)), "one unit was used twice")
    expect(len(used) == units, f"four tills wanted a unit each of {units}, {len(used)} got one")


def redeemed_when_used_up(run: Run) -> str:
    """A claim of two units: active after one, redeemed after both, active again after a reversal."""
    held = run.claim(run.coupon(units=2))
    code = run.code(held)

    def expect_claim(state: str, left: int, when: str) -> None:
        seen = run.see(held)
        found = (seen["state"], seen["units_left"])
        expect(
            found == (state, left), f"{when} the claim is {found[0]} with {found[1]} units left, not {state}, {left}"
        )

    expect_claim("active", 2, "untouched,")
    run.redeem((code, 1))
    expect_claim("active", 1, "after one of two units")
    last = run.redeem((code, 1))
    expect_claim("redeemed", 0, "after both units")
    expect("reverse" in last["next_actions"], "a fresh use can't be reversed, says next_actions")
    run.done(f"/v1/redemptions/{last['redemption_id']}/reverse", {"reason": "conformance test"})
    expect_claim("active", 1, "after the reversal of one unit")
    return "active, redeemed and active again with 2, 1, 0 and 1 units left"
