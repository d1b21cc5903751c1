"""Invariants of events, their order and their delivery, and of work that is due."""

from __future__ import annotations

from collections.abc import Mapping

from app.audit.types import DataRule
from app.core.machines import MACHINES

_EVENT = "'event ' || e.event_id || ' of city ' || e.city_id"
# Things with states, and pairs of events that may follow each other, from the one table of edges.
_THINGS = ", ".join(f"'fujin.{machine.thing}.%'" for machine in MACHINES)
_STEPS = ", ".join(
    f"('{before and f'fujin.{machine.thing}.{before}.v1'}', 'fujin.{machine.thing}.{after}.v1')"
    for machine in MACHINES
    for before, after in sorted(machine.told_pairs)
)
_FREE = "(lease_until IS NULL OR lease_until < :now)"


def _told(name: str, invariant: str, table: str, key: str, states: Mapping[str, tuple[str, ...]]) -> DataRule:
    """A rule that the last event of a thing has the thing's seq, and that the last one to tell a state tells its own.

    ``states`` maps each state to the events that may have told it last; an empty word stands for none yet.
    """
    thing = table.removeprefix("deal_").removesuffix("s")

    def typed(word: str) -> str:
        return f"'fujin.{thing}.{word}.v1'" if word else "''"

    pairs = ", ".join(f"('{state}', {typed(word)})" for state, words in states.items() for word in words)
    telling = ", ".join(dict.fromkeys(typed(word) for words in states.values() for word in words if word))
    return DataRule(
        name,
        invariant,
        f"every {thing} has told its state",
        (table, "outbox_events"),
        table,
        f"""
        SELECT '{thing} ' || t.{key} || ' of city ' || t.city_id,
               t.state || ' with seq ' || t.seq || ', told ' || coalesce(told.type, 'nothing') || ' and '
               || coalesce(told.seq, 0) || ' events'
        FROM {table} t
        LEFT JOIN (
            SELECT city_id, aggregate_id, max(seq) AS seq,
                   (array_agg(type ORDER BY seq DESC) FILTER (WHERE type IN ({telling})))[1] AS type
            FROM outbox_events GROUP BY city_id, aggregate_id
        ) told ON (told.city_id, told.aggregate_id) = (t.city_id, t.{key})
        WHERE coalesce(told.seq, 0) <> t.seq OR (t.state, coalesce(told.type, '')) NOT IN (VALUES {pairs})
        """,
    )


