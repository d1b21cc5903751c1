"""Fences, who is followed with consent, and what was told of both."""

from __future__ import annotations

from migrations import ddl

revision = "0037"
down_revision = "0036"
branch_labels = None
depends_on = None

TABLES = (
    "geofence_sets",
    "geofences",
    "geofence_versions",
    "location_choices",
    "location_consents",
    "followed_lanes",
    "followed_fixes",
    "followed_pairs",
    "geofence_events",
)


def upgrade() -> None:
    """Creates the tables with their grants."""
    _geofence_sets()
    _geofences()
    _geofence_versions()
    _location_choices()
    _location_consents()
    _followed_lanes()
    _followed_fixes()
    _followed_pairs()
    _geofence_events()
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE", "TABLE geofence_sets")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE", "TABLE geofences")
    ddl.grant("fujin_app", "SELECT, INSERT", "TABLE geofence_versions")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE", "TABLE location_choices")
    ddl.grant("fujin_app", "SELECT, INSERT", "TABLE location_consents")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "TABLE followed_lanes")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "TABLE followed_fixes")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "TABLE followed_pairs")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "TABLE geofence_events")


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))


def _geofence_sets() -> None:
    ddl.create_table(
        "geofence_sets",
        "city",
        "What a city's fences are now: epoch grows with each change, the box holds all that were ever there.",
        """
            city_id integer NOT NULL,
            epoch bigint NOT NULL,
            fence_count integer NOT NULL,
            west double precision NOT NULL,
            south double precision NOT NULL,
            east double precision NOT NULL,
            north double precision NOT NULL,
            reorders integer[] NOT NULL,
            CONSTRAINT geofence_sets_pk PRIMARY KEY (city_id),
            CONSTRAINT geofence_sets_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT geofence_sets_counts_ck CHECK (epoch >= 0 and fence_count >= 0)
        """,
    )


def _geofences() -> None:
    ddl.create_table(
        "geofences",
        "city",
        "Identity of a fence, what it follows, its current version and outline; a fence that comes back is the same.",
        """
            city_id integer NOT NULL,
            geofence_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            external_id text NOT NULL,
            state text NOT NULL,
            current_version integer NOT NULL,
            revision integer NOT NULL,
            epoch bigint NOT NULL,
            source text NOT NULL,
            source_id uuid,
            outline geometry(MULTIPOLYGON,4326) NOT NULL,
            expires_at timestamptz,
            created_at timestamptz NOT NULL,
            changed_at timestamptz NOT NULL,
            ended_at timestamptz,
            CONSTRAINT geofences_pk PRIMARY KEY (city_id, geofence_id),
            CONSTRAINT geofences_external_uq UNIQUE (city_id, merchant_id, external_id),
            CONSTRAINT geofences_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT geofences_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT geofences_state_ck CHECK (state in ('active', 'expired', 'deleted')),
            CONSTRAINT geofences_ended_ck CHECK ((state = 'active') = (ended_at is null)),
            CONSTRAINT geofences_source_ck CHECK (source in ('drawn', 'service_area', 'region')),
            CONSTRAINT geofences_source_named_ck CHECK ((source = 'drawn') = (source_id is null)),
            CONSTRAINT geofences_external_id_ck CHECK (length(external_id) between 1 and 100),
            CONSTRAINT geofences_counts_ck CHECK (current_version > 0 and revision > 0)
        """,
    )
    ddl.local_only("geofences", "geofences_merchant_fk")
    ddl.create_index(
        "geofences_epoch_ix",
        "geofences (city_id, epoch)",
        "What changed among a city's fences since an epoch: the index in memory is brought up to date.",
    )
    ddl.create_index(
        "geofences_expiry_ix",
        "geofences (city_id, expires_at) WHERE state = 'active' AND expires_at IS NOT NULL",
        "Worker: fences whose time is over.",
    )
    ddl.create_index(
        "geofences_outline_ix",
        "geofences USING gist (city_id, outline) WHERE state = 'active'",
        "Which fences may hold these fixes, or be cut by the way between them.",
    )
    ddl.create_index(
        "geofences_source_ix",
        "geofences (city_id, source, geofence_id) WHERE state = 'active' AND source <> 'drawn'",
        "Worker: fences that follow service areas or regions, to see whether those were drawn anew.",
    )


