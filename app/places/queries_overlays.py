"""Statements about corrections and what the source says beneath them; each stays in one city."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, text

from app.core.ids import new_city_id
from app.places.queries_edits import Author, Stated


@dataclass(frozen=True, slots=True)
class Overlay:
    """A correction of one field of a place; ``base`` is what the source of the version in force says instead.

    ``old_value`` is what it said when the correction was made, ``settled`` what a person last decided against.
    """

    city_id: int
    overlay_id: UUID
    place_id: UUID
    field: str
    value: Any
    old_value: Any
    settled: Any
    is_settled: bool
    made_version: int | None
    reason: str
    evidence: str | None
    author_id: UUID
    created_at: datetime
    expires_at: datetime | None
    state: str
    ended_at: datetime | None


_COLUMNS = """
    o.city_id, o.overlay_id, o.place_id, o.field, o.value, o.old_value, o.settled_value AS settled,
    o.settled_value IS NOT NULL AS is_settled, o.made_version, o.reason, o.evidence, o.author_id, o.created_at,
    o.expires_at, o.state, o.ended_at
"""
_PUT_BASES = text("""
    INSERT INTO place_bases (city_id, version, place_id, field, value)
    SELECT :city, :version, p, f, v::jsonb
    FROM unnest(CAST(:places AS uuid[]), CAST(:fields AS text[]), CAST(:values AS text[])) AS g (p, f, v)
    ON CONFLICT (city_id, version, place_id, field) DO NOTHING
""")
_DROP_BASES = text("""
    DELETE FROM place_bases b USING unnest(CAST(:places AS uuid[]), CAST(:fields AS text[])) AS g (p, f)
    WHERE b.city_id = :city AND b.version = :version AND b.place_id = g.p AND b.field = g.f
""")
_BASES = text("""
    SELECT b.place_id, b.field, b.value FROM place_bases b
    WHERE b.city_id = :city AND b.version = :version AND b.place_id = ANY (CAST(:places AS uuid[]))
""")
_PURGE_BASES = text("""
    DELETE FROM place_bases b WHERE b.city_id = :city AND NOT EXISTS (
        SELECT 1 FROM datasets d WHERE d.city_id = :city AND d.kind = 'places' AND d.version = b.version
           AND d.state IN ('validating', 'staged', 'active', 'retired'))
""")
_REPLACE = text("""
    UPDATE place_overlays SET state = 'replaced', ended_at = :now
    WHERE city_id = :city AND place_id = :place AND field = :field AND state = 'live'
""")
_PUT = text("""
    INSERT INTO place_overlays (city_id, overlay_id, place_id, field, value, old_value, settled_value, made_version,
                                reason, evidence, author_id, created_at, expires_at, state)
    VALUES (:city, :overlay, :place, :field, CAST(:value AS jsonb), CAST(:old AS jsonb), CAST(:settled AS jsonb),
            :version, :reason, :evidence, :author, :now, :expires, 'live')
""")
_LIVE = text("""
    SELECT o.place_id, o.field, o.value FROM place_overlays o
    WHERE o.city_id = :city AND o.state = 'live' AND o.place_id = ANY (CAST(:places AS uuid[]))
""")
# Duplicates that a load found are out of its version already, before they are merged with its activation.
_PLANNED = text("""
    SELECT r.other_id, r.place_id FROM reviews r
    WHERE r.city_id = :city AND r.kind = 'duplicate' AND r.state = 'planned' AND r.version = :version
      AND r.other_id = ANY (CAST(:places AS uuid[]))
""")
_CORRECTED = text("""
    SELECT c.place_id FROM (
        SELECT o.place_id FROM place_overlays o WHERE o.city_id = :city AND o.state = 'live'
        UNION SELECT r.other_id FROM reviews r
              WHERE r.city_id = :city AND r.kind = 'duplicate' AND r.state = 'planned' AND r.version = :version
        UNION SELECT b.place_id FROM place_bases b WHERE b.city_id = :city AND b.version = :version) AS c
    WHERE (CAST(:after AS uuid) IS NULL OR c.place_id > :after) AND EXISTS (
        SELECT 1 FROM place_facts f WHERE f.city_id = :city AND f.version = :version AND f.place_id = c.place_id)
    ORDER BY c.place_id LIMIT :limit
""")
_ONE = text(f"""
    SELECT {_COLUMNS} FROM place_overlays o WHERE o.city_id = :city AND o.overlay_id = :overlay FOR NO KEY UPDATE
""")
_SOME = text(f"""
    SELECT {_COLUMNS} FROM place_overlays o
    WHERE o.city_id = :city AND o.overlay_id = ANY (CAST(:overlays AS uuid[]))
""")
_LIVE_ONE = text(f"""
    SELECT {_COLUMNS} FROM place_overlays o
    WHERE o.city_id = :city AND o.place_id = :place AND o.field = :field AND o.state = 'live'
