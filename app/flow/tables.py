"""Coupons that partners publish under ids of theirs; and what is kept of a flow that stands elsewhere."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.core.schema import declare, foreign_key

partner_coupons = declare(
    "partner_coupons",
    "directory",
    "Which coupon a partner's own id means; the key is client and id, with a bar between them.",
    Column("external_key", Text, nullable=False),
    Column("city_id", Integer, nullable=False),
    Column("coupon_id", Uuid, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("external_key", name="partner_coupons_pk"),
)

partner_coupon_versions = declare(
    "partner_coupon_versions",
    "directory",
    "Which version of the terms a partner's version became; a number stands for one set of terms for ever.",
    Column("external_key", Text, nullable=False),
    Column("external_version", Integer, nullable=False),
    Column("coupon_version", Integer, nullable=False),
    Column("terms_hash", LargeBinary, nullable=False),
    Column("published_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("external_key", "external_version", name="partner_coupon_versions_pk"),
    foreign_key("partner_coupon_versions_coupon_fk", ["external_key"], "partner_coupons"),
    CheckConstraint("external_version > 0 and coupon_version > 0", name="numbers"),
)

flow_coupons = declare(
    "flow_coupons",
    "city",
    "A coupon of ours at the flow that stands elsewhere: its id and version there.",
    Column("coupon_id", Uuid, nullable=False),
    Column("remote_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("ended", Boolean, nullable=False),
    Column("quota", Integer),
    PrimaryKeyConstraint("city_id", "coupon_id", name="flow_coupons_pk"),
    UniqueConstraint("city_id", "remote_id", name="flow_coupons_remote_uq"),
    foreign_key("flow_coupons_coupon_fk", ["city_id", "coupon_id"], "coupons"),
)

flow_intents = declare(
    "flow_intents",
    "city",
    "A claim that is asked of the flow that stands elsewhere, under an id of ours: written before it is asked.",
    Column("claim_id", Uuid, nullable=False),
    Column("coupon_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("request_no", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("refusal", Text),
    Column("view", JSONB),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("resolved_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "claim_id", name="flow_intents_pk"),
    UniqueConstraint("city_id", "member_id", "request_no", name="flow_intents_request_uq"),
    foreign_key("flow_intents_coupon_fk", ["city_id", "coupon_id"], "coupons"),
    CheckConstraint("state in ('granting', 'granted', 'refused', 'unknown')", name="state"),
    CheckConstraint("(state = 'granted') = (view is not null)", name="granted_is_seen"),
)
Index("flow_intents_member_ix", flow_intents.c.member_id, flow_intents.c.claim_id)

flow_mirror = declare(
    "flow_mirror",
    "city",
    "What the flow that stands elsewhere told last of a thing; written by the event with the highest sequence alone.",
    Column("subject_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("coupon_id", Uuid),
    Column("live", Boolean, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("place_id", Uuid),
    Column("data", JSONB, nullable=False),
    Column("told_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "subject_id", name="flow_mirror_pk"),
    CheckConstraint("seq > 0", name="seq"),
)
Index("flow_mirror_coupon_ix", flow_mirror.c.city_id, flow_mirror.c.coupon_id, postgresql_where=text("live"))

flow_inbox = declare(
    "flow_inbox",
    "directory",
    "Events of the flow that stands elsewhere, each applied once.",
    Column("event_id", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("event_id", name="flow_inbox_pk"),
)

flow_feeds = declare(
    "flow_feeds",
    "directory",
    "How far the feed of the flow that stands elsewhere was read, by its address.",
    Column("address", Text, nullable=False),
    Column("read_to", Text),
    Column("polled_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("address", name="flow_feeds_pk"),
)
