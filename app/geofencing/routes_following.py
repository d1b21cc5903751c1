"""Positions of members, and what they agreed to."""

from __future__ import annotations

from typing import Any, Final
from uuid import UUID

from flask import current_app, request
from sqlalchemy import Connection

from app.core.errors import PreconditionFailed
from app.geofencing import actions_following, queries_choices
from app.geofencing.memory import FenceMemory
from app.geofencing.queries_choices import Choices
from app.geofencing.schemas_following import (
    LocationAnswer,
    LocationBody,
    PositionsAnswer,
    PositionsBody,
    PurgedAnswer,
)
from app.geofencing.types import Fix, Outcome
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.caching import NO_STORE, entity_tag
from app.http.idempotency import KEY_PATTERN, KeyScope, body_hash, key_from_header
from app.http.keyed import KEY_PROBLEMS
from app.http.openapi import HeaderOf
from app.http.problems import request_id
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.http.transaction import writing

blueprint = Blueprint("positions", __name__, description="Positions of members, with their consent")

MEMBERS = allow("member", owner="the member themselves")
WHY: Final[dict[Outcome, str | None]] = {
    "counted": None,
    "late": "a later fix was looked at before; kept, changes nothing",
    "duplicate": "there is a fix of this time; the first one counts",
    "mock": "the device says that it is simulated; kept, changes nothing",
    "inaccurate": "less accurate than 1000 m; kept, changes nothing",
    "ahead": "measured over a minute ahead of our clock; not kept",
    "too_old": "measured over a day ago; not kept",
}
_TAGGED: Final = {"ETag": "names this state"}
_MAY_MATCH: Final = {"If-Match": HeaderOf("the ETag of what is to be replaced, where another state is to stay")}


def fence_memory() -> FenceMemory:
    """What this process knows of fences."""
    found: FenceMemory = current_app.extensions["fujin_fences"]
    return found


def _member_id() -> UUID:
    found = signed_in().member_id
    assert found is not None
    return found


@blueprint.post(
    "/v1/positions",
    policy=MEMBERS,
    body=PositionsBody,
    answer=PositionsAnswer,
    takes={"Idempotency-Key": HeaderOf("may be left out: a fix of a time counts once anyway", pattern=KEY_PATTERN)},
    problems=(
        *("consent-required", "invalid-coordinate"),
        *(code for code in KEY_PROBLEMS if code != "idempotency-key-missing"),
    ),
)
def send_positions(body: dict[str, Any]) -> Answer:
    """Up to a hundred fixes of a member become events of fences; kept for a day, never shown to merchants."""
    actor, member_id, parts = signed_in(), _member_id(), services()
    fixes = [
        Fix(each["at"], each["lon"], each["lat"], each["accuracy_m"], each["mock"], each["replayed"])
        for each in body["fixes"]
    ]
    key = key_from_header(required=False)
    scope = None
    if key is not None:  # the body is not written down, only its hash
        said = [(fix.at.isoformat(), fix.lon, fix.lat, fix.accuracy_m, fix.mock, fix.replayed) for fix in fixes]
        scope = KeyScope(None, actor.key, "send_positions", key, body_hash([body.get("device_id"), said]))
    memory = fence_memory()

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        batch = actions_following.take_fixes(
            conn, memory, member_id, body.get("device_id"), fixes, parts.clock(), request_id()
        )
        items = [
            {
                "index": number,
                "outcome": outcome,
                "late": outcome == "late",
                "why": WHY[outcome],
                "inaccurate_for": batch.inaccurate_for.get(fix.at, 0) if outcome == "counted" else 0,
            }
            for number, (fix, outcome) in enumerate(zip(fixes, batch.outcomes, strict=True))
        ]
        counted = sum(outcome == "counted" for outcome in batch.outcomes)
        return Answer({"items": items, "counted": counted, "events": len(batch.told)}, headers=NO_STORE)

    return run_plan(Plan(lambda _conn: None, settle), scope)


@blueprint.delete("/v1/me/positions", policy=MEMBERS, answer=PurgedAnswer, problems=("clock-skew",))
def purge_positions() -> Answer:
    """Removes every fix of the member and where they stand to fences, at once; how many of each."""
    with writing() as conn:
        counts = actions_following.purge_member(conn, _member_id(), services().clock(), request_id())
    return Answer(counts, headers=NO_STORE)


@blueprint.get("/v1/me/location", policy=MEMBERS, answer=LocationAnswer, headers=_TAGGED)
def my_location_choices() -> Answer:
    """What the member agreed to; to nothing, before they said so."""
    with services().database.read_primary() as conn:
        return _shown(queries_choices.choices_of(conn, _member_id()))


@blueprint.put(
    "/v1/me/location",
    policy=MEMBERS,
    body=LocationBody,
    answer=LocationAnswer,
    takes=_MAY_MATCH,
    headers=_TAGGED,
    problems=("precondition-failed", "clock-skew"),
)
def choose_location(body: dict[str, Any]) -> Answer:
    """Agrees or withdraws, which is written down; who withdraws is forgotten at once."""
    member_id, now = _member_id(), services().clock()
    quiet = body["quiet"] or {}
    wanted = Choices(
        member_id,
        now if body["positions"] else None,
        now if body["offers"] else None,
        body["time_zone"],
        _minutes(quiet.get("begins")),
        _minutes(quiet.get("ends")),
        (),
        0,
    )
    with writing() as conn:
        if "If-Match" in request.headers:
            before = queries_choices.choices_of(conn, member_id, lock=True)
            if not request.if_match.contains(_tag(before).strip('"')):
                raise PreconditionFailed("read it again and send the change with the new ETag")
        return _shown(actions_following.choose(conn, wanted, now, request_id()))


def _minutes(time: str | None) -> int | None:
    return None if time is None else int(time[:2]) * 60 + int(time[3:])


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


def _tag(chosen: Choices | None) -> str:
    return entity_tag("location", chosen.member_id, chosen.row_version) if chosen else entity_tag("location", None, 0)


def _shown(chosen: Choices | None) -> Answer:
    quiet = None
    if chosen and chosen.quiet_from_min is not None and chosen.quiet_until_min is not None:
        quiet = {"begins": _clock(chosen.quiet_from_min), "ends": _clock(chosen.quiet_until_min)}
    body = {
        "positions": chosen is not None and chosen.positions_at is not None,
        "positions_at": chosen.positions_at if chosen else None,
        "offers": chosen is not None and chosen.offers_at is not None,
        "offers_at": chosen.offers_at if chosen else None,
        "time_zone": chosen.time_zone if chosen else "UTC",
        "quiet": quiet,
    }
    return Answer(body, headers={"ETag": _tag(chosen), **NO_STORE})
