// The report of the checks: the verdict first, then each check with its rows, which the map beside it shows.
import { button, el } from "../dom";
import { note } from "../form";
import * as format from "../format";
import { ApiProblem } from "../request";
import type { Desk } from "./desk";
import { FactMap, type Spot, type Tone } from "./factmap";
import * as api from "./operatorapi";
import { countFacts, section, smallButton, versionTabs, versionTitle } from "./parts";
import type { Check, First, Report, Severity, Territory, Version } from "./regionaltypes";
import { crumbsOf, failedNote, gateNote, refusedButton } from "./versionview";
import { t, translated } from "./words";

const SEVERITIES: Severity[] = ["file", "row", "warning", "info"];
const TONES: Record<Severity, Tone> = { file: "bad", row: "bad", warning: "warn", info: "info" };

/** The report, or null while the checks have not written one. */
async function reportOf(where: api.Where, number: number, signal: AbortSignal): Promise<Report | null> {
  try {
    return await api.report(where, number, signal);
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return null;
    throw error;
  }
}

export async function reportView(desk: Desk, territory: Territory, where: api.Where, number: number, signal: AbortSignal): Promise<void> {
  const [{ value: version }, report] = await Promise.all([api.version(where, number, signal), reportOf(where, number, signal)]);
  const title = t("operator.report_of", { version: versionTitle(territory, version) });
  const crumbs = crumbsOf(territory, where, number);
  const tabs = versionTabs(where, number, "report");
  if (report === null) {
    desk.show({ title, crumbs, content: [tabs, note("wait", t("operator.no_report"), [t("operator.no_report_hint")])] });
    return;
  }
  const rows = new Map<string, HTMLElement>();
  const spots: Spot[] = [];
  const map = new FactMap(territory.centre, territory.zoom, t("operator.map_report"), (key) => choose(key, true));
  const choose = (key: string, fromMap: boolean): void => {
    for (const [other, row] of rows) row.classList.toggle("chosen", other === key);
    map.choose(key, !fromMap);
    const row = rows.get(key);
    if (fromMap && row !== undefined) {
      row.closest("details")?.setAttribute("open", "");
      row.querySelector("button")?.focus();
    }
  };
  const checks = report.checks.filter(({ count }) => count > 0);
  const groups = SEVERITIES.map((severity) => group(severity, checks.filter((each) => each.severity === severity), rows, spots, (key) => choose(key, false)));
  const left = el(
    "div",
    { class: "two-left" },
    tabs,
    verdictNote(version, report),
    section(t("operator.counts"), countFacts(report.counts)),
    el("div", { class: "actions no-print" }, (report.counts.refused ?? 0) > 0 && refusedButton(desk, where, number), button({ class: "act act-second" }, () => print(), t("operator.print"))),
    ...(checks.length === 0 ? [...(version.state === "failed" ? [] : [note("good", t("operator.no_findings"))])] : groups.filter((each): each is HTMLElement => each !== null)),
  );
  const drawn = spots.length > 0;
  desk.show({ title, crumbs, content: [drawn ? el("div", { class: "two" }, left, el("aside", { class: "two-map", "aria-label": t("operator.map_report") }, map.node)) : left], ...(drawn && { map }) });
  map.show(spots);
  map.fit();
}

function verdictNote(version: Version, report: Report): HTMLElement {
  // A file that could not be read has no findings: its failure is all there is to say.
  if (version.state === "failed" && report.checks.length === 0) return failedNote(version);
  const reasons = report.reasons ?? (version.gate?.verdict === report.verdict ? version.gate.reasons : []);
  return gateNote({ verdict: report.verdict, reasons }, version.approvals.length > 0);
}

function group(severity: Severity, checks: Check[], rows: Map<string, HTMLElement>, spots: Spot[], choose: (key: string) => void): HTMLElement | null {
  if (checks.length === 0) return null;
  const open = severity === "file" || severity === "row";
  return section(t(`operator.severity.${severity}`), ...checks.map((check) => checkPart(check, open, rows, spots, choose)));
}

function checkPart(check: Check, open: boolean, rows: Map<string, HTMLElement>, spots: Spot[], choose: (key: string) => void): HTMLElement {
  const lines = check.first.map((first, at) => {
    const key = `${check.check}-${at}`;
    const located = first.lon !== null && first.lat !== null;
    if (located) spots.push({ key, lon: first.lon ?? 0, lat: first.lat ?? 0, tone: TONES[check.severity], ...(first.row !== null && { printed: String(first.row) }) });
    const line = firstLine(first, located ? () => choose(key) : null);
    rows.set(key, line);
    return line;
  });
  const hint = check.hint === null ? null : translated(`hint.${check.check}`, check.hint);
  return el(
    "details",
    { class: `check check-${check.severity}`, open, "data-check": check.check },
    el("summary", {}, el("span", {}, translated(`check.${check.check}`, check.title)), el("b", { class: "count" }, format.count(check.count))),
    check.detail !== undefined && check.detail !== "" && check.detail !== check.title && el("p", { class: "detail" }, check.detail),
    hint !== null && el("p", { class: "hint" }, hint),
    lines.length > 0 && el("ul", { class: "firsts" }, ...lines),
    lines.length > 0 && lines.length < check.count && el("p", { class: "summary" }, t("operator.first_of", { n: format.count(lines.length), all: format.count(check.count) })),
  );
}

function firstLine(first: First, show: (() => void) | null): HTMLElement {
  const what = [first.row === null ? null : t("operator.row", { n: format.count(first.row) }), first.source_key ?? first.id].filter((each) => each !== null).join(" · ");
  return el("li", { class: "first" }, el("div", {}, what !== "" && el("b", {}, what), el("p", {}, first.reason)), show !== null && smallButton(t("operator.show"), show, { "aria-label": t("operator.show_what", { what: what === "" ? first.reason : what }) }));
}
