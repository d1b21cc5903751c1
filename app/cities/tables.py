"""Territories, their dataset versions, the pointer to the active one, and what is drawn under a map."""

from __future__ import annotations

from geoalchemy2 import Geometry
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    Date,
    DateTime,
    Double,
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
from sqlalchemy.dialects.postgresql import JSONB

from app.core.schema import declare, foreign_key

DATASET_KINDS = ("places", "regions", "basemap", "categories", "holidays", "brands")
DATASET_STATES = ("validating", "staged", "active", "retired", "failed", "discarded")
_KINDS = ", ".join(f"'{kind}'" for kind in DATASET_KINDS)

currencies = declare(
    "currencies",
    "reference",
    "ISO 4217 currencies and how many decimals their minor unit has.",
    Column("currency", Text, primary_key=True),
    Column("exponent", SmallInteger, nullable=False),
    CheckConstraint("currency ~ '^[A-Z]{3}$'", name="code"),
    CheckConstraint("exponent between 0 and 4", name="exponent"),
)

cities = declare(
    "cities",
    "reference",
    "Territories: a city, a country, or the world (1), which holds what all share.",
    Column("city_id", Integer, primary_key=True, autoincrement=False),
    Column("slug", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("default_language", Text, nullable=False),
    Column("country_code", Text),
    Column("time_zone", Text, nullable=False),
    Column("currency", Text),
    Column("calendar", Text),
    Column("centre_lon", Double, nullable=False),
    Column("centre_lat", Double, nullable=False),
    Column("zoom", SmallInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    UniqueConstraint("slug", name="cities_slug_uq"),
    foreign_key("cities_currency_fk", ["currency"], "currencies"),
    CheckConstraint("city_id between 1 and 1048575", name="id_fits_ids"),
    CheckConstraint("kind in ('world', 'country', 'city')", name="kind"),
    CheckConstraint("centre_lon between -180 and 180 and centre_lat between -90 and 90", name="centre"),
)

datasets = declare(
    "datasets",
    "city",
    "One loaded version of one kind of regional data, with its origin and licence.",
    Column("dataset_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("state", Text, nullable=False),
    Column("source_name", Text, nullable=False),
    Column("source_url", Text),
    Column("source_sha256", LargeBinary, nullable=False),
    Column("licence", Text, nullable=False),
    Column("attribution", Text, nullable=False),
    Column("retrieved_on", Date),
    Column("rows_declared", Integer, nullable=False),
    Column("rows_stored", Integer, nullable=False),
    Column("rows_refused", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("activated_at", DateTime(timezone=True)),
    Column("purged_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "dataset_id", name="datasets_pk"),
    UniqueConstraint("city_id", "kind", "version", name="datasets_version_uq"),
    foreign_key("datasets_city_fk", ["city_id"], "cities"),
    CheckConstraint(f"kind in ({_KINDS})", name="kind"),
    CheckConstraint("version >= 1", name="version"),
    CheckConstraint(f"state in ({', '.join(repr(state) for state in DATASET_STATES)})", name="state"),
    CheckConstraint("purged_at is null or state in ('retired', 'discarded')", name="purged"),
    CheckConstraint(
        "rows_declared >= 0 and rows_stored >= 0 and rows_refused >= 0 and rows_stored + rows_refused <= rows_declared",
        name="rows",
    ),
)

Index(
    "datasets_one_load_uq",
    datasets.c.city_id,
    datasets.c.kind,
    unique=True,
    postgresql_where=text("state IN ('validating', 'staged')"),
)

active_dataset = declare(
    "active_dataset",
    "city",
    "The one pointer a city and kind: which version every read sees, and the box of its live rows.",
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("extent_west", Double),
    Column("extent_south", Double),
    Column("extent_east", Double),
    Column("extent_north", Double),
    Column("row_count", Integer, nullable=False),
    Column("activated_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "kind", name="active_dataset_pk"),
    foreign_key("active_dataset_version_fk", ["city_id", "kind", "version"], "datasets"),
    CheckConstraint(
        "num_nonnulls(extent_west, extent_south, extent_east, extent_north) in (0, 4)", name="extent_whole"
    ),
    CheckConstraint(
        "extent_west between -180 and 180 and extent_east between -180 and 180"
        " and extent_south between -90 and extent_north and extent_north <= 90",
        name="extent_ranges",
    ),
)

basemap_features = declare(
    "basemap_features",
    "city",
    "Roads, water and green drawn under the map of a city.",
    Column("version", Integer, nullable=False),
    Column("feature_no", Integer, nullable=False),
    Column("layer", Text, nullable=False),
    Column("feature_class", Text, nullable=False),
    Column("name", Text),
    Column("min_zoom", SmallInteger, nullable=False),
    Column("shape", Geometry("GEOMETRY", 4326, spatial_index=False), nullable=False),
    PrimaryKeyConstraint("city_id", "version", "feature_no", name="basemap_features_pk"),
    CheckConstraint("layer in ('road', 'water', 'green')", name="layer"),
)
Index(
    "basemap_features_shape_ix",
    basemap_features.c.city_id,
    basemap_features.c.version,
    basemap_features.c.shape,
    postgresql_using="gist",
)

dataset_epoch = declare(
    "dataset_epoch",
    "reference",
    "One row; its number grows when a pointer, an extent or a set of opening hours changes.",
    Column("row_no", SmallInteger, nullable=False, autoincrement=False),
    Column("epoch", BigInteger, nullable=False),
    PrimaryKeyConstraint("row_no", name="dataset_epoch_pk"),
    CheckConstraint("row_no = 1", name="row_no"),
)
