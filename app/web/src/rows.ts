// Rows of facts in a sheet: an icon, a term for screen readers, and what there is to say.
import { el, icon, type IconName } from "./dom";

export function row(name: IconName, term: string, ...content: (Node | string | null | false)[]): HTMLElement {
  return el(
    "div",
    { class: "row" },
    icon(name),
    el("dt", { class: "visually-hidden" }, term),
    el("dd", {}, ...content),
  );
}

/** Terms and their values; null for one that there is nothing to say of. */
export type Facts = [string, string | null][];

/** Each term and its value side by side, as in a coupon's terms. */
export function terms(facts: Facts): HTMLElement {
  const term = (name: string, value: string): HTMLElement =>
    el("div", { class: "term" }, el("dt", {}, name), el("dd", {}, value));
  return el("dl", { class: "terms" }, ...facts.map(([name, value]) => value !== null && term(name, value)));
}

export const section = (title: string, ...content: (Node | null | false)[]): HTMLElement =>
  el("section", { class: "sheet-section" }, el("h3", {}, title), ...content);
