"""Search rows of many places at once, by statements over places that wait with what they are found by.

Each statement takes the places of a range of rows. What a place is found by was worked out where the file was read;
here facets get numbers and rows get made. Places that are otherwise by now than their row said are left out: whoever
calls writes those one by one.
"""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, text

from app.postings.charts import lane_y, slot_of

_KIND: Final = """CASE left({word}, 1) WHEN 'c' THEN 'category' WHEN 'b' THEN 'brand' WHEN 'a' THEN 'attribute'
    WHEN 'w' THEN 'word' WHEN 'n' THEN 'name' ELSE 'phone' END"""
# What a range of places is found by, each once, with its number if it has one.
_NUMBERED: Final = f"""
    SELECT w.word, f.facet
    FROM (SELECT DISTINCT u.word FROM place_staging s CROSS JOIN LATERAL unnest(s.facets) AS u (word)
          WHERE s.city_id = :city AND s.version = :version AND s.row_no > :after AND s.row_no <= :upto) AS w
    LEFT JOIN search_facets f ON f.city_id = :city AND f.kind = {_KIND.format(word="w.word")}
         AND f.key = substr(w.word, 2)
"""
# Numbers are drawn at random; one that is taken is drawn anew by the next turn. How many were without one before.
_NUMBER = text(f"""
    WITH missing AS MATERIALIZED (SELECT n.word FROM ({_NUMBERED}) AS n WHERE n.facet IS NULL),
    put AS (
        INSERT INTO search_facets (city_id, kind, key, facet)
        SELECT :city, {_KIND.format(word="m.word")}, substr(m.word, 2), 1 + floor(random() * 16777214) FROM missing m
        ON CONFLICT DO NOTHING)
    SELECT count(*) FROM missing
""")
_PUT = text(f"""
    WITH waiting AS MATERIALIZED (
        SELECT s.row_no, f.place_id, s.facets, s.spots, coalesce(f.hours_no, 0) AS hours_no,
               coalesce(f.price_level, 0) AS price_level,
               round(st_x(f.location::geometry) * 1e7)::integer AS lon7,
               round(st_y(f.location::geometry) * 1e7)::integer AS lat7
        FROM place_staging s
        CROSS JOIN LATERAL (
            SELECT coalesce(p.merged_from, p.place_id) AS place_id FROM place_sources p
            WHERE p.city_id = :city AND p.source_key = s.source_key OFFSET 0) AS k
        CROSS JOIN LATERAL (
            SELECT f.* FROM place_facts f
            WHERE f.city_id = :city AND f.version = :version AND f.place_id = k.place_id OFFSET 0) AS f
        WHERE s.city_id = :city AND s.version = :version AND s.row_no > :after AND s.row_no <= :upto
          AND NOT f.closed AND NOT s.closed AND f.category_id = s.category_id
          AND f.alternate_category_ids = s.alternate_category_ids AND f.brand_id IS NOT DISTINCT FROM s.brand_id
          AND f.phone IS NOT DISTINCT FROM s.phone AND f.names = s.names AND f.attributes = s.attributes
          AND f.location = s.location),
    numbered AS MATERIALIZED ({_NUMBERED}),
    pair AS MATERIALIZED (
        SELECT w.row_no, n.facet
        FROM waiting w CROSS JOIN LATERAL unnest(w.facets) AS u (word) JOIN numbered n ON n.word = u.word),
    signed AS MATERIALIZED (
        SELECT w.row_no, w.place_id, w.hours_no, w.price_level, w.lon7, w.lat7,
               w.spots[3 * n + 1]::smallint AS image, w.spots[3 * n + 2] AS x, w.spots[3 * n + 3] AS y,
               coalesce(g.signature, 0) AS signature
        FROM waiting w
        LEFT JOIN (SELECT p.row_no, bit_or(1::bigint << (p.facet & 63)) AS signature FROM pair p GROUP BY p.row_no)
             AS g ON g.row_no = w.row_no
        CROSS JOIN LATERAL generate_series(0, cardinality(w.spots) / 3 - 1) AS n)
    INSERT INTO postings (city_id, slot, facet, place_id, image, spot, signature, lon7, lat7, hours_no, price_level)
    SELECT :city, :slot, l.facet, w.place_id, w.image, point(w.x + l.facet * 1e8, w.y + :lane), w.signature,
           w.lon7, w.lat7, w.hours_no, w.price_level
    FROM signed w
    JOIN (SELECT p.row_no, p.facet FROM pair p UNION ALL SELECT w.row_no, 0 FROM waiting w) AS l
      ON l.row_no = w.row_no
""")
_LEFT_OUT = text("""
    SELECT f.place_id FROM place_facts f
    WHERE f.city_id = :city AND f.version = :version AND NOT f.closed AND (
        SELECT true FROM postings p
        WHERE p.city_id = :city AND p.slot = :slot AND p.place_id = f.place_id AND p.facet = 0 LIMIT 1) IS NULL
    ORDER BY f.place_id LIMIT :limit
""")


def put_waiting(conn: Connection, city_id: int, version: int, after: int, upto: int) -> int:
    """Search rows of the places whose row number is in (after, upto] and that are as their row says; how many rows."""
    slot = slot_of(version)
    values = {
        "city": city_id,
        "version": version,
        "slot": slot,
        "lane": lane_y(city_id, slot),
        "after": after,
        "upto": upto,
    }
    while conn.execute(_NUMBER, values).scalar_one():
        pass  # until nothing is without a number
    return conn.execute(_PUT, values).rowcount


def left_out(conn: Connection, city_id: int, version: int, limit: int) -> tuple[Any, ...]:
    """Live places of a version that have no search row yet, by id."""
    values = {"city": city_id, "version": version, "slot": slot_of(version), "limit": limit}
    return tuple(conn.execute(_LEFT_OUT, values).scalars())
