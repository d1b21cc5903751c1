"""What people do with versions: send, approve, ask for activation or rollback, discard, load again.

Each is one transaction of the caller's, who commits. The heavy part of showing a version (search rows, coupons' places)
is work for a process of its own: here it is only asked for, after everything that speaks against it was looked at.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import Origin
from app.core.errors import NotFound
from app.imports import gate, queries_jobs, queries_versions
from app.imports.actions import open_version
from app.imports.errors import FileGone, OwnApproval, UnknownVersion, VersionNotOpen, VersionNotReady
from app.imports.fact_tables import CITY_KINDS, WORLD_KINDS
from app.imports.types_jobs import Actor, Failure, Opened, Upload, VersionView, Wanted, same_person

KINDS: Final = (*CITY_KINDS, *WORLD_KINDS)
ASKED: Final = ("activation_asked", "rollback_asked")
DISCARDED: Final = "discarded before readers saw it"


def own_city(conn: Connection, slug: str, kind: str, actor: Actor) -> int:
    """The id of an actor's territory that holds data of the kind; NotFound, for a foreign one as for a missing one."""
    known = WORLD_KINDS if slug == "world" else CITY_KINDS
    if kind not in known or len(slug) > 100 or "\x00" in slug:
        raise NotFound
    city_id = queries_versions.city_open_to(conn, slug, actor.city_ids)
    if city_id is None:
        raise NotFound
    return city_id


def own_version(
    conn: Connection, slug: str, kind: str, number: int, actor: Actor, *, lock: bool = False
) -> VersionView:
    """A version of an actor's territory; NotFound."""
    city_id = own_city(conn, slug, kind, actor)
    found = None if number > 2**31 - 1 else queries_versions.version(conn, city_id, kind, number, lock=lock)
    if found is None:
        raise NotFound
    return found


def send(
    conn: Connection, city_id: int, kind: str, upload: Upload, origin: Origin, asked: Mapping[str, Any], actor: Actor,
    now: datetime,
) -> Opened:  # fmt: skip
    """A received file as a new version that a worker loads; raises LoadInProgress. ``asked`` are wishes and dry_run."""
    wishes = {name: value for name, value in asked.items() if name != "dry_run"}
    wanted = Wanted(city_id, kind, upload, origin, wishes, bool(asked.get("dry_run")))
    return open_version(conn, wanted, actor.key, now, due_at=now)


def approve(conn: Connection, found: VersionView, note: str, actor: Actor, now: datetime) -> None:
    """A person's word that a staged version may be shown; OwnApproval where a second person is wanted."""
    if found.state != "staged":
        raise VersionNotReady(
            f"version {found.version} of {found.kind} is {found.state}; only staged ones are approved"
        )
    needs = gate.read(judged_again(conn, found).gate)
    if needs.verdict == "second_person" and same_person(actor.key, found.created_by):
        raise OwnApproval("who loaded a version can't be its second person; ask another operator of the city")
    queries_jobs.add_step(conn, found.city_id, found.dataset_id, "approved", actor.key, now, note)


def judged_again(conn: Connection, found: VersionView) -> VersionView:
    """The version with its gate against what readers see now, which may be another version than at its staging.

    Approvals from before they saw that are left out: they were of another change.
    """
    kept = gate.read(found.gate)
    if found.state != "staged" or found.gate is None:
        return found
    active = cities.active_version(conn, found.city_id, found.kind)
    against = None if active is None else active.version
    since = None if active is None else active.activated_at
    if since is not None:
        holding = tuple(step for step in found.steps if step.step != "approved" or step.at >= since)
        found = replace(found, steps=holding)
    if against == kept.against:
        return found
    fresh = gate.judge(conn, found.city_id, found.kind, found.version, against)
    queries_jobs.set_result(conn, found.city_id, found.dataset_id, gate=fresh.stored())
    return replace(found, gate=fresh.stored())


def refuse_unless_open(found: VersionView, note: str | None) -> None:
    """Raises VersionNotReady, VersionNotOpen with what lacks; a retired version needs nothing more."""
    if found.state not in ("staged", "retired", "active"):
        raise VersionNotReady(f"version {found.version} of {found.kind} is {found.state}")
    if found.purged_at is not None:
        raise VersionNotReady(f"version {found.version} of {found.kind} was purged; load its file again")
    if found.state != "staged":
        return
    needs = gate.read(found.gate)
    said = "; ".join(reason.detail for reason in needs.reasons)
    extra = {"gate": needs.stored()}
    if needs.verdict == "blocked":
        raise VersionNotOpen(f"the version can't be shown: {said}. Discard it and load a mended file", extra=extra)
    others = [step for step in found.approvals if not same_person(step.actor, found.created_by)]
    if needs.verdict == "second_person" and not others:
        raise VersionNotOpen(f"another operator has to approve it first, with a note: {said}", extra=extra)
    if needs.verdict == "note" and not note and not found.approvals:
        raise VersionNotOpen(f"say in a note why it may be shown: {said}", extra=extra)


