// Money, distances, counts and times in the page's language; times in the place's own zone.
import type { Hours, Money, Total } from "./types";
import { counted, lang, t } from "./i18n";

const counts = new Intl.NumberFormat(lang);
const metres = new Intl.NumberFormat(lang, { style: "unit", unit: "meter", maximumFractionDigits: 0 });
const kilometres = new Intl.NumberFormat(lang, { style: "unit", unit: "kilometer", maximumFractionDigits: 1 });
const percents = new Intl.NumberFormat(lang, { style: "percent", maximumFractionDigits: 2 });

/** The device's own time zone. */
export const ownZone: string = Intl.DateTimeFormat().resolvedOptions().timeZone;

export const count = (value: number): string => counts.format(value);

/** Metres below a kilometre (to 10 m from 100 m on), kilometres with one decimal up to 10, whole ones above. */
export function distance(distance_m: number): string {
  if (distance_m < 100) return metres.format(Math.round(distance_m));
  const tens = Math.round(distance_m / 10) * 10;
  if (tens < 1000) return metres.format(tens);
  const km = distance_m / 1000;
  return kilometres.format(km < 10 ? Math.round(km * 10) / 10 : Math.round(km));
}

/** How many decimals amounts of this currency have. */
export const decimalsOf = (currency: string): number =>
  new Intl.NumberFormat("en", { style: "currency", currency }).resolvedOptions().maximumFractionDigits ?? 2;

/** An amount in minor units; the currency's own number of decimals, none when the amount is whole. */
export function money({ amount_minor, currency }: Money): string {
  const decimals = decimalsOf(currency);
  const unit = 10 ** decimals;
  return new Intl.NumberFormat(lang, {
    style: "currency",
    currency,
    currencyDisplay: "narrowSymbol",
    minimumFractionDigits: amount_minor % unit === 0 ? 0 : decimals,
  }).format(amount_minor / unit);
}

/** An amount of money, null where there is none or it is nothing. */
export const amount = (value: Money | null | undefined): string | null =>
  value && value.amount_minor > 0 ? money(value) : null;

/** Basis points as a percentage: 1250 is 12.5 %. */
export const percent = (basis_points: number): string => percents.format(basis_points / 10_000);

/** "84 places", "1 deal", "1,000+ places" when the count is only a lower bound. */
export function total(kind: "places" | "deals", value: Total): string {
  const shown = count(value.value) + (value.relation === "gte" ? "+" : "");
  const stem = kind === "places" ? "total.places" : "total.deals";
  return counted(stem, value.relation === "gte" ? 1000 : value.value, shown);
}

/** The clock of a place: its zone when known, else the offset written in the timestamp itself. */
function clock(at: string, zone: string | null): { date: Date; now: Date; zone: string } {
  const date = new Date(at);
  if (zone !== null && zoneKnown(zone)) return { date, now: new Date(), zone };
  const offset = /([+-])(\d\d):(\d\d)$/.exec(at);
  const minutes = offset ? (offset[1] === "-" ? -1 : 1) * (Number(offset[2]) * 60 + Number(offset[3])) : 0;
  const shift = minutes * 60_000;
  return { date: new Date(date.getTime() + shift), now: new Date(Date.now() + shift), zone: "UTC" };
}

function zoneKnown(zone: string): boolean {
  try {
    new Intl.DateTimeFormat("en", { timeZone: zone });
    return true;
  } catch {
    return false;
  }
}

/** Whole days from `now` to `date` on the calendar of `zone`. */
function daysBetween(now: Date, date: Date, zone: string): number {
  const day = (value: Date): number => {
    const text = new Intl.DateTimeFormat("en-CA", { timeZone: zone, dateStyle: "short" }).format(value);
    return Date.parse(`${text}T00:00:00Z`) / 86_400_000;
  };
  return day(date) - day(now);
}

/** "22:00", "tomorrow 10:00", "Mon 10:00" or "3 Dec, 10:00", as seen from the place; `tonight` lasts until six. */
export function moment(at: string, zone: string | null, tonight = false): string {
  const local = clock(at, zone);
  if (Number.isNaN(local.date.getTime())) return at;
  const show = (options: Intl.DateTimeFormatOptions): string =>
    new Intl.DateTimeFormat(lang, { timeZone: local.zone, ...options }).format(local.date);
  const time = show({ hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
  const days = daysBetween(local.now, local.date, local.zone);
  if (days === 0) return time;
  // The end of today is said as such: nobody closes "tomorrow at 00:00".
  if (days === 1 && time === "00:00") return "24:00";
  if (days === 1 && tonight && time < "06:00") return time;
  if (days === 1) return t("hours.tomorrow", { time });
  if (days > 1 && days < 7) return `${show({ weekday: "short" })} ${time}`;
  return show({ month: "short", day: "numeric", hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
}

/** A deadline as a date; the year only when it is another one. */
export function deadline(at: string, zone: string | null): string {
  const local = clock(at, zone);
  if (Number.isNaN(local.date.getTime())) return at;
  if (daysBetween(local.now, local.date, local.zone) < 2) return moment(at, zone);
  // A deadline is exclusive: one at midnight belongs, for people, to the day that ends there.
  const shown = new Date(local.date.getTime() - 1000);
  const otherYear = shown.getUTCFullYear() !== local.now.getUTCFullYear();
  return new Intl.DateTimeFormat(lang, {
    timeZone: local.zone,
    month: "short",
    day: "numeric",
    ...(otherYear ? { year: "numeric" } : {}),
  }).format(shown);
}

/** A calendar day, "2026-12-25" as "Dec 25, 2026". */
export function day(text: string): string {
  const date = new Date(`${text}T00:00:00Z`);
  if (Number.isNaN(date.getTime())) return text;
  return new Intl.DateTimeFormat(lang, { timeZone: "UTC", year: "numeric", month: "short", day: "numeric" }).format(date);
}

/** The state of opening and the next change: "Open, until 22:00". */
export function opening(hours: Hours, zone: string | null): { state: string; change: string } {
  const state = t(`hours.${hours.state}`);
  if (hours.state === "unknown" || hours.next_change_at === null) return { state, change: "" };
  const time = moment(hours.next_change_at, zone, hours.state === "open");
  return { state, change: t(hours.state === "open" ? "hours.until" : "hours.opens", { time }) };
}

/** Names of the days, Monday first. */
export function weekdays(form: "short" | "long" = "long"): string[] {
  const names = new Intl.DateTimeFormat(lang, { weekday: form, timeZone: "UTC" });
  return Array.from({ length: 7 }, (_, day) => names.format(new Date(Date.UTC(2024, 0, 1 + day))));
}

/** Today's index in a week that begins on Monday, on the calendar of `zone`. */
export function weekdayToday(zone: string | null): number {
  const options: Intl.DateTimeFormatOptions = { weekday: "short" };
  if (zone !== null && zoneKnown(zone)) options.timeZone = zone;
  const name = new Intl.DateTimeFormat("en", options).format(new Date());
  return ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"].indexOf(name);
}

/** An amount as it is typed into a field: "88.50". */
export function plainAmount(amount_minor: number, currency: string): string {
  const decimals = decimalsOf(currency);
  return (amount_minor / 10 ** decimals).toFixed(decimals);
}
