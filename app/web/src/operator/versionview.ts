// One version: how far its load is, what it needs before readers may see it, what it came from, and what can be done.
import { el } from "../dom";
import { act, form, note } from "../form";
import * as format from "../format";
import { isUndecided, pause } from "../intents";
import { announce } from "../notice";
import { troubleWords } from "../problems";
import { wasAborted } from "../request";
import { changeLines } from "./changewords";
import { address, versionAddress, type Desk } from "./desk";
import { mappingPart } from "./mappingform";
import * as api from "./operatorapi";
import { at, countFacts, facts, kindName, linkButton, save, section, size, stateMark, versionTabs, versionTitle, who } from "./parts";
import { progressBar } from "./progress";
import type { Gate, Territory, Version } from "./regionaltypes";
import { confirmStep } from "./steps";
import { faultLines, maybe, refused, t, translated } from "./words";

/** Files that no other reading of them helps. */
const UNREADABLE = ["unsupported-format", "empty-file", "damaged-file", "count-differs", "malformed-json", "line-too-long", "damaged-archive", "encrypted-archive", "nested-archive", "unsafe-archive", "too-many-members", "unpacks-too-large", "unsafe-database", "incomplete-shapefile"];

const isLoading = ({ state }: Version): boolean => state === "validating";

/** The server works on it: it is being loaded, or shown to readers. */
const isUnderWay = (version: Version): boolean => isLoading(version) || version.progress?.task === "activate";

export async function versionView(desk: Desk, territory: Territory, where: api.Where, number: number, asked: AbortSignal): Promise<void> {
  const { value, retryAfterS } = await api.version(where, number, asked);
  new VersionPage(desk, territory, where, value).show(retryAfterS, false);
}

export const crumbsOf = (territory: Territory, where: api.Where, number?: number): [string, string][] => [
  [t("operator.territories"), address()],
  [territory.name, address(territory.city)],
  [kindName(where.kind), address(where.city, where.kind)],
  ...(number === undefined ? [] : [[t("operator.version", { n: number }), versionAddress(where, number)] as [string, string]]),
];

class VersionPage {
  constructor(
    private readonly desk: Desk,
    private readonly territory: Territory,
    private readonly where: api.Where,
    private version: Version,
  ) {}

  show(waitS: number | null, stay: boolean): void {
    const { version } = this;
    const bar = progressBar("");
    const content = isUnderWay(version) ? this.underWay(bar.node) : this.settled();
    const signal = this.desk.show({ title: versionTitle(this.territory, version), crumbs: crumbsOf(this.territory, this.where), content, stay });
    if (!isUnderWay(version)) return;
    draw(bar, version);
    void this.follow(bar, waitS ?? 1, signal);
  }

  /** Looks again as often as the server asks for, until the load has ended or the view is left. */
  private async follow(bar: ReturnType<typeof progressBar>, firstWaitS: number, signal: AbortSignal): Promise<void> {
    const trouble = document.getElementById("poll-trouble");
    let wait = firstWaitS;
    let stage = this.version.progress?.stage;
    try {
      for (;;) {
        await pause(wait, signal);
        try {
          const { value, retryAfterS } = await api.version(this.where, this.version.version, signal, true);
          this.version = value;
          wait = retryAfterS ?? 1;
          trouble?.replaceChildren();
        } catch (error) {
          if (!isUndecided(error)) throw error;
          trouble?.replaceChildren(note("wait", t("operator.no_answer"), [troubleWords(error), t("operator.goes_on")]));
          continue;
        }
        if (!isUnderWay(this.version)) break;
        draw(bar, this.version);
        if (stage !== this.version.progress?.stage) announce(stageWords(this.version));
        stage = this.version.progress?.stage;
      }
      this.show(null, true);
      announce(this.endWords());
    } catch (error) {
      if (!wasAborted(error)) this.desk.failed(error);
    }
  }

  private endWords(): string {
    const { state, active, failure } = this.version;
    if (active) return t("operator.activated");
    if (state === "failed" || failure !== null) return t("operator.ended.failed");
    return t(state === "staged" ? "operator.ended.staged" : "operator.ended.other");
  }

  private underWay(bar: HTMLElement): Node[] {
    const stop = el("div", { class: "narrow" }, act(t("operator.stop_load"), () => this.discard(t("operator.stop_load")), "act act-second"));
    return [
      el("p", { class: "state-line" }, stateMark(this.version.state)),
      el("div", { class: "note note-wait" }, bar, el("p", {}, t(isLoading(this.version) ? "operator.may_leave" : "operator.activating"))),
      el("div", { id: "poll-trouble" }),
      ...(isLoading(this.version) ? [stop] : []),
      this.originPart(),
    ];
  }

