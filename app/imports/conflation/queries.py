"""Pairs of a version that may mean one place, found by what their names share within a square; one city a statement.

Names are cut into pieces (two characters of Chinese, three of others); a piece and a square of 300 m are one key of a
hash join, and only a name's rarest pieces are looked up. Distance and likeness are worked out exactly afterwards.
"""

from __future__ import annotations

import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text

from app.core.ids import new_city_id
from app.imports.conflation.rules import WITHIN_M, Entry
from geo.coordinates import LonLat
from geo.units import METRES_PER_DEGREE

SQUARE_M: Final = 2 * WITHIN_M
SHARE: Final = 0.6
"""Of a name's pieces so many are looked up, the rarest first: two names that are alike share one of them."""
CHUNK: Final = 5_000


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two entries whose names share a piece; ``gone`` when the other is only in the version that readers see."""

    one_id: UUID
    other_id: UUID
    gone: bool
    one_names: Mapping[str, str]
    other_names: Mapping[str, str]
    one_at: LonLat
    other_at: LonLat


@dataclass(frozen=True, slots=True)
class Listed:
    """A pair for the queue: which stays and which goes, and by what."""

    kept: UUID
    merged: UUID
    state: str
    score: float
    evidence: Mapping[str, Any]


_DENSITY = text("""
    SELECT max(abs(st_y(f.location::geometry))) AS lat FROM place_facts f
    WHERE f.city_id = :city AND f.version = :version AND NOT f.closed
""")
# Places of the version that the one in force does not state so, and those that have gone from it.
_FRESH = """
    fresh AS MATERIALIZED (
        SELECT f.place_id FROM place_facts f
        LEFT JOIN place_facts o ON o.city_id = :city AND o.version = :active AND o.place_id = f.place_id
        WHERE f.city_id = :city AND f.version = :version AND NOT f.closed
          AND (o.place_id IS NULL OR o.closed OR o.names <> f.names OR o.source_lon <> f.source_lon
               OR o.source_lat <> f.source_lat)),
    pool AS MATERIALIZED (
        SELECT f.place_id, f.names, st_x(f.location::geometry) AS lon, st_y(f.location::geometry) AS lat,
               false AS gone, n.place_id IS NOT NULL AS fresh
        FROM place_facts f LEFT JOIN fresh n ON n.place_id = f.place_id
        WHERE f.city_id = :city AND f.version = :version AND NOT f.closed
        UNION ALL
        SELECT o.place_id, o.names, st_x(o.location::geometry), st_y(o.location::geometry), true, false
        FROM place_facts o
        JOIN places p ON p.city_id = :city AND p.place_id = o.place_id AND p.moved_to IS NULL
        WHERE o.city_id = :city AND o.version = :active AND NOT o.closed AND NOT EXISTS (
            SELECT 1 FROM place_facts f WHERE f.city_id = :city AND f.version = :version AND f.place_id = o.place_id))
