"""Areas a place serves: identity, and immutable versions of which one at most is in force at a time."""

from __future__ import annotations

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.core.schema import declare, foreign_key

service_areas = declare(
    "service_areas",
    "city",
    "Stable identity of an area a place serves.",
    Column("service_area_id", Uuid, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    # revision counts what people changed, seq what was told of it
    Column("revision", Integer, nullable=False, server_default=text("1")),
    Column("seq", Integer, nullable=False, server_default=text("0")),
    PrimaryKeyConstraint("city_id", "service_area_id", name="service_areas_pk"),
    UniqueConstraint("city_id", "place_id", "external_id", name="service_areas_external_uq"),
    foreign_key("service_areas_place_fk", ["city_id", "place_id"], "places"),
    foreign_key("service_areas_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    CheckConstraint("kind in ('delivery', 'visit', 'pickup', 'territory')", name="kind"),
    CheckConstraint("length(external_id) between 1 and 100", name="external_id"),
    CheckConstraint("revision > 0 and seq >= 0", name="counts"),
)
Index("service_areas_merchant_ix", service_areas.c.city_id, service_areas.c.merchant_id)
Index(
    "service_areas_lookup_ix",
    service_areas.c.city_id,
    service_areas.c.service_area_id,
    postgresql_include=["place_id", "merchant_id", "kind"],
)

service_area_versions = declare(
    "service_area_versions",
    "city",
    "One drawing of a service area with its terms.",
    Column("service_area_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("boundary", Geometry("MULTIPOLYGON", 4326, spatial_index=False), nullable=False),
    Column("area_m2", Double, nullable=False),
    Column("schedule", Text),
    Column("priority", SmallInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("min_order_minor", BigInteger, nullable=False),
    Column("effective_from", DateTime(timezone=True), nullable=False),
    Column("effective_until", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("tags", ARRAY(Text), nullable=False, server_default=text("'{}'")),
    Column("metadata", JSONB, nullable=False, server_default=text("'{}'")),
    # how the boundary was said where it was not drawn: a circle, or what is reached within some minutes
    Column("outline", JSONB),
    Column("source_datum", Text, nullable=False, server_default=text("'wgs84'")),
    # whose territories it must not overlap; null where the kind is another
    Column("brand_key", Text),
    Column("based_on", Integer),
    Column("edited_by", Uuid),
    Column("edited_at", DateTime(timezone=True)),
    Column("published_at", DateTime(timezone=True)),
    Column("ended_at", DateTime(timezone=True)),
    Column("reviewed_by", Uuid),
    Column("reviewed_at", DateTime(timezone=True)),
    Column("review_note", Text),
    # the version that takes its place when its time begins, and until when it would have been in force without that
    Column("followed_by", Integer),
    Column("declared_until", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "service_area_id", "version", name="service_area_versions_pk"),
    foreign_key("service_area_versions_area_fk", ["city_id", "service_area_id"], "service_areas"),
    foreign_key("service_area_versions_currency_fk", ["currency"], "currencies"),
    CheckConstraint(
        "state in ('draft', 'validated', 'pending_review', 'published', 'superseded', 'archived')",
        name="state",
    ),
    CheckConstraint("fee_minor >= 0 and min_order_minor >= 0", name="money"),
    CheckConstraint("effective_from < effective_until", name="effective"),
    CheckConstraint("area_m2 > 0", name="area"),
    CheckConstraint(
        "st_isvalid(boundary) and not st_isempty(boundary) and st_npoints(boundary) <= 2000"
        " and st_xmin(boundary) >= -180 and st_xmax(boundary) <= 180 and st_xmax(boundary) - st_xmin(boundary) < 20"
        " and st_ymin(boundary) >= -90 and st_ymax(boundary) <= 90",
        name="boundary",
    ),
    CheckConstraint("source_datum in ('wgs84', 'gcj02', 'bd09')", name="source_datum"),
    CheckConstraint("cardinality(tags) <= 20", name="tags"),
    CheckConstraint("jsonb_typeof(metadata) = 'object'", name="metadata"),
    CheckConstraint("num_nonnulls(reviewed_by, reviewed_at) in (0, 2)", name="review"),
    CheckConstraint(
        "case when followed_by is null then declared_until is null"
        " else effective_until is not null and effective_until <= coalesce(declared_until, 'infinity') end",
        name="followed",
    ),
)
# One published version stands at the end of an area's line, and one at most before it.
Index(
    "service_area_versions_last_uq",
    service_area_versions.c.city_id,
    service_area_versions.c.service_area_id,
    unique=True,
    postgresql_where=text("state = 'published' AND followed_by IS NULL"),
)
Index(
    "service_area_versions_followed_uq",
    service_area_versions.c.city_id,
    service_area_versions.c.service_area_id,
    unique=True,
    postgresql_where=text("state = 'published' AND followed_by IS NOT NULL"),
)
Index(
    "service_area_versions_boundary_ix",
    service_area_versions.c.city_id,
    service_area_versions.c.boundary,
    postgresql_using="gist",
    postgresql_where=service_area_versions.c.state == "published",
)
Index(
    "service_area_versions_waiting_uq",
    service_area_versions.c.city_id,
    service_area_versions.c.service_area_id,
    unique=True,
    postgresql_where=service_area_versions.c.state.in_(("draft", "validated", "pending_review")),
)
Index(
    "service_area_versions_review_ix",
    service_area_versions.c.city_id,
    service_area_versions.c.edited_at,
    service_area_versions.c.service_area_id,
    postgresql_where=service_area_versions.c.state == "pending_review",
)

territory_locks = declare(
    "territory_locks",
    "city",
    "A row a brand: who publishes a territory of the brand holds it, so that two never overlap.",
    Column("brand_key", Text, nullable=False),
    PrimaryKeyConstraint("city_id", "brand_key", name="territory_locks_pk"),
)

service_area_extents = declare(
    "service_area_extents",
    "city",
    "The box around all service areas that were ever published in a city; a point outside is served by none.",
    Column("west", Double, nullable=False),
    Column("south", Double, nullable=False),
    Column("east", Double, nullable=False),
    Column("north", Double, nullable=False),
    PrimaryKeyConstraint("city_id", name="service_area_extents_pk"),
)

service_area_plans = declare(
    "service_area_plans",
    "merchant",
    "How large the service areas of a merchant may be and whether an operator looks at them first.",
    Column("merchant_id", Uuid, nullable=False),
    Column("max_area_km2", Integer, nullable=False),
    Column("review", Boolean, nullable=False),
    Column("set_by", Uuid, nullable=False),
    Column("set_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("merchant_id", name="service_area_plans_pk"),
    foreign_key("service_area_plans_merchant_fk", ["merchant_id"], "merchants"),
    CheckConstraint("max_area_km2 between 1000 and 5000", name="max_area"),
)
