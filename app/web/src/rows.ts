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

/** A term and its value side by side, as in a coupon's terms. */
export function term(name: string, value: string): HTMLElement {
  return el("div", { class: "term" }, el("dt", {}, name), el("dd", {}, value));
}

export const section = (title: string, ...content: (Node | null | false)[]): HTMLElement =>
  el("section", { class: "sheet-section" }, el("h3", {}, title), ...content);
