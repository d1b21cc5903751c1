"""Groups with their counters, and the seats of their members."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)

from app.core.schema import declare, foreign_key

deal_groups = declare(
    "deal_groups",
    "city",
    "One group of a coupon's group deal: it succeeds when enough seats are paid for before its deadline.",
    Column("group_id", Uuid, nullable=False),
    Column("coupon_id", Uuid, nullable=False),
    Column("coupon_version", Integer, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("target", SmallInteger, nullable=False),
    Column("seats", SmallInteger, nullable=False),
    Column("taken", SmallInteger, nullable=False),
    Column("joined", SmallInteger, nullable=False),
    Column("most_joined", SmallInteger, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("deadline", DateTime(timezone=True), nullable=False),
    Column("seq", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "group_id", name="deal_groups_pk"),
    foreign_key(
        "deal_groups_version_fk",
        ["city_id", "coupon_id", "coupon_version"],
        "coupon_versions",
        ["city_id", "coupon_id", "version"],
    ),
    foreign_key("deal_groups_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    foreign_key("deal_groups_member_fk", ["member_id"], "members", local_only=True),
    foreign_key("deal_groups_currency_fk", ["currency"], "currencies"),
    CheckConstraint("state in ('open', 'succeeded', 'failed', 'closed')", name="state"),
    CheckConstraint("target > 1 and seats >= target and price_minor >= 0 and seq >= 0", name="terms"),
    CheckConstraint("taken between 0 and seats and joined between 0 and taken", name="seats"),
    CheckConstraint("most_joined between joined and seats", name="most_joined"),
    # the deal is made exactly when the target was reached
    CheckConstraint("(state = 'succeeded') = (most_joined >= target)", name="tipped"),
    CheckConstraint("(state = 'open') = (decided_at is null)", name="decided"),
    CheckConstraint("(state = 'closed') = (closed_at is not null)", name="closed"),
)
Index(
    "deal_groups_starter_uq",
    deal_groups.c.city_id,
    deal_groups.c.coupon_id,
    deal_groups.c.member_id,
    unique=True,
    postgresql_where=text("state = 'open'"),
)
Index("deal_groups_due_ix", deal_groups.c.city_id, deal_groups.c.deadline, postgresql_where=text("state = 'open'"))
Index("deal_groups_failed_ix", deal_groups.c.city_id, deal_groups.c.group_id, postgresql_where=text("state = 'failed'"))

group_seats = declare(
    "group_seats",
    "city",
    "A member's seat in a group: reserved with an unpaid claim, joined with a paid one, given up or paid back.",
    Column("group_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("claim_id", Uuid, nullable=False),
    Column("state", Text, nullable=False),
    Column("tries", SmallInteger, nullable=False),
    Column("retry_at", DateTime(timezone=True)),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "group_id", "member_id", name="group_seats_pk"),
    UniqueConstraint("city_id", "claim_id", name="group_seats_claim_uq"),
    foreign_key("group_seats_group_fk", ["city_id", "group_id"], "deal_groups"),
    foreign_key("group_seats_claim_fk", ["city_id", "claim_id"], "claims"),
    foreign_key("group_seats_member_fk", ["member_id"], "members", local_only=True),
    CheckConstraint("state in ('reserved', 'joined', 'left', 'refunding', 'refunded')", name="state"),
    CheckConstraint("tries >= 0", name="tries"),
)
