"""Invariants of the ledger: it is what the business rows say, once each, and its kept balances are right."""

from __future__ import annotations

from app.audit.ledger_sql import DERIVATION, NEEDS
from app.audit.types import DataRule

_ACCOUNT = "'account ' || a.account_id || ' of city ' || a.city_id"

RULES = (
    DataRule(
        "ledger-derived",
        "I13",
        "the ledger derived again by the posting table equals the stored transfers",
        NEEDS,
        "transfers",
        f"{DERIVATION} SELECT kind || ' of ' || ref_type || ' ' || ref_id || ' of city ' || city_id, wrong"
        " FROM differences",
    ),
    DataRule(
        "posted-once",
        "I14",
        "a business event is posted once a kind",
        ("transfers",),
        "transfers",
        "SELECT kind || ' of ' || ref_type || ' ' || ref_id || ' of city ' || city_id, 'posted ' || count(*)"
        " || ' times' FROM transfers GROUP BY city_id, ref_type, ref_id, kind HAVING count(*) > 1",
    ),
    DataRule(
        "balance-of-transfers",
        "I15",
        "the balance that an account keeps is the sum of its transfers",
        ("accounts", "transfers"),
        "accounts WHERE floor_minor IS NOT NULL",
        f"""
        SELECT {_ACCOUNT}, 'it keeps ' || a.balance_minor || ', its transfers add up to ' || coalesce(t.sum, 0)
        FROM accounts a
        LEFT JOIN (
            SELECT city_id, account_id, sum(amount_minor) AS sum FROM (
                SELECT city_id, debit_account_id, amount_minor FROM transfers
                UNION ALL
                SELECT city_id, credit_account_id, -amount_minor FROM transfers
            ) AS sides (city_id, account_id, amount_minor)
            GROUP BY city_id, account_id
        ) t ON (t.city_id, t.account_id) = (a.city_id, a.account_id)
        WHERE a.floor_minor IS NOT NULL AND a.balance_minor IS DISTINCT FROM coalesce(t.sum, 0)
        """,
    ),
    DataRule(
        "balance-above-floor",
        "I16",
        "no balance lies below its floor, and every budget that can be drawn on has one",
        ("accounts",),
        "accounts",
        f"""
        SELECT {_ACCOUNT}, a.kind || ' of ' || a.owner_id || ' has ' || coalesce(a.balance_minor::text, 'no balance')
               || ', its floor is ' || coalesce(a.floor_minor::text, 'missing')
        FROM accounts a
        WHERE a.balance_minor < a.floor_minor OR (a.kind = 'promo_available' AND a.floor_minor IS DISTINCT FROM 0)
        """,
    ),
    DataRule(
        "redemption-in-ledger",
        "I17",
        "a committed unit that moves money has its transfers",
        ("audit.redemption", "audit.transfer"),
        "audit.redemption WHERE needs_ledger",
        """
        SELECT 'unit ' || r.redemption_unit_id || ' of city ' || r.city_id, 'committed at ' || r.committed_at
               || ', and nothing is posted for it'
        FROM audit.redemption r WHERE r.needs_ledger AND NOT EXISTS (
            SELECT 1 FROM audit.transfer t
            WHERE (t.city_id, t.ref_type, t.ref_id) = (r.city_id, 'redemption_unit', r.redemption_unit_id))
        """,
    ),
)