""")
_BASE_OF_ONE = text("""
    SELECT b.value FROM place_overlays o
    JOIN place_bases b ON b.city_id = :city AND b.version = :version AND b.place_id = o.place_id AND b.field = o.field
    WHERE o.city_id = :city AND o.overlay_id = :overlay
""")
_END = text("""
    UPDATE place_overlays SET state = :state, ended_at = :now, ended_version = :version
    WHERE city_id = :city AND overlay_id = :overlay AND state = 'live'
""")
_REVIVE = text("""
    UPDATE place_overlays o SET state = 'live', ended_at = NULL, ended_version = NULL
    WHERE o.city_id = :city AND o.state = 'retired' AND o.ended_version > :version
      AND (o.expires_at IS NULL OR o.expires_at > :now)
      AND NOT EXISTS (SELECT 1 FROM place_overlays l WHERE l.city_id = :city AND l.place_id = o.place_id
                         AND l.field = o.field AND (l.state = 'live' OR l.state = 'retired'
                             AND (l.ended_version, l.overlay_id) > (o.ended_version, o.overlay_id)))
""")
_SETTLE = text("""
    UPDATE place_overlays SET settled_value = CAST(:base AS jsonb)
    WHERE city_id = :city AND overlay_id = :overlay AND state = 'live'
""")
_EXPIRED = text(f"""
    SELECT {_COLUMNS} FROM place_overlays o
    WHERE o.city_id = :city AND o.state = 'live' AND o.expires_at <= :now
    ORDER BY o.expires_at, o.overlay_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")
_ANY_EXPIRED = text("""
    SELECT EXISTS (SELECT 1 FROM place_overlays o
                   WHERE o.city_id = :city AND o.state = 'live' AND o.expires_at <= :now)
""")
_BENEATH = text(f"""
    SELECT {_COLUMNS}, b.value AS base FROM place_overlays o
    JOIN place_bases b ON b.city_id = :city AND b.version = :version AND b.place_id = o.place_id
     AND b.field = CASE WHEN o.field IN ('hide', 'duplicate_of') THEN 'closed' ELSE o.field END
    WHERE o.city_id = :city AND o.state = 'live' AND o.field NOT IN ('hide', 'duplicate_of')
      AND (CAST(:after AS uuid) IS NULL OR o.overlay_id > :after)
    ORDER BY o.overlay_id LIMIT :limit
""")
_LISTED = text(f"""
    SELECT {_COLUMNS} FROM place_overlays o
    WHERE o.city_id = :city AND (CAST(:state AS text) IS NULL OR o.state = :state)
      AND (CAST(:place AS uuid) IS NULL OR o.place_id = :place)
      AND (CAST(:before AS uuid) IS NULL OR o.overlay_id < :before)
    ORDER BY o.overlay_id DESC LIMIT :limit
""")


def fresh(place: Stated, place_id: UUID, field: str, value: Any, base: Any, author: Author, now: datetime) -> Overlay:
    """A correction that is about to be made. A source's next word that a place is open is news, however old."""
    news = field == "closed" and base != value
    return Overlay(
        place.city_id, new_city_id(place.city_id), place_id, field, value, base, base, not news, place.version,
        author.reason, author.evidence, author.author_id, now, author.expires_at, "live", None,
    )  # fmt: skip


def put_overlay(conn: Connection, overlay: Overlay) -> None:
    """Keeps a correction in the place of what was said of the field before."""
    values = {
        "city": overlay.city_id,
        "overlay": overlay.overlay_id,
        "place": overlay.place_id,
        "field": overlay.field,
        "value": json.dumps(overlay.value),
        "old": json.dumps(overlay.old_value),
        "settled": json.dumps(overlay.settled) if overlay.is_settled else None,
        "version": overlay.made_version,
        "reason": overlay.reason,
        "evidence": overlay.evidence,
        "author": overlay.author_id,
        "now": overlay.created_at,
        "expires": overlay.expires_at,
    }
    conn.execute(_REPLACE, values)
    conn.execute(_PUT, values)


def put_bases(conn: Connection, city_id: int, version: int, bases: Mapping[tuple[UUID, str], Any]) -> None:
    """Keeps what a version's source says of fields that are about to be corrected; what is kept already stays."""
    if bases:
        values = {
            "city": city_id,
            "version": version,
            "places": [place_id for place_id, _ in bases],
            "fields": [name for _, name in bases],
            "values": [json.dumps(value) for value in bases.values()],
        }
        conn.execute(_PUT_BASES, values)


def drop_bases(conn: Connection, city_id: int, version: int, keys: Sequence[tuple[UUID, str]]) -> None:
    """Forgets the source's word on fields that nothing corrects any more."""
    if keys:
        places, fields = [place_id for place_id, _ in keys], [name for _, name in keys]
        conn.execute(_DROP_BASES, {"city": city_id, "version": version, "places": places, "fields": fields})


def purge_bases(conn: Connection, city_id: int) -> None:
    """Forgets what versions said that are gone."""
    conn.execute(_PURGE_BASES, {"city": city_id})


