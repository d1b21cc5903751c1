"""Service areas and coupons."""

from __future__ import annotations

from migrations import ddl

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

TABLES = (
    "service_areas",
    "service_area_versions",
    "coupons",
    "coupon_versions",
    "coupon_scopes",
    "coupon_places",
    "coupon_stock",
)


def upgrade() -> None:
    """Creates the tables, each with its group."""
    ddl.create_table(
        "service_areas",
        "city",
        "Stable identity of an area a place serves.",
        """
            city_id integer NOT NULL,
            service_area_id uuid NOT NULL,
            place_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            external_id text NOT NULL,
            kind text NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT service_areas_pk PRIMARY KEY (city_id, service_area_id),
            CONSTRAINT service_areas_external_uq UNIQUE (city_id, place_id, external_id),
            CONSTRAINT service_areas_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT,
            CONSTRAINT service_areas_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT service_areas_kind_ck CHECK (kind in ('delivery', 'visit', 'pickup', 'territory')),
            CONSTRAINT service_areas_external_id_ck CHECK (length(external_id) between 1 and 100)
        """,
    )
    ddl.local_only("service_areas", "service_areas_merchant_fk")
    ddl.create_table(
        "service_area_versions",
        "city",
        "One drawing of a service area with its terms.",
        """
            city_id integer NOT NULL,
            service_area_id uuid NOT NULL,
            version integer NOT NULL,
            state text NOT NULL,
            names jsonb NOT NULL,
            boundary geometry(MULTIPOLYGON,4326) NOT NULL,
            area_m2 double precision NOT NULL,
            schedule text,
            priority smallint NOT NULL,
            currency text NOT NULL,
            fee_minor bigint NOT NULL,
            min_order_minor bigint NOT NULL,
            effective_from timestamptz NOT NULL,
            effective_until timestamptz,
            created_at timestamptz NOT NULL,
            CONSTRAINT service_area_versions_pk PRIMARY KEY (city_id, service_area_id, version),
            CONSTRAINT service_area_versions_area_fk FOREIGN KEY(city_id, service_area_id) REFERENCES service_areas (city_id, service_area_id) ON DELETE RESTRICT,
            CONSTRAINT service_area_versions_currency_fk FOREIGN KEY(currency) REFERENCES currencies (currency) ON DELETE RESTRICT,
            CONSTRAINT service_area_versions_state_ck CHECK (state in ('draft', 'validated', 'pending_review', 'published', 'superseded', 'archived')),
            CONSTRAINT service_area_versions_money_ck CHECK (fee_minor >= 0 and min_order_minor >= 0),
            CONSTRAINT service_area_versions_effective_ck CHECK (effective_from < effective_until),
            CONSTRAINT service_area_versions_area_ck CHECK (area_m2 > 0),
            CONSTRAINT service_area_versions_boundary_ck CHECK (st_isvalid(boundary) and not st_isempty(boundary) and st_npoints(boundary) <= 2000 and st_xmin(boundary) >= -180 and st_xmax(boundary) <= 180 and st_xmax(boundary) - st_xmin(boundary) < 20 and st_ymin(boundary) >= -90 and st_ymax(boundary) <= 90)
        """,
    )
    ddl.create_index(
        "service_area_versions_boundary_ix",
        "service_area_versions USING gist (city_id, boundary) WHERE state = 'published'",
        "Lookup: which published areas cover a point.",
    )
    ddl.create_index(
        "service_area_versions_published_uq",
        "service_area_versions (city_id, service_area_id) WHERE state = 'published'",
        "At most one published version an area.",
        unique=True,
    )
    ddl.create_table(
        "coupons",
        "city",
        "Stable identity of a coupon; its terms stand in coupon_versions.",
        """
            city_id integer NOT NULL,
            coupon_id uuid NOT NULL,
            merchant_id uuid NOT NULL,
            campaign_id uuid,
            state text NOT NULL,
            current_version integer,
            created_at timestamptz NOT NULL,
            published_at timestamptz,
            CONSTRAINT coupons_pk PRIMARY KEY (city_id, coupon_id),
            CONSTRAINT coupons_city_fk FOREIGN KEY(city_id) REFERENCES cities (city_id) ON DELETE RESTRICT,
            CONSTRAINT coupons_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT coupons_state_ck CHECK (state in ('draft', 'published', 'paused', 'ended')),
            CONSTRAINT coupons_published_has_version_ck CHECK (state = 'draft' or current_version is not null)
        """,
    )
    ddl.local_only("coupons", "coupons_merchant_fk")
    ddl.create_index(
        "coupons_merchant_ix",
        "coupons (city_id, merchant_id)",
        "Coupons of a merchant in a city.",
    )
    ddl.create_table(
        "coupon_versions",
        "city",
        "Immutable terms of a coupon; a claim is honoured under the version it was granted under.",
        """
            city_id integer NOT NULL,
            coupon_id uuid NOT NULL,
            version integer NOT NULL,
            kind text NOT NULL,
            titles jsonb NOT NULL,
            summaries jsonb NOT NULL,
            currency text NOT NULL,
            price_minor bigint NOT NULL,
            list_price_minor bigint,
            face_value_minor bigint,
            percent_off_bp integer,
            cap_minor bigint,
            min_spend_minor bigint NOT NULL,
            time_zone text NOT NULL,
            claim_from timestamptz NOT NULL,
            claim_until timestamptz NOT NULL,
            use_from timestamptz,
            use_until timestamptz,
            valid_days_after_claim smallint,
            blackout_dates date[] NOT NULL,
            use_hours text,
            scope_kind text NOT NULL,
            claim_within_m integer,
            fulfilment text NOT NULL,
            party_min smallint,
            party_max smallint,
            quota integer NOT NULL,
            per_day integer,
            per_member smallint NOT NULL,
            per_member_day smallint,
            per_device smallint,
            units smallint NOT NULL,
            group_price_minor bigint,
            group_target smallint,
            group_seats smallint,
            group_deadline_s integer,
            stacking text NOT NULL,
            stack_group text,
            reversal_window_s integer NOT NULL,
            refund_policy text NOT NULL,
            refund_below_min_spend text NOT NULL,
            rounding_rule text NOT NULL,
            budget_minor bigint,
            platform_share_bp integer NOT NULL,
            commission_bp integer NOT NULL,
            code_source text NOT NULL,
            offline_allowed boolean NOT NULL,
            created_by uuid NOT NULL,
            created_at timestamptz NOT NULL,
            CONSTRAINT coupon_versions_pk PRIMARY KEY (city_id, coupon_id, version),
            CONSTRAINT coupon_versions_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id) ON DELETE RESTRICT,
            CONSTRAINT coupon_versions_currency_fk FOREIGN KEY(currency) REFERENCES currencies (currency) ON DELETE RESTRICT,
            CONSTRAINT coupon_versions_kind_ck CHECK (kind in ('amount_off', 'percent_off', 'voucher', 'package', 'gift')),
            CONSTRAINT coupon_versions_value_of_kind_ck CHECK (case kind when 'amount_off' then coalesce(face_value_minor, 0) > 0 and percent_off_bp is null when 'percent_off' then percent_off_bp is not null and face_value_minor is null when 'voucher' then coalesce(face_value_minor, 0) > 0 and percent_off_bp is null else percent_off_bp is null end),
            CONSTRAINT coupon_versions_percent_off_bp_ck CHECK (percent_off_bp between 1 and 10000),
            CONSTRAINT coupon_versions_money_ck CHECK (price_minor >= 0 and list_price_minor >= price_minor and cap_minor > 0 and min_spend_minor >= 0 and budget_minor >= 0),
            CONSTRAINT coupon_versions_windows_ck CHECK (claim_from < claim_until and use_from < use_until),
            CONSTRAINT coupon_versions_valid_days_after_claim_ck CHECK (valid_days_after_claim between 1 and 1095),
            CONSTRAINT coupon_versions_ends_ck CHECK (use_until is not null or valid_days_after_claim is not null),
            CONSTRAINT coupon_versions_scope_kind_ck CHECK (scope_kind in ('places', 'service_areas', 'regions')),
            CONSTRAINT coupon_versions_claim_within_m_ck CHECK (claim_within_m between 1 and 50000),
            CONSTRAINT coupon_versions_fulfilment_ck CHECK (fulfilment in ('in_store', 'pickup', 'delivery', 'pre_order')),
            CONSTRAINT coupon_versions_party_ck CHECK (party_min >= 1 and party_max >= party_min),
            CONSTRAINT coupon_versions_limits_ck CHECK (quota >= 0 and per_day > 0 and per_member between 1 and 100 and per_member_day between 1 and per_member and per_device between 1 and 100 and units between 1 and 50),
            CONSTRAINT coupon_versions_group_whole_ck CHECK (num_nonnulls(group_price_minor, group_target, group_seats, group_deadline_s) in (0, 4)),
            CONSTRAINT coupon_versions_group_ck CHECK (group_price_minor >= 0 and group_target > 1 and group_seats >= group_target and group_deadline_s between 60 and 2592000),
            CONSTRAINT coupon_versions_stacking_ck CHECK (stacking in ('exclusive', 'with_others', 'within_group')),
            CONSTRAINT coupon_versions_stack_group_ck CHECK ((stacking = 'within_group') = (stack_group is not null)),
            CONSTRAINT coupon_versions_reversal_window_s_ck CHECK (reversal_window_s between 0 and 2592000),
            CONSTRAINT coupon_versions_refund_policy_ck CHECK (refund_policy in ('none', 'unused', 'unused_and_expired')),
            CONSTRAINT coupon_versions_refund_below_min_spend_ck CHECK (refund_below_min_spend in ('keep', 'claw_back')),
            CONSTRAINT coupon_versions_rounding_rule_ck CHECK (rounding_rule in ('floor', 'half_even')),
            CONSTRAINT coupon_versions_shares_ck CHECK (platform_share_bp between 0 and 10000 and commission_bp between 0 and 10000),
            CONSTRAINT coupon_versions_code_source_ck CHECK (code_source in ('generated', 'merchant'))
        """,
    )
    ddl.create_table(
        "coupon_scopes",
        "city",
        "The places, service areas or regions a version of the terms names.",
        """
            city_id integer NOT NULL,
            coupon_id uuid NOT NULL,
            version integer NOT NULL,
            scope_id uuid NOT NULL,
            CONSTRAINT coupon_scopes_pk PRIMARY KEY (city_id, coupon_id, version, scope_id),
            CONSTRAINT coupon_scopes_version_fk FOREIGN KEY(city_id, coupon_id, version) REFERENCES coupon_versions (city_id, coupon_id, version) ON DELETE RESTRICT
        """,
    )
    ddl.create_table(
        "coupon_places",
        "city",
        "Where a coupon can be used now: its scope worked out to places, written again when scope or regions change.",
        """
            city_id integer NOT NULL,
            coupon_id uuid NOT NULL,
            place_id uuid NOT NULL,
            service_area_id uuid,
            CONSTRAINT coupon_places_pk PRIMARY KEY (city_id, coupon_id, place_id),
            CONSTRAINT coupon_places_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id) ON DELETE RESTRICT,
            CONSTRAINT coupon_places_place_fk FOREIGN KEY(city_id, place_id) REFERENCES places (city_id, place_id) ON DELETE RESTRICT
        """,
    )
    ddl.create_index(
        "coupon_places_place_ix",
        "coupon_places (city_id, place_id)",
        "Nearby search: coupons that can be used at a place.",
    )
    ddl.create_table(
        "coupon_stock",
        "city",
        "Stock of a coupon in buckets: one for a normal coupon, 16 or more for a hot one.",
        """
            city_id integer NOT NULL,
            coupon_id uuid NOT NULL,
            bucket smallint NOT NULL,
            quota integer NOT NULL,
            taken integer NOT NULL,
            CONSTRAINT coupon_stock_pk PRIMARY KEY (city_id, coupon_id, bucket),
            CONSTRAINT coupon_stock_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id) ON DELETE RESTRICT,
            CONSTRAINT coupon_stock_taken_ck CHECK (taken between 0 and quota)
        """,
        options=" WITH (fillfactor = 50)",
    )


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.drop_tables(tuple(reversed(TABLES)))
