"""Versions of regional data over HTTP: send a file, watch it, approve, activate, go back, discard, load it again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from typing import Any, BinaryIO, Final

from flask import g, request
from sqlalchemy import Connection

from app.cities.types import Origin
from app.core.errors import AppError
from app.http.answers import Answer
from app.http.api import Blueprint, FileOf
from app.http.auth import allow, signed_in
from app.http.keyed import KEY_HEADER, KEY_PROBLEMS, key_scope
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.imports import life, queries_versions, uploads
from app.imports.present import version_json
from app.imports.schemas import (
    DatasetVersionListSchema,
    DatasetVersionSchema,
    MayNoteBody,
    NoteBody,
    ReloadBody,
    UploadQuery,
)
from app.imports.types_jobs import WISHES, Actor, Opened, VersionView

KIND: Final = "/v1/datasets/<string:city>/<string:kind>"
VERSION: Final = f"{KIND}/versions/<int:version>"
POLICY: Final = allow("operator", "admin", owner="datasets.city_id is one of the operator's cities; an admin has all")
PRIVATE: Final = {"Cache-Control": "private, no-store"}
_LATER: Final = {"Location": "where to ask how it goes", "Retry-After": "seconds until asking makes sense"}
_FILE: Final = FileOf("*/*", None, "the file's bytes as they are, of any of the forms that are read")

blueprint = Blueprint("datasets", __name__, description="Versions of a city's regional data, for its operators.")


@blueprint.get(f"{KIND}/versions", policy=POLICY, answer=DatasetVersionListSchema, problems=["not-found"])
def list_dataset_versions(city: str, kind: str) -> Answer:
    """The versions of one kind of a city's data, newest first."""
    with services().database.read_primary() as conn:
        found = queries_versions.versions_of_kind(conn, life.own_city(conn, city, kind, actor()), kind)
    return Answer({"items": [version_json(version) for version in found]}, headers=PRIVATE)


@blueprint.get(VERSION, policy=POLICY, answer=DatasetVersionSchema, problems=["not-found"])
def get_dataset_version(city: str, kind: str, version: int) -> Answer:
    """One version: its origin, file, state, counts, how far it is, what it needs, and what was done with it."""
    with services().database.read_primary() as conn:
        found = life.own_version(conn, city, kind, version, actor())
    return Answer(version_json(found), headers=PRIVATE)


@blueprint.post(
    f"{KIND}/versions",
    policy=POLICY,
    query=UploadQuery,
    file=_FILE,
    answer=DatasetVersionSchema,
    status=202,
    other_statuses={200: "The same file as the active version: nothing was done"},
    headers=_LATER,
    takes=KEY_HEADER,
    problems=[*KEY_PROBLEMS, "not-found", "load-in-progress", "empty-file", "unsupported-format", "upload-disk-full"],
)
def upload_dataset_version(city: str, kind: str, query: Mapping[str, Any], body: BinaryIO) -> Answer:
    """Takes a file and makes it the next version, which a worker then checks and stages; readers see nothing of it yet.

    Ask for the version until its state is ``staged`` or ``failed``. One version of a kind is under way at a time.
    """
    parts, by = services(), actor()
    with parts.database.read_primary() as conn:
        city_id = life.own_city(conn, city, kind, by)
    folder = uploads.folder_of(parts.settings)
    longest, declared = parts.settings.upload_max_bytes, request.content_length
    received = uploads.receive(body, folder, query["filename"], longest, uploads.refuse_at_once, declared)
    told = {name: str(value) for name, value in sorted(query.items())} | {"sha256": received.sha256.hex()}
    scope = key_scope(f"upload_dataset_version {city_id} {kind}", city_id, told)
    origin = Origin(
        query["source_name"],
        query["licence"],
        query["attribution"],
        query.get("source_url"),
        query.get("retrieved_on"),
    )
    asked = {name: query[name] for name in (*WISHES, "dry_run") if name in query}
    named: list[Opened] = []

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        opened = life.send(conn, city_id, kind, received, origin, asked, by, parts.clock())
        named.append(opened)
        return _opened(conn, city_id, kind, opened)

    try:
        answer = run_plan(Plan(lambda _conn: None, settle), scope)
    except AppError:
        uploads.drop(folder, received)
        raise
    if not named or named[-1].unchanged:  # a stored answer, or a file that readers see already
        uploads.drop(folder, received)
    return answer


def _opened(conn: Connection, city_id: int, kind: str, opened: Opened) -> Answer:
    found = queries_versions.version(conn, city_id, kind, opened.version)
    assert found is not None
    if opened.unchanged:
        return Answer(version_json(replace(found, outcome="unchanged")), headers=PRIVATE)
    return _later(found)


