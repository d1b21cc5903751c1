"""From what a merchant says of where an area is to a boundary; may ask a router, so outside of any transaction."""

from __future__ import annotations

from typing import Any

from app.core.errors import Fault, InvalidBody
from app.service_areas.actions import Drawn
from app.service_areas.drafts import Draft
from app.service_areas.isochrones import Isochrones
from app.service_areas.shapes import Shape, circle_shape, drawn_shape
from geo.coordinates import LonLat
from geo.grid_shift import Datum, to_wgs84


def drawn(draft: Draft, place: LonLat, currency: str | None, isochrones: Isochrones, *, repair: bool) -> Drawn:
    """The draft with its boundary; InvalidBody, InvalidShape, ShapeTooLarge. ``place``: the middle, unless said."""
    if currency is None:
        said = "the city of the place has no money of its own, so that no fee can be told"
        raise InvalidBody(said, faults=[Fault(said, pointer="/fee")])
    shape, outline = _shape(draft, place, isochrones, repair)
    return Drawn(draft, shape, outline, currency)


def _shape(draft: Draft, place: LonLat, isochrones: Isochrones, repair: bool) -> tuple[Shape, dict[str, Any] | None]:
    if draft.circle is not None:
        center = _middle(draft.circle.center, place, draft.datum)
        return circle_shape(center, draft.circle.radius_m), {"center": _json(center), "radius_m": draft.circle.radius_m}
    if draft.travel is None:
        return drawn_shape(draft.geometry, draft.datum, repair=repair), None
    center = _middle(draft.travel.center, place, draft.datum)
    reach = isochrones.reach(center, draft.travel.minutes, draft.travel.mode)
    outline: dict[str, Any] = {
        "center": _json(center),
        "travel_minutes": draft.travel.minutes,
        "mode": draft.travel.mode,
        "source": reach.source,
    }
    if reach.radius_m is None:
        return drawn_shape(reach.geometry, Datum.WGS84, repair=True, pointer="/travel_minutes"), outline
    shape = circle_shape(center, reach.radius_m, pointer="/travel_minutes")
    return shape, outline | {"radius_m": reach.radius_m}


def _middle(said: LonLat | None, place: LonLat, datum: Datum) -> LonLat:
    return place if said is None else to_wgs84(said, datum).rounded()


def _json(center: LonLat) -> dict[str, float]:
    """WGS 84, as the boundary is stored."""
    return {"lon": center.lon, "lat": center.lat}
