"""Service areas that merchants run: revisions, reviews, exclusive territories; schedules count in searches for coupons."""

from __future__ import annotations

import importlib

from migrations import ddl

revision = "0035"
down_revision = "0034"
branch_labels = None
depends_on = None

SEARCHES = importlib.import_module("migrations.versions.0018_coupon_search")
FIRST = importlib.import_module("migrations.versions.0014_search_functions")

AREAS = (
    "revision integer NOT NULL DEFAULT 1",
    "seq integer NOT NULL DEFAULT 0",
)
VERSIONS = (
    "tags text[] NOT NULL DEFAULT '{}'",
    "metadata jsonb NOT NULL DEFAULT '{}'",
    "outline jsonb",
    "source_datum text NOT NULL DEFAULT 'wgs84'",
    "brand_key text",
    "based_on integer",
    "edited_by uuid",
    "edited_at timestamptz",
    "published_at timestamptz",
    "ended_at timestamptz",
    "reviewed_by uuid",
    "reviewed_at timestamptz",
    "review_note text",
)
CHECKS = (
    ("service_area_versions_source_datum_ck", "source_datum in ('wgs84', 'gcj02', 'bd09')"),
    ("service_area_versions_tags_ck", "cardinality(tags) <= 20"),
    ("service_area_versions_metadata_ck", "jsonb_typeof(metadata) = 'object'"),
    ("service_area_versions_review_ck", "num_nonnulls(reviewed_by, reviewed_at) in (0, 2)"),
)

# Whether a version's schedule is not closed for sure. p_shut names what is: hours of use after their zone, and schedules
# after the word that says at which instant: "bring:" of the use, "serve:" of the search.
SCHEDULED = "({0}.schedule IS NULL OR NOT '{1}:' || {0}.schedule = ANY (p_shut))"
SERVING_AREA = f"""
CREATE FUNCTION serving_area(p_city integer, p_coupon uuid, p_version integer, p_scope text, p_lon double precision,
                             p_lat double precision, p_at timestamptz, p_shut text[]) RETURNS uuid
LANGUAGE sql STABLE PARALLEL SAFE AS $$
    SELECT CASE WHEN p_scope = 'service_areas' THEN (
        SELECT a.service_area_id FROM coupon_scopes s
        JOIN service_area_versions a ON a.city_id = p_city AND a.service_area_id = s.scope_id
        WHERE s.city_id = p_city AND s.coupon_id = p_coupon AND s.version = p_version AND a.state = 'published'
          AND a.effective_from <= p_at AND (a.effective_until IS NULL OR a.effective_until > p_at)
          AND {SCHEDULED.format("a", "serve")}
          AND st_covers(a.boundary, st_setsrid(st_makepoint(p_lon, p_lat), 4326))
        ORDER BY a.priority DESC, a.area_m2, a.created_at DESC, a.service_area_id LIMIT 1) END
$$
"""
SERVING_CALL = "p_lon, p_lat, p_at)"
IN_FORCE = "AND (w.effective_until IS NULL OR w.effective_until > p_use_at)"


def changed(statement: str, *changes: tuple[str, str]) -> str:
    """A function's statement with changes, each of which must find its place."""
    for before, after in changes:
        if before not in statement:
            raise LookupError(f"no place for: {before}")
        statement = statement.replace(before, after)
    return statement


def functions() -> tuple[str, ...]:
    """The searches for coupons with schedules of areas in them; three of them take one more argument than before."""
    scheduled = (IN_FORCE, f"{IN_FORCE}\n          AND {SCHEDULED.format('w', 'bring')}")
    served = (SERVING_CALL, "p_lon, p_lat, p_at, p_shut)")
    again = ("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")
    return (
        SERVING_AREA,
        changed(SEARCHES.COUPONS_NEAREST, again, scheduled, served),
        changed(SEARCHES.COUPONS_WITHIN, again, scheduled, served),
        changed(
            SEARCHES.COUPON_USES,
            scheduled,
            ("p_claim_at timestamptz)\nRETURNS", "p_claim_at timestamptz, p_shut text[])\nRETURNS"),
        ),
        changed(
            FIRST.COUPON_CARDS, served, ("p_at timestamptz)\nRETURNS", "p_at timestamptz, p_shut text[])\nRETURNS")
        ),
        changed(
            FIRST.COUPONS_NEAR, served, ("p_budget integer)\nRETURNS", "p_budget integer, p_shut text[])\nRETURNS")
        ),
    )


