"""Invariants of claims, their stock and their slots, and of redemptions and their units."""

from __future__ import annotations

from app.audit.types import DataRule

_COUPON = "'coupon ' || coupon_id || ' of city ' || city_id"
_CLAIM = "'claim ' || c.claim_id || ' of city ' || c.city_id"
_REDEMPTION = "'redemption ' || r.redemption_id || ' of city ' || r.city_id"
_UNIT = "'unit ' || u.redemption_unit_id || ' of city ' || u.city_id"
_HOLDS_SLOT = "c.state NOT IN ('released', 'cancelled', 'refunded')"
_OF_UNITS = """
    redemption_units u
    JOIN redemptions r ON (r.city_id, r.redemption_id) = (u.city_id, u.redemption_id)
    JOIN claims c ON (c.city_id, c.claim_id) = (u.city_id, u.claim_id)
"""
# Claims with how many of their units are live in committed redemptions.
_COMMITTED = """
    claims c LEFT JOIN (
        SELECT u.city_id, u.claim_id, count(*) AS n FROM redemption_units u
        JOIN redemptions r ON (r.city_id, r.redemption_id) = (u.city_id, u.redemption_id)
        WHERE u.live AND r.state = 'committed' GROUP BY u.city_id, u.claim_id
    ) used ON (used.city_id, used.claim_id) = (c.city_id, c.claim_id)
"""
_MONEY_MAY_COME = "p.state IN ('created', 'pending', 'unknown', 'cancelling')"
_PARTS = ("gross_minor", "discount_minor", "platform_share_minor", "prepaid_minor", "commission_minor")


def _counted(keys: str, stock: str, claims: str) -> str:
    """Rows of stock whose ``taken`` differs from the claims counted under the same keys, either side missing too; of
    coupons that stand at a flow elsewhere it is a projection, and the claims are there."""
    return f"""
        SELECT {_COUPON} || place, coalesce(s.taken, 0) || ' taken, ' || coalesce(n, 0) || ' live claims'
        FROM (SELECT {keys}, sum(taken) AS taken FROM {stock} GROUP BY {keys}) s
        FULL JOIN (SELECT {keys}, count(*) AS n FROM claims WHERE {claims} GROUP BY {keys}) live USING ({keys}),
        LATERAL (SELECT {_place(keys)} AS place) AS at
        WHERE coalesce(s.taken, 0) <> coalesce(n, 0)
            AND (city_id, coupon_id) NOT IN (SELECT x.city_id, x.coupon_id FROM flow_coupons x)
    """


def _place(keys: str) -> str:
    if "bucket" in keys:
        return "', bucket ' || bucket"
    return "', on ' || claimed_on" if "claimed_on" in keys else "''"


def _slot_taken_twice(keys: str, number: str) -> str:
    return f"""
        SELECT {_COUPON}, '{number} ' || {number} || ' is held by ' || count(*) || ' claims of one {keys.split("_")[0]}'
        FROM claims c WHERE {_HOLDS_SLOT} AND {number} IS NOT NULL
        GROUP BY city_id, coupon_id, {keys}, {number} HAVING count(*) > 1
    """


