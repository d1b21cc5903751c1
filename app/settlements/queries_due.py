"""What is due for a statement: transfers on merchants' payable accounts that no statement has, and their sales.

A transfer is due when its redemption can't be reversed any more at the cut, and it was posted before it. Statements in
plain SQL: each reads one city, and the tables of redemption and payments beside the ledger's.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from app.settlements.types import Due, Entry, Sale

SALES_AT_ONCE = 5_000

# Both sides of an account by index; the redemption behind each transfer, whichever event it is of.
_DUE = """
    FROM accounts a
    JOIN LATERAL (
        SELECT t.transfer_id, t.kind, t.amount_minor, t.ref_type, t.ref_id, t.posted_at FROM transfers t
        WHERE t.city_id = :city AND t.credit_account_id = a.account_id
        UNION ALL
        SELECT t.transfer_id, t.kind, -t.amount_minor, t.ref_type, t.ref_id, t.posted_at FROM transfers t
        WHERE t.city_id = :city AND t.debit_account_id = a.account_id
    ) t ON t.ref_type <> 'settlement' AND t.posted_at < :cut
    LEFT JOIN redemption_units u
      ON t.ref_type = 'redemption_unit' AND (u.city_id, u.redemption_unit_id) = (:city, t.ref_id)
    LEFT JOIN refunds f ON t.ref_type = 'refund' AND (f.city_id, f.refund_id) = (:city, t.ref_id)
    LEFT JOIN payments p
      ON p.city_id = :city AND p.payment_id = CASE t.ref_type WHEN 'payment' THEN t.ref_id ELSE f.payment_id END
    JOIN redemptions r ON r.city_id = :city AND r.redemption_id = coalesce(u.redemption_id, p.purpose_id)
    WHERE a.city_id = :city AND a.kind = 'merchant_payable' AND r.reverse_before < :cut
      AND NOT EXISTS (SELECT 1 FROM settlement_transfers s
                      WHERE (s.city_id, s.transfer_id) = (:city, t.transfer_id))
"""
_DUES = text(
    f"SELECT a.owner_id, a.currency, min(t.posted_at) AS since {_DUE} GROUP BY 1, 2 ORDER BY 1, 2 LIMIT 100000"
)
_ENTRIES = text(f"""
    SELECT t.transfer_id, t.kind, t.amount_minor, t.posted_at, r.redemption_id,
           CASE t.ref_type WHEN 'payment' THEN t.ref_id END AS payment_id, f.refund_id, f.cause AS refund_cause,
           CASE t.ref_type WHEN 'payment' THEN p.fee_minor WHEN 'refund' THEN f.fee_returned_minor ELSE 0 END
             AS fee_minor
    {_DUE} AND a.owner_id = :merchant AND a.currency = :currency
    ORDER BY t.transfer_id
""")
# The fee for a prepaid claim falls on its units as its price does: what is left over on the first ones.
_SALES = text("""
    SELECT r.redemption_id, r.place_id, r.request_no, r.pos_order_no, r.committed_at, r.gross_minor, m.unused_minor,
           m.merchant_discount_minor, r.platform_share_minor AS platform_discount_minor, r.prepaid_minor,
           r.payable_minor, r.commission_minor, coalesce(c.captured_minor, 0) AS captured_minor, m.prepaid_fee_minor
    FROM redemptions r
    JOIN LATERAL (
        SELECT sum(greatest(0, u.prepaid_minor - u.discount_minor)) AS unused_minor,
               sum(greatest(0, u.discount_minor - u.prepaid_minor - u.platform_share_minor))
                 AS merchant_discount_minor,
               sum(coalesce(p.fee_minor / u.units + (u.unit_no <= p.fee_minor % u.units)::integer, 0))
                 AS prepaid_fee_minor
        FROM redemption_units u
        LEFT JOIN payments p ON (p.city_id, p.purpose, p.purpose_id) = (:city, 'claim', u.claim_id)
                            AND p.state = 'succeeded'
        WHERE (u.city_id, u.redemption_id) = (:city, r.redemption_id)
    ) m ON true
    LEFT JOIN LATERAL (
        SELECT sum(p.captured_minor) AS captured_minor FROM payments p
        WHERE (p.city_id, p.purpose, p.purpose_id) = (:city, 'redemption', r.redemption_id)
          AND p.state = 'succeeded' AND p.provider <> 'cash'
    ) c ON true
    WHERE r.city_id = :city AND r.redemption_id = ANY (:ids)
""")
_EVENTS = text("""
    SELECT t.transfer_id, r.redemption_id, r.place_id, u.coupon_id, u.claim_id
    FROM transfers t
    LEFT JOIN redemption_units u
      ON t.ref_type = 'redemption_unit' AND (u.city_id, u.redemption_unit_id) = (:city, t.ref_id)
    LEFT JOIN refunds f ON t.ref_type = 'refund' AND (f.city_id, f.refund_id) = (:city, t.ref_id)
    LEFT JOIN payments p
      ON p.city_id = :city AND p.payment_id = CASE t.ref_type WHEN 'payment' THEN t.ref_id ELSE f.payment_id END
    JOIN redemptions r ON r.city_id = :city AND r.redemption_id = coalesce(u.redemption_id, p.purpose_id)
    WHERE t.city_id = :city AND t.transfer_id = ANY (:ids)
""")


def merchants_due(conn: Connection, city_id: int, cut: datetime) -> tuple[Due, ...]:
    """Merchants of a city with transfers that are due at a cut."""
    rows = conn.execute(_DUES, {"city": city_id, "cut": cut})
    return tuple(Due(row.owner_id, row.currency, row.since) for row in rows)


def entries_due(conn: Connection, city_id: int, merchant_id: UUID, currency: str, cut: datetime) -> tuple[Entry, ...]:
    """The transfers of a merchant that are due at a cut."""
    given = {"city": city_id, "merchant": merchant_id, "currency": currency, "cut": cut}
    return tuple(Entry(*row) for row in conn.execute(_ENTRIES, given))


def sales_of(conn: Connection, city_id: int, redemption_ids: Collection[UUID]) -> dict[UUID, Sale]:
    """What each of some redemptions was about."""
    wanted, found = sorted(redemption_ids), {}
    for first in range(0, len(wanted), SALES_AT_ONCE):
        ids = wanted[first : first + SALES_AT_ONCE]
        for row in conn.execute(_SALES, {"city": city_id, "ids": ids}):
            found[row.redemption_id] = Sale(*(_whole(value) for value in row))
    return found


def events_of_transfers(
    conn: Connection, city_id: int, transfer_ids: Sequence[UUID]
) -> dict[UUID, tuple[UUID, UUID, UUID | None, UUID | None]]:
    """Redemption, place, and for a unit's transfer its coupon and claim, behind each of some transfers."""
    rows = conn.execute(_EVENTS, {"city": city_id, "ids": list(transfer_ids)})
    return {row.transfer_id: (row.redemption_id, row.place_id, row.coupon_id, row.claim_id) for row in rows}


def _whole(value: Any) -> Any:
    """Sums of bigint come as decimals."""
    return int(value) if type(value).__name__ == "Decimal" else value
