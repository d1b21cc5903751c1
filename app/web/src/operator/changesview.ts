// What a version changes against the one that readers see: how many, how far, whom it touches, and all of it on the map.
import { el } from "../dom";
import { note } from "../form";
import * as format from "../format";
import { ApiProblem, wasAborted } from "../request";
import { DRAWN, impacts, LAYERS, layerName } from "./changewords";
import type { Desk } from "./desk";
import { FactMap, type Spot, type Tone } from "./factmap";
import * as api from "./operatorapi";
import { facts, section, smallButton, table, versionTabs, versionTitle } from "./parts";
import type { Diff, DiffItem, Territory, Threshold } from "./regionaltypes";
import { crumbsOf } from "./versionview";
import { faultLines, maybe, refused, t } from "./words";

const TONES: Record<string, Tone> = { added: "added", removed: "removed", moved: "moved", renamed: "moved", reshaped: "new", changed: "info" };

export async function changesView(desk: Desk, territory: Territory, where: api.Where, number: number, signal: AbortSignal): Promise<void> {
  const { value: version } = await api.version(where, number, signal);
  let diff: Diff;
  try {
    diff = await api.diff(where, number, null, signal);
  } catch (error) {
    // Rows that were cleared away, or too many to be compared while one waits: the server says which.
    if (!(error instanceof ApiProblem) || error.status !== 409) throw error;
    const title = t("operator.changes_of", { version: versionTitle(territory, version) });
    desk.show({ title, crumbs: crumbsOf(territory, where, number), content: [versionTabs(where, number, "changes"), note("wait", refused(error), faultLines(error))] });
    return;
  }
  const map = new FactMap(territory.centre, territory.zoom, t("operator.map_changes"), (key) => choose(key, true));
  const rows = new Map<string, HTMLElement>();
  const spots: Spot[] = [];
  const choose = (key: string, fromMap: boolean): void => {
    for (const [other, row] of rows) row.classList.toggle("chosen", other === key);
    map.choose(key, !fromMap);
    const row = rows.get(key);
    if (!fromMap || row === undefined) return;
    row.closest("details")?.setAttribute("open", "");
    row.querySelector("button")?.focus();
  };
  const firsts = LAYERS.map((layer) => firstsPart(layer, diff, rows, spots, (key) => choose(key, false))).filter((each): each is HTMLElement => each !== null);
  const located = territory.kind !== "world";
  const said = el("div", {});
  const left = el(
    "div",
    { class: "two-left" },
    versionTabs(where, number, "changes"),
    el("p", { class: "summary" }, diff.from === null ? t("operator.against_nothing") : t("operator.against", { n: diff.from })),
    section(t("operator.changes"), facts([...LAYERS.map((layer): [string, number] => [layerName(layer), diff.counts[layer] ?? 0]), [t("operator.layer.kept"), diff.counts["kept"] ?? 0]], "facts facts-short")),
    ...(diff.thresholds.length === 0 ? [] : [section(t("operator.thresholds"), thresholdTable(diff.thresholds))]),
    ...impactPart(diff),
    ...histogram(diff),
    ...(firsts.length === 0 ? [] : [section(t("operator.first_changes"), ...firsts)]),
    said,
  );
  const drawn = located && DRAWN.some((layer) => (diff.counts[layer] ?? 0) > 0);
  const side = el("aside", { class: "two-map", "aria-label": t("operator.map_changes") }, map.node);
  const left_ = desk.show({
    title: t("operator.changes_of", { version: versionTitle(territory, version) }),
    crumbs: crumbsOf(territory, where, number),
    content: [drawn ? el("div", { class: "two" }, left, side) : left],
    ...(drawn && { map }),
  });
  if (!drawn) return;
  map.show(spots);
  map.fit();
  side.prepend(layerTicks(map, where, diff, left_, said));
}

/** Which layers are drawn; each is fetched when it is first wanted. */
function layerTicks(map: FactMap, where: api.Where, diff: Diff, signal: AbortSignal, said: HTMLElement): HTMLElement {
  const tick = (layer: (typeof DRAWN)[number]): HTMLElement => {
    const many = diff.counts[layer] ?? 0;
    const box = el("input", { type: "checkbox", id: `layer-${layer}`, checked: many > 0, disabled: many === 0 });
    let kept: object | null = null;
    const draw = async (): Promise<void> => {
      try {
        if (box.checked) kept ??= await api.diffLayer(where, diff.to, layer, null, signal);
        map.shape(layer, box.checked ? kept : null, (properties) => toneOf(layer, properties));
      } catch (error) {
        if (wasAborted(error)) return;
        box.checked = false;
        said.replaceChildren(note("bad", t("operator.layer_failed", { layer: layerName(layer) }), [refused(error)]));
      }
    };
    box.addEventListener("change", () => void draw());
    if (many > 0) void draw().then(() => map.fit());
    return el("label", { class: "tick", for: box.id }, box, el("i", { class: `swatch swatch-${layer}`, "aria-hidden": "true" }), `${layerName(layer)} (${format.count(many)})`);
  };
  return el("fieldset", { class: "layers" }, el("legend", {}, t("operator.layers")), ...DRAWN.map(tick));
}

