"""Promises about what is told: events without gaps, in legal steps, as their schemas say; and replays to the byte."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any, Final

from jsonschema import Draft202012Validator

from app.flow.conformance.run import Asked, Run
from app.flow.conformance.types import expect

# What may follow what, by the word in the middle of a type; "" is the beginning.
_MONEY: Final = {"pending", "unknown", "succeeded", "failed", "cancelled", "stray"}
FOLLOWS: Final[dict[str, dict[str, set[str]]]] = {
    "claim": {
        "": {"granted"},
        "granted": {"activated", "redeemed", "released", "cancelled", "expired", "refunded"},
        "activated": {"redeemed", "cancelled", "expired", "refunded"},
        "redeemed": {"activated", "expired", "refunded"},
        "expired": {"refunded"},
    },
    "redemption": {"": {"held", "committed"}, "held": {"committed", "voided"}, "committed": {"reversed"}},
    "payment": {
        "": _MONEY,
        "pending": _MONEY - {"pending"},
        "unknown": _MONEY - {"unknown"},
        "failed": {"succeeded", "stray"},
        "cancelled": {"succeeded", "stray"},
    },
    "refund": {"": {"requested"}, "requested": {"succeeded", "failed"}, "failed": {"requested"}},
}
# The state that a thing is seen in after an event, where the two have different names.
STATE_OF: Final = {"activated": "active"}
READ_AT: Final = {"claim": "/v1/claims", "redemption": "/v1/redemptions", "payment": "/v1/payments"}


def events_without_gaps(run: Run) -> str:
    """Sequences count from 1, steps are legal, the last event is the state that is read, data keep to their schemas."""
    _a_loop(run)
    things = dict(_things(run))
    read: dict[str, str] = {}
    run.until(lambda: _untold(run, things, read), lambda missing: not missing, "the events of everything that was made")
    by_subject: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in run.events:
        by_subject[event["subject"]].append(event)
    twice = [event_id for event_id, count in Counter(event["id"] for event in run.events).items() if count > 1]
    expect(not twice, f"the feed tells an event twice: {twice[:3]}")
    for subject, events in by_subject.items():
        numbers = [int(event["sequence"]) for event in events]
        first = 1 if subject in things else numbers[0]  # of others, such as coupons, the run may see the end alone
        expect(numbers == list(range(first, first + len(numbers))), f"the events of {subject} are numbered {numbers}")
        if first == 1:
            _expect_legal(subject, events)
    _expect_described(run)
    for subject, (kind, user) in things.items():
        last = _word(by_subject[subject][-1])
        told = STATE_OF.get(last, last)
        if last == "granted":
            told = by_subject[subject][-1]["data"]["state"]
        seen = read.get(subject) or run.get(f"{READ_AT[kind]}/{subject}", user=user)["state"]
        expect(seen == told, f"{kind} {subject} is read as {seen} and told as {told}")
    return f"{len(run.events)} events of {len(by_subject)} things, without a gap and as their schemas say"


def _a_loop(run: Run) -> None:
    """A claim used, reversed and given back, so that there is something to tell of whatever else was driven."""
    held = run.claim(run.coupon())
    used = run.redeem((run.code(held), 1))
    run.done(f"/v1/redemptions/{used['redemption_id']}/reverse", {"reason": "conformance test"})
    run.done(f"/v1/claims/{held.claim_id}/cancel", {}, user=held.user)


def _things(run: Run) -> Iterator[tuple[str, tuple[str, str | None]]]:
    """Everything that the run made: its id, with its kind and the user who may read it."""
    kinds = {"/v1/claims": ("claim", "claim_id"), "/v1/redemptions": ("redemption", "redemption_id")}
    kinds["/v1/payments"] = ("payment", "payment_id")
    for asked in run.journal:
        if asked.path in kinds and asked.reply.status == 201:
            kind, member = kinds[asked.path]
            yield asked.reply.json()[member], (kind, asked.user if kind == "claim" else None)


def _untold(run: Run, things: dict[str, tuple[str, str | None]], read: dict[str, str]) -> list[str]:
    """Things whose last told state is not the one that is read; ``read`` gets the states of those where it is."""
    last: dict[str, dict[str, Any]] = {event["subject"]: event for event in run.read_on()}
    missing: list[str] = []
    for subject, (kind, user) in things.items():
        if subject not in last:
            missing.append(subject)
            continue
        word = _word(last[subject])
        told = STATE_OF.get(word, word) if word != "granted" else last[subject]["data"]["state"]
        if read.get(subject) == told:
            continue
        state = run.get(f"{READ_AT[kind]}/{subject}", user=user)["state"]
        read[subject] = state
        if state != told:
            missing.append(subject)
    return missing


def _word(event: dict[str, Any]) -> str:
    return str(event["type"].split(".")[2])


def _expect_legal(subject: str, events: list[dict[str, Any]]) -> None:
    kind, before = events[0]["type"].split(".")[1], ""
    for event in events if kind in FOLLOWS else ():
        word = _word(event)
        expect(word in FOLLOWS[kind].get(before, set()), f"{kind} {subject} goes from {before or 'nothing'} to {word}")
        before = word


def _expect_described(run: Run) -> None:
    known = set(run.flow["events"]["types"])
    schemas: dict[str, Draft202012Validator] = {}
    for event in run.events:
        kind, address = event["type"], event["dataschema"]
        expect(kind in known, f"{kind} is told and not among the types of GET /v1/flow")
        if address not in schemas:
            path = "/" + address.split("/", 3)[3]
            reply = run.ask("GET", path, public=True)
            expect(reply.status == 200, f"the schema of {kind} is answered {reply.status}")
            schemas[address] = Draft202012Validator(reply.json(), format_checker=Draft202012Validator.FORMAT_CHECKER)
        faults = [f"{error.json_path} {error.message}" for error in schemas[address].iter_errors(event["data"])]
        expect(not faults, f"the data of {kind} {event['id']} break its schema: {'; '.join(faults[:3])}")


def replays_are_equal(run: Run) -> str:
    """Every write of the run, sent again under its key: the same status and the same bytes."""
    if not run.journal:
        _a_loop(run)
    final = [asked for asked in run.journal if _stored(asked)]
    for asked in final:
        again = run.ask("POST", asked.path, body=asked.body, key=asked.key, user=asked.user)
        expect(
            again.status == asked.reply.status,
            f"POST {asked.path} was answered {asked.reply.status}, and {again.status} when sent again",
        )
        expect(again.body == asked.reply.body, f"POST {asked.path} is answered with other bytes when sent again")
    first = final[0]
    other = run.ask("POST", first.path, body={**first.body, "reason": "another"}, key=first.key, user=first.user)
    expect(other.status == 422, f"a key with another body is answered {other.status} {other.code}")
    return f"{len(final)} writes answered with the same bytes when sent again"


def _stored(asked: Asked) -> bool:
    """True for answers that are final: a refusal that passes by itself is tried anew under the same key."""
    if asked.reply.status >= 500 or asked.reply.status in (401, 429):
        return False
    return asked.reply.status < 400 or not asked.reply.json().get("retryable")
