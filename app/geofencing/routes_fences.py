"""Fences as merchants and their partners run them, and why an event was told."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final
from uuid import UUID

from flask import request
from sqlalchemy import Connection

from app.cities.queries import territory_by_id
from app.core.errors import Fault, InvalidBody, NotFound, PreconditionFailed, PreconditionRequired
from app.core.ids import city_of
from app.geofencing import actions_fences, queries_fences
from app.geofencing.actions_fences import Author, wanted_again
from app.geofencing.queries_sets import area_of
from app.geofencing.schemas import (
    RULES,
    FenceAnswer,
    FenceEventAnswer,
    FencesAnswer,
    FencesQuery,
    FenceTermsBody,
    FenceVersionsAnswer,
    NewFenceBody,
)
from app.geofencing.types import FenceRow, FenceVersion, Rules, Wanted
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in_with
from app.http.caching import NO_STORE, entity_tag
from app.http.keyed import KEY_HEADER, KEY_PROBLEMS, key_scope
from app.http.openapi import HeaderOf
from app.http.principals import Principal
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.http.transaction import writing
from app.merchants.queries import merchant_by_id
from geo.coordinates import LonLat
from geo.errors import GeoError
from geo.geofence import Circle
from geo.geojson import parse_polygons
from geo.polygons import Limits, geodesic_area_m2

blueprint = Blueprint("geofences", __name__, description="Geofences: where a merchant is told who comes and goes")

SCOPE: Final = "geofences:write"
MINE = allow("owner", "partner", owner="geofences.merchant_id is one of the principal's merchants")
EXPLAINED = allow(
    *("owner", "partner", "operator", "admin"),
    owner="geofences.merchant_id is one of the principal's merchants; operators by geofences.city_id",
)
_ONE: Final = "/v1/geofences/<uuid:geofence_id>"
_LIST: Final = "geofences"
DRAWN: Final = Limits("fence", max_points=2_000, max_rings=500, max_width_deg=20.0, max_area_m2=5_000e6)
LEAST_AREA_M2: Final = 1_000.0
_MATCH: Final = {"If-Match": HeaderOf("the ETag of the fence: which state is meant", required=True)}
_MAY_MATCH: Final = {"If-Match": HeaderOf("the ETag of the fence, where another state is not to be touched")}
_TAGGED: Final = {"ETag": "names this state of the fence"}


def _author(principal: Principal) -> Author:
    return Author(principal.key, principal.merchant_ids, services().clock())


def _tag(row: FenceRow) -> str:
    return entity_tag("geofence", row.geofence_id, row.revision)


def _version_json(version: FenceVersion) -> dict[str, Any]:
    circle = None
    if version.radius_m is not None:
        circle = {"center": {"lon": version.center_lon, "lat": version.center_lat}, "radius_m": version.radius_m}
    said = {name: getattr(version, name) for name in ("version", "name", *RULES, "schedule", "tags", "created_at")}
    return said | {"geometry": None if version.boundary is None else json.loads(version.boundary), "circle": circle}


def _fence_json(row: FenceRow, version: FenceVersion) -> dict[str, Any]:
    follows = None
    if row.source != "drawn":
        follows = {f"{row.source}_id": str(row.source_id), "version": version.source_version}
    return {
        "geofence_id": str(row.geofence_id),
        "city_id": row.city_id,
        "merchant_id": str(row.merchant_id),
        "external_id": row.external_id,
        "state": row.state,
        "follows": follows,
        "expires_at": row.expires_at,
        "created_at": row.created_at,
        "changed_at": row.changed_at,
        "ended_at": row.ended_at,
        "terms": _version_json(version),
    }


def _shown(conn: Connection, row: FenceRow, status: int = 200) -> Answer:
    version = queries_fences.versions_in_force(conn, [row])[row.geofence_id]
    return Answer(_fence_json(row, version), status, headers={"ETag": _tag(row), **NO_STORE})


def _check_match(row: FenceRow, *, required: bool) -> None:
    if "If-Match" not in request.headers:
        if required:
            raise PreconditionRequired("send If-Match with the ETag of the fence")
        return
    if not request.if_match.contains(_tag(row).strip('"')):
        raise PreconditionFailed("read it again and send the change with the new ETag")


def _refused(pointer: str, detail: str) -> InvalidBody:
    return InvalidBody(f"{pointer}: {detail}", faults=[Fault(detail, pointer=pointer)])


def _drawing(conn: Connection, city_id: int, body: Mapping[str, Any], by: Author) -> dict[str, Any]:
    """The members of a ``Wanted`` that the shape of a body says; InvalidBody with the place of a fault."""
    if "circle" in body:
        center = body["circle"]["center"]
        shape = Circle(LonLat(center["lon"], center["lat"]).rounded(), body["circle"]["radius_m"])
        return {"shape": shape, "source": "drawn", "source_id": None, "source_version": None}
    if "geometry" in body:
        try:
            area = parse_polygons(body["geometry"], DRAWN).geometry
        except GeoError as error:
            fault = Fault(error.detail, pointer=f"/geometry{error.pointer}", code=error.code, hint=error.hint)
            raise InvalidBody(fault.detail, faults=[fault]) from None
        if geodesic_area_m2(area) < LEAST_AREA_M2:
            raise _refused("/geometry", f"draw {LEAST_AREA_M2:g} m² at least; a fix is not more exact than that")
        return {"shape": area, "source": "drawn", "source_id": None, "source_version": None}
    (name, source_id), *_ = body["follows"].items()
    if city_of(source_id) != city_id:
        raise _refused(f"/follows/{name}", "there is no such thing in this city")
    if name == "service_area_id":
        found = queries_fences.service_area_drawing(conn, city_id, source_id, by.merchant_ids, by.now)
    else:
        found = queries_fences.region_drawing(conn, city_id, source_id)
    if found is None:
        raise _refused(f"/follows/{name}", "there is no such thing in force")
    source = name.removesuffix("_id")
    return {"shape": area_of(found[1]), "source": source, "source_id": source_id, "source_version": found[0]}


def _changed(wanted: Wanted, body: Mapping[str, Any], now: Any) -> Wanted:
    """A version with what a body says of it."""
    rules: dict[str, Any] = {
        name: tuple(value) if name == "dwell_s" else value for name, value in body.items() if name in RULES
    }
    said: dict[str, Any] = {name: body[name] for name in ("name", "schedule", "expires_at") if name in body}
    if said.get("expires_at") is not None and said["expires_at"] <= now:
        raise _refused("/expires_at", "give a time that is still to come")
    tags: dict[str, Any] = {"tags": tuple(body["tags"])} if "tags" in body else {}
    return replace(wanted, rules=replace(wanted.rules, **rules), **said, **tags)


@blueprint.get(
    "/v1/geofences",
    policy=MINE,
    query=FencesQuery,
    answer=FencesAnswer,
    problems=("not-found", "scope-missing", "invalid-cursor", "expired-cursor"),
)
def geofences(query: dict[str, Any]) -> Answer:
    """The fences of one's merchants, newest first; those that are there unless another state is asked for."""
    actor, parts, limit = signed_in_with(SCOPE), services(), query["limit"]
    merchant_id, state = query.get("merchant_id"), query.get("state")
    if merchant_id is not None and merchant_id not in actor.merchant_ids:
        raise NotFound("there is no such merchant")
    now = parts.clock()
    filters = {"merchant_id": None if merchant_id is None else str(merchant_id), "state": state}
    bound = {**filters, "caller": actor.key}
    before = UUID(parts.cursors.decode(_LIST, bound, query["cursor"], now)) if "cursor" in query else None
    mine = actor.merchant_ids if merchant_id is None else (merchant_id,)
    with parts.database.read_primary() as conn:
        found = queries_fences.fences_page(conn, mine, [state or "active"], before, limit + 1)
        page = found[:limit]
        versions = queries_fences.versions_in_force(conn, page)
    more = len(found) > limit
    body = {
        "items": [_fence_json(row, versions[row.geofence_id]) for row in page],
        "next_cursor": parts.cursors.encode(_LIST, bound, str(page[-1].geofence_id), now) if more else None,
        "total": {"value": len(found), "relation": "gte" if more or before is not None else "eq"},
        "applied": {**filters, "limit": limit},
    }
    return Answer(body, headers=NO_STORE)


