"""Corrections that survive loads, what the source says beneath them, reviews that wait for a person, and reports."""

from __future__ import annotations

from sqlalchemy import (
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    Uuid,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import JSONB

from app.core.schema import declare, foreign_key
from app.places.overlay_fields import BASES, FIELDS

STATES = ("live", "retired", "withdrawn", "expired", "replaced")
KINDS = ("duplicate", "overlay_conflict", "report")
REVIEW_STATES = ("open", "planned", "done", "lapsed")
DECISIONS = ("merge", "apart", "keep_overlay", "take_import", "accept", "dismiss")


def _one_of(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


place_overlays = declare(
    "place_overlays",
    "city",
    "Corrections of a place, a field each, kept apart and applied again to each version until the source agrees.",
    Column("overlay_id", Uuid, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", JSONB(none_as_null=False), nullable=False),
    Column("old_value", JSONB(none_as_null=True)),
    Column("settled_value", JSONB(none_as_null=True)),
    Column("made_version", Integer),
    Column("reason", Text, nullable=False),
    Column("evidence", Text),
    Column("author_id", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("expires_at", DateTime(timezone=True)),
    Column("state", Text, nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_version", Integer),
    PrimaryKeyConstraint("city_id", "overlay_id", name="place_overlays_pk"),
    foreign_key("place_overlays_place_fk", ["city_id", "place_id"], "places"),
    CheckConstraint(f"field in ({_one_of(FIELDS)})", name="field"),
    CheckConstraint(f"state in ({_one_of(STATES)})", name="state"),
    CheckConstraint("(state = 'live') = (ended_at is null)", name="ended"),
    CheckConstraint("expires_at > created_at", name="expires"),
    CheckConstraint("field <> 'duplicate_of' or expires_at is null", name="duplicate_stays"),
)
Index(
    "place_overlays_live_uq",
    place_overlays.c.city_id,
    place_overlays.c.place_id,
    place_overlays.c.field,
    unique=True,
    postgresql_where=place_overlays.c.state == "live",
)
Index(
    "place_overlays_expires_ix",
    place_overlays.c.city_id,
    place_overlays.c.expires_at,
    postgresql_where=text("state = 'live' and expires_at is not null"),
)

place_bases = declare(
    "place_bases",
    "city",
    "What a version's source itself says of a field that a correction covers in place_facts.",
    Column("version", Integer, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", JSONB(none_as_null=False), nullable=False),
    PrimaryKeyConstraint("city_id", "version", "place_id", "field", name="place_bases_pk"),
    foreign_key("place_bases_place_fk", ["city_id", "place_id"], "places"),
    CheckConstraint(f"field in ({_one_of(BASES)})", name="field"),
)

reviews = declare(
    "reviews",
    "city",
    "What waits for a person's decision about a city's places, and what was decided; of duplicates a row a pair.",
    Column("review_id", Uuid, nullable=False),
    Column("kind", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("other_id", Uuid),
    Column("overlay_id", Uuid),
    Column("field", Text),
    Column("version", Integer),
    Column("score", Double),
    Column("priority", SmallInteger, nullable=False),
    Column("evidence", JSONB, nullable=False),
    Column("undo", JSONB(none_as_null=True)),
    Column("decision", Text),
    Column("note", Text),
    Column("decided_by", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("decided_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("city_id", "review_id", name="reviews_pk"),
    foreign_key("reviews_place_fk", ["city_id", "place_id"], "places"),
    foreign_key("reviews_other_fk", ["city_id", "other_id"], "places", ["city_id", "place_id"]),
    foreign_key("reviews_overlay_fk", ["city_id", "overlay_id"], "place_overlays"),
    CheckConstraint(f"kind in ({_one_of(KINDS)})", name="kind"),
    CheckConstraint(f"state in ({_one_of(REVIEW_STATES)})", name="state"),
    CheckConstraint(f"decision in ({_one_of(DECISIONS)})", name="decision"),
    CheckConstraint("(kind = 'duplicate') = (other_id is not null)", name="pair"),
    CheckConstraint("(kind = 'overlay_conflict') = (overlay_id is not null)", name="overlay"),
    CheckConstraint(
        "(state = 'done') = (decided_at is not null) and (state = 'done') = (decision is not null)", name="done"
    ),
    CheckConstraint("priority between 0 and 2", name="priority"),
    CheckConstraint("place_id <> other_id", name="two"),
)
Index(
    "reviews_pair_uq",
    reviews.c.city_id,
    func.least(reviews.c.place_id, reviews.c.other_id),
    func.greatest(reviews.c.place_id, reviews.c.other_id),
    unique=True,
    postgresql_where=reviews.c.kind == "duplicate",
)
Index(
    "reviews_conflict_uq",
    reviews.c.city_id,
    reviews.c.overlay_id,
    unique=True,
    postgresql_where=text("kind = 'overlay_conflict' and state = 'open'"),
)
Index(
    "reviews_report_uq",
    reviews.c.city_id,
    reviews.c.place_id,
    reviews.c.field,
    unique=True,
    postgresql_where=text("kind = 'report' and state = 'open'"),
)
Index("reviews_queue_ix", reviews.c.city_id, reviews.c.state, reviews.c.priority.desc(), reviews.c.review_id)

place_reports = declare(
    "place_reports",
    "city",
    "What somebody says is wrong with a place; who it was is a mark that tells reports apart, erased when decided.",
    Column("report_id", Uuid, nullable=False),
    Column("review_id", Uuid, nullable=False),
    Column("place_id", Uuid, nullable=False),
    Column("field", Text, nullable=False),
    Column("value", JSONB(none_as_null=False), nullable=False),
    Column("mark", LargeBinary),
    Column("created_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "report_id", name="place_reports_pk"),
    foreign_key("place_reports_review_fk", ["city_id", "review_id"], "reviews"),
    foreign_key("place_reports_place_fk", ["city_id", "place_id"], "places"),
    CheckConstraint(f"field in ({_one_of(FIELDS)})", name="field"),
)
Index(
    "place_reports_mark_uq",
    place_reports.c.city_id,
    place_reports.c.review_id,
    place_reports.c.mark,
    unique=True,
)
