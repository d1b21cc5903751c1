// The drawing pad: tools, undo and redo, the corners, circle and travel time, files; beside its map.
import { el } from "../dom";
import { note } from "../form";
import * as input from "../merchant/inputs";
import { announce } from "../notice";
import { refusalWords } from "../problems";
import { ApiProblem } from "../request";
import { AreaMap, type Tool } from "./areamap";
import * as api from "./areasapi";
import { MODES, type Drawing, type Mode, type Ring } from "./areatypes";
import { CornerList } from "./cornerlist";
import { DATUMS, toWgs84, type Datum } from "./datums";
import { section, small, type PlaceHere } from "./parts";
import { FileRefused, readFile } from "./reading";
import { cornerOf, History, isWhole, partAround, partsOf, withHole, withPart, type How, type Sketch } from "./sketch";
import { t } from "./words";

// Whether the corners are listed; who opened them wants them at the next area too.
let cornersOpen = false;

const TOOLS = ["move", "area", "hole", "circle"] as const;

export class Pad {
  readonly node: HTMLElement;
  readonly map: AreaMap;
  private readonly history: History;
  private readonly list: CornerList;
  private readonly toolbar = el("div", { class: "toolbar", role: "group", "aria-label": t("areas.tool") });
  private readonly hint = el("p", { class: "field-hint", id: "tool-hint" });
  private readonly round = el("div", { class: "shop-fields" });
  private readonly cornerBox: HTMLElement;
  private readonly said = el("div", { id: "pad-said", role: "status" });
  private readonly how: ReturnType<typeof input.choice>;
  private tool: Tool = "move";

  constructor(private readonly place: PlaceHere, sketch: Sketch, pinned: (index: number) => void, private readonly changed: () => void) {
    this.history = new History(sketch);
    this.list = new CornerList({
      sketch: () => this.sketch,
      put: (next) => this.put(next),
      chosen: ([lon, lat]) => {
        this.render(false);
        this.map.reveal({ lon, lat });
      },
      middle: () => this.map.middle,
    });
    this.map = new AreaMap(place.location, t("areas.map", { place: place.name }), {
      ring: (ring, tool) => this.ringDrawn(ring, tool),
      circle: (center, radius_m) => this.put({ ...this.sketch, how: "circle", center, radius_m }),
      moved: (parts) => this.put({ ...this.sketch, parts }),
      chose: (at, index) => this.list.choose(at, index),
      left: () => this.use("move"),
      pin: pinned,
    });
    this.how = input.choice("how", t("areas.how"), (["drawn", "circle", "travel"] as const).map((each) => [each, t(`areas.how.${each}`)]), sketch.how);
    this.how.node.addEventListener("change", () => {
      this.put({ ...this.sketch, how: this.how.value() as How });
      this.use("move");
    });
    const box = el("details", { class: "corner-box", open: cornersOpen }, el("summary", {}, t("areas.corners")), this.list.node);
    box.addEventListener("toggle", () => (cornersOpen = box.open));
    this.cornerBox = box;
    this.node = section(t("areas.where"), el("div", { class: "stack" }, this.how.node, this.toolbar, this.hint, this.round, this.cornerBox, this.fileField(), this.said));
    this.node.addEventListener("keydown", (event) => this.shortcut(event));
    this.map.node.addEventListener("keydown", (event) => this.shortcut(event));
    this.list.show();
    this.use(sketch.how === "drawn" && sketch.parts.length === 0 ? "area" : "move");
    this.render(true);
  }

  get sketch(): Sketch {
    return this.history.sketch;
  }

  get isWhole(): boolean {
    return isWhole(this.sketch);
  }

  /** Takes a new state of the drawing; the one before can be had back. */
  put(sketch: Sketch): void {
    this.history.put(sketch);
    this.render(true);
    this.changed();
  }