def bases_of(conn: Connection, city_id: int, version: int, place_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """What a version's source says of corrected fields, by place and field."""
    values = {"city": city_id, "version": version, "places": list(place_ids)}
    return _by_place(conn.execute(_BASES, values)) if place_ids else {}


def live_of(conn: Connection, city_id: int, place_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """The corrections in force of some places, by place and field."""
    values = {"city": city_id, "places": list(place_ids)}
    return _by_place(conn.execute(_LIVE, values)) if place_ids else {}


def wanted_of(conn: Connection, city_id: int, version: int, place_ids: Collection[UUID]) -> dict[UUID, dict[str, Any]]:
    """The same, with those that are to be merged when the version is shown."""
    found = live_of(conn, city_id, place_ids)
    values = {"city": city_id, "version": version, "places": list(place_ids)}
    for row in conn.execute(_PLANNED, values) if place_ids else ():
        found.setdefault(row.other_id, {})["duplicate_of"] = str(row.place_id)
    return found


def corrected_places(conn: Connection, city_id: int, version: int, after: UUID | None, limit: int) -> tuple[UUID, ...]:
    """Places of a version that something corrects, or corrected, by id from behind ``after``."""
    values = {"city": city_id, "version": version, "after": after, "limit": limit}
    return tuple(conn.execute(_CORRECTED, values).scalars())


def overlay_by_id(conn: Connection, city_id: int, overlay_id: UUID) -> Overlay | None:
    """One correction, locked until the transaction ends."""
    row = conn.execute(_ONE, {"city": city_id, "overlay": overlay_id}).one_or_none()
    return None if row is None else Overlay(*row)


def live_overlay(conn: Connection, city_id: int, place_id: UUID, field: str) -> Overlay | None:
    """The correction of a field of a place that is in force."""
    row = conn.execute(_LIVE_ONE, {"city": city_id, "place": place_id, "field": field}).one_or_none()
    return None if row is None else Overlay(*row)


def base_beneath(conn: Connection, city_id: int, version: int, overlay_id: UUID) -> tuple[Any] | None:
    """What a version's source says of the field that a correction covers, in a tuple, for it may say null."""
    values = {"city": city_id, "version": version, "overlay": overlay_id}
    row = conn.execute(_BASE_OF_ONE, values).one_or_none()
    return None if row is None else (row.value,)


def overlays_by_id(conn: Connection, city_id: int, overlay_ids: Collection[UUID]) -> tuple[Overlay, ...]:
    """Some corrections."""
    if not overlay_ids:
        return ()
    return tuple(Overlay(*row) for row in conn.execute(_SOME, {"city": city_id, "overlays": list(overlay_ids)}))


def end_overlay(
    conn: Connection, city_id: int, overlay_id: UUID, state: str, now: datetime, version: int | None = None
) -> bool:
    """Ends a correction in force; False when it was over."""
    values = {"city": city_id, "overlay": overlay_id, "state": state, "now": now, "version": version}
    return conn.execute(_END, values).rowcount == 1


def revive_retired(conn: Connection, city_id: int, version: int, now: datetime) -> int:
    """Corrections that the source of a later version made needless are in force again under an earlier one."""
    return conn.execute(_REVIVE, {"city": city_id, "version": version, "now": now}).rowcount


def settle(conn: Connection, city_id: int, overlay_id: UUID, base: Any) -> None:
    """A person holds a correction against what the source says now."""
    conn.execute(_SETTLE, {"city": city_id, "overlay": overlay_id, "base": json.dumps(base)})


def any_expired(conn: Connection, city_id: int, now: datetime) -> bool:
    """Whether there is a correction past its time."""
    return bool(conn.execute(_ANY_EXPIRED, {"city": city_id, "now": now}).scalar_one())


def expired(conn: Connection, city_id: int, now: datetime, limit: int) -> tuple[Overlay, ...]:
    """Corrections past their time, locked, the oldest first."""
    return tuple(Overlay(*row) for row in conn.execute(_EXPIRED, {"city": city_id, "now": now, "limit": limit}))


def beneath(
    conn: Connection, city_id: int, version: int, after: UUID | None, limit: int
) -> tuple[tuple[Overlay, Any], ...]:
    """Corrections in force with what a version's source says, by id from behind ``after``."""
    rows = conn.execute(_BENEATH, {"city": city_id, "version": version, "after": after, "limit": limit})
    return tuple((Overlay(*row[:-1]), row.base) for row in rows)


def overlays(
    conn: Connection, city_id: int, state: str | None, place_id: UUID | None, before: UUID | None, limit: int
) -> tuple[Overlay, ...]:
    """Corrections of a city, newest first."""
    values = {"city": city_id, "state": state, "place": place_id, "before": before, "limit": limit}
    return tuple(Overlay(*row) for row in conn.execute(_LISTED, values))


def _by_place(rows: Iterable[Any]) -> dict[UUID, dict[str, Any]]:
    found: dict[UUID, dict[str, Any]] = defaultdict(dict)
    for row in rows:
        found[row.place_id][row.field] = row.value
    return dict(found)
