"""Invariants of service areas: one version in force, what is told, exclusive ground, coupons that name them."""

from __future__ import annotations

from typing import Final

from app.audit.types import DataRule

_AREA: Final = "'service area ' || s.service_area_id || ' of city ' || s.city_id"
_COUPON: Final = "'coupon ' || c.coupon_id || ' of city ' || c.city_id"
_WAITING: Final = "state IN ('draft', 'validated', 'pending_review')"


RULES: Final = (
    DataRule(
        "service-area-one-in-force",
        "house",
        "of an area's published versions one is in force at a time, and another one that begins later follows it",
        ("service_area_versions",),
        "service_area_versions WHERE state = 'published'",
        f"""
        SELECT {_AREA}, 'versions ' || s.version || ' and ' || w.version || ' don''t follow each other'
        FROM service_area_versions s
        JOIN service_area_versions w ON (w.city_id, w.service_area_id, w.state)
           = (s.city_id, s.service_area_id, 'published') AND w.version > s.version
        WHERE s.state = 'published'
          AND NOT coalesce(s.followed_by = w.version AND s.effective_until <= w.effective_from, false)
          AND NOT coalesce(w.followed_by = s.version AND w.effective_until <= s.effective_from, false)
        UNION ALL
        SELECT {_AREA}, 'version ' || s.version || ' is followed by ' || s.followed_by || ', which is not published'
        FROM service_area_versions s
        WHERE s.state = 'published' AND s.followed_by IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM service_area_versions w WHERE (w.city_id, w.service_area_id, w.version, w.state)
                = (s.city_id, s.service_area_id, s.followed_by, 'published'))
        """,
    ),
    DataRule(
        "service-area-one-waiting",
        "house",
        "an area has one version that waits at most",
        ("service_area_versions",),
        "service_area_versions",
        f"""
        SELECT {_AREA}, count(*) || ' of its versions wait' FROM service_area_versions s WHERE {_WAITING}
        GROUP BY s.city_id, s.service_area_id HAVING count(*) > 1
        """,
    ),
    DataRule(
        "service-area-told",
        "I07",
        "every area has told its steps, and a version that came into force over HTTP has told so",
        ("service_areas", "service_area_versions", "outbox_events"),
        "service_areas",
        f"""
        SELECT {_AREA}, 'it counts ' || s.seq || ' events, told ' || coalesce(t.seq, 0)
        FROM service_areas s
        LEFT JOIN (SELECT city_id, aggregate_id, max(seq) AS seq FROM outbox_events
                   WHERE type LIKE 'fujin.service_area.%' GROUP BY city_id, aggregate_id) t
          ON (t.city_id, t.aggregate_id) = (s.city_id, s.service_area_id)
        WHERE s.seq <> coalesce(t.seq, 0)
        UNION ALL
        SELECT {_AREA}, 'version ' || s.version || ' came into force and nobody was told'
        FROM service_area_versions s
        WHERE s.published_at IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM outbox_events e
            WHERE (e.city_id, e.aggregate_id) = (s.city_id, s.service_area_id)
              AND e.type = 'fujin.service_area.published.v1' AND e.data->>'version' = s.version::text)
        """,
    ),
    DataRule(
        "territory-exclusive",
        "house",
        "territories of one brand that are in force at the same time share less than a square metre",
        ("service_area_versions",),
        "service_area_versions WHERE state = 'published'",
        f"""
        SELECT {_AREA}, 'it shares ' || round(o.m2) || ' m² with ' || w.service_area_id
        FROM service_area_versions s
        JOIN service_area_versions w ON w.city_id = s.city_id AND w.brand_key = s.brand_key AND w.state = 'published'
         AND w.service_area_id > s.service_area_id AND w.boundary && s.boundary
         AND w.effective_from < coalesce(s.effective_until, 'infinity')
         AND coalesce(w.effective_until, 'infinity') > s.effective_from
        CROSS JOIN LATERAL (
            SELECT st_area(st_collectionextract(st_intersection(s.boundary, w.boundary), 3)::geography) AS m2) o
        WHERE s.state = 'published' AND s.brand_key IS NOT NULL AND o.m2 > 1
        """,
    ),
    DataRule(
        "service-area-extent",
        "house",
        "the box of a city's areas covers each that is in force; lookups ask no city whose box is elsewhere",
        ("service_area_versions", "service_area_extents"),
        "service_area_versions WHERE state = 'published'",
        f"""
        SELECT {_AREA}, 'it lies outside the box of its city''s areas'
        FROM service_area_versions s
        LEFT JOIN service_area_extents e ON e.city_id = s.city_id
        WHERE s.state = 'published' AND NOT coalesce(
            st_xmin(s.boundary) >= e.west AND st_xmax(s.boundary) <= e.east
            AND st_ymin(s.boundary) >= e.south AND st_ymax(s.boundary) <= e.north, false)
        """,
    ),
    DataRule(
        "coupon-area-published",
        "house",
        "a coupon can be used through areas in force alone",
        ("coupon_places", "service_area_versions", "coupons"),
        "coupon_places WHERE service_area_id IS NOT NULL",
        f"""
        SELECT {_COUPON}, 'place ' || c.place_id || ' counts by area ' || c.service_area_id || ', which is not in force'
        FROM coupon_places c
        WHERE c.service_area_id IS NOT NULL AND NOT EXISTS (
            SELECT 1 FROM service_area_versions v
            WHERE (v.city_id, v.service_area_id, v.state) = (c.city_id, c.service_area_id, 'published'))
        """,
    ),
    DataRule(
        "coupon-areas-whole",
        "house",
        "the listed place of every area in force that a coupon names is one where the coupon can be used",
        (
            *("coupons", "coupon_versions", "coupon_scopes", "coupon_places", "service_areas", "service_area_versions"),
            *("active_dataset", "place_facts", "place_operators"),
        ),
        "coupon_scopes",
        f"""
        SELECT {_COUPON}, 'area ' || a.service_area_id || ' is in its scope, its place ' || a.place_id || ' is missing'
        FROM coupons c
        JOIN coupon_versions v ON (v.city_id, v.coupon_id, v.version) = (c.city_id, c.coupon_id, c.current_version)
        JOIN coupon_scopes s ON (s.city_id, s.coupon_id, s.version) = (c.city_id, c.coupon_id, v.version)
        JOIN service_areas a ON (a.city_id, a.service_area_id) = (s.city_id, s.scope_id)
        JOIN active_dataset d ON (d.city_id, d.kind) = (c.city_id, 'places')
        JOIN place_facts f ON (f.city_id, f.version, f.place_id) = (c.city_id, d.version, a.place_id)
        JOIN place_operators o ON (o.city_id, o.place_id, o.merchant_id) = (c.city_id, a.place_id, c.merchant_id)
        WHERE v.scope_kind = 'service_areas' AND c.state <> 'draft' AND EXISTS (
            SELECT 1 FROM service_area_versions w
            WHERE (w.city_id, w.service_area_id, w.state) = (a.city_id, a.service_area_id, 'published'))
          AND NOT EXISTS (
            SELECT 1 FROM coupon_places p
            WHERE (p.city_id, p.coupon_id, p.place_id) = (c.city_id, c.coupon_id, a.place_id))
        """,
    ),
)