  /** Takes a drawing that was proposed or that somebody else saved. */
  take(geometry: Drawing): void {
    this.put({ ...this.sketch, how: "drawn", parts: partsOf(geometry) });
    this.map.fit();
  }

  /** For who looks only. */
  lock(): void {
    this.map.use("none");
  }

  private render(list: boolean): void {
    this.map.showSketch(this.sketch, this.list.choice);
    if (list) this.list.show();
    this.showTools();
    this.showRound();
    this.how.node.querySelector("select")?.querySelectorAll("option").forEach((option) => (option.selected = option.value === this.sketch.how));
    this.cornerBox.hidden = this.sketch.how !== "drawn";
  }

  private use(tool: Tool, byHand = false): void {
    this.tool = tool;
    this.map.use(this.sketch.how === "drawn" || tool === "circle" ? tool : "none");
    this.showTools();
    // Who chose a tool by keys goes on at the map by keys.
    if (byHand && tool !== "move") this.map.focus();
  }

  private showTools(): void {
    const { how } = this.sketch;
    const held = document.activeElement instanceof HTMLElement ? document.activeElement.dataset["tool"] : undefined;
    const fits = (tool: (typeof TOOLS)[number]): boolean => (how === "drawn" ? tool !== "circle" : how === "circle" && tool === "circle");
    const tools = TOOLS.filter(fits).map((tool) =>
      small(t(`areas.tool.${tool}`), () => this.use(tool, true), { "data-tool": tool, "aria-pressed": String(tool === this.tool), disabled: tool === "hole" && this.sketch.parts.length === 0 }),
    );
    const back = small(`↶ ${t("areas.tool.undo")}`, () => this.step("undo"), { "data-tool": "undo", disabled: !this.history.canUndo });
    const forth = small(`↷ ${t("areas.tool.redo")}`, () => this.step("redo"), { "data-tool": "redo", disabled: !this.history.canRedo });
    this.toolbar.replaceChildren(...tools, back, forth);
    this.hint.textContent = how === "travel" || this.tool === "none" || (how === "circle" && this.tool === "move") ? "" : t(`areas.hint.${this.tool}`);
    if (held !== undefined) this.toolbar.querySelector<HTMLElement>(`[data-tool="${held}"]`)?.focus();
  }

  private step(which: "undo" | "redo"): void {
    this.history[which]();
    this.render(true);
    this.changed();
    announce(t(`areas.tool.${which}`));
  }

  private shortcut(event: KeyboardEvent): void {
    if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z" || event.target instanceof HTMLInputElement) return;
    event.preventDefault();
    this.step(event.shiftKey ? "redo" : "undo");
  }

  private ringDrawn(ring: Ring, tool: "area" | "hole"): void {
    this.said.replaceChildren();
    if (tool === "area") {
      this.put(withPart(this.sketch, [ring]));
      this.list.choose({ part: this.sketch.parts.length - 1, ring: 0 }, null);
    } else {
      const part = partAround(this.sketch, ring);
      if (part < 0) {
        this.said.replaceChildren(note("bad", t("areas.hole_outside")));
        return;
      }
      this.put(withHole(this.sketch, part, ring));
      this.list.choose({ part, ring: (this.sketch.parts[part]?.length ?? 1) - 1 }, null);
    }
    // The pointer lets go of the tool once the click that ended the drawing is over.
    setTimeout(() => this.use("move"), 0);
  }

  // circle and travel time

