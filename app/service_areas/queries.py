"""Published areas: which of them cover a point, and when a drawing is in force."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, DateTime, Row, and_, literal, or_, select

from app.core.spatial import covers_point, geojson
from app.places.tables import place_facts
from app.service_areas.tables import service_area_versions, service_areas
from app.service_areas.types import CoveringArea
from geo.coordinates import LonLat

MAX_COVERING = 5000


def in_force(instant: datetime) -> tuple[ColumnElement[bool], ...]:
    """Published drawings that are effective at an instant."""
    drawings, at = service_area_versions, literal(instant, DateTime(timezone=True))
    return (
        drawings.c.state == "published",
        drawings.c.effective_from <= at,
        or_(drawings.c.effective_until.is_(None), drawings.c.effective_until > at),
    )


def areas_covering(
    conn: Connection, versions: Mapping[int, int], point: LonLat, instant: datetime, *, drawn: bool = False
) -> tuple[CoveringArea, ...]:
    """Areas in force that cover a point, border included, of live places in some cities' versions; cross-city.

    By city, place and id, at most ``MAX_COVERING``; ``drawn`` brings their drawings along.
    """
    if not versions:
        return ()
    live = or_(
        *(
            and_(place_facts.c.city_id == city_id, place_facts.c.version == version)
            for city_id, version in sorted(versions.items())
        )
    )
    drawings = service_area_versions
    drawing = (geojson(drawings.c.boundary).label("drawing"),) if drawn else ()
    rows = conn.execute(
        select(
            drawings.c.city_id,
            drawings.c.service_area_id,
            service_areas.c.place_id,
            service_areas.c.merchant_id,
            service_areas.c.kind,
            drawings.c.names,
            drawings.c.priority,
            drawings.c.area_m2,
            drawings.c.created_at,
            drawings.c.currency,
            drawings.c.fee_minor,
            drawings.c.min_order_minor,
            *drawing,
        )
        .prefix_with("/* cross-city */")
        .select_from(drawings)
        .join(
            service_areas,
            and_(
                service_areas.c.city_id == drawings.c.city_id,
                service_areas.c.service_area_id == drawings.c.service_area_id,
            ),
        )
        .join(
            place_facts,
            and_(place_facts.c.city_id == service_areas.c.city_id, place_facts.c.place_id == service_areas.c.place_id),
        )
        .where(
            drawings.c.city_id.in_(sorted(versions)),
            *in_force(instant),
            covers_point(drawings.c.boundary, point),
            live,
            place_facts.c.closed.is_(False),
        )
        .order_by(drawings.c.city_id, service_areas.c.place_id, drawings.c.service_area_id)
        .limit(MAX_COVERING)
    ).all()
    return tuple(_covering(row, drawn) for row in rows)


def _covering(row: Row[*tuple[Any, ...]], drawn: bool) -> CoveringArea:
    return CoveringArea(
        city_id=row.city_id,
        service_area_id=row.service_area_id,
        place_id=row.place_id,
        merchant_id=row.merchant_id,
        kind=row.kind,
        names=row.names,
        priority=row.priority,
        area_m2=row.area_m2,
        created_at=row.created_at,
        currency=row.currency,
        fee_minor=row.fee_minor,
        min_order_minor=row.min_order_minor,
        boundary=row.drawing if drawn else None,
    )
