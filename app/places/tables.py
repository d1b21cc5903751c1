"""Points of business: identity, facts by version, overrides; taxonomy, brands and calendars they refer to."""

from __future__ import annotations

from typing import Any

from geoalchemy2 import Geography
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Date,
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
from sqlalchemy.types import UserDefinedType

from app.core.schema import declare, foreign_key


class TransactionId(UserDefinedType[Any]):
    """PostgreSQL's number of a transaction, which tells whether a snapshot saw it."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name."""
        return "XID8"


categories = declare(
    "categories",
    "reference",
    "Taxonomy by version of the world's dataset; a category keeps its id for ever.",
    Column("version", Integer, nullable=False),
    Column("category_id", Text, nullable=False),
    Column("parent_id", Text),
    Column("names", JSONB, nullable=False),
    Column("depth", SmallInteger, nullable=False),
    Column("sort_order", Integer, nullable=False),
    PrimaryKeyConstraint("version", "category_id", name="categories_pk"),
    foreign_key("categories_parent_fk", ["version", "parent_id"], "categories", ["version", "category_id"]),
    CheckConstraint("category_id ~ '^[a-z][a-z0-9_]{1,59}$'", name="slug"),
    CheckConstraint("depth between 1 and 6 and (depth = 1) = (parent_id is null)", name="depth"),
)

category_aliases = declare(
    "category_aliases",
    "reference",
    "What other schemes call a category.",
    Column("version", Integer, nullable=False),
    Column("scheme", Text, nullable=False),
    Column("code", Text, nullable=False),
    Column("category_id", Text, nullable=False),
    PrimaryKeyConstraint("version", "scheme", "code", name="category_aliases_pk"),
    foreign_key("category_aliases_category_fk", ["version", "category_id"], "categories"),
    CheckConstraint("scheme in ('osm', 'overture', 'amap')", name="scheme"),
)

brands = declare(
    "brands",
    "reference",
    "Chains that several places belong to, by version of the world's dataset.",
    Column("version", Integer, nullable=False),
    Column("brand_id", Text, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("wikidata", Text),
    PrimaryKeyConstraint("version", "brand_id", name="brands_pk"),
)

holidays = declare(
    "holidays",
    "reference",
    "Public holidays and weekend days declared workdays, by calendar and version of the world's dataset.",
    Column("version", Integer, nullable=False),
    Column("calendar", Text, nullable=False),
    Column("on_date", Date, nullable=False),
    Column("kind", Text, nullable=False),
    Column("as_weekday", SmallInteger),
    Column("names", JSONB, nullable=False),
    PrimaryKeyConstraint("version", "calendar", "on_date", name="holidays_pk"),
    CheckConstraint("kind in ('holiday', 'makeup_workday')", name="kind"),
    CheckConstraint("as_weekday between 1 and 7 and kind = 'makeup_workday' or as_weekday is null", name="as_weekday"),
)

places = declare(
    "places",
    "city",
    "Stable identity of a point of business; what is known of it stands in place_facts.",
    Column("place_id", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("moved_to", Uuid),
    Column("moved_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "place_id", name="places_pk"),
    foreign_key("places_city_fk", ["city_id"], "cities"),
    CheckConstraint("moved_to <> place_id", name="moved_to"),
    CheckConstraint("moved_at is null or moved_to is not null", name="moved_at"),
)

place_sources = declare(
    "place_sources",
    "city",
    "Which place a source's own key means.",
    Column("source_key", Text, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("merged_from", Uuid),  # the place of its own that the key had before a merge
    PrimaryKeyConstraint("city_id", "source_key", name="place_sources_pk"),
    foreign_key("place_sources_place_fk", ["city_id", "place_id"], "places"),
    foreign_key("place_sources_merged_fk", ["city_id", "merged_from"], "places", ["city_id", "place_id"]),
    CheckConstraint("merged_from <> place_id", name="merged_from"),
)
Index("place_sources_place_ix", place_sources.c.city_id, place_sources.c.place_id)
Index(
    "place_sources_merged_ix",
    place_sources.c.city_id,
    place_sources.c.merged_from,
    postgresql_where=place_sources.c.merged_from.is_not(None),
)
Index(
    "places_moved_ix",
    places.c.city_id,
    places.c.moved_to,
    postgresql_where=places.c.moved_to.is_not(None),
)

hours_patterns = declare(
    "hours_patterns",
    "city",
    "Distinct opening hours of a dataset version; open-now asks for the patterns open at an instant.",
    Column("version", Integer, nullable=False),
    Column("hours_no", Integer, nullable=False),
    Column("opening_hours", Text, nullable=False),
    Column("time_zone", Text, nullable=False),
    Column("calendar", Text),
    Column("workday_calendar", Boolean, nullable=False),
    Column("parsed", Boolean, nullable=False),
    PrimaryKeyConstraint("city_id", "version", "hours_no", name="hours_patterns_pk"),
    UniqueConstraint(
        "city_id",
        "version",
        "opening_hours",
        "time_zone",
        "calendar",
        "workday_calendar",
        name="hours_patterns_text_uq",
        postgresql_nulls_not_distinct=True,
    ),
    CheckConstraint("hours_no > 0", name="hours_no"),
)

place_facts = declare(
    "place_facts",
    "city",
    "What one dataset version states about a place, its overrides applied.",
    Column("version", Integer, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("location", Geography("POINT", 4326, spatial_index=False), nullable=False),
    Column("name", Text, nullable=False),
    Column("names", JSONB, nullable=False),
    Column("category_id", Text, nullable=False),
    Column("alternate_category_ids", ARRAY(Text), nullable=False),
    Column("brand_id", Text),
    Column("address", JSONB, nullable=False),
    Column("phone", Text),
    Column("website", Text),
    Column("hours_no", Integer),
    Column("price_level", SmallInteger),
    Column("attributes", JSONB, nullable=False),
    Column("closed", Boolean, nullable=False),
    Column("source_key", Text, nullable=False),
    Column("source_datum", Text, nullable=False),
    Column("source_lon", Double, nullable=False),
    Column("source_lat", Double, nullable=False),
    PrimaryKeyConstraint("city_id", "version", "place_id", name="place_facts_pk"),
    foreign_key("place_facts_place_fk", ["city_id", "place_id"], "places"),
    foreign_key("place_facts_hours_fk", ["city_id", "version", "hours_no"], "hours_patterns"),
    CheckConstraint("length(name) between 1 and 300", name="name"),
    CheckConstraint("price_level between 1 and 4", name="price_level"),
    CheckConstraint("source_datum in ('wgs84', 'gcj02', 'bd09')", name="source_datum"),
)
Index(
    "place_facts_location_ix",
    place_facts.c.city_id,
    place_facts.c.version,
    place_facts.c.location,
    postgresql_using="gist",
    postgresql_where=place_facts.c.closed.is_(False),
)
Index(
    "place_facts_opened_ix",
    place_facts.c.city_id,
    place_facts.c.version,
    place_facts.c.source_key,
    postgresql_where=text("starts_with(source_key, 'fujin:')"),
)

place_moves = declare(
    "place_moves",
    "city",
    "The last move or closing of a place in a version, kept for an hour: longer than pages of one search are read.",
    Column("version", Integer, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("moved_at", DateTime(timezone=True), nullable=False),
    Column("moved_in", TransactionId, nullable=False),
    PrimaryKeyConstraint("city_id", "version", "place_id", name="place_moves_pk"),
    foreign_key("place_moves_place_fk", ["city_id", "place_id"], "places"),
)
Index("place_moves_moved_ix", place_moves.c.city_id, place_moves.c.moved_at)
