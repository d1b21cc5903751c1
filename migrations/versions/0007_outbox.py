"""Events and their relay, webhook endpoints with deliveries, and jobs."""

from __future__ import annotations

from migrations import ddl

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

TABLES = (
    "outbox_events",
    "outbox_positions",
    "webhook_endpoints",
    "deliveries",
    "delivery_attempts",
    "jobs",
    "worker_beats",
)


def upgrade() -> None:
    """Creates the tables, each with its group."""
    ddl.create_table(
        "outbox_events",
        "city",
        "What happened to one aggregate, written in the transaction that did it; position is stamped by the relay.",
        """
            city_id integer NOT NULL,
            event_id uuid NOT NULL,
            aggregate_id uuid NOT NULL,
            seq integer NOT NULL,
            type text NOT NULL,
            merchant_id uuid NOT NULL,
            data jsonb NOT NULL,
            trace text,
            occurred_at timestamptz NOT NULL,
            position bigint,
            tries smallint,
            done_at timestamptz,
            dead_at timestamptz,
            dead_reason text,
            CONSTRAINT outbox_events_pk PRIMARY KEY (city_id, event_id),
            CONSTRAINT outbox_events_seq_uq UNIQUE (city_id, aggregate_id, seq),
            CONSTRAINT outbox_events_seq_ck CHECK (seq > 0),
            CONSTRAINT outbox_events_position_ck CHECK (position > 0),
            CONSTRAINT outbox_events_tries_ck CHECK (tries > 0),
            CONSTRAINT outbox_events_type_ck CHECK (type ~ '^fujin[.][a-z_]+[.][a-z_]+[.]v[0-9]+$')
        """,
    )
    ddl.create_index(
        "outbox_events_position_uq",
        "outbox_events (city_id, position) WHERE position IS NOT NULL",
        "Feed: events of a city in order; a position is given once.",
        unique=True,
    )
    ddl.create_index(
        "outbox_events_waiting_ix",
        "outbox_events (city_id, event_id) WHERE position IS NULL AND dead_at IS NULL",
        "Relay: which events of a city wait for their position.",
    )
    ddl.create_index(
        "outbox_events_merchant_ix",
        "outbox_events (city_id, merchant_id, position) WHERE position IS NOT NULL",
        "Feed: events of a merchant in a city after a position; whether it has any there.",
    )
    ddl.create_index(
        "outbox_events_dead_ix",
        "outbox_events (city_id, event_id) WHERE dead_at IS NOT NULL",
        "Operators: events that could not be told.",
    )
    ddl.create_table(
        "outbox_positions",
        "city",
        "The last position given to an event of a city; its row lock is the relay's lease.",
        """
            city_id integer NOT NULL,
            position bigint NOT NULL,
            relayed_at timestamptz,
            relayed_by text,
            CONSTRAINT outbox_positions_pk PRIMARY KEY (city_id),
            CONSTRAINT outbox_positions_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT outbox_positions_position_ck CHECK (position >= 0)
        """,
    )
    ddl.create_table(
        "webhook_endpoints",
        "merchant",
        "Where a merchant's events are sent; secrets are sealed, two are good during a rotation; a slot each, ten in all.",
        """
            merchant_id uuid NOT NULL,
            endpoint_id uuid NOT NULL,
            url text NOT NULL,
            types text[] NOT NULL,
            description text,
            secret_sealed bytea NOT NULL,
            old_secret_sealed bytea,
            old_secret_until timestamptz,
            slot smallint,
            state text NOT NULL,
            disabled_reason text,
            failures integer NOT NULL,
            resting_until timestamptz,
            row_version integer NOT NULL,
            created_by text NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT webhook_endpoints_pk PRIMARY KEY (merchant_id, endpoint_id),
            CONSTRAINT webhook_endpoints_slot_uq UNIQUE (merchant_id, slot),
            CONSTRAINT webhook_endpoints_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT webhook_endpoints_url_ck CHECK (length(url) between 8 and 2000),
            CONSTRAINT webhook_endpoints_state_ck CHECK (state in ('enabled', 'disabled', 'deleted')),
            CONSTRAINT webhook_endpoints_slot_ck CHECK (slot between 1 and 10),
            CONSTRAINT webhook_endpoints_slot_kept_ck CHECK ((state = 'deleted') = (slot is null)),
            CONSTRAINT webhook_endpoints_failures_ck CHECK (failures >= 0)
        """,
    )
    ddl.create_table(
        "deliveries",
        "city",
        "One event on its way to one endpoint; of one aggregate the earlier event goes first.",
        """
            city_id integer NOT NULL,
            endpoint_id uuid NOT NULL,
            event_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            aggregate_id uuid NOT NULL,
            position bigint NOT NULL,
            state text NOT NULL,
            attempt smallint NOT NULL,
            attempts_before smallint NOT NULL,
            next_at timestamptz NOT NULL,
            lease_until timestamptz,
            last_error text,
            created_at timestamptz NOT NULL,
            done_at timestamptz,
            CONSTRAINT deliveries_pk PRIMARY KEY (city_id, endpoint_id, event_id),
            CONSTRAINT deliveries_event_fk FOREIGN KEY(city_id, event_id) REFERENCES outbox_events (city_id, event_id) ON DELETE RESTRICT,
            CONSTRAINT deliveries_endpoint_fk FOREIGN KEY(merchant_id, endpoint_id) REFERENCES webhook_endpoints (merchant_id, endpoint_id) ON DELETE RESTRICT,
            CONSTRAINT deliveries_state_ck CHECK (state in ('due', 'done', 'dead')),
            CONSTRAINT deliveries_attempt_ck CHECK (attempts_before >= 0 and attempt >= attempts_before)
        """,
    )
    ddl.local_only("deliveries", "deliveries_endpoint_fk")
    ddl.create_index(
        "deliveries_due_ix",
        "deliveries (city_id, endpoint_id, next_at) WHERE state = 'due'",
        "Sender: what is due for an endpoint of a city.",
    )
    ddl.create_index(
        "deliveries_order_ix",
        "deliveries (city_id, endpoint_id, aggregate_id, position) WHERE state = 'due'",
        "Sender: whether an earlier event of the same thing is still to be delivered.",
    )
    ddl.create_index(
        "deliveries_dead_ix",
        "deliveries (city_id, event_id) WHERE state = 'dead'",
        "Operators: deliveries that were given up.",
    )
    ddl.create_index(
        "deliveries_event_ix",
        "deliveries (city_id, event_id)",
        "Sender: whether all deliveries of an event have ended.",
    )
    ddl.create_index(
        "deliveries_merchant_ix",
        "deliveries (city_id, merchant_id, position)",
        "Deliveries of a merchant, in order.",
    )
    ddl.create_table(
        "delivery_attempts",
        "city",
        "What one attempt to deliver an event met.",
        """
            city_id integer NOT NULL,
            endpoint_id uuid NOT NULL,
            event_id uuid NOT NULL,
            attempt smallint NOT NULL,
            at timestamptz NOT NULL,
            took_ms integer NOT NULL,
            ok boolean NOT NULL,
            status_code integer,
            error text,
            CONSTRAINT delivery_attempts_pk PRIMARY KEY (city_id, endpoint_id, event_id, attempt),
            CONSTRAINT delivery_attempts_delivery_fk FOREIGN KEY(city_id, endpoint_id, event_id) REFERENCES deliveries (city_id, endpoint_id, event_id) ON DELETE RESTRICT
        """,
    )
    ddl.create_table(
        "jobs",
        "city",
        "Work that is due for one thing; a lease lets one worker at a time do it.",
        """
            city_id integer NOT NULL,
            job_id uuid NOT NULL,
            kind text NOT NULL,
            ref_id uuid NOT NULL,
            state text NOT NULL,
            run_at timestamptz NOT NULL,
            lease_until timestamptz,
            tries integer NOT NULL,
            last_error text,
            created_at timestamptz NOT NULL,
            done_at timestamptz,
            CONSTRAINT jobs_pk PRIMARY KEY (city_id, job_id),
            CONSTRAINT jobs_ref_uq UNIQUE (city_id, kind, ref_id),
            CONSTRAINT jobs_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT jobs_state_ck CHECK (state in ('due', 'done', 'dead')),
            CONSTRAINT jobs_tries_ck CHECK (tries >= 0)
        """,
    )
    ddl.create_index(
        "jobs_due_ix",
        "jobs (city_id, run_at) WHERE state = 'due'",
        "Worker: which work of a city is due.",
    )
    ddl.create_table(
        "worker_beats",
        "directory",
        "When each worker process was last seen at work.",
        """
            worker_id text NOT NULL,
            began_at timestamptz NOT NULL,
            seen_at timestamptz NOT NULL,
            CONSTRAINT worker_beats_pk PRIMARY KEY (worker_id)
        """,
    )
    for keys in ("idempotency_keys", "caller_idempotency_keys"):
        ddl.create_index(f"{keys}_expires_ix", f"{keys} (expires_at)", "Worker: stored answers past their time.")


def downgrade() -> None:
    """Drops what upgrade made."""
    for keys in ("idempotency_keys", "caller_idempotency_keys"):
        ddl.run(f"DROP INDEX {keys}_expires_ix")
    ddl.drop_tables(tuple(reversed(TABLES)))
