"""Signals of abuse that somebody has to look at."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    Uuid,
    text,
)

from app.core.schema import declare, foreign_key

fraud_flags = declare(
    "fraud_flags",
    "city",
    "A signal of abuse: one a rule, account, subject and day, until somebody has looked.",
    Column("flag_id", Uuid, nullable=False),
    Column("rule", Text, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("staff_id", Text, nullable=False),
    Column("about", Uuid),
    Column("place_id", Uuid, nullable=False),
    Column("flagged_on", Date, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_at", DateTime(timezone=True), nullable=False),
    Column("last_at", DateTime(timezone=True), nullable=False),
    Column("state", Text, nullable=False),
    Column("settled_by", Text),
    Column("settled_at", DateTime(timezone=True)),
    Column("note", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "flag_id", name="fraud_flags_pk"),
    foreign_key("fraud_flags_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    foreign_key("fraud_flags_place_fk", ["city_id", "place_id"], "places"),
    CheckConstraint("rule in ('many_reversals', 'same_member', 'soon_and_far', 'out_of_hours')", name="rule"),
    CheckConstraint("state in ('open', 'dismissed', 'confirmed')", name="state"),
    CheckConstraint(
        "(state = 'open') = (settled_at is null) and (state = 'open') = (settled_by is null)", name="settled"
    ),
    CheckConstraint("count > 0 and first_at <= last_at", name="seen"),
)
Index(
    "fraud_flags_once_uq",
    fraud_flags.c.city_id,
    fraud_flags.c.merchant_id,
    fraud_flags.c.staff_id,
    fraud_flags.c.rule,
    fraud_flags.c.flagged_on,
    text("coalesce(about, '00000000-0000-0000-0000-000000000000'::uuid)"),
    unique=True,
)
