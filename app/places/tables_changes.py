"""Which places were changed since their version was shown, for those who follow them or wait for new ones."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Double, Index, Integer, PrimaryKeyConstraint, Uuid

from app.core.schema import declare, foreign_key

change_positions = declare(
    "change_positions",
    "city",
    "The last position that a change of a city's places got; its row lock puts changes in the order of their commits.",
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("city_id", name="change_positions_pk"),
    foreign_key("change_positions_city_fk", ["city_id"], "cities"),
    CheckConstraint("position > 0", name="position"),
)

place_changes = declare(
    "place_changes",
    "city",
    "The last change of a place in a version that readers see or saw; what followers ask by is its position.",
    Column("version", Integer, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("position", BigInteger, nullable=False),
    PrimaryKeyConstraint("city_id", "version", "place_id", name="place_changes_pk"),
    foreign_key("place_changes_place_fk", ["city_id", "place_id"], "places"),
    CheckConstraint("position > 0", name="position"),
)
Index(
    "place_changes_position_ix",
    place_changes.c.city_id,
    place_changes.c.version,
    place_changes.c.position,
    place_changes.c.place_id,
)

place_arrivals = declare(
    "place_arrivals",
    "city",
    "Places that an edit opened, opened again or moved, with where they stood before; whoever tells members takes the"
    " rows away.",
    Column("place_id", Uuid, nullable=False),
    Column("was_lon", Double),
    Column("was_lat", Double),
    PrimaryKeyConstraint("city_id", "place_id", name="place_arrivals_pk"),
    foreign_key("place_arrivals_place_fk", ["city_id", "place_id"], "places"),
    CheckConstraint("num_nonnulls(was_lon, was_lat) in (0, 2)", name="was"),
)
