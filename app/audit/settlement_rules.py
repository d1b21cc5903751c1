"""Invariants of statements: each transfer in one line, lines that sum to the cent, and books that agree with both."""

from __future__ import annotations

from sqlalchemy import Connection, text

from app.audit.types import DataRule
from app.settlements.queries import all_lines
from app.settlements.rules import file_of, hash_of
from app.settlements.types import AMOUNTS

_STATEMENT = "'settlement ' || s.settlement_id || ' of city ' || s.city_id"
_LINE = "'line ' || l.line_no || ' of settlement ' || l.settlement_id || ' of city ' || l.city_id"
# Balances of accounts, debits positive.
_BALANCES = """
    SELECT city_id, account_id, sum(amount_minor) AS minor FROM (
        SELECT city_id, debit_account_id, amount_minor FROM transfers
        UNION ALL
        SELECT city_id, credit_account_id, -amount_minor FROM transfers
    ) AS sides (city_id, account_id, amount_minor)
    GROUP BY city_id, account_id
"""


def _files(conn: Connection, limit: int) -> list[tuple[str, str]]:
    """Closed statements whose lines no longer give the file that was told."""
    rows = conn.execute(
        text(
            "/* cross-city */ SELECT city_id, settlement_id, currency, file_sha256 FROM settlements"
            " WHERE state <> 'draft' ORDER BY city_id, settlement_id"
        )
    ).all()
    wrong = []
    for row in rows:
        found = hash_of(file_of(row.currency, all_lines(conn, row.city_id, row.settlement_id)))
        if found != bytes(row.file_sha256):
            detail = f"its lines give a file of SHA-256 {found.hex()}, {bytes(row.file_sha256).hex()} was told"
            wrong.append((f"settlement {row.settlement_id} of city {row.city_id}", detail))
    return wrong[:limit]


