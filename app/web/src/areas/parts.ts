// Parts that several views of the page of areas are made of.
import { type Shown as AnyShown } from "../desk";
import { button, el } from "../dom";
import { act, note } from "../form";
import { lang } from "../i18n";
import type { AreaMap } from "./areamap";
import type { Area, AreaVersion } from "./areatypes";
import { maybe, t } from "./words";

export { address } from "../desk";

export interface PlaceHere {
  place_id: string;
  name: string;
  location: { lon: number; lat: number };
  currency: string;
  time_zone: string;
}

export type Shown = AnyShown<AreaMap>;

/** What a view is given: a place to be shown in, ways to go, and what to do with a failure. */
export interface Desk {
  show(what: Shown): AbortSignal;
  go(...parts: (string | number)[]): void;
  again(): void;
  failed(error: unknown): void;
  readonly owner: boolean;
}

export const kindName = (kind: string): string => maybe(`areas.kind.${kind}`) ?? kind;

/** The state of a version; a published one whose time has not come is scheduled. */
export const stateOf = ({ state, effective }: AreaVersion): string =>
  state === "published" && effective.from !== null && Date.parse(effective.from) > Date.now() ? "scheduled" : state;

export const stateMark = (state: string): HTMLElement => el("span", { class: `state state-${state}` }, maybe(`areas.state.${state}`) ?? state);

const tongue = lang.startsWith("zh") ? "zh-Hans" : "en";

/** What was said of an area last: what waits, else what is in force, else what is to be. */
export const newestOf = ({ waiting, published, scheduled }: Area): AreaVersion | null => waiting ?? published ?? scheduled;

/** What people call an area; its id where it has no name. */
export function areaName(area: Area): string {
  const names = newestOf(area)?.names ?? {};
  return names[tongue] ?? names["en"] ?? Object.values(names)[0] ?? area.external_id;
}

export const km2 = (version: AreaVersion): string =>
  t("areas.size", { km2: new Intl.NumberFormat(lang, { maximumFractionDigits: version.area_m2 < 1e7 ? 2 : 0 }).format(version.area_m2 / 1e6) });

export function at(when: string, zone: string): string {
  return new Intl.DateTimeFormat(lang, { timeZone: zone, dateStyle: "medium", timeStyle: "short" }).format(new Date(when));
}

export const section = (title: string, ...content: (Node | string | null | false)[]): HTMLElement =>
  el("fieldset", { class: "shop-section" }, el("legend", {}, title), ...content);

/** What is drawn how. */
export const legend = (...rows: [string, string][]): HTMLElement =>
  el("ul", { class: "legend" }, ...rows.map(([look, words]) => el("li", {}, el("span", { class: `swatch swatch-${look}`, "aria-hidden": "true" }), words)));

/** A button that asks once more before it does what can't be taken back at once. */
export function sure(words: string, question: string, run: () => Promise<void>): HTMLElement {
  const box = el("div", { class: "sure" });
  const first = (): void => box.replaceChildren(act(words, ask, "act act-second"));
  const ask = (): void => {
    const yes = act(t("areas.yes"), run);
    box.replaceChildren(note("wait", question), el("div", { class: "shop-actions" }, yes, act(t("areas.no"), back, "act act-second")));
    yes.focus();
  };
  const back = (): void => {
    first();
    box.querySelector("button")?.focus();
  };
  first();
  return box;
}

export const small = (words: string, run: () => void, attributes: Record<string, string | boolean> = {}): HTMLButtonElement =>
  button({ class: "small", ...attributes }, run, words);
