"""Reviews and corrections as JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.imports.conflation import queries
from app.imports.conflation.deciding import offered
from app.places import queries_edits, queries_overlays
from app.places.facts import Facts
from app.places.overlay_fields import shown
from app.places.queries_overlays import Overlay
from app.places.queries_reviews import Review

Json = dict[str, Any]


def reviews_json(conn: Connection, city_id: int, slug: str, reviews: Sequence[Review]) -> list[Json]:
    """Reviews with the places and corrections that they are about."""
    ids = {each for review in reviews for each in (review.place_id, review.other_id) if each is not None}
    place = queries_edits.stated(conn, city_id)
    now = {} if place is None else queries_edits.facts_of(conn, city_id, place.version, ids)
    once = _last_facts(conn, city_id, ids - now.keys())
    covered = {each.overlay_id for each in reviews if each.overlay_id is not None}
    overlays = {each.overlay_id: each for each in queries_overlays.overlays_by_id(conn, city_id, covered)}

    def card(place_id: UUID) -> Json:
        return _place_json(place_id, now.get(place_id) or once.get(place_id), place_id in now)

    return [
        {
            "review_id": str(review.review_id),
            "city": slug,
            "kind": review.kind,
            "state": review.state,
            "priority": review.priority,
            "score": review.score,
            "field": review.field,
            "place": card(review.place_id),
            "other": None if review.other_id is None else card(review.other_id),
            "overlay": None if review.overlay_id is None else overlay_json(overlays[review.overlay_id]),
            "evidence": review.evidence,
            "version": review.version,
            "decisions": list(offered(review)),
            "decision": review.decision,
            "note": review.note,
            "decided_by": review.decided_by,
            "decided_at": review.decided_at,
            "created_at": review.created_at,
        }
        for review in reviews
    ]


def overlays_json(conn: Connection, city_id: int, overlays: Sequence[Overlay]) -> list[Json]:
    """Corrections with the names of their places, as readers see them."""
    place = queries_edits.stated(conn, city_id)
    ids = {overlay.place_id for overlay in overlays}
    now = {} if place is None else queries_edits.facts_of(conn, city_id, place.version, ids)
    names = {place_id: facts.name for place_id, facts in now.items()}
    return [overlay_json(overlay) | {"place_name": names.get(overlay.place_id)} for overlay in overlays]


def overlay_json(overlay: Overlay) -> Json:
    """A correction."""
    return {
        "overlay_id": str(overlay.overlay_id),
        "place_id": str(overlay.place_id),
        "field": overlay.field,
        "value": overlay.value,
        "old_value": None if overlay.old_value is None else shown(overlay.field, overlay.old_value),
        "reason": overlay.reason,
        "evidence": overlay.evidence,
        "author_id": str(overlay.author_id),
        "created_at": overlay.created_at,
        "expires_at": overlay.expires_at,
        "state": overlay.state,
        "ended_at": overlay.ended_at,
    }


def _last_facts(conn: Connection, city_id: int, place_ids: set[UUID]) -> Mapping[UUID, Facts]:
    """What the last version that stated them said of places that the one in force does not state."""
    found: dict[UUID, Facts] = {}
    by_version: dict[int, list[UUID]] = {}
    for place_id, version in queries.last_stated(conn, city_id, place_ids).items():
        by_version.setdefault(version, []).append(place_id)
    for version, ids in by_version.items():
        found |= queries_edits.facts_of(conn, city_id, version, ids)
    return found


def _place_json(place_id: UUID, facts: Facts | None, stated: bool) -> Json:
    return {
        "place_id": str(place_id),
        "name": None if facts is None else facts.name,
        "location": None if facts is None else {"lon": facts.location.lon, "lat": facts.location.lat},
        "category": None if facts is None else facts.category_id,
        "address": {} if facts is None else dict(facts.address),
        "phone": None if facts is None else facts.phone,
        "website": None if facts is None else facts.website,
        "opening_hours": None if facts is None else facts.hours,
        "closed": facts is None or facts.closed,
        "source_key": None if facts is None else facts.source_key,
        "stated": stated,
    }
