"""Businesses, who works for them and where, and which places they run."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, Index, Integer, PrimaryKeyConstraint, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB

from app.core.schema import declare, foreign_key

merchants = declare(
    "merchants",
    "merchant",
    "A business that runs places and offers coupons.",
    Column("merchant_id", Uuid, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("state", Text, nullable=False),
    Column("home_city_id", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("merchant_id", name="merchants_pk"),
    foreign_key("merchants_city_fk", ["home_city_id"], "cities", ["city_id"]),
    CheckConstraint("state in ('active', 'suspended', 'closed')", name="state"),
)

merchant_staff = declare(
    "merchant_staff",
    "merchant",
    "Who works for a merchant: owner of all of it, or staff of some places.",
    Column("merchant_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("role", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("merchant_id", "member_id", name="merchant_staff_pk"),
    foreign_key("merchant_staff_merchant_fk", ["merchant_id"], "merchants"),
    foreign_key("merchant_staff_member_fk", ["member_id"], "members", local_only=True),
    CheckConstraint("role in ('owner', 'staff')", name="role"),
)
Index("merchant_staff_member_ix", merchant_staff.c.member_id)

staff_places = declare(
    "staff_places",
    "merchant",
    "The places where a staff member works.",
    Column("merchant_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("place_id", Uuid, nullable=False),
    PrimaryKeyConstraint("merchant_id", "member_id", "place_id", name="staff_places_pk"),
    foreign_key("staff_places_staff_fk", ["merchant_id", "member_id"], "merchant_staff"),
)

place_operators = declare(
    "place_operators",
    "city",
    "Which merchant runs a place.",
    Column("place_id", Uuid, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "place_id", name="place_operators_pk"),
    foreign_key("place_operators_place_fk", ["city_id", "place_id"], "places"),
    foreign_key("place_operators_merchant_fk", ["merchant_id"], "merchants", local_only=True),
)
Index("place_operators_merchant_ix", place_operators.c.city_id, place_operators.c.merchant_id)
