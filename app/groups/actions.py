"""How groups and seats change: guarded steps, with the event of each that merchants are told of.

The group's row is locked by whoever changes a counter of it. Locks: the claim, its payment, the group, the seat, then
stock and the ledger.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

from prometheus_client import Counter
from sqlalchemy import Connection

from app.groups import queries
from app.groups.errors import GroupAlreadyJoined
from app.groups.events import group_event
from app.groups.rules import money_counts, retry_at, tips
from app.groups.types import COUNTED, EDGES, SEAT_EDGES, Group, GroupState, Seat, SeatState
from app.outbox.queries import append

GROUPS: Final = Counter("fujin_groups_total", "Groups by what became of them", ["state"])
SEATS: Final = Counter("fujin_group_seats_total", "Seats of groups that were paid for")


class IllegalStep(RuntimeError):
    """The thing is not in a state from which this one can be reached; callers look at the locked row first."""


def begin(conn: Connection, group: Group) -> Group:
    """A new group without anybody in it; GroupAlreadyJoined when its starter has an open one of the coupon."""
    if not queries.insert_group(conn, group):
        other = queries.open_group_of(conn, group.city_id, group.coupon_id, group.member_id)
        found = {} if other is None else {"group_id": str(other.group_id)}
        raise GroupAlreadyJoined("you have an open group of this coupon: invite to that one", extra=found)
    return group


def take_seat(
    conn: Connection, group: Group, member_id: UUID, claim_id: UUID, now: datetime, trace: str | None, *, paid: bool
) -> Group:
    """The group, locked by the caller and seen to have room, with one seat more; ``paid`` where nothing costs.

    GroupAlreadyJoined.
    """
    seat = Seat(group.city_id, group.group_id, member_id, claim_id, "reserved", 0, None, now)
    if not queries.put_seat(conn, seat):
        raise GroupAlreadyJoined("one seat a member", extra={"group_id": str(group.group_id)})
    taken = _changed(conn, group, taken=group.taken + 1)
    return _join(conn, taken, seat, now, trace) if paid else taken


def seat_paid(conn: Connection, city_id: int, group_id: UUID, claim_id: UUID, now: datetime, trace: str | None) -> bool:
    """A payment of the claim, which the caller has locked, came: its seat counts, and makes the deal where it is the
    one that was missing. False when the group takes no money any more."""
    group = _locked(conn, city_id, group_id)
    seat = queries.lock_seat_of_claim(conn, city_id, claim_id)
    if seat is None or seat.state != "reserved" or not money_counts(group, now):
        return False
    _join(conn, group, seat, now, trace)
    return True


def seat_left(conn: Connection, city_id: int, group_id: UUID, claim_id: UUID, now: datetime) -> None:
    """The claim, which the caller has locked and ends, leaves its seat to somebody else; a made deal stays made."""
    group = _locked(conn, city_id, group_id)
    seat = queries.lock_seat_of_claim(conn, city_id, claim_id)
    if seat is None or seat.state not in ("reserved", "joined"):
        return
    paid = seat.state in COUNTED
    _move_seat(conn, seat, "left", now)
    _changed(conn, group, taken=group.taken - 1, joined=group.joined - paid)


def seat_refunding(conn: Connection, seat: Seat, now: datetime) -> None:
    """The seat's money is on its way back."""
    _move_seat(conn, seat, "refunding", now)


def seat_refunded(conn: Connection, seat: Seat, now: datetime) -> None:
    """The seat's money went back, or there was none."""
    _move_seat(conn, seat, "refunded", now)


def refund_refused(conn: Connection, seat: Seat, now: datetime) -> None:
    """The provider would not give the money back; it is asked again later, under the same number."""
    _move_seat(conn, seat, "joined", now, tries=seat.tries + 1, retry_at=retry_at(seat.tries, now))


def fail(conn: Connection, group: Group, now: datetime) -> Group:
    """The deadline of the group, which the caller has locked, is over without its target."""
    return _decide(conn, group, "failed", now, None, decided_at=now)


def close(conn: Connection, group: Group, now: datetime) -> Group:
    """Everybody's money went back."""
    return _decide(conn, group, "closed", now, None, closed_at=now)


def _join(conn: Connection, group: Group, seat: Seat, now: datetime, trace: str | None) -> Group:
    _move_seat(conn, seat, "joined", now)
    joined = group.joined + 1
    done = tips(group, joined)
    most = max(group.most_joined, joined)
    told = _changed(
        conn,
        group,
        joined=joined,
        most_joined=most,
        seq=group.seq + (2 if done else 1),
        **({"state": "succeeded", "decided_at": now} if done else {}),
    )
    first = replace(told, seq=group.seq + 1, state=group.state)
    append(conn, group_event(first, "joined", now, trace, claim_id=str(seat.claim_id)))
    SEATS.inc()
    if done:
        append(conn, group_event(told, "succeeded", now, trace))
        GROUPS.labels("succeeded").inc()
    return told


def _decide(
    conn: Connection, group: Group, to: GroupState, now: datetime, trace: str | None, **values: datetime
) -> Group:
    if (group.state, to) not in EDGES:
        raise IllegalStep(f"a group can't go from {group.state} to {to}")
    moved = _changed(conn, group, state=to, seq=group.seq + 1, **values)
    append(conn, group_event(moved, to, now, trace))
    GROUPS.labels(to).inc()
    return moved


def _changed(conn: Connection, group: Group, **values: object) -> Group:
    changed = queries.change_group(conn, group, **values)
    if changed is None:
        raise IllegalStep(f"group {group.group_id} is no longer {group.state}")
    return changed


def _move_seat(conn: Connection, seat: Seat, to: SeatState, now: datetime, **values: object) -> None:
    if (seat.state, to) not in SEAT_EDGES:
        raise IllegalStep(f"a seat can't go from {seat.state} to {to}")
    if not queries.move_seat(conn, seat, to, now, **values):
        raise IllegalStep(f"the seat of claim {seat.claim_id} is no longer {seat.state}")


def _locked(conn: Connection, city_id: int, group_id: UUID) -> Group:
    found = queries.lock_group(conn, city_id, group_id)
    if found is None:
        raise LookupError(f"group {group_id} of city {city_id} is gone")
    return found
