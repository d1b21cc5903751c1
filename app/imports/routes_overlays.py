"""Corrections of a city's places, made and taken back by those who run it."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.core.errors import NotFound
from app.core.ids import city_of
from app.coupons.search_rows import follow_places
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.caching import NO_STORE
from app.http.keyed import KEY_HEADER, KEY_PROBLEMS, key_scope
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.imports.conflation.deciding import Decision, mark_duplicate, unmark_duplicate
from app.imports.conflation.present import overlay_json, overlays_json
from app.imports.routes_reviews import own_city, person, refused, runs
from app.imports.schemas_reviews import OverlayAnswer, OverlayBody, OverlaysAnswer, OverlaysQuery, WithdrawBody
from app.places import overlays as corrections
from app.places import queries_overlays
from app.places.errors import InvalidEdit, NoPlacesThere, UnknownPlace
from app.places.overlay_fields import checked
from app.places.queries_edits import Author

blueprint = Blueprint("overlays", __name__, description="Corrections of a city's places that survive loads")

CORRECTORS = allow(
    "operator", "admin", owner="place_overlays.city_id is one of the operator's cities; an admin has all"
)
REFUSALS: Final = ("not-found", "invalid-body", "both-run", "decision-not-offered", "review-decided")
_LIST: Final = "overlays"


@blueprint.get(
    "/v1/overlays",
    policy=CORRECTORS,
    query=OverlaysQuery,
    answer=OverlaysAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor"),
)
def overlays(query: dict[str, Any]) -> Answer:
    """Corrections of a city's places, newest first."""
    parts = services()
    now, limit = parts.clock(), query["limit"]
    place_id: UUID | None = query.get("place_id")
    applied = {name: query.get(name) for name in ("city", "state")}
    applied["place_id"] = None if place_id is None else str(place_id)
    bound = applied | {"caller": signed_in().key}
    before = UUID(parts.cursors.decode(_LIST, bound, query["cursor"], now)) if "cursor" in query else None
    with parts.database.read_primary() as conn:
        city = own_city(conn, query["city"])
        found = queries_overlays.overlays(conn, city.city_id, query.get("state"), place_id, before, limit + 1)
        page, more = found[:limit], len(found) > limit
        items = overlays_json(conn, city.city_id, page)
    body = {
        "items": items,
        "next_cursor": parts.cursors.encode(_LIST, bound, str(page[-1].overlay_id), now) if more else None,
        "applied": applied | {"limit": limit},
    }
    return Answer(body, headers=NO_STORE)


@blueprint.post(
    "/v1/overlays",
    policy=CORRECTORS,
    body=OverlayBody,
    answer=OverlayAnswer,
    status=201,
    takes=KEY_HEADER,
    problems=(*KEY_PROBLEMS, *REFUSALS),
)
def create_overlay(body: dict[str, Any]) -> Answer:
    """Corrects one field of a place: readers see it at once, and loads to come apply it again.

    ``duplicate_of`` merges the place into another one.
    """
    parts, principal, place_id = services(), signed_in(), body["place_id"]
    city_id, field, value = city_of(place_id), body["field"], body["value"]
    author = Author(person(principal), body["reason"], body.get("evidence"), body.get("expires_at"))
    said = {name: str(given) if isinstance(given, UUID) else given for name, given in body.items()}

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        if not runs(principal, city_id):
            raise NotFound("there is no such place")
        try:
            if field == "duplicate_of":
                if author.expires_at is not None:
                    raise InvalidEdit("a merge has no end; undo it when it is wrong")
                kept = UUID(checked(field, value))
                made = mark_duplicate(conn, city_id, place_id, kept, author, principal.key, parts.clock())
            else:
                made = corrections.correct(conn, city_id, place_id, field, value, author, parts.clock(), follow_places)
        except InvalidEdit as refusal:
            raise refused(refusal, "/expires_at" if "expires_at" in refusal.detail else "/value") from None
        except (UnknownPlace, NoPlacesThere):
            raise NotFound("there is no such place") from None
        return Answer(overlay_json(made), 201, headers=NO_STORE)

    return run_plan(Plan(lambda _conn: None, settle), key_scope("create_overlay", city_id, said))


@blueprint.post(
    "/v1/overlays/<uuid:overlay_id>/withdraw",
    policy=CORRECTORS,
    body=WithdrawBody,
    answer=OverlayAnswer,
    takes=KEY_HEADER,
    problems=(*KEY_PROBLEMS, "not-found", "overlay-over", "review-decided", "decision-not-offered"),
)
def withdraw_overlay(overlay_id: UUID, body: dict[str, Any]) -> Answer:
    """Takes a correction back: readers see at once what the source says; of ``duplicate_of``, both places again."""
    parts, principal, city_id = services(), signed_in(), city_of(overlay_id)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        found = queries_overlays.overlay_by_id(conn, city_id, overlay_id) if runs(principal, city_id) else None
        if found is None:
            raise NotFound("there is no such correction")
        if found.field == "duplicate_of" and found.state == "live":
            given = Decision("undo", body.get("note"), person(principal), principal.key)
            unmark_duplicate(conn, city_id, found, given, parts.clock())
        else:
            corrections.withdraw(conn, city_id, overlay_id, parts.clock(), follow_places)
        after = queries_overlays.overlay_by_id(conn, city_id, overlay_id)
        assert after is not None
        return Answer(overlay_json(after), headers=NO_STORE)

    scope = key_scope(f"withdraw_overlay {overlay_id}", city_id, body)
    return run_plan(Plan(lambda _conn: None, settle), scope)
