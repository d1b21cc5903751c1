"""Coupons that partners publish under ids and version numbers of their own."""

from __future__ import annotations

from migrations import ddl

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Creates the mapping of partners' ids and numbers."""
    ddl.create_table(
        "partner_coupons",
        "directory",
        "Which coupon a partner's own id means; the key is client and id, with a bar between them.",
        """
            external_key text NOT NULL,
            city_id integer NOT NULL,
            coupon_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT partner_coupons_pk PRIMARY KEY (external_key)
        """,
    )
    ddl.create_table(
        "partner_coupon_versions",
        "directory",
        "Which version of the terms a partner's version became; a number stands for one set of terms for ever.",
        """
            external_key text NOT NULL,
            external_version integer NOT NULL,
            coupon_version integer NOT NULL,
            terms_hash bytea NOT NULL,
            published_at timestamptz NOT NULL,
            CONSTRAINT partner_coupon_versions_pk PRIMARY KEY (external_key, external_version),
            CONSTRAINT partner_coupon_versions_coupon_fk FOREIGN KEY(external_key)
                REFERENCES partner_coupons (external_key) ON DELETE RESTRICT,
            CONSTRAINT partner_coupon_versions_numbers_ck CHECK (external_version > 0 and coupon_version > 0)
        """,
    )
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE", "TABLE partner_coupons")
    ddl.grant("fujin_app", "SELECT, INSERT", "TABLE partner_coupon_versions")


def downgrade() -> None:
    """Drops what upgrade made; the coupons themselves stay."""
    ddl.drop_tables(("partner_coupon_versions", "partner_coupons"))
