"""What guards claiming at places: counted tries, verdicts with their evidence, where members claimed last."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    Uuid,
)

from app.core.schema import declare, foreign_key

claim_tries = declare(
    "claim_tries",
    "city",
    "How often a member, a device or an address tried to claim at places within an hour; kept for a day.",
    Column("whose", Text, nullable=False),
    Column("subject", LargeBinary, nullable=False),
    Column("hour", DateTime(timezone=True), nullable=False),
    Column("tries", Integer, nullable=False),
    Column("most", Integer, nullable=False),
    PrimaryKeyConstraint("city_id", "whose", "subject", "hour", name="claim_tries_pk"),
    CheckConstraint("whose in ('member', 'device', 'address')", name="whose"),
    CheckConstraint("tries between 1 and most", name="tries"),
)
Index("claim_tries_old_ix", claim_tries.c.city_id, claim_tries.c.hour)

claim_verdicts = declare(
    "claim_verdicts",
    "city",
    "Verdicts on where somebody was who claimed: coarse evidence, hashed subjects; kept for thirty days.",
    Column("verdict_id", Uuid, nullable=False),
    Column("coupon_id", Uuid, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("claim_id", Uuid),
    Column("verdict", Text, nullable=False),
    Column("code", Text),
    Column("place_id", Uuid),
    Column("distance_m", Integer),
    Column("accuracy_m", Integer),
    Column("fix_age_s", Integer),
    Column("speed_kmh", Integer),
    Column("lon_cell", SmallInteger),
    Column("lat_cell", SmallInteger),
    Column("device_key", LargeBinary),
    Column("address_key", LargeBinary),
    Column("judged_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "verdict_id", name="claim_verdicts_pk"),
    foreign_key("claim_verdicts_coupon_fk", ["city_id", "coupon_id"], "coupons"),
    foreign_key("claim_verdicts_member_fk", ["member_id"], "members", local_only=True),
    foreign_key("claim_verdicts_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    CheckConstraint("verdict in ('allow', 'challenge', 'deny')", name="verdict"),
    CheckConstraint(
        "(verdict = 'allow') = (code is null) and (verdict = 'allow') = (claim_id is not null)", name="why"
    ),
    CheckConstraint("(lon_cell is null) = (lat_cell is null)", name="cell"),
)
Index("claim_verdicts_old_ix", claim_verdicts.c.city_id, claim_verdicts.c.judged_at)

last_fixes = declare(
    "last_fixes",
    "member",
    "The square in which a member claimed last, in any city; kept for a day.",
    Column("member_id", Uuid, nullable=False),
    Column("lon_cell", SmallInteger, nullable=False),
    Column("lat_cell", SmallInteger, nullable=False),
    Column("measured_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("member_id", name="last_fixes_pk"),
    foreign_key("last_fixes_member_fk", ["member_id"], "members"),
    CheckConstraint("lon_cell between -18000 and 17999 and lat_cell between -9000 and 8999", name="cell"),
)
Index("last_fixes_old_ix", last_fixes.c.measured_at)
