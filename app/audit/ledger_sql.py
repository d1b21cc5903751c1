"""The ledger derived again from payments, refunds, redeemed units, budgets and statements, as SQL of its own.

It is written from the posting table of docs/ledger.md and shares nothing with the code that posts, so that a mistake
in one of the two shows as a difference.
"""

from __future__ import annotations

from typing import Final

# CTEs: ``derived`` and ``stored`` have the same columns, ``differences`` says (city_id, ref_type, ref_id, kind, wrong).
DERIVATION: Final = """
WITH table_of_postings (kind, debit, credit) AS (VALUES
    ('capture', 'provider_clearing', 'merchant_payable'),
    ('prepaid', 'provider_clearing', 'prepaid_liability'),
    ('stray', 'provider_clearing', 'stray_liability'),
    ('provider_fee', 'provider_fee_expense', 'provider_clearing'),
    ('platform_promo', 'promo_expense', 'merchant_payable'),
    ('commission', 'merchant_payable', 'platform_revenue'),
    ('prepaid_used', 'prepaid_liability', 'merchant_payable'),
    ('promo_fund', 'promo_available', 'promo_funding'),
    ('promo_budget', 'promo_used', 'promo_available'),
    ('settle', 'merchant_payable', 'payout_due'),
    ('settle_back', 'payout_due', 'merchant_payable'),
    ('receivable', 'merchant_receivable', 'payout_due'),
    ('recover', 'payout_due', 'merchant_receivable'),
    ('payout', 'payout_due', 'payout_clearing')
), paid AS (
    SELECT city_id, payment_id, merchant_id, currency, captured_minor, fee_minor,
           CASE WHEN state = 'stray' THEN 'stray' WHEN purpose = 'claim' THEN 'prepaid' ELSE 'capture' END AS kind
    FROM payments WHERE state IN ('succeeded', 'stray') AND captured_minor > 0 AND provider <> 'cash'
), used AS (
    SELECT u.city_id, u.redemption_unit_id, u.coupon_id, r.merchant_id, r.currency, r.state = 'reversed' AS reversed,
           u.prepaid_minor, u.platform_share_minor, u.commission_minor,
           CASE WHEN u.budgeted THEN u.platform_share_minor ELSE 0 END AS budget_minor, c.coupon_version
    FROM redemption_units u
    JOIN redemptions r ON (r.city_id, r.redemption_id) = (u.city_id, u.redemption_id)
    JOIN claims c ON (c.city_id, c.claim_id) = (u.city_id, u.claim_id)
    WHERE r.committed_at IS NOT NULL
), budgets AS (
    -- A budget is that of the terms of whichever unit came first: any version that a budgeted unit has can be it.
    SELECT u.city_id, u.coupon_id, min(u.currency) AS currency,
           coalesce(min(v.budget_minor) FILTER (WHERE v.budget_minor = t.amount_minor), min(v.budget_minor)) AS amount
    FROM used u
    JOIN coupon_versions v ON (v.city_id, v.coupon_id, v.version) = (u.city_id, u.coupon_id, u.coupon_version)
    LEFT JOIN transfers t
      ON (t.city_id, t.ref_type, t.ref_id, t.kind) = (u.city_id, 'coupon', u.coupon_id, 'promo_fund')
    WHERE u.budget_minor > 0 GROUP BY u.city_id, u.coupon_id
), amounts (city_id, ref_type, ref_id, kind, undone, amount_minor, currency, merchant_id, coupon_id) AS (
    SELECT p.city_id, 'payment', p.payment_id, m.kind, false, m.amount, p.currency, p.merchant_id, NULL::uuid
    FROM paid p, LATERAL (VALUES (p.kind, p.captured_minor), ('provider_fee', p.fee_minor)) AS m (kind, amount)
    UNION ALL
    SELECT p.city_id, 'refund', f.refund_id, m.kind, true, m.amount, f.currency, p.merchant_id, NULL
    FROM refunds f JOIN paid p ON (p.city_id, p.payment_id) = (f.city_id, f.payment_id),
    LATERAL (VALUES (p.kind, f.amount_minor), ('provider_fee', f.fee_returned_minor)) AS m (kind, amount)
    WHERE f.state = 'succeeded'
    UNION ALL
    SELECT u.city_id, 'redemption_unit', u.redemption_unit_id, m.kind, way.undone, m.amount, u.currency, u.merchant_id,
           u.coupon_id
    FROM used u,
    LATERAL (VALUES ('prepaid_used', u.prepaid_minor), ('platform_promo', u.platform_share_minor),
                    ('promo_budget', u.budget_minor), ('commission', u.commission_minor)) AS m (kind, amount),
    LATERAL (SELECT false UNION ALL SELECT true WHERE u.reversed) AS way (undone)
    UNION ALL
    SELECT city_id, 'coupon', coupon_id, 'promo_fund', false, amount, currency, NULL, coupon_id FROM budgets
    UNION ALL
    SELECT s.city_id, 'settlement', s.settlement_id, m.kind, false, m.amount, s.currency, s.merchant_id, NULL
    FROM settlements s,
    LATERAL (VALUES ('settle', greatest(s.lines_minor, 0)), ('settle_back', greatest(-s.lines_minor, 0)),
                    ('receivable', s.receivable_minor), ('recover', s.recovered_minor),
                    ('payout', CASE WHEN s.paid_at IS NULL THEN 0 ELSE s.payout_minor END)) AS m (kind, amount)
    WHERE s.state <> 'draft'
), derived AS (
    SELECT a.city_id, a.ref_type, a.ref_id, CASE WHEN a.undone THEN 'undo_' ELSE '' END || a.kind AS kind,
           CASE WHEN a.undone THEN p.credit ELSE p.debit END AS debit,
           CASE WHEN a.undone THEN p.debit ELSE p.credit END AS credit, a.currency, a.amount_minor, a.merchant_id,
           a.coupon_id
    FROM amounts a JOIN table_of_postings p USING (kind) WHERE a.amount_minor <> 0
), owned AS (
    SELECT d.city_id, d.ref_type, d.ref_id, d.kind, d.currency, d.amount_minor, d.debit, d.credit,
           CASE WHEN d.debit IN ('merchant_payable', 'payout_due', 'merchant_receivable') THEN d.merchant_id
                WHEN d.debit IN ('promo_available', 'promo_used', 'promo_funding') THEN d.coupon_id
                ELSE '00000000-0000-0000-0000-000000000000' END AS debit_owner,
           CASE WHEN d.credit IN ('merchant_payable', 'payout_due', 'merchant_receivable') THEN d.merchant_id
                WHEN d.credit IN ('promo_available', 'promo_used', 'promo_funding') THEN d.coupon_id
                ELSE '00000000-0000-0000-0000-000000000000' END AS credit_owner
    FROM derived d
), stored AS (
    SELECT t.city_id, t.ref_type, t.ref_id, t.kind, t.currency, t.amount_minor, d.kind AS debit, c.kind AS credit,
           d.owner_id AS debit_owner, c.owner_id AS credit_owner
    FROM transfers t
    JOIN accounts d ON (d.city_id, d.account_id) = (t.city_id, t.debit_account_id)
    JOIN accounts c ON (c.city_id, c.account_id) = (t.city_id, t.credit_account_id)
), differences AS (
    SELECT city_id, ref_type, ref_id, kind, wrong
    FROM owned o FULL JOIN stored s USING (city_id, ref_type, ref_id, kind),
    LATERAL (SELECT o.amount_minor || ' ' || o.currency || ' ' || o.debit || ' to ' || o.credit AS due,
                    s.amount_minor || ' ' || s.currency || ' ' || s.debit || ' to ' || s.credit AS there) AS words,
    LATERAL (SELECT CASE
        WHEN there IS NULL THEN 'missing: ' || due
        WHEN due IS NULL THEN 'extra: ' || there
        WHEN due <> there THEN 'stored as ' || there || ', should be ' || due
        WHEN (o.debit_owner, o.credit_owner) <> (s.debit_owner, s.credit_owner)
        THEN 'stored for the owners ' || s.debit_owner || ' and ' || s.credit_owner || ', should be ' || o.debit_owner
             || ' and ' || o.credit_owner END AS wrong) AS faults
    WHERE wrong IS NOT NULL
)
"""
# What must be there for the derivation.
NEEDS: Final = (
    "payments",
    "refunds",
    "redemptions",
    "redemption_units",
    "claims",
    "coupon_versions",
    "accounts",
    "transfers",
    "settlements",
)
