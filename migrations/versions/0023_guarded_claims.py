"""Claims where the place counts: coupons for an area, counted tries, verdicts with their evidence, last positions."""

from __future__ import annotations

from migrations import ddl

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None

TABLES = ("claim_tries", "claim_verdicts", "last_fixes")
VERDICT_VIEW = """
    CREATE VIEW audit.claim_verdict AS
    SELECT verdict_id, city_id, coupon_id, member_id, claim_id, verdict, code, place_id, distance_m, accuracy_m,
           fix_age_s, speed_kmh, judged_at
    FROM claim_verdicts
"""


def upgrade() -> None:
    """No exact position is kept anywhere: evidence is metres, seconds and a square of a hundredth of a degree."""
    ddl.run("ALTER TABLE coupon_versions ADD COLUMN claim_in_area boolean NOT NULL DEFAULT false")
    ddl.run(
        "ALTER TABLE coupon_versions ADD CONSTRAINT coupon_versions_claim_in_area_ck"
        " CHECK (not claim_in_area or scope_kind = 'service_areas')"
    )
    ddl.create_table(
        "claim_tries",
        "city",
        "How often a member, a device or an address tried to claim at places within an hour; kept for a day.",
        """
            city_id integer NOT NULL,
            whose text NOT NULL,
            subject bytea NOT NULL,
            hour timestamptz NOT NULL,
            tries integer NOT NULL,
            most integer NOT NULL,
            CONSTRAINT claim_tries_pk PRIMARY KEY (city_id, whose, subject, hour),
            CONSTRAINT claim_tries_whose_ck CHECK (whose in ('member', 'device', 'address')),
            CONSTRAINT claim_tries_tries_ck CHECK (tries between 1 and most)
        """,
    )
    ddl.create_index("claim_tries_old_ix", "claim_tries (city_id, hour)", "Worker: tries that were kept long enough.")
    ddl.create_table(
        "claim_verdicts",
        "city",
        "Verdicts on where somebody was who claimed: coarse evidence, hashed subjects; kept for thirty days.",
        """
            city_id integer NOT NULL,
            verdict_id uuid NOT NULL,
            coupon_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            member_id uuid NOT NULL,
            claim_id uuid,
            verdict text NOT NULL,
            code text,
            place_id uuid,
            distance_m integer,
            accuracy_m integer,
            fix_age_s integer,
            speed_kmh integer,
            lon_cell smallint,
            lat_cell smallint,
            device_key bytea,
            address_key bytea,
            judged_at timestamptz NOT NULL,
            CONSTRAINT claim_verdicts_pk PRIMARY KEY (city_id, verdict_id),
            CONSTRAINT claim_verdicts_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id) ON DELETE RESTRICT,
            CONSTRAINT claim_verdicts_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT claim_verdicts_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT claim_verdicts_verdict_ck CHECK (verdict in ('allow', 'challenge', 'deny')),
            CONSTRAINT claim_verdicts_why_ck CHECK ((verdict = 'allow') = (code is null) and (verdict = 'allow') = (claim_id is not null)),
            CONSTRAINT claim_verdicts_cell_ck CHECK ((lon_cell is null) = (lat_cell is null))
        """,
    )
    ddl.local_only("claim_verdicts", "claim_verdicts_member_fk")
    ddl.local_only("claim_verdicts", "claim_verdicts_merchant_fk")
    ddl.create_index(
        "claim_verdicts_old_ix",
        "claim_verdicts (city_id, judged_at)",
        "Worker: verdicts that were kept long enough.",
    )
    ddl.create_table(
        "last_fixes",
        "member",
        "The square in which a member claimed last, in any city; kept for a day.",
        """
            member_id uuid NOT NULL,
            lon_cell smallint NOT NULL,
            lat_cell smallint NOT NULL,
            measured_at timestamptz NOT NULL,
            CONSTRAINT last_fixes_pk PRIMARY KEY (member_id),
            CONSTRAINT last_fixes_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT last_fixes_cell_ck CHECK (lon_cell between -18000 and 17999 and lat_cell between -9000 and 8999)
        """,
    )
    ddl.create_index("last_fixes_old_ix", "last_fixes (measured_at)", "Worker: positions that were kept long enough.")
    ddl.run(VERDICT_VIEW)
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "TABLE audit.claim_verdict")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "TABLE claim_tries, last_fixes")
    ddl.grant("fujin_app", "SELECT, INSERT, DELETE", "TABLE claim_verdicts")


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.run("DROP VIEW audit.claim_verdict")
    ddl.drop_tables(tuple(reversed(TABLES)))
    ddl.run("ALTER TABLE coupon_versions DROP CONSTRAINT coupon_versions_claim_in_area_ck")
    ddl.run("ALTER TABLE coupon_versions DROP COLUMN claim_in_area")
