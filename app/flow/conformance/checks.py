"""The checks by the promises that they hold a flow to, and the promises that nobody can see from outside."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection
from datetime import UTC, datetime
from typing import Final

from app.flow.conformance import checks_claims, checks_groups, checks_money, checks_told
from app.flow.conformance.run import Run
from app.flow.conformance.types import Broken, Finding, NotDriven, NotOffered, Report, Unseen
from app.flow.wire import Client

Check = Callable[[Run], str]


# Events and replays come last: they look at everything that the others made.
CHECKS: Final[tuple[tuple[str, str, Check], ...]] = (
    ("L4", "No more claims than the stock", checks_claims.stock),
    ("L5", "No more live claims of a user than the terms allow", checks_claims.limits_of_members),
    ("L6", "No unit is used twice, and a request is all or nothing", checks_claims.units_once),
    ("L7", "A claim is redeemed exactly when every unit is used", checks_claims.redeemed_when_used_up),
    ("L8", "A paid redemption has exactly one payment of its amount", checks_money.one_payment_each),
    (
        "L9",
        "What is refunded is the sum of its refunds, and never more than was captured",
        checks_money.captured_and_refunded,
    ),
    ("L11", "Money that came for nothing goes back by itself", checks_money.strays_go_back),
    ("L12", "A group that failed is refunded in full", checks_groups.failed_groups_are_refunded),
    ("L13", "A statement is the sum of its lines, and no line is in two", checks_money.statements),
    ("L17", "Messages of a provider in any order and number end in one state", checks_money.any_order_of_messages),
    ("L18", "Parts sum to their whole", checks_money.parts_sum_up),
    ("L22", "Undoing everything returns every balance", checks_money.reversing_returns_everything),
    ("L15", "Every step is told once, in order, as its schema says", checks_told.events_without_gaps),
    ("L16", "A repeated request is answered with the same bytes", checks_told.replays_are_equal),
)
UNSEEN: Final = (
    Unseen("L1", "The ledger derived again equals the stored one", "only a merchant's own lines are shown"),
    Unseen("L2", "A balance is the sum of its transfers", "balances are not shown"),
    Unseen("L3", "The stock taken is the number of live claims", "the contract promises no count of what is taken"),
    Unseen("L10", "A payment in doubt has a job that asks for it", "jobs are not shown"),
    Unseen("L14", "What a merchant is owed is its lines without a statement", "balances are not shown"),
    Unseen("L19", "No code, token or position in logs", "logs are not shown"),
    Unseen("L20", "No step that the table of edges does not have", "only told steps are seen: see L15"),
    Unseen("L21", "Points earned, spent and expired make the balance", "points are not driven"),
)


def drive(run: Run, client: Client, only: Collection[str] = ()) -> Report:
    """Runs the checks in order, all of them unless some are named."""
    findings = [_found(run, *check) for check in CHECKS if not only or check[0] in only]
    for external_id in run.coupons:
        run.ask("POST", f"/v1/flow/coupons/{external_id}/end", body={}, key=f"{external_id}-end")
    return Report(
        url=client.base_url,
        client_id=client.client_id,
        version=str(run.flow["version"]),
        began_at=run.began.isoformat(timespec="seconds"),
        run=run.number,
        capabilities=dict(run.flow["capabilities"]),
        findings=tuple(findings),
        unseen=UNSEEN,
    )


def _found(run: Run, name: str, promise: str, check: Check) -> Finding:
    asked, began = run.requests, time.monotonic()
    try:
        verdict, words = "held", check(run)
    except Broken as broken:
        verdict, words = "broken", str(broken)
    except NotOffered as missing:
        verdict, words = "not offered", str(missing)
    except NotDriven as stuck:
        verdict, words = "not driven", str(stuck)
    except (KeyError, TypeError, ValueError, IndexError) as fault:
        verdict, words = "broken", f"an answer lacks what the contract says: {type(fault).__name__} {fault}"
    return Finding(name, promise, verdict, words, run.requests - asked, round(time.monotonic() - began, 2))  # type: ignore[arg-type]


def open_run(client: Client, place_id: str | None = None) -> Run:
    """A run at one of the client's places; NotDriven."""
    run = Run(client, "", "", "", {})
    run.flow = run.get("/v1/flow")
    merchants = run.get("/v1/me")["merchants"]
    for merchant_id in merchants:
        places = run.get(f"/v1/merchants/{merchant_id}/places?limit=100")["items"]
        chosen = next((each for each in places if place_id in (None, each["place_id"])), None)
        if chosen is not None:
            run.merchant_id, run.place_id = merchant_id, chosen["place_id"]
            run.currency = _currency(run, chosen["city_id"])
            break
    else:
        raise NotDriven("the client acts for no merchant that runs " + (place_id or "a place"))
    run.read_on()
    run.events.clear()
    run.began = datetime.now(UTC)
    return run


def _currency(run: Run, city_id: int) -> str:
    cities = run.get("/v1/cities")["items"]
    return str(next(city["currency"] for city in cities if city["city_id"] == city_id))
