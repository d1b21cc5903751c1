"""One road for every version of regional data: open, read, check, stage, then move the pointer.

Nothing of a version is visible before ``activate``; a load that fails leaves the active version as it was and no rows
behind. The caller commits: each of these functions is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError

from app.cities import queries as cities
from app.cities.types import WORLD_CITY_ID, DatasetVersion, Territory
from app.core.ids import new_city_id
from app.imports import comparing, pipeline, queries, queries_jobs, queries_versions, search_rows
from app.imports.conflation import actions as conflation
from app.imports.errors import LoadInProgress, UnknownTerritory, UnknownVersion, UnreadableFile, VersionNotReady
from app.imports.fact_tables import CITY_KINDS, FACTS, WORLD_KINDS
from app.imports.gate import Gate, Reason
from app.imports.incoming import Told
from app.imports.tally import Tally, Target
from app.imports.territory import widened
from app.imports.types import Began, Change, IdMaker, LoadReport, LoadRequest, Progress
from app.imports.types_jobs import COMMAND_LINE, Failure, Opened, Upload, Wanted, declared_of
from app.places.queries_links import show_links
from app.postings.charts import slot_of
from app.postings.queries import hold_rows, measured, take_slot
from geo.bbox import Bbox

MEND: Final = "nothing of the file was kept; mend it and send it again, or reload it with other declarations"
COMMAND_LINE_WORK: Final = "load"
OPENING_WAITS_MS: Final = 500
_NUMBERS_TRIED: Final = 5


def random_id(city_id: int, _source_key: str) -> Any:
    """Ids of new things in ordinary loads."""
    return new_city_id(city_id)


def load(
    conn: Connection,
    request: LoadRequest,
    now: datetime,
    *,
    make_id: IdMaker = random_id,
    progress: Progress | None = None,
    began: Began | None = None,
    by: str = COMMAND_LINE,
    dry_run: bool = False,
) -> LoadReport:
    """Loads a file as the next version, up to the state ``staged``; the same file as the active one is left alone.

    Raises LoadInProgress; and UnreadableFile when the file as a whole is no good: the version is then left as
    ``failed``.
    """
    upload = Upload(request.said_name, _size(request), pipeline.file_sha256(request.path))
    wanted = Wanted(request.city_id, request.kind, upload, request.origin, request.wishes(), dry_run)
    opened = open_version(conn, wanted, by, now)
    if opened.unchanged:
        return _unchanged(conn, request, opened.version)
    return fill(conn, request, opened, now, make_id=make_id, progress=progress, began=began, dry_run=dry_run)


def open_version(conn: Connection, wanted: Wanted, by: str, now: datetime, *, due_at: datetime | None = None) -> Opened:
    """A new version in the state ``validating``, for a worker from ``due_at`` on; or the active one for the same file
    with the same declarations.

    Raises LoadInProgress: the database lets one version of a kind be validating or staged.
    """
    allowed_kind(conn, wanted.city_id, wanted.kind)
    active = cities.active_version(conn, wanted.city_id, wanted.kind)
    if active is not None and active.source_sha256 == wanted.upload.sha256 and _read_alike(conn, active, wanted):
        return Opened(active.version, active.dataset_id, unchanged=True)
    dataset_id = new_city_id(wanted.city_id)
    for _ in range(_NUMBERS_TRIED):
        version = _free_number(conn, wanted.city_id, wanted.kind, active)
        if _inserted(conn, wanted, dataset_id, version, now):
            break
        refuse_second_load(conn, wanted.city_id, wanted.kind)
    else:
        raise LoadInProgress("others are loading the same kind at this moment; try again", retry_after_s=1)
    queries_jobs.insert_job(
        conn,
        wanted.city_id,
        dataset_id,
        wanted.upload,
        created_by=by,
        wishes=wanted.wishes,
        dry_run=wanted.dry_run,
        due_at=due_at,
    )
    queries_jobs.add_step(conn, wanted.city_id, dataset_id, "loaded", by, now)
    return Opened(version, dataset_id, unchanged=False)


def _read_alike(conn: Connection, active: DatasetVersion, wanted: Wanted) -> bool:
    """Whether the active version's file was declared to be what is declared now."""
    job = queries_jobs.job_of(conn, active.city_id, active.dataset_id)
    return declared_of({} if job is None else job.wishes) == declared_of(wanted.wishes)


