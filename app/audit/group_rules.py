"""Invariants of group deals: counters, the moment a deal is made, and that no money stays in one that failed."""

from __future__ import annotations

from app.audit.types import DataRule

_GROUP = "'group ' || g.group_id || ' of city ' || g.city_id"
_SEAT = "'seat of claim ' || s.claim_id || ' of city ' || s.city_id"
_OF_SEATS = """
    group_seats s
    JOIN deal_groups g ON (g.city_id, g.group_id) = (s.city_id, s.group_id)
    JOIN claims c ON (c.city_id, c.claim_id) = (s.city_id, s.claim_id)
"""
_PAID = """
    EXISTS (SELECT 1 FROM payments p WHERE (p.city_id, p.purpose, p.purpose_id) = (s.city_id, 'claim', s.claim_id)
            AND p.state = 'succeeded' AND (p.captured_minor, p.currency) = (c.price_minor, c.currency))
"""

RULES = (
    DataRule(
        "group-seats-counted",
        "I02",
        "a group counts the seats that are taken, and those that are paid for, and has no more than there are",
        ("deal_groups", "group_seats"),
        "deal_groups",
        f"""
        SELECT {_GROUP}, g.taken || ' of ' || g.seats || ' taken and ' || g.joined || ' joined, its seats are '
               || coalesce(n.taken, 0) || ' and ' || coalesce(n.joined, 0)
        FROM deal_groups g LEFT JOIN (
            SELECT city_id, group_id, count(*) FILTER (WHERE state <> 'left') AS taken,
                   count(*) FILTER (WHERE state IN ('joined', 'refunding', 'refunded')) AS joined
            FROM group_seats GROUP BY city_id, group_id) n ON (n.city_id, n.group_id) = (g.city_id, g.group_id)
        WHERE (g.taken, g.joined) <> (coalesce(n.taken, 0), coalesce(n.joined, 0))
           OR g.taken > g.seats OR g.joined > g.taken
        """,
    ),
    DataRule(
        "group-made-once",
        "L15",
        "a group that reached its target told once that the deal is made, any other never",
        ("deal_groups", "outbox_events"),
        "deal_groups",
        f"""
        SELECT {_GROUP}, g.state || ' with ' || g.most_joined || ' of ' || g.target || ', told ' || told.n || ' times'
        FROM deal_groups g, LATERAL (
            SELECT count(*) AS n FROM outbox_events e WHERE (e.city_id, e.aggregate_id) = (g.city_id, g.group_id)
               AND e.type = 'fujin.group.succeeded.v1') AS told
        WHERE told.n <> (g.state = 'succeeded')::integer OR (g.state = 'succeeded') <> (g.most_joined >= g.target)
        """,
    ),
    DataRule(
        "group-decided-in-time",
        "I11",
        "no group is open fifteen minutes after its deadline",
        ("deal_groups",),
        "deal_groups WHERE state = 'open'",
        f"SELECT {_GROUP}, 'open, its deadline was ' || g.deadline FROM deal_groups g"
        " WHERE g.state = 'open' AND g.deadline < :now - interval '15 minutes'",
    ),
    DataRule(
        "seat-of-its-claim",
        "I06",
        "a seat stands on a claim of its member, in its group, at its price",
        ("group_seats", "deal_groups", "claims"),
        "group_seats",
        f"""
        SELECT {_SEAT}, wrong FROM {_OF_SEATS}, LATERAL (SELECT CASE
            WHEN c.member_id <> s.member_id THEN 'the claim is of member ' || c.member_id
            WHEN c.group_id IS DISTINCT FROM s.group_id
            THEN 'the claim is in group ' || coalesce(c.group_id::text, 'none')
            WHEN c.coupon_id <> g.coupon_id THEN 'the claim is of coupon ' || c.coupon_id
            WHEN (c.price_minor, c.currency) <> (g.price_minor, g.currency)
            THEN 'the claim costs ' || c.price_minor || ' ' || c.currency END AS wrong) AS faults
        WHERE wrong IS NOT NULL
        """,
    ),
    DataRule(
        "seat-as-its-claim",
        "I21",
        "a seat is taken as long as its claim lives, and counts once that is paid for",
        ("group_seats", "deal_groups", "claims", "payments"),
        "group_seats",
        f"""
        SELECT {_SEAT}, s.state || ', its claim is ' || c.state FROM {_OF_SEATS}
        WHERE CASE s.state
            WHEN 'reserved' THEN c.state <> 'pending_payment'
            WHEN 'left' THEN c.state NOT IN ('released', 'cancelled', 'refunded')
            WHEN 'joined' THEN c.state NOT IN ('active', 'redeemed', 'expired') AND g.state <> 'failed'
                            OR c.price_minor > 0 AND NOT {_PAID}
            ELSE c.state IN ('pending_payment', 'active') OR g.state NOT IN ('failed', 'closed') END
        """,
    ),
    DataRule(
        "group-code-after-success",
        "I21",
        "no claim of a group is held or used before the deal is made",
        ("deal_groups", "claims", "redemption_units"),
        "deal_groups WHERE state <> 'succeeded'",
        f"""
        SELECT {_GROUP}, 'it is ' || g.state || ', and claim ' || c.claim_id || ' is used'
        FROM deal_groups g JOIN claims c ON (c.city_id, c.group_id) = (g.city_id, g.group_id)
        WHERE g.state <> 'succeeded' AND EXISTS (
            SELECT 1 FROM redemption_units u WHERE (u.city_id, u.claim_id) = (c.city_id, c.claim_id) AND u.live)
        """,
    ),
    DataRule(
        "failed-group-paid-back",
        "L12",
        "a closed group has given back all that was paid in it, and a failed one begins to within fifteen minutes",
        ("deal_groups", "claims", "payments", "refunds"),
        "deal_groups WHERE state IN ('failed', 'closed')",
        f"""
        SELECT {_GROUP}, g.state || ', claim ' || c.claim_id || ' was paid ' || p.captured_minor || ', '
               || p.refunded_minor || ' went back and ' || p.refunding_minor || ' is on its way'
        FROM deal_groups g
        JOIN claims c ON (c.city_id, c.group_id) = (g.city_id, g.group_id)
        JOIN payments p ON (p.city_id, p.purpose, p.purpose_id) = (c.city_id, 'claim', c.claim_id)
        WHERE p.state = 'succeeded' AND CASE g.state
            WHEN 'closed' THEN p.refunded_minor < p.captured_minor
            WHEN 'failed' THEN p.refunded_minor + p.refunding_minor < p.captured_minor
                               AND g.decided_at < :now - interval '15 minutes' AND NOT EXISTS (
                SELECT 1 FROM refunds f WHERE (f.city_id, f.payment_id) = (p.city_id, p.payment_id)
                   AND f.state = 'failed')
            ELSE false END
        """,
    ),
)
