// The controls over the list: tabs, radius, toggles and the category path.
import { button, byId, el } from "./dom";
import { distance } from "./format";
import { t } from "./i18n";
import { RADII_M, type Flag, type PageState } from "./state";
import type { Category } from "./types";

const flagsOf: Record<PageState["tab"], Flag[]> = {
  places: ["open_now", "include_unknown", "has_coupon", "in_service_area"],
  deals: ["group_deal", "in_service_area"],
};

export class CategoryTree {
  private readonly byId = new Map<string, Category>();
  private readonly children = new Map<string | null, Category[]>();

  constructor(categories: Category[]) {
    for (const category of categories) this.byId.set(category.category_id, category);
    for (const category of categories) {
      const siblings = this.children.get(category.parent_id) ?? [];
      siblings.push(category);
      this.children.set(category.parent_id, siblings);
    }
  }

  /** From the root down to `id`; empty when the id is unknown. */
  path(id: string | null): Category[] {
    const path: Category[] = [];
    for (let at = id === null ? undefined : this.byId.get(id); at !== undefined && path.length < 8; ) {
      path.unshift(at);
      at = at.parent_id === null ? undefined : this.byId.get(at.parent_id);
    }
    return path;
  }

  below(id: string | null): Category[] {
    return this.children.get(id) ?? [];
  }
}

interface FilterEvents {
  changed(change: Partial<PageState>): void;
}

/** Draws the controls for `state` and keeps the keyboard's place when they are drawn again. */
export function showFilters(state: PageState, tree: CategoryTree, events: FilterEvents): void {
  const focused = document.activeElement?.getAttribute("data-chip") ?? null;
  showTabs(state);
  showRadius(state.radius_m);
  const chips = byId("chips");
  const scroll = chips.scrollLeft;
  chips.replaceChildren(...flagChips(state, events), ...categoryChips(state, tree, events));
  chips.scrollLeft = scroll;
  revealChoice(chips, state.category);
  if (focused !== null) chips.querySelector<HTMLElement>(`[data-chip="${CSS.escape(focused)}"]`)?.focus();
}

/** After a choice its own chip leads the row, so that the next level is in sight. */
function revealChoice(chips: HTMLElement, category: string | null): void {
  if ((chips.dataset["category"] ?? "") === (category ?? "")) return;
  const chosen = category === null ? null : chips.querySelector<HTMLElement>(`[data-chip="${CSS.escape(category)}"]`);
  // Before the categories are here there is nothing to reveal yet.
  if (category !== null && chosen === null) return;
  chips.dataset["category"] = category ?? "";
  chips.scrollLeft = chosen === null ? 0 : chosen.offsetLeft - 16;
}

function chip(key: string, text: string, pressed: boolean, run: () => void): HTMLElement {
  return button({ class: "chip", "aria-pressed": String(pressed), "data-chip": key }, run, text);
}

function flagChips(state: PageState, events: FilterEvents): HTMLElement[] {
  return flagsOf[state.tab]
    .filter((flag) => flag !== "include_unknown" || state.open_now)
    .map((flag) => {
      const node = chip(flag, t(`filter.${flag}`), state[flag], () => events.changed({ [flag]: !state[flag] }));
      node.classList.add("chip-flag");
      return node;
    });
}

function categoryChips(state: PageState, tree: CategoryTree, events: FilterEvents): HTMLElement[] {
  const path = tree.path(state.category);
  const chosen = path.map((category, depth) =>
    chip(category.category_id, category.name, true, () => {
      const above = path[depth - 1];
      // The last one of the path switches itself off; an earlier one becomes the choice.
      const next = depth === path.length - 1 ? (above?.category_id ?? null) : category.category_id;
      events.changed({ category: next });
    }),
  );
  const below = tree
    .below(path.at(-1)?.category_id ?? null)
    .map((category) => chip(category.category_id, category.name, false, () => events.changed({ category: category.category_id })));
  const divider = el("span", { class: "chip-divider", "aria-hidden": "true" });
  return chosen.length + below.length > 0 ? [divider, ...chosen, ...below] : [];
}

function showTabs(state: PageState): void {
  for (const tab of ["places", "deals"] as const) {
    const node = byId(`tab-${tab}`);
    const selected = state.tab === tab;
    node.setAttribute("aria-selected", String(selected));
    node.tabIndex = selected ? 0 : -1;
  }
  byId("panel-results").setAttribute("aria-labelledby", `tab-${state.tab}`);
}

function showRadius(radius_m: number): void {
  const select = byId<HTMLSelectElement>("radius");
  const steps = new Set<number>(RADII_M).add(radius_m);
  const options = [...steps]
    .sort((a, b) => a - b)
    .map((value) => el("option", { value, selected: value === radius_m }, distance(value)));
  select.replaceChildren(...options);
  select.value = String(radius_m);
}

/** Connects the controls that the template brings; called once. */
export function listenToFilters(state: PageState, events: FilterEvents): void {
  byId<HTMLSelectElement>("radius").addEventListener("change", (event) => {
    events.changed({ radius_m: Number((event.target as HTMLSelectElement).value) });
  });
  for (const tab of ["places", "deals"] as const) {
    byId(`tab-${tab}`).addEventListener("click", () => {
      if (state.tab !== tab) events.changed({ tab });
    });
  }
  byId("tabs").addEventListener("keydown", (event) => {
    if (event.key !== "ArrowLeft" && event.key !== "ArrowRight") return;
    event.preventDefault();
    const tab = state.tab === "places" ? "deals" : "places";
    events.changed({ tab });
    byId(`tab-${tab}`).focus();
  });
}
