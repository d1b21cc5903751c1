// Which column of the file holds which of our properties: shown as it was read, and changed for another reading.
import { el } from "../dom";
import { field } from "../form";
import type { Mapping, Version } from "./regionaltypes";
import { datumChoice } from "./uploadform";
import { maybe, t } from "./words";

const ADDRESS = ["address.street", "address.house_number", "address.postcode", "address.city"];
const OURS: Record<string, string[]> = {
  places: ["source_key", "name", "names.en", "names.zh-Hans", "category_id", "category", "brand_id", ...ADDRESS, "phone", "website", "opening_hours", "price_level", "closed", "lon", "lat"],
  regions: ["source_key", "names.local", "names.en", "names.zh-Hans", "kind", "admin_level", "region_code", "parent_key", "note"],
  basemap: ["layer", "class", "name", "min_zoom"],
};
/** What begins like this is no column: the same text for every row. */
const CONSTANT = "=";

interface Choice {
  node: HTMLElement;
  /** The column, a text for all rows, or nothing. */
  read(): string | null;
}

/** One of our properties: no column, one of the file's, or one text for every row. */
function choice(name: string, now: string, columns: string[]): Choice {
  const id = `map-${name.replace(/\W/g, "-")}`;
  const constant = now.startsWith(CONSTANT);
  const known = now === "" || constant || columns.includes(now) ? columns : [now, ...columns];
  const option = (value: string, words: string, selected: boolean): HTMLElement => el("option", { value, selected }, words);
  const control = el(
    "select",
    { id, name: id },
    option("", t("operator.no_column"), now === ""),
    ...known.map((each) => option(each, each, each === now)),
    option(CONSTANT, t("operator.same_for_all"), constant),
  );
  const words = maybe(`operator.property.${name.replace(".", "_")}`);
  const label = words === null || words === name ? el("label", { for: id }, name) : el("label", { for: id }, `${words} `, el("code", {}, name));
  const text = el("input", { id: `${id}-value`, type: "text", autocomplete: "off", maxlength: 200, value: constant ? now.slice(1) : "", "aria-label": t("operator.value_of", { what: words ?? name }) });
  const fit = (): void => {
    text.hidden = control.value !== CONSTANT;
  };
  control.addEventListener("change", fit);
  fit();
  return {
    node: el("div", { class: "field" }, label, control, text),
    read: () => (control.value === CONSTANT ? (text.value.trim() === "" ? null : CONSTANT + text.value.trim()) : control.value === "" ? null : control.value),
  };
}

export function mappingPart(version: Version): { node: HTMLElement; read(): object } {
  const { columns, used, unused }: Mapping = version.mapping ?? { columns: [], used: {}, unused: [] };
  const ours = [...new Set([...(OURS[version.kind] ?? []), ...Object.keys(used)])];
  const choices = ours.map((name): [string, Choice] => [name, choice(name, used[name] ?? "", columns)]);
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
    el("div", { class: "fields" }, ...choices.map(([, each]) => each.node)),
    unused.length > 0 && el("p", {}, t("operator.unused", { columns: unused.join(", ") })),
    el("details", { class: "more" }, el("summary", {}, t("operator.more_of_file")), el("div", { class: "fields" }, datum.node, crs.node, encoding.node, layer.node)),
  );
  const read = (): object => {
    const chosen = choices.map(([name, each]): [string, string | null] => [name, each.read()]).filter(([, value]) => value !== null);
    const told = { datum: datum.control.value, crs: crs.input.value.trim(), encoding: encoding.input.value.trim(), layer: layer.input.value.trim() };
    return { mapping: Object.fromEntries(chosen), ...Object.fromEntries(Object.entries(told).filter(([, value]) => value !== "")) };
  };
  return { node, read };
}
