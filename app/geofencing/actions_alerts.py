"""What members save, and what merchants offer in their fences; none of it commits."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from shapely import MultiPolygon
from sqlalchemy import Connection

from app.cities.queries import active_datasets
from app.core.errors import Fault, InvalidBody, NotFound
from app.core.ids import city_of
from app.coupons import queries_owned
from app.coupons.errors import CouponNotPublished
from app.geofencing import queries_alerts
from app.geofencing.actions_fences import Author
from app.geofencing.errors import SavedLimit
from app.geofencing.queries_alerts import MOST_SAVED, Saved
from app.geofencing.sights import outline
from geo.coordinates import LonLat
from geo.geofence import Circle
from geo.polygons import bbox_of

SAVED_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,63}", re.ASCII)
AT_A_PLACE_M: Final = 50.0


@dataclass(frozen=True, slots=True)
class NewSaved:
    """What a member wants to be saved; without a shape it is the place."""

    member_id: UUID
    saved_id: str
    name: str
    place_id: UUID | None
    shape: Circle | MultiPolygon | None
    watch: tuple[str, ...]
    price_below_minor: int | None
    currency: str | None
    expires_at: datetime | None


def check_id(saved_id: str) -> None:
    """NotFound for a name that can't be one."""
    if not SAVED_ID.fullmatch(saved_id):
        raise NotFound("name it with 1 to 64 letters, digits and . _ : ~ -")


def save(conn: Connection, wanted: NewSaved, before: Saved | None, now: datetime) -> Saved:
    """Saves it, with a copy in each city that it touches; SavedLimit, InvalidBody."""
    if before is None and len(queries_alerts.saved_of(conn, wanted.member_id)) >= MOST_SAVED:
        raise SavedLimit("forget a saved area first")
    shape, cities = wanted.shape, []
    if shape is None:
        assert wanted.place_id is not None
        spot = queries_alerts.place_spot(conn, city_of(wanted.place_id), wanted.place_id)
        if spot is None:
            raise _refused("/place_id", "there is no such place")
        shape, cities = Circle(LonLat(*spot), AT_A_PLACE_M), [city_of(wanted.place_id)]
    drawing = outline(shape)
    box = bbox_of(drawing)
    active = active_datasets(conn)
    if not cities:
        cities = [
            city.city_id for city in active if city.places_extent is not None and city.places_extent.intersects(box)
        ]
    if not cities:
        raise _refused("/circle" if isinstance(shape, Circle) else "/geometry", "no city has places there")
    if wanted.currency is not None and wanted.currency not in {city.currency for city in active}:
        raise _refused("/price_below/currency", "no city has this currency")
    circle = shape if wanted.place_id is None and isinstance(shape, Circle) else None
    round_it: dict[str, Any] = {
        "center_lon": circle and circle.center.lon,
        "center_lat": circle and circle.center.lat,
        "radius_m": circle and circle.radius_m,
    }
    told: dict[str, Any] = {
        "watch": list(wanted.watch),
        "price_below_minor": wanted.price_below_minor,
        "currency": wanted.currency,
        "expires_at": wanted.expires_at,
        "place_id": wanted.place_id,
        **round_it,
    }
    drawn = wanted.shape if isinstance(wanted.shape, MultiPolygon) else None
    columns = {**told, "name": wanted.name, "boundary": drawn, "cities": cities}
    queries_alerts.put_saved(conn, wanted.member_id, wanted.saved_id, columns, now)
    for city_id in sorted(set(before.cities if before else ()) - set(cities)):
        queries_alerts.delete_watch(conn, city_id, wanted.member_id, wanted.saved_id)
    for city_id in cities:
        queries_alerts.put_watch(conn, city_id, wanted.member_id, wanted.saved_id, drawing, told)
    found = queries_alerts.saved_by_id(conn, wanted.member_id, wanted.saved_id)
    assert found is not None
    return found


def forget(conn: Connection, member_id: UUID, saved: Saved) -> None:
    """No city looks at it any more."""
    for city_id in saved.cities:
        queries_alerts.delete_watch(conn, city_id, member_id, saved.saved_id)
    queries_alerts.delete_saved(conn, member_id, saved.saved_id)


def attach(conn: Connection, city_id: int, geofence_id: UUID, coupon_id: UUID, on_what: str, by: Author) -> None:
    """A fence offers a coupon of its merchant and city; NotFound, CouponNotPublished."""
    reached = queries_owned.reached_by(by.merchant_ids, (), sees_all=False)
    coupon = queries_owned.owned(conn, city_id, coupon_id, reached)
    if coupon is None:
        raise NotFound("there is no such coupon")
    if coupon.state != "published":
        raise CouponNotPublished("publish it first")
    queries_alerts.put_offer(conn, city_id, geofence_id, coupon_id, on_what, by.key, by.now)


def _refused(pointer: str, detail: str) -> InvalidBody:
    return InvalidBody(f"{pointer}: {detail}", faults=[Fault(detail, pointer=pointer)])
