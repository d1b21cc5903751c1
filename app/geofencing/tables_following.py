"""Who is followed and where they stand: consent, fixes of a day, pairs of subject and fence, and what was told."""

from __future__ import annotations

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    Double,
    Index,
    Integer,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    Uuid,
)
from sqlalchemy.dialects.postgresql import ARRAY

from app.core.schema import declare, foreign_key

location_choices = declare(
    "location_choices",
    "member",
    "What a member agreed to about positions and offers, when they want quiet, and the cities that follow them.",
    Column("member_id", Uuid, nullable=False),
    Column("positions_at", DateTime(timezone=True)),
    Column("offers_at", DateTime(timezone=True)),
    Column("time_zone", Text, nullable=False),
    Column("quiet_from_min", SmallInteger),
    Column("quiet_until_min", SmallInteger),
    Column("cities", ARRAY(Integer), nullable=False),
    Column("row_version", Integer, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("member_id", name="location_choices_pk"),
    foreign_key("location_choices_member_fk", ["member_id"], "members"),
    CheckConstraint(
        "quiet_from_min between 0 and 1439 and quiet_until_min between 0 and 1439"
        " and (quiet_from_min is null) = (quiet_until_min is null)",
        name="quiet",
    ),
    CheckConstraint("row_version > 0", name="row_version"),
)

location_consents = declare(
    "location_consents",
    "member",
    "Each time a member agreed or withdrew, and to what; never changed.",
    Column("member_id", Uuid, nullable=False),
    Column("consent_id", Uuid, nullable=False),
    Column("purpose", Text, nullable=False),
    Column("given", Boolean, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("member_id", "consent_id", name="location_consents_pk"),
    foreign_key("location_consents_member_fk", ["member_id"], "members"),
    CheckConstraint("purpose in ('positions', 'offers')", name="purpose"),
)

followed_lanes = declare(
    "followed_lanes",
    "city",
    "How far a subject's fixes were looked at by fences of one reorder window; its row lock is the subject's turn.",
    Column("subject_id", Uuid, nullable=False),
    Column("reorder_s", Integer, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("watermark_at", DateTime(timezone=True)),
    Column("last_lon", Double),
    Column("last_lat", Double),
    Column("release_at", DateTime(timezone=True)),
    Column("seen_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "subject_id", "reorder_s", name="followed_lanes_pk"),
    foreign_key("followed_lanes_city_fk", ["city_id"], "cities"),
    foreign_key("followed_lanes_member_fk", ["member_id"], "members", local_only=True),
    CheckConstraint("(last_lon is null) = (last_lat is null)", name="last"),
)
Index("followed_lanes_member_ix", followed_lanes.c.city_id, followed_lanes.c.member_id)
Index(
    "followed_lanes_release_ix",
    followed_lanes.c.city_id,
    followed_lanes.c.release_at,
    postgresql_where=followed_lanes.c.release_at.is_not(None),
)
Index(
    "followed_lanes_seen_ix",
    followed_lanes.c.city_id,
    followed_lanes.c.seen_at,
    postgresql_where=followed_lanes.c.last_lon.is_not(None),
)

followed_fixes = declare(
    "followed_fixes",
    "city",
    "Fixes of the last day, one a subject and time; nobody but their member ever sees them.",
    Column("subject_id", Uuid, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("lon", Double, nullable=False),
    Column("lat", Double, nullable=False),
    Column("accuracy_m", Double, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("replayed", Boolean, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "subject_id", "occurred_at", name="followed_fixes_pk"),
    foreign_key("followed_fixes_city_fk", ["city_id"], "cities"),
    CheckConstraint("outcome in ('counted', 'late', 'mock', 'inaccurate')", name="outcome"),
    CheckConstraint("lon between -180 and 180 and lat between -90 and 90 and accuracy_m >= 0", name="place"),
)
Index("followed_fixes_received_ix", followed_fixes.c.city_id, followed_fixes.c.received_at)

followed_pairs = declare(
    "followed_pairs",
    "city",
    "Where a subject stands to a fence, and how many events were told of the two.",
    Column("subject_id", Uuid, nullable=False),
    Column("geofence_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("pair_id", Uuid, nullable=False),
    Column("phase", Text, nullable=False),
    Column("since_at", DateTime(timezone=True)),
    Column("since_border_m", Double, nullable=False),
    Column("since_accuracy_m", Double, nullable=False),
    Column("entered_at", DateTime(timezone=True)),
    Column("entered_border_m", Double, nullable=False),
    Column("entered_accuracy_m", Double, nullable=False),
    Column("exited_at", DateTime(timezone=True)),
    Column("dwelt", SmallInteger, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("fence_version", Integer, nullable=False),
    Column("reorder_s", Integer, nullable=False),
    Column("due_at", DateTime(timezone=True)),
    Column("revision", Integer, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    PrimaryKeyConstraint("city_id", "subject_id", "geofence_id", name="followed_pairs_pk"),
    foreign_key("followed_pairs_fence_fk", ["city_id", "geofence_id"], "geofences"),
    foreign_key("followed_pairs_member_fk", ["member_id"], "members", local_only=True),
    CheckConstraint("phase in ('out', 'pending_in', 'in', 'pending_out')", name="phase"),
    CheckConstraint("(phase = 'out') = (since_at is null)", name="since"),
    CheckConstraint("phase not in ('in', 'pending_out') or entered_at is not null", name="entered"),
    CheckConstraint("phase <> 'out' or due_at is null", name="due"),
    CheckConstraint("dwelt between 0 and 3 and seq >= 0 and revision > 0", name="counts"),
)
Index(
    "followed_pairs_due_ix",
    followed_pairs.c.city_id,
    followed_pairs.c.due_at,
    postgresql_where=followed_pairs.c.due_at.is_not(None),
)
Index(
    "followed_pairs_inside_ix",
    followed_pairs.c.city_id,
    followed_pairs.c.geofence_id,
    followed_pairs.c.subject_id,
    postgresql_where=followed_pairs.c.phase != "out",
)

geofence_events = declare(
    "geofence_events",
    "city",
    "What was told of a fence, with the version and the fix that caused it; the square of the fix is for operators.",
    Column("event_id", Uuid, nullable=False),
    Column("geofence_id", Uuid, nullable=False),
    Column("pair_id", Uuid, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("member_id", Uuid),
    Column("what", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("fence_version", Integer, nullable=False),
    Column("occurred_at", DateTime(timezone=True), nullable=False),
    Column("detected_at", DateTime(timezone=True), nullable=False),
    Column("confidence", Text, nullable=False),
    Column("late", Boolean, nullable=False),
    Column("replayed", Boolean, nullable=False),
    Column("dwell_s", Integer),
    Column("fix_at", DateTime(timezone=True)),
    Column("fix_accuracy_m", Integer),
    Column("border_m", Integer),
    Column("lon_cell", Integer),
    Column("lat_cell", Integer),
    PrimaryKeyConstraint("city_id", "event_id", name="geofence_events_pk"),
    foreign_key(
        "geofence_events_version_fk",
        ["city_id", "geofence_id", "fence_version"],
        "geofence_versions",
        ["city_id", "geofence_id", "version"],
    ),
    foreign_key("geofence_events_member_fk", ["member_id"], "members", local_only=True),
    CheckConstraint("what in ('entered', 'dwelled', 'exited', 'crossed')", name="what"),
    CheckConstraint("cause in ('fix', 'timer', 'fence_changed', 'expired', 'deleted', 'withdrawn')", name="cause"),
    CheckConstraint("confidence in ('low', 'medium', 'high')", name="confidence"),
    CheckConstraint("(what = 'dwelled') = (dwell_s is not null)", name="dwell"),
    CheckConstraint("(lon_cell is null) = (lat_cell is null)", name="cell"),
    CheckConstraint("seq > 0", name="seq"),
)
Index("geofence_events_fence_ix", geofence_events.c.city_id, geofence_events.c.geofence_id, geofence_events.c.event_id)
Index("geofence_events_member_ix", geofence_events.c.city_id, geofence_events.c.member_id, geofence_events.c.event_id)
