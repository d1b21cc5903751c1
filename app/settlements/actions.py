"""Statements begin as drafts, are closed, paid, disputed; each step is one transaction with its transfers and event.

A draft says until when; its lines are collected when it is closed, and are shown before as they would be then. Whoever
closes locks the draft, so that one transfer can't go into two statements even for a moment.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import NotFound
from app.core.ids import city_of, new_city_id
from app.core.money import Money
from app.ledger import actions as ledger
from app.outbox.queries import append
from app.settlements import queries, queries_due, rules
from app.settlements.errors import CutRefused, NothingToPay, NothingToSettle, SettlementOver
from app.settlements.events import settlement_event
from app.settlements.types import Amounts, Collected, Due, Line, Netting, Settlement, State

log = logging.getLogger("fujin.settlements")

TOLD = frozenset({"closed", "paid"})


def due_merchants(conn: Connection, city_id: int, cut: datetime) -> Sequence[tuple[UUID, str]]:
    """Merchants of a city, with their currencies, for which a statement up to a cut has lines or a draft waits."""
    found = {(due.merchant_id, due.currency) for due in queries_due.merchants_due(conn, city_id, cut)}
    return sorted(found | set(queries.drafts_of_city(conn, city_id)))


def draft(conn: Connection, city_id: int, merchant_id: UUID, currency: str, cut: datetime, now: datetime) -> Settlement:
    """The draft of a merchant, from where its last statement ended up to ``cut``; one that is there gets the new cut.

    CutRefused, NothingToSettle.
    """
    standing = queries.standing_of(conn, city_id, merchant_id, currency)
    if cut > now:
        raise CutRefused(f"{cut.isoformat()} lies in the future")
    if standing.period_to is not None and cut <= standing.period_to:
        raise CutRefused(f"the last statement ended at {standing.period_to.isoformat()}; end this one later")
    known = queries.draft_of(conn, city_id, merchant_id, currency)
    if known is not None:
        if cut <= known.period_from:
            raise CutRefused(f"the draft begins at {known.period_from.isoformat()}; end it later")
        queries.move_cut(conn, known, cut)
        found = queries.read_settlement(conn, city_id, known.settlement_id)
        assert found is not None
        return found
    since = standing.period_to or _oldest(queries_due.merchants_due(conn, city_id, cut), merchant_id, currency)
    if since is None:
        raise NothingToSettle("no line is due by then")
    fresh = Settlement(
        city_id=city_id,
        settlement_id=new_city_id(city_id),
        merchant_id=merchant_id,
        currency=currency,
        number=standing.number + 1,
        state="draft",
        period_from=since,
        period_to=cut,
        netting=Netting(0, 0, 0, 0, 0, 0),
        totals=Amounts(),
        line_count=0,
        file_sha256=None,
        created_at=now,
        closed_at=None,
        paid_at=None,
        payout_ref=None,
        disputed_at=None,
        dispute_reason=None,
        seq=0,
    )
    queries.insert_draft(conn, fresh)
    return fresh


def _oldest(dues: Sequence[Due], merchant_id: UUID, currency: str) -> datetime | None:
    return next((due.since for due in dues if (due.merchant_id, due.currency) == (merchant_id, currency)), None)


def collected(conn: Connection, settlement: Settlement) -> Collected:
    """The lines that a draft would have if it were closed now."""
    entries = queries_due.entries_due(
        conn, settlement.city_id, settlement.merchant_id, settlement.currency, settlement.period_to
    )
    sales = queries_due.sales_of(conn, settlement.city_id, {entry.redemption_id for entry in entries})
    return rules.collect(entries, sales)


def netting_of(conn: Connection, settlement: Settlement, lines_minor: int, floor_minor: int) -> Netting:
    """What a draft's lines would become if it were closed now."""
    standing = queries.standing_of(conn, settlement.city_id, settlement.merchant_id, settlement.currency)
    return rules.net(standing.carried_minor, lines_minor, standing.receivable_minor, floor_minor)


def foreseen(conn: Connection, settlement: Settlement, floor_minor: int) -> Settlement:
    """A draft with the amounts that it would have if it were closed now; others as they are."""
    if settlement.state != "draft":
        return settlement
    found = collected(conn, settlement)
    netting = netting_of(conn, settlement, found.totals.net_minor, floor_minor)
    return replace(settlement, netting=netting, totals=found.totals, line_count=len(found.lines))


