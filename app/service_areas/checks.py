"""What a version must be before it may wait to be published, asked again when it is: size, city, exclusive ground."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import shapely
from shapely import MultiPolygon
from sqlalchemy import Connection

from app.core.errors import AppError, Fault, InvalidBody
from app.service_areas import queries_checks, queries_owned
from app.service_areas.drafts import too_large
from app.service_areas.errors import OutsideCity, ShapeTooLarge, TerritoryOverlaps
from app.service_areas.shapes import Shape, fault_at, geometry_json, written_in
from app.service_areas.types import Area, Version
from geo.antimeridian import polygons_in
from geo.errors import GeoError
from geo.grid_shift import Datum
from geo.polygons import DRAWN_AREA, checked_shape


@dataclass(frozen=True, slots=True)
class Faults:
    """What stands against a version, each kind with its refusal."""

    refusals: tuple[AppError, ...]

    def __bool__(self) -> bool:
        return bool(self.refusals)

    @property
    def told(self) -> tuple[Fault, ...]:
        """All of it."""
        return tuple(fault for refusal in self.refusals for fault in refusal.faults)


def refuse(faults: Faults) -> None:
    """Raises the first refusal."""
    if faults:
        raise faults.refusals[0]


def pointer_of(version: Version) -> str:
    """Where in its body a version says where it is."""
    if version.outline is None:
        return "/geometry"
    return (
        "/radius_m" if "radius_m" in version.outline and "travel_minutes" not in version.outline else "/travel_minutes"
    )


def faults_of(conn: Connection, area: Area, version: Version, datum: Datum, *, now: datetime | None = None) -> Faults:
    """Everything that stands against a version; who asks for a territory holds the brand's from here on.

    ``now``: it is about to come into force, so that it must not be over by then.
    """
    found: list[AppError] = []
    pointer = pointer_of(version)
    if now is not None and version.effective_until is not None and version.effective_until <= now:
        said = "the time in which it would be in force is over"
        found.append(InvalidBody(said, faults=[Fault(said, pointer="/effective/until")]))
    plan = queries_owned.plan_of(conn, area.merchant_id)
    shape = Shape(version.boundary, version.area_m2, 0)
    large = too_large(shape, plan.max_area_km2, datum, pointer)
    if large is not None:
        found.append(ShapeTooLarge(f"{pointer}: {large.detail}", faults=(large,)))
    outside = _outside(conn, area, version, datum, pointer)
    if outside is not None:
        found.append(outside)
    if version.brand_key is not None:
        queries_checks.hold_territories(conn, area.city_id, version.brand_key)
        overlaps = queries_checks.overlapping(conn, area, version)
        if overlaps:
            found.append(_overlapping(area, overlaps, datum, pointer))
    return Faults(tuple(found))


def _outside(conn: Connection, area: Area, version: Version, datum: Datum, pointer: str) -> OutsideCity | None:
    beyond = queries_checks.beyond_city(conn, area.city_id, version.boundary)
    if beyond is None:
        return None
    said = f"{beyond.m2 / 1e6:,.3f} km² lie outside the city that the place belongs to"
    proposal = None if beyond.inside is None else _inside(beyond.inside)
    extra: dict[str, Any] = {}
    if proposal is not None:
        said += ": the problem's proposal is what lies inside"
        extra = {
            "proposal": {
                "geometry": geometry_json(proposal, datum),
                "point_count": int(shapely.get_num_coordinates(proposal)),
            }
        }
    fault = fault_at(said, pointer, written_in(datum, beyond.place), code=OutsideCity.code, hint="outside-city")
    return OutsideCity(f"{pointer}: {said}", faults=(fault,), extra=extra)


def _inside(shape: shapely.Geometry) -> MultiPolygon | None:
    """A part of a drawing as one that could be sent, where it can be."""
    try:
        return checked_shape(MultiPolygon(polygons_in(shape)), DRAWN_AREA).geometry
    except GeoError:
        return None


def _overlapping(
    area: Area, overlaps: tuple[queries_checks.Overlap, ...], datum: Datum, pointer: str
) -> TerritoryOverlaps:
    faults = []
    for each in overlaps:
        # Of another merchant of the brand no more is told than that it is there.
        whose = (
            f"your area {each.external_id} of place {each.place_id}"
            if each.merchant_id == area.merchant_id
            else ("a territory of another merchant of the brand")
        )
        said = f"{each.m2:,.0f} m² belong to {whose}"
        faults.append(
            fault_at(said, pointer, written_in(datum, each.place), code=TerritoryOverlaps.code, hint="territory")
        )
    return TerritoryOverlaps(f"{pointer}: {faults[0].detail}", faults=faults)