  private settled(): Node[] {
    const { version } = this;
    const kept = version.state !== "failed" || (version.counts.refused ?? 0) > 0;
    return [
      el("p", { class: "state-line" }, stateMark(version.state), ...(version.dry_run ? [el("span", { class: "state" }, t("operator.dry_mark"))] : [])),
      versionTabs(this.where, version.version, "overview"),
      el("div", { id: "version-said" }),
      this.verdict(),
      this.actions(),
      section(
        t("operator.counts"),
        countFacts(version.counts),
        (version.counts.refused ?? 0) > 0 && kept && el("div", { class: "narrow" }, refusedButton(this.desk, this.where, version.version)),
      ),
      this.remarks(),
      this.history(),
      this.originPart(),
      this.mapping(),
    ].filter((each): each is HTMLElement => each !== null);
  }

  /** What stands between this version and its readers. */
  private verdict(): HTMLElement {
    const { version } = this;
    const { failure, gate } = version;
    if (version.state === "failed") return failedNote(version);
    if (version.outcome === "dry_run" && gate !== null) return trialNote(gate);
    if (version.active) return note("good", t("operator.is_active", { at: at(version.activated_at ?? version.created_at, this.territory.time_zone) }));
    if (failure !== null) return note("bad", t("operator.not_shown"), [failure.detail, ...(failure.hint === null ? [] : [failure.hint])]);
    if (version.state === "retired") return note("wait", t("operator.is_retired"));
    if (version.state !== "staged" || gate === null) return note("wait", maybe(`operator.state.${version.state}`) ?? version.state);
    return gateNote(gate, version.approvals.length > 0);
  }

  private actions(): HTMLElement | null {
    const { version } = this;
    if (version.state !== "staged" && version.state !== "failed") return null;
    const verdict = version.gate?.verdict ?? "open";
    const open = version.state === "staged" && !version.dry_run;
    const needs = verdict === "note" || verdict === "second_person";
    return el(
      "div",
      { class: "actions" },
      open && needs && act(t("operator.approve"), () => this.approve(), version.approvals.length > 0 ? "act act-second" : "act"),
      open && verdict !== "blocked" && act(t("operator.activate"), () => this.activate(), needs && version.approvals.length === 0 ? "act act-second" : "act"),
      linkButton(t("operator.see_report"), versionAddress(this.where, version.version, "report")),
      version.state === "staged" && act(t("operator.discard"), () => this.discard(t("operator.discard")), "act act-second"),
    );
  }

  private approve(): void {
    const reasons = (this.version.gate?.reasons ?? []).map(({ code, detail }) => translated(`reason.${code}`, detail));
    confirmStep({
      title: t("operator.approve_title", { n: this.version.version }),
      lines: [...reasons, ...(this.version.gate?.verdict === "second_person" ? [t("operator.second_person_is")] : [])],
      note: "required",
      action: t("operator.approve"),
      run: async (words) => this.become(await api.approve(this.where, this.version.version, words), t("operator.approved")),
      signedOut: (error) => this.desk.failed(error),
    });
  }

  private activate(): void {
    const { version, where } = this;
    const lines = async (): Promise<string[]> => {
      try {
        const diff = await api.diff(where, version.version, null);
        return [t(diff.from === null ? "operator.activate_first" : "operator.activate_says"), ...changeLines(diff)];
      } catch {
        return [t("operator.activate_says"), t("operator.changes_unknown")];
      }
    };
    confirmStep({
      title: t("operator.activate_title", { n: version.version }),
      lines: lines(),
      note: version.gate?.verdict === "note" && version.approvals.length === 0 ? "required" : "optional",
      action: t("operator.activate"),
      run: async (words) => this.become(await api.activate(where, version.version, words), t("operator.asked")),
      signedOut: (error) => this.desk.failed(error),
    });
  }

  private discard(action: string): void {
    confirmStep({
      title: t("operator.discard_title", { n: this.version.version }),
      lines: [t("operator.discard_says")],
      note: "none",
      action,
      danger: true,
      run: async () => {
        await api.discard(this.where, this.version.version);
        announce(t("operator.discarded"));
        this.desk.go(this.where.city, this.where.kind);
      },
      signedOut: (error) => this.desk.failed(error),
    });
  }

  /** Shows what the server says the version is now; what it has taken on is followed to its end. */
  private become(now: Version, words: string): void {
    this.version = now;
    this.show(1, true);
    announce(now.active ? t("operator.activated") : words);
  }

  /** What was done with it, by whom and why; approvals alone where no more is kept. */
  private history(): HTMLElement | null {
    const { approvals, history } = this.version;
    const steps = history ?? approvals.map((each) => ({ step: "approved", ...each }));
    if (steps.length === 0) return null;
    const line = ({ step, by, note: words, at: when }: (typeof steps)[number]): HTMLElement =>
      el("li", {}, el("b", {}, maybe(`operator.step.${step}`) ?? step), ` · ${who(by)} · ${at(when, this.territory.time_zone)}`, words !== null && el("p", {}, words));
    return section(t("operator.history"), el("ul", { class: "history" }, ...steps.map(line)));
  }

  private remarks(): HTMLElement | null {
    const { remarks = [] } = this.version;
    return remarks.length === 0 ? null : section(t("operator.remarks"), el("ul", { class: "history" }, ...remarks.map((each) => el("li", {}, each))));
  }

