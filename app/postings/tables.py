"""Search rows, the dictionary of facets, and which version each slot holds."""

from __future__ import annotations

from typing import Any

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
from sqlalchemy.types import UserDefinedType

from app.core.schema import declare, foreign_key

FACET_KINDS = ("category", "brand", "attribute", "word", "coupon", "name", "phone")


class Point(UserDefinedType[Any]):
    """PostgreSQL's own plane point."""

    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        """The type's name."""
        return "POINT"


search_facets = declare(
    "search_facets",
    "city",
    "Numbers of what places are searched by: categories, brands, words, names, coupons and more; they never change.",
    Column("kind", Text, nullable=False),
    Column("key", Text(collation="C"), nullable=False),
    Column("facet", Integer, nullable=False),
    PrimaryKeyConstraint("city_id", "kind", "key", name="search_facets_pk"),
    UniqueConstraint("facet", "city_id", name="search_facets_facet_uq"),
    CheckConstraint("facet between 1 and 16777215", name="facet"),
    CheckConstraint(f"kind in ({', '.join(map(repr, FACET_KINDS))})", name="kind"),
)

search_slots = declare(
    "search_slots",
    "city",
    "Which dataset version of a city's places each slot of the search rows holds.",
    Column("slot", SmallInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("built_at", DateTime(timezone=True), nullable=False),
    Column("live_places", Integer),
    Column("west", Double),
    Column("south", Double),
    Column("east", Double),
    Column("north", Double),
    PrimaryKeyConstraint("city_id", "slot", name="search_slots_pk"),
    foreign_key("search_slots_city_fk", ["city_id"], "cities"),
    CheckConstraint("slot = version % 4", name="slot"),
    CheckConstraint("num_nonnulls(west, south, east, north) in (0, 4)", name="box_whole"),
)

postings = declare(
    "postings",
    "city",
    "Search rows: a live place once for each of its facets, at its point on a chart, shifted into the facet's lane.",
    Column("slot", SmallInteger, nullable=False),
    Column("facet", Integer, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("image", SmallInteger, nullable=False),
    Column("spot", Point, nullable=False),
    Column("signature", BigInteger, nullable=False),
    Column("lon7", Integer, nullable=False),
    Column("lat7", Integer, nullable=False),
    Column("hours_no", Integer, nullable=False),
    Column("price_level", SmallInteger, nullable=False),
    PrimaryKeyConstraint("city_id", "slot", "place_id", "facet", "image", name="postings_pk"),
    postgresql_with={"autovacuum_vacuum_scale_factor": 0.01, "autovacuum_vacuum_insert_scale_factor": 0.01},
)
Index(
    "postings_spot_ix",
    postings.c.spot,
    postgresql_using="gist",
    postgresql_include=["signature", "place_id", "city_id", "lon7", "lat7", "hours_no", "price_level"],
)
