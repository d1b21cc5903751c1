"""Invariants of payments and refunds, of what providers told, and of what was paid for."""

from __future__ import annotations

from app.audit.types import DataRule

_PAYMENT = "'payment ' || p.payment_id || ' of city ' || p.city_id"
_REFUND = "'refund ' || f.refund_id || ' of city ' || f.city_id"
_CLAIM = "'claim ' || c.claim_id || ' of city ' || c.city_id"
_FOR_CLAIM = "(p.city_id, p.purpose, p.purpose_id) = (c.city_id, 'claim', c.claim_id)"
_FOR_REDEMPTION = "(p.city_id, p.purpose, p.purpose_id) = (r.city_id, 'redemption', r.redemption_id)"
_UNDER_WAY = "('created', 'pending', 'unknown', 'cancelling')"


def _watched(thing: str, table: str, job: str, key: str, states: str) -> str:
    """Things that wait for a provider for over fifteen minutes, and no job is due that asks for them."""
    return f"""
        SELECT {thing}, state || ' since ' || created_at || ', and no job asks for it' FROM {table}
        WHERE state IN {states} AND created_at < :now - interval '15 minutes' AND NOT EXISTS (
            SELECT 1 FROM jobs j WHERE (j.city_id, j.kind, j.ref_id) = ({key}) AND j.kind = '{job}' AND j.state = 'due')
    """