"""
_PAIRS = text(f"""
    WITH {_FRESH},
    spots AS MATERIALIZED (
        SELECT p.place_id, p.gone, p.fresh, p.lon, p.lat, s.square_x, s.square_y, s.home FROM pool p
        CROSS JOIN LATERAL (
            SELECT DISTINCT CAST(floor((p.lon + dx) / :width) AS integer) AS square_x,
                   CAST(floor((p.lat + dy) / :height) AS integer) AS square_y,
                   floor((p.lon + dx) / :width) = floor(p.lon / :width)
                   AND floor((p.lat + dy) / :height) = floor(p.lat / :height) AS home
            FROM (VALUES (-0.5 * :width, -0.5 * :height), (0.5 * :width, -0.5 * :height),
                         (-0.5 * :width, 0.5 * :height), (0.5 * :width, 0.5 * :height), (0.0, 0.0)) AS v (dx, dy))
        AS s),
    near AS MATERIALIZED (
        SELECT DISTINCT h.square_x, h.square_y FROM spots h WHERE h.fresh),
    touched AS MATERIALIZED (
        SELECT DISTINCT s.place_id FROM spots s JOIN near n USING (square_x, square_y)),
    pieces AS MATERIALIZED (
        SELECT p.place_id, hashtext(substr(w.word, at, w.n)) AS piece
        FROM pool p JOIN touched t USING (place_id)
        CROSS JOIN LATERAL (
            SELECT DISTINCT word, CASE WHEN word ~ '[\u2e80-\u9fff\uac00-\ud7af]' THEN 2 ELSE 3 END AS n
            FROM (SELECT regexp_replace(regexp_replace(lower(normalize(value, NFKC)),
                                            '[(【\\[][^()【】]*[)】\\]]\\s*$', ''), '[\\W_]+', '', 'g') AS word
                  FROM jsonb_each_text(p.names)) AS words WHERE word <> '') AS w
        CROSS JOIN LATERAL generate_series(1, greatest(1, length(w.word) - w.n + 1)) AS at
        GROUP BY 1, 2),
    common AS MATERIALIZED (SELECT piece, count(*) AS places FROM pieces GROUP BY piece),
    rarest AS MATERIALIZED (
        SELECT place_id, piece FROM (
            SELECT q.place_id, q.piece, row_number() OVER (PARTITION BY q.place_id ORDER BY c.places, q.piece) AS nth,
                   count(*) OVER (PARTITION BY q.place_id) AS pieces
            FROM pieces q JOIN common c USING (piece)) AS ranked
        WHERE nth <= 1 + {SHARE} * pieces),
    keys AS MATERIALIZED (
        SELECT r.place_id, r.piece, s.square_x, s.square_y, s.home, s.fresh, s.gone, s.lon, s.lat
        FROM rarest r JOIN spots s USING (place_id)),
    pairs AS MATERIALIZED (
        SELECT DISTINCT a.place_id AS one_id, b.place_id AS other_id, b.gone
        FROM keys a JOIN keys b ON b.piece = a.piece AND b.square_x = a.square_x AND b.square_y = a.square_y
        WHERE a.home AND a.fresh AND a.place_id <> b.place_id AND (NOT b.fresh OR a.place_id < b.place_id)
          AND abs(a.lat - b.lat) <= 0.5 * :height AND abs(a.lon - b.lon) <= 0.5 * :width)
    SELECT p.one_id, p.other_id, p.gone, a.names AS one_names, b.names AS other_names,
           a.lon AS one_lon, a.lat AS one_lat, b.lon AS other_lon, b.lat AS other_lat
    FROM pairs p JOIN pool a ON a.place_id = p.one_id JOIN pool b ON b.place_id = p.other_id
    WHERE NOT EXISTS (
        SELECT 1 FROM reviews r WHERE r.city_id = :city AND r.kind = 'duplicate'
           AND least(r.place_id, r.other_id) = least(p.one_id, p.other_id)
           AND greatest(r.place_id, r.other_id) = greatest(p.one_id, p.other_id))
""")
_ENTRIES = text("""
    SELECT f.place_id, st_x(f.location::geometry) AS lon, st_y(f.location::geometry) AS lat, f.names, f.category_id,
           f.alternate_category_ids, f.brand_id, f.phone, f.address,
           EXISTS (SELECT 1 FROM place_operators o WHERE o.city_id = :city AND o.place_id = f.place_id)
           OR EXISTS (SELECT 1 FROM service_areas a WHERE a.city_id = :city AND a.place_id = f.place_id) AS run
    FROM place_facts f
    WHERE f.city_id = :city AND f.version = :version AND f.place_id = ANY (CAST(:places AS uuid[]))
""")
_PLANNING = text("""
    SELECT set_config('enable_nestloop', :loops, true), set_config('jit', :jit, true),
           set_config('work_mem', :memory, true)
""")
_PLANNED = text("SELECT current_setting('enable_nestloop'), current_setting('jit'), current_setting('work_mem')")
_STATED = text("""
    SELECT f.place_id FROM place_facts f
    WHERE f.city_id = :city AND f.version = :version AND f.place_id = ANY (CAST(:places AS uuid[]))
""")
_DROP_PLANS = text("""
    DELETE FROM reviews r WHERE r.city_id = :city AND r.state = 'planned' AND NOT EXISTS (
        SELECT 1 FROM datasets d WHERE d.city_id = :city AND d.kind = 'places' AND d.version = r.version
           AND d.state IN ('validating', 'staged'))
""")
_PUT_PAIRS = text("""
    INSERT INTO reviews (city_id, review_id, kind, state, place_id, other_id, version, score, priority, evidence,
                         created_at)
    SELECT :city, g.review_id, 'duplicate', g.state, g.kept, g.merged, :version, g.score, 0, g.evidence::jsonb, :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:kept AS uuid[]), CAST(:merged AS uuid[]), CAST(:states AS text[]),
                CAST(:scores AS double precision[]), CAST(:evidence AS text[]))
         AS g (review_id, kept, merged, state, score, evidence)
    ON CONFLICT DO NOTHING
    RETURNING review_id, place_id, other_id
