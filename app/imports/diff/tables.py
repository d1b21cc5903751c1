"""What is kept of differences: the counts, and the things that a map draws."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Integer,
    PrimaryKeyConstraint,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.core.schema import declare, foreign_key

dataset_diffs = declare(
    "dataset_diffs",
    "city",
    "What a dataset version changes against another: counts, moves, thresholds and what is touched.",
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("against", Integer, nullable=False),
    Column("diff", JSONB, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "kind", "version", "against", name="dataset_diffs_pk"),
    foreign_key("dataset_diffs_version_fk", ["city_id", "kind", "version"], "datasets", ["city_id", "kind", "version"]),
    CheckConstraint("against >= 0 and against <> version", name="against"),
)

dataset_diff_items = declare(
    "dataset_diff_items",
    "city",
    "The first 5,000 things of each layer of a difference, for the map.",
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("against", Integer, nullable=False),
    Column("layer", Text, nullable=False),
    Column("item_no", Integer, nullable=False),
    Column("thing_id", Uuid),
    Column("source_key", Text),
    Column("name", Text, nullable=False),
    Column("lon", Double),
    Column("lat", Double),
    Column("more", JSONB, nullable=False),
    PrimaryKeyConstraint("city_id", "kind", "version", "against", "layer", "item_no", name="dataset_diff_items_pk"),
    foreign_key(
        "dataset_diff_items_diff_fk",
        ["city_id", "kind", "version", "against"],
        "dataset_diffs",
        ["city_id", "kind", "version", "against"],
    ),
    CheckConstraint("layer in ('added', 'removed', 'moved', 'renamed', 'reshaped', 'changed')", name="layer"),
    CheckConstraint("item_no >= 1", name="item_no"),
)