@blueprint.post(
    "/v1/geofences",
    policy=MINE,
    body=NewFenceBody,
    answer=FenceAnswer,
    status=201,
    takes=KEY_HEADER,
    headers=_TAGGED,
    problems=(
        *KEY_PROBLEMS,
        *("scope-missing", "not-found", "invalid-geometry", "geometry-too-large", "invalid-coordinate"),
        *("geofence-exists", "geofence-limit"),
    ),
)
def create_geofence(body: dict[str, Any]) -> Answer:
    """A fence by its own drawing, or one that follows a service area, a region or a business district."""
    actor = signed_in_with(SCOPE)
    merchant_id = body.get("merchant_id") or _only_merchant(actor)
    if merchant_id not in actor.merchant_ids:
        raise NotFound("there is no such merchant")
    by = Author(actor.key, (merchant_id,), services().clock())
    with services().database.read_primary() as conn:
        merchant = merchant_by_id(conn, merchant_id)
        if merchant is None:
            raise NotFound("there is no such merchant")
        city_id = body.get("city_id") or _followed_city(body) or merchant.home_city_id
        city = territory_by_id(conn, city_id)
    if city is None or city.kind == "world":
        raise _refused("/city_id", "give the id of a city, as /v1/cities tells")
    time_zone = city.time_zone

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        drawn = _drawing(conn, city_id, body, by)
        plain = Wanted(body["name"], drawn["shape"], Rules(), None, time_zone, (), None)
        wanted = replace(_changed(plain, body, by.now), **drawn)
        return _shown(conn, actions_fences.create(conn, city_id, merchant_id, body["external_id"], wanted, by), 201)

    return run_plan(Plan(lambda _conn: None, settle), key_scope("create_geofence", city_id, body))


