"""Invariants of search rows: those of the version that readers see are what its places call for, no more, no less.

Positions on charts are worked out again here, in SQL: Mercator up to 85°, a copy beyond ±180° for what lies within
66 km of it, a polar chart from 80° on. Words, brands and attributes are compared by ``search_words``.
"""

from __future__ import annotations

from typing import Final

from app.audit.search_words import differing_places
from app.audit.types import DataRule

_NEEDS: Final = ("postings", "search_slots", "active_dataset", "place_facts")
_R: Final = "6371008.7714150598"
_PLACE: Final = "'place ' || l.place_id || ' of city ' || l.city_id"

_LIVE = """
    SELECT f.city_id, f.version, (f.version % 4)::smallint AS slot, f.place_id, f.category_id, f.alternate_category_ids,
           coalesce(f.hours_no, 0) AS hours_no, coalesce(f.price_level, 0) AS price_level,
           st_x(f.location::geometry) AS lon, st_y(f.location::geometry) AS lat
    FROM place_facts f JOIN active_dataset a ON (a.city_id, a.kind, a.version) = (f.city_id, 'places', f.version)
    WHERE NOT f.closed
"""
# Where a live place has to stand: an image, and its point on that image's chart in lane 0.
_SPOTS = f"""
    SELECT l.*, s.image, s.x, s.y + (l.city_id::bigint * 4 + l.slot) * 1e8 AS y
    FROM ({_LIVE}) AS l,
    LATERAL (SELECT radians(l.lon) AS lambda, radians(l.lat) AS phi, radians(90 - abs(l.lat)) AS theta) AS r,
    LATERAL (
        SELECT 0 AS image, {_R} * r.lambda AS x, {_R} * ln(tan(pi() / 4 + r.phi / 2)) AS y WHERE abs(l.lat) <= 85
        UNION ALL
        SELECT CASE WHEN l.lon < 0 THEN 1 ELSE -1 END,
               {_R} * (r.lambda + CASE WHEN l.lon < 0 THEN 2 ELSE -2 END * pi()), {_R} * ln(tan(pi() / 4 + r.phi / 2))
        WHERE abs(l.lat) <= 85 AND 180 - abs(l.lon) <= 0.6 / cos(radians(abs(l.lat)))
        UNION ALL
        SELECT 2, 2 * {_R} * tan(r.theta / 2) * sin(r.lambda),
               CASE WHEN l.lat > 0 THEN 3.5e7 ELSE -3.5e7 END - 2 * {_R} * tan(r.theta / 2) * cos(r.lambda)
        WHERE abs(l.lat) >= 80) AS s
"""
_ROWS = f"""
    SELECT l.*, p.facet, p.image AS p_image, p.spot, p.lon7, p.lat7, p.hours_no AS p_hours_no,
           p.price_level AS p_price_level
    FROM ({_LIVE}) AS l JOIN postings p ON (p.city_id, p.slot, p.place_id) = (l.city_id, l.slot, l.place_id)
"""
_LANE = "'its row in lane ' || l.facet || ' '"


def _lanes(kind: str, wanted: str) -> str:
    """Places whose lanes of a kind are others than ``wanted`` (city_id, place_id, key) says."""
    return f"""
        WITH wanted AS ({wanted}),
        actual AS (
            SELECT DISTINCT l.city_id, l.place_id, s.key FROM ({_ROWS}) AS l
            JOIN search_facets s ON (s.city_id, s.facet) = (l.city_id, l.facet) WHERE s.kind = '{kind}')
        SELECT {_PLACE}, string_agg(CASE WHEN l.actual IS NULL THEN 'it lacks the lane of '
                                         ELSE 'it stands in the lane of ' END
                                    || '{kind} ' || quote_literal(l.key), '; ' ORDER BY l.key)
        FROM (SELECT coalesce(w.city_id, a.city_id) AS city_id, coalesce(w.place_id, a.place_id) AS place_id,
                     coalesce(w.key, a.key) AS key, a.key AS actual, w.key AS wanted
              FROM wanted w FULL JOIN actual a ON (a.city_id, a.place_id, a.key) = (w.city_id, w.place_id, w.key)) AS l
        WHERE l.actual IS NULL OR l.wanted IS NULL
        GROUP BY l.city_id, l.place_id
    """


