"""What members watch and were alerted to, and coupons that fences offer."""

from __future__ import annotations

from migrations import ddl

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None

TABLES = (
    "saved_areas",
    "area_watches",
    "member_alerts",
    "alert_cursors",
    "geofence_offers",
)


def upgrade() -> None:
    """Creates the tables with their grants."""
    _saved_areas()
    _area_watches()
    _member_alerts()
    _alert_cursors()
    _geofence_offers()
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "TABLE saved_areas")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "TABLE area_watches")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "TABLE member_alerts")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE, DELETE", "TABLE geofence_offers")
    ddl.grant("fujin_app", "SELECT, INSERT, UPDATE", "TABLE alert_cursors")


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))


def _saved_areas() -> None:
    ddl.create_table(
        "saved_areas",
        "member",
        "A place, circle or drawn area that a member saved, and what there is worth an alert; each city keeps a copy.",
        """
            member_id uuid NOT NULL,
            saved_id text NOT NULL,
            name text NOT NULL,
            place_id uuid,
            boundary geometry(MULTIPOLYGON,4326),
            center_lon double precision,
            center_lat double precision,
            radius_m double precision,
            watch text[] NOT NULL,
            price_below_minor bigint,
            currency text,
            expires_at timestamptz,
            cities integer[] NOT NULL,
            row_version integer NOT NULL,
            changed_at timestamptz NOT NULL,
            CONSTRAINT saved_areas_pk PRIMARY KEY (member_id, saved_id),
            CONSTRAINT saved_areas_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT saved_areas_currency_fk FOREIGN KEY(currency) REFERENCES currencies (currency) ON DELETE RESTRICT,
            CONSTRAINT saved_areas_one_shape_ck CHECK (num_nonnulls(place_id, boundary, radius_m) = 1),
            CONSTRAINT saved_areas_circle_ck CHECK ((radius_m is null) = (center_lon is null and center_lat is null)),
            CONSTRAINT saved_areas_radius_ck CHECK (radius_m between 50 and 50000),
            CONSTRAINT saved_areas_watch_ck CHECK (watch <@ ARRAY['new_coupon', 'new_place', 'price_below'] and cardinality(watch) between 1 and 3),
            CONSTRAINT saved_areas_price_ck CHECK (('price_below' = ANY (watch)) = (price_below_minor is not null) and price_below_minor > 0),
            CONSTRAINT saved_areas_currency_ck CHECK ((price_below_minor is null) = (currency is null)),
            CONSTRAINT saved_areas_words_ck CHECK (length(saved_id) between 1 and 64 and length(name) between 1 and 100),
            CONSTRAINT saved_areas_row_version_ck CHECK (row_version > 0)
        """,
    )


def _area_watches() -> None:
    ddl.create_table(
        "area_watches",
        "city",
        "A member's saved area as its city looks at it: which of them hold the place of a new coupon.",
        """
            city_id integer NOT NULL,
            watch_id uuid NOT NULL,
            member_id uuid NOT NULL,
            saved_id text NOT NULL,
            place_id uuid,
            outline geometry(MULTIPOLYGON,4326) NOT NULL,
            center_lon double precision,
            center_lat double precision,
            radius_m double precision,
            watch text[] NOT NULL,
            price_below_minor bigint,
            currency text,
            expires_at timestamptz,
            CONSTRAINT area_watches_pk PRIMARY KEY (city_id, watch_id),
            CONSTRAINT area_watches_saved_uq UNIQUE (city_id, member_id, saved_id),
            CONSTRAINT area_watches_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT area_watches_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT area_watches_watch_ck CHECK (watch <@ ARRAY['new_coupon', 'new_place', 'price_below'] and cardinality(watch) between 1 and 3),
            CONSTRAINT area_watches_price_ck CHECK (('price_below' = ANY (watch)) = (price_below_minor is not null) and price_below_minor > 0)
        """,
    )
    ddl.local_only("area_watches", "area_watches_member_fk")
    ddl.create_index(
        "area_watches_outline_ix",
        "area_watches USING gist (city_id, outline)",
        "Worker: whose saved areas may hold a place where a new coupon is used.",
    )


def _member_alerts() -> None:
    ddl.create_table(
        "member_alerts",
        "city",
        "What a member was alerted to or offered: at most once a coupon, or a place; seen from deliver_at on.",
        """
            city_id integer NOT NULL,
            alert_id uuid NOT NULL,
            member_id uuid NOT NULL,
            kind text NOT NULL,
            coupon_id uuid,
            place_id uuid,
            merchant_id uuid,
            saved_id text,
            deliver_at timestamptz NOT NULL,
            digest integer NOT NULL,
            created_at timestamptz NOT NULL,
            expires_at timestamptz,
            CONSTRAINT member_alerts_pk PRIMARY KEY (city_id, alert_id),
            CONSTRAINT member_alerts_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT member_alerts_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id) ON DELETE RESTRICT,
            CONSTRAINT member_alerts_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT,
            CONSTRAINT member_alerts_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT member_alerts_kind_ck CHECK (kind in ('new_coupon', 'price_below', 'new_place', 'offer')),
            CONSTRAINT member_alerts_about_ck CHECK ((kind = 'new_place') = (coupon_id is null)),
            CONSTRAINT member_alerts_saved_ck CHECK ((kind = 'offer') = (saved_id is null)),
            CONSTRAINT member_alerts_digest_ck CHECK (digest in (0, 1))
        """,
    )
    ddl.local_only("member_alerts", "member_alerts_member_fk")
    ddl.create_index(
        "member_alerts_coupon_uq",
        "member_alerts (city_id, member_id, coupon_id) WHERE kind IN ('new_coupon', 'price_below')",
        "A member is alerted to a coupon once.",
        unique=True,
    )
    ddl.create_index(
        "member_alerts_member_ix",
        "member_alerts (city_id, member_id, alert_id)",
        "A member's alerts, newest first; also: how many offers they had lately.",
    )
    ddl.create_index(
        "member_alerts_place_uq",
        "member_alerts (city_id, member_id, place_id) WHERE kind = 'new_place'",
        "A member is alerted to a place once.",
        unique=True,
    )


def _alert_cursors() -> None:
    ddl.create_table(
        "alert_cursors",
        "city",
        "How far the events of a city were looked at for alerts, and the version of places; its row lock is the turn.",
        """
            city_id integer NOT NULL,
            position bigint NOT NULL,
            places_version integer NOT NULL,
            CONSTRAINT alert_cursors_pk PRIMARY KEY (city_id),
            CONSTRAINT alert_cursors_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT
        """,
    )


def _geofence_offers() -> None:
    ddl.create_table(
        "geofence_offers",
        "city",
        "The coupon that a merchant offers to whoever enters a fence, or dwells in it.",
        """
            city_id integer NOT NULL,
            geofence_id uuid NOT NULL,
            coupon_id uuid NOT NULL,
            on_what text NOT NULL,
            created_by text NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT geofence_offers_pk PRIMARY KEY (city_id, geofence_id),
            CONSTRAINT geofence_offers_fence_fk FOREIGN KEY(city_id, geofence_id) REFERENCES geofences (city_id, geofence_id) ON DELETE RESTRICT,
            CONSTRAINT geofence_offers_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id) ON DELETE RESTRICT,
            CONSTRAINT geofence_offers_on_what_ck CHECK (on_what in ('entered', 'dwelled'))
        """,
    )
