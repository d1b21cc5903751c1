// The words of the operator's page: its own, kept out of what phones load, and those that all pages share.
import en from "../../i18n/en.operator.json";
import zh from "../../i18n/zh-CN.operator.json";
import zhServer from "../../i18n/zh-CN.server.json";
import { fillIn, formOf, lang, maybe as sharedMaybe, t as shared, type Values, type Word } from "../i18n";
import { refusalWords } from "../problems";
import { ApiProblem } from "../request";

export type OwnWord = keyof typeof en;

const tables: Record<string, Record<OwnWord, string>> = { en, "zh-CN": zh };
const words = tables[lang] ?? en;
// What the server says in English, in the page's language; in English the server's own words stand.
const server: Record<string, string> = lang === "zh-CN" ? zhServer : {};

const isOwn = (key: string): key is OwnWord => Object.hasOwn(words, key);

export const t = (key: OwnWord | Word, values: Values = {}): string => (isOwn(key) ? fillIn(words[key], values) : shared(key, values));

/** The text of a key with a value of the API in it; null when there is none. */
export const maybe = (key: string): string | null => (isOwn(key) ? words[key] : sharedMaybe(key));

type Counted = { [K in OwnWord]: K extends `${infer Stem}_one` ? Stem : never }[OwnWord];

export const counted = (stem: Counted, count: number, shown: string): string =>
  t(`${stem}_${formOf(count)}` as OwnWord, { n: shown });

/** A fixed sentence of the server's in the page's language; `detail` itself where we have no words for it. */
export const translated = (key: string, detail: string): string => server[key] ?? detail;

/** Why something was found or corrected, in the page's language where the server says it; what people wrote stands. */
export function why(reason: string): string {
  const n = /\d+(\.\d+)?/.exec(reason)?.[0];
  const known = server[`why.${n === undefined ? reason : reason.replace(n, "{n}")}`];
  return known === undefined ? reason : fillIn(known, n === undefined ? {} : { n });
}

/** What a refusal means and how to mend it. */
export function refused(error: unknown): string {
  if (!(error instanceof ApiProblem)) return refusalWords(error);
  const own = server[`problem.${error.code}`];
  return own ?? refusalWords(error);
}

/** What each part of a request is charged with, and what the server says of this case, a line each. */
export function faultLines(error: unknown): string[] {
  if (!(error instanceof ApiProblem)) return [];
  const faults = error.faults.map(({ pointer, parameter, detail }) => `${pointer ?? parameter ?? ""}: ${detail}`);
  const said = error.detail !== "" && error.detail !== refused(error) && error.status < 500 ? [error.detail] : [];
  return [...said, ...faults];
}
