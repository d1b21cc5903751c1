"""Checks a version that is stored and not yet shown, keeps its report, and says what the version waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import DatasetVersion, Territory
from app.imports.checks import judging, queries
from app.imports.checks.catalogue import check_of
from app.imports.checks.places import check_places, lists_in_use
from app.imports.checks.regions import check_regions
from app.imports.checks.types import Finding, Gate, Limits, Reason, Report, Sample, Threshold
from app.imports.diff import actions as differences
from app.imports.diff import regions as areas
from app.imports.diff.queries import planned_for_bulk
from app.imports.diff.rules import worst
from app.imports.diff.types import Diff
from app.imports.reading.types import SourceFacts
from app.imports.staging import Tally, Target
from geo.grid_shift import Datum

Json = dict[str, Any]

DEFAULTS: Final = Limits()
NO_REPORT: Final = Gate("note", (Reason("no-report", "this version was loaded before versions were checked", "note"),))
# Told of a difference when it is worked out again, because another version is shown now than when it was checked.
_OF_THE_DIFF: Final = frozenset(
    {
        *("missing-district", "admin-area-gone", "admin-area-reshaped", "area-gone", "area-reshaped"),
        *("datum-suspicion", "datum-repaired", "axes-swapped", "other-territory", "part-missing", "id-churn"),
        *("category-in-use", "brand-in-use", "datum-unchecked"),
    }
)


def check_version(
    conn: Connection,
    target: Target,
    facts: SourceFacts | None,
    tally: Tally,
    *,
    kind: str,
    limits: Limits = DEFAULTS,
) -> Report:
    """Checks what a load stored and keeps the report and the difference to what readers see; the caller commits.

    To be called under ``lock_versions`` once the rows are in, and also when none is: the report then says why.
    """
    city_id, version = target.territory.city_id, target.version
    counts = {
        "declared": tally.declared, "stored": tally.stored, "refused": tally.refused, "created": tally.created,
    }  # fmt: skip
    _keep_faults(conn, tally, city_id, kind, version)
    refused = queries.fault_counts(conn, city_id, kind, version)
    found = judging.of_counts(kind, counts, None if facts is None else facts.declared, limits)
    found += judging.of_elsewhere(counts, refused)
    found += _told_rows(conn, city_id, kind, version, refused)
    found += _notes(tally, facts)
    declared = Datum.WGS84 if facts is None else facts.datum
    return _judged(conn, target.territory, kind, version, target.now, counts, found, declared, limits)


def gate_of(conn: Connection, city_id: int, kind: str, version: int, now: datetime, limits: Limits = DEFAULTS) -> Gate:
    """What a version waits for before it may be shown.

    Another version may be shown now than when it was checked: then the difference is worked out again.
    """
    kept = queries.kept_report(conn, city_id, kind, version)
    if kept is None:
        return NO_REPORT
    active = cities.active_version(conn, city_id, kind)
    against = None if active is None or active.version == version else active.version
    report = report_from(city_id, kind, version, kept)
    if against == kept.against:
        return report.gate
    territory = cities.territory_by_id(conn, city_id)
    assert territory is not None
    staying = [one for one in report.findings if one.check not in _OF_THE_DIFF]
    declared = Datum(kept.report.get("datum", "wgs84"))
    return _judged(conn, territory, kind, version, now, report.counts, staying, declared, limits).gate


def kept_report(conn: Connection, city_id: int, kind: str, version: int) -> Json | None:
    """The report of a version as it is shown; None when there is none."""
    kept = queries.kept_report(conn, city_id, kind, version)
    return None if kept is None else as_json(report_from(city_id, kind, version, kept))


def no_report(found: DatasetVersion) -> Json:
    """What is shown of a version that was loaded before versions were checked."""
    counts = {"declared": found.rows_declared, "stored": found.rows_stored, "refused": found.rows_refused}
    return as_json(Report(found.city_id, found.kind, found.version, None, found.created_at, counts, gate=NO_REPORT))


def _judged(
    conn: Connection,
    territory: Territory,
    kind: str,
    version: int,
    now: datetime,
    counts: Mapping[str, int],
    found: list[Finding],
    declared: Datum,
    limits: Limits,
) -> Report:
    """The report from what is known of the rows, and what the stored version is found to be."""
    city_id = territory.city_id
    active = cities.active_version(conn, city_id, kind)
    against = None if active is None or active.version == version else active.version
    thresholds: tuple[Threshold, ...] = ()
    if counts.get("stored", 0):
        diff, more = _checked(conn, territory, kind, version, against, now, declared, limits)
        thresholds = diff.thresholds
        found = [*found, *more]
    findings = judging.ordered(found)
    gate = judging.gate_of(findings, thresholds)
    report = Report(city_id, kind, version, against, now, counts, findings, thresholds, gate)
    queries.keep_report(conn, report, as_json(report) | {"datum": declared.value})
    return report


def _checked(
    conn: Connection,
    territory: Territory,
    kind: str,
    version: int,
    against: int | None,
    now: datetime,
    declared: Datum,
    limits: Limits,
) -> tuple[Diff, list[Finding]]:
    city_id = territory.city_id
    if kind == "regions":
        new = differences.areas_of(conn, city_id, version)
        old = {} if against is None else differences.areas_of(conn, city_id, against)
        compared = None if against is None else areas.compare(old, new)
        if compared is None or against is None:
            diff = differences.diff_of(conn, city_id, kind, version, None, now, limits)
        else:
            diff = differences.of_regions(conn, city_id, version, against, compared, now, limits)
        return diff, check_regions(conn, territory, new, old, compared, declared, limits)
    diff = differences.diff_of(conn, city_id, kind, version, against, now, limits)
    if kind == "places":
        with planned_for_bulk(conn):
            return diff, check_places(conn, territory, version, diff, declared, limits)
    if kind in ("categories", "brands"):
        gone = {item.source_key or "": item.name for item in diff.items if item.layer == "removed"}
        return diff, lists_in_use(conn, kind, gone) if gone else []
    return diff, []


def _keep_faults(conn: Connection, tally: Tally, city_id: int, kind: str, version: int) -> None:
    """Writes what the load found row by row, so that the report can be read from it."""
    findings = getattr(tally, "findings", None)
    if findings is not None:
        findings.write(conn, city_id, kind, version)


def _told_rows(conn: Connection, city_id: int, kind: str, version: int, counts: Mapping[str, int]) -> list[Finding]:
    """What the load said of single rows, check by check."""
    found = []
    for check, count in sorted(counts.items()):
        first = queries.first_faults(conn, city_id, kind, version, check)
        said = check_of(check).title.lower()
        example = f": row {first[0].row}, {first[0].reason}" if first and first[0].row else ""
        found.append(Finding(check, count, f"{count:,} × {said}{example}", first))
    return found


def _notes(tally: Tally, facts: SourceFacts | None) -> list[Finding]:
    """What the gate changed in shapes, and what the reader remarked of the file."""
    found = [
        Finding(
            check, len(rows), f"{len(rows):,} × {check_of(check).title.lower()}",
            tuple(Sample(check_of(check).title, row, key) for row, key in rows[:100]),
        )
        for check, rows in getattr(tally, "notes", {}).items()
    ]  # fmt: skip
    said = [] if facts is None else [*facts.remarks]
    if facts is not None and facts.unused:
        said.append(f"columns that nobody reads: {', '.join(facts.unused[:20])}")
    if said:
        found.append(Finding("remark", len(said), "; ".join(said)[:1000], tuple(Sample(one) for one in said[:100])))
    return found


def as_json(report: Report) -> Json:
    """The report as it is shown and kept."""
    return {
        "city_id": report.city_id,
        "kind": report.kind,
        "version": report.version,
        "against": report.against,
        "made_at": report.made_at.isoformat(),
        "verdict": report.gate.verdict,
        "reasons": report.gate.as_json()["reasons"],
        "counts": dict(report.counts),
        "thresholds": [threshold.as_json() for threshold in report.thresholds],
        "checks": [_finding_json(one) for one in report.findings],
    }


def _finding_json(one: Finding) -> Json:
    check = check_of(one.check)
    return {
        "check": one.check,
        "severity": check.severity,
        "needs": check.needs,
        "count": one.count,
        "title": check.title,
        "detail": one.detail,
        "hint": check.hint,
        "first": [sample.as_json() for sample in one.first],
    }


def report_from(city_id: int, kind: str, version: int, kept: Any) -> Report:
    """A report read back."""
    body: Json = kept.report
    findings = tuple(
        Finding(one["check"], one["count"], one["detail"], tuple(_sample_from(first) for first in one["first"]))
        for one in body["checks"]
    )
    thresholds = tuple(
        Threshold(one["code"], one["value"], one["limit"], one["needs"], one["detail"]) for one in body["thresholds"]
    )
    reasons = tuple(Reason(one["code"], one["detail"], one["needs"]) for one in body["reasons"])
    gate = Gate(worst([body["verdict"]]), reasons)
    return Report(city_id, kind, version, kept.against, kept.made_at, body["counts"], findings, thresholds, gate)


def _sample_from(one: Json) -> Sample:
    known = Sample(one["reason"], one["row"], one["source_key"], None, one["lon"], one["lat"])
    return known if one["id"] is None else replace(known, thing_id=UUID(one["id"]))