def _inserted(conn: Connection, wanted: Wanted, dataset_id: UUID, version: int, now: datetime) -> bool:
    """Whether the version was added; LoadInProgress when another load keeps its own to itself for so long.

    A command line's load is one transaction: what it adds is in nobody's sight until it ends, and who adds another
    has to wait for that.
    """
    try:
        with conn.begin_nested(), queries_jobs.waiting_at_most(conn, OPENING_WAITS_MS):
            return cities.insert_version(
                conn,
                city_id=wanted.city_id,
                dataset_id=dataset_id,
                kind=wanted.kind,
                version=version,
                origin=wanted.origin,
                sha256=wanted.upload.sha256,
                now=now,
            )
    except OperationalError as error:
        if getattr(error.orig, "pgcode", None) != queries_jobs.LOCKED:
            raise
        detail = f"another load of {wanted.kind} is under way by command line; wait until it ends, then try again"
        raise LoadInProgress(detail, retry_after_s=5) from None


def _free_number(conn: Connection, city_id: int, kind: str, active: DatasetVersion | None) -> int:
    """The next number; of places one whose search rows take the slot neither of what readers see nor of the version
    before it: pages that are under way read those, and a rollback shows them again."""
    version = cities.next_version(conn, city_id, kind)
    if kind != "places" or active is None:
        return version
    before = cities.previous_version(conn, city_id, kind, active.version)
    kept = {slot_of(each.version) for each in (active, before) if each is not None}
    while slot_of(version) in kept:
        version += 1
    return version


def refuse_second_load(conn: Connection, city_id: int, kind: str) -> None:
    """Raises LoadInProgress when a version of the kind is validating or staged; names it, and the way out."""
    other = queries_versions.load_under_way(conn, city_id, kind)
    if other is None:
        return
    where = f"{other.city} {kind} {other.version}"
    way_out = (
        f"wait until it is staged or failed, or discard it (fujin datasets discard {where})"
        if other.state == "validating"
        else f"activate it or discard it (fujin datasets discard {where})"
    )
    raise LoadInProgress(
        f"version {other.version} of {kind} is {other.state}; {way_out}",
        retry_after_s=5 if other.state == "validating" else None,
        extra={"version": other.version, "version_state": other.state},
    )


def fill(
    conn: Connection,
    request: LoadRequest,
    opened: Opened,
    now: datetime,
    *,
    make_id: IdMaker = random_id,
    progress: Progress | None = None,
    began: Began | None = None,
    dry_run: bool = False,
) -> LoadReport:
    """Reads, checks and stages the rows of an opened version; ``dry_run`` goes the whole way and keeps none of them.

    Raises UnreadableFile after the version was left as ``failed``.
    """
    territory, version = allowed_kind(conn, request.city_id, request.kind), opened.version
    queries_jobs.hold_filling(conn, request.city_id, request.kind)
    regions = queries.regions_extent(conn, request.city_id) if request.kind == "places" else None
    area = None if regions is None else widened(regions)
    target = Target(territory, version, now, make_id, cities.world_versions(conn), area)
    try:
        done = pipeline.run(conn, request, target, told=_telling(progress, began), keep=not dry_run)
    except UnreadableFile as error:
        failure = Failure(error.code, error.detail, error.hint or MEND)
        close_failed(conn, request.city_id, request.kind, opened, failure, now)
        if error.facts:
            queries_jobs.set_result(conn, request.city_id, opened.dataset_id, source=error.facts)
        raise
    tally, blocked = done.tally, done.blocked
    reasons = tuple(Reason(each.code, each.detail) for each in done.report.gate.reasons)
    gate = Gate(done.report.gate.verdict, reasons, done.report.against)
    remarks = _remarks(request, target, tally)
    outcome = "failed" if blocked else "dry_run" if dry_run else "staged"
    _close(conn, request, opened, tally, outcome, gate, remarks, now)
    code = done.code
    if blocked:
        failure = Failure(code, blocked, MEND)
        queries_jobs.set_result(conn, request.city_id, opened.dataset_id, failure=asdict(failure), stage="done")
    return LoadReport(
        request.city_id,
        request.kind,
        version,
        outcome,
        tally.declared,
        tally.stored,
        tally.refused,
        tuple(tally.faults),
        tally.created,
        tally.unreadable_hours,
        blocked,
        remarks,
        code or None,
    )


