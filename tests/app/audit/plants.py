"""Statements that break one invariant each; ``{names}`` are ids of the tidy world."""

from __future__ import annotations

from tests.app.audit import plants_geofences

# A bow tie: it crosses itself at 0, 0.
BOW_TIE = "st_multi(st_geomfromtext('POLYGON((-1 -1, 1 1, 1 -1, -1 1, -1 -1))', 4326))"

# foreign key marked [local_only], its table, its columns, the other table, and a statement that orphans a row
ORPHANS = (
    *(
        (f"{table}_{column}_fk", table, f"{column}_id", f"{column}s", breaking)
        for table, column, breaking in (
            (
                "coupons",
                "merchant",
                "UPDATE coupons SET merchant_id = '{stranger}' WHERE coupon_id = '{region_coupon}'",
            ),
            ("login_names", "member", "INSERT INTO login_names VALUES ('name:ghost', '{stranger}', '{now}')"),
            (
                *("merchant_staff", "member"),
                "INSERT INTO merchant_staff VALUES ('{merchant}', '{stranger}', 'staff', '{now}')",
            ),
            (
                *("place_operators", "merchant"),
                "UPDATE place_operators SET merchant_id = '{stranger}' WHERE place_id = '{place3}'",
            ),
            ("service_areas", "merchant", "UPDATE service_areas SET merchant_id = '{stranger}'"),
            ("claims", "member", "UPDATE claims SET member_id = '{stranger}' WHERE claim_id = '{held_claim}'"),
            ("claims", "merchant", "UPDATE claims SET merchant_id = '{stranger}' WHERE claim_id = '{cancelled_claim}'"),
            (
                *("coupon_codes", "merchant"),
                "UPDATE coupon_codes SET merchant_id = '{stranger}' WHERE claim_id IS NULL",
            ),
            ("payments", "member", "UPDATE payments SET member_id = '{stranger}' WHERE payment_id = '{paid}'"),
            ("payments", "merchant", "UPDATE payments SET merchant_id = '{stranger}' WHERE payment_id = '{paid}'"),
            (
                *("settlements", "merchant"),
                "UPDATE settlements SET merchant_id = '{stranger}' WHERE settlement_id = '{draft}'",
            ),
            (
                *("deal_groups", "member"),
                "UPDATE deal_groups SET member_id = '{stranger}' WHERE group_id = '{made_group}'",
            ),
            (
                *("deal_groups", "merchant"),
                "UPDATE deal_groups SET merchant_id = '{stranger}' WHERE group_id = '{made_group}'",
            ),
            ("fraud_flags", "merchant", "UPDATE fraud_flags SET merchant_id = '{stranger}'"),
            (
                *("claim_verdicts", "merchant"),
                "UPDATE claim_verdicts SET merchant_id = '{stranger}' WHERE verdict_id = '{verdict}'",
            ),
            (
                *("claim_verdicts", "member"),
                "UPDATE claim_verdicts SET member_id = '{stranger}' WHERE verdict_id = '{verdict}'",
            ),
            ("group_seats", "member", "UPDATE group_seats SET member_id = '{stranger}' WHERE claim_id = '{made_seat}'"),
            (
                *("redemptions", "merchant"),
                "UPDATE redemptions SET merchant_id = '{stranger}' WHERE redemption_id = '{voided}'",
            ),
        )
    ),
    (
        "deliveries_endpoint_fk",
        "deliveries",
        "merchant_id, endpoint_id",
        "webhook_endpoints",
        "UPDATE deliveries SET merchant_id = '{stranger}' WHERE state = 'due'",
    ),
    *plants_geofences.ORPHANS,
)
# rule → what else breaks with it, by its nature
COMPANIONS: dict[str, dict[str, int]] = {
    **plants_geofences.COMPANIONS,
    "coupon-oversold": {"bucket-oversold": 1, "stock-equals-claims": 1, "bucket-equals-claims": 1},
    "bucket-oversold": {"stock-equals-claims": 1, "bucket-equals-claims": 1},
    "stock-equals-claims": {"bucket-equals-claims": 1},
    "bucket-equals-claims": {"bucket-equals-claims": 2},
    "budget-kept": {"ledger-derived": 1},
    "service-area-shape": {"service-area-extent": 1},
    "event-relayed": {"coupon-told": 1},
    "redemption-at-its-merchant": {"redemption-in-scope": 1},
    "redeemed-when-used-up": {"unit-live-while-held": 1},
    "units-within-claim": {"unit-used-once": 1},
    "redemption-paid-once": {"ledger-derived": 1},
    "stray-refunded": {"ledger-derived": 1},
    "redemption-in-ledger": {"ledger-derived": 2},
    "settlement-sums": {"settlement-file-true": 1},
    "settlement-chain": {"ledger-derived": 1},
    "payable-is-unsettled": {"ledger-derived": 1, "payout-due-is-closed": 1},
    "settled-transfer-true": {"settlement-line-of-transfers": 1},
    "settlement-line-of-transfers": {"payable-is-unsettled": 1},
    "orphan-settlements_merchant_fk": {"settlement-chain": 1},
    "payout-due-is-closed": {"ledger-derived": 1},
    "orphan-redemptions_merchant_fk": {"unit-of-its-claim": 1},
    "orphan-group_seats_member_fk": {"seat-of-its-claim": 1},
    "orphan-claim_verdicts_member_fk": {"verdict-of-a-claim": 1},
    "orphan-claims_member_fk": {"verdict-of-a-claim": 1},
    "coupon-terms-there": {"search-row-coupons": 1},
    "brand-known": {"search-row-words": 1},
    "category-known": {"search-row-categories": 1},
    "hours-resolve": {"search-row-true": 9},
}