RULES = (
    DataRule(
        "refund-within-capture",
        "I18",
        "what is refunded or being refunded was captured, and no more was captured than asked",
        ("audit.payment",),
        "audit.payment",
        f"""
        SELECT {_PAYMENT}, p.refunded_minor || ' refunded, ' || p.refunding_minor || ' being refunded, '
               || p.captured_minor || ' captured of ' || p.amount_minor
        FROM audit.payment p
        WHERE least(p.refunded_minor, p.refunding_minor, p.captured_minor, p.amount_minor - 1) < 0
           OR p.refunded_minor + p.refunding_minor > p.captured_minor OR p.captured_minor > p.amount_minor
        """,
    ),
    DataRule(
        "refunds-add-up",
        "I18",
        "what a payment says of its refunds is the sum of them",
        ("payments", "refunds"),
        "payments",
        f"""
        SELECT {_PAYMENT}, word || ' ' || said || ', its refunds add up to ' || coalesce(sum, 0)
        FROM payments p
        LEFT JOIN (SELECT city_id, payment_id, sum(amount_minor) FILTER (WHERE state = 'succeeded') AS refunded,
                          sum(amount_minor) FILTER (WHERE state IN ('requested', 'pending')) AS refunding,
                          sum(fee_returned_minor) FILTER (WHERE state = 'succeeded') AS fee_returned
                   FROM refunds GROUP BY city_id, payment_id) f
          ON (f.city_id, f.payment_id) = (p.city_id, p.payment_id),
        LATERAL (VALUES ('refunded', p.refunded_minor, f.refunded), ('being refunded', p.refunding_minor, f.refunding),
                        ('fee returned', p.fee_returned_minor, f.fee_returned)) AS sums (word, said, sum)
        WHERE said <> coalesce(sum, 0)
        """,
    ),
    DataRule(
        "trade-used-once",
        "I19",
        "a provider's trade pays one payment, in all cities together",
        ("payments",),
        "payments WHERE provider_trade_no IS NOT NULL",
        "SELECT 'trade ' || provider_trade_no || ' of ' || provider, 'it stands for ' || count(*) || ' payments'"
        " FROM payments WHERE provider_trade_no IS NOT NULL GROUP BY provider, provider_trade_no HAVING count(*) > 1",
    ),
    DataRule(
        "notice-applied-once",
        "I20",
        "a notice that was applied is of a payment of ours, and no other with the same words was applied",
        ("provider_events", "payments"),
        "provider_events",
        """
        SELECT 'notice ' || event_key || ' of ' || provider, 'no payment has the trade ' || trade_no
        FROM provider_events e WHERE applied AND NOT EXISTS (
            SELECT 1 FROM payments p WHERE p.provider = e.provider AND e.trade_no IN (p.trade_no, p.provider_trade_no))
        UNION ALL
        SELECT 'notice ' || min(event_key) || ' of ' || provider, 'it was applied ' || count(*) || ' times'
        FROM provider_events WHERE applied GROUP BY provider, trade_no, body HAVING count(*) > 1
        """,
    ),
    DataRule(
        "live-claim-paid",
        "I21",
        "a claim that has a price and is past paying has a payment of that price",
        ("claims", "payments"),
        "claims WHERE price_minor > 0",
        f"""
        SELECT {_CLAIM}, c.state || ', and no payment of ' || c.price_minor || ' ' || c.currency || ' succeeded'
        FROM claims c
        WHERE c.price_minor > 0 AND c.state IN ('active', 'redeemed', 'expired') AND NOT EXISTS (
            SELECT 1 FROM payments p WHERE {_FOR_CLAIM} AND p.state = 'succeeded'
               AND (p.captured_minor, p.currency) = (c.price_minor, c.currency))
        """,
    ),
    DataRule(
        "money-for-something",
        "I22",
        "a payment that succeeded paid for something that stands, or goes back",
        ("payments", "claims", "redemptions"),
        "payments WHERE state = 'succeeded'",
        f"""
        SELECT {_PAYMENT}, 'succeeded, its ' || p.purpose || ' is ' || coalesce(c.state, r.state, 'missing')
        FROM payments p LEFT JOIN claims c ON {_FOR_CLAIM} LEFT JOIN redemptions r ON {_FOR_REDEMPTION}
        WHERE p.state = 'succeeded' AND p.refunded_minor + p.refunding_minor < p.captured_minor
          AND CASE p.purpose WHEN 'claim' THEN coalesce(c.state IN ('pending_payment', 'released', 'cancelled'), true)
                             ELSE coalesce(r.state IN ('held', 'voided'), true) END
        """,
    ),
    DataRule(
        "redemption-paid-once",
        "L8",
        "a redemption has one succeeded payment at most, of what was payable",
        ("payments", "redemptions"),
        "payments WHERE purpose = 'redemption' AND state = 'succeeded'",
        """
        SELECT 'redemption ' || r.redemption_id || ' of city ' || r.city_id, wrong
        FROM redemptions r
        JOIN (SELECT city_id, purpose_id, count(*) AS n, sum(captured_minor) AS captured_minor,
                     min(currency) AS currency FROM payments
              WHERE purpose = 'redemption' AND state = 'succeeded' GROUP BY city_id, purpose_id) p
          ON (p.city_id, p.purpose_id) = (r.city_id, r.redemption_id),
        LATERAL (SELECT CASE
            WHEN p.n > 1 THEN p.n || ' payments succeeded'
            WHEN (p.captured_minor, p.currency) <> (r.payable_minor, r.currency)
            THEN r.payable_minor || ' ' || r.currency || ' payable, ' || p.captured_minor || ' ' || p.currency
                 || ' captured' END AS wrong) AS faults
        WHERE wrong IS NOT NULL
        """,
    ),
    DataRule(
        "stray-refunded",
        "L11",
        "the money of every stray payment goes back, or the provider refused to give it",
        ("payments", "refunds"),
        "payments WHERE state = 'stray'",
        f"""
        SELECT {_PAYMENT}, 'stray, and ' || p.captured_minor - p.refunded_minor - p.refunding_minor || ' '
               || p.currency || ' have no refund' FROM payments p
        WHERE p.state = 'stray' AND p.refunded_minor + p.refunding_minor < p.captured_minor AND NOT EXISTS (
            SELECT 1 FROM refunds f WHERE (f.city_id, f.payment_id) = (p.city_id, p.payment_id) AND f.cause = 'stray'
               AND f.state = 'failed')
        """,
    ),
    DataRule(
        "refunded-claim-repaid",
        "I22",
        "a refunded claim that had a price has a refund that succeeded",
        ("claims", "payments", "refunds"),
        "claims WHERE state = 'refunded' AND price_minor > 0",
        f"""
        SELECT {_CLAIM}, 'refunded, and no refund succeeded' FROM claims c
        WHERE c.state = 'refunded' AND c.price_minor > 0 AND NOT EXISTS (
            SELECT 1 FROM payments p WHERE {_FOR_CLAIM} AND p.refunded_minor > 0)
        """,
    ),
    DataRule(
        "payment-watched",
        "L10",
        "a payment that waits for a provider for over fifteen minutes has a job that asks",
        ("payments", "jobs"),
        f"payments WHERE state IN {_UNDER_WAY}",
        _watched(_PAYMENT, "payments p", "payment.resolve", "p.city_id, 'payment.resolve', p.payment_id", _UNDER_WAY),
    ),
    DataRule(
        "refund-watched",
        "L10",
        "a refund that waits for a provider for over fifteen minutes has a job that asks",
        ("refunds", "jobs"),
        "refunds WHERE state IN ('requested', 'pending')",
        _watched(
            _REFUND,
            "refunds f",
            "refund.resolve",
            "f.city_id, 'refund.resolve', f.refund_id",
            "('requested', 'pending')",
        ),
    ),
)
