"""Areas: a stable identity, its source keys, and the facts each dataset version states about it."""

from __future__ import annotations

from geoalchemy2 import Geometry
from sqlalchemy import (
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
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.core.schema import declare, foreign_key
from app.regions.types import REGION_KINDS

_KINDS = ", ".join(f"'{kind}'" for kind in REGION_KINDS)

regions = declare(
    "regions",
    "city",
    "Stable identity of an area; what is known of it stands in region_facts.",
    Column("region_id", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "region_id", name="regions_pk"),
    foreign_key("regions_city_fk", ["city_id"], "cities"),
)

region_sources = declare(
    "region_sources",
    "city",
    "Which area a source's own key means.",
    Column("source_key", Text, nullable=False),
    Column("region_id", Uuid, nullable=False),
    PrimaryKeyConstraint("city_id", "source_key", name="region_sources_pk"),
    foreign_key("region_sources_region_fk", ["city_id", "region_id"], "regions"),
)
Index("region_sources_region_ix", region_sources.c.city_id, region_sources.c.region_id)

region_facts = declare(
    "region_facts",
    "city",
    "What one dataset version states about an area.",
    Column("version", Integer, nullable=False),
    Column("region_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("admin_level", SmallInteger, nullable=False),
    Column("region_code", Text, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("parent_id", Uuid),
    Column("boundary", Geometry("MULTIPOLYGON", 4326, spatial_index=False), nullable=False),
    Column("area_m2", Double, nullable=False),
    Column("extend_m", Integer, nullable=False),
    Column("note", Text),
    Column("demo", Boolean, nullable=False),
    Column("successor_of", ARRAY(Uuid), nullable=False, server_default=text("'{}'::uuid[]")),
    PrimaryKeyConstraint("city_id", "version", "region_id", name="region_facts_pk"),
    foreign_key("region_facts_region_fk", ["city_id", "region_id"], "regions"),
    CheckConstraint(f"kind in ({_KINDS})", name="kind"),
    CheckConstraint("admin_level between 0 and 15", name="admin_level"),
    CheckConstraint("extend_m between 0 and 20000", name="extend_m"),
    CheckConstraint("area_m2 > 0", name="area"),
    CheckConstraint(
        "st_isvalid(boundary) and not st_isempty(boundary) and st_npoints(boundary) <= 500000"
        " and st_numgeometries(boundary) <= 5000"
        " and st_xmin(boundary) >= -180 and st_xmax(boundary) <= 180"
        " and st_ymin(boundary) >= -90 and st_ymax(boundary) <= 90",
        name="boundary",
    ),
)
Index(
    "region_facts_boundary_ix",
    region_facts.c.city_id,
    region_facts.c.version,
    region_facts.c.boundary,
    postgresql_using="gist",
)
