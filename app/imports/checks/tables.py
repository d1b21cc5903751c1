"""The report of a version: what its checks found, and what it waits for."""

from __future__ import annotations

from sqlalchemy import CheckConstraint, Column, DateTime, Integer, PrimaryKeyConstraint, Text
from sqlalchemy.dialects.postgresql import JSONB

from app.core.schema import declare, foreign_key

dataset_reports = declare(
    "dataset_reports",
    "city",
    "What the checks of a dataset version found, and what the version waits for before it may be shown.",
    Column("kind", Text, nullable=False),
    Column("version", Integer, nullable=False),
    Column("against", Integer),
    Column("verdict", Text, nullable=False),
    Column("report", JSONB, nullable=False),
    Column("made_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "kind", "version", name="dataset_reports_pk"),
    foreign_key(
        "dataset_reports_version_fk", ["city_id", "kind", "version"], "datasets", ["city_id", "kind", "version"]
    ),
    CheckConstraint("verdict in ('open', 'note', 'second_person', 'blocked')", name="verdict"),
)
