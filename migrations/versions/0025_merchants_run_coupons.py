"""Coupons that merchants run: drafts, revisions, stock of a version, codes of the merchant's own, scope ``all_places``."""

from __future__ import annotations

import importlib

from migrations import ddl

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

GRANTED: str = importlib.import_module("migrations.versions.0008_claims").CLAIM_COUPON

# A bucket that names a version is taken from under that version alone, so that a claim which began before a new version
# came into force never takes what was reckoned for the new one. Who empties a bucket puts a look at the whole on the
# list; later, so that others who empty theirs at the same moment are seen by it.
CHANGES = (
    ("CREATE FUNCTION claim_coupon", "CREATE OR REPLACE FUNCTION claim_coupon"),
    ("    v_tries integer := 0;\n", "    v_tries integer := 0;\n    v_emptied boolean;\n"),
    (
        "AND taken < quota\n    ORDER BY mod",
        "AND taken < quota\n      AND (version IS NULL OR version = p_version)\n    ORDER BY mod",
    ),
    (
        "AND bucket = v_bucket AND taken < quota;\n    IF FOUND THEN\n        RETURN 'granted';",
        "AND bucket = v_bucket AND taken < quota\n      AND (version IS NULL OR version = p_version)\n"
        "    RETURNING taken = quota INTO v_emptied;\n    IF FOUND THEN\n        IF v_emptied THEN\n"
        "            PERFORM watch_stock(p_city, p_coupon, p_event, p_now);\n        END IF;\n        RETURN 'granted';",
    ),
    (
        "AND bucket = v_other AND taken < quota;\n        IF FOUND THEN\n",
        "AND bucket = v_other AND taken < quota\n          AND (version IS NULL OR version = p_version)\n"
        "        RETURNING taken = quota INTO v_emptied;\n        IF FOUND THEN\n            IF v_emptied THEN\n"
        "                PERFORM watch_stock(p_city, p_coupon, p_event, p_now);\n            END IF;\n",
    ),
)

# The id of the job is that of the event, which nobody else has either.
WATCH_STOCK = """
CREATE FUNCTION watch_stock(p_city integer, p_coupon uuid, p_job uuid, p_now timestamptz) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO jobs AS j (city_id, job_id, kind, ref_id, state, run_at, tries, created_at)
    VALUES (p_city, p_job, 'coupon.stock', p_coupon, 'due', p_now + interval '1 second', 0, p_now)
    ON CONFLICT (city_id, kind, ref_id) DO UPDATE
    SET state = 'due', run_at = p_now + interval '1 second', tries = 0, done_at = NULL, lease_until = NULL
$$
"""

SCOPES = "'places', 'service_areas', 'regions'"


def claim_coupon() -> str:
    """The function of 0008 with its changes, each of which must find its place."""
    statement = GRANTED
    for before, after in CHANGES:
        if statement.count(before) != 1:
            raise LookupError(f"{statement.count(before)} places for: {before}")
        statement = statement.replace(before, after)
    return statement