RULES = (
    _told(
        "claim-told",
        "I07",
        "claims",
        "claim_id",
        {"pending_payment": ("granted",), "active": ("granted", "activated")}
        | {state: (state,) for state in ("redeemed", "released", "cancelled", "expired", "refunded")},
    ),
    _told(
        "redemption-told",
        "I08",
        "redemptions",
        "redemption_id",
        {state: (state,) for state in ("held", "committed", "voided", "reversed")},
    ),
    _told(
        "payment-told",
        "L15",
        "payments",
        "payment_id",
        # Steps of ours on the way to an answer are not told.
        {"created": ("",), "cancelling": ("", "pending", "unknown")}
        | {state: (state,) for state in ("pending", "unknown", "succeeded", "failed", "cancelled", "stray")},
    ),
    _told(
        "refund-told",
        "L15",
        "refunds",
        "refund_id",
        # A refund that the provider works on is still requested, for those outside.
        {"requested": ("requested",), "pending": ("requested",), "succeeded": ("succeeded",), "failed": ("failed",)},
    ),
    _told(
        "group-told",
        "L15",
        "deal_groups",
        "group_id",
        # A group tells of itself once somebody has paid.
        {"open": ("", "joined"), "succeeded": ("succeeded", "joined")}
        | {state: (state,) for state in ("failed", "closed")},
    ),
    _told(
        "settlement-told",
        "L15",
        "settlements",
        "settlement_id",
        # Drafts are nobody's business yet, and a dispute tells nothing by itself.
        {"draft": ("",), "closed": ("closed",), "paid": ("paid",), "disputed": ("closed", "paid")},
    ),
    _told(
        "coupon-told",
        "L15",
        "coupons",
        "coupon_id",
        # Nothing is told of drafts, nor of coupons that came with data.
        {"draft": ("",), "published": ("published", "resumed", "")}
        | {state: (state, "") for state in ("paused", "ended")},
    ),
    DataRule(
        "told-steps-legal",
        "L20",
        "what follows in the history of a thing is a legal step from what went before",
        ("outbox_events",),
        "outbox_events",
        f"""
        SELECT {_EVENT}, e.type || ' follows ' || coalesce(nullif(e.before, ''), 'nothing')
        FROM (SELECT city_id, event_id, type,
                     coalesce(lag(type) OVER (PARTITION BY city_id, aggregate_id ORDER BY seq), '') AS before
              FROM outbox_events WHERE type LIKE ANY (ARRAY[{_THINGS}])) e
        WHERE (e.before, e.type) NOT IN (VALUES {_STEPS})
        """,
    ),
    DataRule(
        "event-of-something",
        "I09",
        "an event is about a thing that exists",
        (
            *("outbox_events", "claims", "redemptions", "payments", "refunds", "deal_groups", "settlements"),
            *("fraud_flags", "coupons", "service_areas"),
        ),
        "outbox_events",
        f"""
        SELECT {_EVENT}, e.type || ' of ' || e.aggregate_id || ', which does not exist'
        FROM outbox_events e
        WHERE split_part(e.type, '.', 2)
              IN ('claim', 'redemption', 'payment', 'refund', 'group', 'settlement', 'fraud', 'coupon', 'service_area')
          AND NOT EXISTS (
            SELECT 1 FROM claims t WHERE (t.city_id, t.claim_id) = (e.city_id, e.aggregate_id)
               AND e.type LIKE 'fujin.claim.%'
            UNION ALL
            SELECT 1 FROM redemptions t WHERE (t.city_id, t.redemption_id) = (e.city_id, e.aggregate_id)
               AND e.type LIKE 'fujin.redemption.%'
            UNION ALL
            SELECT 1 FROM payments t WHERE (t.city_id, t.payment_id) = (e.city_id, e.aggregate_id)
               AND e.type LIKE 'fujin.payment.%'
            UNION ALL
            SELECT 1 FROM refunds t WHERE (t.city_id, t.refund_id) = (e.city_id, e.aggregate_id)
               AND e.type LIKE 'fujin.refund.%'
            UNION ALL
            SELECT 1 FROM deal_groups t WHERE (t.city_id, t.group_id) = (e.city_id, e.aggregate_id)
               AND e.type LIKE 'fujin.group.%'
            UNION ALL
            SELECT 1 FROM settlements t WHERE (t.city_id, t.settlement_id) = (e.city_id, e.aggregate_id)
               AND e.type LIKE 'fujin.settlement.%'
            UNION ALL
            SELECT 1 FROM fraud_flags t WHERE (t.city_id, t.flag_id) = (e.city_id, e.aggregate_id)
               AND e.type LIKE 'fujin.fraud.%'
            UNION ALL
            SELECT 1 FROM coupons t WHERE (t.city_id, t.coupon_id) = (e.city_id, e.aggregate_id)
               AND e.type LIKE 'fujin.coupon.%'
            UNION ALL
            SELECT 1 FROM service_areas t WHERE (t.city_id, t.service_area_id) = (e.city_id, e.aggregate_id)
               AND e.type LIKE 'fujin.service_area.%')
        """,
    ),
    DataRule(
        "sequence-whole",
        "I10",
        "the events of an aggregate count from 1 without a gap",
        ("outbox_events",),
        "outbox_events",
        "SELECT 'aggregate ' || aggregate_id || ' of city ' || city_id, count(*) || ' events, numbered ' || min(seq)"
        " || ' to ' || max(seq) FROM outbox_events GROUP BY city_id, aggregate_id"
        " HAVING min(seq) <> 1 OR max(seq) <> count(*)",
    ),
    DataRule(
        "positions-dense",
        "I10",
        "the positions of a city's events have no gap and end where its counter stands",
        ("outbox_events", "outbox_positions"),
        "outbox_events WHERE position IS NOT NULL",
        """
        SELECT 'city ' || city_id, coalesce(e.n, 0) || ' events at ' || coalesce(e.low, 0) || ' to '
               || coalesce(e.high, 0) || ', the counter stands at ' || coalesce(c.position, 0)
        FROM (SELECT city_id, count(*) AS n, min(position) AS low, max(position) AS high FROM outbox_events
              WHERE position IS NOT NULL GROUP BY city_id) e
        FULL JOIN outbox_positions c USING (city_id)
        WHERE coalesce(e.high, 0) <> coalesce(c.position, 0) OR e.n <> e.high - e.low + 1
        """,
    ),
    DataRule(
        "event-relayed",
        "I11",
        "no event waits for its position for over a minute",
        ("outbox_events",),
        "outbox_events",
        f"SELECT {_EVENT}, e.type || ' waits since ' || e.occurred_at FROM outbox_events e"
        " WHERE e.position IS NULL AND e.dead_at IS NULL AND e.occurred_at < :now - interval '60 seconds'",
    ),
    DataRule(
        "delivery-in-time",
        "I11",
        "no delivery that could begin is overdue by ten minutes while nobody works on it",
        ("deliveries", "webhook_endpoints", "delivery_attempts"),
        "deliveries",
        f"""
        SELECT 'event ' || d.event_id || ' to endpoint ' || d.endpoint_id, 'due since ' || d.next_at
        FROM deliveries d
        LEFT JOIN webhook_endpoints e ON (e.merchant_id, e.endpoint_id) = (d.merchant_id, d.endpoint_id)
        WHERE d.state = 'due' AND d.next_at < :now - interval '10 minutes' AND {_FREE}
          AND coalesce(e.resting_until, '-infinity') < :now - interval '10 minutes'
          AND NOT EXISTS (  -- of one aggregate the later event waits for the earlier one
            SELECT 1 FROM deliveries b
            WHERE (b.city_id, b.endpoint_id, b.aggregate_id, b.state)
                = (d.city_id, d.endpoint_id, d.aggregate_id, 'due') AND b.position < d.position)
          AND NOT (e.failures > 0 AND EXISTS (  -- a receiver that is down is tried with one event after the other
            SELECT 1 FROM delivery_attempts a
            WHERE (a.city_id, a.endpoint_id) = (d.city_id, d.endpoint_id) AND a.at > :now - interval '10 minutes'))
        """,
    ),
    DataRule(
        "job-in-time",
        "I11",
        "no job is overdue by ten minutes while nobody works on it",
        ("jobs",),
        "jobs",
        "SELECT 'job ' || kind || ' of ' || ref_id, 'due since ' || run_at FROM jobs"
        f" WHERE state = 'due' AND run_at < :now - interval '10 minutes' AND {_FREE}",
    ),
    DataRule(
        "done-is-delivered",
        "I12",
        "a delivery that is done was answered well once, and an event that is done has none that was never tried",
        ("deliveries", "delivery_attempts", "outbox_events"),
        "deliveries WHERE state = 'done'",
        f"""
        SELECT 'event ' || d.event_id || ' to endpoint ' || d.endpoint_id, 'done, and no attempt went well'
        FROM deliveries d WHERE d.state = 'done' AND NOT EXISTS (
            SELECT 1 FROM delivery_attempts a
            WHERE (a.city_id, a.endpoint_id, a.event_id) = (d.city_id, d.endpoint_id, d.event_id) AND a.ok)
        UNION ALL
        SELECT {_EVENT}, 'done, and not delivered to endpoint ' || d.endpoint_id
        FROM outbox_events e JOIN deliveries d ON (d.city_id, d.event_id) = (e.city_id, e.event_id)
        WHERE e.done_at >= d.created_at AND d.state = 'due' AND NOT EXISTS (  -- one sent again by hand was tried before
            SELECT 1 FROM delivery_attempts a
            WHERE (a.city_id, a.endpoint_id, a.event_id) = (d.city_id, d.endpoint_id, d.event_id))
        """,
    ),
)