def upgrade() -> None:
    """Rows that are there keep their ways; searches of programs that still run find their functions."""
    for column in AREAS:
        ddl.run(f"ALTER TABLE service_areas ADD COLUMN {column}")
    ddl.run("ALTER TABLE service_areas ADD CONSTRAINT service_areas_counts_ck CHECK (revision > 0 AND seq >= 0)")
    for column in VERSIONS:
        ddl.run(f"ALTER TABLE service_area_versions ADD COLUMN {column}")
    for name, check in CHECKS:
        ddl.run(f"ALTER TABLE service_area_versions ADD CONSTRAINT {name} CHECK ({check})")
    ddl.create_index(
        "service_area_versions_waiting_uq",
        "service_area_versions (city_id, service_area_id) WHERE state IN ('draft', 'validated', 'pending_review')",
        "Edits: the one version of an area that waits to be published.",
        unique=True,
    )
    ddl.create_index(
        "service_area_versions_review_ix",
        "service_area_versions (city_id, edited_at, service_area_id) WHERE state = 'pending_review'",
        "Operators: what waits for a review in a city, the oldest first.",
    )
    ddl.create_index(
        "service_areas_merchant_ix",
        "service_areas (city_id, merchant_id)",
        "Merchants: the areas of one merchant.",
    )
    _tables()
    for statement in functions():
        ddl.run(statement)


def _tables() -> None:
    ddl.create_table(
        "territory_locks",
        "city",
        "A row a brand: who publishes a territory of the brand holds it, so that two never overlap.",
        """
            city_id integer NOT NULL,
            brand_key text NOT NULL,
            CONSTRAINT territory_locks_pk PRIMARY KEY (city_id, brand_key)
        """,
    )
    ddl.create_table(
        "service_area_extents",
        "city",
        "The box around all service areas that were ever published in a city; a point outside is served by none.",
        """
            city_id integer NOT NULL,
            west double precision NOT NULL,
            south double precision NOT NULL,
            east double precision NOT NULL,
            north double precision NOT NULL,
            CONSTRAINT service_area_extents_pk PRIMARY KEY (city_id)
        """,
    )
    ddl.create_table(
        "service_area_plans",
        "merchant",
        "How large the service areas of a merchant may be and whether an operator looks at them first.",
        """
            merchant_id uuid NOT NULL,
            max_area_km2 integer NOT NULL,
            review boolean NOT NULL,
            set_by uuid NOT NULL,
            set_at timestamptz NOT NULL,
            CONSTRAINT service_area_plans_pk PRIMARY KEY (merchant_id),
            CONSTRAINT service_area_plans_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT service_area_plans_max_area_ck CHECK (max_area_km2 between 1000 and 5000)
        """,
    )
    ddl.run(
        "INSERT INTO service_area_extents (city_id, west, south, east, north)"
        " SELECT city_id, min(st_xmin(boundary)), min(st_ymin(boundary)), max(st_xmax(boundary)), max(st_ymax(boundary))"
        " FROM service_area_versions WHERE state = 'published' GROUP BY city_id"
    )
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE", "TABLE territory_locks, service_area_extents, service_area_plans")
    ddl.grant("fujin_read", "SELECT", "TABLE service_area_extents, service_area_plans")


def downgrade() -> None:
    """Without what upgrade made; versions keep their drawings."""
    _drop_longer("coupons_near")
    _drop_longer("coupon_cards")
    _drop_longer("coupon_uses")
    for statement in (SEARCHES.COUPONS_NEAREST, SEARCHES.COUPONS_WITHIN):
        ddl.run(changed(statement, ("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION")))
    _drop_longer("serving_area")
    ddl.drop_tables(("service_area_plans", "service_area_extents", "territory_locks"))
    for index in ("service_areas_merchant_ix", "service_area_versions_review_ix", "service_area_versions_waiting_uq"):
        ddl.run(f"DROP INDEX {index}")
    for column in VERSIONS:
        ddl.run(f"ALTER TABLE service_area_versions DROP COLUMN {column.split()[0]}")
    ddl.run("ALTER TABLE service_areas DROP CONSTRAINT service_areas_counts_ck")
    for column in AREAS:
        ddl.run(f"ALTER TABLE service_areas DROP COLUMN {column.split()[0]}")


def _drop_longer(name: str) -> None:
    """Drops of two functions of one name the one that takes p_shut."""
    ddl.run(f"""
        DO $$ DECLARE v_one text; BEGIN
            SELECT p.oid::regprocedure::text INTO STRICT v_one FROM pg_proc p
            WHERE p.proname = '{name}' AND p.pronamespace = 'public'::regnamespace AND 'p_shut' = ANY (p.proargnames);
            EXECUTE 'DROP FUNCTION ' || v_one;
        END $$
    """)
