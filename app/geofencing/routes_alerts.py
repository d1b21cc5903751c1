"""What members watch and were alerted to, and the coupons that fences offer."""

from __future__ import annotations

import json
from typing import Any, Final
from uuid import UUID

from flask import request

from app.core.errors import Fault, InvalidBody, NotFound, PreconditionFailed
from app.core.ids import city_of
from app.geofencing import actions_alerts, actions_fences, queries_alerts
from app.geofencing.actions_alerts import NewSaved
from app.geofencing.actions_fences import Author
from app.geofencing.queries_alerts import Saved
from app.geofencing.routes_fences import DRAWN, MINE, SCOPE
from app.geofencing.routes_following import MEMBERS
from app.geofencing.schemas_alerts import (
    AlertsAnswer,
    AlertsQuery,
    OfferAnswer,
    OfferBody,
    SavedAnswer,
    SavedBody,
    SavedListAnswer,
)
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import signed_in, signed_in_with
from app.http.caching import NO_STORE, entity_tag
from app.http.openapi import HeaderOf
from app.http.services import services
from app.http.transaction import writing
from geo.coordinates import LonLat
from geo.errors import GeoError
from geo.geofence import Circle
from geo.geojson import parse_polygons

blueprint = Blueprint("alerts", __name__, description="Saved areas, standing alerts, and coupons offered in fences")

_SAVED: Final = "/v1/me/saved/<string:saved_id>"
_OFFER: Final = "/v1/geofences/<uuid:geofence_id>/offer"
_LIST: Final = "alerts"
_TAGGED: Final = {"ETag": "names this state"}
_MAY_MATCH: Final = {"If-Match": HeaderOf("the ETag of what is to be replaced, where another state is to stay")}


def _member_id() -> UUID:
    found = signed_in().member_id
    assert found is not None
    return found


def _saved_json(saved: Saved) -> dict[str, Any]:
    circle = price = None
    if saved.radius_m is not None:
        circle = {"center": {"lon": saved.center_lon, "lat": saved.center_lat}, "radius_m": saved.radius_m}
    if saved.price_below_minor is not None:
        price = {"amount_minor": saved.price_below_minor, "currency": saved.currency}
    return {
        "saved_id": saved.saved_id,
        "name": saved.name,
        "place_id": None if saved.place_id is None else str(saved.place_id),
        "circle": circle,
        "geometry": None if saved.boundary is None else json.loads(saved.boundary),
        "watch": saved.watch,
        "price_below": price,
        "expires_at": saved.expires_at,
        "changed_at": saved.changed_at,
    }


def _shown(saved: Saved) -> Answer:
    tag = entity_tag("saved", saved.saved_id, saved.row_version)
    return Answer(_saved_json(saved), headers={"ETag": tag, **NO_STORE})


def _match(saved: Saved | None) -> None:
    tag = entity_tag("saved", saved.saved_id, saved.row_version) if saved else ""
    if "If-Match" in request.headers and not request.if_match.contains(tag.strip('"')):
        raise PreconditionFailed("read it again and send the change with the new ETag")


@blueprint.get("/v1/me/saved", policy=MEMBERS, answer=SavedListAnswer)
def my_saved_areas() -> Answer:
    """What the member saved."""
    with services().database.read_primary() as conn:
        found = queries_alerts.saved_of(conn, _member_id())
    return Answer({"items": [_saved_json(each) for each in found]}, headers=NO_STORE)


@blueprint.get(_SAVED, policy=MEMBERS, answer=SavedAnswer, problems=("not-found",), headers=_TAGGED)
def my_saved_area(saved_id: str) -> Answer:
    """One of them."""
    with services().database.read_primary() as conn:
        found = queries_alerts.saved_by_id(conn, _member_id(), saved_id)
    if found is None:
        raise NotFound("there is no such saved area")
    return _shown(found)


@blueprint.put(
    _SAVED,
    policy=MEMBERS,
    body=SavedBody,
    answer=SavedAnswer,
    takes=_MAY_MATCH,
    headers=_TAGGED,
    problems=(
        *("not-found", "precondition-failed", "clock-skew", "saved-limit"),
        *("invalid-geometry", "geometry-too-large", "invalid-coordinate"),
    ),
)
def save_area(saved_id: str, body: dict[str, Any]) -> Answer:
    """Saves a place, a circle or an area under a name of the member's own, or says it anew."""
    member_id, now = _member_id(), services().clock()
    actions_alerts.check_id(saved_id)
    if body["expires_at"] is not None and body["expires_at"] <= now:
        raise InvalidBody(faults=[Fault("give a time that is still to come", pointer="/expires_at")])
    price = body.get("price_below") or {}
    wanted = NewSaved(
        member_id=member_id,
        saved_id=saved_id,
        name=body["name"],
        place_id=body.get("place_id"),
        shape=_shape(body),
        watch=tuple(body["watch"]),
        price_below_minor=price.get("amount_minor"),
        currency=price.get("currency"),
        expires_at=body["expires_at"],
    )
    with writing() as conn:
        before = queries_alerts.saved_by_id(conn, member_id, saved_id, lock=True)
        _match(before)
        return _shown(actions_alerts.save(conn, wanted, before, now))


