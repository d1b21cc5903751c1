"""What has to be true after any run of claims: the callers' journals and the database tell the same story."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import sqlalchemy as sa

from tests.faults.claim_clients import Line

LIVE = "c.state NOT IN ('released', 'cancelled')"


@dataclass(slots=True)
class Journaled:
    """What callers were told, put together from their lines."""

    answers: dict[str, set[bytes]] = field(default_factory=dict)  # by key: hashes of status and body of final answers
    operations: dict[str, tuple[str, str, str]] = field(default_factory=dict)  # by key: operation, member, thing
    granted: dict[str, str] = field(default_factory=dict)  # by claim: key
    cancelled: set[str] = field(default_factory=set)
    codes: dict[str, set[str]] = field(default_factory=dict)  # by claim
    statuses: Counter[str] = field(default_factory=Counter)
    requests: int = 0
    without_retry_after: int = 0
    good_at: list[float] = field(default_factory=list)  # when a 2xx to a claim had come

    def add(self, line: Line) -> None:
        """Takes one line in."""
        self.requests += 1
        self.operations.setdefault(line.key, (line.operation, line.member, line.thing))
        refused = 400 <= line.status < 500
        self.statuses[f"{line.status} {json.loads(line.body)['code']}" if refused else str(line.status)] += 1
        if line.status in (503, 429) and not line.retry_after:
            self.without_retry_after += 1
        if not line.final:
            return
        said = hashlib.sha256(f"{line.status} {line.body}".encode()).digest()
        self.answers.setdefault(line.key, set()).add(said)
        if not line.good:
            return
        body = json.loads(line.body)
        if line.operation == "claim":
            self.granted[body["claim_id"]] = line.key
            self.good_at.append(line.at + line.took_s)
        elif line.operation == "cancel":
            self.cancelled.add(line.thing)
        else:
            self.codes.setdefault(line.thing, set()).add(body["human_code"])


def read_journals(lines: Iterable[Line]) -> Journaled:
    """Everything that callers were told."""
    found = Journaled()
    for line in lines:
        found.add(line)
    found.good_at.sort()
    return found


@dataclass(frozen=True, slots=True)
class Finding:
    """A promise and how often it was broken."""

    promise: str
    breaches: int
    example: str = ""


def check(conn: sa.Connection, told: Journaled, per_member: int) -> list[Finding]:
    """Every promise with its breaches; all of them have none when all is well."""
    return [*_of_callers(told), *_of_both(conn, told), *_of_rows(conn, per_member), *_of_events(conn)]


def _of_callers(told: Journaled) -> list[Finding]:
    unanswered = [key for key in told.operations if key not in told.answers]
    several = [key for key, said in told.answers.items() if len(said) > 1]
    return [
        _finding("every key came to a final answer", unanswered),
        _finding("every key gave one answer, byte for byte", several),
        _finding("a claim shows one code for ever", [c for c, seen in told.codes.items() if len(seen) > 1]),
        _finding("no answer was a 500 or another fault of ours than 503", _faults(told.statuses)),
        Finding("every 503 and 429 says when to ask again", told.without_retry_after),
    ]


def _faults(statuses: Counter[str]) -> list[str]:
    return [f"{count} × {status}" for status, count in statuses.items() if status[0] == "5" and status != "503"]


def _of_both(conn: sa.Connection, told: Journaled) -> list[Finding]:
    rows = {
        str(row.claim_id): row
        for row in conn.execute(sa.text("SELECT claim_id, coupon_id, member_id, state FROM claims"))
    }
    lost = [claim for claim in told.granted if claim not in rows]
    strange = [
        claim
        for claim, key in told.granted.items()
        if claim in rows and told.operations[key][1:] != (str(rows[claim].member_id), str(rows[claim].coupon_id))
    ]
    unasked = [claim for claim in rows if claim not in told.granted]
    keys = Counter(told.granted.values())
    undone = [claim for claim in told.cancelled if claim in rows and rows[claim].state != "cancelled"]
    ended = [claim for claim, row in rows.items() if row.state == "cancelled" and claim not in told.cancelled]
    return [
        _finding("0 lost: every claim that was told of is there", lost),
        _finding("every claim belongs to the member and the coupon that were asked for", strange),
        _finding("0 doubled: every claim was told under exactly one key", unasked),
        _finding("0 doubled: no key brought two claims", [key for key, count in keys.items() if count > 1]),
        _finding("every cancelling that was told of is there, and no other", undone + ended),
    ]


def _of_rows(conn: sa.Connection, per_member: int) -> list[Finding]:
    oversold = conn.execute(
        sa.text(
            "SELECT v.coupon_id::text || ': ' || count(c.claim_id) || ' of ' || v.quota FROM coupon_versions v"
            " LEFT JOIN claims c ON (c.city_id, c.coupon_id) = (v.city_id, v.coupon_id)"
            f" AND {LIVE} GROUP BY v.coupon_id, v.quota HAVING count(c.claim_id) > v.quota"
        )
    )
    miscounted = conn.execute(
        sa.text(
            "SELECT s.coupon_id::text || ' bucket ' || s.bucket FROM coupon_stock s WHERE s.taken <> (SELECT count(*)"
            " FROM claims c WHERE (c.city_id, c.coupon_id, c.bucket) = (s.city_id, s.coupon_id, s.bucket)"
            f" AND {LIVE})"
        )
    )
    greedy = conn.execute(
        sa.text(
            f"SELECT c.member_id::text FROM claims c WHERE {LIVE} GROUP BY c.coupon_id, c.member_id"
            " HAVING count(*) > :per_member"
        ),
        {"per_member": per_member},
    )
    return [
        _finding("0 oversold: no coupon has more live claims than its quota", oversold.scalars().all()),
        _finding("each bucket counts the live claims taken from it", miscounted.scalars().all()),
        _finding("no member holds more of a coupon than its terms allow", greedy.scalars().all()),
    ]


def _of_events(conn: sa.Connection) -> list[Finding]:
    silent = conn.execute(
        sa.text(
            "SELECT c.claim_id::text FROM claims c WHERE c.seq <> (SELECT count(*) FROM outbox_events e"
            " WHERE (e.city_id, e.aggregate_id) = (c.city_id, c.claim_id) AND e.seq <= c.seq)"
        )
    )
    unfounded = conn.execute(
        sa.text(
            "SELECT e.event_id::text FROM outbox_events e WHERE e.type LIKE 'fujin.claim.%' AND NOT EXISTS (SELECT 1"
            " FROM claims c WHERE (c.city_id, c.claim_id) = (e.city_id, e.aggregate_id) AND c.seq >= e.seq)"
        )
    )
    return [
        _finding("0 orphans: each step of a claim has its event", silent.scalars().all()),
        _finding("0 orphans: no event tells of what did not happen", unfounded.scalars().all()),
    ]


def check_stamps(conn: sa.Connection, unstamped: Sequence[str]) -> list[Finding]:
    """Promises of the relay; ``unstamped`` are the events that it had time for and gave no position."""
    gaps = conn.execute(
        sa.text(
            "SELECT city_id || ': ' || count(*) || ' events up to ' || max(position) FROM outbox_events"
            " WHERE position IS NOT NULL GROUP BY city_id HAVING count(*) <> max(position) OR min(position) <> 1"
        )
    )
    backwards = conn.execute(
        sa.text(
            "SELECT later.event_id::text FROM outbox_events later JOIN outbox_events earlier"
            " ON (earlier.city_id, earlier.aggregate_id, earlier.seq) = (later.city_id, later.aggregate_id,"
            " later.seq - 1) WHERE later.position < earlier.position"
        )
    )
    return [
        _finding("every event was stamped", unstamped),
        _finding("the positions of a city have no gap", gaps.scalars().all()),
        _finding("what happened later to a claim stands later", backwards.scalars().all()),
    ]


def _finding(promise: str, broken: Sequence[str]) -> Finding:
    return Finding(promise, len(broken), str(broken[0]) if broken else "")