RULES = (
    DataRule(
        "settlement-sums",
        "L13",
        "the parts and the number of a statement's lines are what the statement says, a draft has none",
        ("settlements", "settlement_lines"),
        "settlements",
        f"""
        SELECT {_STATEMENT}, part || ' is ' || said || ', its lines have ' || coalesce(sum, 0)
        FROM settlements s
        LEFT JOIN (SELECT city_id, settlement_id, count(*) AS line_count,
                          {", ".join(f"sum({part}) AS {part}" for part in AMOUNTS)}
                   FROM settlement_lines GROUP BY city_id, settlement_id) l
          ON (l.city_id, l.settlement_id) = (s.city_id, s.settlement_id),
        LATERAL (VALUES ('line_count', s.line_count::numeric, l.line_count::numeric),
                        {", ".join(f"('{part}', s.{part}, l.{part})" for part in AMOUNTS)}) AS parts (part, said, sum)
        WHERE said <> coalesce(sum, 0)
        """,
    ),
    DataRule(
        "settlement-line-of-transfers",
        "L13",
        "what a line comes to is the sum of its transfers",
        ("settlement_lines", "settlement_transfers"),
        "settlement_lines",
        f"""
        SELECT {_LINE}, 'net ' || l.net_minor || ', its transfers add up to ' || coalesce(t.sum, 0)
        FROM settlement_lines l
        LEFT JOIN (SELECT city_id, settlement_id, line_no, sum(amount_minor) AS sum FROM settlement_transfers
                   GROUP BY city_id, settlement_id, line_no) t
          ON (t.city_id, t.settlement_id, t.line_no) = (l.city_id, l.settlement_id, l.line_no)
        WHERE l.net_minor IS DISTINCT FROM coalesce(t.sum, 0)
        """,
    ),
    DataRule(
        "settled-transfer-true",
        "L13",
        "a settled transfer stands on the payable account of the statement's merchant, in its amount and currency",
        ("settlements", "settlement_transfers", "transfers", "accounts"),
        "settlement_transfers",
        """
        SELECT 'transfer ' || m.transfer_id || ' of city ' || m.city_id,
               m.amount_minor || ' settled with settlement ' || m.settlement_id || ', it is '
               || coalesce(t.amount_minor::text, 'not one of that merchant')
        FROM settlement_transfers m
        JOIN settlements s ON (s.city_id, s.settlement_id) = (m.city_id, m.settlement_id)
        LEFT JOIN accounts a ON (a.city_id, a.kind, a.owner_id, a.currency)
                              = (s.city_id, 'merchant_payable', s.merchant_id, s.currency)
        LEFT JOIN LATERAL (
            SELECT CASE WHEN x.credit_account_id = a.account_id THEN x.amount_minor ELSE -x.amount_minor END
                     AS amount_minor
            FROM transfers x WHERE (x.city_id, x.transfer_id) = (m.city_id, m.transfer_id)
              AND a.account_id IN (x.debit_account_id, x.credit_account_id) AND x.ref_type <> 'settlement'
        ) t ON true
        WHERE t.amount_minor IS DISTINCT FROM m.amount_minor
        """,
    ),
    DataRule(
        "settled-when-final",
        "L13",
        "what is settled could not be reversed any more when its period ended",
        ("settlements", "settlement_lines", "redemptions"),
        "settlement_lines",
        f"""
        SELECT {_LINE}, 'redemption ' || r.redemption_id || ' could be reversed until ' || r.reverse_before
        FROM settlement_lines l
        JOIN settlements s ON (s.city_id, s.settlement_id) = (l.city_id, l.settlement_id)
        JOIN redemptions r ON (r.city_id, r.redemption_id) = (l.city_id, l.redemption_id)
        WHERE r.reverse_before >= s.period_to
        """,
    ),
    DataRule(
        "settlement-chain",
        "L13",
        "statements of a merchant count from 1, each begins where the one before ended and with what it carried on",
        ("settlements",),
        "settlements",
        f"""
        SELECT {_STATEMENT}, 'number ' || s.number || ' from ' || s.period_from || ' with ' || s.opening_minor
               || ', before it number ' || coalesce(s.number_before, 0) || ' until '
               || coalesce(s.ended_before::text, '-') || ' with ' || coalesce(s.carried_before, 0)
        FROM (
            SELECT city_id, settlement_id, state, number, period_from, opening_minor,
                   lag(number) OVER w AS number_before, lag(period_to) OVER w AS ended_before,
                   lag(carried_minor) OVER w AS carried_before
            FROM settlements WINDOW w AS (PARTITION BY city_id, merchant_id, currency ORDER BY number)
        ) s
        WHERE s.number <> coalesce(s.number_before, 0) + 1
           OR s.period_from <> coalesce(s.ended_before, s.period_from)
           OR (s.state <> 'draft' AND s.opening_minor <> coalesce(s.carried_before, 0))
        """,
    ),
    DataRule(
        "payable-is-unsettled",
        "L14",
        "what the platform owes a merchant beside its statements is what no statement has",
        ("accounts", "transfers", "settlement_transfers"),
        "accounts WHERE kind = 'merchant_payable'",
        f"""
        SELECT 'merchant ' || a.owner_id || ' of city ' || a.city_id,
               -coalesce(b.minor, 0) || ' ' || a.currency || ' payable, ' || coalesce(u.minor, 0) || ' not settled'
        FROM accounts a
        LEFT JOIN ({_BALANCES}) b ON (b.city_id, b.account_id) = (a.city_id, a.account_id)
        LEFT JOIN LATERAL (
            SELECT sum(CASE WHEN t.credit_account_id = a.account_id THEN t.amount_minor ELSE -t.amount_minor END)
                     AS minor
            FROM transfers t
            WHERE t.city_id = a.city_id AND a.account_id IN (t.debit_account_id, t.credit_account_id)
              AND t.ref_type <> 'settlement' AND NOT EXISTS (
                SELECT 1 FROM settlement_transfers m WHERE (m.city_id, m.transfer_id) = (t.city_id, t.transfer_id))
        ) u ON true
        WHERE a.kind = 'merchant_payable' AND -coalesce(b.minor, 0) <> coalesce(u.minor, 0)
        """,
    ),
    DataRule(
        "payout-due-is-closed",
        "L14",
        "what is due to be paid out is what closed statements say and have not paid, and what the last carries on",
        ("accounts", "transfers", "settlements"),
        "accounts WHERE kind = 'payout_due'",
        f"""
        SELECT 'merchant ' || a.owner_id || ' of city ' || a.city_id,
               -coalesce(b.minor, 0) || ' ' || a.currency || ' due, its statements say ' || coalesce(s.minor, 0)
        FROM accounts a
        LEFT JOIN ({_BALANCES}) b ON (b.city_id, b.account_id) = (a.city_id, a.account_id)
        LEFT JOIN (
            SELECT city_id, merchant_id, currency,
                   sum(CASE WHEN paid_at IS NULL THEN payout_minor ELSE 0 END)
                     + (array_agg(carried_minor ORDER BY number DESC))[1] AS minor
            FROM settlements WHERE state <> 'draft' GROUP BY city_id, merchant_id, currency
        ) s ON (s.city_id, s.merchant_id, s.currency) = (a.city_id, a.owner_id, a.currency)
        WHERE a.kind = 'payout_due' AND -coalesce(b.minor, 0) <> coalesce(s.minor, 0)
        """,
    ),
    DataRule(
        "settlement-file-true",
        "L13",
        "the lines of a closed statement give the file whose hash was told",
        ("settlements", "settlement_lines"),
        "settlements WHERE state <> 'draft'",
        "",
        check=_files,
    ),
)
