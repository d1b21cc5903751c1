// Parts that several views of the operator's page are made of.
import { button, el } from "../dom";
import * as format from "../format";
import { lang } from "../i18n";
import { people, type Where } from "./operatorapi";
import { versionAddress } from "./desk";
import type { Counts, Territory, Version } from "./regionaltypes";
import { maybe, t } from "./words";

type Child = Node | string | null | false;

export const kindName = (kind: string): string => maybe(`operator.kind.${kind}`) ?? kind;

export const stateName = (state: string): string => maybe(`operator.state.${state}`) ?? state;

export const stateMark = (state: string): HTMLElement => el("span", { class: `state state-${state}` }, stateName(state));

/** A moment on the wall of the territory, with its day always. */
export function at(when: string, zone: string): string {
  const date = new Date(when);
  return new Intl.DateTimeFormat(lang, { timeZone: zone, dateStyle: "medium", timeStyle: "short" }).format(date);
}

/** Who did something, as far as the key of a principal tells: oneself, or a role and the beginning of an id. */
export function who(key: string): string {
  const cut = key.indexOf(":");
  const role = cut < 0 ? key : key.slice(0, cut);
  const id = cut < 0 ? "" : key.slice(cut + 1);
  const name = maybe(`operator.role.${role.replaceAll(" ", "_")}`) ?? role;
  if (id !== "" && id === people.subject) return t("operator.you");
  return `${name} ${/^[0-9a-f-]{36}$/.test(id) ? id.slice(-6) : id}`.trim();
}

export const section = (title: string, ...content: Child[]): HTMLElement => el("section", { class: "part" }, el("h3", {}, title), ...content);

/** Terms and values side by side; those without a value are left out. */
export function facts(rows: [string, string | number | null | undefined | Node][], kind = "facts"): HTMLElement {
  const there = rows.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el(
    "dl",
    { class: kind },
    ...there.map(([name, value]) =>
      el("div", {}, el("dt", {}, name), el("dd", {}, value instanceof Node ? value : typeof value === "number" ? format.count(value) : (value ?? ""))),
    ),
  );
}

export function table(caption: string, heads: string[], rows: Child[][]): HTMLElement {
  return el(
    "div",
    { class: "table-frame", tabindex: "0", role: "region", "aria-label": caption },
    el(
      "table",
      {},
      el("caption", { class: "visually-hidden" }, caption),
      el("thead", {}, el("tr", {}, ...heads.map((head) => el("th", { scope: "col" }, head)))),
      el("tbody", {}, ...rows.map((cells) => el("tr", {}, ...cells.map((cell) => el("td", {}, cell))))),
    ),
  );
}

export const size = (bytes: number): string => {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"] as const;
  const step = bytes < 1000 ? 0 : Math.min(3, Math.floor(Math.log10(bytes) / 3));
  return new Intl.NumberFormat(lang, { style: "unit", unit: units[step] ?? "byte", maximumFractionDigits: step === 0 ? 0 : 1 }).format(bytes / 1000 ** step);
};

/** How many rows the file has, and what became of them. */
export const countFacts = (counts: Partial<Counts>): HTMLElement =>
  facts((["declared", "stored", "refused", "created"] as const).map((name) => [t(`operator.count.${name}`), counts[name]]), "facts facts-short");

/** The three pages of a version. */
export function versionTabs(where: Where, version: number, here: "overview" | "report" | "changes"): HTMLElement {
  const link = (what: typeof here, target: string): HTMLElement =>
    el("li", {}, el("a", { href: target, ...(what === here && { "aria-current": "page" }) }, t(`operator.tab.${what}`)));
  return el(
    "nav",
    { class: "version-tabs", "aria-label": t("operator.tabs") },
    el("ul", {}, link("overview", versionAddress(where, version)), link("report", versionAddress(where, version, "report")), link("changes", versionAddress(where, version, "changes"))),
  );
}

export const versionTitle = (territory: Territory, { kind, version }: Pick<Version, "kind" | "version">): string =>
  t("operator.version_of", { city: territory.name, kind: kindName(kind), n: version });

/** Gives the reader a file that came with a token. */
export function save(content: string, name: string, type: string): void {
  const url = URL.createObjectURL(new Blob([content], { type }));
  el("a", { href: url, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(url), 10_000);
}

export const linkButton = (text: string, href: string, kind = "act act-second"): HTMLElement => el("a", { class: kind, href }, text);

export const smallButton = (text: string, run: () => void, attributes: Record<string, string> = {}): HTMLButtonElement =>
  button({ class: "small", ...attributes }, run, text);