  private showRound(): void {
    const { how, center, radius_m, minutes, mode } = this.sketch;
    if (this.round.contains(document.activeElement) && this.round.dataset["how"] === how) return;
    this.round.dataset["how"] = how;
    this.round.hidden = how === "drawn";
    if (how === "drawn") {
      this.round.replaceChildren();
      return;
    }
    const lon = this.number("center_lon", center.lon, null);
    const lat = this.number("center_lat", center.lat, null);
    const middle = (): void => {
      const corner = cornerOf(lon.control.value, lat.control.value);
      lat.fault(corner === null ? t("areas.corner_wrong") : null);
      if (corner !== null) this.put({ ...this.sketch, center: { lon: corner[0], lat: corner[1] } });
    };
    for (const each of [lon, lat]) each.control.addEventListener("change", middle);
    const atPlace = small(t("areas.center_place"), () => this.put({ ...this.sketch, center: this.place.location }));
    const rest = how === "circle" ? [this.bounded("radius", radius_m, 10, 50_000, (value) => ({ radius_m: value }))] : [this.bounded("minutes", minutes, 1, 60, (value) => ({ minutes: value })), this.modes(mode)];
    this.round.replaceChildren(...rest, lon.node, lat.node, atPlace);
  }

  private number(name: "center_lon" | "center_lat" | "radius" | "minutes", value: number, hint: string | null): { node: HTMLElement; control: HTMLInputElement; fault(text: string | null): void } {
    const control = el("input", { id: name, type: "text", inputmode: "decimal", autocomplete: "off", maxlength: 14, value });
    const field = input.labelled([name], t(`areas.${name}`), control, hint, () => undefined);
    return { node: field.node, control, fault: (text) => field.fault(text) };
  }

  private bounded(name: "radius" | "minutes", value: number, low: number, high: number, into: (value: number) => Partial<Sketch>): HTMLElement {
    const { node, control, fault } = this.number(name, value, t(`areas.${name}_hint`));
    control.addEventListener("change", () => {
      const found = Number(control.value.trim());
      const good = Number.isInteger(found) && found >= low && found <= high;
      fault(good ? null : t("areas.number_between", { low, high }));
      if (good) {
        this.put({ ...this.sketch, ...into(found) });
        this.map.fit();
      }
    });
    return node;
  }

  private modes(mode: Mode): HTMLElement {
    const field = input.choice("mode", t("areas.mode"), MODES.map((each) => [each, t(`areas.mode.${each}`)]), mode);
    field.node.addEventListener("change", () => this.put({ ...this.sketch, mode: field.value() as Mode }));
    return field.node;
  }

  // files

  private fileField(): HTMLElement {
    const control = el("input", { id: "file", type: "file", accept: ".geojson,.json,.kml,application/geo+json,application/vnd.google-earth.kml+xml" });
    const field = input.labelled(["file"], t("areas.file"), control, t("areas.file_hint"), () => undefined);
    const datum = input.choice("datum", t("areas.datum"), DATUMS.map((each) => [each, t(`areas.datum.${each}`)]), "wgs84", t("areas.datum_hint"));
    control.addEventListener("change", () => {
      const [file] = control.files ?? [];
      if (file !== undefined) void this.readIn(file, datum.value() as Datum, (text) => field.fault(text)).finally(() => (control.value = ""));
    });
    return el("div", { class: "shop-fields" }, datum.node, field.node);
  }

  private async readIn(file: File, datum: Datum, fault: (text: string | null) => void): Promise<void> {
    fault(null);
    this.said.replaceChildren();
    try {
      // The datums differ in mainland China alone, and an area lies in the city of its place.
      const shifted = datum !== "wgs84" && (await api.shifted(this.place));
      const { parts, left } = await readFile(file, (corner) => (shifted ? toWgs84(corner, datum) : corner));
      this.put({ ...this.sketch, how: "drawn", parts: [...this.sketch.parts, ...parts] });
      this.use("move");
      this.map.fit();
      const lines = left > 0 ? [t("areas.file_left", { n: left })] : [];
      this.said.replaceChildren(note("good", t("areas.file_read", { n: parts.length, name: file.name }), lines));
    } catch (error) {
      if (error instanceof ApiProblem) {
        fault(refusalWords(error));
        return;
      }
      const refusal = error instanceof FileRefused ? error : new FileRefused("unreadable");
      fault(t(`areas.file.${refusal.why}`, { what: refusal.what }));
    }
  }
}
