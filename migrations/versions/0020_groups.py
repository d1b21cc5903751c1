"""Group deals: groups, their seats, the claims that stand in one, and refunds of groups that failed."""

from __future__ import annotations

from migrations import ddl

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None

TABLES = ("deal_groups", "group_seats")
CAUSES = "cause in ('asked', 'stray', 'reversal', 'claim')"
CAUSES_NOW = "cause in ('asked', 'stray', 'reversal', 'claim', 'group')"
VIEWS = {
    "deal_group": """
        SELECT group_id, city_id, coupon_id, coupon_version, state, target, seats, taken, joined, most_joined,
               price_minor, currency, deadline, decided_at, closed_at
        FROM deal_groups
    """,
    "group_seat": "SELECT group_id, city_id, member_id, claim_id, state FROM group_seats",
}


def upgrade() -> None:
    """A claim is in a group at most once, and no seat of a group goes without a claim."""
    ddl.create_table(
        "deal_groups",
        "city",
        "One group of a coupon's group deal: it succeeds when enough seats are paid for before its deadline.",
        """
            city_id integer NOT NULL,
            group_id uuid NOT NULL,
            coupon_id uuid NOT NULL,
            coupon_version integer NOT NULL,
            merchant_id uuid NOT NULL,
            member_id uuid NOT NULL,
            state text NOT NULL,
            target smallint NOT NULL,
            seats smallint NOT NULL,
            taken smallint NOT NULL,
            joined smallint NOT NULL,
            most_joined smallint NOT NULL,
            price_minor bigint NOT NULL,
            currency text NOT NULL,
            deadline timestamptz NOT NULL,
            seq integer NOT NULL,
            created_at timestamptz NOT NULL,
            decided_at timestamptz,
            closed_at timestamptz,
            CONSTRAINT deal_groups_pk PRIMARY KEY (city_id, group_id),
            CONSTRAINT deal_groups_version_fk FOREIGN KEY(city_id, coupon_id, coupon_version) REFERENCES coupon_versions (city_id, coupon_id, version) ON DELETE RESTRICT,
            CONSTRAINT deal_groups_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT deal_groups_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT deal_groups_currency_fk FOREIGN KEY(currency) REFERENCES currencies (currency) ON DELETE RESTRICT,
            CONSTRAINT deal_groups_state_ck CHECK (state in ('open', 'succeeded', 'failed', 'closed')),
            CONSTRAINT deal_groups_terms_ck CHECK (target > 1 and seats >= target and price_minor >= 0 and seq >= 0),
            CONSTRAINT deal_groups_seats_ck CHECK (taken between 0 and seats and joined between 0 and taken),
            CONSTRAINT deal_groups_most_joined_ck CHECK (most_joined between joined and seats),
            CONSTRAINT deal_groups_tipped_ck CHECK ((state = 'succeeded') = (most_joined >= target)),
            CONSTRAINT deal_groups_decided_ck CHECK ((state = 'open') = (decided_at is null)),
            CONSTRAINT deal_groups_closed_ck CHECK ((state = 'closed') = (closed_at is not null))
        """,
    )
    ddl.local_only("deal_groups", "deal_groups_merchant_fk")
    ddl.local_only("deal_groups", "deal_groups_member_fk")
    ddl.create_index(
        "deal_groups_due_ix",
        "deal_groups (city_id, deadline) WHERE state = 'open'",
        "Sweeper: open groups whose deadline is over.",
    )
    ddl.create_index(
        "deal_groups_failed_ix",
        "deal_groups (city_id, group_id) WHERE state = 'failed'",
        "Sweeper: failed groups whose members are paid back.",
    )
    ddl.create_index(
        "deal_groups_starter_uq",
        "deal_groups (city_id, coupon_id, member_id) WHERE state = 'open'",
        "A member has one open group of a coupon at most.",
        unique=True,
    )
    ddl.create_table(
        "group_seats",
        "city",
        "A member's seat in a group: reserved with an unpaid claim, joined with a paid one, given up or paid back.",
        """
            city_id integer NOT NULL,
            group_id uuid NOT NULL,
            member_id uuid NOT NULL,
            claim_id uuid NOT NULL,
            state text NOT NULL,
            tries smallint NOT NULL,
            retry_at timestamptz,
            changed_at timestamptz NOT NULL,
            CONSTRAINT group_seats_pk PRIMARY KEY (city_id, group_id, member_id),
            CONSTRAINT group_seats_claim_uq UNIQUE (city_id, claim_id),
            CONSTRAINT group_seats_group_fk FOREIGN KEY(city_id, group_id) REFERENCES deal_groups (city_id, group_id) ON DELETE RESTRICT,
            CONSTRAINT group_seats_claim_fk FOREIGN KEY(city_id, claim_id) REFERENCES claims (city_id, claim_id) ON DELETE RESTRICT,
            CONSTRAINT group_seats_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT group_seats_state_ck CHECK (state in ('reserved', 'joined', 'left', 'refunding', 'refunded')),
            CONSTRAINT group_seats_tries_ck CHECK (tries >= 0)
        """,
    )
    ddl.local_only("group_seats", "group_seats_member_fk")
    ddl.run("ALTER TABLE claims ADD COLUMN group_id uuid")
    ddl.run(
        "ALTER TABLE claims ADD CONSTRAINT claims_group_fk FOREIGN KEY (city_id, group_id)"
        " REFERENCES deal_groups (city_id, group_id) ON DELETE RESTRICT"
    )
    _causes(CAUSES_NOW)
    for name, query in VIEWS.items():
        ddl.run(f"CREATE VIEW audit.{name} AS {query}")
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "TABLE " + ", ".join(f"audit.{name}" for name in VIEWS))
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE", "TABLE " + ", ".join(TABLES))


def downgrade() -> None:
    """Drops what upgrade made; refunds of failed groups stay as refunds that somebody asked for."""
    for name in reversed(VIEWS):
        ddl.run(f"DROP VIEW audit.{name}")
    ddl.run("UPDATE refunds SET cause = 'asked' WHERE cause = 'group'")
    _causes(CAUSES)
    ddl.run("ALTER TABLE claims DROP CONSTRAINT claims_group_fk")
    ddl.run("ALTER TABLE claims DROP COLUMN group_id")
    ddl.drop_tables(tuple(reversed(TABLES)))


def _causes(words: str) -> None:
    ddl.run("ALTER TABLE refunds DROP CONSTRAINT refunds_cause_ck")
    ddl.run(f"ALTER TABLE refunds ADD CONSTRAINT refunds_cause_ck CHECK ({words})")
