"""Promises about money: one payment for one thing, refunds, strays, messages in any order, splits, and balances."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Mapping
from functools import partial
from typing import Any, Final

from app.flow.conformance.run import Held, Run
from app.flow.conformance.types import NotOffered, expect

PRICE: Final = 997  # a prime, so that parts do not come out even
GROSS: Final = 5000
COPIES_S: Final = 0.7
# What the test provider is told, and what has to come of it.
SCRIPTS: Final[tuple[tuple[dict[str, Any], str], ...]] = (
    ({}, "succeeded"),
    ({"notices": 0}, "succeeded"),
    ({"notices": 5}, "succeeded"),
    ({"lost_answers": 2, "notices": 0}, "succeeded"),
    ({"lost_answers": 1, "notices": 4}, "succeeded"),
    ({"lost_answers": 1, "notices": 2, "notice_delay_s": 0.5}, "succeeded"),
    ({"outcome": "wait", "settles_after_s": 0.5, "notices": 3}, "succeeded"),
    ({"outcome": "decline", "notices": 3}, "failed"),
    ({"outcome": "decline", "settles_after_s": 0.5, "notices": 3}, "succeeded"),
)


def _unpaid(run: Run) -> Held:
    """A claim that waits for its price."""
    held = run.claim(run.coupon(kind="voucher", price_minor=PRICE, face_value_minor=1500))
    expect(held.answer["state"] == "pending_payment", f"an unpaid claim is {held.answer['state']}")
    return held


def _paid(run: Run) -> tuple[Held, Any]:
    """A claim that is paid, and its payment."""
    held = _unpaid(run)
    payment = run.ended(run.pay("claim", held.claim_id, held.user)["payment_id"])
    expect(payment["state"] == "succeeded", f"a payment that the provider takes is {payment['state']}")
    return held, payment


def one_payment_each(run: Run) -> str:
    """A held redemption is paid: committed, with exactly one payment of its amount; a second one is refused."""
    held = run.claim(run.coupon())
    redemption = run.redeem((run.code(held), 1), mode="hold", gross=GROSS)
    thing, payable = redemption["redemption_id"], redemption["split"]["payable"]["amount_minor"]
    begun = run.pay("redemption", thing)
    payment = run.ended(begun["payment_id"])
    expect(payment["state"] == "succeeded", f"a payment that the provider takes is {payment['state']}")
    expect(
        payment["amount"]["amount_minor"] == payable,
        f"{payable} are to be paid, the payment is of {payment['amount']['amount_minor']}",
    )
    expect(
        payment["captured"]["amount_minor"] == payable,
        f"{payable} are to be paid, {payment['captured']['amount_minor']} were captured",
    )
    seen = run.get(f"/v1/redemptions/{thing}")
    expect(seen["state"] == "committed", f"a paid redemption is {seen['state']}")
    second = run.try_pay("redemption", thing)
    expect(second.status >= 400, "a paid redemption takes a second payment")
    told = run.told_once(payment["payment_id"], "payment.succeeded")
    whole = [
        event
        for event in run.events
        if event["type"] == "fujin.payment.succeeded.v1" and event["data"]["purpose_id"] == thing
    ]
    expect(len(whole) == 1 and told, f"{len(whole)} payments of one redemption are told as succeeded")
    expect(whole[0]["data"]["amount_minor"] == payable, "the event tells another amount than the payment")
    return f"{payable} paid once for a redemption of {payable}"


def captured_and_refunded(run: Run) -> str:
    """Refunds in three parts: their sum is what is refunded, and no part more than was captured goes back."""
    held = run.claim(run.coupon())
    redemption = run.redeem((run.code(held), 1), mode="hold", gross=GROSS + 1)
    payment = run.ended(run.pay("redemption", redemption["redemption_id"])["payment_id"])
    payment_id, captured = payment["payment_id"], payment["captured"]["amount_minor"]
    parts = [captured // 3, captured // 3, captured - 2 * (captured // 3)]
    numbers = [run.fresh("refund") for _ in parts]
    refunds = [run.try_refund(payment_id, part, number) for part, number in zip(parts, numbers, strict=True)]
    for reply in refunds:
        expect(reply.status == 201, f"a refund of what is left is answered {reply.status} {reply.code}")
    again = run.try_refund(payment_id, parts[0], numbers[0])
    expect(
        again.status == 201 and again.json()["refund_id"] == refunds[0].json()["refund_id"],
        "the same refund number is another refund",
    )
    seen = _settled(run, payment_id)
    done = sum(each["amount"]["amount_minor"] for each in seen["refunds"] if each["state"] == "succeeded")
    refunded = seen["refunded"]["amount_minor"]
    expect(refunded == done, f"{refunded} are told as refunded, the refunds that succeeded sum to {done}")
    expect(done == captured, f"the three parts of {captured} sum to {done}")
    more = run.try_refund(payment_id, 1)
    expect(more.status >= 400, "one more than was captured goes back")
    booked = sum(
        line["amount"]["amount_minor"]
        for line in run.lines()
        if line["kind"] == "capture" and line["event"]["id"] == payment_id
    )
    expect(booked == captured, f"{captured} were captured, the ledger's lines of it sum to {booked}")
    return f"{captured} captured and refunded in parts of {parts}"


def _settled(run: Run, payment_id: str) -> Any:
    """A payment none of whose refunds is under way."""
    return run.until(
        lambda: run.payment(payment_id),
        lambda seen: (
            seen["refunding"]["amount_minor"] == 0
            and all(each["state"] in ("succeeded", "failed") for each in seen["refunds"])
        ),
        f"the end of the refunds of {payment_id}",
    )


def strays_go_back(run: Run) -> str:
    """A declined payment is paid after all when another one has paid: stray, and refunded by itself."""
    held = _unpaid(run)
    late = run.pay("claim", held.claim_id, held.user, outcome="decline", settles_after_s=1.0, notices=2)
    expect(late["state"] == "failed", f"a payment that the provider declines is {late['state']}")
    paid = run.ended(run.pay("claim", held.claim_id, held.user)["payment_id"])
    expect(paid["state"] == "succeeded", f"a claim whose payment failed is paid anew, which is {paid['state']}")
    stray = run.until(
        lambda: run.payment(late["payment_id"]), lambda seen: seen["state"] != "failed", "late money at the payment"
    )
    expect(stray["state"] == "stray", f"money beside another payment makes it {stray['state']}")
    run.until(
        lambda: run.payment(late["payment_id"]),
        lambda seen: any(each["state"] == "succeeded" for each in seen["refunds"]) or _no_refund_told(run, seen),
        "the refund of a stray payment",
    )
    seen = run.payment(late["payment_id"])
    back = sum(each["amount"]["amount_minor"] for each in seen["refunds"] if each["state"] == "succeeded")
    captured = seen["captured"]["amount_minor"]
    expect(captured == back > 0, f"{captured} came for nothing, {back} of it went back")
    expect(run.see(held)["state"] == "active", "the claim lost its own payment to the stray one")
    return f"{captured} came beside another payment and went back"


def _no_refund_told(run: Run, seen: Mapping[str, Any]) -> bool:
    """True when the stray was told long enough ago and no refund of it is even begun."""
    told = run.told(seen["payment_id"])
    begun = any(event["type"].startswith("fujin.refund.") for event in run.told(seen["payment_id"]))
    return len(told) > 0 and told[-1]["type"] == "fujin.payment.stray.v1" and not seen["refunds"] and not begun


def any_order_of_messages(run: Run) -> str:
    """Notices none, once, five times, late, before and after lost answers: one final state and one event of it."""
    run.at_once(*(partial(_told, run, script, end) for script, end in SCRIPTS))
    return f"{len(SCRIPTS)} scripts of messages, each with one end"


def _told(run: Run, script: Mapping[str, Any], end: str) -> None:
    """A payment whose provider sends its messages by a script."""
    held = _unpaid(run)
    payment_id = run.pay("claim", held.claim_id, held.user, **script)["payment_id"]
    over = {"succeeded", "stray"} | (set() if "settles_after_s" in script else {"failed", "cancelled"})

    def look() -> Any:
        run.post(f"/v1/payments/{payment_id}/resolve", {})
        return run.payment(payment_id)

    run.until(look, lambda found: found["state"] in over, f"the end of a payment told {script}")
    run.told_once(payment_id, f"payment.{end}")
    run.sleep(COPIES_S)  # the other copies of its notices arrive
    seen = run.payment(payment_id)
    expect(seen["state"] == end, f"told {script}, the payment ends {seen['state']}, not {end}")
    captured = seen["captured"]["amount_minor"]
    expect(captured == (PRICE if end == "succeeded" else 0), f"told {script}, {captured} are captured")
    claim = run.see(held)["state"]
    expect(claim == ("active" if end == "succeeded" else "pending_payment"), f"told {script}, the claim is {claim}")
    ends = [event["type"] for event in run.told(payment_id)].count(f"fujin.payment.{end}.v1")
    expect(ends == 1, f"told {script}, the end is told {ends} times")


def _splits(found: Any) -> Iterator[Mapping[str, Any]]:
    """Every price split in an answer."""
    if isinstance(found, dict):
        if {"gross", "discount", "payable", "prepaid"} <= set(found):
            yield found
        for value in found.values():
            yield from _splits(value)
    elif isinstance(found, list):
        for value in found:
            yield from _splits(value)


def parts_sum_up(run: Run) -> str:
    """In every split the parts are the whole, to the last unit; units sum to their redemption, refunds to captures."""
    coupon = run.coupon(units=3, face_value_minor=333)
    held = run.claim(coupon)
    code = run.code(held)
    body = {"code": code, "place_id": run.place_id, "order": {"gross_minor": 4999, "currency": run.currency}}
    looked = run.ask("POST", "/v1/codes/lookup", body=body)
    expect(looked.status == 200, f"a lookup of a good code is answered {looked.status} {looked.code}")
    made = [run.redeem((code, 2), gross=4999), run.redeem((code, 1), gross=1000)]
    answers = [looked.json(), *made, *(asked.reply.json() for asked in run.journal if asked.reply.status < 300)]
    count = 0
    for split in (found for answer in answers for found in _splits(answer)):
        part = {name: money["amount_minor"] for name, money in split.items()}
        count += 1
        expect(part["gross"] == part["discount"] + part["payable"], f"gross is not discount and payable: {part}")
        expect(
            part["discount"] == part["prepaid"] + part["platform_share"] + part["merchant_share"],
            f"the discount is not the sum of its parts: {part}",
        )
        expect(min(part.values()) >= 0, f"a part is negative: {part}")
    for redemption in (answer for answer in answers if "units" in answer and "split" in answer):
        for name, money in redemption["split"].items():
            of_units = sum(unit["split"][name]["amount_minor"] for unit in redemption["units"])
            whole = money["amount_minor"]
            expect(whole == of_units, f"{name} of a redemption is {whole}, its units' sum is {of_units}")
    return f"{count} splits add up"


def statements(run: Run) -> str:
    """Every closed statement: its net is the sum of its lines, no line is in two, its file is the one told of."""
    asked = run.ask("GET", f"/v1/settlements?merchant_id={run.merchant_id}&limit=100")
    if asked.status == 404:
        raise NotOffered("the flow shows no statements to partners")
    expect(asked.status == 200, f"the statements are answered {asked.status} {asked.code}")
    closed = [each for each in asked.json()["items"] if each["state"] != "draft"]
    if not closed:
        raise NotOffered("no statement of the merchant has been closed yet")
    seen: set[tuple[Any, ...]] = set()
    for statement in closed:
        _expect_statement(run, statement, seen)
    return f"{len(closed)} closed statements with {len(seen)} lines"


def _expect_statement(run: Run, statement: Mapping[str, Any], seen: set[tuple[Any, ...]]) -> None:
    number, path = statement["number"], f"/v1/settlements/{statement['settlement_id']}"
    lines = list(run.every(f"{path}/lines"))
    net = statement["amounts"]["net"]["amount_minor"]
    of_lines = sum(line["amounts"]["net"]["amount_minor"] for line in lines)
    expect(net == of_lines, f"statement {number} is of {net}, its lines sum to {of_lines}")
    expect(len(lines) == statement["line_count"], f"statement {number} counts {statement['line_count']} lines")
    for line in lines:
        thing = (line["happening"], line["redemption_id"], line["payment_id"], line["refund_id"])
        expect(thing not in seen, f"a {thing[0]} of redemption {thing[1]} is in two statements")
        seen.add(thing)
    if statement["file"] is not None:
        content = run.ask("GET", f"{path}/lines.csv").body
        told = statement["file"]["sha256"]
        expect(
            hashlib.sha256(content).hexdigest() == told,
            f"the file of statement {number} has another hash than was told",
        )


def reversing_returns_everything(run: Run) -> str:
    """A whole loop, undone: the stock can be claimed again, and the ledger's lines of the run sum to nothing."""
    coupon = run.coupon(quota=1)
    held = run.claim(coupon)
    redemption = run.redeem((run.code(held), 1), mode="hold", gross=GROSS)
    thing = redemption["redemption_id"]
    run.ended(run.pay("redemption", thing)["payment_id"])
    run.done(f"/v1/redemptions/{thing}/reverse", {"reason": "conformance test"})
    seen = run.until(
        lambda: run.get(f"/v1/redemptions/{thing}"), lambda seen: seen["state"] == "reversed", "the reversal"
    )
    back = _settled(run, seen["payment"]["payment_id"])
    expect(back["refunded"] == back["captured"], "a reversed redemption keeps some of the money")
    run.done(f"/v1/claims/{held.claim_id}/cancel", {}, user=held.user)
    again = run.claim(coupon)
    run.done(f"/v1/claims/{again.claim_id}/cancel", {}, user=again.user)
    _undo_the_rest(run)
    left: Counter[str] = Counter()
    lines = run.lines()
    for line in lines:
        left[line["amount"]["currency"]] += line["amount"]["amount_minor"]
    expect(not any(left.values()), f"everything is undone, and the merchant's lines of the run sum to {dict(left)}")
    return f"{len(lines)} ledger lines of the run sum to nothing"


def _undo_the_rest(run: Run) -> None:
    """Reverses what the run's other checks used, and gives back what they paid."""
    made = {
        asked.reply.json()["redemption_id"]: None
        for asked in run.journal
        if asked.path == "/v1/redemptions" and asked.reply.status == 201
    }
    for redemption_id in reversed(made):
        seen = run.get(f"/v1/redemptions/{redemption_id}")
        if "reverse" in seen["next_actions"]:
            run.done(f"/v1/redemptions/{redemption_id}/reverse", {"reason": "conformance test"})
            run.until(
                lambda thing=redemption_id: run.get(f"/v1/redemptions/{thing}"),  # type: ignore[misc]
                lambda now: now["state"] == "reversed",
                "a reversal",
            )
    for asked in list(run.journal):
        if asked.path != "/v1/payments" or asked.reply.status != 201:
            continue
        payment = run.payment(asked.reply.json()["payment_id"])
        amount = payment["captured"]["amount_minor"] - payment["refunded"]["amount_minor"]
        if "refund" in payment["next_actions"] and amount > 0:
            reply = run.try_refund(payment["payment_id"], amount)
            expect(reply.status == 201, f"a refund of what is left is answered {reply.status} {reply.code}")
            _settled(run, payment["payment_id"])