function toneOf(layer: string, properties: Record<string, unknown>): Tone {
  if (layer !== "reshaped") return TONES[layer] ?? "info";
  return properties["side"] === "old" ? "old" : "new";
}

/** Limits up to 1 are shares; the others are metres or counts. */
const measured = (value: number, limit: number): string => (limit <= 1 ? format.percent(Math.round(value * 10_000)) : format.count(value));

function thresholdTable(found: Threshold[]): HTMLElement {
  const heads = ["threshold", "value", "limit", "needs"] as const;
  return table(
    t("operator.thresholds"),
    heads.map((head) => t(`operator.head.${head}`)),
    found.map((each) => [
      el("div", {}, el("b", {}, maybe(`operator.threshold.${each.code}`) ?? each.code), each.detail !== undefined && el("p", { class: "hint" }, each.detail)),
      measured(each.value, each.limit),
      measured(each.limit, each.limit),
      each.exceeded ? el("b", { class: "exceeded" }, t(`operator.needs.${each.needs}`)) : t("operator.within"),
    ]),
  );
}

function impactPart(diff: Diff): HTMLElement[] {
  const found = impacts(diff);
  return [section(t("operator.impact"), found.length === 0 ? el("p", { class: "summary" }, t("operator.no_impact")) : facts(found, "facts facts-short"))];
}

/** How far what moved has moved: bars with their numbers beside them. */
function histogram(diff: Diff): HTMLElement[] {
  const bars = diff.moved_histogram;
  const most = Math.max(0, ...bars.map(({ count }) => count));
  if (most === 0) return [];
  const bar = ({ from_m, to_m, count }: Diff["moved_histogram"][number]): HTMLElement => {
    const strip = el("i", { class: "strip", "aria-hidden": "true" });
    strip.style.width = `${Math.max(count === 0 ? 0 : 1, (count / most) * 100)}%`;
    const words = to_m === null ? t("operator.metres_up", { from: format.count(from_m) }) : t("operator.metres", { from: format.count(from_m), to: format.count(to_m) });
    return el("div", { class: "histogram-row" }, el("dt", {}, words), el("dd", {}, el("span", { class: "strip-frame" }, strip), el("b", {}, format.count(count))));
  };
  return [section(t("operator.moves"), el("dl", { class: "histogram" }, ...bars.map(bar)))];
}

function firstsPart(layer: string, diff: Diff, rows: Map<string, HTMLElement>, spots: Spot[], choose: (key: string) => void): HTMLElement | null {
  const found = diff.first[layer] ?? [];
  if (found.length === 0) return null;
  const line = (item: DiffItem, at: number): HTMLElement => {
    const key = `${layer}-${at}`;
    const located = item.lon !== null && item.lat !== null;
    if (located) spots.push({ key, lon: item.lon ?? 0, lat: item.lat ?? 0, tone: TONES[layer] ?? "info" });
    const name = item.name ?? item.source_key ?? item.id ?? "";
    const row = el("li", { class: "first" }, el("div", {}, el("b", {}, name), el("p", {}, details(item))), located && smallButton(t("operator.show"), () => choose(key), { "aria-label": t("operator.show_what", { what: name }) }));
    rows.set(key, row);
    return row;
  };
  const count = diff.counts[layer] ?? found.length;
  return el(
    "details",
    { class: "check", open: count <= 20 },
    el("summary", {}, el("span", {}, layerName(layer)), el("b", { class: "count" }, format.count(count))),
    el("ul", { class: "firsts" }, ...found.map(line)),
    found.length < count && el("p", { class: "summary" }, t("operator.first_of", { n: format.count(found.length), all: format.count(count) })),
  );
}

function details(item: DiffItem): string {
  const parts = [
    item.source_key,
    item.old_name == null ? null : t("operator.was_called", { name: item.old_name }),
    item.distance_m != null ? format.distance(item.distance_m) : null,
    item.hausdorff_m != null ? format.distance(item.hausdorff_m) : null,
    item.share != null ? t("operator.share_changed", { n: format.percent(Math.round(item.share * 10_000)) }) : null,
    (item.fields ?? []).map((each) => maybe(`operator.property.${each}`) ?? each).join(", "),
  ];
  return parts.filter((each) => each !== null && each !== undefined && each !== "").join(" · ");
}