def close_failed(conn: Connection, city_id: int, kind: str, opened: Opened, failure: Failure, now: datetime) -> None:
    """Leaves a version as failed without a row; the caller has rolled back what was staged."""
    cities.set_state(conn, city_id, kind, opened.version, state="failed", only_from=("validating",), counts=(0, 0, 0))
    queries_jobs.set_result(conn, city_id, opened.dataset_id, outcome="failed", failure=asdict(failure), stage="done")
    queries_jobs.add_step(conn, city_id, opened.dataset_id, "failed", COMMAND_LINE_WORK, now, failure.detail[:500])


def change_of(conn: Connection, city_id: int, kind: str, version: int, against: int | None) -> Change:
    """What readers gain, keep and lose when a version takes the place of ``against``."""
    return comparing.compare(conn, FACTS[kind], city_id, kind, version, against)


def active_number(conn: Connection, city_id: int, kind: str) -> int | None:
    """The version that readers see, under the lock that keeps it so until the transaction ends."""
    cities.lock_versions(conn, city_id)
    active = cities.active_version(conn, city_id, kind)
    return None if active is None else active.version


def activate(conn: Connection, city_id: int, kind: str, version: int, now: datetime) -> DatasetVersion:
    """Shows a staged or retired version to every reader by moving the one pointer; the old one is kept as retired.

    Edits of places wait meanwhile; corrections that the version was loaded without are applied to it first.
    """
    cities.lock_versions(conn, city_id)
    hold_rows(conn, city_id)
    found = [v for v in cities.versions_of(conn, city_id, kind) if v.version == version]
    if not found:
        raise UnknownVersion(f"there is no version {version} of {kind}")
    if found[0].active:
        return found[0]
    if kind == "places" and not take_slot(conn, city_id, slot_of(version)):
        detail = f"a load writes search rows where those of version {version} have to stand; wait until it ends"
        raise VersionNotReady(detail, retry_after_s=5)
    if not cities.set_state(
        conn, city_id, kind, version, state="active", only_from=("staged", "retired"), activated_at=now
    ):
        raise VersionNotReady(f"version {version} of {kind} is {found[0].state}")
    old = cities.active_version(conn, city_id, kind)
    if old is not None:
        cities.set_state(conn, city_id, kind, old.version, state="retired", only_from=("active",))
    if kind == "places" and found[0].state == "retired":
        queries.read_hours_again(conn, city_id, version)
    changed = 0
    if kind == "places":
        changed = conflation.show(conn, city_id, version, None if old is None else old.version, now)
    # Counted when it was loaded; while a version is shown, people move, open and close places in it.
    counted = measured(conn, city_id, version) if kind == "places" and found[0].state == "staged" else None
    extent, rows = _extent(conn, city_id, kind, version) if changed or counted is None else counted
    cities.point_at(conn, city_id, kind, version, extent=extent, row_count=rows, now=now)
    if kind in ("places", "regions"):
        show_links(conn, city_id, now)
        queries.rewrite_coupon_places(conn, city_id)
        places = version if kind == "places" else queries.active_version_of(conn, city_id, "places")
        if places is not None:
            search_rows.after_activation(conn, city_id, places, now)
    if kind == "categories":
        search_rows.rebuild_all(conn, now)
    return replace(found[0], state="active", active=True, activated_at=now)


