"""What is kept of a flow that stands elsewhere: intents of claims, our coupons there, a mirror fed by its events."""

from __future__ import annotations

from migrations import ddl

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

NAMES = ("flow_feeds", "flow_inbox", "flow_mirror", "flow_intents", "flow_coupons")


def upgrade() -> None:
    """Creates the tables; they stay empty where the flow is the installation's own."""
    ddl.create_table(
        "flow_coupons",
        "city",
        "A coupon of ours at the flow that stands elsewhere: its id and version there.",
        """
            city_id integer NOT NULL,
            coupon_id uuid NOT NULL,
            remote_id uuid NOT NULL,
            version integer NOT NULL,
            ended boolean NOT NULL,
            CONSTRAINT flow_coupons_pk PRIMARY KEY (city_id, coupon_id),
            CONSTRAINT flow_coupons_remote_uq UNIQUE (city_id, remote_id),
            CONSTRAINT flow_coupons_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id)
                ON DELETE RESTRICT
        """,
    )
    ddl.create_table(
        "flow_intents",
        "city",
        "A claim that is asked of the flow that stands elsewhere, under an id of ours: written before it is asked.",
        """
            city_id integer NOT NULL,
            claim_id uuid NOT NULL,
            coupon_id uuid NOT NULL,
            member_id uuid NOT NULL,
            request_no text NOT NULL,
            state text NOT NULL,
            refusal text,
            view jsonb,
            created_at timestamptz NOT NULL,
            asked_at timestamptz NOT NULL,
            resolved_at timestamptz,
            CONSTRAINT flow_intents_pk PRIMARY KEY (city_id, claim_id),
            CONSTRAINT flow_intents_request_uq UNIQUE (city_id, member_id, request_no),
            CONSTRAINT flow_intents_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id)
                ON DELETE RESTRICT,
            CONSTRAINT flow_intents_state_ck CHECK (state in ('granting', 'granted', 'refused', 'unknown')),
            CONSTRAINT flow_intents_granted_is_seen_ck CHECK ((state = 'granted') = (view is not null))
        """,
    )
    ddl.create_index(
        "flow_intents_member_ix", "flow_intents (member_id, claim_id)", "Wallet: a member's claims, newest first."
    )
    ddl.create_table(
        "flow_mirror",
        "city",
        "What the flow that stands elsewhere told last of a thing; written by the event with the highest sequence alone.",
        """
            city_id integer NOT NULL,
            subject_id uuid NOT NULL,
            kind text NOT NULL,
            seq integer NOT NULL,
            state text NOT NULL,
            coupon_id uuid,
            live boolean NOT NULL,
            merchant_id uuid NOT NULL,
            place_id uuid,
            data jsonb NOT NULL,
            told_at timestamptz NOT NULL,
            CONSTRAINT flow_mirror_pk PRIMARY KEY (city_id, subject_id),
            CONSTRAINT flow_mirror_seq_ck CHECK (seq > 0)
        """,
    )
    ddl.create_index(
        "flow_mirror_coupon_ix",
        "flow_mirror (city_id, coupon_id) WHERE live",
        "How many live claims a coupon has at the flow.",
    )
    ddl.create_table(
        "flow_inbox",
        "directory",
        "Events of the flow that stands elsewhere, each applied once.",
        """
            event_id text NOT NULL,
            received_at timestamptz NOT NULL,
            CONSTRAINT flow_inbox_pk PRIMARY KEY (event_id)
        """,
    )
    ddl.create_table(
        "flow_feeds",
        "directory",
        "How far the feed of the flow that stands elsewhere was read, by its address.",
        """
            address text NOT NULL,
            read_to text,
            polled_at timestamptz NOT NULL,
            CONSTRAINT flow_feeds_pk PRIMARY KEY (address)
        """,
    )
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE", "TABLE flow_coupons, flow_intents, flow_mirror, flow_feeds")
    ddl.grant("fujin_app", "SELECT, INSERT", "TABLE flow_inbox")


def downgrade() -> None:
    """Drops what upgrade made; the flow itself keeps everything."""
    ddl.drop_tables(NAMES)
