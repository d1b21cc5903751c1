"""Corrections of any field with their history, what the source says beneath them, reviews, reports, merged places."""

from __future__ import annotations

from migrations import ddl

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

TABLES = ("place_reports", "reviews", "place_bases", "place_overlays")
BASES = (
    "'names', 'category_id', 'alternate_category_ids', 'brand_id', 'address', 'phone', 'website', 'opening_hours',"
    " 'workday_calendar', 'price_level', 'attributes', 'closed', 'move'"
)
FIELDS = (
    "'names', 'category_id', 'alternate_category_ids', 'brand_id', 'address', 'phone', 'website', 'opening_hours',"
    " 'workday_calendar', 'price_level', 'attributes', 'closed', 'hide', 'move', 'duplicate_of'"
)
# A UUIDv7 of the city, made of the time of the correction.
ID = """
    (lpad(to_hex((extract(epoch FROM created_at) * 1000)::bigint), 12, '0') || '7' || substr(md5(random()::text), 1, 3)
     || '8' || substr(md5(random()::text), 1, 10) || lpad(to_hex(city_id), 5, '0'))::uuid
"""


def upgrade() -> None:
    """Overrides become corrections; the versions that hold them already say nothing for or against them."""
    _overlays()
    _reviews()
    ddl.run(f"""
        INSERT INTO place_overlays (city_id, overlay_id, place_id, field, value, made_version, reason, author_id,
                                    created_at, state)
        SELECT city_id, {ID}, place_id, field, value,
               (SELECT max(d.version) FROM datasets d WHERE d.city_id = o.city_id AND d.kind = 'places'),
               reason, author_id, created_at, 'live'
        FROM place_overrides o
    """)
    ddl.drop_tables(("place_overrides",))
    _merged()
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "place_overlays, place_bases, reviews")
    for role in ("fujin_app", "fujin_import"):
        ddl.grant(role, "INSERT, UPDATE, DELETE", "place_overlays, place_bases, reviews")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "place_reports")
    ddl.grant("fujin_app", "UPDATE", "places, place_sources, place_facts, postings, dataset_epoch, active_dataset")
    ddl.grant("fujin_app", "INSERT", "hours_patterns, search_facets, place_moves")
    ddl.grant("fujin_app", "UPDATE, DELETE", "place_moves")
    ddl.grant("fujin_import", "SELECT", "place_reports")


def downgrade() -> None:
    """Back to overrides of five fields; merged places stay merged, corrections of other fields are lost."""
    ddl.run("DROP INDEX places_moved_ix")
    ddl.run("DROP INDEX place_sources_merged_ix")
    ddl.run("ALTER TABLE place_sources DROP COLUMN merged_from")
    ddl.run("ALTER TABLE places DROP CONSTRAINT places_moved_at_ck")
    ddl.run("ALTER TABLE places DROP COLUMN moved_at")
    ddl.create_table(
        "place_overrides",
        "city",
        "Corrections of a place's facts, kept apart and applied again to each version.",
        """
            city_id integer NOT NULL,
            place_id uuid NOT NULL,
            field text NOT NULL,
            value jsonb NOT NULL,
            reason text NOT NULL,
            author_id uuid NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT place_overrides_pk PRIMARY KEY (city_id, place_id, field),
            CONSTRAINT place_overrides_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id)
                ON DELETE RESTRICT,
            CONSTRAINT place_overrides_field_ck CHECK (field in ('names', 'phone', 'website', 'opening_hours', 'closed'))
        """,
    )
    ddl.run("""
        INSERT INTO place_overrides
        SELECT city_id, place_id, field, value, reason, author_id, created_at FROM place_overlays
        WHERE state = 'live' AND field IN ('names', 'phone', 'website', 'opening_hours', 'closed')
    """)
    for role in ddl.ROLES:
        ddl.grant(role, "SELECT", "place_overrides")
    for role in ("fujin_app", "fujin_import"):
        ddl.grant(role, "INSERT, UPDATE, DELETE", "place_overrides")
    ddl.drop_tables(TABLES)
    ddl.revoke("fujin_app", "UPDATE", "places, place_sources, place_facts, postings, dataset_epoch, active_dataset")
    ddl.revoke("fujin_app", "INSERT", "hours_patterns, search_facets, place_moves")
    ddl.revoke("fujin_app", "UPDATE, DELETE", "place_moves")


