"""Coupons: identity and state, immutable versions of the terms, scope, where they can be used, and stock in buckets."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
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
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.core.schema import declare, foreign_key

COUPON_KINDS = ("amount_off", "percent_off", "voucher", "package", "gift")

coupons = declare(
    "coupons",
    "city",
    "Stable identity of a coupon; its terms stand in coupon_versions.",
    Column("coupon_id", Uuid, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("campaign_id", Uuid),
    Column("state", Text, nullable=False),
    Column("current_version", Integer),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("published_at", DateTime(timezone=True)),
    # revision counts what its merchant changed, seq what was told of it; quota is what the merchant wants to give
    Column("revision", Integer, nullable=False, server_default=text("1")),
    Column("seq", Integer, nullable=False, server_default=text("0")),
    Column("quota", Integer),
    Column("ended_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "coupon_id", name="coupons_pk"),
    foreign_key("coupons_city_fk", ["city_id"], "cities"),
    foreign_key("coupons_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    CheckConstraint("state in ('draft', 'published', 'paused', 'ended')", name="state"),
    CheckConstraint("state = 'draft' or current_version is not null", name="published_has_version"),
    CheckConstraint("revision > 0 and seq >= 0 and quota >= 0", name="counts"),
)
Index("coupons_merchant_ix", coupons.c.city_id, coupons.c.merchant_id)

coupon_versions = declare(
    "coupon_versions",
    "city",
    "Immutable terms of a coupon; a claim is honoured under the version it was granted under.",
    Column("coupon_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("titles", JSONB, nullable=False),
    Column("summaries", JSONB, nullable=False),
    # what it costs and what it gives
    Column("currency", Text, nullable=False),
    Column("price_minor", BigInteger, nullable=False),
    Column("list_price_minor", BigInteger),
    Column("face_value_minor", BigInteger),
    Column("percent_off_bp", Integer),
    Column("cap_minor", BigInteger),
    Column("min_spend_minor", BigInteger, nullable=False),
    # when it can be claimed and used, half-open
    Column("time_zone", Text, nullable=False),
    Column("claim_from", DateTime(timezone=True), nullable=False),
    Column("claim_until", DateTime(timezone=True), nullable=False),
    Column("use_from", DateTime(timezone=True)),
    Column("use_until", DateTime(timezone=True)),
    Column("valid_days_after_claim", SmallInteger),
    Column("blackout_dates", ARRAY(Date), nullable=False),
    Column("use_hours", Text),
    # where and for whom
    Column("scope_kind", Text, nullable=False),
    Column("claim_within_m", Integer),
    Column("claim_in_area", Boolean, nullable=False, server_default=text("false")),
    Column("fulfilment", Text, nullable=False),
    Column("party_min", SmallInteger),
    Column("party_max", SmallInteger),
    # limits
    Column("quota", Integer, nullable=False),
    Column("per_day", Integer),
    Column("per_member", SmallInteger, nullable=False),
    Column("per_member_day", SmallInteger),
    Column("per_device", SmallInteger),
    Column("units", SmallInteger, nullable=False),
    # group deal
    Column("group_price_minor", BigInteger),
    Column("group_target", SmallInteger),
    Column("group_seats", SmallInteger),
    Column("group_deadline_s", Integer),
    # how it combines, is undone and is paid for
    Column("stacking", Text, nullable=False),
    Column("stack_group", Text),
    Column("reversal_window_s", Integer, nullable=False),
    Column("refund_policy", Text, nullable=False),
    Column("refund_below_min_spend", Text, nullable=False),
    Column("rounding_rule", Text, nullable=False),
    Column("budget_minor", BigInteger),
    Column("platform_share_bp", Integer, nullable=False),
    Column("commission_bp", Integer, nullable=False),
    Column("code_source", Text, nullable=False),
    Column("offline_allowed", Boolean, nullable=False),
    Column("created_by", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "coupon_id", "version", name="coupon_versions_pk"),
    foreign_key("coupon_versions_coupon_fk", ["city_id", "coupon_id"], "coupons"),
    foreign_key("coupon_versions_currency_fk", ["currency"], "currencies"),
    CheckConstraint("kind in ('amount_off', 'percent_off', 'voucher', 'package', 'gift')", name="kind"),
    CheckConstraint(
        "case kind when 'amount_off' then coalesce(face_value_minor, 0) > 0 and percent_off_bp is null"
        " when 'percent_off' then percent_off_bp is not null and face_value_minor is null"
        " when 'voucher' then coalesce(face_value_minor, 0) > 0 and percent_off_bp is null"
        " else percent_off_bp is null end",
        name="value_of_kind",
    ),
    CheckConstraint("percent_off_bp between 1 and 10000", name="percent_off_bp"),
    CheckConstraint(
        "price_minor >= 0 and list_price_minor >= price_minor and cap_minor > 0 and min_spend_minor >= 0"
        " and budget_minor >= 0",
        name="money",
    ),
    CheckConstraint("claim_from < claim_until and use_from < use_until", name="windows"),
    CheckConstraint("valid_days_after_claim between 1 and 1095", name="valid_days_after_claim"),
    CheckConstraint("use_until is not null or valid_days_after_claim is not null", name="ends"),
    CheckConstraint("scope_kind in ('all_places', 'places', 'service_areas', 'regions')", name="scope_kind"),
    CheckConstraint("claim_within_m between 1 and 50000", name="claim_within_m"),
    CheckConstraint("not claim_in_area or scope_kind = 'service_areas'", name="claim_in_area"),
    CheckConstraint("fulfilment in ('in_store', 'pickup', 'delivery', 'pre_order')", name="fulfilment"),
    CheckConstraint("party_min >= 1 and party_max >= party_min", name="party"),
    CheckConstraint(
        "quota >= 0 and per_day > 0 and per_member between 1 and 100 and per_member_day between 1 and per_member"
        " and per_device between 1 and 100 and units between 1 and 50",
        name="limits",
    ),
    CheckConstraint(
        "num_nonnulls(group_price_minor, group_target, group_seats, group_deadline_s) in (0, 4)",
        name="group_whole",
    ),
    CheckConstraint(
        "group_price_minor >= 0 and group_target > 1 and group_seats >= group_target"
        " and group_deadline_s between 60 and 2592000",
        name="group",
    ),
    CheckConstraint("stacking in ('exclusive', 'with_others', 'within_group')", name="stacking"),
    CheckConstraint("(stacking = 'within_group') = (stack_group is not null)", name="stack_group"),
    CheckConstraint("reversal_window_s between 0 and 2592000", name="reversal_window_s"),
    CheckConstraint("refund_policy in ('none', 'unused', 'unused_and_expired')", name="refund_policy"),
    CheckConstraint("refund_below_min_spend in ('keep', 'claw_back')", name="refund_below_min_spend"),
    CheckConstraint("rounding_rule in ('floor', 'half_even')", name="rounding_rule"),
    CheckConstraint("platform_share_bp between 0 and 10000 and commission_bp between 0 and 10000", name="shares"),
    CheckConstraint("code_source in ('generated', 'merchant')", name="code_source"),
)

Index(
    "coupon_versions_use_hours_ix",
    coupon_versions.c.city_id,
    coupon_versions.c.time_zone,
    text("md5(use_hours)"),
    postgresql_where=text("use_hours is not null"),
)

coupon_scopes = declare(
    "coupon_scopes",
    "city",
    "The places, service areas or regions a version of the terms names.",
    Column("coupon_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("scope_id", Uuid, nullable=False),
    PrimaryKeyConstraint("city_id", "coupon_id", "version", "scope_id", name="coupon_scopes_pk"),
    foreign_key("coupon_scopes_version_fk", ["city_id", "coupon_id", "version"], "coupon_versions"),
)

coupon_places = declare(
    "coupon_places",
    "city",
    "Where a coupon can be used now: its scope worked out to places, written again when scope or regions change.",
    Column("coupon_id", Uuid, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("service_area_id", Uuid),
    PrimaryKeyConstraint("city_id", "coupon_id", "place_id", name="coupon_places_pk"),
    foreign_key("coupon_places_coupon_fk", ["city_id", "coupon_id"], "coupons"),
    foreign_key("coupon_places_place_fk", ["city_id", "place_id"], "places"),
)
Index("coupon_places_place_ix", coupon_places.c.city_id, coupon_places.c.place_id)

coupon_stock = declare(
    "coupon_stock",
    "city",
    "Stock of a coupon in buckets: one for a normal coupon, 16 or more for a hot one.",
    Column("coupon_id", Uuid, nullable=False),
    Column("bucket", SmallInteger, nullable=False),
    Column("quota", Integer, nullable=False),
    Column("taken", Integer, nullable=False),
    Column("version", Integer),
    PrimaryKeyConstraint("city_id", "coupon_id", "bucket", name="coupon_stock_pk"),
    foreign_key("coupon_stock_coupon_fk", ["city_id", "coupon_id"], "coupons"),
    CheckConstraint("taken between 0 and quota", name="taken"),
    postgresql_with={"fillfactor": 50},
)

coupon_drafts = declare(
    "coupon_drafts",
    "city",
    "Terms that a merchant works on; published they become the next version.",
    Column("coupon_id", Uuid, nullable=False),
    Column("terms", JSONB, nullable=False),
    # what the platform sets and agrees to; an edit takes the agreement away
    Column("commission_bp", Integer, nullable=False),
    Column("agreed_share_bp", Integer),
    Column("agreed_by", Uuid),
    Column("agreed_at", DateTime(timezone=True)),
    Column("edited_by", Uuid, nullable=False),
    Column("edited_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "coupon_id", name="coupon_drafts_pk"),
    foreign_key("coupon_drafts_coupon_fk", ["city_id", "coupon_id"], "coupons"),
    CheckConstraint("commission_bp between 0 and 10000 and agreed_share_bp between 0 and 10000", name="shares"),
    CheckConstraint("num_nonnulls(agreed_share_bp, agreed_by, agreed_at) in (0, 3)", name="agreed"),
)

coupon_codes = declare(
    "coupon_codes",
    "city",
    "Codes that a merchant brought for a coupon; each is handed out once, for good.",
    Column("code_id", Uuid, nullable=False),
    Column("coupon_id", Uuid, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("code_key", LargeBinary, nullable=False),
    Column("code_sealed", LargeBinary, nullable=False),
    Column("code_tail", Text, nullable=False),
    Column("claim_id", Uuid),
    Column("uploaded_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "code_id", name="coupon_codes_pk"),
    UniqueConstraint("city_id", "merchant_id", "code_key", name="coupon_codes_key_uq"),
    UniqueConstraint("city_id", "claim_id", name="coupon_codes_claim_uq"),
    foreign_key("coupon_codes_coupon_fk", ["city_id", "coupon_id"], "coupons"),
    foreign_key("coupon_codes_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    CheckConstraint("code_tail ~ '^[0-9A-Z]{4}$' and length(code_key) = 32", name="code"),
)
Index(
    "coupon_codes_free_ix",
    coupon_codes.c.city_id,
    coupon_codes.c.coupon_id,
    coupon_codes.c.claim_id,
    coupon_codes.c.code_id,
)
