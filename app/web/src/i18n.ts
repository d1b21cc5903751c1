// The page's words in the document's language; the same files are read by the templates.
import enClaims from "../i18n/en.claims.json";
import enGroup from "../i18n/en.group.json";
import en from "../i18n/en.json";
import enMerchant from "../i18n/en.merchant.json";
import enStatements from "../i18n/en.statements.json";
import enTill from "../i18n/en.till.json";
import zhClaims from "../i18n/zh-CN.claims.json";
import zhGroup from "../i18n/zh-CN.group.json";
import zh from "../i18n/zh-CN.json";
import zhMerchant from "../i18n/zh-CN.merchant.json";
import zhStatements from "../i18n/zh-CN.statements.json";
import zhTill from "../i18n/zh-CN.till.json";

const english = { ...en, ...enClaims, ...enMerchant, ...enTill, ...enGroup, ...enStatements };

export type Word = keyof typeof english;

const tables: Record<string, Record<Word, string>> = {
  en: english,
  "zh-CN": { ...zh, ...zhClaims, ...zhMerchant, ...zhTill, ...zhGroup, ...zhStatements },
};

export const lang: string = document.documentElement.lang in tables ? document.documentElement.lang : "en";

const words = tables[lang] ?? english;
const plurals = new Intl.PluralRules(lang);

export type Values = Record<string, string | number>;

/** A text with each {name} replaced from `values`. */
export function fillIn(text: string, values: Values): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => {
    const value = values[name];
    return value === undefined ? whole : String(value);
  });
}

/** Which form of a counted word a number takes; both of our languages get by with two. */
export const formOf = (count: number): "one" | "other" => (plurals.select(count) === "one" ? "one" : "other");

/** The text of `key`, with each {name} replaced from `values`. */
export const t = (key: Word, values: Values = {}): string => fillIn(words[key], values);

/** The text of `key` with a value that comes from the API, or null when there is no such key. */
export function maybe(key: string): string | null {
  return Object.hasOwn(words, key) ? words[key as Word] : null;
}

type Counted = { [K in Word]: K extends `${infer Stem}_one` ? Stem : never }[Word];

/** The singular or plural of `stem` for `count`; `shown` is how the number is written. */
export function counted(stem: Counted, count: number, shown: string): string {
  return t(`${stem}_${formOf(count)}` as Word, { n: shown });
}
