"""What audits read of claims, redemptions, payments, the ledger and the outbox, and what each role may do there."""

from __future__ import annotations

from migrations import ddl

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

VIEWS = {
    "claim": """
        SELECT claim_id, city_id, coupon_id, coupon_version, units, member_id, state, live, price_minor > 0 AS needs_payment,
               code_key, claimed_at AS created_at
        FROM claims
    """,
    "redemption": """
        SELECT r.redemption_id, r.city_id, u.redemption_unit_id, u.claim_id, u.unit_no, r.merchant_id, r.place_id,
               r.request_no, u.gross_minor, u.discount_minor, u.platform_share_minor, u.prepaid_minor,
               u.commission_minor AS fee_minor, r.currency, u.live, r.state = 'committed' AS committed, r.committed_at,
               CASE WHEN r.state = 'reversed' THEN r.ended_at END AS reversed_at,
               r.committed_at IS NOT NULL
                 AND (u.platform_share_minor > 0 OR u.prepaid_minor > 0 OR u.commission_minor > 0) AS needs_ledger
        FROM redemptions r
        JOIN redemption_units u ON (u.city_id, u.redemption_id) = (r.city_id, r.redemption_id)
    """,
    "outbox": """
        SELECT event_id, city_id, aggregate_id, seq, position, type, occurred_at AS created_at, done_at, dead_at
        FROM outbox_events
    """,
    "delivery": "SELECT event_id, endpoint_id, city_id, attempt, at, ok FROM delivery_attempts",
    "transfer": """
        SELECT transfer_id, city_id, debit_account_id, credit_account_id, currency, amount_minor, ref_type, ref_id, kind
        FROM transfers
    """,
    "balance": """
        SELECT account_id, city_id, currency, balance_minor, floor_minor FROM accounts WHERE floor_minor IS NOT NULL
    """,
    "payment": """
        SELECT payment_id, city_id, provider, trade_no, purpose, purpose_id, amount_minor, captured_minor,
               refunding_minor, refunded_minor, fee_minor, currency, state
        FROM payments
    """,
    "refund": "SELECT refund_id, city_id, payment_id, refund_no, amount_minor, state, reason FROM refunds",
    "job": "SELECT job_id, city_id, kind, ref_id, state, run_at FROM jobs",
    "provider_event": "SELECT provider, event_key AS event_id, applied FROM provider_events",
}

READ_BY_APP = (
    "outbox_events, outbox_positions, webhook_endpoints, deliveries, delivery_attempts, jobs, claims, coupon_day_stock,"
    " redemptions, redemption_units, wrong_codes, payments, refunds, provider_events, wallet_trades, wallet_refunds,"
    " wallet_notices, accounts, transfers, worker_beats"
)
CHANGED_BY_APP = (
    "outbox_events, outbox_positions, webhook_endpoints, deliveries, jobs, claims, coupon_day_stock, redemptions,"
    " redemption_units, wrong_codes, payments, refunds, provider_events, wallet_trades, wallet_refunds, wallet_notices,"
    " accounts, worker_beats"
)
APPENDED_BY_APP = "transfers, delivery_attempts"


def upgrade() -> None:
    """Transfers and attempts can be added by the application, never changed; nothing of the flow is removed."""
    for name, query in VIEWS.items():
        ddl.run(f"CREATE VIEW audit.{name} AS {query}")
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "TABLE " + ", ".join(f"audit.{name}" for name in VIEWS))
    ddl.grant("fujin_app", "SELECT", f"TABLE {READ_BY_APP}")
    ddl.grant("fujin_app", "INSERT, UPDATE", f"TABLE {CHANGED_BY_APP}")
    ddl.grant("fujin_app", "INSERT", f"TABLE {APPENDED_BY_APP}")
    ddl.grant("fujin_app", "DELETE", "TABLE wrong_codes, worker_beats")


def downgrade() -> None:
    """Drops the views; grants on tables go with the tables."""
    for name in reversed(VIEWS):
        ddl.run(f"DROP VIEW audit.{name}")
    ddl.revoke("fujin_app", "ALL", f"TABLE {READ_BY_APP}")