def rollback(conn: Connection, city_id: int, kind: str, now: datetime) -> DatasetVersion:
    """Shows the version before the active one again."""
    cities.lock_versions(conn, city_id)
    active = cities.active_version(conn, city_id, kind)
    before = None if active is None else cities.previous_version(conn, city_id, kind, active.version)
    if before is None:
        raise UnknownVersion(f"there is no earlier version of {kind} to go back to")
    return activate(conn, city_id, kind, before.version, now)


def allowed_kind(conn: Connection, city_id: int, kind: str) -> Territory:
    """The territory, when data of that kind is loaded for it; UnknownTerritory, VersionNotReady."""
    territory = cities.territory_by_id(conn, city_id)
    if territory is None:
        raise UnknownTerritory(f"there is no territory {city_id}")
    allowed = WORLD_KINDS if city_id == WORLD_CITY_ID else CITY_KINDS
    if kind not in allowed:
        raise VersionNotReady(f"{territory.slug} holds {', '.join(allowed)}, not {kind}")
    return territory


def _size(request: LoadRequest) -> int:
    return request.path.stat().st_size if request.path.exists() else 0


def _unchanged(conn: Connection, request: LoadRequest, version: int) -> LoadReport:
    active = cities.active_version(conn, request.city_id, request.kind)
    declared, stored = (active.rows_declared, active.rows_stored) if active else (0, 0)
    return LoadReport(request.city_id, request.kind, version, "unchanged", declared, stored, 0, ())


def _close(
    conn: Connection,
    request: LoadRequest,
    opened: Opened,
    tally: Tally,
    outcome: str,
    gate: Gate,
    remarks: tuple[str, ...],
    now: datetime,
) -> None:
    """State, counts and history of a version whose file was read to its end."""
    state = {"staged": "staged", "dry_run": "discarded"}.get(outcome, "failed")
    stored = 0 if state == "failed" else tally.stored
    cities.set_state(
        conn,
        request.city_id,
        request.kind,
        opened.version,
        state=state,
        only_from=("validating",),
        counts=(tally.declared, stored, tally.refused),
        purged_at=now if state == "discarded" else None,
    )
    queries_jobs.set_result(
        conn,
        request.city_id,
        opened.dataset_id,
        outcome=outcome,
        gate=None if state == "failed" else gate.stored(),
        created=tally.created,
        source=tally.facts or None,
        remarks=list(remarks),
        stage="done",
    )
    step = {"dry_run": "checked_only"}.get(outcome, outcome)
    queries_jobs.add_step(conn, request.city_id, opened.dataset_id, step, COMMAND_LINE_WORK, now)


def _telling(progress: Progress | None, began: Began | None) -> Told:
    """Steps and beginnings from what is told of stages."""
    stage, seen = "", 0

    def told(now: str, done: int, total: int | None, unit: str) -> None:
        nonlocal stage, seen
        if now != stage:
            stage, seen = now, 0
            if began is not None:
                began(now, total or 0, unit or "rows")
        if progress is not None and done > seen:
            progress(done - seen)
        seen = max(seen, done)

    return told


def _remarks(request: LoadRequest, target: Target, tally: Tally) -> tuple[str, ...]:
    remarks = list(tally.remarks)
    if request.kind == "places" and target.area is None:
        remarks.append(f"{target.territory.slug} has no regions yet: nobody checked whether the points lie in it")
    return tuple(remarks)


def _extent(conn: Connection, city_id: int, kind: str, version: int) -> tuple[Bbox | None, int]:
    if kind == "places":
        return queries.places_extent(conn, city_id, version)
    return None, queries.count_rows(conn, FACTS[kind], version, None if city_id == WORLD_CITY_ID else city_id)


def report_faults(report: LoadReport) -> Iterable[str]:
    """One line a fault, for people."""
    for fault in report.faults:
        yield f"row {fault.row} ({fault.source_key or 'no key'}): {fault.reason}"
