// The words of the page of areas: its own, kept out of what phones load, and those that all pages share.
import en from "../../i18n/en.areas.json";
import zh from "../../i18n/zh-CN.areas.json";
import { fillIn, lang, maybe as sharedMaybe, t as shared, type Values, type Word } from "../i18n";
import type { AreaFault } from "./areatypes";

export type OwnWord = keyof typeof en;

const tables: Record<string, Record<OwnWord, string>> = { en, "zh-CN": zh };
const words = tables[lang] ?? en;

const isOwn = (key: string): key is OwnWord => Object.hasOwn(words, key);

export const t = (key: OwnWord | Word, values: Values = {}): string => (isOwn(key) ? fillIn(words[key], values) : shared(key, values));

/** The text of a key with a value of the API in it; null when there is none. */
export const maybe = (key: string): string | null => (isOwn(key) ? words[key] : sharedMaybe(key));

/** What is wrong and how to mend it; the server's own words where we have none. */
export function faultWords({ hint, code, detail }: AreaFault): string {
  if (code === "invalid-geometry" && /self-?intersection|crosses/i.test(detail)) return t("areas.fault.crosses");
  return maybe(`areas.fault.${hint ?? code ?? ""}`) ?? detail;
}
