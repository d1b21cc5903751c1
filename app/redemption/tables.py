"""What a till asked for, the units it used, and wrong codes."""

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

from app.core.schema import declare, foreign_key

redemptions = declare(
    "redemptions",
    "city",
    "One request of a till: units of one or more claims, all or nothing; its number is good once for ever.",
    Column("redemption_id", Uuid, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("staff_id", Text, nullable=False),
    Column("request_no", Text, nullable=False),
    Column("request_hash", LargeBinary, nullable=False),
    Column("pos_order_no", Text),
    Column("state", Text, nullable=False),
    # the price split, each the sum of its units'
    Column("gross_minor", BigInteger, nullable=False),
    Column("discount_minor", BigInteger, nullable=False),
    Column("platform_share_minor", BigInteger, nullable=False),
    Column("prepaid_minor", BigInteger, nullable=False),
    Column("commission_minor", BigInteger, nullable=False),
    Column("payable_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("lease_until", DateTime(timezone=True)),
    Column("committed_at", DateTime(timezone=True)),
    Column("reverse_before", DateTime(timezone=True)),
    Column("reversal_pending", Boolean, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("reason", Text),
    Column("reversal_window_s", Integer, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "redemption_id", name="redemptions_pk"),
    UniqueConstraint("city_id", "merchant_id", "request_no", name="redemptions_request_uq"),
    foreign_key("redemptions_place_fk", ["city_id", "place_id"], "places"),
    foreign_key("redemptions_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    foreign_key("redemptions_currency_fk", ["currency"], "currencies"),
    CheckConstraint("state in ('held', 'committed', 'voided', 'reversed')", name="state"),
    CheckConstraint(
        "discount_minor between 0 and gross_minor and platform_share_minor between 0 and discount_minor"
        " and prepaid_minor >= 0 and commission_minor >= 0 and payable_minor = gross_minor - discount_minor",
        name="split",
    ),
    CheckConstraint("state <> 'held' or lease_until is not null", name="held"),
    CheckConstraint(
        "(state in ('committed', 'reversed')) = (committed_at is not null)"
        " and (committed_at is null) = (reverse_before is null)",
        name="committed",
    ),
    CheckConstraint("(state in ('voided', 'reversed')) = (ended_at is not null)", name="ended"),
    CheckConstraint("length(request_no) between 1 and 100 and seq > 0", name="request_no"),
    CheckConstraint("not reversal_pending or state = 'committed'", name="reversal"),
)
Index("redemptions_lease_ix", redemptions.c.city_id, redemptions.c.lease_until, postgresql_where=text("state = 'held'"))
Index(
    "redemptions_committed_ix",
    redemptions.c.city_id,
    redemptions.c.committed_at,
    postgresql_where=text("state = 'committed'"),
)
Index(
    "redemptions_reversed_ix",
    redemptions.c.city_id,
    redemptions.c.ended_at,
    postgresql_where=text("state = 'reversed'"),
)
Index(
    "redemptions_order_ix",
    redemptions.c.city_id,
    redemptions.c.place_id,
    redemptions.c.pos_order_no,
    redemptions.c.created_at,
    postgresql_where=text("pos_order_no is not null"),
)

redemption_units = declare(
    "redemption_units",
    "city",
    "One unit of a claim in a redemption; a unit is live in at most one of them.",
    Column("redemption_unit_id", Uuid, nullable=False),
    Column("redemption_id", Uuid, nullable=False),
    Column("claim_id", Uuid, nullable=False),
    Column("unit_no", SmallInteger, nullable=False),
    Column("units", SmallInteger, nullable=False),
    Column("live", Boolean, nullable=False),
    Column("coupon_id", Uuid, nullable=False),
    Column("gross_minor", BigInteger, nullable=False),
    Column("discount_minor", BigInteger, nullable=False),
    Column("platform_share_minor", BigInteger, nullable=False),
    Column("prepaid_minor", BigInteger, nullable=False),
    Column("commission_minor", BigInteger, nullable=False),
    Column("budgeted", Boolean, nullable=False),
    PrimaryKeyConstraint("city_id", "redemption_unit_id", name="redemption_units_pk"),
    UniqueConstraint("city_id", "redemption_id", "claim_id", "unit_no", name="redemption_units_line_uq"),
    foreign_key("redemption_units_redemption_fk", ["city_id", "redemption_id"], "redemptions"),
    foreign_key("redemption_units_claim_fk", ["city_id", "claim_id", "units"], "claims"),
    CheckConstraint("unit_no between 1 and units", name="unit_no"),
    CheckConstraint(
        "discount_minor between 0 and gross_minor and platform_share_minor between 0 and discount_minor"
        " and prepaid_minor >= 0 and commission_minor >= 0",
        name="split",
    ),
)
Index(
    "redemption_units_live_uq",
    redemption_units.c.city_id,
    redemption_units.c.claim_id,
    redemption_units.c.unit_no,
    unique=True,
    postgresql_where=text("live"),
)

Index(
    "redemption_units_over_ix",
    redemption_units.c.city_id,
    redemption_units.c.claim_id,
    postgresql_where=text("not live"),
)

wrong_codes = declare(
    "wrong_codes",
    "city",
    "Wrong codes within a day, of one terminal (a member of staff at a place) and of a whole merchant.",
    Column("merchant_id", Uuid, nullable=False),
    Column("terminal", Text, nullable=False),
    Column("wrong_count", Integer, nullable=False),
    Column("counted_from", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "merchant_id", "terminal", name="wrong_codes_pk"),
    CheckConstraint("wrong_count between 1 and 100", name="wrong_count"),
)