RULES = (
    DataRule(
        "search-slot",
        "house",
        "the search rows of what readers see are there",
        _NEEDS,
        "active_dataset WHERE kind = 'places'",
        """
        SELECT 'places v' || a.version || ' of city ' || a.city_id,
               'its slot holds ' || coalesce('v' || s.version, 'nothing') || '; mend with fujin search-rows'
        FROM active_dataset a
        LEFT JOIN search_slots s ON (s.city_id, s.slot) = (a.city_id, a.version % 4)
        WHERE a.kind = 'places' AND s.version IS DISTINCT FROM a.version
        """,
    ),
    DataRule(
        "search-row-there",
        "house",
        "every live place stands in the lane of all places, on each chart that needs it",
        _NEEDS,
        "place_facts WHERE NOT closed",
        f"""
        SELECT {_PLACE}, 'it has no row ' || l.image || ' in lane 0' FROM ({_SPOTS}) AS l
        WHERE NOT EXISTS (
            SELECT 1 FROM postings p WHERE (p.city_id, p.slot, p.place_id, p.facet, p.image)
                                         = (l.city_id, l.slot, l.place_id, 0, l.image))
        """,
    ),
    DataRule(
        "search-row-stray",
        "house",
        "no search row belongs to a place that is closed or not in the version",
        _NEEDS,
        "postings",
        f"""
        SELECT 'place ' || p.place_id || ' of city ' || p.city_id, 'its row in lane ' || p.facet || ' is left over'
        FROM postings p JOIN active_dataset a ON (a.city_id, a.kind) = (p.city_id, 'places')
        WHERE p.slot = a.version % 4 AND NOT EXISTS (
            SELECT 1 FROM ({_LIVE}) AS l WHERE (l.city_id, l.place_id) = (p.city_id, p.place_id))
        """,
    ),
    DataRule(
        "search-row-true",
        "house",
        "a search row tells the position, hours and price level of its place",
        _NEEDS,
        "postings",
        f"""
        SELECT {_PLACE}, {_LANE} || 'says ' || concat_ws(' ', l.lon7, l.lat7, l.p_hours_no, l.p_price_level)
               || ', the place is ' || concat_ws(' ', round(l.lon * 1e7), round(l.lat * 1e7), l.hours_no, l.price_level)
        FROM ({_ROWS}) AS l
        WHERE (l.lon7, l.lat7, l.p_hours_no, l.p_price_level)
           <> (round(l.lon * 1e7), round(l.lat * 1e7), l.hours_no, l.price_level)
        """,
    ),
    DataRule(
        "search-row-images",
        "house",
        "a place stands on the same charts in each of its lanes, beyond 180° and around a pole too",
        _NEEDS,
        "postings",
        f"""
        WITH spots AS MATERIALIZED ({_SPOTS}), rows AS MATERIALIZED ({_ROWS})
        SELECT {_PLACE}, {_LANE} || 'stands on chart ' || l.p_image || ', where it should not be' FROM rows l
        WHERE NOT EXISTS (SELECT 1 FROM spots s WHERE (s.city_id, s.place_id, s.image) = (l.city_id, l.place_id,
                                                                                          l.p_image))
        UNION ALL
        SELECT {_PLACE}, {_LANE} || 'is missing on chart ' || s.image
        FROM (SELECT DISTINCT city_id, place_id, facet FROM rows WHERE facet <> 0) AS l
        JOIN spots s ON (s.city_id, s.place_id) = (l.city_id, l.place_id)
        WHERE NOT EXISTS (SELECT 1 FROM rows r WHERE (r.city_id, r.place_id, r.facet, r.p_image)
                                                   = (l.city_id, l.place_id, l.facet, s.image))
        """,
    ),
    DataRule(
        "search-row-spot",
        "house",
        "a search row lies where its chart has the place, in its lane, to a metre",
        _NEEDS,
        "postings",
        f"""
        SELECT {_PLACE}, {_LANE} || 'lies ' || round(greatest(abs(l.dx), abs(l.dy))) || ' m off'
        FROM (SELECT r.*, r.spot[0] - r.facet * 1e8 - s.x AS dx, r.spot[1] - s.y AS dy FROM ({_ROWS}) AS r
              JOIN ({_SPOTS}) AS s ON (s.city_id, s.place_id, s.image) = (r.city_id, r.place_id, r.p_image)) AS l
        WHERE abs(l.dx) > 1 OR abs(l.dy) > 1
        """,
    ),
    DataRule(
        "search-facet-known",
        "house",
        "every lane of a search row has a number in the dictionary",
        (*_NEEDS, "search_facets"),
        "postings",
        f"""
        SELECT {_PLACE}, 'it stands in lane ' || l.facet || ', which nothing is called' FROM ({_ROWS}) AS l
        WHERE l.facet <> 0 AND NOT EXISTS (
            SELECT 1 FROM search_facets s WHERE (s.city_id, s.facet) = (l.city_id, l.facet))
        """,
    ),
    DataRule(
        "search-row-categories",
        "house",
        "a place stands in the lanes of its categories and of all above them, in no others",
        (*_NEEDS, "search_facets", "categories"),
        "postings",
        _lanes(
            "category",
            f"""
            WITH RECURSIVE tree AS (
                SELECT c.category_id, c.parent_id FROM categories c
                JOIN active_dataset w ON (w.city_id, w.kind, w.version) = (1, 'categories', c.version)),
            above AS (
                SELECT category_id AS own, category_id AS key, parent_id FROM tree
                UNION ALL
                SELECT b.own, t.category_id, t.parent_id FROM above b JOIN tree t ON t.category_id = b.parent_id)
            SELECT DISTINCT l.city_id, l.place_id, coalesce(b.key, o.own) AS key
            FROM ({_LIVE}) AS l CROSS JOIN LATERAL unnest(l.category_id || l.alternate_category_ids) AS o (own)
            LEFT JOIN above b ON b.own = o.own
            """,
        ),
    ),
    DataRule(
        "search-row-coupons",
        "house",
        "a place stands in the lanes of the published coupons that can be used there, in no others",
        (*_NEEDS, "search_facets", "coupons", "coupon_versions", "coupon_places"),
        "postings",
        _lanes(
            "coupon",
            f"""
            SELECT DISTINCT l.city_id, l.place_id, k.key
            FROM ({_LIVE}) AS l
            JOIN coupon_places cp ON (cp.city_id, cp.place_id) = (l.city_id, l.place_id)
            JOIN coupons c ON (c.city_id, c.coupon_id, c.state) = (cp.city_id, cp.coupon_id, 'published')
            JOIN coupon_versions v ON (v.city_id, v.coupon_id, v.version) = (c.city_id, c.coupon_id, c.current_version)
            CROSS JOIN LATERAL (
                SELECT '' AS key UNION ALL SELECT v.kind
                UNION ALL SELECT 'group_deal' WHERE v.group_price_minor IS NOT NULL) AS k
            """,
        ),
    ),
    DataRule(
        "search-row-words",
        "house",
        "a place stands in the lanes of its words, brand and attributes, and its rows carry the bits of its lanes",
        (*_NEEDS, "search_facets", "categories"),
        "postings",
        "",
        check=differing_places,
    ),
)
