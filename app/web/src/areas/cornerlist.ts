// The corners of one ring as a list that can be typed into, and moved by arrow keys: drawing without a pointer.
import { button, el } from "../dom";
import * as format from "../format";
import type { Corner } from "./areatypes";
import { small } from "./parts";
import { between, cornerOf, movedCorner, ringAt, stepped, withCorner, withHole, withoutCorner, withoutRing, withPart, type RingAt, type Sketch } from "./sketch";
import { t } from "./words";

const STEP_M = 5;
const LONG_STEP_M = 50;
const A_PAGE = 50;
const STEPS: Record<string, readonly [number, number]> = { ArrowUp: [0, 1], ArrowDown: [0, -1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };

export interface Cornering {
  sketch(): Sketch;
  put(sketch: Sketch): void;
  /** A corner was chosen: it is shown on the map. */
  chosen(corner: Corner): void;
  middle(): Corner;
}

export class CornerList {
  readonly node = el("div", { class: "corners" });
  private at: RingAt = { part: 0, ring: 0 };
  private index: number | null = null;
  private page = 0;

  constructor(private readonly doing: Cornering) {}

  get choice(): (RingAt & { index: number }) | null {
    return this.index === null ? null : { ...this.at, index: this.index };
  }

  /** Chooses a corner; `focus` puts the keyboard at it. */
  choose(at: RingAt, index: number | null, focus = false): void {
    this.at = at;
    this.index = index;
    if (index !== null) this.page = Math.floor(index / A_PAGE);
    this.show();
    const corner = index === null ? undefined : ringAt(this.doing.sketch(), at)[index];
    if (corner !== undefined) this.doing.chosen(corner);
    if (focus && index !== null) this.node.querySelector<HTMLElement>(`[data-key="pick-${index}"]`)?.focus();
  }

  /** Shows the ring as it is now; the keyboard stays where it was. */
  show(): void {
    const held = document.activeElement instanceof HTMLElement && this.node.contains(document.activeElement) ? document.activeElement.dataset["key"] : undefined;
    const sketch = this.doing.sketch();
    const rings = sketch.parts.flatMap((part, at) => part.map((_, ring) => ({ part: at, ring })));
    if (!rings.some(({ part, ring }) => part === this.at.part && ring === this.at.ring)) {
      this.at = rings[0] ?? { part: 0, ring: 0 };
      this.index = null;
    }
    const ring = ringAt(sketch, this.at);
    if (this.index !== null && this.index >= ring.length) this.index = null;
    this.page = Math.min(this.page, Math.max(0, Math.ceil(ring.length / A_PAGE) - 1));
    const from = this.page * A_PAGE;
    const rows = ring.slice(from, from + A_PAGE).map((corner, offset) => this.row(corner, from + offset));
    this.node.replaceChildren(
      el("p", { class: "field-hint" }, t("areas.corners_hint")),
      ...(rings.length === 0 ? [] : [this.chooser(rings)]),
      ...(rows.length === 0 ? [] : [el("ol", { class: "corner-rows", start: from + 1 }, ...rows)]),
      ...(ring.length > A_PAGE ? [this.pager(ring.length, from)] : []),
      this.adding(ring.length),
      this.rings(rings.length > 0),
    );
    if (held !== undefined) this.node.querySelector<HTMLElement>(`[data-key="${held}"]`)?.focus();
  }

  private name({ part, ring }: RingAt): string {
    return ring === 0 ? t("areas.ring.shell", { part: part + 1 }) : t("areas.ring.hole", { part: part + 1, ring });
  }

  private chooser(rings: RingAt[]): HTMLElement {
    const options = rings.map((each, index) => {
      const n = format.count(ringAt(this.doing.sketch(), each).length);
      const selected = each.part === this.at.part && each.ring === this.at.ring;
      return el("option", { value: index, selected }, t("areas.ring.count", { name: this.name(each), n }));
    });
    const control = el("select", { id: "ring", "data-key": "ring" }, ...options);
    control.addEventListener("change", () => {
      this.page = 0;
      this.choose(rings[Number(control.value)] ?? this.at, null);
      this.doing.put(this.doing.sketch());
    });
    return el("div", { class: "field" }, el("label", { for: "ring" }, t("areas.ring")), control);
  }

  private row(corner: Corner, index: number): HTMLElement {
    const n = index + 1;
    const [lon, lat] = corner;
    const pick = button(
      { class: "corner-pick", "data-key": `pick-${index}`, "aria-pressed": String(index === this.index), "aria-label": t("areas.corner_at", { n, lon, lat }) },
      () => this.choose(this.at, index),
      String(n),
    );
    pick.addEventListener("keydown", (event) => this.pressed(event, index));
    const said = el("p", { class: "field-fault", id: `corner-${index}-fault`, role: "alert" });
    const field = (axis: "lon" | "lat", value: number): HTMLInputElement =>
      el("input", { type: "text", inputmode: "decimal", autocomplete: "off", maxlength: 14, value, "data-key": `${axis}-${index}`, "aria-describedby": said.id, "aria-label": t(`areas.corner_${axis}`, { n }) });
    const fields = [field("lon", lon), field("lat", lat)] as const;
    for (const each of fields) each.addEventListener("change", () => this.typed(index, fields, said));
    return el(
      "li",
      { class: index === this.index ? "corner picked" : "corner" },
      pick,
      ...fields,
      small("+", () => this.insert(index), { "aria-label": t("areas.corner_after", { n }), title: t("areas.corner_after", { n }) }),
      small("×", () => this.remove(index), { "data-key": `remove-${index}`, "aria-label": t("areas.corner_remove", { n }), title: t("areas.corner_remove", { n }) }),
      said,
    );
  }

  private pressed(event: KeyboardEvent, index: number): void {
    if (event.key === "Delete") this.remove(index);
    else {
      const step = STEPS[event.key];
      if (step === undefined || event.altKey || event.ctrlKey || event.metaKey) return;
      const far = event.shiftKey ? LONG_STEP_M : STEP_M;
      const corner = ringAt(this.doing.sketch(), this.at)[index];
      if (corner === undefined) return;
      const moved = stepped(corner, step[0] * far, step[1] * far);
      this.index = index;
      this.doing.put(movedCorner(this.doing.sketch(), this.at, index, moved));
      this.doing.chosen(moved);
    }
    event.preventDefault();
  }

  private typed(index: number, [lon, lat]: readonly [HTMLInputElement, HTMLInputElement], said: HTMLElement): void {
    const corner = cornerOf(lon.value, lat.value);
    for (const each of [lon, lat]) each.toggleAttribute("aria-invalid", corner === null);
    said.textContent = corner === null ? t("areas.corner_wrong") : "";
    if (corner === null) return;
    this.index = index;
    this.doing.put(movedCorner(this.doing.sketch(), this.at, index, corner));
    this.doing.chosen(corner);
  }

  private insert(index: number): void {
    const sketch = this.doing.sketch();
    this.doing.put(withCorner(sketch, this.at, index + 1, between(ringAt(sketch, this.at), index)));
    this.choose(this.at, index + 1, true);
  }

  private remove(index: number): void {
    this.index = null;
    this.doing.put(withoutCorner(this.doing.sketch(), this.at, index));
    const left = ringAt(this.doing.sketch(), this.at).length;
    const next = this.node.querySelector<HTMLElement>(`[data-key="pick-${Math.min(index, left - 1)}"]`) ?? this.node.querySelector<HTMLElement>("#corner-lon");
    next?.focus();
  }

  private pager(count: number, from: number): HTMLElement {
    const turn = (by: number): void => {
      this.page += by;
      this.show();
    };
    return el(
      "div",
      { class: "pager" },
      small("‹", () => turn(-1), { "aria-label": t("areas.corners_before"), "data-key": "before", disabled: from === 0 }),
      el("span", {}, t("areas.corners_page", { from: from + 1, to: Math.min(count, from + A_PAGE), n: count })),
      small("›", () => turn(1), { "aria-label": t("areas.corners_after"), "data-key": "after", disabled: from + A_PAGE >= count }),
    );
  }

  /** Another corner at the end: typed, or where the middle of the map is. */
  private adding(count: number): HTMLElement {
    const said = el("p", { class: "field-fault", id: "corner-new-fault", role: "alert" });
    const field = (axis: "lon" | "lat"): HTMLInputElement =>
      el("input", { id: `corner-${axis}`, type: "text", inputmode: "decimal", autocomplete: "off", maxlength: 14, "data-key": `new-${axis}`, "aria-describedby": said.id, "aria-label": t(`areas.corner_new_${axis}`), placeholder: axis === "lon" ? "120.15" : "30.25" });
    const [lon, lat] = [field("lon"), field("lat")];
    const add = (corner: Corner | null): void => {
      said.textContent = corner === null ? t("areas.corner_wrong") : "";
      if (corner === null) return;
      const sketch = this.doing.sketch();
      if (sketch.parts.length === 0) {
        this.at = { part: 0, ring: 0 };
        this.index = 0;
        this.doing.put(withPart(sketch, [[corner]]));
      } else {
        this.index = count;
        this.page = Math.floor(count / A_PAGE);
        this.doing.put(withCorner(sketch, this.at, count, corner));
      }
      this.doing.chosen(corner);
      this.node.querySelector<HTMLElement>("#corner-lon")?.focus();
    };
    const typed = (): void => add(cornerOf(lon.value, lat.value));
    for (const each of [lon, lat]) {
      each.addEventListener("keydown", (event) => {
        if (event.key !== "Enter") return;
        event.preventDefault();
        typed();
      });
    }
    return el(
      "div",
      { class: "corner corner-new" },
      lon,
      lat,
      small(t("areas.corner_add"), typed, { "data-key": "add" }),
      small(t("areas.corner_add_middle"), () => add(this.doing.middle()), { "data-key": "add-middle" }),
      said,
    );
  }

  private rings(some: boolean): HTMLElement {
    const begin = (sketch: Sketch, at: RingAt): void => {
      this.at = at;
      this.index = null;
      this.doing.put(sketch);
      this.node.querySelector<HTMLElement>("#corner-lon")?.focus();
    };
    const area = (): void => begin(withPart(this.doing.sketch(), [[]]), { part: this.doing.sketch().parts.length, ring: 0 });
    const hole = (): void => begin(withHole(this.doing.sketch(), this.at.part, []), { part: this.at.part, ring: this.doing.sketch().parts[this.at.part]?.length ?? 1 });
    const remove = (): void => begin(withoutRing(this.doing.sketch(), this.at), { part: 0, ring: 0 });
    if (!some) return el("div", { class: "ring-actions" });
    return el("div", { class: "ring-actions" }, small(t("areas.ring.add_area"), area), small(t("areas.ring.add_hole"), hole), small(t("areas.ring.remove"), remove));
  }
}
