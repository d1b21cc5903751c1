"""Which areas each place of a version lies in, worked out before readers see the version."""

from __future__ import annotations

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, PrimaryKeyConstraint, Uuid

from app.core.schema import declare, foreign_key

region_link_sets = declare(
    "region_link_sets",
    "city",
    "For which versions of places and regions links were worked out, and which changes of places they know.",
    Column("places_version", Integer, nullable=False),
    Column("regions_version", Integer, nullable=False),
    Column("position", BigInteger, nullable=False),
    Column("built_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "places_version", "regions_version", name="region_link_sets_pk"),
    foreign_key("region_link_sets_city_fk", ["city_id"], "cities"),
)

place_regions = declare(
    "place_regions",
    "city",
    "The areas that a live place lies in, its border counted, or not farther outside than the area extends: fringe.",
    Column("places_version", Integer, nullable=False),
    Column("regions_version", Integer, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("region_id", Uuid, nullable=False),
    Column("fringe", Boolean, nullable=False),
    PrimaryKeyConstraint(
        "city_id", "places_version", "regions_version", "place_id", "region_id", name="place_regions_pk"
    ),
    foreign_key("place_regions_place_fk", ["city_id", "place_id"], "places"),
)
Index(
    "place_regions_region_ix",
    place_regions.c.city_id,
    place_regions.c.places_version,
    place_regions.c.regions_version,
    place_regions.c.region_id,
    place_regions.c.place_id,
)