def _geofence_versions() -> None:
    ddl.create_table(
        "geofence_versions",
        "city",
        "One drawing of a fence with its rules; never changed, so that an event can name it.",
        """
            city_id integer NOT NULL,
            geofence_id uuid NOT NULL,
            version integer NOT NULL,
            name text NOT NULL,
            boundary geometry(MULTIPOLYGON,4326),
            center_lon double precision,
            center_lat double precision,
            radius_m double precision,
            enter_after_s integer NOT NULL,
            dwell_s integer[] NOT NULL,
            exit_after_s integer NOT NULL,
            exit_buffer_m double precision NOT NULL,
            max_accuracy_m double precision NOT NULL,
            cooldown_s integer NOT NULL,
            reorder_s integer NOT NULL,
            schedule text,
            time_zone text NOT NULL,
            tags text[] NOT NULL,
            source_version integer,
            created_by text NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT geofence_versions_pk PRIMARY KEY (city_id, geofence_id, version),
            CONSTRAINT geofence_versions_fence_fk FOREIGN KEY(city_id, geofence_id) REFERENCES geofences (city_id, geofence_id) ON DELETE RESTRICT,
            CONSTRAINT geofence_versions_version_ck CHECK (version > 0),
            CONSTRAINT geofence_versions_one_shape_ck CHECK ((boundary is null) = (radius_m is not null) and (center_lon is null) = (radius_m is null) and (center_lat is null) = (radius_m is null)),
            CONSTRAINT geofence_versions_radius_ck CHECK (radius_m between 20 and 50000),
            CONSTRAINT geofence_versions_center_ck CHECK (center_lon between -180 and 180 and center_lat between -90 and 90),
            CONSTRAINT geofence_versions_boundary_ck CHECK (st_isvalid(boundary) and not st_isempty(boundary) and st_npoints(boundary) <= 500000 and st_xmin(boundary) >= -180 and st_xmax(boundary) <= 180 and st_ymin(boundary) >= -90 and st_ymax(boundary) <= 90),
            CONSTRAINT geofence_versions_rules_ck CHECK (enter_after_s between 0 and 3600 and exit_after_s between 0 and 3600 and cooldown_s between 0 and 604800 and reorder_s between 0 and 300 and exit_buffer_m between 0 and 1000 and max_accuracy_m between 1 and 1000 and cardinality(dwell_s) <= 3),
            CONSTRAINT geofence_versions_words_ck CHECK (length(name) between 1 and 100 and length(schedule) <= 1000)
        """,
    )


def _location_choices() -> None:
    ddl.create_table(
        "location_choices",
        "member",
        "What a member agreed to about positions and offers, when they want quiet, and the cities that follow them.",
        """
            member_id uuid NOT NULL,
            positions_at timestamptz,
            offers_at timestamptz,
            time_zone text NOT NULL,
            quiet_from_min smallint,
            quiet_until_min smallint,
            cities integer[] NOT NULL,
            row_version integer NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT location_choices_pk PRIMARY KEY (member_id),
            CONSTRAINT location_choices_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT location_choices_quiet_ck CHECK (quiet_from_min between 0 and 1439 and quiet_until_min between 0 and 1439 and (quiet_from_min is null) = (quiet_until_min is null)),
            CONSTRAINT location_choices_row_version_ck CHECK (row_version > 0)
        """,
    )