_CLAIMS = (
    DataRule(
        "stock-equals-claims",
        "I02",
        "as much of a coupon's stock is taken as it has live claims",
        ("coupon_stock", "claims"),
        "claims WHERE live",
        _counted("city_id, coupon_id", "coupon_stock", "live"),
    ),
    DataRule(
        "bucket-equals-claims",
        "I02",
        "as much of a bucket is taken as it has live claims",
        ("coupon_stock", "claims"),
        "coupon_stock",
        _counted("city_id, coupon_id, bucket", "coupon_stock", "live"),
    ),
    DataRule(
        "day-equals-claims",
        "I02",
        "as much of a coupon's day is taken as it has live claims of that day",
        ("coupon_day_stock", "claims"),
        "coupon_day_stock",
        _counted("city_id, coupon_id, claimed_on", "coupon_day_stock", "live AND day_limited"),
    ),
    DataRule(
        "slot-within-limits",
        "I03",
        "a claim's slots lie within the limits of its terms",
        ("claims", "coupon_versions"),
        "claims",
        f"""
        SELECT {_CLAIM}, wrong
        FROM claims c
        JOIN coupon_versions v ON (v.city_id, v.coupon_id, v.version) = (c.city_id, c.coupon_id, c.coupon_version),
        LATERAL (VALUES
            ('member', c.member_no, v.per_member), ('member and day', c.member_day_no, v.per_member_day),
            ('device', c.device_no, v.per_device)) AS slots (whose, number, most),
        LATERAL (SELECT 'slot ' || coalesce(number::text, 'none') || ' of its ' || whose || ', the terms allow '
                        || coalesce(most::text, 'none')) AS faults (wrong)
        WHERE (number IS NULL) <> (most IS NULL) OR number NOT BETWEEN 1 AND most
        """,
    ),
    DataRule(
        "slot-held-once",
        "I03",
        "each slot of a member, of a member's day and of a device is held by one claim",
        ("claims",),
        "claims",
        " UNION ALL ".join(
            (
                _slot_taken_twice("member_id", "member_no"),
                _slot_taken_twice("member_id, claimed_on", "member_day_no"),
                _slot_taken_twice("device_key", "device_no"),
            )
        ),
    ),
    DataRule(
        "code-unique",
        "I04",
        "a code opens one claim of a city",
        ("audit.claim",),
        "audit.claim",
        "SELECT 'claims of city ' || city_id, string_agg(claim_id::text, ' and ' ORDER BY claim_id)"
        " || ' have one code' FROM audit.claim GROUP BY city_id, code_key HAVING count(*) > 1",
    ),
    DataRule(
        "verdict-of-a-claim",
        "I09",
        "a verdict that let a claim through names a claim of its member and coupon",
        ("claim_verdicts", "claims"),
        "claim_verdicts WHERE verdict = 'allow'",
        """
        SELECT 'verdict ' || v.verdict_id || ' of city ' || v.city_id, 'no claim ' || v.claim_id || ' of its member'
        FROM claim_verdicts v WHERE v.verdict = 'allow' AND NOT EXISTS (
            SELECT 1 FROM claims c WHERE (c.city_id, c.claim_id, c.member_id, c.coupon_id)
                                       = (v.city_id, v.claim_id, v.member_id, v.coupon_id))
        """,
    ),
    DataRule(
        "claim-ended-in-time",
        "I11",
        "no claim is active ten minutes after its time, unless a till holds it",
        ("claims", "redemptions", "redemption_units"),
        "claims WHERE state = 'active'",
        f"""
        SELECT {_CLAIM}, 'active, its time ended at ' || c.valid_until FROM claims c
        WHERE c.state = 'active' AND c.valid_until < :now - interval '10 minutes' AND NOT EXISTS (
            SELECT 1 FROM redemption_units u
            JOIN redemptions r ON (r.city_id, r.redemption_id) = (u.city_id, u.redemption_id)
            WHERE (u.city_id, u.claim_id) = (c.city_id, c.claim_id) AND u.live AND r.state = 'held')
        """,
    ),
    DataRule(
        "unpaid-released-in-time",
        "I11",
        "no claim waits for its payment ten minutes after its time to pay, unless money may still come",
        ("claims", "payments"),
        "claims WHERE state = 'pending_payment'",
        f"""
        SELECT {_CLAIM}, 'pending_payment, to be paid by ' || c.pay_until FROM claims c
        WHERE c.state = 'pending_payment' AND c.pay_until < :now - interval '10 minutes' AND NOT EXISTS (
            SELECT 1 FROM payments p WHERE (p.city_id, p.purpose, p.purpose_id) = (c.city_id, 'claim', c.claim_id)
               AND {_MONEY_MAY_COME})
        """,
    ),
)