def lines_shown(conn: Connection, settlement: Settlement) -> Iterable[Line]:
    """The lines of a statement in order, of a draft those that it would have now."""
    if settlement.state == "draft":
        return collected(conn, settlement).lines
    return queries.all_lines(conn, settlement.city_id, settlement.settlement_id)


def close(conn: Connection, settlement_id: UUID, floor_minor: int, now: datetime) -> Settlement:
    """The draft with its lines, its file's hash, its transfers and its event; NotFound, SettlementOver,
    NothingToSettle. What lies below the floor becomes receivable, with a line for those who run this."""
    known = _locked(conn, settlement_id, ("draft",))
    found = collected(conn, known)
    if not found.lines:
        raise NothingToSettle("no line is due by then")
    netting = netting_of(conn, known, found.totals.net_minor, floor_minor)
    queries.insert_lines(conn, known, found)
    closed = _move(
        conn,
        known,
        "closed",
        now,
        closed_at=now,
        file_sha256=rules.hash_of(rules.file_of(known.currency, found.lines)),
        **queries.closing(netting, found.totals, len(found.lines)),
    )
    ledger.post_settled(
        conn,
        closed.city_id,
        settlement_id=settlement_id,
        merchant_id=closed.merchant_id,
        currency=closed.currency,
        lines_minor=netting.lines_minor,
        receivable_minor=netting.receivable_minor,
        recovered_minor=netting.recovered_minor,
        now=now,
    )
    if netting.receivable_minor:
        about = {"settlement_id": str(settlement_id), "merchant_id": str(closed.merchant_id)}
        log.error(
            "a merchant owes more than it may carry on",
            extra={"alarm": True, "city_id": closed.city_id, "receivable_minor": netting.receivable_minor, **about},
        )
    return closed


def pay(conn: Connection, settlement_id: UUID, payout_ref: str, now: datetime) -> Settlement:
    """The statement, whose money left; again under the same reference is as good as once.

    NotFound, SettlementOver, NothingToPay.
    """
    known = _locked(conn, settlement_id, ("closed", "paid"))
    if known.state == "paid":
        if known.payout_ref != payout_ref:
            raise SettlementOver(f"it was paid as {known.payout_ref}")
        return known
    if known.netting.payout_minor == 0:
        raise NothingToPay(f"{known.netting.carried_minor} {known.currency} (minor units) are carried on")
    paid = _move(conn, known, "paid", now, paid_at=now, payout_ref=payout_ref)
    ledger.post_paid_out(
        conn,
        paid.city_id,
        settlement_id=settlement_id,
        merchant_id=paid.merchant_id,
        money=Money(paid.netting.payout_minor, paid.currency),
        now=now,
    )
    return paid


def dispute(conn: Connection, settlement_id: UUID, reason: str, now: datetime) -> Settlement:
    """The statement, held up until the dispute is over; NotFound, SettlementOver."""
    known = _locked(conn, settlement_id, ("closed", "paid"))
    return _move(conn, known, "disputed", now, disputed_at=now, dispute_reason=reason)


def resolve(conn: Connection, settlement_id: UUID, now: datetime) -> Settlement:
    """The statement as it was before its dispute; what was wrong goes into a later one. NotFound, SettlementOver."""
    known = _locked(conn, settlement_id, ("disputed",))
    back: State = "closed" if known.paid_at is None else "paid"
    return _move(conn, known, back, now, told=False, disputed_at=None, dispute_reason=None)


def _locked(conn: Connection, settlement_id: UUID, states: Sequence[State]) -> Settlement:
    found = queries.read_settlement(conn, city_of(settlement_id), settlement_id, lock=True)
    if found is None:
        raise NotFound("there is no such settlement")
    if found.state not in states:
        raise SettlementOver(f"it is {found.state}")
    return found


def _move(
    conn: Connection, known: Settlement, to: State, now: datetime, *, told: bool | None = None, **columns: Any
) -> Settlement:
    if (known.state, to) not in rules.EDGES:
        raise SettlementOver(f"a settlement can't go from {known.state} to {to}")
    tells = to in TOLD if told is None else told
    moved = queries.move_settlement(conn, known, to, told=tells, **columns)
    if moved is None:
        raise SettlementOver(f"settlement {known.settlement_id} is no longer {known.state}")
    if tells:
        append(conn, settlement_event(moved, now))
    return moved
