"""Claims, the stock of a day, and the one function call that grants a claim."""

from __future__ import annotations

from migrations import ddl

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

TABLES = (
    "claims",
    "coupon_day_stock",
)

# Key, limits, claim, event, stock last: one round trip, and the hot row is held over the commit alone. The function
# says what stood in the way; but for the key nothing is written then, and sold-out is the key's answer already. Its
# caller binds every value, the clock's too.
# Every statement in it reaches its row by a key, so planning anew at each call, as generate_series with a known number
# of rows invites, would only double the time.
CLAIM_COUPON = """
CREATE FUNCTION claim_coupon(
    p_city integer, p_claim uuid, p_coupon uuid, p_version integer, p_merchant uuid, p_member uuid, p_state text,
    p_units smallint, p_price bigint, p_currency text, p_valid_from timestamptz, p_valid_until timestamptz,
    p_pay_until timestamptz, p_code_key bytea, p_code_sealed bytea, p_code_tail text, p_device bytea,
    p_distance_m integer, p_accuracy_m integer, p_fix_age_s integer, p_on date,
    p_per_member smallint, p_per_member_day smallint, p_per_device smallint, p_per_day integer,
    p_event uuid, p_event_data jsonb, p_trace text, p_now timestamptz,
    p_principal text, p_operation text, p_key text, p_hash bytea, p_body bytea, p_media_type text,
    p_expires timestamptz, p_sold_out_body bytea, p_sold_out_media_type text, p_sold_out_expires timestamptz
) RETURNS text LANGUAGE plpgsql SET plan_cache_mode = force_generic_plan AS $$
DECLARE
    v_bucket smallint;
    v_other smallint;
    v_no smallint;
    v_day_no smallint;
    v_device_no smallint;
    v_state text;
    v_version integer;
    v_tries integer := 0;
BEGIN
    SELECT state, current_version INTO v_state, v_version FROM coupons
    WHERE city_id = p_city AND coupon_id = p_coupon;
    IF v_state IS DISTINCT FROM 'published' OR v_version IS DISTINCT FROM p_version THEN
        RETURN 'stale-terms';
    END IF;

    -- Each session begins at a bucket of its own, so that those of one pool seldom wait for each other.
    SELECT bucket INTO v_bucket FROM coupon_stock
    WHERE city_id = p_city AND coupon_id = p_coupon AND taken < quota
    ORDER BY mod(bucket + pg_backend_pid(), (count(*) OVER ())::integer), bucket LIMIT 1;

    -- Who comes too late, as most do, writes one row: the key with its refusal.
    IF p_key IS NOT NULL THEN
        INSERT INTO idempotency_keys (city_id, principal, operation, key, request_hash, state, status_code, media_type,
                                      body, locked_until, created_at, expires_at)
        VALUES (p_city, p_principal, p_operation, p_key, p_hash, 'done',
                CASE WHEN v_bucket IS NULL THEN 409 ELSE 201 END,
                CASE WHEN v_bucket IS NULL THEN p_sold_out_media_type ELSE p_media_type END,
                CASE WHEN v_bucket IS NULL THEN p_sold_out_body ELSE p_body END,
                p_now, p_now, CASE WHEN v_bucket IS NULL THEN p_sold_out_expires ELSE p_expires END)
        ON CONFLICT DO NOTHING;
        IF NOT FOUND THEN
            RETURN 'key-taken';
        END IF;
    END IF;
    IF v_bucket IS NULL THEN
        RETURN 'sold-out';
    END IF;

    -- A slot that a running claim holds makes the insert wait for its end, and then look again.
    LOOP
        SELECT g INTO v_no FROM generate_series(1, p_per_member) AS g
        WHERE NOT EXISTS (SELECT 1 FROM claims c
                          WHERE c.city_id = p_city AND c.coupon_id = p_coupon AND c.member_id = p_member
                            AND c.member_no = g AND c.state NOT IN ('released', 'cancelled', 'refunded'))
        ORDER BY random() LIMIT 1;
        IF v_no IS NULL THEN
            RETURN 'member-limit';
        END IF;
        IF p_per_member_day IS NOT NULL THEN
            SELECT g INTO v_day_no FROM generate_series(1, p_per_member_day) AS g
            WHERE NOT EXISTS (SELECT 1 FROM claims c
                              WHERE c.city_id = p_city AND c.coupon_id = p_coupon AND c.member_id = p_member
                                AND c.claimed_on = p_on AND c.member_day_no = g
                                AND c.state NOT IN ('released', 'cancelled', 'refunded'))
            ORDER BY random() LIMIT 1;
            IF v_day_no IS NULL THEN
                RETURN 'member-day-limit';
            END IF;
        END IF;
        IF p_per_device IS NOT NULL THEN
            SELECT g INTO v_device_no FROM generate_series(1, p_per_device) AS g
            WHERE NOT EXISTS (SELECT 1 FROM claims c
                              WHERE c.city_id = p_city AND c.coupon_id = p_coupon AND c.device_key = p_device
                                AND c.device_no = g AND c.state NOT IN ('released', 'cancelled', 'refunded'))
            ORDER BY random() LIMIT 1;
            IF v_device_no IS NULL THEN
                RETURN 'device-limit';
            END IF;
        END IF;
        INSERT INTO claims (city_id, claim_id, coupon_id, coupon_version, merchant_id, member_id, state, bucket,
                            member_no, member_day_no, device_key, device_no, claimed_on, day_limited, units,
                            price_minor, currency, valid_from, valid_until, pay_until, code_key, code_sealed,
                            code_tail, distance_m, accuracy_m, fix_age_s, seq, claimed_at)
        VALUES (p_city, p_claim, p_coupon, p_version, p_merchant, p_member, p_state, v_bucket,
                v_no, v_day_no, CASE WHEN p_per_device IS NULL THEN NULL ELSE p_device END, v_device_no, p_on,
                p_per_day IS NOT NULL, p_units,
                p_price, p_currency, p_valid_from, p_valid_until, p_pay_until, p_code_key, p_code_sealed,
                p_code_tail, p_distance_m, p_accuracy_m, p_fix_age_s, 1, p_now)
        ON CONFLICT DO NOTHING;
        EXIT WHEN FOUND;
        v_tries := v_tries + 1;
        IF v_tries > 200 THEN  -- not a slot, then: the code or the id is taken; the caller makes others
            RAISE EXCEPTION 'no slot was free in % tries', v_tries USING ERRCODE = 'FJ001';
        END IF;
    END LOOP;

    INSERT INTO outbox_events (city_id, event_id, aggregate_id, seq, type, merchant_id, data, trace, occurred_at)
    VALUES (p_city, p_event, p_claim, 1, 'fujin.claim.granted.v1', p_merchant, p_event_data, p_trace, p_now);

    IF p_per_day IS NOT NULL THEN
        INSERT INTO coupon_day_stock (city_id, coupon_id, claimed_on, bucket, quota, taken)
        VALUES (p_city, p_coupon, p_on, 0, p_per_day, 0) ON CONFLICT DO NOTHING;
        UPDATE coupon_day_stock SET taken = taken + 1
        WHERE city_id = p_city AND coupon_id = p_coupon AND claimed_on = p_on AND bucket = 0 AND taken < quota;
        IF NOT FOUND THEN  -- everything above is undone; the caller stores the refusal anew
            RAISE EXCEPTION 'the day is sold out' USING ERRCODE = 'FJ002';
        END IF;
    END IF;

    UPDATE coupon_stock SET taken = taken + 1
    WHERE city_id = p_city AND coupon_id = p_coupon AND bucket = v_bucket AND taken < quota;
    IF FOUND THEN
        RETURN 'granted';
    END IF;
    FOR v_other IN
        SELECT bucket FROM coupon_stock WHERE city_id = p_city AND coupon_id = p_coupon ORDER BY random()
    LOOP
        UPDATE coupon_stock SET taken = taken + 1
        WHERE city_id = p_city AND coupon_id = p_coupon AND bucket = v_other AND taken < quota;
        IF FOUND THEN
            UPDATE claims SET bucket = v_other WHERE city_id = p_city AND claim_id = p_claim;
            RETURN 'granted';
        END IF;
    END LOOP;
    RAISE EXCEPTION 'every bucket was emptied meanwhile' USING ERRCODE = 'FJ001';
END $$
"""