""")
_PLANS = text("""
    SELECT r.review_id, r.place_id, r.other_id FROM reviews r
    WHERE r.city_id = :city AND r.kind = 'duplicate' AND r.state = 'planned' AND r.version = :version
    ORDER BY r.review_id FOR NO KEY UPDATE
""")
_PLANNED_HERE = "r.city_id = :city AND r.kind = 'duplicate' AND r.state = 'planned' AND r.version = :version"
_ASK_OF_RUN = text(f"""
    UPDATE reviews r SET state = 'open' WHERE {_PLANNED_HERE} AND (
        EXISTS (SELECT 1 FROM place_operators o WHERE o.city_id = :city AND o.place_id = r.other_id)
        OR EXISTS (SELECT 1 FROM service_areas a WHERE a.city_id = :city AND a.place_id = r.other_id))
""")
_LAPSE_MERGED = text(f"""
    UPDATE reviews r SET state = 'lapsed' FROM places p
    WHERE {_PLANNED_HERE} AND p.city_id = :city AND p.place_id IN (r.place_id, r.other_id) AND p.moved_to IS NOT NULL
""")
_PAIR = text("""
    SELECT r.review_id FROM reviews r WHERE r.city_id = :city AND r.kind = 'duplicate'
       AND least(r.place_id, r.other_id) = least(CAST(:one AS uuid), CAST(:other AS uuid))
       AND greatest(r.place_id, r.other_id) = greatest(CAST(:one AS uuid), CAST(:other AS uuid))
""")
_TURN = text("""
    UPDATE reviews SET place_id = :kept, other_id = :merged, state = 'open', decision = NULL, decided_at = NULL,
                       decided_by = NULL, note = NULL, undo = NULL
    WHERE city_id = :city AND review_id = :review
""")
_REOPEN = text("""
    UPDATE reviews SET state = 'open', decision = NULL, decided_at = NULL, decided_by = NULL, note = NULL, undo = NULL
    WHERE city_id = :city AND review_id = :review
""")
_CORRECTED = text("""
    SELECT DISTINCT o.place_id FROM place_overlays o
    WHERE o.city_id = :city AND o.state = 'live' AND o.place_id = ANY (CAST(:places AS uuid[]))
""")
_LAST = text("""
    SELECT f.place_id, max(f.version) AS version FROM place_facts f
    WHERE f.city_id = :city AND f.version = ANY (ARRAY(
            SELECT d.version FROM datasets d WHERE d.city_id = :city AND d.kind = 'places'))
      AND f.place_id = ANY (CAST(:places AS uuid[]))
    GROUP BY f.place_id
""")
_RUN = text("""
    SELECT o.place_id FROM place_operators o
    WHERE o.city_id = :city AND o.place_id = ANY (CAST(:places AS uuid[]))
    UNION
    SELECT a.place_id FROM service_areas a WHERE a.city_id = :city AND a.place_id = ANY (CAST(:places AS uuid[]))
