// What is said of a place, in words: values as people write them, categories by their names.
import { categories } from "../api";
import * as format from "../format";
import { t } from "./words";

const OF_CATEGORIES = ["category", "category_id", "alternate_category_ids"];
let called = new Map<string, string>();

/** Asks once what categories are called; as long as nobody can tell, their ids stand. */
export async function learnCategories(): Promise<void> {
  if (called.size > 0) return;
  try {
    called = new Map((await categories()).items.map(({ category_id, name }) => [category_id, name]));
  } catch {
    // What was asked beside this says what is wrong.
  }
}

/** What stands in a property of a place. */
export const asText = (value: unknown, property = ""): string | null => {
  if (value === null || value === undefined || value === "") return null;
  if (typeof value === "string") return OF_CATEGORIES.includes(property) ? (called.get(value) ?? value) : value;
  if (typeof value === "number") return format.count(value);
  if (typeof value === "boolean") return t(value ? "operator.yes" : "operator.no");
  if (Array.isArray(value)) return value.map((each) => asText(each, property)).join("; ");
  if (typeof value === "object" && "value" in value && "reports" in value) return `${asText(value.value, property) ?? "–"} × ${String(value.reports)}`;
  if (typeof value === "object" && "name" in value && typeof value.name === "string") return value.name;
  // An address: its parts, one after the other.
  const parts = Object.values(value).map((each) => asText(each)).filter((each) => each !== null);
  return parts.length === 0 ? null : parts.join(", ");
};
