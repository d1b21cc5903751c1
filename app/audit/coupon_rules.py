"""Invariants of coupons that merchants run: what they give, their codes, their stock."""

from __future__ import annotations

from app.audit.types import DataRule

_COUPON = "'coupon ' || c.coupon_id || ' of city ' || c.city_id"
_CODE = "'code ' || k.code_id || ' of city ' || k.city_id"

RULES = (
    DataRule(
        "budget-kept",
        "house",
        "what a coupon took off beyond the prices paid for it never exceeds the budget of its terms",
        ("coupons", "coupon_versions", "redemptions", "redemption_units", "claims"),
        "coupon_versions WHERE budget_minor IS NOT NULL",
        f"""
        SELECT {_COUPON}, 'it gave ' || g.given_minor || ', its budget is ' || v.budget_minor
        FROM coupons c
        JOIN coupon_versions v ON (v.city_id, v.coupon_id, v.version) = (c.city_id, c.coupon_id, c.current_version)
        JOIN (SELECT u.city_id, u.coupon_id, sum(greatest(0, u.discount_minor - u.prepaid_minor)) AS given_minor
              FROM redemption_units u
              JOIN redemptions r ON (r.city_id, r.redemption_id) = (u.city_id, u.redemption_id)
              WHERE u.live AND r.state = 'committed' GROUP BY u.city_id, u.coupon_id) g
          ON (g.city_id, g.coupon_id) = (c.city_id, c.coupon_id)
        WHERE c.quota IS NOT NULL AND g.given_minor > v.budget_minor
        """,
    ),
    DataRule(
        "stock-of-its-version",
        "house",
        "a bucket that names a version holds the claims of that version alone, and an earlier one gives no more",
        ("coupons", "coupon_stock", "claims"),
        "coupon_stock",
        f"""
        SELECT {_COUPON}, 'bucket ' || s.bucket || ' ' || wrong
        FROM coupons c
        JOIN coupon_stock s ON (s.city_id, s.coupon_id) = (c.city_id, c.coupon_id),
        LATERAL (
            SELECT 'of version ' || s.version || ' is not empty, version ' || c.current_version || ' is in force'
            WHERE s.version <> c.current_version AND s.taken < s.quota
            UNION ALL
            SELECT 'is of version ' || s.version || ', and ' || count(*) || ' of its claims are of another'
            FROM claims l WHERE (l.city_id, l.coupon_id, l.bucket) = (c.city_id, c.coupon_id, s.bucket)
              AND l.live AND l.coupon_version <> s.version HAVING count(*) > 0
        ) AS faults (wrong)
        WHERE s.version IS NOT NULL
        """,
    ),
    DataRule(
        "own-code-handed-out-once",
        "I04",
        "a code that a merchant brought is one claim's, of the same coupon and with the same key",
        ("coupon_codes", "claims"),
        "coupon_codes",
        f"""
        SELECT {_CODE}, CASE WHEN l.claim_id IS NULL THEN 'there is no claim ' || k.claim_id
                             WHEN l.coupon_id <> k.coupon_id THEN 'its claim is of coupon ' || l.coupon_id
                             ELSE 'its claim has another code' END
        FROM coupon_codes k LEFT JOIN claims l ON (l.city_id, l.claim_id) = (k.city_id, k.claim_id)
        WHERE k.claim_id IS NOT NULL AND (l.claim_id IS NULL OR l.coupon_id <> k.coupon_id OR l.code_key <> k.code_key)
        """,
    ),
    DataRule(
        "own-code-unique",
        "I04",
        "no two codes that a merchant brought to a city are the same",
        ("coupon_codes",),
        "coupon_codes",
        "SELECT 'codes of merchant ' || merchant_id || ' in city ' || city_id, count(*) || ' are the same'"
        " FROM coupon_codes GROUP BY city_id, merchant_id, code_key HAVING count(*) > 1",
    ),
    DataRule(
        "own-codes-suffice",
        "house",
        "there is a code for each unit that is left of a coupon whose merchant brings the codes",
        ("coupons", "coupon_versions", "coupon_stock", "coupon_codes"),
        "coupons",
        f"""
        SELECT {_COUPON}, s.n || ' units are left, ' || coalesce(k.n, 0) || ' codes'
        FROM coupons c
        JOIN coupon_versions v ON (v.city_id, v.coupon_id, v.version) = (c.city_id, c.coupon_id, c.current_version)
        JOIN (SELECT city_id, coupon_id, sum(quota - taken) AS n FROM coupon_stock GROUP BY city_id, coupon_id) s
          ON (s.city_id, s.coupon_id) = (c.city_id, c.coupon_id)
        LEFT JOIN (SELECT city_id, coupon_id, count(*) AS n FROM coupon_codes WHERE claim_id IS NULL
                   GROUP BY city_id, coupon_id) k ON (k.city_id, k.coupon_id) = (c.city_id, c.coupon_id)
        WHERE v.code_source = 'merchant' AND c.quota IS NOT NULL AND c.state = 'published' AND s.n > coalesce(k.n, 0)
        """,
    ),
)
