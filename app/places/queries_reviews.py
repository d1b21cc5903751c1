"""Statements about reviews and reports; each stays in one city."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection, text

from app.core.ids import new_city_id
from app.places.overlay_fields import shown
from app.places.queries_edits import Stated
from app.places.queries_overlays import Overlay

MARKS_KEPT: Final = timedelta(days=30)
HIGH: Final = 2
NORMAL: Final = 1


@dataclass(frozen=True, slots=True)
class Review:
    """Something that waits for a person, or was decided; ``undo`` is what a merge has to give back."""

    city_id: int
    review_id: UUID
    kind: str
    state: str
    place_id: UUID
    other_id: UUID | None
    overlay_id: UUID | None
    field: str | None
    version: int | None
    score: float | None
    priority: int
    evidence: dict[str, Any]
    undo: dict[str, Any] | None
    decision: str | None
    note: str | None
    decided_by: str | None
    created_at: datetime
    decided_at: datetime | None


_COLUMNS = ", ".join(f"r.{name}" for name in Review.__dataclass_fields__)
_CONFLICT = text("""
    INSERT INTO reviews (city_id, review_id, kind, state, place_id, overlay_id, field, version, priority, evidence,
                         created_at)
    VALUES (:city, :review, 'overlay_conflict', 'open', :place, :overlay, :field, :version, :priority,
            CAST(:evidence AS jsonb), :now)
    ON CONFLICT (city_id, overlay_id) WHERE kind = 'overlay_conflict' AND state = 'open'
    DO UPDATE SET version = excluded.version, evidence = excluded.evidence
""")
_LAPSE = text("""
    UPDATE reviews SET state = 'lapsed'
    WHERE city_id = :city AND kind = 'overlay_conflict' AND state = 'open'
      AND overlay_id = ANY (CAST(:overlays AS uuid[]))
""")
_ONE = text(f"SELECT {_COLUMNS} FROM reviews r WHERE r.city_id = :city AND r.review_id = :review")
_LOCKED = text(f"{_ONE.text} FOR NO KEY UPDATE")
_LISTED = text(f"""
    SELECT {_COLUMNS} FROM reviews r
    WHERE r.city_id = :city AND r.state = :state AND (CAST(:kind AS text) IS NULL OR r.kind = :kind)
      AND (CAST(:priority AS integer) IS NULL OR r.priority < :priority
           OR r.priority = :priority AND r.review_id > :after)
    ORDER BY r.priority DESC, r.review_id LIMIT :limit
""")
_DONE = text("""
    UPDATE reviews SET state = 'done', decision = :decision, note = :note, decided_by = :by, decided_at = :now,
                       undo = CAST(:undo AS jsonb)
    WHERE city_id = :city AND review_id = :review
""")
_OPEN_REPORT = text("""
    INSERT INTO reviews (city_id, review_id, kind, state, place_id, field, priority, evidence, created_at)
    VALUES (:city, :review, 'report', 'open', :place, :field, :priority, '{}', :now)
    ON CONFLICT (city_id, place_id, field) WHERE kind = 'report' AND state = 'open'
    DO UPDATE SET field = excluded.field
    RETURNING review_id
""")
_REPORT = text("""
    INSERT INTO place_reports (city_id, report_id, review_id, place_id, field, value, mark, created_at)
    VALUES (:city, :report, :review, :place, :field, CAST(:value AS jsonb), :mark, :now)
    ON CONFLICT (city_id, review_id, mark) DO UPDATE SET value = excluded.value, created_at = excluded.created_at
    RETURNING report_id
""")
_COUNTED = text("""
    SELECT value, count(*) AS reports, min(report_id::text) AS first FROM place_reports
    WHERE city_id = :city AND review_id = :review GROUP BY value ORDER BY 2 DESC, 3 LIMIT 20
""")
_WEIGH = text("""
    UPDATE reviews SET priority = :priority, evidence = CAST(:evidence AS jsonb)
    WHERE city_id = :city AND review_id = :review