# rule → statements that break it; {names} are ids of the planted world.
PLANTS = {
    **plants_geofences.PLANTS,
    "coupon-oversold": "ALTER TABLE coupon_stock DROP CONSTRAINT coupon_stock_taken_ck;"
    " UPDATE coupon_stock SET taken = 11 WHERE coupon_id = '{coupon}'",
    "bucket-oversold": "ALTER TABLE coupon_stock DROP CONSTRAINT coupon_stock_taken_ck;"
    " UPDATE coupon_stock SET quota = 9 WHERE coupon_id = '{coupon}';"
    " INSERT INTO coupon_stock VALUES ({here}, '{coupon}', 1, 1, 2)",
    "stock-equals-quota": "UPDATE coupon_stock SET quota = 9 WHERE coupon_id = '{coupon}'",
    "budget-kept": "UPDATE coupon_versions SET budget_minor = 999 WHERE coupon_id = '{paid_coupon}'",
    "stock-of-its-version": "UPDATE coupon_stock SET version = 2, quota = taken WHERE coupon_id = '{paid_coupon}'",
    "own-code-handed-out-once": "UPDATE coupon_codes SET claim_id = '{held_claim}' WHERE claim_id = '{coded_claim}'",
    "own-code-unique": "ALTER TABLE coupon_codes DROP CONSTRAINT coupon_codes_key_uq;"
    " UPDATE coupon_codes SET code_key = (SELECT code_key FROM coupon_codes WHERE claim_id IS NOT NULL)",
    "own-codes-suffice": "DELETE FROM coupon_codes WHERE claim_id IS NULL",
    "coupon-told": "UPDATE coupons SET state = 'paused' WHERE coupon_id = '{paid_coupon}'",
    "coupon-terms-there": "UPDATE coupons SET current_version = 7, state = 'paused'"
    " WHERE coupon_id = '{region_coupon}'",
    "coupon-places-in-scope": "INSERT INTO coupon_places VALUES ({here}, '{coupon}', '{place2}', NULL)",
    "coupon-places-whole": "DELETE FROM coupon_places WHERE coupon_id = '{coupon}' AND place_id = '{place1}'",
    "staff-place-known": "INSERT INTO staff_places VALUES ('{merchant}', '{member}', '{far_place}')",
    "client-merchant-known": "UPDATE api_clients SET merchant_ids = merchant_ids || '{stranger}'::uuid",
    "stock-equals-claims": "UPDATE coupon_stock SET taken = taken + 1 WHERE coupon_id = '{coupon}'",
    "bucket-equals-claims": "INSERT INTO coupon_stock VALUES ({here}, '{coupon}', 1, 0, 0);"
    " UPDATE claims SET bucket = 1 WHERE claim_id = '{held_claim}'",
    "day-equals-claims": "UPDATE coupon_day_stock SET taken = 4",
    "slot-within-limits": "UPDATE claims SET device_no = 3 WHERE claim_id = '{paid_claim}'",
    "slot-held-once": "DROP INDEX claims_device_slot_uq;"
    " UPDATE claims SET device_no = 1 WHERE claim_id = '{unpaid_claim}'",
    "code-unique": "ALTER TABLE claims DROP CONSTRAINT claims_code_uq;"
    " UPDATE claims SET code_key = decode(repeat('00', 32), 'hex') WHERE claim_id IN ('{held_claim}', '{paid_claim}')",
    "claim-ended-in-time": "UPDATE claims SET valid_until = '{now}'::timestamptz - interval '10 minutes 1 second'"
    " WHERE claim_id IN ('{reversed_claim}', '{held_claim}')",
    "unpaid-released-in-time": "UPDATE claims SET pay_until = '{now}'::timestamptz - interval '11 minutes'"
    " WHERE claim_id = '{unpaid_claim}'; UPDATE payments SET purpose_id = '{held_claim}'"
    " WHERE payment_id = '{open_payment}'",
    "unit-used-once": "DROP INDEX redemption_units_live_uq; ALTER TABLE redemption_units"
    " DROP CONSTRAINT redemption_units_line_uq; INSERT INTO redemption_units SELECT city_id, '{new_here}',"
    " redemption_id, claim_id, unit_no, units, true, coupon_id, 0, 0, 0, 0, 0, false FROM redemption_units"
    " WHERE redemption_unit_id = '{held_unit}'",
    "unit-live-while-held": "UPDATE redemption_units SET live = false WHERE redemption_unit_id = '{held_unit}'",
    "unit-of-its-claim": "UPDATE redemption_units SET coupon_id = '{region_coupon}'"
    " WHERE redemption_unit_id = '{held_unit}'",
    "redemption-at-its-merchant": "DELETE FROM place_operators WHERE place_id = '{place3}';"
    " UPDATE redemptions SET place_id = '{place3}' WHERE redemption_id = '{held}'",
    "redemption-in-scope": "UPDATE redemptions SET place_id = '{place2}' WHERE redemption_id = '{held}'",
    "units-within-claim": "DROP INDEX redemption_units_live_uq; ALTER TABLE redemption_units"
    " DROP CONSTRAINT redemption_units_line_uq; INSERT INTO redemption_units SELECT city_id, '{new_here}',"
    " redemption_id, claim_id, unit_no, units, true, coupon_id, 0, 0, 0, 0, 0, false FROM redemption_units"
    " WHERE redemption_unit_id = '{committed_unit}'",
    "redeemed-when-used-up": "UPDATE redemption_units SET live = false WHERE redemption_unit_id = '{committed_unit}'",
    "split-of-units": "UPDATE redemptions SET commission_minor = 1 WHERE redemption_id = '{held}'",
    "hold-ended-in-time": "UPDATE redemptions SET lease_until = '{now}'::timestamptz - interval '11 minutes'"
    " WHERE redemption_id = '{held}'",
    "verdict-of-a-claim": "UPDATE claim_verdicts SET claim_id = '{new_here}'",
    "group-seats-counted": "UPDATE deal_groups SET taken = 2 WHERE group_id = '{open_group}'",
    "group-made-once": "UPDATE outbox_events SET type = 'fujin.group.joined.v1'"
    " WHERE aggregate_id = '{made_group}' AND seq = 3",
    "group-decided-in-time": "UPDATE deal_groups SET deadline = '{now}'::timestamptz - interval '15 minutes 1 second'"
    " WHERE group_id = '{open_group}'",
    "seat-of-its-claim": "UPDATE claims SET group_id = NULL WHERE claim_id = '{made_seat}'",
    "seat-as-its-claim": "UPDATE group_seats SET state = 'refunding' WHERE claim_id = '{made_seat}'",
    "group-code-after-success": "UPDATE claims SET group_id = '{open_group}' WHERE claim_id = '{held_claim}'",
    "failed-group-paid-back": "UPDATE deal_groups SET decided_at = '{now}'::timestamptz - interval '16 minutes'"
    " WHERE group_id = '{failed_group}'",
    "group-told": "UPDATE deal_groups SET seq = 4 WHERE group_id = '{made_group}'",
    "refund-within-capture": "ALTER TABLE payments DROP CONSTRAINT payments_amounts_ck;"
    " UPDATE payments SET amount_minor = 9999 WHERE payment_id = '{till_payment}'",
    "refunds-add-up": "UPDATE payments SET refunding_minor = 999 WHERE payment_id = '{till_payment}'",
    "trade-used-once": "DROP INDEX payments_provider_trade_uq;"
    " UPDATE payments SET provider_trade_no = 'w-paid' WHERE payment_id = '{till_payment}'",
    "notice-applied-once": "INSERT INTO provider_events SELECT 'test_wallet:2', provider, trade_no, body, true,"
    " outcome, received_at FROM provider_events",
    "live-claim-paid": "UPDATE claims SET price_minor = 3001 WHERE claim_id = '{paid_claim}'",
    "money-for-something": "UPDATE payments SET purpose_id = '{new_here}' WHERE payment_id = '{till_payment}'",
    "redemption-paid-once": "UPDATE payments SET amount_minor = 10001, captured_minor = 10001"
    " WHERE payment_id = '{till_payment}'",
    "stray-refunded": "UPDATE refunds SET amount_minor = 2999 WHERE refund_id = '{stray_refund}';"
    " UPDATE payments SET refunded_minor = 2999 WHERE payment_id = '{stray}'",
    "refunded-claim-repaid": "UPDATE payments SET purpose_id = '{new_here}' WHERE payment_id = '{refunded_payment}'",
    "payment-watched": "UPDATE payments SET created_at = '{now}'::timestamptz - interval '16 minutes'"
    " WHERE payment_id = '{open_payment}'; UPDATE jobs SET state = 'done' WHERE ref_id = '{open_payment}'",
    "refund-watched": "UPDATE refunds SET created_at = '{now}'::timestamptz - interval '16 minutes'"
    " WHERE refund_id = '{open_refund}'; UPDATE jobs SET state = 'dead' WHERE kind = 'refund.resolve'",
    "ledger-derived": "UPDATE transfers SET amount_minor = 99"
    " WHERE ref_id = '{committed_unit}' AND kind = 'commission'",
    "posted-once": "ALTER TABLE transfers DROP CONSTRAINT transfers_ref_uq; INSERT INTO transfers"
    " SELECT city_id, '{new_here}', debit_account_id, credit_account_id, currency, amount_minor, ref_type, ref_id,"
    " kind, posted_at FROM transfers WHERE ref_id = '{committed_unit}' AND kind = 'commission'",
    "balance-of-transfers": "UPDATE accounts SET balance_minor = balance_minor + 1 WHERE kind = 'promo_available'",
    "balance-above-floor": "UPDATE accounts SET floor_minor = -1 WHERE kind = 'promo_available'",
    "redemption-in-ledger": "DELETE FROM transfers WHERE ref_id = '{committed_unit}'",
    "settlement-sums": "UPDATE settlement_lines SET provider_fee_minor = 21",
    "settlement-line-of-transfers": "DELETE FROM settlement_transfers WHERE amount_minor = -50",
    "settled-transfer-true": "UPDATE settlement_transfers SET amount_minor = 4999 WHERE amount_minor = 5000",
    "settled-when-final": "UPDATE redemptions SET reverse_before = '{now}' WHERE redemption_id = '{settled}'",
    "settlement-chain": "UPDATE settlements SET opening_minor = -1, payout_minor = payout_minor - 1"
    " WHERE settlement_id = '{settlement}'",
    "payable-is-unsettled": "UPDATE transfers SET amount_minor = amount_minor - 1 WHERE kind = 'settle'",
    "payout-due-is-closed": "UPDATE transfers SET amount_minor = amount_minor - 1 WHERE kind = 'payout'",
    "settlement-file-true": "UPDATE settlement_lines SET pos_order_no = 'x'",
    "settlement-told": "UPDATE settlements SET seq = 3 WHERE settlement_id = '{settlement}'",
    "told-steps-legal": "UPDATE outbox_events SET type = 'fujin.claim.cancelled.v1'"
    " WHERE aggregate_id = '{reversed_claim}' AND seq = 2",
    "claim-told": "UPDATE claims SET state = 'expired' WHERE claim_id = '{held_claim}'",
    "redemption-told": "UPDATE redemptions SET seq = 3 WHERE redemption_id = '{committed}'",
    "payment-told": "UPDATE outbox_events SET type = 'fujin.payment.stray.v1'"
    " WHERE aggregate_id = '{till_payment}' AND seq = 2",
    "refund-told": "UPDATE refunds SET seq = 2 WHERE refund_id = '{open_refund}'",
    "event-of-something": "INSERT INTO outbox_events (city_id, event_id, aggregate_id, seq, type, merchant_id, data,"
    " occurred_at) VALUES ({here}, '{new_here}', '{new_here}', 1, 'fujin.claim.granted.v1', '{merchant}', '{{}}',"
    " '{now}')",
    "sequence-whole": "UPDATE outbox_events SET seq = 3 WHERE aggregate_id = '{committed}' AND seq = 2;"
    " UPDATE redemptions SET seq = 3 WHERE redemption_id = '{committed}'",
    "positions-dense": "UPDATE outbox_positions SET position = position + 1",
    "event-relayed": "INSERT INTO outbox_events (city_id, event_id, aggregate_id, seq, type, merchant_id, data,"
    " occurred_at) VALUES ({here}, '{new_here}', '{coupon}', 1, 'fujin.coupon.sold_out.v1', '{merchant}', '{{}}',"
    " '{now}'::timestamptz - interval '61 seconds')",
    "delivery-in-time": "UPDATE deliveries SET next_at = '{now}'::timestamptz - interval '11 minutes',"
    " lease_until = '{now}'::timestamptz - interval '1 second' WHERE state = 'due'",
    "job-in-time": "UPDATE jobs SET run_at = '{now}'::timestamptz - interval '11 minutes'"
    " WHERE ref_id = '{open_payment}'",
    "done-is-delivered": "DELETE FROM delivery_attempts WHERE ok",
    "stuck-key": "UPDATE idempotency_keys SET locked_until = '{now}'::timestamptz - interval '5 minutes 1 second'",
    "import-whole": "DELETE FROM coupon_places WHERE place_id = '{place3}';"
    " DELETE FROM place_facts WHERE place_id = '{place3}'",
    "import-counted": "UPDATE datasets SET rows_declared = rows_declared + 1 WHERE kind = 'categories'",
    "load-has-work": "INSERT INTO datasets SELECT city_id, '{new_here}', kind, 2, 'validating', source_name,"
    " source_url, source_sha256, licence, attribution, retrieved_on, 0, 0, 0, created_at, activated_at FROM datasets"
    " WHERE city_id = {here} AND kind = 'places'",
    "facts-without-dataset": "INSERT INTO hours_patterns VALUES ({here}, 9, 1, 'Mo', 'UTC', NULL, false, true)",
    "active-pointer": "UPDATE datasets SET state = 'retired' WHERE kind = 'regions' AND city_id = {here}",
    "active-row-count": "UPDATE active_dataset SET row_count = 2 WHERE kind = 'places' AND city_id = {there}",
    "active-single": "INSERT INTO datasets SELECT city_id, '{new_here}', kind, 2, 'active', source_name, source_url,"
    " source_sha256, licence, attribution, retrieved_on, 0, 0, 0, created_at, activated_at FROM datasets"
    " WHERE city_id = {here} AND kind = 'places'",
    "service-area-shape": "ALTER TABLE service_area_versions DROP CONSTRAINT service_area_versions_boundary_ck;"
    " UPDATE service_area_versions SET boundary = {bow_tie}",
    "service-area-one-in-force": "DROP INDEX service_area_versions_last_uq;"
    " INSERT INTO service_area_versions SELECT city_id, service_area_id, 2, state, names, boundary, area_m2, schedule,"
    " priority, currency, fee_minor, min_order_minor, effective_from, effective_until, created_at"
    " FROM service_area_versions WHERE service_area_id = '{service_area}'",
    "service-area-one-waiting": "DROP INDEX service_area_versions_waiting_uq;"
    " INSERT INTO service_area_versions SELECT city_id, service_area_id, n, 'draft', names, boundary, area_m2,"
    " schedule, priority, currency, fee_minor, min_order_minor, effective_from, effective_until, created_at"
    " FROM service_area_versions, generate_series(2, 3) AS n WHERE service_area_id = '{service_area}'",
    "service-area-told": "UPDATE service_areas SET seq = 1 WHERE service_area_id = '{service_area}'",
    "territory-exclusive": "UPDATE service_area_versions SET brand_key = 'brand:x'"
    " WHERE service_area_id = '{service_area}'; INSERT INTO service_areas SELECT city_id, '{new_here}', place_id,"
    " merchant_id, 'other', 'territory', created_at FROM service_areas WHERE service_area_id = '{service_area}';"
    " INSERT INTO service_area_versions SELECT city_id, '{new_here}', version, state, names,"
    " st_scale(boundary, st_point(0.5, 0.5), st_centroid(boundary)), area_m2, schedule, priority, currency, fee_minor,"
    " min_order_minor, effective_from, effective_until, created_at, tags, metadata, outline, source_datum, brand_key"
    " FROM service_area_versions WHERE service_area_id = '{service_area}'",
    "service-area-extent": "UPDATE service_area_extents SET north = south",
    "coupon-area-published": "UPDATE service_area_versions SET state = 'archived'",
    "coupon-areas-whole": "DELETE FROM coupon_places WHERE service_area_id = '{service_area}'",
    "region-shape": "ALTER TABLE region_facts DROP CONSTRAINT region_facts_boundary_ck;"
    " UPDATE region_facts SET boundary = st_translate(boundary, 0, 60) WHERE city_id = {there}",
    "place-point": "UPDATE place_facts SET location = 'SRID=4326;POINT EMPTY' WHERE place_id = '{place3}'",
    "region-successor-known": "UPDATE region_facts SET successor_of = ARRAY[region_id] WHERE kind = 'neighbourhood'",
    "blocked-not-shown": "INSERT INTO dataset_reports VALUES ({here}, 'places', 1, NULL, 'blocked', '{{}}', now())",
    "extent-covers": "UPDATE active_dataset SET extent_north = 30.34 WHERE city_id = {here} AND kind = 'places'",
    "place-identity": "ALTER TABLE place_facts DROP CONSTRAINT place_facts_place_fk;"
    " UPDATE place_facts SET place_id = '{new_here}' WHERE place_id = '{place3}'",
    "region-identity": "UPDATE region_facts SET parent_id = '{new_here}' WHERE parent_id IS NOT NULL",
    "hours-resolve": "ALTER TABLE place_facts DROP CONSTRAINT place_facts_hours_fk;"
    " UPDATE place_facts SET hours_no = 9 WHERE place_id = '{place1}'",
    "category-known": "UPDATE place_facts SET category_id = 'moon_base' WHERE place_id = '{place1}'",
    "brand-known": "UPDATE place_facts SET brand_id = 'nobody' WHERE place_id = '{place1}'",
    "correction-applied": "INSERT INTO place_overlays (city_id, overlay_id, place_id, field, value, reason, author_id,"
    " created_at, state) VALUES ({here}, '{new_here}', '{place1}', 'phone', '\"1\"', 'x', '{stranger}', '{now}',"
    " 'live');"
    " INSERT INTO place_bases VALUES ({here}, 1, '{place1}', 'phone', 'null')",
    "merged-place-out": "UPDATE places SET moved_to = '{place2}' WHERE place_id = '{place1}'",
    "source-key-live": "INSERT INTO place_sources VALUES ({here}, 'x', '{place3}')",
    "place-links-true": "UPDATE place_regions SET fringe = true WHERE place_id = '{place1}' AND region_id ="
    " (SELECT region_id FROM region_facts WHERE kind = 'neighbourhood')",
    "change-in-order": "INSERT INTO place_changes VALUES ({here}, 1, '{place1}', 5)",
    "search-slot": "UPDATE search_slots SET version = 5 WHERE city_id = {here}",
    "search-row-there": "DELETE FROM postings WHERE place_id = '{place1}' AND facet = 0",
    "search-row-stray": "INSERT INTO postings SELECT city_id, slot, facet, '{place3}', image, spot, signature, lon7,"
    " lat7, hours_no, price_level FROM postings WHERE place_id = '{place1}' AND facet = 0",
    "search-row-true": "UPDATE postings SET hours_no = 2 WHERE place_id = '{place1}' AND facet = 0",
    "search-row-images": "INSERT INTO postings SELECT city_id, slot, facet, place_id, 1, spot, signature, lon7, lat7,"
    " hours_no, price_level FROM postings WHERE place_id = '{place1}' AND facet = 0",
    "search-row-spot": "UPDATE postings SET spot = point(spot[0] + 2, spot[1])"
    " WHERE place_id = '{place1}' AND facet = 0",
    "search-facet-known": "INSERT INTO postings SELECT city_id, slot, 777, place_id, image,"
    " point(spot[0] + 777e8, spot[1]), signature, lon7, lat7, hours_no, price_level FROM postings"
    " WHERE place_id = '{place1}' AND facet = 0",
    "search-row-categories": "DELETE FROM postings p USING search_facets f WHERE p.place_id = '{place1}'"
    " AND (f.city_id, f.facet, f.kind, f.key) = (p.city_id, p.facet, 'category', 'food')",
    "search-row-coupons": "DELETE FROM postings p USING search_facets f WHERE p.place_id = '{place1}'"
    " AND (f.city_id, f.facet, f.kind, f.key) = (p.city_id, p.facet, 'coupon', '')",
    "search-row-words": "DELETE FROM postings p USING search_facets f WHERE p.place_id = '{place1}'"
    " AND (f.city_id, f.facet, f.kind, f.key) = (p.city_id, p.facet, 'word', 'place')",
    "id-names-city": "INSERT INTO places VALUES ({here}, '{new_there}', '{now}', NULL)",
    **{
        f"orphan-{name}": f"ALTER TABLE {table} DROP CONSTRAINT {name}; {breaking};"
        f" ALTER TABLE {table} ADD CONSTRAINT {name} FOREIGN KEY ({columns})"
        f" REFERENCES {target} ({columns}) ON DELETE RESTRICT NOT VALID;"
        f" COMMENT ON CONSTRAINT {name} ON {table} IS '[local_only]'"
        for name, table, columns, target, breaking in ORPHANS
    },
}
