"""How a redemption begins and changes its state: one guarded step with its event.

Claims, money and the ledger are the flow's: it calls these steps between its own. Callers hold the redemption's lock.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection

from app.outbox.queries import append
from app.redemption import queries
from app.redemption.events import told
from app.redemption.types import EDGES, HOLD_LEASE, Occasion, Redemption, State, Unit


class IllegalStep(RuntimeError):
    """The redemption is not in the state from which the step starts; callers look at the locked row first."""


def begin(conn: Connection, fresh: Redemption, units: Sequence[Unit], on: Occasion) -> Redemption | None:
    """A redemption, held or committed, with its live units; None when its request number is taken."""
    stored = queries.insert_redemption(conn, fresh)
    if stored is not None:
        queries.insert_units(conn, stored.city_id, stored.redemption_id, units)
        append(conn, told(stored, units, on))
    return stored


def commit(conn: Connection, held: Redemption, units: Sequence[Unit], on: Occasion) -> Redemption:
    """The hold becomes a use that can be reversed for a while; IllegalStep."""
    reverse_before = on.now + timedelta(seconds=held.reversal_window_s)
    return _move(
        conn, held, units, "committed", on, committed_at=on.now, reverse_before=reverse_before, lease_until=None
    )


def void(conn: Connection, held: Redemption, units: Sequence[Unit], reason: str | None, on: Occasion) -> Redemption:
    """The hold is over unused, its units are free; IllegalStep."""
    queries.free_units_of(conn, held.city_id, held.redemption_id)
    return _move(conn, held, units, "voided", on, ended_at=on.now, reason=reason, lease_until=None)


def reverse(
    conn: Connection, committed: Redemption, units: Sequence[Unit], reason: str | None, on: Occasion
) -> Redemption:
    """The use is undone, its units are free; IllegalStep."""
    queries.free_units_of(conn, committed.city_id, committed.redemption_id)
    return _move(conn, committed, units, "reversed", on, ended_at=on.now, reason=reason, reversal_pending=False)


def extend_lease(conn: Connection, held: Redemption, on: Occasion) -> None:
    """Holds on while money may still come; no state changes, so nothing is told."""
    if queries.extend_lease(conn, held.city_id, held.redemption_id, on.now + HOLD_LEASE) is None:
        raise IllegalStep(f"redemption {held.redemption_id} is no longer held")


def _move(
    conn: Connection, before: Redemption, units: Sequence[Unit], after: State, on: Occasion, **columns: Any
) -> Redemption:
    if (before.state, after) not in EDGES:
        raise IllegalStep(f"a redemption can't go from {before.state} to {after}")
    moved = queries.move_redemption(conn, before.city_id, before.redemption_id, before.state, after, **columns)
    if moved is None:
        raise IllegalStep(f"redemption {before.redemption_id} is no longer {before.state}")
    append(conn, told(moved, units, on))
    return moved