""")


def candidates(conn: Connection, city_id: int, version: int, active: int | None) -> Iterator[Candidate]:
    """Pairs of entries whose names share a rare piece and that nobody has decided about, in no order.

    One of a pair is new in the version, or was renamed or moved since ``active``; the other is in the version too, or
    is a place of ``active`` that the version no longer states (``gone``).
    """
    values: dict[str, Any] = {"city": city_id, "version": version, "active": 0 if active is None else active}
    lat = conn.execute(_DENSITY, values).scalar_one()
    if lat is None:
        return
    height = SQUARE_M / METRES_PER_DEGREE
    squares = {"height": height, "width": height / max(0.02, math.cos(math.radians(min(89.0, lat + 0.01))))}
    streamed = _PAIRS.execution_options(stream_results=True, yield_per=CHUNK)
    # What is worked out on the way has no statistics: a nested loop over it would look at every pair of places.
    loops, jit, memory = conn.execute(_PLANNED).one()
    conn.execute(_PLANNING, {"loops": "off", "jit": "off", "memory": "128MB"})
    found = conn.execute(streamed, values | squares)
    conn.execute(_PLANNING, {"loops": loops, "jit": jit, "memory": memory})
    for row in found:
        yield Candidate(
            row.one_id, row.other_id, row.gone, row.one_names, row.other_names,
            LonLat(row.one_lon, row.one_lat), LonLat(row.other_lon, row.other_lat),
        )  # fmt: skip


def entries(conn: Connection, city_id: int, version: int, place_ids: Collection[UUID]) -> dict[UUID, Entry]:
    """What a version states of some places."""
    rows = conn.execute(_ENTRIES, {"city": city_id, "version": version, "places": list(place_ids)})
    return {
        row.place_id: Entry(
            row.place_id,
            LonLat(row.lon, row.lat),
            row.names,
            row.category_id,
            tuple(row.alternate_category_ids),
            row.brand_id,
            row.phone,
            row.address,
            row.run,
        )
        for row in rows
    }


def last_stated(conn: Connection, city_id: int, place_ids: Collection[UUID]) -> dict[UUID, int]:
    """The last version that states each of some places; those that none does are left out."""
    rows = conn.execute(_LAST, {"city": city_id, "places": list(place_ids)}) if place_ids else ()
    return {row.place_id: row.version for row in rows}


def corrected(conn: Connection, city_id: int, place_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of some places that have a correction in force."""
    if not place_ids:
        return frozenset()
    return frozenset(conn.execute(_CORRECTED, {"city": city_id, "places": list(place_ids)}).scalars())


def drop_old_plans(conn: Connection, city_id: int) -> None:
    """Forgets what was to be merged with versions that will not be shown any more."""
    conn.execute(_DROP_PLANS, {"city": city_id})


def put_pairs(
    conn: Connection, city_id: int, version: int, found: Sequence[Listed], now: datetime
) -> dict[tuple[UUID, UUID], UUID]:
    """Lists pairs, each once for ever; the reviews of those that are listed now, by what stays and what goes."""
    if not found:
        return {}
    values = {
        "city": city_id,
        "version": version,
        "now": now,
        "ids": [new_city_id(city_id) for _ in found],
        "kept": [one.kept for one in found],
        "merged": [one.merged for one in found],
        "states": [one.state for one in found],
        "scores": [one.score for one in found],
        "evidence": [json.dumps(dict(one.evidence)) for one in found],
    }
    return {(row.place_id, row.other_id): row.review_id for row in conn.execute(_PUT_PAIRS, values)}


def planned(conn: Connection, city_id: int, version: int) -> list[tuple[UUID, UUID, UUID]]:
    """What is to be merged when a version is shown: review, the place that stays, the place that goes."""
    rows = conn.execute(_PLANS, {"city": city_id, "version": version})
    return [(row.review_id, row.place_id, row.other_id) for row in rows]


def ask_of_run(conn: Connection, city_id: int, version: int) -> None:
    """Planned merges whose place that goes is run by a merchant, or served from, are questions for a person."""
    conn.execute(_ASK_OF_RUN, {"city": city_id, "version": version})


def lapse_merged(conn: Connection, city_id: int, version: int) -> None:
    """Planned merges of places that a person merged into others meanwhile are no more."""
    conn.execute(_LAPSE_MERGED, {"city": city_id, "version": version})


def pair_review(conn: Connection, city_id: int, one: UUID, other: UUID) -> UUID | None:
    """The review of a pair, whichever of the two stays."""
    return conn.execute(_PAIR, {"city": city_id, "one": one, "other": other}).scalar_one_or_none()


def turn_pair(conn: Connection, city_id: int, review_id: UUID, kept: UUID, merged: UUID) -> None:
    """Says which of a pair stays; an undecided one is open from now on."""
    conn.execute(_TURN, {"city": city_id, "review": review_id, "kept": kept, "merged": merged})


def reopen(conn: Connection, city_id: int, review_id: UUID) -> None:
    """A decision is taken back."""
    conn.execute(_REOPEN, {"city": city_id, "review": review_id})


def run_by(conn: Connection, city_id: int, place_ids: Collection[UUID]) -> frozenset[UUID]:
    """Those of some places that a merchant runs, or serves an area from."""
    return frozenset(conn.execute(_RUN, {"city": city_id, "places": list(place_ids)}).scalars())


def stated_in(conn: Connection, city_id: int, version: int, place_ids: Collection[UUID]) -> frozenset[UUID]:
    """Which of some places a version states."""
    values = {"city": city_id, "version": version, "places": list(place_ids)}
    return frozenset(conn.execute(_STATED, values).scalars())
