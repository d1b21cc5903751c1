"""Service areas as their merchants run them: drawn, published, taken back, archived."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from flask import current_app, request
from sqlalchemy import Connection

from app.cities.queries import territory_by_id
from app.core.errors import InvalidBody, NotFound, PreconditionRequired
from app.core.ids import city_of
from app.http.answers import GEOJSON, JSON, Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.caching import NO_STORE, entity_tag
from app.http.keyed import KEY_HEADER, KEY_PROBLEMS, key_scope
from app.http.media import wants_geojson
from app.http.openapi import HeaderOf
from app.http.principals import Principal
from app.http.problems import request_id
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.service_areas import actions, drafts, queries_owned
from app.service_areas.actions import Expected
from app.service_areas.drawing import drawn
from app.service_areas.isochrones import Isochrones
from app.service_areas.schemas import (
    AreaAnswer,
    AreaBody,
    AreaDatumQuery,
    AreaHistoryAnswer,
    AreaHistoryQuery,
    AreaPutQuery,
    AreaRevertBody,
    AreasAnswer,
    AreaStepBody,
    SavedAreaAnswer,
)
from app.service_areas.succession import Author, Follow
from app.service_areas.types import Area, PlaceRun
from app.service_areas.views import area_json, areas_json, faults_json, remarks_json, version_json
from geo.grid_shift import Datum

blueprint = Blueprint("service_areas", __name__, description="A merchant's own service areas")

OWN: Final = "place_operators.merchant_id and service_areas.merchant_id are one of the principal's merchants"
OWNERS = allow("owner", owner=OWN)
LOOKERS = allow("owner", "staff", "operator", "admin", owner=f"{OWN}; operators by service_areas.city_id")
ALL: Final = "/v1/places/<uuid:place_id>/service-areas"
ONE: Final = f"{ALL}/<external_id>"
TOGETHER: Final = "/v1/places/<uuid:place_id>/publish-service-areas"
TAGGED: Final = {"ETag": "names this state of the area"}
MATCH: Final = {"If-Match": HeaderOf("the ETag of the area: which state is meant", required=True)}
_MAY_MATCH: Final = {"If-Match": HeaderOf("the ETag of the area, where it is there already")}
MATCH_PROBLEMS: Final = ("not-found", "precondition-required", "precondition-failed", "clock-skew")
CHECKED: Final = ("geometry-too-large", "area-outside-city", "territory-overlaps")
_HISTORY: Final = "service_area_versions"
_EXTERNAL_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:~-]{0,99}", re.ASCII)


@dataclass(frozen=True, slots=True)
class AreaParts:
    """What the factory hands over: what coupons do when areas change, and who says how far one comes."""

    follow: Follow
    isochrones: Isochrones


def parts() -> AreaParts:
    """The parts of the application in hand."""
    found: AreaParts = current_app.extensions["fujin.service_areas"]
    return found


def author(principal: Principal) -> Author:
    """Who acts."""
    assert principal.member_id is not None
    return Author(principal.member_id, services().clock(), request_id(), parts().follow)


def tag_of(area: Area) -> str:
    """The ETag of an area's state."""
    return entity_tag("service-area", area.service_area_id, area.revision)


def tag_of_all(areas: Sequence[Area]) -> str:
    """The ETag of the state of a place's areas."""
    return entity_tag("service-areas", *(f"{each.service_area_id} {each.revision}" for each in areas))


def expected() -> Expected:
    """What If-Match says; PreconditionRequired."""
    if "If-Match" not in request.headers:
        raise PreconditionRequired("send If-Match with the ETag of the area")
    wanted = request.if_match
    return lambda area: wanted.contains(tag_of(area).strip('"'))


def place_of(conn: Connection, place_id: UUID, principal: Principal) -> PlaceRun:
    """A place that the caller's merchants run or that lies in the operator's city; NotFound."""
    city_id = city_of(place_id)
    ours = principal.merchant_ids if principal.role in ("owner", "staff") else None
    foreign = principal.role == "operator" and city_id not in principal.city_ids
    found = None if foreign else queries_owned.place_run_by(conn, city_id, place_id, ours)
    if found is None:
        raise NotFound("there is no such place")
    return found


