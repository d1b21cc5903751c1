"""Merges and their undoing: identities, the keys of sources, corrections, and the facts of a version.

A merged place keeps its facts in each version, taken out by a correction ``duplicate_of``; its source's key means the
place that stays, and remembers whose it was. Where a version states only the merged one, its facts go by the name of
the place that stays, and the two change keys, so that the next load finds them so. The caller commits.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text

from app.core.ids import new_city_id

NOBODY: Final = UUID(int=0)
"""The author of merges that a load made by itself."""


@dataclass(frozen=True, slots=True)
class Merge:
    """One place that goes into another, the review that says so, and who decided why."""

    review_id: UUID
    kept: UUID
    merged: UUID
    author_id: UUID = NOBODY
    reason: str = "found by a load"


_GIVEN = """
    given AS (SELECT * FROM unnest(CAST(:reviews AS uuid[]), CAST(:kept AS uuid[]), CAST(:merged AS uuid[]),
                                   CAST(:overlays AS uuid[]), CAST(:authors AS uuid[]), CAST(:reasons AS text[]))
              AS g (review_id, kept, merged, overlay_id, author_id, reason))
"""
_REPLACED = text(f"""
    WITH {_GIVEN}
    UPDATE place_overlays o SET state = 'replaced', ended_at = :now FROM given g
    WHERE o.city_id = :city AND o.place_id = g.merged AND o.field = 'duplicate_of' AND o.state = 'live'
""")
_OVERLAYS = text(f"""
    WITH {_GIVEN}
    INSERT INTO place_overlays (city_id, overlay_id, place_id, field, value, made_version, reason, author_id,
                                created_at, state)
    SELECT :city, overlay_id, merged, 'duplicate_of', to_jsonb(kept::text), :version, reason, author_id, :now, 'live'
    FROM given
""")
_IDENTITIES = text(f"""
    WITH {_GIVEN}
    UPDATE places p SET moved_to = g.kept, moved_at = :now FROM given g
    WHERE p.city_id = :city AND p.place_id = g.merged
""")
# What a merge changes and its undoing gives back: the key that the merged place came with, corrections that move over.
_UNDO = text(f"""
    WITH {_GIVEN}
    SELECT g.review_id, coalesce(
               (SELECT min(s.source_key) FROM place_sources s WHERE s.city_id = :city AND s.merged_from = g.merged),
               (SELECT min(s.source_key) FROM place_sources s
                WHERE s.city_id = :city AND s.place_id = g.merged AND s.merged_from IS NULL)) AS key,
           (SELECT coalesce(jsonb_agg(o.overlay_id ORDER BY o.overlay_id), '[]') FROM place_overlays o
            WHERE o.city_id = :city AND o.place_id = g.merged AND o.state = 'live'
              AND o.field NOT IN ('closed', 'hide', 'move', 'duplicate_of')
              AND NOT EXISTS (SELECT 1 FROM place_overlays k WHERE k.city_id = :city AND k.place_id = g.kept
                                 AND k.field = o.field AND k.state = 'live')) AS overlays
    FROM given g
""")
_CARRY = text("""
    UPDATE place_overlays SET place_id = :place
    WHERE city_id = :city AND overlay_id = ANY (CAST(:overlays AS uuid[]))
""")
# Back to the merged place: as what it says no more where it has a word of its own by now; in force again where it
# ended for reasons of the place that stayed.
_TAKE_BACK = text("""
    UPDATE place_overlays o SET place_id = :place,
           state = CASE WHEN o.state NOT IN ('live', 'retired', 'replaced') THEN o.state
                        WHEN t.taken THEN 'replaced' ELSE 'live' END,
           ended_at = CASE WHEN o.state NOT IN ('live', 'retired', 'replaced') THEN o.ended_at
                           WHEN t.taken THEN coalesce(o.ended_at, :now) END,
           ended_version = NULL
    FROM (SELECT g.overlay_id, EXISTS (
              SELECT 1 FROM place_overlays l WHERE l.city_id = :city AND l.place_id = :place AND l.field = g.field
                 AND l.state = 'live') AS taken
          FROM place_overlays g WHERE g.city_id = :city AND g.overlay_id = ANY (CAST(:overlays AS uuid[]))) AS t
    WHERE o.city_id = :city AND o.overlay_id = t.overlay_id
""")
_SOURCES = text(f"""
    WITH {_GIVEN}
    UPDATE place_sources s SET merged_from = coalesce(s.merged_from, s.place_id), place_id = g.kept FROM given g
    WHERE s.city_id = :city AND s.place_id = g.merged
""")
# What else was asked about a place that is merged away is no question any more.
_LAPSE = text(f"""
    WITH {_GIVEN},
    asked AS MATERIALIZED (
        SELECT r.review_id, r.place_id, r.other_id FROM reviews r LEFT JOIN given g ON g.review_id = r.review_id
        WHERE r.city_id = :city AND r.state = 'open' AND r.kind = 'duplicate' AND g.review_id IS NULL),
    about AS (
        SELECT a.review_id, g.review_id AS by_review FROM asked a JOIN given g ON g.merged = a.place_id
        UNION SELECT a.review_id, g.review_id FROM asked a JOIN given g ON g.merged = a.other_id)
    UPDATE reviews r SET state = 'lapsed' FROM about b
    WHERE r.city_id = :city AND r.state = 'open' AND r.review_id = b.review_id
    RETURNING b.by_review AS review_id, r.review_id AS other
