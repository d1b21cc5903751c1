"""Statements that break one invariant of fences each; ``{names}`` are ids of the tidy world."""

from __future__ import annotations

_LONG_AGO = "'{now}'::timestamptz - interval '24 hours 16 minutes'"

PLANTS = {
    "positions-kept-a-day": f"UPDATE followed_fixes SET received_at = {_LONG_AGO}",
    "last-fix-kept-a-day": f"UPDATE followed_lanes SET seen_at = {_LONG_AGO}",
    "followed-with-consent": "UPDATE location_choices SET cities = '{{}}'",
    "consent-written-down": "UPDATE location_consents SET given = false",
    "pair-told": "UPDATE followed_pairs SET seq = 2",
    "pair-in-a-living-fence": "UPDATE geofences SET state = 'expired', ended_at = changed_at - interval '1 hour',"
    " changed_at = changed_at - interval '16 minutes'; UPDATE geofence_sets SET fence_count = 0",
    "pair-timer-in-time": "UPDATE followed_pairs SET due_at = '{now}'::timestamptz - interval '16 minutes'",
    "fence-version-there": "UPDATE geofence_versions SET boundary = st_translate(boundary, 0.02, 0)",
    "saved-areas-watched": "UPDATE area_watches SET watch = ARRAY['new_place']",
    "offer-of-its-merchant": "WITH other AS (INSERT INTO merchants SELECT (jsonb_populate_record(m,"
    " jsonb_build_object('merchant_id', gen_random_uuid()))).* FROM merchants m LIMIT 1 RETURNING merchant_id)"
    " UPDATE geofences SET merchant_id = (SELECT merchant_id FROM other)",
    "fences-counted": "UPDATE geofence_sets SET east = 0.009",
}
ORPHANS = (
    (
        "geofences_merchant_fk",
        "geofences",
        "merchant_id",
        "merchants",
        "UPDATE geofences SET merchant_id = '{stranger}'",
    ),
    *(
        (f"{table}_member_fk", table, "member_id", "members", f"UPDATE {table} SET member_id = '{{stranger}}'")
        for table in ("followed_lanes", "followed_pairs", "geofence_events", "area_watches", "member_alerts")
    ),
)
COMPANIONS = {
    "orphan-followed_lanes_member_fk": {"followed-with-consent": 1},
    "orphan-area_watches_member_fk": {"saved-areas-watched": 2},
    "orphan-geofences_merchant_fk": {"offer-of-its-merchant": 1},
}
UNUSED = {
    *("geofences", "geofence_versions", "geofence_sets", "location_choices", "location_consents", "followed_lanes"),
    *("followed_fixes", "followed_pairs", "geofence_events"),
    *("saved_areas", "area_watches", "member_alerts", "geofence_offers"),
}
