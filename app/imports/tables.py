"""What a load leaves besides its rows: those it refused, and the tables in which rows wait to be checked."""

from __future__ import annotations

from typing import Final

from geoalchemy2 import Geography, Geometry
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB

from app.core.schema import declare, foreign_key

SEVERITIES: Final = ("file", "row", "warning", "info")
_SEVERITIES: Final = ", ".join(map(repr, SEVERITIES))
_CODE: Final = "check_code ~ '^[a-z][a-z0-9-]{1,59}$'"

dataset_faults = declare(
    "dataset_faults",
    "city",
    "What checks found in a version: rows that were refused and what its sender should know; of each check the first.",
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("fault_no", Integer, nullable=False),
    Column("row_no", Integer),
    Column("check_code", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("source_key", Text),
    Column("reason", Text, nullable=False),
    Column("lon", Double),
    Column("lat", Double),
    Column("raw", JSONB),
    PrimaryKeyConstraint("city_id", "kind", "version", "fault_no", name="dataset_faults_pk"),
    foreign_key(
        "dataset_faults_version_fk",
        ["city_id", "kind", "version"],
        "datasets",
        ["city_id", "kind", "version"],
    ),
    CheckConstraint("fault_no > 0", name="fault_no"),
    CheckConstraint("row_no > 0", name="row_no"),
    CheckConstraint(_CODE, name="check_code"),
    CheckConstraint(f"severity in ({_SEVERITIES})", name="severity"),
    CheckConstraint("(lon is null) = (lat is null)", name="point_whole"),
)
Index(
    "dataset_faults_check_ix",
    dataset_faults.c.city_id,
    dataset_faults.c.kind,
    dataset_faults.c.version,
    dataset_faults.c.check_code,
    dataset_faults.c.fault_no,
)

dataset_fault_counts = declare(
    "dataset_fault_counts",
    "city",
    "How often each check of a version found something, those counted that dataset_faults has no room for.",
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("check_code", Text, nullable=False),
    Column("severity", Text, nullable=False),
    Column("faults", BigInteger, nullable=False),
    PrimaryKeyConstraint("city_id", "kind", "version", "check_code", name="dataset_fault_counts_pk"),
    foreign_key(
        "dataset_fault_counts_version_fk",
        ["city_id", "kind", "version"],
        "datasets",
        ["city_id", "kind", "version"],
    ),
    CheckConstraint(_CODE, name="check_code"),
    CheckConstraint(f"severity in ({_SEVERITIES})", name="severity"),
    CheckConstraint("faults > 0", name="faults"),
)

place_staging = declare(
    "place_staging",
    "city",
    "Places of a file while they are checked, in no version yet; a load that ends takes its rows out again.",
    Column("version", Integer, nullable=False),
    Column("row_no", Integer, nullable=False),
    Column("new_id", Uuid, nullable=False),
    Column("location", Geography("POINT", 4326, spatial_index=False), nullable=False),
    Column("name", Text, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("category_id", Text, nullable=False),
    Column("alternate_category_ids", ARRAY(Text), nullable=False),
    Column("brand_id", Text),
    Column("address", JSONB, nullable=False),
    Column("phone", Text),
    Column("website", Text),
    Column("opening_hours", Text),
    Column("workday_calendar", Boolean, nullable=False),
    Column("hours_parsed", Boolean),
    Column("price_level", SmallInteger),
    Column("attributes", JSONB, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("source_datum", Text, nullable=False),
    Column("source_lon", Double, nullable=False),
    Column("source_lat", Double, nullable=False),
    Column("spots", ARRAY(Double), nullable=False),
    Column("facets", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("city_id", "version", "row_no", name="place_staging_pk"),
    prefixes=["UNLOGGED"],
)

region_staging = declare(
    "region_staging",
    "city",
    "Areas of a file while they are checked, in no version yet; a load that ends takes its rows out again.",
    Column("version", Integer, nullable=False),
    Column("row_no", Integer, nullable=False),
    Column("new_id", Uuid, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("admin_level", SmallInteger, nullable=False),
    Column("region_code", Text, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("parent_key", Text),
    Column("note", Text),
    Column("demo", Boolean, nullable=False),
    Column("extend_m", Integer, nullable=False),
    Column("boundary", Geometry("MULTIPOLYGON", 4326, spatial_index=False), nullable=False),
    Column("area_m2", Double, nullable=False),
    Column("successor_of", ARRAY(Text), nullable=False),
    Column("remarks", ARRAY(Text), nullable=False),
    PrimaryKeyConstraint("city_id", "version", "row_no", name="region_staging_pk"),
    prefixes=["UNLOGGED"],
)
