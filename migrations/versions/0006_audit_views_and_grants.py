"""The read-only schema ``audit``, and what each database role may do."""

from __future__ import annotations

from migrations import ddl

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

VIEWS = {
    "coupon": """
        SELECT c.coupon_id, c.city_id, c.merchant_id, s.quota, v.per_member, s.taken
        FROM coupons c
        JOIN coupon_versions v ON (v.city_id, v.coupon_id, v.version) = (c.city_id, c.coupon_id, c.current_version)
        JOIN (SELECT city_id, coupon_id, sum(quota)::integer AS quota, sum(taken)::integer AS taken
              FROM coupon_stock GROUP BY city_id, coupon_id) s ON (s.city_id, s.coupon_id) = (c.city_id, c.coupon_id)
    """,
    "coupon_version": """
        SELECT city_id, coupon_id, version, price_minor, currency, platform_share_bp FROM coupon_versions
    """,
    "dataset": """
        SELECT d.dataset_id, d.city_id, d.kind, d.version, d.rows_declared, d.rows_stored, d.rows_refused, d.state,
               a.version IS NOT NULL AS active
        FROM datasets d
        LEFT JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (d.city_id, d.kind, d.version)
    """,
    "place": """
        SELECT f.place_id, d.dataset_id, f.city_id, f.location
        FROM place_facts f
        JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (f.city_id, 'places', f.version)
        JOIN datasets d ON (d.city_id, d.kind, d.version) = (a.city_id, a.kind, a.version)
        WHERE NOT f.closed
    """,
    "service_area": """
        SELECT s.service_area_id, s.merchant_id, s.city_id, v.boundary
        FROM service_areas s
        JOIN service_area_versions v ON (v.city_id, v.service_area_id) = (s.city_id, s.service_area_id)
        WHERE v.state = 'published'
    """,
    "idempotency": """
        SELECT city_id, principal, operation, key, state, locked_until FROM idempotency_keys
        UNION ALL
        SELECT NULL, principal, operation, key, state, locked_until FROM caller_idempotency_keys
    """,
}

SEARCHED = (
    "currencies, cities, datasets, active_dataset, basemap_features, categories, category_aliases, brands, holidays,"
    " regions, region_sources, region_facts, places, place_sources, place_overrides, hours_patterns, place_facts,"
    " merchants, place_operators, service_areas, service_area_versions, coupons, coupon_versions, coupon_scopes,"
    " coupon_places, coupon_stock"
)
PEOPLE = (
    "members, credentials, role_grants, refresh_tokens, login_names, otp_challenges, sign_in_tries, revoked_tokens,"
    " api_clients, merchant_staff, staff_places"
)
EDITED_BY_APP = (
    "merchants, place_operators, place_overrides, service_areas, service_area_versions, coupons, coupon_places,"
    " coupon_stock, members, credentials, role_grants, refresh_tokens, login_names, otp_challenges, sign_in_tries,"
    " revoked_tokens, api_clients, merchant_staff, staff_places, idempotency_keys, caller_idempotency_keys"
)
APPENDED_BY_APP = "coupon_versions, coupon_scopes"
LOADED = (
    "datasets, active_dataset, basemap_features, categories, category_aliases, brands, holidays, regions,"
    " region_sources, region_facts, places, place_sources, place_overrides, hours_patterns, place_facts, coupon_places"
)

# Temporary tables are DDL too; PostgreSQL lets everyone make them unless told otherwise.
_TEMPORARY = "DO $$ BEGIN EXECUTE format('{} TEMPORARY ON DATABASE %I {} PUBLIC', current_database()); END $$"


def upgrade() -> None:
    """Views first, then grants; terms of coupons can be added by the application, never changed."""
    ddl.run(_TEMPORARY.format("REVOKE", "FROM"))
    ddl.run("CREATE SCHEMA audit")
    for name, query in VIEWS.items():
        ddl.run(f"CREATE VIEW audit.{name} AS {query}")
    for role in ddl.ROLES:
        ddl.grant(role, "USAGE", "SCHEMA public, audit")
        ddl.grant(role, "SELECT", "ALL TABLES IN SCHEMA audit")
        ddl.grant(role, "SELECT", f"TABLE {SEARCHED}, alembic_version")
    ddl.grant("fujin_app", "SELECT", f"TABLE {PEOPLE}, idempotency_keys, caller_idempotency_keys")
    ddl.grant("fujin_app", "INSERT, UPDATE, DELETE", f"TABLE {EDITED_BY_APP}")
    ddl.grant("fujin_app", "INSERT", f"TABLE {APPENDED_BY_APP}")
    ddl.grant("fujin_import", "INSERT, UPDATE, DELETE", f"TABLE {LOADED}")


def downgrade() -> None:
    """Drops the views; grants on tables go with the tables."""
    ddl.run("DROP SCHEMA audit CASCADE")
    ddl.run(_TEMPORARY.format("GRANT", "TO"))
    for role in ddl.ROLES:
        ddl.revoke_schema(role)
