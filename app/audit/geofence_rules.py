"""Invariants of fences, of who is followed, and of how long it is known where somebody was."""

from __future__ import annotations

from app.audit.types import DataRule

_PAIR = "'pair ' || p.pair_id || ' of city ' || p.city_id"
_LANE = "'subject ' || l.subject_id || ' of city ' || l.city_id"
_FENCE = "'fence ' || g.geofence_id || ' of city ' || g.city_id"

RULES = (
    DataRule(
        "positions-kept-a-day",
        "A29",
        "no position is kept longer than a day",
        ("followed_fixes",),
        "followed_fixes",
        "SELECT 'subject ' || p.subject_id || ' of city ' || p.city_id, count(*) || ' since ' || min(p.received_at)"
        " FROM followed_fixes p WHERE p.received_at < CAST(:now AS timestamptz) - interval '24 hours 15 minutes'"
        " GROUP BY p.city_id, p.subject_id",
    ),
    DataRule(
        "last-fix-kept-a-day",
        "A29",
        "where somebody was last is forgotten after a day",
        ("followed_lanes",),
        "followed_lanes",
        f"SELECT {_LANE}, 'seen at ' || l.seen_at FROM followed_lanes l WHERE l.last_lon IS NOT NULL"
        " AND l.seen_at < CAST(:now AS timestamptz) - interval '24 hours 15 minutes'",
    ),
    DataRule(
        "followed-with-consent",
        "A29",
        "nobody is followed who does not agree to it at present",
        ("followed_lanes", "location_choices"),
        "followed_lanes",
        f"""
        SELECT {_LANE}, 'member ' || l.member_id || ' does not agree' FROM followed_lanes l
        WHERE NOT EXISTS (SELECT 1 FROM location_choices c WHERE c.member_id = l.member_id
                          AND c.positions_at IS NOT NULL AND l.city_id = ANY(c.cities))
        """,
    ),
    DataRule(
        "consent-written-down",
        "A29",
        "the last thing that was written down of a consent is what holds",
        ("location_choices", "location_consents"),
        "location_choices",
        """
        SELECT 'member ' || c.member_id, w.purpose || ' holds: ' || w.holds || ', written down: '
               || coalesce(l.given::text, 'nothing')
        FROM location_choices c
        CROSS JOIN LATERAL (VALUES ('positions', c.positions_at IS NOT NULL), ('offers', c.offers_at IS NOT NULL))
             AS w (purpose, holds)
        LEFT JOIN LATERAL (SELECT n.given FROM location_consents n
                           WHERE n.member_id = c.member_id AND n.purpose = w.purpose
                           ORDER BY n.at DESC, n.consent_id DESC LIMIT 1) l ON true
        WHERE w.holds <> coalesce(l.given, false)
        """,
    ),
    DataRule(
        "pair-told",
        "I07",
        "every pair of subject and fence has told as many events as it counts",
        ("followed_pairs", "outbox_events"),
        "followed_pairs",
        f"""
        SELECT {_PAIR}, 'seq ' || p.seq || ', told ' || coalesce(o.told, 0) || ' events up to ' || coalesce(o.last, 0)
        FROM followed_pairs p
        LEFT JOIN (SELECT city_id, aggregate_id, count(*) AS told, max(seq) AS last FROM outbox_events
                   WHERE type LIKE 'fujin.geofence.%' GROUP BY city_id, aggregate_id) o
          ON (o.city_id, o.aggregate_id) = (p.city_id, p.pair_id)
        WHERE coalesce(o.told, 0) <> p.seq OR coalesce(o.last, 0) <> p.seq
        """,
    ),
    DataRule(
        "pair-in-a-living-fence",
        "house",
        "nobody stays inside a fence that was over for a while, or that they are outside of since it was drawn anew",
        ("followed_pairs", "geofences"),
        "followed_pairs",
        f"""
        SELECT {_PAIR}, p.phase || ' under version ' || p.fence_version || ', the fence is ' || g.state || ' at '
               || g.current_version
        FROM followed_pairs p JOIN geofences g ON (g.city_id, g.geofence_id) = (p.city_id, p.geofence_id)
        WHERE p.phase <> 'out' AND g.changed_at < CAST(:now AS timestamptz) - interval '15 minutes'
          AND (g.state <> 'active' OR p.fence_version < g.current_version)
        """,
    ),
    DataRule(
        "pair-timer-in-time",
        "house",
        "what time does to a pair is seen to within a quarter of an hour",
        ("followed_pairs",),
        "followed_pairs",
        f"SELECT {_PAIR}, 'due at ' || p.due_at FROM followed_pairs p"
        " WHERE p.due_at < CAST(:now AS timestamptz) - interval '15 minutes'",
    ),
    DataRule(
        "fence-version-there",
        "house",
        "the current version of a fence exists, and its outline holds it",
        ("geofences", "geofence_versions"),
        "geofences",
        f"""
        SELECT {_FENCE}, 'its version ' || g.current_version || ' is missing or outside its outline' FROM geofences g
        LEFT JOIN geofence_versions v ON (v.city_id, v.geofence_id, v.version)
                                       = (g.city_id, g.geofence_id, g.current_version)
        WHERE v.version IS NULL OR (g.state = 'active' AND NOT st_covers(
            g.outline, coalesce(v.boundary, st_setsrid(st_makepoint(v.center_lon, v.center_lat), 4326))))
        """,
    ),
    DataRule(
        "saved-areas-watched",
        "house",
        "every city that a saved area touches looks at it, and no other",
        ("saved_areas", "area_watches"),
        "saved_areas",
        """
        SELECT 'saved area ' || s.saved_id || ' of member ' || s.member_id, 'city ' || c.city || ' does not look at it'
        FROM saved_areas s CROSS JOIN LATERAL unnest(s.cities) AS c (city)
        WHERE NOT EXISTS (SELECT 1 FROM area_watches w WHERE (w.city_id, w.member_id, w.saved_id)
                                                            = (c.city, s.member_id, s.saved_id)
                          AND w.watch = s.watch AND w.expires_at IS NOT DISTINCT FROM s.expires_at)
        UNION ALL
        SELECT 'watch ' || w.watch_id || ' of city ' || w.city_id, 'nobody saved it' FROM area_watches w
        WHERE NOT EXISTS (SELECT 1 FROM saved_areas s WHERE (s.member_id, s.saved_id) = (w.member_id, w.saved_id)
                          AND w.city_id = ANY (s.cities))
        """,
    ),
    DataRule(
        "offer-of-its-merchant",
        "house",
        "a fence offers a coupon of its own merchant",
        ("geofence_offers", "geofences", "coupons"),
        "geofence_offers",
        f"""
        SELECT {_FENCE}, 'it offers coupon ' || o.coupon_id || ' of another merchant' FROM geofence_offers o
        JOIN geofences g ON (g.city_id, g.geofence_id) = (o.city_id, o.geofence_id)
        JOIN coupons c ON (c.city_id, c.coupon_id) = (o.city_id, o.coupon_id)
        WHERE c.merchant_id <> g.merchant_id
        """,
    ),
    DataRule(
        "fences-counted",
        "house",
        "a city knows how many fences it has, and holds all of them in its box",
        ("geofence_sets", "geofences"),
        "geofence_sets",
        """
        SELECT 'city ' || s.city_id, s.fence_count || ' fences, ' || count(g.geofence_id) || ' are there'
        FROM geofence_sets s
        LEFT JOIN geofences g ON g.city_id = s.city_id AND g.state = 'active'
        GROUP BY s.city_id, s.fence_count, s.epoch, s.west, s.south, s.east, s.north
        HAVING s.fence_count <> count(g.geofence_id) OR s.epoch < max(g.epoch)
            OR s.west > min(st_xmin(g.outline)) OR s.south > min(st_ymin(g.outline))
            OR s.east < max(st_xmax(g.outline)) OR s.north < max(st_ymax(g.outline))
        """,
    ),
)
