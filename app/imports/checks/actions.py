"""Checks a version that is stored and not yet shown, keeps its report, and says what the version waits for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import Territory
from app.imports.checks import judging, queries
from app.imports.checks.catalogue import check_of
from app.imports.checks.places import check_places, lists_in_use
from app.imports.checks.regions import check_regions
from app.imports.checks.types import Finding, Gate, Limits, Reason, Report, Sample, Threshold
from app.imports.diff import actions as differences
from app.imports.diff import regions as areas
from app.imports.diff.queries import planned_for_bulk
from app.imports.diff.reading import too_large
from app.imports.diff.rules import worst
from app.imports.diff.types import Diff
from app.imports.reading.types import SourceFacts
from app.imports.tally import Tally, Target
from app.imports.types_jobs import VersionView
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
) -> Checked:
    """Checks what a load stored and keeps the report and the difference to what readers see; the caller commits.

    To be called once the rows are in, also when all were refused. Where they are taken back afterwards, the report is
    kept again by ``keep_again``.
    """
    territory, version = target.territory, target.version
    counts = {
        "declared": tally.declared, "stored": tally.stored, "refused": tally.refused, "created": tally.created,
    }  # fmt: skip
    _keep_faults(conn, tally, territory.city_id, kind, version)
    refused = queries.fault_counts(conn, territory.city_id, kind, version)
    said = None if facts is None or facts.declared is None else facts.declared - facts.left_out
    found = judging.of_counts(kind, counts, said, limits)
    found += judging.of_elsewhere(counts, refused)
    found += _told_rows(conn, territory.city_id, kind, version, refused)
    found += _notes(tally, facts)
    declared = Datum.WGS84 if facts is None else facts.datum
    case = Case(conn, territory, kind, version, declared, limits)
    checked = case.judged(counts, found, target.now, keep=True)
    _keep_report(conn, checked.report)
    return checked


def keep_again(conn: Connection, checked: Checked) -> None:
    """Writes a report once the rows it is about are rolled back; with the difference, unless the load failed."""
    if checked.report.failure is not None:
        counts = {**checked.report.counts, "stored": 0, "created": 0}
        _keep_report(conn, replace(checked.report, counts=counts))
        return
    _keep_report(conn, checked.report)
    if checked.diff is not None:
        differences.keep(conn, checked.diff, checked.report.made_at)


def _keep_report(conn: Connection, report: Report) -> None:
    kept = {"datum": report.datum, "limits": asdict(report.limits)}
    queries.keep_report(conn, report, as_json(report) | kept)


def gate_of(conn: Connection, city_id: int, kind: str, version: int) -> Gate:
    """What a version waits for before it may be shown; writes nothing.

    Another version may be shown now than when it was checked: then it is held against that one. Versions too large
    for that while somebody waits are for a second person, and blocked ones stay blocked.
    """
    kept = queries.kept_report(conn, city_id, kind, version)
    if kept is None:
        return NO_REPORT
    active = cities.active_version(conn, city_id, kind)
    against = None if active is None or active.version == version else active.version
    report = report_from(city_id, kind, version, kept)
    if against == kept.against:
        return report.gate
    refused = {one.check: one.count for one in report.findings}
    staying = [one for one in report.findings if one.check not in _OF_THE_DIFF]
    staying += judging.of_elsewhere(report.counts, refused)
    if too_large(conn, city_id, kind, version, against):
        said = f"it was checked against version {kept.against or 'none'}, and readers see {against or 'none'} now"
        now_other = Reason("not-compared", f"{said}; load it again to have it checked anew", "second_person")
        gate = report.gate if report.gate.verdict == "blocked" else judging.gate_of(staying, ())
        return Gate(worst([gate.verdict, "second_person"]), (*gate.reasons, now_other))
    territory = cities.territory_by_id(conn, city_id)
    assert territory is not None
    case = Case(conn, territory, kind, version, Datum(report.datum), report.limits)
    return case.judged(report.counts, staying, report.made_at, keep=False).report.gate


def kept_report(conn: Connection, city_id: int, kind: str, version: int) -> Json | None:
    """The report of a version as it is shown; None when there is none."""
    kept = queries.kept_report(conn, city_id, kind, version)
    return None if kept is None else as_json(report_from(city_id, kind, version, kept))


def no_report(found: VersionView) -> Json:
    """What is shown of a version without a report: loaded before there were checks, under way, or unreadable."""
    counts = {"declared": found.rows_declared, "stored": found.rows_stored, "refused": found.rows_refused}
    gate = NO_REPORT
    if found.state in ("validating", "failed"):
        said = "the file is still being read" if found.state == "validating" else "the file could not be read"
        gate = Gate("blocked", (Reason("not-checked", said, "blocked"),))
    return as_json(Report(found.city_id, found.kind, found.version, None, found.created_at, counts, gate=gate))


@dataclass(frozen=True, slots=True)
class Checked:
    """A report with the difference it was made from; None when nothing was stored."""

    report: Report
    diff: Diff | None


@dataclass(frozen=True, slots=True)
class Case:
    """A stored version to be judged; ``declared`` is the datum its sender named."""

    conn: Connection
    territory: Territory
    kind: str
    version: int
    declared: Datum
    limits: Limits

    def judged(self, counts: Mapping[str, int], found: list[Finding], now: datetime, *, keep: bool) -> Checked:
        """The report from what is known of the rows and what the version is found to be; ``keep`` its difference."""
        city_id = self.territory.city_id
        active = cities.active_version(self.conn, city_id, self.kind)
        against = None if active is None or active.version == self.version else active.version
        diff: Diff | None = None
        if counts.get("stored", 0):
            diff, more = self._checked(against, now, keep)
            found = [*found, *more]
        thresholds = () if diff is None else diff.thresholds
        findings = judging.ordered(found)
        gate = judging.gate_of(findings, thresholds)
        report = Report(
            city_id,
            self.kind,
            self.version,
            against,
            now,
            counts,
            findings,
            thresholds,
            gate,
            self.declared.value,
            self.limits,
        )
        return Checked(report, diff)

    def _checked(self, against: int | None, now: datetime, keep: bool) -> tuple[Diff, list[Finding]]:
        if self.kind == "regions":
            return self._areas(against, now, keep)
        diff = self._diff(against, now, keep)
        if self.kind == "places":
            with planned_for_bulk(self.conn):
                found = check_places(self.conn, self.territory, self.version, diff, self.declared, self.limits)
                return diff, found
        if self.kind in ("categories", "brands"):
            gone = {item.source_key or "": item.name for item in diff.items if item.layer == "removed"}
            return diff, lists_in_use(self.conn, self.kind, gone) if gone else []
        return diff, []

    def _diff(self, against: int | None, now: datetime, keep: bool) -> Diff:
        city_id = self.territory.city_id
        if keep:
            return differences.diff_of(self.conn, city_id, self.kind, self.version, against, now, self.limits)
        return differences.worked_out(self.conn, city_id, self.kind, self.version, against, self.limits)

    def _areas(self, against: int | None, now: datetime, keep: bool) -> tuple[Diff, list[Finding]]:
        conn, city_id = self.conn, self.territory.city_id
        new = differences.areas_of(conn, city_id, self.version)
        old = {} if against is None else differences.areas_of(conn, city_id, against)
        compared = None if against is None else areas.compare(old, new)
        if compared is None or against is None:
            diff = self._diff(None, now, keep)
        else:
            diff = differences.of_regions(conn, city_id, self.version, against, compared, self.limits)
            if keep:
                differences.keep(conn, diff, now)
        return diff, check_regions(conn, self.territory, new, old, compared, self.declared, self.limits)


def _keep_faults(conn: Connection, tally: Tally, city_id: int, kind: str, version: int) -> None:
    """Writes what the load found row by row, so that the report can be read from it."""
    tally.findings.write(conn, city_id, kind, version)


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
        for check, rows in tally.notes.items()
    ]  # fmt: skip
    if facts is None:
        return found
    said = [one for one in facts.remarks if one not in facts.unfit_keys]
    if facts.unused:
        said.append(f"columns that nobody reads: {', '.join(facts.unused[:20])}")
    for check, told in (("unfit-key", facts.unfit_keys), ("remark", said)):
        if told:
            found.append(Finding(check, len(told), "; ".join(told)[:1000], tuple(Sample(one) for one in told[:100])))
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
    made = (kept.against, kept.made_at, body["counts"], findings, thresholds, gate, body["datum"])
    return Report(city_id, kind, version, *made, Limits(**body["limits"]))


def _sample_from(one: Json) -> Sample:
    known = Sample(one["reason"], one["row"], one["source_key"], None, one["lon"], one["lat"])
    return known if one["id"] is None else replace(known, thing_id=UUID(one["id"]))