def _only_merchant(principal: Principal) -> UUID:
    if len(principal.merchant_ids) != 1:
        raise _refused("/merchant_id", "say which of your merchants it is for")
    return principal.merchant_ids[0]


def _followed_city(body: Mapping[str, Any]) -> int | None:
    return next((city_of(source_id) for source_id in body.get("follows", {}).values()), None)


@blueprint.get(_ONE, policy=MINE, answer=FenceAnswer, problems=("not-found", "scope-missing"), headers=_TAGGED)
def geofence(geofence_id: UUID) -> Answer:
    """One fence, whatever became of it."""
    by = _author(signed_in_with(SCOPE))
    with services().database.read_primary() as conn:
        return _shown(conn, actions_fences.own_fence(conn, city_of(geofence_id), geofence_id, by))


@blueprint.get(f"{_ONE}/versions", policy=MINE, answer=FenceVersionsAnswer, problems=("not-found", "scope-missing"))
def geofence_versions(geofence_id: UUID) -> Answer:
    """What a fence said before, newest first; an event names one of these."""
    by, city_id = _author(signed_in_with(SCOPE)), city_of(geofence_id)
    with services().database.read_primary() as conn:
        actions_fences.own_fence(conn, city_id, geofence_id, by)
        found = queries_fences.versions_of(conn, city_id, geofence_id)
    return Answer({"items": [_version_json(version) for version in found]}, headers=NO_STORE)


@blueprint.patch(
    _ONE,
    policy=MINE,
    body=FenceTermsBody,
    answer=FenceAnswer,
    takes=_MATCH,
    headers=_TAGGED,
    problems=(
        *("not-found", "scope-missing", "precondition-required", "precondition-failed", "clock-skew"),
        *("invalid-geometry", "geometry-too-large", "invalid-coordinate", "geofence-over"),
    ),
)
def change_geofence(geofence_id: UUID, body: dict[str, Any]) -> Answer:
    """A new version; whoever is inside no longer is told to have left, cause `fence_changed`."""
    by, city_id = _author(signed_in_with(SCOPE)), city_of(geofence_id)
    if not body:
        raise InvalidBody(faults=[Fault("name what is to change", pointer="")])
    with writing() as conn:
        row = actions_fences.own_fence(conn, city_id, geofence_id, by, lock=True)
        _check_match(row, required=True)
        city = territory_by_id(conn, city_id)
        last = queries_fences.versions_of(conn, city_id, geofence_id, 1)[0]
        wanted = _changed(wanted_again(last, row, city.time_zone if city else "UTC"), body, by.now)
        if any(name in body for name in ("circle", "geometry", "follows")):
            mine = Author(by.key, (row.merchant_id,), by.now)
            wanted = replace(wanted, **_drawing(conn, city_id, body, mine))
        return _shown(conn, actions_fences.change(conn, row, wanted, by))


@blueprint.delete(
    _ONE,
    policy=MINE,
    answer=None,
    status=204,
    takes=_MAY_MATCH,
    problems=("not-found", "scope-missing", "precondition-failed", "clock-skew"),
)
def delete_geofence(geofence_id: UUID) -> Answer:
    """The fence is over; whoever is inside is told to have left, cause `deleted`. Its versions stay."""
    by = _author(signed_in_with(SCOPE))
    with writing() as conn:
        row = actions_fences.own_fence(conn, city_of(geofence_id), geofence_id, by, lock=True)
        _check_match(row, required=False)
        actions_fences.delete(conn, row, by.now)
    return Answer(b"", 204)


@blueprint.get(
    "/v1/geofence-events/<uuid:event_id>",
    policy=EXPLAINED,
    answer=FenceEventAnswer,
    problems=("not-found", "scope-missing"),
)
def geofence_event(event_id: UUID) -> Answer:
    """Why an event was told: which version of the fence, and which fix; kept for thirty days."""
    actor = signed_in_with(SCOPE)
    city_id = city_of(event_id)
    with services().database.read_primary() as conn:
        row = queries_fences.event_row(conn, city_id, event_id)
        sees_all = actor.role == "admin" or (actor.role == "operator" and city_id in actor.city_ids)
        if row is None or not (sees_all or row.merchant_id in actor.merchant_ids):
            raise NotFound("there is no such event")
        version = queries_fences.version_numbered(conn, city_id, row.geofence_id, row.fence_version)
    assert version is not None
    fix = None
    if row.fix_at is not None:
        fix = {"at": row.fix_at, "accuracy_m": row.fix_accuracy_m, "border_m": row.border_m, "cell": None}
        if sees_all and row.lon_cell is not None:
            fix["cell"] = [row.lon_cell, row.lat_cell]
    names = ("seq", "what", "cause", "dwell_s", "confidence", "late", "replayed", "occurred_at", "detected_at")
    body = {name: getattr(row, name) for name in names} | {
        "event_id": str(row.event_id),
        "geofence_id": str(row.geofence_id),
        "external_id": row.external_id,
        "pair_id": str(row.pair_id),
        "fix": fix,
        "fence_version": _version_json(version),
    }
    return Answer(body, headers=NO_STORE)
