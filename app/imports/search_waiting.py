"""Search rows of many places at once, by statements over places that wait with what they are found by.

Each statement takes the places of a part of a file. What a place is found by was worked out where the file was read;
here facets get numbers and rows get made, while the rest of the file is being read. What becomes of those places later
in the load (corrected, merged, carried along) is found at its end, and written place by place.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from app.imports.copy_lines import LETTERS
from app.imports.queries_jobs import LOCKED, waiting_at_most
from app.imports.staging import KNOWN, Part
from app.postings.charts import lane_y, slot_of
from app.postings.queries import add_facets
from app.postings.types import FacetKey, FacetKind

WAITED_MS: Final = 1_000
KINDS: Final[dict[str, FacetKind]] = {letter: kind for kind, letter in LETTERS.items()}

_KNOWN_WORD: Final = """
    (SELECT f.facet FROM search_facets f
     WHERE f.city_id = :city AND f.key = substr(w.word, 2)
       AND f.kind = CASE left(w.word, 1) WHEN 'c' THEN 'category' WHEN 'b' THEN 'brand' WHEN 'a' THEN 'attribute'
                    WHEN 'w' THEN 'word' WHEN 'n' THEN 'name' ELSE 'phone' END)
"""
_PART: Final = "s.city_id = :city AND s.version = :version AND s.row_no > :after AND s.row_no <= :upto AND NOT s.closed"
_NEW_WORDS = text(f"""
    SELECT w.word
    FROM (SELECT u.word FROM place_staging s CROSS JOIN LATERAL unnest(s.facets) AS u (word) WHERE {_PART}
          GROUP BY u.word) AS w
    WHERE {_KNOWN_WORD} IS NULL
""")
# Places with a word that has no number yet are left out.
_PUT = text(f"""
    WITH waiting AS MATERIALIZED (
        SELECT s.row_no, k.place_id, s.facets, s.spots, coalesce(h.hours_no, 0) AS hours_no,
               coalesce(s.price_level, 0) AS price_level,
               round(st_x(s.location::geometry) * 1e7)::integer AS lon7,
               round(st_y(s.location::geometry) * 1e7)::integer AS lat7
        FROM place_staging s {KNOWN}
        LEFT JOIN hours_patterns h ON h.city_id = :city AND h.version = :version
             AND h.opening_hours = s.opening_hours AND h.workday_calendar = s.workday_calendar
        WHERE {_PART}),
    word AS MATERIALIZED (
        SELECT u.word FROM waiting w CROSS JOIN LATERAL unnest(w.facets) AS u (word) GROUP BY u.word),
    numbered AS MATERIALIZED (SELECT w.word, {_KNOWN_WORD} AS facet FROM word w),
    found AS MATERIALIZED (
        SELECT w.row_no, array_agg(n.facet) AS facets, bit_or(1::bigint << (n.facet & 63)) AS signature
        FROM waiting w CROSS JOIN LATERAL unnest(w.facets) AS u (word)
        JOIN numbered n ON n.word = u.word AND n.facet IS NOT NULL
        GROUP BY w.row_no)
    INSERT INTO postings (city_id, slot, facet, place_id, image, spot, signature, lon7, lat7, hours_no, price_level)
    SELECT :city, :slot, l.facet, w.place_id, w.spots[3 * n + 1]::smallint,
           point(w.spots[3 * n + 2] + l.facet * 1e8, w.spots[3 * n + 3] + :lane), coalesce(g.signature, 0),
           w.lon7, w.lat7, w.hours_no, w.price_level
    FROM waiting w
    LEFT JOIN found g ON g.row_no = w.row_no
    CROSS JOIN LATERAL generate_series(0, cardinality(w.spots) / 3 - 1) AS n
    CROSS JOIN LATERAL unnest(array_prepend(0, g.facets)) AS l (facet)
    WHERE cardinality(w.facets) = coalesce(cardinality(g.facets), 0)
""")
# Live places that are otherwise than the row from which their search rows were made.
_OTHERWISE = text("""
    SELECT f.place_id
    FROM place_staging s
    JOIN place_sources k ON k.city_id = :city AND k.source_key = s.source_key
    JOIN place_facts f ON f.city_id = :city AND f.version = :version
     AND f.place_id = coalesce(k.merged_from, k.place_id)
    LEFT JOIN hours_patterns h ON h.city_id = :city AND h.version = :version AND h.opening_hours = s.opening_hours
     AND h.workday_calendar = s.workday_calendar
    WHERE s.city_id = :city AND s.version = :version AND NOT s.closed AND NOT f.closed
      AND NOT (f.category_id = s.category_id AND f.alternate_category_ids = s.alternate_category_ids
               AND f.brand_id IS NOT DISTINCT FROM s.brand_id AND f.phone IS NOT DISTINCT FROM s.phone
               AND f.names = s.names AND f.attributes = s.attributes AND f.location = s.location
               AND f.price_level IS NOT DISTINCT FROM s.price_level AND f.hours_no IS NOT DISTINCT FROM h.hours_no)
    ORDER BY f.place_id
""")
# Places with search rows that the version doesn't state any more, or as closed.
_GONE = text("""
    SELECT p.place_id FROM postings p
    WHERE p.city_id = :city AND p.slot = :slot AND p.facet = 0 AND p.image IN (0, 2) AND NOT EXISTS (
        SELECT 1 FROM place_facts f
        WHERE f.city_id = :city AND f.version = :version AND f.place_id = p.place_id AND NOT f.closed)
    GROUP BY p.place_id ORDER BY p.place_id
""")
_LEFT_OUT = text("""
    SELECT f.place_id FROM place_facts f
    WHERE f.city_id = :city AND f.version = :version AND NOT f.closed AND (
        SELECT true FROM postings p
        WHERE p.city_id = :city AND p.slot = :slot AND p.place_id = f.place_id AND p.facet = 0 LIMIT 1) IS NULL
    ORDER BY f.place_id
""")


def put_waiting(conn: Connection, city_id: int, version: int, part: Part) -> int:
    """Search rows of the places of a part, which have none yet; how many rows."""
    values = _values(city_id, version) | {"after": part.after, "upto": part.upto}
    words = conn.execute(_NEW_WORDS, values).scalars().all()
    if words:
        _number(conn, city_id, [(KINDS[word[0]], word[1:]) for word in words])
    return conn.execute(_PUT, values | {"lane": lane_y(city_id, slot_of(version))}).rowcount


def _number(conn: Connection, city_id: int, keys: Sequence[FacetKey]) -> None:
    """Numbers of new words, committed by themselves: who brings one of them meanwhile has not to wait for the load.

    Those that another writer is numbering at this moment may stay without.
    """
    try:
        with conn.engine.begin() as own, waiting_at_most(own, WAITED_MS):
            add_facets(own, city_id, keys)
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != LOCKED:
            raise


def gone(conn: Connection, city_id: int, version: int) -> list[UUID]:
    """Places with search rows that are no live ones of the version."""
    return list(conn.execute(_GONE, _values(city_id, version)).scalars())


def otherwise(conn: Connection, city_id: int, version: int) -> list[UUID]:
    """Places that are found otherwise by now than the row says from which their search rows were made."""
    return list(conn.execute(_OTHERWISE, _values(city_id, version)).scalars())


def left_out(conn: Connection, city_id: int, version: int) -> list[UUID]:
    """Live places of a version that have no search row yet."""
    return list(conn.execute(_LEFT_OUT, _values(city_id, version)).scalars())


def _values(city_id: int, version: int) -> dict[str, Any]:
    return {"city": city_id, "version": version, "slot": slot_of(version)}
