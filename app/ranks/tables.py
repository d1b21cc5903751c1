"""Snapshots of popularity, and the places of each."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, Integer, PrimaryKeyConstraint, Uuid

from app.core.schema import declare, foreign_key

rank_snapshots = declare(
    "rank_snapshots",
    "city",
    "When the popularity of a city's places was worked out, and of how many redemptions the top hundredth has more.",
    Column("snapshot_id", Uuid, nullable=False),
    Column("taken_at", DateTime(timezone=True), nullable=False),
    Column("ranked", Integer, nullable=False),
    Column("p99", Integer, nullable=False),
    PrimaryKeyConstraint("city_id", "snapshot_id", name="rank_snapshots_pk"),
    foreign_key("rank_snapshots_city_fk", ["city_id"], "cities"),
    CheckConstraint("ranked >= 0 and (p99 > 0) = (ranked > 0)", name="ranked"),
)

place_ranks = declare(
    "place_ranks",
    "city",
    "How popular a place is in a snapshot; a place without redemptions has no row.",
    Column("snapshot_id", Uuid, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("redemptions", Integer, nullable=False),
    Column("popularity_ppm", Integer, nullable=False),
    PrimaryKeyConstraint("city_id", "snapshot_id", "place_id", name="place_ranks_pk"),
    foreign_key("place_ranks_snapshot_fk", ["city_id", "snapshot_id"], "rank_snapshots"),
    foreign_key("place_ranks_place_fk", ["city_id", "place_id"], "places"),
    CheckConstraint("redemptions > 0 and popularity_ppm between 1 and 1000000", name="popularity_ppm"),
)
