"""Invariants of stock, coupons, people and the server, as statements that find no row when all is well.

Each statement selects (thing, detail) and may bind ``:now``, the application's clock. They look across all cities,
which no request does. Those of coupons that merchants run stand in ``coupon_rules``, of claims and redemptions in
``flow_rules``, of group deals in ``group_rules``, of fences and of who
is followed in ``geofence_rules``, of payments in ``payment_rules``, of the ledger in
``ledger_rules``, of statements in ``settlement_rules``, of events and jobs in ``outbox_rules``, of regional data in
``data_rules``, of corrections in ``correction_rules``, of links and changes in ``link_rules``, of search rows in
``search_rules``; those that follow from the catalogue (orphans of foreign keys that a distributed installation drops,
ids that name their city) are made in ``queries``.
"""

from __future__ import annotations

from typing import Final

from app.audit.area_rules import RULES as AREA_RULES
from app.audit.correction_rules import RULES as CORRECTION_RULES
from app.audit.coupon_rules import RULES as COUPON_RULES
from app.audit.data_rules import RULES as DATA_RULES
from app.audit.flow_rules import RULES as FLOW_RULES
from app.audit.geofence_rules import RULES as GEOFENCE_RULES
from app.audit.group_rules import RULES as GROUP_RULES
from app.audit.ledger_rules import RULES as LEDGER_RULES
from app.audit.link_rules import RULES as LINK_RULES
from app.audit.outbox_rules import RULES as OUTBOX_RULES
from app.audit.payment_rules import RULES as PAYMENT_RULES
from app.audit.search_rules import RULES as SEARCH_RULES
from app.audit.settlement_rules import RULES as SETTLEMENT_RULES
from app.audit.types import DataRule

DURABILITY: Final = "durability"

_COUPON = "'coupon ' || c.coupon_id || ' of city ' || c.city_id"
_TERMS = """
    coupons c JOIN coupon_versions v
      ON (v.city_id, v.coupon_id, v.version) = (c.city_id, c.coupon_id, c.current_version)
"""