def known_id(external_id: str) -> str:
    """The merchant's own id; NotFound for what can't be one."""
    if not _EXTERNAL_ID.fullmatch(external_id):
        raise NotFound("an id has 1 to 100 letters, digits and . _ : ~ - after a letter or digit")
    return external_id


def area_of(conn: Connection, place: PlaceRun, external_id: str) -> Area:
    """An area of the place's merchant; NotFound."""
    found = queries_owned.area_of(conn, place.city_id, place.place_id, known_id(external_id))
    if found is None or found.merchant_id != place.merchant_id:
        raise NotFound("there is no such area")
    return found


def shown(conn: Connection, area: Area, datum: Datum = Datum.WGS84, *, status: int = 200, **more: Any) -> Answer:
    """An area with its ETag."""
    body = area_json(conn, area, datum, services().clock()) | more
    return Answer(body, status, headers={"ETag": tag_of(area), **NO_STORE})


def feature_of(area: dict[str, Any]) -> dict[str, Any]:
    """An area as a Feature: what is in force, else what is to be, else what waits; its terms are its properties."""
    version = area["published"] or area["scheduled"] or area["waiting"]
    properties = {name: value for name, value in area.items() if name not in ("published", "scheduled", "waiting")}
    rest = (
        {} if version is None else {name: value for name, value in version.items() if name not in ("geometry", "state")}
    )
    geometry = None if version is None else version["geometry"]
    return {"type": "Feature", "id": area["service_area_id"], "geometry": geometry, "properties": rest | properties}


def run(
    step: Callable[[Connection, PlaceRun], Area], place_id: UUID, external_id: str, operation: str, body: Any
) -> Answer:
    """One step of an owner in one transaction, under the caller's key."""
    principal = signed_in()
    known_id(external_id)
    scope = key_scope(f"{operation} {place_id} {external_id}", city_of(place_id), body)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        return shown(conn, step(conn, place_of(conn, place_id, principal)))

    return run_plan(Plan(lambda _conn: None, settle), scope)


@blueprint.get(ALL, policy=LOOKERS, query=AreaDatumQuery, answer=AreasAnswer, media_types=(JSON, GEOJSON),
               problems=("not-found", "not-acceptable"), headers=TAGGED)  # fmt: skip
def place_service_areas(place_id: UUID, query: dict[str, Any]) -> Answer:
    """All areas of a place, drafts and archived ones too; as GeoJSON (WGS 84) with what is in force, or else waits."""
    geojson = wants_geojson()
    datum = Datum.WGS84 if geojson else Datum(query["datum"])
    with services().database.read_primary() as conn:
        place = place_of(conn, place_id, signed_in())
        found = queries_owned.areas_of_place(conn, place.city_id, place_id)
        areas = [each for each in found if each.merchant_id == place.merchant_id]
        items = areas_json(conn, areas, datum, services().clock())
    headers = {"ETag": tag_of_all(areas), **NO_STORE}
    rest = {
        "next_cursor": None,
        "total": {"value": len(items), "relation": "eq"},
        "applied": {"place_id": str(place_id), "datum": datum.value},
    }
    if geojson:
        body = {"type": "FeatureCollection", "features": [feature_of(each) for each in items], **rest}
        return Answer(body, headers=headers, media_type=GEOJSON)
    return Answer({"items": items, **rest}, headers=headers)


@blueprint.get(ONE, policy=LOOKERS, query=AreaDatumQuery, answer=AreaAnswer, media_types=(JSON, GEOJSON),
               problems=("not-found", "not-acceptable"), headers=TAGGED)  # fmt: skip