""")
_FORGET = text("UPDATE place_reports SET mark = NULL WHERE city_id = :city AND review_id = :review")
_FORGET_OLD = text("""
    UPDATE place_reports SET mark = NULL WHERE city_id = :city AND mark IS NOT NULL AND created_at < :before
""")


def list_conflict(conn: Connection, place: Stated, overlay: Overlay, base: Any, now: datetime) -> None:
    """Lists a correction that the source of a version contradicts; once while it is open."""
    evidence = {
        "correction": overlay.value,
        "source_now": shown(overlay.field, base),
        "source_then": None if overlay.old_value is None else shown(overlay.field, overlay.old_value),
    }
    values = {
        "city": place.city_id,
        "review": new_city_id(place.city_id),
        "place": overlay.place_id,
        "overlay": overlay.overlay_id,
        "field": overlay.field,
        "version": place.version,
        "priority": HIGH if overlay.field == "closed" else NORMAL,
        "evidence": json.dumps(evidence),
        "now": now,
    }
    conn.execute(_CONFLICT, values)


def lapse_conflicts(conn: Connection, city_id: int, overlay_ids: Collection[UUID]) -> None:
    """Nothing is left to decide about these corrections."""
    if overlay_ids:
        conn.execute(_LAPSE, {"city": city_id, "overlays": list(overlay_ids)})


def review_by_id(conn: Connection, city_id: int, review_id: UUID, *, lock: bool = False) -> Review | None:
    """One review, locked until the transaction ends where asked."""
    row = conn.execute(_LOCKED if lock else _ONE, {"city": city_id, "review": review_id}).one_or_none()
    return None if row is None else Review(*row)


def reviews(
    conn: Connection, city_id: int, state: str, kind: str | None, after: tuple[int, UUID] | None, limit: int
) -> tuple[Review, ...]:
    """Reviews of a city in one state: the most urgent first, then the oldest."""
    values = {
        "city": city_id,
        "state": state,
        "kind": kind,
        "priority": None if after is None else after[0],
        "after": None if after is None else after[1],
        "limit": limit,
    }
    return tuple(Review(*row) for row in conn.execute(_LISTED, values))


def decide(
    conn: Connection,
    review: Review,
    decision: str,
    note: str | None,
    by: str,
    now: datetime,
    undo: dict[str, Any] | None = None,
) -> None:
    """Writes a decision down; who reported is forgotten."""
    values = {
        "city": review.city_id,
        "review": review.review_id,
        "decision": decision,
        "note": note,
        "by": by,
        "now": now,
        "undo": None if undo is None else json.dumps(undo),
    }
    conn.execute(_DONE, values)
    if review.kind == "report":
        conn.execute(_FORGET, {"city": review.city_id, "review": review.review_id})


def add_report(
    conn: Connection, city_id: int, place_id: UUID, field: str, value: Any, mark: bytes, now: datetime, urgent_from: int
) -> tuple[UUID, UUID]:
    """Keeps a report, one a mark; the report and the review that collects it, which is urgent from so many on."""
    values = {"city": city_id, "place": place_id, "field": field, "now": now}
    review_id = conn.execute(_OPEN_REPORT, values | {"review": new_city_id(city_id), "priority": 0}).scalar_one()
    said = values | {"report": new_city_id(city_id), "review": review_id, "value": json.dumps(value), "mark": mark}
    report_id = conn.execute(_REPORT, said).scalar_one()
    counted = conn.execute(_COUNTED, {"city": city_id, "review": review_id}).all()
    total = sum(row.reports for row in counted)
    evidence = {"reports": total, "values": [{"value": row.value, "reports": row.reports} for row in counted]}
    priority = HIGH if total >= urgent_from else 0
    weighed = {"city": city_id, "review": review_id, "priority": priority, "evidence": json.dumps(evidence)}
    conn.execute(_WEIGH, weighed)
    return report_id, review_id


def forget_reporters(conn: Connection, city_id: int, now: datetime) -> None:
    """Erases the marks of reports older than a month."""
    conn.execute(_FORGET_OLD, {"city": city_id, "before": now - MARKS_KEPT})