def ask_activation(conn: Connection, found: VersionView, note: str | None, actor: Actor, now: datetime) -> None:
    """Makes the activation of a version due; one that readers see already is left alone."""
    refuse_unless_open(judged_again(conn, found), note)
    if not found.active:
        _ask(conn, found, "activation_asked", note, actor, now)


def ask_rollback(conn: Connection, city_id: int, kind: str, note: str, actor: Actor, now: datetime) -> VersionView:
    """Makes the activation of the version before the active one due; UnknownVersion when there is none."""
    active = cities.active_version(conn, city_id, kind)
    before = None if active is None else cities.previous_version(conn, city_id, kind, active.version)
    if before is None:
        raise UnknownVersion(f"there is no earlier version of {kind} to go back to")
    found = queries_versions.version(conn, city_id, kind, before.version, lock=True)
    assert found is not None
    refuse_unless_open(found, note)
    _ask(conn, found, "rollback_asked", note, actor, now)
    return found


def _ask(conn: Connection, found: VersionView, step: str, note: str | None, actor: Actor, now: datetime) -> None:
    queries_jobs.adopt(conn, found.city_id, found.dataset_id, found.source_name)
    if not queries_jobs.set_task(conn, found.city_id, found.dataset_id, "activate", now):
        raise VersionNotReady(f"version {found.version} of {found.kind} is being worked on; try again", retry_after_s=1)
    queries_jobs.set_result(conn, found.city_id, found.dataset_id, failure=None)
    queries_jobs.add_step(conn, found.city_id, found.dataset_id, step, actor.key, now, note)


def discard(
    conn: Connection, found: VersionView, actor: Actor, now: datetime, keep_file_for: timedelta, note: str | None = None
) -> None:
    """Gives a version up that nobody sees; its rows are removed by a worker, its file is kept for a while.

    A load that is under way loses its lease with it, so that its end writes nothing.
    """
    if found.state == "discarded":
        return
    moved = cities.set_state(
        conn,
        found.city_id,
        found.kind,
        found.version,
        state="discarded",
        only_from=("validating", "staged"),
        purged_at=now,
    )
    if not moved:
        raise VersionNotReady(f"version {found.version} of {found.kind} is {found.state}, not validating or staged")
    queries_jobs.adopt(conn, found.city_id, found.dataset_id, found.source_name)
    queries_jobs.set_result(
        conn,
        found.city_id,
        found.dataset_id,
        outcome="discarded",
        failure=asdict(Failure("discarded", DISCARDED, "send the file again, or reload it while it is kept")),
        task="purge",
        run_at=now,
        lease_until=None,
        lease_by=None,
        tries=0,
        file_until=None if found.file_key is None else now + keep_file_for,
    )
    queries_jobs.add_step(conn, found.city_id, found.dataset_id, "discarded", actor.key, now, note)


def reload(
    conn: Connection,
    found: VersionView,
    changed: Mapping[str, Any],
    actor: Actor,
    now: datetime,
    keep_file_for: timedelta,
) -> Opened:
    """A new version from the kept file of one that failed, is staged or was discarded, with other declarations."""
    if found.file_key is None or found.sha256 is None:
        raise FileGone("its file is no longer kept; send it again")
    if found.state in ("active", "retired"):
        raise VersionNotReady(f"version {found.version} of {found.kind} is {found.state}; send the file anew")
    if found.state in ("validating", "staged"):
        discard(conn, found, actor, now, keep_file_for)
    upload = Upload(found.file_name or "file", found.file_bytes or 0, found.sha256, found.file_key)
    origin = Origin(found.source_name, found.licence, found.attribution, found.source_url, found.retrieved_on)
    wishes = dict(found.wishes or {}) | dict(changed)
    wanted = Wanted(found.city_id, found.kind, upload, origin, wishes, found.dry_run)
    opened = open_version(conn, wanted, actor.key, now, due_at=now)
    if not opened.unchanged:
        queries_jobs.set_result(conn, found.city_id, found.dataset_id, file_key=None, file_until=None)
        queries_jobs.add_step(conn, found.city_id, found.dataset_id, "reloaded", actor.key, now)
    return opened
