"""Fences: identity, immutable versions, and and what a city's fences are now."""

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

_DRAWN = (
    "st_isvalid({0}) and not st_isempty({0}) and st_npoints({0}) <= {1}"
    " and st_xmin({0}) >= -180 and st_xmax({0}) <= 180 and st_ymin({0}) >= -90 and st_ymax({0}) <= 90"
)

geofence_sets = declare(
    "geofence_sets",
    "city",
    "What a city's fences are now: epoch grows with each change, the box holds all that were ever there.",
    Column("epoch", BigInteger, nullable=False),
    Column("fence_count", Integer, nullable=False),
    Column("west", Double, nullable=False),
    Column("south", Double, nullable=False),
    Column("east", Double, nullable=False),
    Column("north", Double, nullable=False),
    Column("reorders", ARRAY(Integer), nullable=False),
    PrimaryKeyConstraint("city_id", name="geofence_sets_pk"),
    foreign_key("geofence_sets_city_fk", ["city_id"], "cities"),
    CheckConstraint("epoch >= 0 and fence_count >= 0", name="counts"),
)

geofences = declare(
    "geofences",
    "city",
    "Identity of a fence, what it follows, its current version and outline; a fence that comes back is the same.",
    Column("geofence_id", Uuid, nullable=False),
    Column("merchant_id", Uuid, nullable=False),
    Column("external_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("current_version", Integer, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("epoch", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("source_id", Uuid),
    Column("outline", Geometry("MULTIPOLYGON", 4326, spatial_index=False), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "geofence_id", name="geofences_pk"),
    UniqueConstraint("city_id", "merchant_id", "external_id", name="geofences_external_uq"),
    foreign_key("geofences_city_fk", ["city_id"], "cities"),
    foreign_key("geofences_merchant_fk", ["merchant_id"], "merchants", local_only=True),
    CheckConstraint("state in ('active', 'expired', 'deleted')", name="state"),
    CheckConstraint("(state = 'active') = (ended_at is null)", name="ended"),
    CheckConstraint("source in ('drawn', 'service_area', 'region')", name="source"),
    CheckConstraint("(source = 'drawn') = (source_id is null)", name="source_named"),
    CheckConstraint("length(external_id) between 1 and 100", name="external_id"),
    CheckConstraint("current_version > 0 and revision > 0", name="counts"),
)
Index("geofences_epoch_ix", geofences.c.city_id, geofences.c.epoch)
Index(
    "geofences_outline_ix",
    geofences.c.city_id,
    geofences.c.outline,
    postgresql_using="gist",
    postgresql_where=geofences.c.state == "active",
)
Index(
    "geofences_expiry_ix",
    geofences.c.city_id,
    geofences.c.expires_at,
    postgresql_where=text("state = 'active' AND expires_at IS NOT NULL"),
)
Index(
    "geofences_source_ix",
    geofences.c.city_id,
    geofences.c.source,
    geofences.c.geofence_id,
    postgresql_where=text("state = 'active' AND source <> 'drawn'"),
)

geofence_versions = declare(
    "geofence_versions",
    "city",
    "One drawing of a fence with its rules; never changed, so that an event can name it.",
    Column("geofence_id", Uuid, nullable=False),
    Column("version", Integer, nullable=False),
    Column("name", Text, nullable=False),
    Column("boundary", Geometry("MULTIPOLYGON", 4326, spatial_index=False)),
    Column("center_lon", Double),
    Column("center_lat", Double),
    Column("radius_m", Double),
    Column("enter_after_s", Integer, nullable=False),
    Column("dwell_s", ARRAY(Integer), nullable=False),
    Column("exit_after_s", Integer, nullable=False),
    Column("exit_buffer_m", Double, nullable=False),
    Column("max_accuracy_m", Double, nullable=False),
    Column("cooldown_s", Integer, nullable=False),
    Column("reorder_s", Integer, nullable=False),
    Column("schedule", Text),
    Column("time_zone", Text, nullable=False),
    Column("tags", ARRAY(Text), nullable=False),
    Column("source_version", Integer),
    Column("created_by", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "geofence_id", "version", name="geofence_versions_pk"),
    foreign_key("geofence_versions_fence_fk", ["city_id", "geofence_id"], "geofences"),
    CheckConstraint("version > 0", name="version"),
    CheckConstraint(
        "(boundary is null) = (radius_m is not null) and (center_lon is null) = (radius_m is null)"
        " and (center_lat is null) = (radius_m is null)",
        name="one_shape",
    ),
    CheckConstraint("radius_m between 20 and 50000", name="radius"),
    CheckConstraint("center_lon between -180 and 180 and center_lat between -90 and 90", name="center"),
    CheckConstraint(_DRAWN.format("boundary", 500_000), name="boundary"),
    CheckConstraint(
        "enter_after_s between 0 and 3600 and exit_after_s between 0 and 3600 and cooldown_s between 0 and 604800"
        " and reorder_s between 0 and 300 and exit_buffer_m between 0 and 1000"
        " and max_accuracy_m between 1 and 1000 and cardinality(dwell_s) <= 3",
        name="rules",
    ),
    CheckConstraint("length(name) between 1 and 100 and length(schedule) <= 1000", name="words"),
)
