// Which column of the file holds which of our properties: shown as it was read, and changed for another reading.
import { el } from "../dom";
import { field } from "../form";
import type { Version } from "./regionaltypes";
import { datumChoice } from "./uploadform";
import { maybe, t } from "./words";

const OURS: Record<string, string[]> = {
  places: ["source_key", "name", "names", "category_id", "alternate_category_ids", "brand_id", "address", "phone", "website", "opening_hours", "price_level", "attributes", "closed", "lon", "lat"],
  regions: ["source_key", "kind", "admin_level", "region_code", "name", "names", "parent_key", "note"],
  basemap: ["layer", "class", "name", "min_zoom"],
};

export function mappingPart(version: Version): { node: HTMLElement; read(): object } {
  const { columns, used, unused } = version.mapping ?? { columns: [], used: {}, unused: [] };
  const ours = [...new Set([...(OURS[version.kind] ?? []), ...Object.keys(used)])];
  const choice = (ours_: string): { name: string; control: HTMLSelectElement; node: HTMLElement } => {
    const id = `map-${ours_.replace(/\W/g, "-")}`;
    const now = used[ours_] ?? "";
    const known = now === "" || columns.includes(now) ? columns : [now, ...columns];
    const control = el("select", { id, name: id }, el("option", { value: "", selected: now === "" }, t("operator.no_column")), ...known.map((each) => el("option", { value: each, selected: each === now }, each)));
    const words = maybe(`operator.property.${ours_}`);
    const label = words === null || words === ours_ ? el("label", { for: id }, ours_) : el("label", { for: id }, `${words} `, el("code", {}, ours_));
    return { name: ours_, control, node: el("div", { class: "field" }, label, control) };
  };
  const choices = ours.map(choice);
  const datum = datumChoice("reload-datum", version.file?.datum ?? "");
  const plain = (id: string, label: string, value: string | null | undefined): ReturnType<typeof field> =>
    field(id, label, { type: "text", autocomplete: "off", maxlength: 200, value: value ?? "" });
  const crs = plain("reload-crs", t("operator.crs"), version.file?.crs);
  const encoding = plain("reload-encoding", t("operator.encoding"), version.file?.encoding);
  const layer = plain("reload-layer", t("operator.layer_name"), version.file?.layer);
  const node = el(
    "div",
    { class: "stack" },
    el("p", { class: "summary" }, t("operator.mapping_what")),
    el("div", { class: "fields" }, ...choices.map((each) => each.node)),
    unused.length > 0 && el("p", {}, t("operator.unused", { columns: unused.join(", ") })),
    el("details", { class: "more" }, el("summary", {}, t("operator.more_of_file")), el("div", { class: "fields" }, datum.node, crs.node, encoding.node, layer.node)),
  );
  const read = (): object => {
    const mapping = Object.fromEntries(choices.filter(({ control }) => control.value !== "").map(({ name, control }) => [name, control.value]));
    const told = { datum: datum.control.value, crs: crs.input.value.trim(), encoding: encoding.input.value.trim(), layer: layer.input.value.trim() };
    return { mapping, ...Object.fromEntries(Object.entries(told).filter(([, value]) => value !== "")) };
  };
  return { node, read };
}
