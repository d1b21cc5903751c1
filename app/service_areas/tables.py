"""Areas a place serves: identity, and immutable versions of which one at most is published."""

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
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

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
    PrimaryKeyConstraint("city_id", "service_area_id", name="service_areas_pk"),
    UniqueConstraint("city_id", "place_id", "external_id", name="service_areas_external_uq"),
    foreign_key("service_areas_place_fk", ["city_id", "place_id"], "places"),
    foreign_key("service_areas_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    CheckConstraint("kind in ('delivery', 'visit', 'pickup', 'territory')", name="kind"),
    CheckConstraint("length(external_id) between 1 and 100", name="external_id"),
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
)
Index(
    "service_area_versions_published_uq",
    service_area_versions.c.city_id,
    service_area_versions.c.service_area_id,
    unique=True,
    postgresql_where=service_area_versions.c.state == "published",
)
Index(
    "service_area_versions_boundary_ix",
    service_area_versions.c.city_id,
    service_area_versions.c.boundary,
    postgresql_using="gist",
    postgresql_where=service_area_versions.c.state == "published",
)