def _location_consents() -> None:
    ddl.create_table(
        "location_consents",
        "member",
        "Each time a member agreed or withdrew, and to what; never changed.",
        """
            member_id uuid NOT NULL,
            consent_id uuid NOT NULL,
            purpose text NOT NULL,
            given boolean NOT NULL,
            at timestamptz NOT NULL,
            CONSTRAINT location_consents_pk PRIMARY KEY (member_id, consent_id),
            CONSTRAINT location_consents_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT location_consents_purpose_ck CHECK (purpose in ('positions', 'offers'))
        """,
    )


def _followed_lanes() -> None:
    ddl.create_table(
        "followed_lanes",
        "city",
        "How far a subject's fixes were looked at by fences of one reorder window; its row lock is the subject's turn.",
        """
            city_id integer NOT NULL,
            subject_id uuid NOT NULL,
            reorder_s integer NOT NULL,
            member_id uuid NOT NULL,
            watermark_at timestamptz,
            last_lon double precision,
            last_lat double precision,
            release_at timestamptz,
            seen_at timestamptz NOT NULL,
            CONSTRAINT followed_lanes_pk PRIMARY KEY (city_id, subject_id, reorder_s),
            CONSTRAINT followed_lanes_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT followed_lanes_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT followed_lanes_last_ck CHECK ((last_lon is null) = (last_lat is null))
        """,
    )
    ddl.local_only("followed_lanes", "followed_lanes_member_fk")
    ddl.create_index(
        "followed_lanes_member_ix",
        "followed_lanes (city_id, member_id)",
        "Subjects of a member, to purge what is kept of them.",
    )
    ddl.create_index(
        "followed_lanes_release_ix",
        "followed_lanes (city_id, release_at) WHERE release_at IS NOT NULL",
        "Worker: subjects whose held fixes are to be looked at.",
    )
    ddl.create_index(
        "followed_lanes_seen_ix",
        "followed_lanes (city_id, seen_at) WHERE last_lon IS NOT NULL",
        "Worker: last fixes that are a day old.",
    )


def _followed_fixes() -> None:
    ddl.create_table(
        "followed_fixes",
        "city",
        "Fixes of the last day, one a subject and time; nobody but their member ever sees them.",
        """
            city_id integer NOT NULL,
            subject_id uuid NOT NULL,
            occurred_at timestamptz NOT NULL,
            lon double precision NOT NULL,
            lat double precision NOT NULL,
            accuracy_m double precision NOT NULL,
            outcome text NOT NULL,
            replayed boolean NOT NULL,
            received_at timestamptz NOT NULL,
            CONSTRAINT followed_fixes_pk PRIMARY KEY (city_id, subject_id, occurred_at),
            CONSTRAINT followed_fixes_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT followed_fixes_outcome_ck CHECK (outcome in ('counted', 'late', 'mock', 'inaccurate')),
            CONSTRAINT followed_fixes_place_ck CHECK (lon between -180 and 180 and lat between -90 and 90 and accuracy_m >= 0)
        """,
    )
    ddl.create_index(
        "followed_fixes_received_ix",
        "followed_fixes (city_id, received_at)",
        "Worker: fixes that are a day old.",
    )


