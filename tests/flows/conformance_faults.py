"""Faults of a flow, planted one at a time between it and the one that holds it to its contract."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import uuid4

import orjson

from app.core.ids import new_city_id
from app.flow.wire import Reply, Transport

Breaks = Callable[[str, str, Any, Reply, dict[str, Any]], Reply]
"""Method, path without query, the body sent, the right answer, what the fault remembers: the answer that is given."""


@dataclass(frozen=True)
class Fault:
    """A promise that is broken: which check has to find it, and what it has to say."""

    check: str
    name: str
    says: str
    breaks: Breaks


@dataclass
class Breaking:
    """A transport that breaks one promise; ``broke`` counts the answers that are not the flow's own."""

    inner: Transport
    fault: Fault
    broke: int = 0
    memory: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._lock = threading.Lock()

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Reply:
        reply = self.inner(method, url, headers, body, timeout_s)
        path = "/" + url.split("/", 3)[3].split("?")[0]
        if path == "/v1/auth/token":
            return reply
        with self._lock:
            self.memory["key"] = headers.get("Idempotency-Key")
            given = self.fault.breaks(method, path, orjson.loads(body) if body else None, reply, self.memory)
            self.broke += given is not reply
        return given


def _with(reply: Reply, status: int | None = None, **members: Any) -> Reply:
    body = orjson.dumps(reply.json() | members)
    return replace(reply, status=status or reply.status, body=body)


def _grants_more(code: str) -> Breaks:
    """A claim that is refused is granted all the same."""

    def breaks(method: str, path: str, _sent: Any, reply: Reply, memory: dict[str, Any]) -> Reply:
        if (method, path) != ("POST", "/v1/claims"):
            return reply
        if reply.status == 201:
            memory["granted"] = reply
        elif reply.code == code and "granted" in memory:
            return _with(memory["granted"], claim_id=str(new_city_id(2)))
        return reply

    return breaks


def _grants_no_more(method: str, path: str, _sent: Any, reply: Reply, memory: dict[str, Any]) -> Reply:
    """What was given back stays taken."""
    if (method, path) == ("POST", "/v1/claims") and reply.code == "sold-out":
        memory["refused"] = reply
    memory["back"] = memory.get("back", False) or path.endswith("/cancel")
    if (method, path, reply.status) == ("POST", "/v1/claims", 201) and memory["back"]:
        return memory["refused"]
    return reply


def _uses_twice(method: str, path: str, _sent: Any, reply: Reply, memory: dict[str, Any]) -> Reply:
    """A till that comes too late gets the unit of another one."""
    if (method, path) != ("POST", "/v1/redemptions"):
        return reply
    if reply.status == 201:
        memory["used"] = reply
    elif "used" in memory and reply.code in ("already-redeemed", "unit-exhausted", "hold-by-other"):
        return _with(memory["used"], redemption_id=str(uuid4()))
    return reply


def _number_is_new(method: str, path: str, sent: Any, reply: Reply, memory: dict[str, Any]) -> Reply:
    """A request number is good twice."""
    if (method, path, reply.status) != ("POST", "/v1/redemptions", 201):
        return reply
    seen = memory.setdefault("numbers", set())
    if sent["request_no"] in seen:
        return _with(reply, redemption_id=str(uuid4()))
    seen.add(sent["request_no"])
    return reply