def _later(found: VersionView) -> Answer:
    where = f"/v1/datasets/{found.city}/{found.kind}/versions/{found.version}"
    g.retry_after_s = 1
    return Answer(version_json(found), 202, {**PRIVATE, "Location": where})


@blueprint.post(
    f"{VERSION}/approve",
    policy=POLICY,
    body=NoteBody,
    answer=DatasetVersionSchema,
    problems=["not-found", "version-not-ready", "second-person-needed", "clock-skew"],
)
def approve_dataset_version(city: str, kind: str, version: int, body: Mapping[str, Any]) -> Answer:
    """Says in a note why a staged version may be shown; who loaded it can't be the second person."""

    def do(conn: Connection, found: VersionView) -> None:
        life.approve(conn, found, body["note"], actor(), services().clock())

    return _changed(city, kind, version, do, 200)


@blueprint.post(
    f"{VERSION}/activate",
    policy=POLICY,
    body=MayNoteBody,
    answer=DatasetVersionSchema,
    status=202,
    headers=_LATER,
    problems=["not-found", "version-not-ready", "approval-needed", "clock-skew"],
)
def activate_dataset_version(city: str, kind: str, version: int, body: Mapping[str, Any]) -> Answer:
    """Asks a worker to show a staged or retired version to every reader; refused while something is lacking.

    All readers change over at once, some seconds later: ask for the version until it is ``active``.
    """

    def do(conn: Connection, found: VersionView) -> None:
        life.ask_activation(conn, found, body.get("note"), actor(), services().clock())

    return _changed(city, kind, version, do, 202)


@blueprint.post(
    f"{KIND}/rollback",
    policy=POLICY,
    body=NoteBody,
    answer=DatasetVersionSchema,
    status=202,
    headers=_LATER,
    problems=["not-found", "unknown-version", "version-not-ready", "clock-skew"],
)
def roll_dataset_back(city: str, kind: str, body: Mapping[str, Any]) -> Answer:
    """Asks a worker to show the version before the active one again; the answer is that version."""
    by = actor()

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        city_id = life.own_city(conn, city, kind, by)
        found = life.ask_rollback(conn, city_id, kind, body["note"], by, services().clock())
        return _later(life.own_version(conn, city, kind, found.version, by))

    return run_plan(Plan(lambda _conn: None, settle), None)


@blueprint.post(
    f"{VERSION}/discard",
    policy=POLICY,
    body=MayNoteBody,
    answer=DatasetVersionSchema,
    problems=["not-found", "version-not-ready", "clock-skew"],
)
def discard_dataset_version(city: str, kind: str, version: int, body: Mapping[str, Any]) -> Answer:
    """Gives up a version that is being checked or staged, and makes room for another."""

    def do(conn: Connection, found: VersionView) -> None:
        life.discard(conn, found, actor(), services().clock(), kept_for(), body.get("note"))

    return _changed(city, kind, version, do, 200)


@blueprint.post(
    f"{VERSION}/reload",
    policy=POLICY,
    body=ReloadBody,
    answer=DatasetVersionSchema,
    status=202,
    other_statuses={200: "The same file as the active version: nothing was done"},
    headers=_LATER,
    takes=KEY_HEADER,
    problems=[*KEY_PROBLEMS, "not-found", "version-not-ready", "file-gone", "load-in-progress"],
)
def reload_dataset_version(city: str, kind: str, version: int, body: Mapping[str, Any]) -> Answer:
    """Loads the kept file of a version that failed, is staged or was discarded anew, with other declarations."""
    by = actor()
    with services().database.read_primary() as conn:
        city_id = life.own_city(conn, city, kind, by)

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        found = life.own_version(conn, city, kind, version, by, lock=True)
        opened = life.reload(conn, found, body, by, services().clock(), kept_for())
        return _opened(conn, city_id, kind, opened)

    scope = key_scope(f"reload_dataset_version {city_id} {kind} {version}", city_id, dict(body))
    return run_plan(Plan(lambda _conn: None, settle), scope)


def _changed(city: str, kind: str, version: int, do: Any, status: int) -> Answer:
    """One change of a version under its lock, and the version after it."""
    by = actor()

    def settle(conn: Connection, _prepared: None, _outcome: None) -> Answer:
        found = life.own_version(conn, city, kind, version, by, lock=True)
        do(conn, found)
        after = life.own_version(conn, city, kind, version, by)
        return _later(after) if status == 202 else Answer(version_json(after), headers=PRIVATE)

    return run_plan(Plan(lambda _conn: None, settle), None)


def actor() -> Actor:
    """Who calls."""
    principal = signed_in()
    return Actor(principal.key, None if principal.role == "admin" else principal.city_ids)


def kept_for() -> timedelta:
    """How long files of versions that came to nothing are kept."""
    return timedelta(hours=services().settings.upload_kept_h)