""")
_REOPEN = text("""
    UPDATE reviews SET state = 'open'
    WHERE city_id = :city AND state = 'lapsed' AND review_id = ANY (CAST(:reviews AS uuid[]))
""")
_DONE = text("""
    UPDATE reviews r SET state = 'done', decision = 'merge', decided_at = :now, decided_by = :by,
                         undo = g.undo::jsonb, note = coalesce(r.note, :note)
    FROM unnest(CAST(:reviews AS uuid[]), CAST(:undos AS text[])) AS g (review_id, undo)
    WHERE r.city_id = :city AND r.review_id = g.review_id
""")
# Merged places that a version states while it doesn't state the place that stays: one for each of those.
_LONELY = text("""
    SELECT DISTINCT ON (s.place_id) s.place_id AS kept, s.merged_from AS merged
    FROM place_sources s
    JOIN place_facts f ON f.city_id = :city AND f.version = :version AND f.place_id = s.merged_from
    WHERE s.city_id = :city AND s.merged_from IS NOT NULL
      AND (CAST(:kept AS uuid) IS NULL OR s.place_id = :kept)
      AND NOT EXISTS (SELECT 1 FROM place_facts k
                      WHERE k.city_id = :city AND k.version = :version AND k.place_id = s.place_id)
    ORDER BY s.place_id, f.closed, s.merged_from
""")
_PAIRED = """
    given AS (SELECT * FROM unnest(CAST(:kept AS uuid[]), CAST(:merged AS uuid[])) AS g (kept, merged))
"""
_FORGET_BASES = text("""
    DELETE FROM place_bases b WHERE b.city_id = :city AND b.version = :version
       AND b.place_id = ANY (CAST(:places AS uuid[]))
""")
_RENAME = text(f"""
    WITH {_PAIRED}
    UPDATE place_facts f SET place_id = g.kept FROM given g
    WHERE f.city_id = :city AND f.version = :version AND f.place_id = g.merged
""")
_CHANGE_KEYS = text(f"""
    WITH {_PAIRED}
    UPDATE place_sources s SET merged_from = CASE WHEN s.merged_from IS NULL THEN g.merged END FROM given g
    WHERE s.city_id = :city AND s.place_id = g.kept AND (s.merged_from IS NULL OR s.merged_from = g.merged)
""")
_PART = text("""
    WITH RECURSIVE under AS (
        SELECT CAST(:merged AS uuid) AS place_id
        UNION SELECT p.place_id FROM places p JOIN under u ON p.city_id = :city AND p.moved_to = u.place_id)
    UPDATE place_sources s SET place_id = :merged, merged_from = nullif(s.merged_from, :merged)
    WHERE s.city_id = :city AND s.merged_from IN (SELECT place_id FROM under)
""")
# The merged place gets the key that it came with, and whoever has that one by now gets the key of the merged place.
_GIVE_KEYS = text("""
    UPDATE place_sources s SET place_id = o.place_id,
           merged_from = CASE WHEN s.source_key = :key THEN CAST(:merged AS uuid) ELSE o.merged_from END
    FROM place_sources o
    WHERE s.city_id = :city AND o.city_id = :city AND o.source_key <> s.source_key
      AND (s.source_key = :key AND o.merged_from = :merged OR s.merged_from = :merged AND o.source_key = :key)
""")
_BACK = text("""
    UPDATE places SET moved_to = NULL, moved_at = NULL
    WHERE city_id = :city AND place_id = :merged AND moved_to IS NOT NULL
""")
_WITHDRAW = text("""
    UPDATE place_overlays SET state = 'withdrawn', ended_at = :now
    WHERE city_id = :city AND place_id = :merged AND field = 'duplicate_of' AND state = 'live'
""")
_STATED_BY = text("""
    SELECT f.version FROM place_facts f
    WHERE f.city_id = :city AND f.place_id = :kept AND f.source_key = :key
      AND f.version = ANY (CAST(:versions AS integer[])) AND NOT EXISTS (
        SELECT 1 FROM place_facts m WHERE m.city_id = :city AND m.version = f.version AND m.place_id = :merged)
    ORDER BY f.version
""")
_VERSIONS = text("""
    SELECT d.version FROM datasets d WHERE d.city_id = :city AND d.kind = 'places'
       AND d.state IN ('validating', 'staged', 'active', 'retired') AND d.purged_at IS NULL
    ORDER BY d.version LIMIT 1000