def _claim_seen(old: str, new: str) -> Breaks:
    """A claim is read in another state."""

    def breaks(method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
        is_claim = method == "GET" and path.startswith("/v1/claims/") and path.count("/") == 3
        return _with(reply, state=new) if is_claim and reply.status == 200 and reply.json()["state"] == old else reply

    return breaks


def _stays_redeemed(method: str, path: str, _sent: Any, reply: Reply, memory: dict[str, Any]) -> Reply:
    """A reversal does not bring the claim back."""
    memory["reversed"] = memory.get("reversed", False) or path.endswith("/reverse")
    if memory["reversed"]:
        return _claim_seen("active", "redeemed")(method, path, _sent, reply, memory)
    return reply


def _is_payment(path: str) -> bool:
    return path.startswith("/v1/payments") and path.count("/") <= 3


def _amount_off(member: str, by: int) -> Breaks:
    """A payment is read with another amount."""

    def breaks(_method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
        if not _is_payment(path) or reply.status >= 300 or reply.json()["state"] != "succeeded":
            return reply
        money = reply.json()[member]
        return _with(reply, **{member: money | {"amount_minor": money["amount_minor"] + by}})

    return breaks


def _accepts(path_end: str, code: str) -> Breaks:
    """A money request that is refused is taken all the same."""

    def breaks(method: str, path: str, _sent: Any, reply: Reply, memory: dict[str, Any]) -> Reply:
        if method != "POST" or not path.endswith(path_end):
            return reply
        if reply.status == 201:
            memory["taken"] = reply
        return memory["taken"] if reply.code == code else reply

    return breaks


def _events(change: Callable[[list[dict[str, Any]], dict[str, Any]], list[dict[str, Any]]]) -> Breaks:
    """The feed tells something else."""

    def breaks(method: str, path: str, _sent: Any, reply: Reply, memory: dict[str, Any]) -> Reply:
        if (method, path, reply.status) != ("GET", "/v1/events", 200):
            return reply
        items = reply.json()["items"]
        changed = change([dict(item) for item in items], memory)
        return reply if changed == items else _with(reply, items=changed)

    return breaks


def _doubled(kind: str) -> Breaks:
    def change(items: list[dict[str, Any]], _memory: dict[str, Any]) -> list[dict[str, Any]]:
        copies = [dict(item) | {"id": str(uuid4())} for item in items if item["type"] == kind]
        return items + copies

    return _events(change)


def _without(kind: str) -> Breaks:
    return _events(lambda items, _memory: [item for item in items if item["type"] != kind])


def _told_twice(items: list[dict[str, Any]], _memory: dict[str, Any]) -> list[dict[str, Any]]:
    return items[:1] + items


def _bare_data(items: list[dict[str, Any]], _memory: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        item | {"data": {name: value for name, value in item["data"].items() if name != "occurred_at"}}
        for item in items
    ]


def _backwards(items: list[dict[str, Any]], _memory: dict[str, Any]) -> list[dict[str, Any]]:
    other = {"1": "2", "2": "1"}
    return [item | {"sequence": other.get(item["sequence"], item["sequence"])} for item in items]


def _lost_refund(_method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
    """A stray stays where it came."""
    if path == "/v1/events" and reply.status == 200:
        items = [item for item in reply.json()["items"] if not item["type"].startswith("fujin.refund.")]
        return _with(reply, items=items)
    if _is_payment(path) and reply.status < 300 and reply.json()["state"] == "stray":
        nothing = reply.json()["refunded"] | {"amount_minor": 0}
        return _with(reply, refunds=[], refunded=nothing)
    return reply


def _stray_is_kept(_method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
    """Money beside another payment counts as paid."""
    if _is_payment(path) and reply.status < 300 and reply.json()["state"] == "stray":
        return _with(reply, state="succeeded")
    return reply


def _refund_shrinks(_method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
    """A refund that succeeded is of one less."""
    if not _is_payment(path) or reply.status >= 300 or not reply.json()["refunds"]:
        return reply
    refunds = reply.json()["refunds"]
    refunds[0]["amount"]["amount_minor"] -= 1
    return _with(reply, refunds=refunds)


def _split_off(path_end: str) -> Breaks:
    """A part of a price split is one more than it should be."""

    def breaks(_method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
        if not path.endswith(path_end) or reply.status >= 300:
            return reply
        found = reply.json()
        split = found["price"] if "price" in found else found["units"][0]["split"]
        split["merchant_share"]["amount_minor"] += 1
        if "price" not in found:
            split["discount"]["amount_minor"] += 1
            split["payable"]["amount_minor"] -= 1
        return replace(reply, body=orjson.dumps(found))

    return breaks


def _line_lost(kind: str) -> Breaks:
    def breaks(_method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
        if path != "/v1/ledger" or reply.status != 200:
            return reply
        return _with(reply, items=[line for line in reply.json()["items"] if line["kind"] != kind])

    return breaks


def _keeps_money(_method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
    """A refund gives back one less than everything."""
    if _is_payment(path) and reply.status == 200 and reply.json()["refunded"]["amount_minor"]:
        money = reply.json()["refunded"]
        return _with(reply, refunded=money | {"amount_minor": money["amount_minor"] - 1})
    return reply


def _replayed_otherwise(method: str, _path: str, _sent: Any, reply: Reply, memory: dict[str, Any]) -> Reply:
    """An answer that is given again is written anew."""
    seen, key = memory.setdefault("keys", set()), memory["key"]
    if method != "POST" or key is None or reply.status >= 300:
        return reply
    if key in seen:
        return replace(reply, body=reply.body + b" ")
    seen.add(key)
    return reply


def _takes_another_body(_method: str, _path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
    return replace(reply, status=200) if reply.code in ("idempotency-key-mismatch", "invalid-body") else reply


def _statement_line_lost(_method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
    """A statement shows one line less than it sums up."""
    if not (path.startswith("/v1/settlements/") and path.endswith("/lines") and reply.status == 200):
        return reply
    return _with(reply, items=reply.json()["items"][1:])


def _statement_line_twice(_method: str, path: str, _sent: Any, reply: Reply, memory: dict[str, Any]) -> Reply:
    """Two statements have the same lines."""
    if path == "/v1/settlements" and reply.status == 200:
        items = reply.json()["items"]
        copy = dict(items[0]) | {"settlement_id": str(uuid4())}
        memory["of"] = {copy["settlement_id"]: items[0]["settlement_id"]}
        memory["items"] = {}
        return _with(reply, items=[*items, copy])
    if not path.startswith("/v1/settlements/"):
        return reply
    settlement_id, what = path.split("/")[3], path.split("/")[-1]
    if settlement_id in memory["of"]:
        return memory["items"].get((memory["of"][settlement_id], what), reply)
    memory["items"][settlement_id, what] = reply
    return reply


def _another_file(_method: str, path: str, _sent: Any, reply: Reply, _memory: dict[str, Any]) -> Reply:
    return replace(reply, body=reply.body.replace(b"0", b"1", 1)) if path.endswith("/lines.csv") else reply


FAULTS = (
    Fault("L4", "oversells", "of a stock of 3, ", _grants_more("sold-out")),
    Fault("L4", "keeps what was given back", "one of three was given back, and 0 more", _grants_no_more),
    Fault("L5", "grants beyond the limit", "with a limit of 2, one user was granted", _grants_more("user-limit")),
    Fault("L6", "uses a unit twice", "units of a claim of 2 were used", _uses_twice),
    Fault("L6", "takes a number twice", "the same request number under another key", _number_is_new),
    Fault("L7", "never redeemed", "after both units the claim is active", _claim_seen("redeemed", "active")),
    Fault("L7", "never active again", "after the reversal of one unit the claim is redeemed", _stays_redeemed),
    Fault("L8", "another amount", "are to be paid, the payment is of", _amount_off("amount", 1)),
    Fault("L8", "two payments", "takes a second payment", _accepts("/v1/payments", "payment-exists")),
    Fault("L8", "told twice", "2 payments of one redemption", _doubled("fujin.payment.succeeded.v1")),
    Fault("L9", "refunds too much", "more than was captured", _accepts("/refunds", "refund-exceeds-captured")),
    Fault("L9", "sum is off", "the refunds that succeeded sum to", _amount_off("refunded", 1)),
    Fault("L9", "not booked", "the ledger's lines of it sum to 0", _line_lost("capture")),
    Fault("L11", "keeps a stray", "0 of it went back", _lost_refund),
    Fault("L11", "knows no stray", "money beside another payment makes it succeeded", _stray_is_kept),
    Fault("L12", "keeps a seat's money", "were captured of a failed group", _refund_shrinks),
    Fault("L13", "a line is lost", "its lines sum to", _statement_line_lost),
    Fault("L13", "a line in two", "is in two statements", _statement_line_twice),
    Fault("L13", "another file", "has another hash than was told", _another_file),
    Fault("L15", "a gap", "are numbered", _without("fujin.claim.redeemed.v1")),
    Fault("L15", "twice in the feed", "tells an event twice", _events(_told_twice)),
    Fault("L15", "data without a member", "break its schema", _events(_bare_data)),
    Fault("L15", "out of order", "are numbered", _events(_backwards)),
    Fault("L16", "other bytes", "other bytes when sent again", _replayed_otherwise),
    Fault("L16", "another body under the key", "a key with another body is answered 200", _takes_another_body),
    Fault("L17", "told twice", "the end is told 2 times", _doubled("fujin.payment.succeeded.v1")),
    Fault("L17", "captures twice", "are captured", _amount_off("captured", 997)),
    Fault("L18", "a part too large", "not the sum of its parts", _split_off("/lookup")),
    Fault("L18", "units and whole differ", "its units' sum is", _split_off("/redemptions")),
    Fault("L22", "a line is lost", "the merchant's lines of the run sum to", _line_lost("undo_capture")),
    Fault("L22", "keeps some money", "keeps some of the money", _keeps_money),
)
