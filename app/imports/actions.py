"""One road for every version of regional data: open, read, check, stage, then move the pointer.

Nothing of a version is visible before ``activate``; a load that fails leaves the active version as it was and no rows
behind. The caller commits: each of these functions is one transaction.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import datetime
from typing import Any, Final

from sqlalchemy import Connection, Table

from app.cities import queries as cities
from app.cities.tables import basemap_features
from app.cities.types import WORLD_CITY_ID, DatasetVersion, Territory
from app.core.ids import new_city_id
from app.imports import comparing, queries, readers, search_rows
from app.imports.errors import UnknownTerritory, UnknownVersion, UnreadableFile, VersionNotReady
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
from app.imports.types import Change, IdMaker, LoadReport, LoadRequest, Progress
from app.places.overlays import apply_overlays, show_version
from app.places.tables import brands, categories, holidays, place_facts
from app.postings.queries import hold_rows
from app.regions.tables import region_facts
from geo.bbox import Bbox

WORLD_KINDS: Final = ("categories", "holidays", "brands")
CITY_KINDS: Final = ("places", "regions", "basemap")
# Share of refused rows above which a version is blocked; what isn't listed bears none.
MAX_REFUSED_SHARE: Final = {"places": 0.005, "basemap": 0.005}
_TABLES: Final[dict[str, Table]] = {
    "places": place_facts,
    "regions": region_facts,
    "basemap": basemap_features,
    "categories": categories,
    "brands": brands,
    "holidays": holidays,
}

Stage = Callable[[Connection, Target, Any], Tally]


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
) -> LoadReport:
    """Loads a file as the next version, up to the state ``staged``; the same file as the active one is left alone.

    Raises UnreadableFile when the file as a whole is no good; the version is then left as ``failed``.
    """
    territory = _territory(conn, request)
    sha256 = readers.file_sha256(request.path)
    cities.lock_versions(conn, request.city_id)
    active = cities.active_version(conn, request.city_id, request.kind)
    if active is not None and active.source_sha256 == sha256:
        return LoadReport(
            request.city_id, request.kind, active.version, "unchanged", active.rows_declared, active.rows_stored, 0, ()
        )
    version = _open_version(conn, request, sha256, now)
    regions = queries.regions_extent(conn, request.city_id) if request.kind == "places" else None
    area = None if regions is None else widened(regions)
    target = Target(territory, version, now, make_id, cities.world_versions(conn), area)
    savepoint = conn.begin_nested()
    try:
        unknown = Unknown()
        tally = _stage(conn, request, target, unknown, progress)
    except UnreadableFile:
        savepoint.rollback()
        _close_version(conn, request, version, Tally(), "failed")
        raise
    blocked = _why_blocked(request, tally)
    outcome = "failed" if blocked else "staged"
    if blocked:
        savepoint.rollback()
        tally.stored = 0
    else:
        savepoint.commit()
    _close_version(conn, request, version, tally, outcome)
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
        _remarks(request, target, unknown),
    )


def change_of(conn: Connection, city_id: int, kind: str, version: int, against: int | None) -> Change:
    """What readers gain, keep and lose when a version takes the place of ``against``."""
    return comparing.compare(conn, _TABLES[kind], city_id, kind, version, against)


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
        show_version(conn, city_id, version, now)
    extent, rows = _extent(conn, city_id, kind, version)
    cities.point_at(conn, city_id, kind, version, extent=extent, row_count=rows, now=now)
    if kind in ("places", "regions"):
        queries.refresh_statistics(conn, _TABLES[kind])
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


def _territory(conn: Connection, request: LoadRequest) -> Territory:
    territory = cities.territory_by_id(conn, request.city_id)
    if territory is None:
        raise UnknownTerritory(f"there is no territory {request.city_id}")
    allowed = WORLD_KINDS if request.city_id == WORLD_CITY_ID else CITY_KINDS
    if request.kind not in allowed:
        raise VersionNotReady(f"{territory.slug} holds {', '.join(allowed)}, not {request.kind}")
    return territory


def _open_version(conn: Connection, request: LoadRequest, sha256: bytes, now: datetime) -> int:
    version = cities.next_version(conn, request.city_id, request.kind)
    cities.insert_version(
        conn,
        city_id=request.city_id,
        dataset_id=new_city_id(request.city_id),
        kind=request.kind,
        version=version,
        origin=request.origin,
        sha256=sha256,
        now=now,
    )
    return version


def _close_version(conn: Connection, request: LoadRequest, version: int, tally: Tally, state: str) -> None:
    counts = (tally.declared, tally.stored, tally.refused)
    cities.set_state(
        conn, request.city_id, request.kind, version, state=state, only_from=("validating",), counts=counts
    )


def _stage(
    conn: Connection, request: LoadRequest, target: Target, unknown: Unknown, progress: Progress | None
) -> Tally:
    path = request.path
    match request.kind:
        case "places":
            tally = stage_places(conn, target, readers.read_places(path, request.datum, unknown, progress))
            queries.refresh_statistics(conn, place_facts)
            apply_overlays(conn, request.city_id, target.version, target.now)
            search_rows.build_staged(conn, request.city_id, target.version, target.now)
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


def _why_blocked(request: LoadRequest, tally: Tally) -> str | None:
    """A sentence when too much was refused, nothing is left, or the counts don't add up."""
    limit = request.max_refused_share
    share = MAX_REFUSED_SHARE.get(request.kind, 0.0) if limit is None else limit
    if tally.declared == 0:
        return f"{request.path.name} holds no rows"
    if tally.stored + tally.refused != tally.declared:
        return f"of {tally.declared:,} rows {tally.stored:,} were stored and {tally.refused:,} refused: some are lost"
    if tally.stored == 0:
        return f"every row was refused ({tally.declared:,})"
    if tally.refused > share * tally.declared:
        allowed = f"more than {share:.1%} of them" if share else f"and {request.kind} bear none"
        return f"{tally.refused:,} of {tally.declared:,} rows were refused, {allowed}"
    return None


def _remarks(request: LoadRequest, target: Target, unknown: Unknown) -> tuple[str, ...]:
    remarks = list(unknown.remarks())
    if request.kind == "places" and target.area is None:
        remarks.append(f"{target.territory.slug} has no regions yet: nobody checked whether the points lie in it")
    return tuple(remarks)


def _extent(conn: Connection, city_id: int, kind: str, version: int) -> tuple[Bbox | None, int]:
    if kind == "places":
        return queries.places_extent(conn, city_id, version)
    return None, queries.count_rows(conn, _TABLES[kind], version, None if city_id == WORLD_CITY_ID else city_id)


def report_faults(report: LoadReport) -> Iterable[str]:
    """One line a fault, for people."""
    for fault in report.faults:
        yield f"row {fault.row} ({fault.source_key or 'no key'}): {fault.reason}"
