// Which column of the file holds which of our properties: shown as it was read, and changed for another reading.
import { el } from "../dom";
import { field } from "../form";
import type { Mapping, Version } from "./regionaltypes";
import { datumChoice } from "./uploadform";
import { maybe, t } from "./words";

/** Where rows lie, one way or another; a way that isn't taken is simply not declared. */
const PLACING = ["lon", "lat", "latlon", "lonlat", "geometry", "x", "y"];
const ADDRESS = ["address.street", "address.house_number", "address.postcode", "address.city"];
const OURS: Record<string, string[]> = {
  places: ["source_key", "name", "names.en", "names.zh-Hans", "category_id", "category", "brand_id", ...ADDRESS, "phone", "website", "opening_hours", "price_level", "closed", ...PLACING],
  regions: ["source_key", "names.local", "names.en", "names.zh-Hans", "kind", "admin_level", "region_code", "parent_key", "note", "geometry"],
  basemap: ["layer", "class", "name", "min_zoom", "geometry"],
};
/** What begins like this is no column: the same text for every row. */
const CONSTANT = "=";

/** What a load failed for, or is blocked by, that is mended by saying what the file doesn't. */
const UNSAID = ["missing-crs", "unknown-crs", "conflicting-crs", "foreign-crs", "wrong-encoding", "unsupported-encoding", "several-layers", "unknown-layer", "datum-suspicion", "damaged-text"];

interface Choice {
  node: HTMLElement;
  /** The column, a text for all rows, or nothing; null where it was left as it was. */
  read(): string | null;
}

/** One of our properties: no column, one of the file's, or one text for every row. */
function choice(name: string, now: string, columns: string[], unread: boolean): Choice {
  const id = `map-${name.replace(/\W/g, "-")}`;
  const constant = now.startsWith(CONSTANT);
  const known = now === "" || constant || columns.includes(now) ? columns : [now, ...columns];
  const option = (value: string, words: string, selected: boolean): HTMLElement => el("option", { value, selected }, words);
  const control = el(
    "select",
    { id, name: id },
    option("", t(unread ? "operator.by_itself" : "operator.no_column"), now === ""),
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
    read: () => {
      const chosen = control.value === CONSTANT ? CONSTANT + text.value.trim() : control.value;
      if (chosen === now) return null;
      // An empty text for every row: the property is read from no column, and none is looked for.
      return chosen === "" && !PLACING.includes(name) ? CONSTANT : chosen;
    },
  };
}

/** The columns with what was read from each, and what can be said of the file; what is left as it is isn't sent. */
export function mappingPart(version: Version): { node: HTMLElement; read(): object } {
  const { columns, used, unused, guessed = [] }: Mapping = version.mapping ?? { columns: [], used: {}, unused: [] };
  const ours = [...new Set([...(OURS[version.kind] ?? []), ...Object.keys(used)])];
  const unread = version.state === "failed" && Object.keys(used).length === 0;
  const choices = columns.length === 0 ? [] : ours.map((name): [string, Choice] => [name, choice(name, used[name] ?? "", columns, unread)]);
  const now = { datum: version.file?.datum ?? "", crs: version.file?.crs ?? "", encoding: version.file?.encoding ?? "", layer: version.file?.layer ?? "" };
  const datum = datumChoice("reload-datum", now.datum);
  const plain = (id: string, label: string, value: string): ReturnType<typeof field> => field(id, label, { type: "text", autocomplete: "off", maxlength: 200, value });
  const crs = plain("reload-crs", t("operator.crs"), now.crs);
  const encoding = plain("reload-encoding", t("operator.encoding"), now.encoding);
  const layer = plain("reload-layer", t("operator.layer_name"), now.layer);
  const lacking = [version.failure?.code, ...(version.gate?.reasons ?? []).map(({ code }) => code)].some((code) => UNSAID.includes(code ?? ""));
  const node = el(
    "div",
    { class: "stack" },
    el("p", { class: "summary" }, t(choices.length === 0 ? "operator.reload_what" : "operator.mapping_what")),
    el("div", { class: "fields" }, ...choices.map(([, each]) => each.node)),
    unused.length > 0 && el("p", {}, t("operator.unused", { columns: unused.join(", ") })),
    el("details", { class: "more", open: lacking || choices.length === 0 }, el("summary", {}, t("operator.more_of_file")), el("div", { class: "fields" }, datum.node, crs.node, encoding.node, layer.node)),
  );
  const read = (): object => {
    const changed = choices.map(([name, each]): [string, string | null] => [name, each.read()]).filter(([, value]) => value !== null);
    const declared = Object.entries(used).filter(([name]) => !guessed.includes(name));
    const mapping = Object.fromEntries(Object.entries({ ...Object.fromEntries(declared), ...Object.fromEntries(changed) }).filter(([, value]) => value !== ""));
    const told: Record<string, string> = { datum: datum.control.value, crs: crs.input.value.trim(), encoding: encoding.input.value.trim(), layer: layer.input.value.trim() };
    const said = Object.entries(told).filter(([name, value]) => value !== "" && value !== now[name as keyof typeof now]);
    return { ...(changed.length > 0 && { mapping }), ...Object.fromEntries(said) };
  };
  return { node, read };
}
