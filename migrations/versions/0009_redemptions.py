"""Redemptions with their units, and wrong codes."""

from __future__ import annotations

from migrations import ddl

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

TABLES = (
    "redemptions",
    "redemption_units",
    "wrong_codes",
)


def upgrade() -> None:
    """Creates the tables, each with its group."""
    ddl.create_table(
        "redemptions",
        "city",
        "One request of a till: units of one or more claims, all or nothing; its number is good once for ever.",
        """
            city_id integer NOT NULL,
            redemption_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            place_id uuid NOT NULL,
            staff_id text NOT NULL,
            request_no text NOT NULL,
            request_hash bytea NOT NULL,
            pos_order_no text,
            state text NOT NULL,
            gross_minor bigint NOT NULL,
            discount_minor bigint NOT NULL,
            platform_share_minor bigint NOT NULL,
            prepaid_minor bigint NOT NULL,
            commission_minor bigint NOT NULL,
            payable_minor bigint NOT NULL,
            currency text NOT NULL,
            lease_until timestamptz,
            committed_at timestamptz,
            reverse_before timestamptz,
            reversal_pending boolean NOT NULL,
            ended_at timestamptz,
            reason text,
            reversal_window_s integer NOT NULL,
            seq integer NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT redemptions_pk PRIMARY KEY (city_id, redemption_id),
            CONSTRAINT redemptions_request_uq UNIQUE (city_id, merchant_id, request_no),
            CONSTRAINT redemptions_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT,
            CONSTRAINT redemptions_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT redemptions_currency_fk FOREIGN KEY(currency) REFERENCES currencies (currency) ON DELETE RESTRICT,
            CONSTRAINT redemptions_state_ck CHECK (state in ('held', 'committed', 'voided', 'reversed')),
            CONSTRAINT redemptions_split_ck CHECK (discount_minor between 0 and gross_minor and platform_share_minor between 0 and discount_minor and prepaid_minor >= 0 and commission_minor >= 0 and payable_minor = gross_minor - discount_minor),
            CONSTRAINT redemptions_held_ck CHECK (state <> 'held' or lease_until is not null),
            CONSTRAINT redemptions_committed_ck CHECK ((state in ('committed', 'reversed')) = (committed_at is not null) and (committed_at is null) = (reverse_before is null)),
            CONSTRAINT redemptions_ended_ck CHECK ((state in ('voided', 'reversed')) = (ended_at is not null)),
            CONSTRAINT redemptions_request_no_ck CHECK (length(request_no) between 1 and 100 and seq > 0),
            CONSTRAINT redemptions_reversal_ck CHECK (not reversal_pending or state = 'committed')
        """,
    )
    ddl.local_only("redemptions", "redemptions_merchant_fk")
    ddl.create_index(
        "redemptions_lease_ix",
        "redemptions (city_id, lease_until) WHERE state = 'held'",
        "Sweeper: holds whose lease is over.",
    )
    ddl.create_table(
        "redemption_units",
        "city",
        "One unit of a claim in a redemption; a unit is live in at most one of them.",
        """
            city_id integer NOT NULL,
            redemption_unit_id uuid NOT NULL,
            redemption_id uuid NOT NULL,
            claim_id uuid NOT NULL,
            unit_no smallint NOT NULL,
            units smallint NOT NULL,
            live boolean NOT NULL,
            coupon_id uuid NOT NULL,
            gross_minor bigint NOT NULL,
            discount_minor bigint NOT NULL,
            platform_share_minor bigint NOT NULL,
            prepaid_minor bigint NOT NULL,
            commission_minor bigint NOT NULL,
            budgeted boolean NOT NULL,
            CONSTRAINT redemption_units_pk PRIMARY KEY (city_id, redemption_unit_id),
            CONSTRAINT redemption_units_line_uq UNIQUE (city_id, redemption_id, claim_id, unit_no),
            CONSTRAINT redemption_units_redemption_fk FOREIGN KEY(city_id, redemption_id) REFERENCES redemptions (city_id, redemption_id) ON DELETE RESTRICT,
            CONSTRAINT redemption_units_claim_fk FOREIGN KEY(city_id, claim_id, units) REFERENCES claims (city_id, claim_id, units) ON DELETE RESTRICT,
            CONSTRAINT redemption_units_unit_no_ck CHECK (unit_no between 1 and units),
            CONSTRAINT redemption_units_split_ck CHECK (discount_minor between 0 and gross_minor and platform_share_minor between 0 and discount_minor and prepaid_minor >= 0 and commission_minor >= 0)
        """,
    )
    ddl.create_index(
        "redemption_units_live_uq",
        "redemption_units (city_id, claim_id, unit_no) WHERE live",
        "A unit of a claim is used at most once; also: what is used of a claim.",
        unique=True,
    )
    ddl.create_index(
        "redemption_units_over_ix",
        "redemption_units (city_id, claim_id) WHERE NOT live",
        "Till: how often a claim was reversed.",
    )
    ddl.create_table(
        "wrong_codes",
        "city",
        "Wrong codes within a day, of one terminal (a member of staff at a place) and of a whole merchant.",
        """
            city_id integer NOT NULL,
            merchant_id uuid NOT NULL,
            terminal text NOT NULL,
            wrong_count integer NOT NULL,
            counted_from timestamptz NOT NULL,
            CONSTRAINT wrong_codes_pk PRIMARY KEY (city_id, merchant_id, terminal),
            CONSTRAINT wrong_codes_wrong_count_ck CHECK (wrong_count between 1 and 100)
        """,
    )


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))
