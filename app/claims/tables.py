"""Claims with their slots and codes, and the stock of a day."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Computed,
    Date,
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

from app.core.schema import declare, foreign_key

CLAIM_STATES = ("pending_payment", "active", "redeemed", "released", "cancelled", "expired", "refunded")
HOLDS_SLOT = "state not in ('released', 'cancelled', 'refunded')"

claims = declare(
    "claims",
    "city",
    "A member's right to units of a coupon under the version it was granted under.",
    Column("claim_id", Uuid, nullable=False),
    Column("coupon_id", Uuid, nullable=False),
    Column("coupon_version", Integer, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("group_id", Uuid),
    Column("state", Text, nullable=False),
    Column("live", Boolean, Computed("state not in ('released', 'cancelled')", persisted=True), nullable=False),
    # limits: each number is a slot that one live claim holds
    Column("bucket", SmallInteger, nullable=False),
    Column("member_no", SmallInteger, nullable=False),
    Column("member_day_no", SmallInteger),
    Column("device_key", LargeBinary),
    Column("device_no", SmallInteger),
    Column("claimed_on", Date, nullable=False),
    Column("day_limited", Boolean, nullable=False),
    Column("units", SmallInteger, nullable=False),
    # what it cost and when it can be used, half-open
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("valid_from", DateTime(timezone=True), nullable=False),
    Column("valid_until", DateTime(timezone=True), nullable=False),
    Column("pay_until", DateTime(timezone=True)),
    # the code: keyed hash for look-up, sealed for its owner
    Column("code_key", LargeBinary, nullable=False),
    Column("code_sealed", LargeBinary, nullable=False),
    Column("code_tail", Text, nullable=False),
    # how the place condition was met: numbers, never a position
    Column("distance_m", Integer),
    Column("accuracy_m", Integer),
    Column("fix_age_s", Integer),
    Column("seq", Integer, nullable=False),
    Column("claimed_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "claim_id", name="claims_pk"),
    UniqueConstraint("city_id", "claim_id", "units", name="claims_units_uq"),
    UniqueConstraint("city_id", "code_key", name="claims_code_uq"),
    foreign_key(
        "claims_version_fk",
        ["city_id", "coupon_id", "coupon_version"],
        "coupon_versions",
        ["city_id", "coupon_id", "version"],
    ),
    foreign_key("claims_group_fk", ["city_id", "group_id"], "deal_groups"),
    foreign_key("claims_member_fk", ["member_id"], "members", local_only=True),
    foreign_key("claims_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    CheckConstraint(
        "state in ('pending_payment', 'active', 'redeemed', 'released', 'cancelled', 'expired', 'refunded')",
        name="state",
    ),
    CheckConstraint("member_no between 1 and 100 and member_day_no between 1 and 100", name="member_slots"),
    CheckConstraint("(device_key is null) = (device_no is null) and device_no between 1 and 100", name="device_slots"),
    CheckConstraint("units between 1 and 50 and price_minor >= 0 and seq > 0", name="amounts"),
    CheckConstraint("state <> 'pending_payment' or (price_minor > 0 and pay_until is not null)", name="pending"),
    CheckConstraint("valid_from < valid_until", name="window"),
    CheckConstraint("code_tail ~ '^[0-9A-Z]{4}$' and length(code_key) = 32", name="code"),
)
Index("claims_group_ix", claims.c.city_id, claims.c.group_id, postgresql_where=claims.c.group_id.is_not(None))
Index(
    "claims_member_slot_uq",
    claims.c.city_id,
    claims.c.coupon_id,
    claims.c.member_id,
    claims.c.member_no,
    unique=True,
    postgresql_where=text(HOLDS_SLOT),
)
Index(
    "claims_member_day_slot_uq",
    claims.c.city_id,
    claims.c.coupon_id,
    claims.c.member_id,
    claims.c.claimed_on,
    claims.c.member_day_no,
    unique=True,
    postgresql_where=text(f"{HOLDS_SLOT} and member_day_no is not null"),
)
Index(
    "claims_device_slot_uq",
    claims.c.city_id,
    claims.c.coupon_id,
    claims.c.device_key,
    claims.c.device_no,
    unique=True,
    postgresql_where=text(f"{HOLDS_SLOT} and device_key is not null"),
)
Index("claims_member_ix", claims.c.member_id, claims.c.claim_id)
Index("claims_ending_ix", claims.c.city_id, claims.c.valid_until, postgresql_where=text("state = 'active'"))
Index("claims_unpaid_ix", claims.c.city_id, claims.c.pay_until, postgresql_where=text("state = 'pending_payment'"))

coupon_day_stock = declare(
    "coupon_day_stock",
    "city",
    "How much of a coupon's limit a day is taken, where its terms have one.",
    Column("coupon_id", Uuid, nullable=False),
    Column("claimed_on", Date, nullable=False),
    Column("bucket", SmallInteger, nullable=False),
    Column("quota", Integer, nullable=False),
    Column("taken", Integer, nullable=False),
    PrimaryKeyConstraint("city_id", "coupon_id", "claimed_on", "bucket", name="coupon_day_stock_pk"),
    foreign_key("coupon_day_stock_coupon_fk", ["city_id", "coupon_id"], "coupons"),
    CheckConstraint("taken between 0 and quota", name="taken"),
    postgresql_with={"fillfactor": 50},
)