def _overlays() -> None:
    ddl.create_table(
        "place_overlays",
        "city",
        "Corrections of a place, a field each, kept apart and applied again to each version until the source agrees.",
        f"""
            city_id integer NOT NULL,
            overlay_id uuid NOT NULL,
            place_id uuid NOT NULL,
            field text NOT NULL,
            value jsonb NOT NULL,
            old_value jsonb,
            settled_value jsonb,
            made_version integer,
            reason text NOT NULL,
            evidence text,
            author_id uuid NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz,
            state text NOT NULL,
            ended_at timestamptz,
            ended_version integer,
            CONSTRAINT place_overlays_pk PRIMARY KEY (city_id, overlay_id),
            CONSTRAINT place_overlays_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id)
                ON DELETE RESTRICT,
            CONSTRAINT place_overlays_field_ck CHECK (field in ({FIELDS})),
            CONSTRAINT place_overlays_state_ck
                CHECK (state in ('live', 'retired', 'withdrawn', 'expired', 'replaced')),
            CONSTRAINT place_overlays_ended_ck CHECK ((state = 'live') = (ended_at is null)),
            CONSTRAINT place_overlays_expires_ck CHECK (expires_at > created_at),
            CONSTRAINT place_overlays_duplicate_stays_ck CHECK (field <> 'duplicate_of' or expires_at is null)
        """,
    )
    ddl.create_index(
        "place_overlays_live_uq",
        "place_overlays (city_id, place_id, field) WHERE state = 'live'",
        "One correction of a field is in force; also: what corrects a place.",
        unique=True,
    )
    ddl.create_index(
        "place_overlays_expires_ix",
        "place_overlays (city_id, expires_at) WHERE state = 'live' and expires_at is not null",
        "Worker: corrections past their time.",
    )
    ddl.create_table(
        "place_bases",
        "city",
        "What a version's source itself says of a field that a correction covers in place_facts.",
        f"""
            city_id integer NOT NULL,
            version integer NOT NULL,
            place_id uuid NOT NULL,
            field text NOT NULL,
            value jsonb NOT NULL,
            CONSTRAINT place_bases_pk PRIMARY KEY (city_id, version, place_id, field),
            CONSTRAINT place_bases_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id)
                ON DELETE RESTRICT,
            CONSTRAINT place_bases_field_ck CHECK (field in ({BASES}))
        """,
    )