def _followed_pairs() -> None:
    ddl.create_table(
        "followed_pairs",
        "city",
        "Where a subject stands to a fence, and how many events were told of the two.",
        """
            city_id integer NOT NULL,
            subject_id uuid NOT NULL,
            geofence_id uuid NOT NULL,
            member_id uuid NOT NULL,
            pair_id uuid NOT NULL,
            phase text NOT NULL,
            since_at timestamptz,
            since_border_m double precision NOT NULL,
            since_accuracy_m double precision NOT NULL,
            entered_at timestamptz,
            entered_border_m double precision NOT NULL,
            entered_accuracy_m double precision NOT NULL,
            exited_at timestamptz,
            dwelt smallint NOT NULL,
            seq integer NOT NULL,
            fence_version integer NOT NULL,
            reorder_s integer NOT NULL,
            due_at timestamptz,
            revision integer NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT followed_pairs_pk PRIMARY KEY (city_id, subject_id, geofence_id),
            CONSTRAINT followed_pairs_fence_fk FOREIGN KEY(city_id, geofence_id) REFERENCES geofences (city_id, geofence_id) ON DELETE RESTRICT,
            CONSTRAINT followed_pairs_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT followed_pairs_phase_ck CHECK (phase in ('out', 'pending_in', 'in', 'pending_out')),
            CONSTRAINT followed_pairs_since_ck CHECK ((phase = 'out') = (since_at is null)),
            CONSTRAINT followed_pairs_entered_ck CHECK (phase not in ('in', 'pending_out') or entered_at is not null),
            CONSTRAINT followed_pairs_due_ck CHECK (phase <> 'out' or due_at is null),
            CONSTRAINT followed_pairs_counts_ck CHECK (dwelt between 0 and 3 and seq >= 0 and revision > 0)
        """,
    )
    ddl.local_only("followed_pairs", "followed_pairs_member_fk")
    ddl.create_index(
        "followed_pairs_due_ix",
        "followed_pairs (city_id, due_at) WHERE due_at IS NOT NULL",
        "Worker: pairs to which something happens by time alone.",
    )
    ddl.create_index(
        "followed_pairs_inside_ix",
        "followed_pairs (city_id, geofence_id, subject_id) WHERE phase <> 'out'",
        "Worker: who is in a fence that has changed or is gone.",
    )


def _geofence_events() -> None:
    ddl.create_table(
        "geofence_events",
        "city",
        "What was told of a fence, with the version and the fix that caused it; the square of the fix is for operators.",
        """
            city_id integer NOT NULL,
            event_id uuid NOT NULL,
            geofence_id uuid NOT NULL,
            pair_id uuid NOT NULL,
            seq integer NOT NULL,
            member_id uuid,
            what text NOT NULL,
            cause text NOT NULL,
            fence_version integer NOT NULL,
            occurred_at timestamptz NOT NULL,
            detected_at timestamptz NOT NULL,
            confidence text NOT NULL,
            late boolean NOT NULL,
            replayed boolean NOT NULL,
            dwell_s integer,
            fix_at timestamptz,
            fix_accuracy_m integer,
            border_m integer,
            lon_cell integer,
            lat_cell integer,
            CONSTRAINT geofence_events_pk PRIMARY KEY (city_id, event_id),
            CONSTRAINT geofence_events_version_fk FOREIGN KEY(city_id, geofence_id, fence_version) REFERENCES geofence_versions (city_id, geofence_id, version) ON DELETE RESTRICT,
            CONSTRAINT geofence_events_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT geofence_events_what_ck CHECK (what in ('entered', 'dwelled', 'exited', 'crossed')),
            CONSTRAINT geofence_events_cause_ck CHECK (cause in ('fix', 'timer', 'fence_changed', 'expired', 'deleted', 'withdrawn')),
            CONSTRAINT geofence_events_confidence_ck CHECK (confidence in ('low', 'medium', 'high')),
            CONSTRAINT geofence_events_dwell_ck CHECK ((what = 'dwelled') = (dwell_s is not null)),
            CONSTRAINT geofence_events_cell_ck CHECK ((lon_cell is null) = (lat_cell is null)),
            CONSTRAINT geofence_events_seq_ck CHECK (seq > 0)
        """,
    )
    ddl.local_only("geofence_events", "geofence_events_member_fk")
    ddl.create_index(
        "geofence_events_fence_ix",
        "geofence_events (city_id, geofence_id, event_id)",
        "Events of a fence, newest first; also: events of a version.",
    )
    ddl.create_index(
        "geofence_events_member_ix",
        "geofence_events (city_id, member_id, event_id)",
        "Events of a member, newest first, and to forget whose they were.",
    )