def upgrade() -> None:
    """Rows that are there keep their ways: a bucket without a version is taken from under any."""
    ddl.run("ALTER TABLE coupons ADD COLUMN revision integer NOT NULL DEFAULT 1")
    ddl.run("ALTER TABLE coupons ADD COLUMN seq integer NOT NULL DEFAULT 0")
    ddl.run("ALTER TABLE coupons ADD COLUMN quota integer")
    ddl.run("ALTER TABLE coupons ADD COLUMN ended_at timestamptz")
    ddl.run("ALTER TABLE coupons ADD CONSTRAINT coupons_counts_ck CHECK (revision > 0 AND seq >= 0 AND quota >= 0)")
    ddl.run("ALTER TABLE coupon_stock ADD COLUMN version integer")
    ddl.run("ALTER TABLE coupon_versions DROP CONSTRAINT coupon_versions_scope_kind_ck")
    ddl.run(
        "ALTER TABLE coupon_versions ADD CONSTRAINT coupon_versions_scope_kind_ck"
        f" CHECK (scope_kind in ('all_places', {SCOPES}))"
    )
    ddl.run("ALTER TABLE claims DROP CONSTRAINT claims_code_ck")
    ddl.run(
        "ALTER TABLE claims ADD CONSTRAINT claims_code_ck CHECK (code_tail ~ '^[0-9A-Z]{4}$' and length(code_key) = 32)"
    )
    ddl.create_table(
        "coupon_drafts",
        "city",
        "Terms that a merchant works on; published they become the next version.",
        """
            city_id integer NOT NULL,
            coupon_id uuid NOT NULL,
            terms jsonb NOT NULL,
            commission_bp integer NOT NULL,
            agreed_share_bp integer,
            agreed_by uuid,
            agreed_at timestamptz,
            edited_by uuid NOT NULL,
            edited_at timestamptz NOT NULL,
            CONSTRAINT coupon_drafts_pk PRIMARY KEY (city_id, coupon_id),
            CONSTRAINT coupon_drafts_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id) ON DELETE RESTRICT,
            CONSTRAINT coupon_drafts_shares_ck CHECK (commission_bp between 0 and 10000 and agreed_share_bp between 0 and 10000),
            CONSTRAINT coupon_drafts_agreed_ck CHECK (num_nonnulls(agreed_share_bp, agreed_by, agreed_at) in (0, 3))
        """,
    )
    ddl.create_table(
        "coupon_codes",
        "city",
        "Codes that a merchant brought for a coupon; each is handed out once, for good.",
        """
            city_id integer NOT NULL,
            code_id uuid NOT NULL,
            coupon_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            code_key bytea NOT NULL,
            code_sealed bytea NOT NULL,
            code_tail text NOT NULL,
            claim_id uuid,
            uploaded_at timestamptz NOT NULL,
            CONSTRAINT coupon_codes_pk PRIMARY KEY (city_id, code_id),
            CONSTRAINT coupon_codes_key_uq UNIQUE (city_id, merchant_id, code_key),
            CONSTRAINT coupon_codes_claim_uq UNIQUE (city_id, claim_id),
            CONSTRAINT coupon_codes_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id) ON DELETE RESTRICT,
            CONSTRAINT coupon_codes_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT coupon_codes_code_ck CHECK (code_tail ~ '^[0-9A-Z]{4}$' and length(code_key) = 32)
        """,
    )
    ddl.local_only("coupon_codes", "coupon_codes_merchant_fk")
    ddl.create_index(
        "coupon_codes_free_ix",
        "coupon_codes (city_id, coupon_id, claim_id, code_id)",
        "Claim: the next code of a coupon that nobody has; how many there are.",
    )
    ddl.create_index(
        "redemptions_order_ix",
        "redemptions (city_id, place_id, pos_order_no, created_at) WHERE pos_order_no IS NOT NULL",
        "Till: which claims an order has used already.",
    )
    ddl.run(WATCH_STOCK)
    ddl.run(claim_coupon())
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "TABLE coupon_drafts, coupon_codes")
    ddl.grant("fujin_app", "INSERT, DELETE", "TABLE postings")
    ddl.grant("fujin_app", "INSERT", "TABLE search_facets")


def downgrade() -> None:
    """Refused by the constraints while a coupon uses what did not exist before."""
    ddl.revoke("fujin_app", "INSERT", "TABLE search_facets")
    ddl.revoke("fujin_app", "INSERT, DELETE", "TABLE postings")
    ddl.run(GRANTED.replace("CREATE FUNCTION", "CREATE OR REPLACE FUNCTION", 1))
    ddl.run("DROP FUNCTION watch_stock")
    ddl.run("DROP INDEX redemptions_order_ix")
    ddl.drop_tables(("coupon_codes", "coupon_drafts"))
    ddl.run("ALTER TABLE claims DROP CONSTRAINT claims_code_ck")
    ddl.run(
        "ALTER TABLE claims ADD CONSTRAINT claims_code_ck CHECK (code_tail ~ '^[0-9]{4}$' and length(code_key) = 32)"
    )
    ddl.run("ALTER TABLE coupon_versions DROP CONSTRAINT coupon_versions_scope_kind_ck")
    ddl.run(
        f"ALTER TABLE coupon_versions ADD CONSTRAINT coupon_versions_scope_kind_ck CHECK (scope_kind in ({SCOPES}))"
    )
    ddl.run("ALTER TABLE coupon_stock DROP COLUMN version")
    ddl.run("ALTER TABLE coupons DROP CONSTRAINT coupons_counts_ck")
    for column in ("ended_at", "quota", "seq", "revision"):
        ddl.run(f"ALTER TABLE coupons DROP COLUMN {column}")
