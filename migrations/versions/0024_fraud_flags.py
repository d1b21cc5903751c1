"""Signals of abuse that somebody has to look at."""

from __future__ import annotations

from migrations import ddl

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """One signal a rule, account, subject and day."""
    ddl.create_table(
        "fraud_flags",
        "city",
        "A signal of abuse: one a rule, account, subject and day, until somebody has looked.",
        """
            city_id integer NOT NULL,
            flag_id uuid NOT NULL,
            rule text NOT NULL,
            merchant_id uuid NOT NULL,
            staff_id text NOT NULL,
            about uuid,
            place_id uuid NOT NULL,
            flagged_on date NOT NULL,
            count integer NOT NULL,
            first_at timestamptz NOT NULL,
            last_at timestamptz NOT NULL,
            state text NOT NULL,
            settled_by text,
            settled_at timestamptz,
            note text,
            created_at timestamptz NOT NULL,
            CONSTRAINT fraud_flags_pk PRIMARY KEY (city_id, flag_id),
            CONSTRAINT fraud_flags_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT fraud_flags_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT,
            CONSTRAINT fraud_flags_rule_ck CHECK (rule in ('many_reversals', 'same_member', 'soon_and_far', 'out_of_hours')),
            CONSTRAINT fraud_flags_state_ck CHECK (state in ('open', 'dismissed', 'confirmed')),
            CONSTRAINT fraud_flags_settled_ck CHECK ((state = 'open') = (settled_at is null) and (state = 'open') = (settled_by is null)),
            CONSTRAINT fraud_flags_seen_ck CHECK (count > 0 and first_at <= last_at)
        """,
    )
    ddl.local_only("fraud_flags", "fraud_flags_merchant_fk")
    ddl.create_index(
        "fraud_flags_once_uq",
        "fraud_flags (city_id, merchant_id, staff_id, rule, flagged_on,"
        " coalesce(about, '00000000-0000-0000-0000-000000000000'::uuid))",
        "A day has a signal of one rule about one account and subject once; also: signals of a merchant.",
        unique=True,
    )
    ddl.create_index(
        "redemptions_reversed_ix",
        "redemptions (city_id, ended_at) WHERE state = 'reversed'",
        "Worker: what was reversed within a day.",
    )
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE", "TABLE fraud_flags")


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.run("DROP INDEX redemptions_reversed_ix")
    ddl.drop_tables(("fraud_flags",))