def service_area(place_id: UUID, external_id: str, query: dict[str, Any]) -> Answer:
    """An area: what is in force and what waits; a foreign one is missing."""
    geojson = wants_geojson()
    datum = Datum.WGS84 if geojson else Datum(query["datum"])
    with services().database.read_primary() as conn:
        area = area_of(conn, place_of(conn, place_id, signed_in()), external_id)
        body = area_json(conn, area, datum, services().clock())
    headers = {"ETag": tag_of(area), **NO_STORE}
    if geojson:
        return Answer(feature_of(body), headers=headers, media_type=GEOJSON)
    return Answer(body, headers=headers)


@blueprint.put(
    ONE,
    policy=OWNERS,
    query=AreaPutQuery,
    body=AreaBody,
    answer=SavedAreaAnswer,
    other_statuses={201: "The area is new"},
    takes=_MAY_MATCH,
    headers=TAGGED,
    problems=(*MATCH_PROBLEMS, *CHECKED, "invalid-geometry", "external-id-taken"),
)
def put_service_area(place_id: UUID, external_id: str, query: dict[str, Any], body: dict[str, Any]) -> Answer:
    """Saves a drawing with its terms, which waits until it is published; what is in force stays in force.

    A new area needs no If-Match; of one that is there, If-Match says which state the edit began from.
    """
    principal, draft, now = signed_in(), body["draft"], services().clock()
    wanted = expected() if "If-Match" in request.headers else None
    with services().database.read_primary() as conn:
        place = place_of(conn, place_id, principal)
        there = queries_owned.area_of(conn, place.city_id, place_id, known_id(external_id))
        city = territory_by_id(conn, place.city_id)
    if wanted is None and there is not None and there.merchant_id == place.merchant_id:
        raise PreconditionRequired("the area is there: send If-Match with its ETag, so that nobody's edit is lost")
    currency = None if city is None else city.currency
    faults = drafts.faults_of(draft, currency, now)
    if faults:
        raise InvalidBody(f"{faults[0].pointer}: {faults[0].detail}", faults=faults)
    known = drawn(draft, place.location, currency, parts().isochrones, repair=query["repair"])
    by = author(principal)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        here = place_of(conn, place_id, principal)
        saved = actions.save(conn, here, external_id, known, wanted, by)
        told = {"remarks": remarks_json(known.shape.remarks), "faults": faults_json(saved.faults)}
        return shown(conn, saved.area, Datum(query["datum"]), status=201 if saved.fresh else 200, **told)

    return run_plan(Plan(lambda _conn: None, settle), None)


@blueprint.post(
    f"{ONE}/publish",
    policy=OWNERS,
    body=AreaStepBody,
    answer=AreaAnswer,
    takes={**KEY_HEADER, **MATCH},
    headers=TAGGED,
    problems=(*KEY_PROBLEMS, *MATCH_PROBLEMS, *CHECKED, "no-version-waits", "external-id-taken"),
)
def publish_service_area(place_id: UUID, external_id: str, body: dict[str, Any]) -> Answer:
    """What waits comes into force when it is to begin, or goes to an operator first where the plan wants it."""
    wanted, by = expected(), author(signed_in())

    def step(conn: Connection, place: PlaceRun) -> Area:
        return actions.publish(conn, place, external_id, wanted, by)

    return run(step, place_id, external_id, "publish_service_area", body)


@blueprint.post(
    TOGETHER,
    policy=OWNERS,
    body=AreaStepBody,
    answer=AreasAnswer,
    takes={**KEY_HEADER, "If-Match": HeaderOf("the ETag of the place's areas", required=True)},
    headers={"ETag": "names this state of the place's areas"},
    problems=(*KEY_PROBLEMS, *MATCH_PROBLEMS, *CHECKED, "no-version-waits"),
)
def publish_service_areas(place_id: UUID, body: dict[str, Any]) -> Answer:
    """Everything that waits at a place comes into force at once, or nothing: so a border between two areas can move."""
    if "If-Match" not in request.headers:
        raise PreconditionRequired("send If-Match with the ETag of the place's areas")
    principal, wanted = signed_in(), request.if_match
    by = author(principal)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        place = place_of(conn, place_id, principal)
        actions.publish_all(conn, place, lambda areas: wanted.contains(tag_of_all(areas).strip('"')), by)
        found = queries_owned.areas_of_place(conn, place.city_id, place_id)
        areas = [each for each in found if each.merchant_id == place.merchant_id]
        shown_now = {
            "items": areas_json(conn, areas, Datum.WGS84, by.now),
            "next_cursor": None,
            "total": {"value": len(areas), "relation": "eq"},
            "applied": {"place_id": str(place_id), "datum": Datum.WGS84.value},
        }
        return Answer(shown_now, headers={"ETag": tag_of_all(areas), **NO_STORE})

    scope = key_scope(f"publish_service_areas {place_id}", city_of(place_id), body)
    return run_plan(Plan(lambda _conn: None, settle), scope)


