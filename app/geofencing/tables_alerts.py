"""What members watch, what they were alerted to, and the coupon that a fence offers."""

from __future__ import annotations

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.schema import declare, foreign_key

_WATCHED = "watch <@ ARRAY['new_coupon', 'new_place', 'price_below'] and cardinality(watch) between 1 and 3"
_PRICED = "('price_below' = ANY (watch)) = (price_below_minor is not null) and price_below_minor > 0"

saved_areas = declare(
    "saved_areas",
    "member",
    "A place, circle or drawn area that a member saved, and what there is worth an alert; each city keeps a copy.",
    Column("member_id", Uuid, nullable=False),
    Column("saved_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("place_id", Uuid),
    Column("boundary", Geometry("MULTIPOLYGON", 4326, spatial_index=False)),
    Column("center_lon", Double),
    Column("center_lat", Double),
    Column("radius_m", Double),
    Column("watch", ARRAY(Text), nullable=False),
    Column("price_below_minor", BigInteger),
    Column("currency", Text),
    Column("expires_at", DateTime(timezone=True)),
    Column("cities", ARRAY(Integer), nullable=False),
    Column("row_version", Integer, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("member_id", "saved_id", name="saved_areas_pk"),
    foreign_key("saved_areas_member_fk", ["member_id"], "members"),
    foreign_key("saved_areas_currency_fk", ["currency"], "currencies"),
    CheckConstraint("num_nonnulls(place_id, boundary, radius_m) = 1", name="one_shape"),
    CheckConstraint("(radius_m is null) = (center_lon is null and center_lat is null)", name="circle"),
    CheckConstraint("radius_m between 50 and 50000", name="radius"),
    CheckConstraint(_WATCHED, name="watch"),
    CheckConstraint(_PRICED, name="price"),
    CheckConstraint("(price_below_minor is null) = (currency is null)", name="currency"),
    CheckConstraint("length(saved_id) between 1 and 64 and length(name) between 1 and 100", name="words"),
    CheckConstraint("row_version > 0", name="row_version"),
)

area_watches = declare(
    "area_watches",
    "city",
    "A member's saved area as its city looks at it: which of them hold the place of a new coupon.",
    Column("watch_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("saved_id", Text, nullable=False),
    Column("place_id", Uuid),
    Column("outline", Geometry("MULTIPOLYGON", 4326, spatial_index=False), nullable=False),
    Column("center_lon", Double),
    Column("center_lat", Double),
    Column("radius_m", Double),
    Column("watch", ARRAY(Text), nullable=False),
    Column("price_below_minor", BigInteger),
    Column("currency", Text),
    Column("expires_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "watch_id", name="area_watches_pk"),
    UniqueConstraint("city_id", "member_id", "saved_id", name="area_watches_saved_uq"),
    foreign_key("area_watches_city_fk", ["city_id"], "cities"),
    foreign_key("area_watches_member_fk", ["member_id"], "members", local_only=True),
    CheckConstraint(_WATCHED, name="watch"),
    CheckConstraint(_PRICED, name="price"),
)
Index(
    "area_watches_outline_ix",
    area_watches.c.city_id,
    area_watches.c.outline,
    postgresql_using="gist",
)

member_alerts = declare(
    "member_alerts",
    "city",
    "What a member was alerted to or offered: at most once a coupon, or a place; seen from deliver_at on.",
    Column("alert_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("coupon_id", Uuid),
    Column("place_id", Uuid),
    Column("merchant_id", Uuid),
    Column("saved_id", Text),
    Column("deliver_at", DateTime(timezone=True), nullable=False),
    Column("digest", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "alert_id", name="member_alerts_pk"),
    foreign_key("member_alerts_city_fk", ["city_id"], "cities"),
    foreign_key("member_alerts_coupon_fk", ["city_id", "coupon_id"], "coupons"),
    foreign_key("member_alerts_place_fk", ["city_id", "place_id"], "places"),
    foreign_key("member_alerts_member_fk", ["member_id"], "members", local_only=True),
    CheckConstraint("kind in ('new_coupon', 'price_below', 'new_place', 'offer')", name="kind"),
    CheckConstraint("(kind = 'new_place') = (coupon_id is null)", name="about"),
    CheckConstraint("(kind = 'offer') = (saved_id is null)", name="saved"),
    CheckConstraint("digest in (0, 1)", name="digest"),
)
Index(
    "member_alerts_coupon_uq",
    member_alerts.c.city_id,
    member_alerts.c.member_id,
    member_alerts.c.coupon_id,
    unique=True,
    postgresql_where=text("kind IN ('new_coupon', 'price_below')"),
)
Index(
    "member_alerts_place_uq",
    member_alerts.c.city_id,
    member_alerts.c.member_id,
    member_alerts.c.place_id,
    unique=True,
    postgresql_where=text("kind = 'new_place'"),
)
Index("member_alerts_member_ix", member_alerts.c.city_id, member_alerts.c.member_id, member_alerts.c.alert_id)

alert_cursors = declare(
    "alert_cursors",
    "city",
    "How far the events of a city were looked at for alerts, and the version of places; its row lock is the turn.",
    Column("position", BigInteger, nullable=False),
    Column("places_version", Integer, nullable=False),
    PrimaryKeyConstraint("city_id", name="alert_cursors_pk"),
    foreign_key("alert_cursors_city_fk", ["city_id"], "cities"),
)

geofence_offers = declare(
    "geofence_offers",
    "city",
    "The coupon that a merchant offers to whoever enters a fence, or dwells in it.",
    Column("geofence_id", Uuid, nullable=False),
    Column("coupon_id", Uuid, nullable=False),
    Column("on_what", Text, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "geofence_id", name="geofence_offers_pk"),
    foreign_key("geofence_offers_fence_fk", ["city_id", "geofence_id"], "geofences"),
    foreign_key("geofence_offers_coupon_fk", ["city_id", "coupon_id"], "coupons"),
    CheckConstraint("on_what in ('entered', 'dwelled')", name="on_what"),
)
