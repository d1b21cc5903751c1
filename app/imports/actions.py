"""One road for every version of regional data: open, read, check, stage, then move the pointer.

Nothing of a version is visible before ``activate``; a load that fails leaves the active version as it was and no rows
behind. The caller commits: each of these functions is one transaction.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import WORLD_CITY_ID, DatasetVersion, Territory
from app.core.ids import new_city_id
from app.imports import comparing, queries, queries_jobs, queries_versions, readers, search_rows
from app.imports.conflation import actions as conflation
from app.imports.errors import LoadInProgress, UnknownTerritory, UnknownVersion, UnreadableFile, VersionNotReady
from app.imports.fact_tables import CITY_KINDS, FACTS, WORLD_KINDS
from app.imports.gate import Gate, judge
from app.imports.members import Unknown
from app.imports.staging import Tally, Target, stage_places
from app.imports.staging_areas import (
    stage_basemap,
    stage_brands,
    stage_categories,
    stage_holidays,
    stage_regions,
)
from app.imports.territory import widened
from app.imports.types import Began, Change, IdMaker, LoadReport, LoadRequest, Progress
from app.imports.types_jobs import COMMAND_LINE, Failure, Opened, Upload, Wanted
from app.places.tables import place_facts
from app.postings.queries import hold_rows
from geo.bbox import Bbox

# Share of refused rows above which a version is blocked; what isn't listed bears none.
MAX_REFUSED_SHARE: Final = {"places": 0.005, "basemap": 0.005}
MEND: Final = "nothing of the file was kept; mend it and send it again, or reload it with other declarations"
COMMAND_LINE_WORK: Final = "load"
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
    upload = Upload(request.said_name, _size(request), readers.file_sha256(request.path))
    wanted = Wanted(request.city_id, request.kind, upload, request.origin, request.wishes(), dry_run)
    opened = open_version(conn, wanted, by, now)
    if opened.unchanged:
        return _unchanged(conn, request, opened.version)
    return fill(conn, request, opened, now, make_id=make_id, progress=progress, began=began, dry_run=dry_run)


def open_version(conn: Connection, wanted: Wanted, by: str, now: datetime, *, due_at: datetime | None = None) -> Opened:
    """A new version in the state ``validating``, for a worker from ``due_at`` on; or the active one for the same file.

    Raises LoadInProgress: the database lets one version of a kind be validating or staged.
    """
    allowed_kind(conn, wanted.city_id, wanted.kind)
    active = cities.active_version(conn, wanted.city_id, wanted.kind)
    if active is not None and active.source_sha256 == wanted.upload.sha256:
        return Opened(active.version, active.dataset_id, unchanged=True)
    dataset_id = new_city_id(wanted.city_id)
    for _ in range(_NUMBERS_TRIED):
        version = cities.next_version(conn, wanted.city_id, wanted.kind)
        added = cities.insert_version(
            conn,
            city_id=wanted.city_id,
            dataset_id=dataset_id,
            kind=wanted.kind,
            version=version,
            origin=wanted.origin,
            sha256=wanted.upload.sha256,
            now=now,
        )
        if added:
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
    active = cities.active_version(conn, request.city_id, request.kind)
    regions = queries.regions_extent(conn, request.city_id) if request.kind == "places" else None
    area = None if regions is None else widened(regions)
    target = Target(territory, version, now, make_id, cities.world_versions(conn), area)
    savepoint = conn.begin_nested()
    gate = Gate("open")
    try:
        unknown = Unknown()
        tally = _stage(conn, request, target, unknown, progress, began or _nothing)
    except UnreadableFile as error:
        savepoint.rollback()
        close_failed(conn, request.city_id, request.kind, opened, Failure(error.code, error.detail, MEND), now)
        raise
    code, blocked = _why_blocked(request, tally)
    if blocked is None:
        gate = judge(conn, request.city_id, request.kind, version, active.version if active else None)
    if blocked is not None or dry_run:
        savepoint.rollback()
    else:
        savepoint.commit()
    remarks = _remarks(request, target, unknown)
    outcome = "failed" if blocked else "dry_run" if dry_run else "staged"
    _close(conn, request, opened, tally, outcome, gate, remarks, now)
    if blocked:
        failure = Failure(code, blocked, MEND)
        queries_jobs.set_result(conn, request.city_id, opened.dataset_id, failure=asdict(failure), stage="done")
        tally.stored = 0
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
    if not cities.set_state(
        conn, city_id, kind, version, state="active", only_from=("staged", "retired"), activated_at=now
    ):
        raise VersionNotReady(f"version {version} of {kind} is {found[0].state}")
    old = cities.active_version(conn, city_id, kind)
    if old is not None:
        cities.set_state(conn, city_id, kind, old.version, state="retired", only_from=("active",))
    if kind == "places":
        conflation.show(conn, city_id, version, now)
    extent, rows = _extent(conn, city_id, kind, version)
    cities.point_at(conn, city_id, kind, version, extent=extent, row_count=rows, now=now)
    if kind in ("places", "regions"):
        queries.refresh_statistics(conn, FACTS[kind])
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
        remarks=list(remarks),
        stage="done",
    )
    step = {"dry_run": "checked_only"}.get(outcome, outcome)
    queries_jobs.add_step(conn, request.city_id, opened.dataset_id, step, COMMAND_LINE_WORK, now)


def _nothing(_stage: str, _total: int, _unit: str) -> None:
    """Nobody watches."""


def _stage(
    conn: Connection, request: LoadRequest, target: Target, unknown: Unknown, progress: Progress | None, began: Began
) -> Tally:
    path = request.path
    began("reading", _size(request), "bytes")
    match request.kind:
        case "places":
            tally = stage_places(conn, target, readers.read_places(path, request.datum, unknown, progress))
            queries.refresh_statistics(conn, place_facts)
            began("linking", tally.stored, "rows")
            conflation.run(conn, target)
            began("search_rows", tally.stored, "rows")
            # From here on nobody moves the pointer: it decides which slot of the search rows is free.
            cities.lock_versions(conn, request.city_id)
            search_rows.build_staged(conn, request.city_id, target.version, target.now, progress)
            return tally
        case "regions":
            return stage_regions(conn, target, readers.read_regions(path, unknown, progress))
        case "basemap":
            return stage_basemap(conn, target, readers.read_basemap(path, unknown, progress))
        case "categories":
            return stage_categories(conn, target, readers.read_categories(path, unknown))
        case "brands":
            return stage_brands(conn, target, readers.read_brands(path, unknown))
        case _:
            return stage_holidays(conn, target, readers.read_holidays(path, unknown))


def _why_blocked(request: LoadRequest, tally: Tally) -> tuple[str, str | None]:
    """A code and a sentence when too much was refused, nothing is left, or the counts don't add up."""
    limit = request.max_refused_share
    share = MAX_REFUSED_SHARE.get(request.kind, 0.0) if limit is None else limit
    if tally.declared == 0:
        return "no-rows", f"{request.said_name} holds no rows"
    if tally.stored + tally.refused != tally.declared:
        lost = f"of {tally.declared:,} rows {tally.stored:,} were stored and {tally.refused:,} refused: some are lost"
        return "rows-lost", lost
    if tally.stored == 0:
        return "all-refused", f"every row was refused ({tally.declared:,})"
    if tally.refused > share * tally.declared:
        allowed = f"more than {share:.1%} of them" if share else f"and {request.kind} bear none"
        return "too-many-refused", f"{tally.refused:,} of {tally.declared:,} rows were refused, {allowed}"
    return "", None


def _remarks(request: LoadRequest, target: Target, unknown: Unknown) -> tuple[str, ...]:
    remarks = list(unknown.remarks())
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