def _shape(body: dict[str, Any]) -> Any:
    if "circle" in body:
        center = body["circle"]["center"]
        return Circle(LonLat(center["lon"], center["lat"]).rounded(), body["circle"]["radius_m"])
    if "geometry" not in body:
        return None
    try:
        return parse_polygons(body["geometry"], DRAWN).geometry
    except GeoError as error:
        fault = Fault(error.detail, pointer=f"/geometry{error.pointer}", code=error.code, hint=error.hint)
        raise InvalidBody(fault.detail, faults=[fault]) from None


@blueprint.delete(
    _SAVED, policy=MEMBERS, answer=None, status=204, takes=_MAY_MATCH,
    problems=("not-found", "precondition-failed", "clock-skew"),
)  # fmt: skip
def forget_area(saved_id: str) -> Answer:
    """Forgets a saved area; what the member was alerted to stays."""
    with writing() as conn:
        before = queries_alerts.saved_by_id(conn, _member_id(), saved_id, lock=True)
        if before is None:
            raise NotFound("there is no such saved area")
        _match(before)
        actions_alerts.forget(conn, _member_id(), before)
    return Answer(b"", 204)


@blueprint.get(
    "/v1/me/alerts",
    policy=MEMBERS,
    query=AlertsQuery,
    answer=AlertsAnswer,
    problems=("invalid-cursor", "expired-cursor"),
)
def my_alerts(query: dict[str, Any]) -> Answer:
    """Alerts and offers of the member that are not over, newest first; those of quiet hours from their end on."""
    parts, member_id, limit = services(), _member_id(), query["limit"]
    now, bound = parts.clock(), {"caller": str(member_id)}
    before = UUID(parts.cursors.decode(_LIST, bound, query["cursor"], now)) if "cursor" in query else None
    with parts.database.read_primary() as conn:
        found = queries_alerts.alerts_of(conn, member_id, now, before, limit + 1)
    page, more = found[:limit], len(found) > limit
    items = [
        {name: getattr(row, name) for name in ("city_id", "kind", "saved_id", "deliver_at", "created_at", "expires_at")}
        | {name: None if getattr(row, name) is None else str(getattr(row, name)) for name in ("coupon_id", "place_id")}
        | {"alert_id": str(row.alert_id), "digest": bool(row.digest)}
        for row in page
    ]
    body = {
        "items": items,
        "next_cursor": parts.cursors.encode(_LIST, bound, str(page[-1].alert_id), now) if more else None,
        "total": {"value": len(found), "relation": "gte" if more or before is not None else "eq"},
        "applied": {"limit": limit},
    }
    return Answer(body, headers=NO_STORE)


def _own(conn: Any, geofence_id: UUID) -> Author:
    actor = signed_in_with(SCOPE)
    by = Author(actor.key, actor.merchant_ids, services().clock())
    row = actions_fences.own_fence(conn, city_of(geofence_id), geofence_id, by)
    return Author(by.key, (row.merchant_id,), by.now)


def _offer_json(geofence_id: UUID, row: Any) -> dict[str, Any]:
    said = {"geofence_id": str(geofence_id), "coupon_id": str(row.coupon_id)}
    return said | {"on": row.on_what, "created_at": row.created_at}


@blueprint.get(_OFFER, policy=MINE, answer=OfferAnswer, problems=("not-found", "scope-missing"))
def geofence_offer(geofence_id: UUID) -> Answer:
    """The coupon that a fence offers; missing when it offers none."""
    with services().database.read_primary() as conn:
        _own(conn, geofence_id)
        found = queries_alerts.offer_of(conn, city_of(geofence_id), geofence_id)
    if found is None:
        raise NotFound("the fence offers nothing")
    return Answer(_offer_json(geofence_id, found), headers=NO_STORE)


@blueprint.put(
    _OFFER,
    policy=MINE,
    body=OfferBody,
    answer=OfferAnswer,
    problems=("not-found", "scope-missing", "coupon-not-published", "clock-skew"),
)
def offer_in_geofence(geofence_id: UUID, body: dict[str, Any]) -> Answer:
    """Offers a coupon to members who enter or dwell and want offers; seldom, and never in their quiet hours."""
    city_id = city_of(geofence_id)
    with writing() as conn:
        by = _own(conn, geofence_id)
        actions_alerts.attach(conn, city_id, geofence_id, body["coupon_id"], body["on"], by)
        found = queries_alerts.offer_of(conn, city_id, geofence_id)
    return Answer(_offer_json(geofence_id, found), headers=NO_STORE)


@blueprint.delete(
    _OFFER, policy=MINE, answer=None, status=204, problems=("not-found", "scope-missing", "clock-skew")
)  # fmt: skip
def withdraw_offer(geofence_id: UUID) -> Answer:
    """The fence offers nothing any more; what was offered stays until it is over."""
    with writing() as conn:
        _own(conn, geofence_id)
        if not queries_alerts.delete_offer(conn, city_of(geofence_id), geofence_id):
            raise NotFound("the fence offers nothing")
    return Answer(b"", 204)