@blueprint.get(
    f"{ONE}/versions",
    policy=LOOKERS,
    query=AreaHistoryQuery,
    answer=AreaHistoryAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor"),
)
def service_area_versions(place_id: UUID, external_id: str, query: dict[str, Any]) -> Answer:
    """Every drawing that an area ever had, the newest first."""
    here, limit, datum = services(), query["limit"], Datum(query["datum"])
    asked, now = {"place_id": str(place_id), "external_id": external_id}, here.clock()
    below = int(here.cursors.decode(_HISTORY, asked, query["cursor"], now)) if "cursor" in query else None
    with here.database.read_primary() as conn:
        area = area_of(conn, place_of(conn, place_id, signed_in()), external_id)
        found, total = queries_owned.history(conn, area.city_id, area.service_area_id, below=below, limit=limit + 1)
    page = found[:limit]
    more = len(found) > limit
    body = {
        "items": [version_json(each, datum) for each in page],
        "next_cursor": here.cursors.encode(_HISTORY, asked, page[-1].version, now) if more else None,
        "total": {"value": total, "relation": "eq"},
        "applied": {**asked, "limit": limit, "datum": datum.value},
    }
    return Answer(body, headers=NO_STORE)


@blueprint.post(
    f"{ONE}/revert",
    policy=OWNERS,
    body=AreaRevertBody,
    answer=AreaAnswer,
    takes={**KEY_HEADER, **MATCH},
    headers=TAGGED,
    problems=(*KEY_PROBLEMS, *MATCH_PROBLEMS, *CHECKED, "version-waits", "external-id-taken"),
)
def revert_service_area(place_id: UUID, external_id: str, body: dict[str, Any]) -> Answer:
    """An earlier version comes into force again as the next one, under the same checks as any other."""
    wanted, by = expected(), author(signed_in())

    def step(conn: Connection, place: PlaceRun) -> Area:
        return actions.revert(conn, place, external_id, body["version"], wanted, by)

    return run(step, place_id, external_id, "revert_service_area", body)


@blueprint.delete(
    f"{ONE}/draft", policy=OWNERS, answer=None, status=204, takes=MATCH,
    problems=(*MATCH_PROBLEMS, "no-version-waits", "external-id-taken"),
)  # fmt: skip
def discard_service_area_draft(place_id: UUID, external_id: str) -> Answer:
    """Gives up the drawing that waits, else the one that is to begin later; what is in force stays in force."""
    return _without_answer(place_id, external_id, actions.discard)


@blueprint.delete(
    ONE, policy=OWNERS, answer=None, status=204, takes=MATCH, problems=(*MATCH_PROBLEMS, "external-id-taken")
)
def archive_service_area(place_id: UUID, external_id: str) -> Answer:
    """The area serves nobody any more; its drawings are kept, and an earlier one can be brought back."""
    return _without_answer(place_id, external_id, actions.archive)


def _without_answer(place_id: UUID, external_id: str, step: Callable[..., Area]) -> Answer:
    principal, wanted = signed_in(), expected()
    known_id(external_id)
    by = author(principal)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        step(conn, place_of(conn, place_id, principal), external_id, wanted, by)
        return Answer(b"", 204)

    return run_plan(Plan(lambda _conn: None, settle), None)