_REDEMPTIONS = (
    DataRule(
        "unit-used-once",
        "I05",
        "a unit of a claim is live in one redemption",
        ("redemption_units",),
        "redemption_units WHERE live",
        "SELECT 'claim ' || claim_id || ' of city ' || city_id, 'unit ' || unit_no || ' is live ' || count(*)"
        " || ' times' FROM redemption_units WHERE live GROUP BY city_id, claim_id, unit_no HAVING count(*) > 1",
    ),
    DataRule(
        "unit-live-while-held",
        "I05",
        "a unit is live while its redemption is held or committed, and then alone",
        ("redemptions", "redemption_units"),
        "redemption_units",
        f"SELECT {_UNIT}, CASE WHEN u.live THEN 'live' ELSE 'not live' END || ', its redemption is ' || r.state"
        f" FROM {_OF_UNITS} WHERE u.live <> (r.state IN ('held', 'committed'))",
    ),
    DataRule(
        "unit-of-its-claim",
        "I06",
        "a redeemed unit is of a claim of the same merchant, coupon and currency",
        ("redemptions", "redemption_units", "claims"),
        "redemption_units",
        f"""
        SELECT {_UNIT}, wrong
        FROM redemption_units u
        JOIN redemptions r ON (r.city_id, r.redemption_id) = (u.city_id, u.redemption_id)
        LEFT JOIN claims c ON (c.city_id, c.claim_id) = (u.city_id, u.claim_id),
        LATERAL (SELECT CASE
            WHEN c.claim_id IS NULL THEN 'there is no claim ' || u.claim_id
            WHEN c.merchant_id <> r.merchant_id THEN 'its claim is of merchant ' || c.merchant_id
            WHEN c.coupon_id <> u.coupon_id THEN 'its claim is of coupon ' || c.coupon_id
            WHEN c.currency <> r.currency THEN 'its claim is in ' || c.currency END AS wrong) AS faults
        WHERE wrong IS NOT NULL
        """,
    ),
    DataRule(
        "redemption-at-its-merchant",
        "I06",
        "a redemption stands at a place that its merchant ran at that time",
        ("redemptions", "place_operators"),
        "redemptions",
        f"""
        SELECT {_REDEMPTION}, 'place ' || r.place_id || ' is not run by merchant ' || r.merchant_id FROM redemptions r
        WHERE NOT EXISTS (SELECT 1 FROM place_operators o WHERE (o.city_id, o.place_id) = (r.city_id, r.place_id)
                          AND (o.merchant_id = r.merchant_id OR o.since > r.created_at))
        """,
    ),
    DataRule(
        "redemption-in-scope",
        "I06",
        "a redemption stands at a place that the terms of its claims name, where they name places",
        ("redemptions", "redemption_units", "claims", "coupon_versions", "coupon_scopes"),
        "redemption_units",
        f"""
        SELECT {_UNIT}, 'the terms do not name place ' || r.place_id FROM {_OF_UNITS}
        JOIN coupon_versions v ON (v.city_id, v.coupon_id, v.version) = (c.city_id, c.coupon_id, c.coupon_version)
        WHERE v.scope_kind = 'places' AND NOT EXISTS (
            SELECT 1 FROM coupon_scopes s WHERE (s.city_id, s.coupon_id, s.version, s.scope_id)
                                              = (c.city_id, c.coupon_id, c.coupon_version, r.place_id))
        """,
    ),
    DataRule(
        "units-within-claim",
        "L6",
        "no more units of a claim are committed than it has",
        ("claims", "redemptions", "redemption_units"),
        "claims",
        f"SELECT {_CLAIM}, used.n || ' units committed of ' || c.units FROM {_COMMITTED} WHERE used.n > c.units",
    ),
    DataRule(
        "redeemed-when-used-up",
        "L7",
        "a claim is redeemed when all its units are committed, and not before",
        ("claims", "redemptions", "redemption_units"),
        "claims WHERE state = 'redeemed'",
        f"""
        SELECT {_CLAIM}, c.state || ', ' || coalesce(used.n, 0) || ' of ' || c.units || ' units committed'
        FROM {_COMMITTED}
        WHERE CASE WHEN c.state = 'redeemed' THEN coalesce(used.n, 0) < c.units
                   ELSE c.state <> 'refunded' AND used.n >= c.units END
        """,
    ),
    DataRule(
        "split-of-units",
        "L18",
        "the parts of a redemption's price are the sums of its units'",
        ("redemptions", "redemption_units"),
        "redemptions",
        f"""
        SELECT {_REDEMPTION}, part || ' is ' || whole || ', its units have ' || coalesce(sum, 0)
        FROM redemptions r
        LEFT JOIN (SELECT city_id, redemption_id, {", ".join(f"sum({part}) AS {part}" for part in _PARTS)}
                   FROM redemption_units GROUP BY city_id, redemption_id) u
          ON (u.city_id, u.redemption_id) = (r.city_id, r.redemption_id),
        LATERAL (VALUES {", ".join(f"('{part}', r.{part}, u.{part})" for part in _PARTS)}) AS parts (part, whole, sum)
        WHERE whole <> coalesce(sum, 0)
        """,
    ),
    DataRule(
        "hold-ended-in-time",
        "I11",
        "no redemption is held ten minutes after its lease, unless money may still come",
        ("redemptions", "payments"),
        "redemptions WHERE state = 'held'",
        f"""
        SELECT {_REDEMPTION}, 'held, its lease ended at ' || r.lease_until FROM redemptions r
        WHERE r.state = 'held' AND r.lease_until < :now - interval '10 minutes' AND NOT EXISTS (
            SELECT 1 FROM payments p
            WHERE (p.city_id, p.purpose, p.purpose_id) = (r.city_id, 'redemption', r.redemption_id)
              AND {_MONEY_MAY_COME})
        """,
    ),
)

RULES = (*_CLAIMS, *_REDEMPTIONS)
