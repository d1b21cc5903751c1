"""Which places of a version were changed since it was shown, for those who follow them."""

from __future__ import annotations

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, PrimaryKeyConstraint, Uuid

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
