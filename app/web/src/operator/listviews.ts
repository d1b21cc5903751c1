// The lists: territories, what one holds, and the versions of one kind with the way to load another.
import { el } from "../dom";
import { act, note } from "../form";
import * as format from "../format";
import { ApiProblem } from "../request";
import { address, versionAddress, type Desk } from "./desk";
import * as api from "./operatorapi";
import { at, kindName, linkButton, section, stateMark, table, who } from "./parts";
import type { Territory, Version } from "./regionaltypes";
import { confirmStep } from "./steps";
import { uploadPart } from "./uploadform";
import { changeLines } from "./changewords";
import { counted, t } from "./words";

const home = (): [string, string] => [t("operator.territories"), address()];

export function territoriesView(desk: Desk, found: Territory[]): void {
  const [only] = found;
  if (found.length === 0) {
    desk.show({ title: t("operator.no_territory"), crumbs: [], content: [el("p", {}, t("operator.no_territory_hint"))] });
    return;
  }
  const row = (territory: Territory): HTMLElement => {
    const seen = territory.active.map(({ kind, version }) => t("operator.seen", { kind: kindName(kind), n: version })).join(" · ");
    return el(
      "li",
      {},
      el("a", { class: "row-link", href: address(territory.city) }, el("b", {}, territory.name), el("span", {}, seen === "" ? t("operator.no_data") : seen)),
    );
  };
  const content = [el("ul", { class: "row-list" }, ...found.map(row))];
  desk.show({ title: t("operator.territories"), crumbs: [], content });
  // Whoever runs one territory alone has nothing to choose.
  if (found.length === 1 && only !== undefined && location.hash === "") desk.go(only.city);
}

const kindsOf = (territory: Territory): string[] => (territory.kind === "world" ? api.WORLD_KINDS : api.KINDS);

export function territoryView(desk: Desk, territory: Territory): void {
  const row = (kind: string): HTMLElement => {
    const seen = territory.active.find((each) => each.kind === kind);
    const said =
      seen === undefined
        ? t("operator.no_data")
        : t("operator.seen_rows", { n: seen.version, rows: counted("operator.rows", seen.row_count, format.count(seen.row_count)), at: at(seen.activated_at, territory.time_zone) });
    return el("li", {}, el("a", { class: "row-link", href: address(territory.city, kind) }, el("b", {}, kindName(kind)), el("span", {}, said)));
  };
  const order = territory.active.length === 0 && territory.kind !== "world" && note("wait", t("operator.first_regions"));
  const link = (what: "reviews" | "corrections"): HTMLElement =>
    el("li", {}, el("a", { class: "row-link", href: address(territory.city, what) }, el("b", {}, t(`operator.${what}`)), el("span", {}, t(`operator.${what}_what`))));
  const reviews = territory.kind !== "world" && el("ul", { class: "row-list" }, link("reviews"), link("corrections"));
  const content = [order, el("ul", { class: "row-list" }, ...kindsOf(territory).map(row)), reviews];
  desk.show({ title: territory.name, crumbs: [home()], content: content.filter((each) => each instanceof Node) });
}

/** All versions of a kind; a territory that holds none of it yet has an empty list. */
async function versionsOf(where: api.Where, signal: AbortSignal): Promise<Version[]> {
  try {
    return await api.versions(where, signal);
  } catch (error) {
    if (error instanceof ApiProblem && error.status === 404) return [];
    throw error;
  }
}

export async function kindView(desk: Desk, territory: Territory, kind: string, signal: AbortSignal): Promise<void> {
  const where = { city: territory.city, kind };
  if (!kindsOf(territory).includes(kind)) throw new ApiProblem(404, "not-found", "", null, null);
  const found = await versionsOf(where, signal);
  const under = found.find(({ state }) => state === "validating" || state === "staged");
  const content: Node[] = [];
  if (under !== undefined) {
    const words = t(under.state === "staged" ? "operator.one_waits" : "operator.one_loads", { n: under.version });
    const target = versionAddress(where, under.version);
    const say = note("wait", words, [t("operator.one_at_a_time")]);
    say.append(el("div", { class: "note-actions" }, linkButton(t("operator.open_version", { n: under.version }), target)));
    content.push(say);
  } else content.push(uploadPart(desk, where, found.find(({ active }) => active) ?? found[0] ?? null));
  const last = rollbackPart(desk, territory, where, found);
  content.push(section(t("operator.versions"), found.length === 0 ? el("p", { class: "summary" }, t("operator.none_yet")) : versionTable(territory, where, found), last));
  desk.show({
    title: t("operator.kind_of", { city: territory.name, kind: kindName(kind) }),
    crumbs: [home(), [territory.name, address(territory.city)]],
    content,
  });
}

function versionTable(territory: Territory, where: api.Where, found: Version[]): HTMLElement {
  const heads = ["number", "state", "when", "who", "stored", "refused", "origin"] as const;
  return table(
    t("operator.versions"),
    heads.map((head) => t(`operator.head.${head}`)),
    found.map((each) => [
      el("a", { class: "version-link", href: versionAddress(where, each.version) }, t("operator.version", { n: each.version })),
      stateMark(each.state),
      el("span", { class: "when" }, at(each.created_at, territory.time_zone)),
      each.created_by == null ? "–" : who(each.created_by),
      each.counts.stored === null ? "–" : format.count(each.counts.stored),
      each.counts.refused === null ? "–" : format.count(each.counts.refused),
      `${each.origin.source_name} (${each.origin.licence})`,
    ]),
  );
}

/** The way back: the last version before this one that readers have seen. */
function rollbackPart(desk: Desk, territory: Territory, where: api.Where, found: Version[]): HTMLElement | false {
  const now = found.find(({ active }) => active);
  if (now === undefined) return false;
  const before = found.find(({ version, state, activated_at }) => version < now.version && state === "retired" && activated_at !== null);
  if (before === undefined) return false;
  const lines = async (): Promise<string[]> => {
    const said = [t("operator.rollback_says", { from: now.version, to: before.version, at: at(before.activated_at ?? before.created_at, territory.time_zone) })];
    try {
      said.push(...changeLines(await api.diff(where, before.version, now.version)));
    } catch {
      said.push(t("operator.changes_unknown"));
    }
    return [...said, t("operator.rollback_keeps")];
  };
  const open = (): void =>
    confirmStep({
      title: t("operator.rollback_title", { n: before.version }),
      lines: lines(),
      note: "required",
      action: t("operator.rollback_do", { n: before.version }),
      danger: true,
      run: async (words) => {
        const asked = await api.rollback(where, words);
        desk.go(where.city, where.kind, asked.version);
      },
      signedOut: (error) => desk.failed(error),
    });
  return el("div", { class: "narrow" }, act(t("operator.rollback", { n: before.version }), open, "act act-second"));
}
