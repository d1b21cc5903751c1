"""Events in the group of the row that caused them, who is told of them, and work that is due."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.core.schema import declare, foreign_key

outbox_events = declare(
    "outbox_events",
    "city",
    "What happened to one aggregate, written in the transaction that did it; position is stamped by the relay.",
    Column("event_id", Uuid, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("type", Text, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("data", JSONB, nullable=False),
    Column("trace", Text),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("position", BigInteger),
    Column("tries", SmallInteger),
    Column("done_at", DateTime(timezone=True)),
    Column("dead_at", DateTime(timezone=True)),
    Column("dead_reason", Text),
    PrimaryKeyConstraint("city_id", "event_id", name="outbox_events_pk"),
    UniqueConstraint("city_id", "aggregate_id", "seq", name="outbox_events_seq_uq"),
    CheckConstraint("seq > 0", name="seq"),
    CheckConstraint("position > 0", name="position"),
    CheckConstraint("tries > 0", name="tries"),
    CheckConstraint("type ~ '^fujin[.][a-z_]+[.][a-z_]+[.]v[0-9]+$'", name="type"),
)
Index(
    "outbox_events_waiting_ix",
    outbox_events.c.city_id,
    outbox_events.c.event_id,
    postgresql_where=text("position IS NULL AND dead_at IS NULL"),
)
Index(
    "outbox_events_merchant_ix",
    outbox_events.c.city_id,
    outbox_events.c.merchant_id,
    outbox_events.c.position,
    postgresql_where=outbox_events.c.position.is_not(None),
)
Index(
    "outbox_events_dead_ix",
    outbox_events.c.city_id,
    outbox_events.c.event_id,
    postgresql_where=text("dead_at IS NOT NULL"),
)
Index(
    "outbox_events_position_uq",
    outbox_events.c.city_id,
    outbox_events.c.position,
    unique=True,
    postgresql_where=outbox_events.c.position.is_not(None),
)

outbox_positions = declare(
    "outbox_positions",
    "city",
    "The last position given to an event of a city; its row lock is the relay's lease.",
    Column("position", BigInteger, nullable=False),
    Column("relayed_at", DateTime(timezone=True)),
    Column("relayed_by", Text),
    PrimaryKeyConstraint("city_id", name="outbox_positions_pk"),
    foreign_key("outbox_positions_city_fk", ["city_id"], "cities"),
    CheckConstraint("position >= 0", name="position"),
)

webhook_endpoints = declare(
    "webhook_endpoints",
    "merchant",
    "Where a merchant's events are sent; secrets are sealed, two are good during a rotation; a slot each, ten in all.",
    Column("merchant_id", Uuid, nullable=False),
    Column("endpoint_id", Uuid, nullable=False),
    Column("url", Text, nullable=False),
    Column("types", ARRAY(Text), nullable=False),
    Column("description", Text),
    Column("secret_sealed", LargeBinary, nullable=False),
    Column("old_secret_sealed", LargeBinary),
    Column("old_secret_until", DateTime(timezone=True)),
    Column("slot", SmallInteger),
    Column("state", Text, nullable=False),
    Column("disabled_reason", Text),
    Column("failures", Integer, nullable=False),
    Column("resting_until", DateTime(timezone=True)),
    Column("row_version", Integer, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("merchant_id", "endpoint_id", name="webhook_endpoints_pk"),
    UniqueConstraint("merchant_id", "slot", name="webhook_endpoints_slot_uq"),
    foreign_key("webhook_endpoints_merchant_fk", ["merchant_id"], "merchants"),
    CheckConstraint("length(url) between 8 and 2000", name="url"),
    CheckConstraint("state in ('enabled', 'disabled', 'deleted')", name="state"),
    CheckConstraint("slot between 1 and 10", name="slot"),
    CheckConstraint("(state = 'deleted') = (slot is null)", name="slot_kept"),
    CheckConstraint("failures >= 0", name="failures"),
)

deliveries = declare(
    "deliveries",
    "city",
    "One event on its way to one endpoint; of one aggregate the earlier event goes first.",
    Column("endpoint_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("aggregate_id", Uuid, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("attempts_before", SmallInteger, nullable=False),
    Column("next_at", DateTime(timezone=True), nullable=False),
    Column("lease_until", DateTime(timezone=True)),
    Column("last_error", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("done_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "endpoint_id", "event_id", name="deliveries_pk"),
    foreign_key("deliveries_event_fk", ["city_id", "event_id"], "outbox_events"),
    foreign_key("deliveries_endpoint_fk", ["merchant_id", "endpoint_id"], "webhook_endpoints", local_only=True),
    CheckConstraint("state in ('due', 'done', 'dead')", name="state"),
    CheckConstraint("attempts_before >= 0 and attempt >= attempts_before", name="attempt"),
)
Index(
    "deliveries_due_ix",
    deliveries.c.city_id,
    deliveries.c.endpoint_id,
    deliveries.c.next_at,
    deliveries.c.position,
    postgresql_where=text("state = 'due'"),
)
Index(
    "deliveries_order_ix",
    deliveries.c.city_id,
    deliveries.c.endpoint_id,
    deliveries.c.aggregate_id,
    deliveries.c.position,
    postgresql_where=text("state = 'due'"),
)
Index(
    "deliveries_dead_ix",
    deliveries.c.city_id,
    deliveries.c.event_id,
    postgresql_where=text("state = 'dead'"),
)
Index("deliveries_event_ix", deliveries.c.city_id, deliveries.c.event_id)
Index("deliveries_merchant_ix", deliveries.c.city_id, deliveries.c.merchant_id, deliveries.c.position)

delivery_attempts = declare(
    "delivery_attempts",
    "city",
    "What one attempt to deliver an event met.",
    Column("endpoint_id", Uuid, nullable=False),
    Column("event_id", Uuid, nullable=False),
    Column("attempt", SmallInteger, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("took_ms", Integer, nullable=False),
    Column("ok", Boolean, nullable=False),
    Column("status_code", Integer),
    Column("error", Text),
    PrimaryKeyConstraint("city_id", "endpoint_id", "event_id", "attempt", name="delivery_attempts_pk"),
    foreign_key("delivery_attempts_delivery_fk", ["city_id", "endpoint_id", "event_id"], "deliveries"),
)

jobs = declare(
    "jobs",
    "city",
    "Work that is due for one thing; a lease lets one worker at a time do it.",
    Column("job_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("ref_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("run_at", DateTime(timezone=True), nullable=False),
    Column("lease_until", DateTime(timezone=True)),
    Column("tries", Integer, nullable=False),
    Column("last_error", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("done_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "job_id", name="jobs_pk"),
    UniqueConstraint("city_id", "kind", "ref_id", name="jobs_ref_uq"),
    foreign_key("jobs_city_fk", ["city_id"], "cities"),
    CheckConstraint("state in ('due', 'done', 'dead')", name="state"),
    CheckConstraint("tries >= 0", name="tries"),
)
Index("jobs_due_ix", jobs.c.city_id, jobs.c.run_at, postgresql_where=text("state = 'due'"))

worker_beats = declare(
    "worker_beats",
    "directory",
    "When each worker process was last seen at work.",
    Column("worker_id", Text, nullable=False),
    Column("began_at", DateTime(timezone=True), nullable=False),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("worker_id", name="worker_beats_pk"),
)