RULES: tuple[DataRule, ...] = (
    DataRule(
        "coupon-oversold",
        "I01",
        "no coupon has more units taken than its quota",
        ("audit.coupon",),
        "audit.coupon",
        f"SELECT {_COUPON}, c.taken || ' taken of ' || c.quota FROM audit.coupon c"
        " WHERE c.taken NOT BETWEEN 0 AND c.quota",
    ),
    DataRule(
        "bucket-oversold",
        "I01",
        "no bucket has more units taken than its quota",
        ("coupon_stock",),
        "coupon_stock",
        f"SELECT {_COUPON} || ', bucket ' || c.bucket, c.taken || ' taken of ' || c.quota"
        " FROM coupon_stock c WHERE c.taken NOT BETWEEN 0 AND c.quota",
    ),
    DataRule(
        "stock-equals-quota",
        "I01",
        "the buckets of a published coupon add up to its quota, to less only where a budget or brought codes bound it",
        ("coupons", "coupon_versions", "coupon_stock"),
        "coupons WHERE state = 'published'",
        f"""
        SELECT {_COUPON}, 'its buckets hold ' || coalesce(s.quota, 0) || ', its quota is ' || coalesce(c.quota, v.quota)
        FROM {_TERMS}
        LEFT JOIN (SELECT city_id, coupon_id, sum(quota) AS quota FROM coupon_stock GROUP BY city_id, coupon_id) s
          ON (s.city_id, s.coupon_id) = (c.city_id, c.coupon_id)
        WHERE c.state = 'published' AND CASE
            WHEN c.quota IS NOT NULL AND (v.budget_minor IS NOT NULL OR v.code_source = 'merchant')
            THEN coalesce(s.quota, 0) > c.quota ELSE coalesce(s.quota, 0) <> coalesce(c.quota, v.quota) END
        """,
    ),
    DataRule(
        "coupon-terms-there",
        "house",
        "the current version of a coupon exists",
        ("coupons", "coupon_versions"),
        "coupons",
        f"""
        SELECT {_COUPON}, 'it has no version ' || c.current_version FROM coupons c
        WHERE c.current_version IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM coupon_versions v
            WHERE (v.city_id, v.coupon_id, v.version) = (c.city_id, c.coupon_id, c.current_version))
        """,
    ),
    DataRule(
        "coupon-places-in-scope",
        "house",
        "a coupon can be used only where its current scope says",
        ("coupons", "coupon_versions", "coupon_scopes", "coupon_places", "service_areas", "region_facts"),
        "coupon_places",
        f"""
        SELECT {_COUPON}, 'place ' || p.place_id || ' is outside its scope (' || v.scope_kind || ')'
        FROM {_TERMS}
        JOIN coupon_places p ON (p.city_id, p.coupon_id) = (c.city_id, c.coupon_id)
        WHERE NOT CASE v.scope_kind
            WHEN 'all_places' THEN p.service_area_id IS NULL AND EXISTS (
                SELECT 1 FROM place_operators o WHERE (o.city_id, o.merchant_id, o.place_id)
                                                    = (c.city_id, c.merchant_id, p.place_id))
            WHEN 'places' THEN p.service_area_id IS NULL AND EXISTS (
                SELECT 1 FROM coupon_scopes s WHERE (s.city_id, s.coupon_id, s.version, s.scope_id)
                                                  = (c.city_id, c.coupon_id, v.version, p.place_id))
            WHEN 'service_areas' THEN EXISTS (
                SELECT 1 FROM coupon_scopes s JOIN service_areas a
                  ON (a.city_id, a.service_area_id, a.place_id) = (s.city_id, s.scope_id, p.place_id)
                WHERE (s.city_id, s.coupon_id, s.version, s.scope_id)
                    = (c.city_id, c.coupon_id, v.version, p.service_area_id))
            ELSE p.service_area_id IS NULL AND EXISTS (
                SELECT 1 FROM coupon_scopes s
                JOIN active_dataset r ON (r.city_id, r.kind) = (s.city_id, 'regions')
                JOIN region_facts f ON (f.city_id, f.version) = (s.city_id, r.version)
                 AND (f.region_id = s.scope_id OR s.scope_id = ANY (f.successor_of) AND NOT EXISTS (
                     SELECT 1 FROM region_facts h
                     WHERE (h.city_id, h.version, h.region_id) = (f.city_id, f.version, s.scope_id)))
                JOIN active_dataset l ON (l.city_id, l.kind) = (s.city_id, 'places')
                JOIN place_facts g ON (g.city_id, g.version, g.place_id) = (s.city_id, l.version, p.place_id)
                WHERE (s.city_id, s.coupon_id, s.version) = (c.city_id, c.coupon_id, v.version)
                  AND st_covers(f.boundary, g.location::geometry)) END
        """,
    ),
    DataRule(
        "coupon-places-whole",
        "house",
        "every listed place that a coupon's scope names is one where it can be used",
        ("coupons", "coupon_versions", "coupon_scopes", "coupon_places", "active_dataset", "place_facts"),
        "coupon_scopes",
        f"""
        SELECT {_COUPON}, 'place ' || s.scope_id || ' is in its scope and missing from coupon_places'
        FROM {_TERMS}
        JOIN coupon_scopes s ON (s.city_id, s.coupon_id, s.version) = (c.city_id, c.coupon_id, v.version)
        JOIN active_dataset a ON (a.city_id, a.kind) = (c.city_id, 'places')
        JOIN place_facts f ON (f.city_id, f.version, f.place_id) = (c.city_id, a.version, s.scope_id)
        WHERE v.scope_kind = 'places' AND NOT EXISTS (
            SELECT 1 FROM coupon_places p
            WHERE (p.city_id, p.coupon_id, p.place_id) = (c.city_id, c.coupon_id, s.scope_id))
        """,
    ),
    DataRule(
        "staff-place-known",
        "house",
        "a staff member works at places that their merchant runs",
        ("staff_places", "place_operators"),
        "staff_places",
        """
        SELECT 'member ' || s.member_id || ' of merchant ' || s.merchant_id,
               'place ' || s.place_id || ' is not run by it'
        FROM staff_places s WHERE NOT EXISTS (
            SELECT 1 FROM place_operators o WHERE (o.place_id, o.merchant_id) = (s.place_id, s.merchant_id))
        """,
    ),
    DataRule(
        "client-merchant-known",
        "house",
        "a partner's client acts for merchants that exist",
        ("api_clients", "merchants"),
        "api_clients",
        """
        SELECT 'client ' || c.client_id, 'there is no merchant ' || m.id
        FROM api_clients c, unnest(c.merchant_ids) AS m (id)
        WHERE NOT EXISTS (SELECT 1 FROM merchants x WHERE x.merchant_id = m.id)
        """,
    ),
    DataRule(
        "stuck-key",
        "I23",
        "no stored answer is still running five minutes after its lease",
        ("audit.idempotency",),
        "audit.idempotency WHERE state = 'running'",
        """
        SELECT 'key ' || operation || ' of ' || principal || coalesce(' in city ' || city_id, ''),
               'running, its lease ended at ' || to_char(locked_until AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
        FROM audit.idempotency WHERE state = 'running' AND locked_until < :now - interval '5 minutes'
        """,
    ),
    DataRule(
        DURABILITY,
        "I28",
        "the server keeps what it acknowledged",
        (),
        "pg_settings WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')",
        """
        SELECT 'server', name || ' is off: acknowledged work can be lost' FROM pg_settings
        WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit') AND setting = 'off'
        UNION ALL
        SELECT coalesce('role ' || setrole::regrole::text, 'database'), words
        FROM pg_db_role_setting, unnest(setconfig) AS words
        WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
          AND words = 'synchronous_commit=off'
        """,
    ),
    DataRule(
        "forgotten-transaction",
        "I29",
        "no transaction sits idle for more than a minute",
        (),
        "pg_stat_activity WHERE datname = current_database()",
        """
        SELECT 'session ' || pid || ' of ' || usename, 'idle in a transaction for '
               || extract(epoch FROM :now - state_change)::integer || ' s'
        FROM pg_stat_activity
        WHERE datname = current_database() AND state ~ '^idle in transaction' AND application_name <> 'fujin audit'
          AND :now - state_change > interval '60 seconds'
        UNION ALL
        SELECT 'prepared transaction ' || gid, 'waits since ' || prepared FROM pg_prepared_xacts
        WHERE database = current_database() AND :now - prepared > interval '60 seconds'
        """,
        each_login=True,
    ),
    *COUPON_RULES,
    *AREA_RULES,
    *FLOW_RULES,
    *GEOFENCE_RULES,
    *GROUP_RULES,
    *PAYMENT_RULES,
    *LEDGER_RULES,
    *SETTLEMENT_RULES,
    *OUTBOX_RULES,
    *DATA_RULES,
    *CORRECTION_RULES,
    *LINK_RULES,
    *SEARCH_RULES,
)