def _reviews() -> None:
    ddl.create_table(
        "reviews",
        "city",
        "What waits for a person's decision about a city's places, and what was decided; of duplicates a row a pair.",
        """
            city_id integer NOT NULL,
            review_id uuid NOT NULL,
            kind text NOT NULL,
            state text NOT NULL,
            place_id uuid NOT NULL,
            other_id uuid,
            overlay_id uuid,
            field text,
            version integer,
            score double precision,
            priority smallint NOT NULL,
            evidence jsonb NOT NULL,
            undo jsonb,
            decision text,
            note text,
            decided_by text,
            created_at timestamptz NOT NULL,
            decided_at timestamptz,
            CONSTRAINT reviews_pk PRIMARY KEY (city_id, review_id),
            CONSTRAINT reviews_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id)
                ON DELETE RESTRICT,
            CONSTRAINT reviews_other_fk FOREIGN KEY(city_id, other_id) REFERENCES places (city_id, place_id)
                ON DELETE RESTRICT,
            CONSTRAINT reviews_overlay_fk FOREIGN KEY(city_id, overlay_id)
                REFERENCES place_overlays (city_id, overlay_id) ON DELETE RESTRICT,
            CONSTRAINT reviews_kind_ck CHECK (kind in ('duplicate', 'overlay_conflict', 'report')),
            CONSTRAINT reviews_state_ck CHECK (state in ('open', 'planned', 'done', 'lapsed')),
            CONSTRAINT reviews_decision_ck
                CHECK (decision in ('merge', 'apart', 'keep_overlay', 'take_import', 'accept', 'dismiss')),
            CONSTRAINT reviews_pair_ck CHECK ((kind = 'duplicate') = (other_id is not null)),
            CONSTRAINT reviews_overlay_ck CHECK ((kind = 'overlay_conflict') = (overlay_id is not null)),
            CONSTRAINT reviews_done_ck
                CHECK ((state = 'done') = (decided_at is not null) and (state = 'done') = (decision is not null)),
            CONSTRAINT reviews_priority_ck CHECK (priority between 0 and 2),
            CONSTRAINT reviews_two_ck CHECK (place_id <> other_id)
        """,
    )
    ddl.create_index(
        "reviews_pair_uq",
        "reviews (city_id, least(place_id, other_id), greatest(place_id, other_id)) WHERE kind = 'duplicate'",
        "Loads: whether a pair was found or decided before.",
        unique=True,
    )
    ddl.create_index(
        "reviews_conflict_uq",
        "reviews (city_id, overlay_id) WHERE kind = 'overlay_conflict' and state = 'open'",
        "A correction is listed once.",
        unique=True,
    )
    ddl.create_index(
        "reviews_report_uq",
        "reviews (city_id, place_id, field) WHERE kind = 'report' and state = 'open'",
        "Reports of one fault of a place wait in one review.",
        unique=True,
    )
    ddl.create_index(
        "reviews_queue_ix",
        "reviews (city_id, state, priority DESC, review_id)",
        "Reviews of a city in one state: the most urgent first, then the oldest.",
    )
    ddl.create_table(
        "place_reports",
        "city",
        "What somebody says is wrong with a place; who it was is a mark that tells reports apart, erased when decided.",
        f"""
            city_id integer NOT NULL,
            report_id uuid NOT NULL,
            review_id uuid NOT NULL,
            place_id uuid NOT NULL,
            field text NOT NULL,
            value jsonb NOT NULL,
            mark bytea,
            created_at timestamptz NOT NULL,
            CONSTRAINT place_reports_pk PRIMARY KEY (city_id, report_id),
            CONSTRAINT place_reports_review_fk FOREIGN KEY(city_id, review_id) REFERENCES reviews (city_id, review_id)
                ON DELETE RESTRICT,
            CONSTRAINT place_reports_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id)
                ON DELETE RESTRICT,
            CONSTRAINT place_reports_field_ck CHECK (field in ({FIELDS}))
        """,
    )
    ddl.create_index(
        "place_reports_mark_uq",
        "place_reports (city_id, review_id, mark)",
        "A reporter counts once in a review; also: what was reported in one.",
        unique=True,
    )


def _merged() -> None:
    ddl.run("ALTER TABLE places ADD COLUMN moved_at timestamptz")
    ddl.run("ALTER TABLE places ADD CONSTRAINT places_moved_at_ck CHECK (moved_at is null or moved_to is not null)")
    ddl.create_index(
        "places_moved_ix",
        "places (city_id, moved_to) WHERE moved_to IS NOT NULL",
        "Merges: which places were merged into one.",
    )
    ddl.run("ALTER TABLE place_sources ADD COLUMN merged_from uuid")
    ddl.run("ALTER TABLE place_sources ADD CONSTRAINT place_sources_merged_from_ck CHECK (merged_from <> place_id)")
    ddl.run(
        "ALTER TABLE place_sources ADD CONSTRAINT place_sources_merged_fk FOREIGN KEY (city_id, merged_from)"
        " REFERENCES places (city_id, place_id) ON DELETE RESTRICT"
    )
    ddl.create_index(
        "place_sources_merged_ix",
        "place_sources (city_id, merged_from) WHERE merged_from IS NOT NULL",
        "Merges: the key that a merged place came with.",
    )