def upgrade() -> None:
    """Creates the tables, each with its group."""
    ddl.create_table(
        "claims",
        "city",
        "A member's right to units of a coupon under the version it was granted under.",
        """
            city_id integer NOT NULL,
            claim_id uuid NOT NULL,
            coupon_id uuid NOT NULL,
            coupon_version integer NOT NULL,
            merchant_id uuid NOT NULL,
            member_id uuid NOT NULL,
            state text NOT NULL,
            live boolean GENERATED ALWAYS AS (state not in ('released', 'cancelled')) STORED NOT NULL,
            bucket smallint NOT NULL,
            member_no smallint NOT NULL,
            member_day_no smallint,
            device_key bytea,
            device_no smallint,
            claimed_on date NOT NULL,
            day_limited boolean NOT NULL,
            units smallint NOT NULL,
            price_minor bigint NOT NULL,
            currency text NOT NULL,
            valid_from timestamptz NOT NULL,
            valid_until timestamptz NOT NULL,
            pay_until timestamptz,
            code_key bytea NOT NULL,
            code_sealed bytea NOT NULL,
            code_tail text NOT NULL,
            distance_m integer,
            accuracy_m integer,
            fix_age_s integer,
            seq integer NOT NULL,
            claimed_at timestamptz NOT NULL,
            ended_at timestamptz,
            CONSTRAINT claims_pk PRIMARY KEY (city_id, claim_id),
            CONSTRAINT claims_units_uq UNIQUE (city_id, claim_id, units),
            CONSTRAINT claims_code_uq UNIQUE (city_id, code_key),
            CONSTRAINT claims_version_fk FOREIGN KEY(city_id, coupon_id, coupon_version) REFERENCES coupon_versions (city_id, coupon_id, version) ON DELETE RESTRICT,
            CONSTRAINT claims_member_fk FOREIGN KEY(member_id) REFERENCES members (member_id) ON DELETE RESTRICT,
            CONSTRAINT claims_merchant_fk FOREIGN KEY(merchant_id) REFERENCES merchants (merchant_id) ON DELETE RESTRICT,
            CONSTRAINT claims_state_ck CHECK (state in ('pending_payment', 'active', 'redeemed', 'released', 'cancelled', 'expired', 'refunded')),
            CONSTRAINT claims_member_slots_ck CHECK (member_no between 1 and 100 and member_day_no between 1 and 100),
            CONSTRAINT claims_device_slots_ck CHECK ((device_key is null) = (device_no is null) and device_no between 1 and 100),
            CONSTRAINT claims_amounts_ck CHECK (units between 1 and 50 and price_minor >= 0 and seq > 0),
            CONSTRAINT claims_pending_ck CHECK (state <> 'pending_payment' or (price_minor > 0 and pay_until is not null)),
            CONSTRAINT claims_window_ck CHECK (valid_from < valid_until),
            CONSTRAINT claims_code_ck CHECK (code_tail ~ '^[0-9]{4}$' and length(code_key) = 32)
        """,
    )
    ddl.local_only("claims", "claims_member_fk")
    ddl.local_only("claims", "claims_merchant_fk")
    ddl.create_index(
        "claims_device_slot_uq",
        "claims (city_id, coupon_id, device_key, device_no) WHERE state not in ('released', 'cancelled', 'refunded') and device_key is not null",
        "A device holds each of its slots at most once.",
        unique=True,
    )
    ddl.create_index(
        "claims_ending_ix",
        "claims (city_id, valid_until) WHERE state = 'active'",
        "Sweeper: active claims whose time is over.",
    )
    ddl.create_index(
        "claims_member_day_slot_uq",
        "claims (city_id, coupon_id, member_id, claimed_on, member_day_no) WHERE state not in ('released', 'cancelled', 'refunded') and member_day_no is not null",
        "A member holds each slot of a day at most once.",
        unique=True,
    )
    ddl.create_index(
        "claims_member_ix",
        "claims (member_id, claim_id)",
        "Wallet: claims of a member over all cities, newest first.",
    )
    ddl.create_index(
        "claims_member_slot_uq",
        "claims (city_id, coupon_id, member_id, member_no) WHERE state not in ('released', 'cancelled', 'refunded')",
        "A member holds each of the slots that the terms allow at most once.",
        unique=True,
    )
    ddl.create_index(
        "claims_unpaid_ix",
        "claims (city_id, pay_until) WHERE state = 'pending_payment'",
        "Sweeper: claims whose time to pay is over.",
    )
    ddl.create_table(
        "coupon_day_stock",
        "city",
        "How much of a coupon's limit a day is taken, where its terms have one.",
        """
            city_id integer NOT NULL,
            coupon_id uuid NOT NULL,
            claimed_on date NOT NULL,
            bucket smallint NOT NULL,
            quota integer NOT NULL,
            taken integer NOT NULL,
            CONSTRAINT coupon_day_stock_pk PRIMARY KEY (city_id, coupon_id, claimed_on, bucket),
            CONSTRAINT coupon_day_stock_coupon_fk FOREIGN KEY(city_id, coupon_id) REFERENCES coupons (city_id, coupon_id) ON DELETE RESTRICT,
            CONSTRAINT coupon_day_stock_taken_ck CHECK (taken between 0 and quota)
        """,
        options=" WITH (fillfactor = 50)",
    )
    ddl.run(CLAIM_COUPON)


def downgrade() -> None:
    """Drops what upgrade made."""
    ddl.run("DROP FUNCTION claim_coupon")
    ddl.drop_tables(tuple(reversed(TABLES)))
