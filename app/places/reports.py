"""What anybody says is wrong with a place, collected until a person decides; the caller commits."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.places import queries_edits as edits
from app.places import queries_reviews as reviews
from app.places.errors import InvalidEdit, UnknownPlace
from app.places.overlay_fields import base_of, checked, says_the_same

URGENT_FROM: Final = 3
"""So many reporters who don't know of each other make a report urgent."""


def report(
    conn: Connection, city_id: int, place_id: UUID, field: str, value: Any, mark: bytes, now: datetime
) -> tuple[UUID, Any]:
    """Keeps what somebody reports of a place that readers see; the report's id and the value in its one form.

    ``mark`` tells reporters of one place apart and says nothing else. Raises UnknownPlace, InvalidEdit.
    """
    value = checked(field, value)
    place = edits.stated(conn, city_id)
    facts = {} if place is None else edits.facts_of(conn, city_id, place.version, [place_id])
    if place is None or place_id not in facts:
        raise UnknownPlace("there is no such place")
    if says_the_same(field, base_of(facts[place_id], field), value, place.country):
        raise InvalidEdit("the place is listed so already")
    if field == "duplicate_of" and value == str(place_id):
        raise InvalidEdit("a place is no duplicate of itself")
    edits.lock_places(conn, city_id, [place_id])
    report_id, _ = reviews.add_report(conn, city_id, place_id, field, value, mark, now, URGENT_FROM)
    return report_id, value