""")
_FINAL = text("""
    WITH RECURSIVE way AS (
        SELECT p.place_id, p.moved_to, 0 AS steps FROM places p WHERE p.city_id = :city AND p.place_id = :place
        UNION ALL
        SELECT p.place_id, p.moved_to, w.steps + 1 FROM places p
        JOIN way w ON p.city_id = :city AND p.place_id = w.moved_to WHERE w.steps < 20)
    SELECT place_id FROM way ORDER BY steps DESC LIMIT 1
""")
_ARRAYS: Final = ("reviews", "kept", "merged", "overlays", "authors", "reasons")


def merge(
    conn: Connection, city_id: int, version: int, merges: Sequence[Merge], by: str, note: str | None, now: datetime
) -> None:
    """Makes merges: identities, keys, corrections, reviews; facts follow with ``stand_in`` and corrections."""
    if not merges:
        return
    values: dict[str, Any] = {
        "city": city_id,
        "version": version,
        "now": now,
        "by": by,
        "note": note,
        "reviews": [one.review_id for one in merges],
        "kept": [one.kept for one in merges],
        "merged": [one.merged for one in merges],
        "overlays": [new_city_id(city_id) for _ in merges],
        "authors": [one.author_id for one in merges],
        "reasons": [one.reason for one in merges],
    }
    undos = {row.review_id: _undo(row) for row in conn.execute(_UNDO, values)}
    for number, one in enumerate(merges):
        undo = undos[one.review_id]
        if undo["overlays"]:  # another merge may have brought the same correction meanwhile
            only = {name: [values[name][number]] for name in _ARRAYS}
            undo = undos[one.review_id] = _undo(conn.execute(_UNDO, values | only).one())
            conn.execute(_CARRY, {"city": city_id, "place": one.kept, "overlays": undo["overlays"]})
    for row in conn.execute(_LAPSE, values):
        undos[row.review_id]["lapsed"].append(str(row.other))
    for statement in (_REPLACED, _OVERLAYS, _IDENTITIES, _SOURCES):
        conn.execute(statement, values)
    conn.execute(_DONE, values | {"undos": [json.dumps(undos[one.review_id]) for one in merges]})


def lonely(conn: Connection, city_id: int, version: int, kept: UUID | None = None) -> tuple[tuple[UUID, UUID], ...]:
    """Places that a version states only by what was merged into them, with one of those each: (kept, merged) pairs."""
    rows = conn.execute(_LONELY, {"city": city_id, "version": version, "kept": kept})
    return tuple((row.kept, row.merged) for row in rows)


def stand_in(conn: Connection, city_id: int, version: int, pairs: Sequence[tuple[UUID, UUID]]) -> None:
    """Gives facts of merged places to those that stay; nothing may correct them any more."""
    if pairs:
        both = {"kept": [kept for kept, _ in pairs], "merged": [merged for _, merged in pairs]}
        values = {"city": city_id, "version": version}
        conn.execute(_FORGET_BASES, values | {"places": both["merged"]})
        conn.execute(_RENAME, values | both)
        conn.execute(_CHANGE_KEYS, {"city": city_id} | both)


def part(conn: Connection, city_id: int, merged: UUID, undo: dict[str, Any], now: datetime) -> None:
    """Undoes a merge: identities, keys and corrections are as they were; facts follow with ``give_back``."""
    ids = {"city": city_id, "merged": merged}
    conn.execute(_WITHDRAW, ids | {"now": now})
    if undo["key"] is not None:
        conn.execute(_GIVE_KEYS, ids | {"key": undo["key"]})
    conn.execute(_PART, ids)
    conn.execute(_BACK, ids)
    if undo["overlays"]:
        taken_back = {"city": city_id, "place": merged, "overlays": undo["overlays"], "now": now}
        conn.execute(_TAKE_BACK, taken_back)
    if undo["lapsed"]:
        conn.execute(_REOPEN, {"city": city_id, "reviews": undo["lapsed"]})


def versions_standing_in(conn: Connection, city_id: int, kept: UUID, merged: UUID, key: str | None) -> tuple[int, ...]:
    """Kept versions that state the merged place by the name of the one that stays, and not by its own."""
    if key is None:
        return ()
    versions = list(conn.execute(_VERSIONS, {"city": city_id}).scalars())
    values = {"city": city_id, "kept": kept, "merged": merged, "key": key, "versions": versions}
    return tuple(conn.execute(_STATED_BY, values).scalars())


def rename(conn: Connection, city_id: int, version: int, place_id: UUID, other_id: UUID) -> None:
    """Gives what a version states of ``place_id`` to ``other_id``; nothing corrects it any more."""
    values = {"city": city_id, "version": version}
    conn.execute(_FORGET_BASES, values | {"places": [place_id]})
    conn.execute(_RENAME, values | {"kept": [other_id], "merged": [place_id]})


def final_place(conn: Connection, city_id: int, place_id: UUID) -> UUID | None:
    """The place that stays at the end of all merges; None for an unknown one."""
    return conn.execute(_FINAL, {"city": city_id, "place": place_id}).scalar_one_or_none()


def _undo(row: Any) -> dict[str, Any]:
    return {"key": row.key, "overlays": row.overlays, "lapsed": []}
