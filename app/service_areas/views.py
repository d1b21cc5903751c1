"""An area as its merchant sees it, put together from what is stored."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

import shapely
from sqlalchemy import Connection

from app.core.errors import Fault
from app.service_areas import queries_owned
from app.service_areas.rules import standing
from app.service_areas.shapes import geometry_json
from app.service_areas.types import WAITING, Area, Version
from geo.grid_shift import Datum
from geo.rings import Remark

Json = dict[str, Any]


def version_json(version: Version, datum: Datum) -> Json:
    """One drawing with its terms."""

    def money(minor: int) -> Json:
        return {"amount_minor": minor, "currency": version.currency}

    reviewed = version.reviewed_at is not None
    return {
        "version": version.version,
        "state": version.state,
        "names": dict(version.names),
        "geometry": geometry_json(version.boundary, datum),
        "outline": None if version.outline is None else dict(version.outline),
        "source_datum": version.source_datum,
        "area_m2": round(version.area_m2, 1),
        "point_count": int(shapely.get_num_coordinates(version.boundary)),
        "schedule": version.schedule,
        "priority": version.priority,
        "fee": money(version.fee_minor),
        "min_order": money(version.min_order_minor),
        "tags": list(version.tags),
        "metadata": dict(version.metadata),
        "effective": {"from": version.effective_from, "until": version.said_until},
        "in_force_until": version.effective_until,
        "based_on": version.based_on,
        "edited_at": version.edited_at or version.created_at,
        "published_at": version.published_at,
        "ended_at": version.ended_at,
        "review": {"at": version.reviewed_at, "note": version.review_note} if reviewed else None,
    }


def areas_json(conn: Connection, areas: Sequence[Area], datum: Datum, now: datetime) -> list[Json]:
    """Some areas of one place, each with what is in force, what is to begin later and what waits: one statement."""
    if not areas:
        return []
    ids = [area.service_area_id for area in areas]
    found: dict[UUID, list[Version]] = {area_id: [] for area_id in ids}
    for each in queries_owned.versions_in(conn, areas[0].city_id, ids, (*WAITING, "published")):
        found[each.service_area_id].append(each)
    return [_area_json(area, _by_role(found[area.service_area_id], now), datum) for area in areas]


def _by_role(versions: Sequence[Version], now: datetime) -> dict[str, Version]:
    current, later = standing([each for each in versions if each.state == "published"], now)
    waiting = next((each for each in versions if each.state in WAITING), None)
    known = {"published": current, "scheduled": later, "waiting": waiting}
    return {role: version for role, version in known.items() if version is not None}


def area_json(conn: Connection, area: Area, datum: Datum, now: datetime) -> Json:
    """One area."""
    return areas_json(conn, [area], datum, now)[0]


def review_json(area: Area, version: Version, datum: Datum) -> Json:
    """An area with the drawing that waits for a review."""
    return _area_json(area, {"waiting": version}, datum)


def remarks_json(remarks: Iterable[Remark]) -> list[Json]:
    """What of a drawing was changed so that it could be kept."""
    return [{"code": each.code, "detail": each.detail, "pointer": each.pointer} for each in remarks]


def faults_json(faults: Iterable[Fault]) -> list[Json]:
    """What still stands against a drawing that waits."""
    return [
        {
            "detail": each.detail,
            "pointer": each.pointer,
            "code": each.code,
            "hint": each.hint,
            "location": each.location,
        }
        for each in faults
    ]


def state_of(versions: dict[str, Version]) -> str:
    """The state of an area: that of what is published, else of what waits."""
    if "published" in versions or "scheduled" in versions:
        return "published"
    return versions["waiting"].state if "waiting" in versions else "archived"


def _area_json(area: Area, versions: dict[str, Version], datum: Datum) -> Json:
    shown = {
        role: None if role not in versions else version_json(versions[role], datum)
        for role in ("published", "scheduled", "waiting")
    }
    return {
        "service_area_id": str(area.service_area_id),
        "city_id": area.city_id,
        "place_id": str(area.place_id),
        "merchant_id": str(area.merchant_id),
        "external_id": area.external_id,
        "kind": area.kind,
        "state": state_of(versions),
        "revision": area.revision,
        "created_at": area.created_at,
        **shown,
        "next_actions": next_actions(versions),
        "datum": datum.value,
    }


def next_actions(versions: dict[str, Version]) -> list[str]:
    """What can be done with an area now."""
    found = ["edit"]
    waiting = versions.get("waiting")
    if waiting is not None:
        if waiting.state != "pending_review":
            found.append("publish")
    else:
        found.append("revert")
    if waiting is not None or "scheduled" in versions:
        found.append("discard")
    if versions:
        found.append("archive")
    return found
