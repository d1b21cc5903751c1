"""Stored answers of requests that must not happen twice."""

from __future__ import annotations

from migrations import ddl

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

TABLES = (
    "idempotency_keys",
    "caller_idempotency_keys",
)


def upgrade() -> None:
    """Creates the tables, each with its group."""
    ddl.create_table(
        "idempotency_keys",
        "city",
        "One stored answer a principal, operation and caller's key, for requests about things of a city.",
        """
            city_id integer NOT NULL,
            principal text NOT NULL,
            operation text NOT NULL,
            key text NOT NULL,
            request_hash bytea NOT NULL,
            state text NOT NULL,
            status_code integer,
            media_type text,
            body bytea,
            locked_until timestamptz NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            CONSTRAINT idempotency_keys_pk PRIMARY KEY (city_id, principal, operation, key),
            CONSTRAINT idempotency_keys_state_ck CHECK (state in ('running', 'done')),
            CONSTRAINT idempotency_keys_key_length_ck CHECK (length(key) between 1 and 255),
            CONSTRAINT idempotency_keys_answer_ck CHECK ((state = 'done') = (status_code is not null and body is not null))
        """,
    )
    ddl.create_table(
        "caller_idempotency_keys",
        "directory",
        "One stored answer a principal, operation and caller's key, for requests that belong to no city.",
        """
            principal text NOT NULL,
            operation text NOT NULL,
            key text NOT NULL,
            request_hash bytea NOT NULL,
            state text NOT NULL,
            status_code integer,
            media_type text,
            body bytea,
            locked_until timestamptz NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz NOT NULL,
            CONSTRAINT caller_idempotency_keys_pk PRIMARY KEY (principal, operation, key),
            CONSTRAINT caller_idempotency_keys_state_ck CHECK (state in ('running', 'done')),
            CONSTRAINT caller_idempotency_keys_key_length_ck CHECK (length(key) between 1 and 255),
            CONSTRAINT caller_idempotency_keys_answer_ck CHECK ((state = 'done') = (status_code is not null and body is not null))
        """,
    )


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))