  private originPart(): HTMLElement {
    const { origin, file, created_at, created_by, activated_at } = this.version;
    const zone = this.territory.time_zone;
    const url = origin.source_url;
    return section(
      t("operator.origin"),
      facts([
        [t("operator.source_name"), origin.source_name],
        [t("operator.licence"), origin.licence],
        [t("operator.attribution"), origin.attribution],
        [t("operator.source_url"), url !== null && /^https?:\/\//.test(url) ? el("a", { href: url, rel: "noopener noreferrer", target: "_blank" }, url) : url],
        [t("operator.retrieved_on"), origin.retrieved_on && format.day(origin.retrieved_on)],
        [t("operator.file"), file?.name],
        [t("operator.size"), file?.bytes == null ? null : size(file.bytes)],
        [t("operator.format"), file?.format],
        [t("operator.encoding"), file?.encoding],
        [t("operator.crs"), file?.crs],
        [t("operator.datum"), file?.datum == null ? null : (maybe(`operator.datum.${file.datum}`) ?? file.datum)],
        [t("operator.layer_name"), file?.layer],
        ["SHA-256", file?.sha256 == null ? null : el("code", { class: "hash" }, file.sha256)],
        [t("operator.loaded_at"), at(created_at, zone)],
        [t("operator.loaded_by"), created_by == null ? null : who(created_by)],
        [t("operator.activated_at"), activated_at === null ? null : at(activated_at, zone)],
      ]),
    );
  }

  private mapping(): HTMLElement | null {
    const { version } = this;
    if (version.mapping === null || version.file === null || version.file.kept === false || !["staged", "failed", "discarded"].includes(version.state)) return null;
    if (version.state === "failed" && UNREADABLE.includes(version.failure?.code ?? "")) return null;
    const said = el("div", {});
    const part = mappingPart(version);
    const submit = async (): Promise<void> => {
      try {
        const next = await api.reload(this.where, version.version, part.read());
        this.desk.go(this.where.city, this.where.kind, next.version);
      } catch (error) {
        said.replaceChildren(note("bad", refused(error), faultLines(error)));
      }
    };
    return el(
      "details",
      { class: "part more", open: version.state === "failed" || (version.state === "staged" && version.gate?.verdict === "blocked") },
      el("summary", {}, t("operator.mapping")),
      form({ class: "stack", id: "mapping-form" }, t("operator.reload"), submit, part.node, said),
    );
  }
}

const stageWords = ({ progress }: Version): string => maybe(`operator.stage.${progress?.stage ?? "receiving"}`) ?? progress?.stage ?? "";

function draw(bar: ReturnType<typeof progressBar>, version: Version): void {
  if (version.progress?.task === "activate" && version.progress.stage === "done") {
    bar.name(t("operator.asked"));
    bar.set(null, null, "");
    return;
  }
  const { done = null, total = null, unit = null } = version.progress ?? {};
  bar.name(stageWords(version));
  const shown = (value: number): string => (unit === "bytes" ? size(value) : format.count(value));
  const whole = total === null || total === 0 ? "" : ` / ${shown(total)}`;
  // Before the first step nobody knows how far it is.
  bar.set(done === 0 ? null : done, total, done === null ? "" : `${shown(done)}${whole}${unit === null || unit === "bytes" ? "" : ` ${maybe(`operator.unit.${unit}`) ?? unit}`}`);
}

/** Why nothing of a load was kept, and what to do about it. */
export function failedNote({ failure }: Version): HTMLElement {
  if (failure === null) return note("bad", t("operator.failed"));
  const hint = failure.hint === null ? [] : [translated(`failure_hint.${failure.code}`, failure.hint)];
  return note("bad", translated(`failure.${failure.code}`, t("operator.failed")), [failure.detail, ...hint]);
}

/** What a trial would have come to. */
function trialNote(gate: Gate): HTMLElement {
  const kind = gate.verdict === "open" ? "good" : gate.verdict === "blocked" ? "bad" : "wait";
  return note(kind, t("operator.dry_done"), [t(`operator.gate.${gate.verdict}`), ...gate.reasons.map(({ code, detail }) => translated(`reason.${code}`, detail)), t("operator.dry_next")]);
}

export function gateNote(gate: Gate, approved: boolean): HTMLElement {
  const lines = gate.reasons.map(({ code, detail }) => translated(`reason.${code}`, detail));
  if (gate.verdict === "blocked") return note("bad", t("operator.gate.blocked"), [...lines, t("operator.gate.blocked_hint")]);
  if (gate.verdict === "open") return note("good", t("operator.gate.open"), lines);
  const need = t(`operator.gate.${gate.verdict}`);
  return note("wait", approved ? t("operator.gate.approved") : need, approved ? [need, ...lines] : lines);
}

export function refusedButton(desk: Desk, where: api.Where, number: number): HTMLElement {
  return act(
    t("operator.refused_csv"),
    async () => {
      try {
        save(await api.refusedRows(where, number), `${where.city}-${where.kind}-${number}-refused.csv`, "text/csv;charset=utf-8");
      } catch (error) {
        desk.failed(error);
      }
    },
    "act act-second",
  );
}
