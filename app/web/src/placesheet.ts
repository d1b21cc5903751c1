// One place: address, hours of the week, contact, coupons, areas, source.
import { el } from "./dom";
import * as format from "./format";
import { metresBetween } from "./geo";
import { lang, t } from "./i18n";
import { openingLine } from "./list";
import { row, section } from "./rows";
import type { CouponBrief, DayHours, LonLat, PlaceDetail } from "./types";

interface PlaceLinks {
  couponHref(id: string): string;
  aroundHref: string;
  /** Where the reader searched. */
  from: LonLat | null;
  /** Whom the data of the place's city asks to name. */
  credits: string[];
}

/** http and https addresses only; anything else in the data is not a link. */
function safeWebsite(text: string | null): URL | null {
  if (text === null || text.trim() === "") return null;
  const candidate = /^[a-z][a-z0-9+.-]*:/i.test(text.trim()) ? text.trim() : `https://${text.trim()}`;
  try {
    const url = new URL(candidate);
    return url.protocol === "http:" || url.protocol === "https:" ? url : null;
  } catch {
    return null;
  }
}

function phones(text: string): HTMLElement {
  const line = el("span", { class: "phones" });
  for (const part of text.split(/[;,/]/).map((each) => each.trim()).filter((each) => each !== "")) {
    const number = part.replace(/[^\d+]/g, "");
    line.append(number.length >= 3 ? el("a", { href: `tel:${number}` }, part) : el("span", {}, part));
  }
  return line;
}

function website(url: URL): HTMLElement {
  const shown = (url.host + url.pathname.replace(/\/$/, "")).replace(/^www\./, "");
  const short = shown.length > 42 ? `${shown.slice(0, 41)}…` : shown;
  return el("a", { href: url.href, rel: "noopener noreferrer nofollow", target: "_blank" }, short);
}

function dayText(day: DayHours[] | null): string {
  if (day === null) return t("hours.unknown");
  if (day.length === 0) return t("hours.closed_day");
  const [only] = day;
  if (day.length === 1 && only?.from === "00:00" && (only.until === "24:00" || only.until === "00:00")) return t("hours.all_day");
  return day.map(({ from, until }) => `${from}–${until}`).join(", ");
}

function week(place: PlaceDetail): HTMLElement | null {
  const days = place.hours.week;
  if (!days || days.every((day) => day === null)) return null;
  const today = format.weekdayToday(place.time_zone);
  const rows = format.weekdays().map((name, index) =>
    el(
      "tr",
      { class: index === today ? "today" : null, "aria-current": index === today ? "date" : null },
      el("th", { scope: "row" }, name),
      el("td", {}, dayText(days[index] ?? null)),
    ),
  );
  return el("table", { class: "week" }, el("caption", { class: "visually-hidden" }, t("hours.title")), el("tbody", {}, ...rows));
}

function hoursSection(place: PlaceDetail): HTMLElement {
  const elsewhere = place.time_zone !== null && place.time_zone !== format.ownZone;
  return section(
    t("hours.title"),
    el("p", {}, openingLine(place.hours, place.time_zone)),
    week(place),
    elsewhere && el("p", { class: "small-print" }, t("hours.local", { zone: place.time_zone ?? "" })),
    place.opening_hours !== null &&
      place.opening_hours !== "" &&
      el("p", { class: "small-print" }, t("hours.source", { text: place.opening_hours })),
  );
}

function couponLink(coupon: CouponBrief, href: string): HTMLElement {
  return el(
    "a",
    { class: "card ticket ticket-brief", href, "data-coupon": coupon.coupon_id },
    el("div", { class: "ticket-stub" }, el("b", { class: coupon.badge.length > 6 ? "small" : "" }, coupon.badge)),
    el(
      "div",
      { class: "card-text" },
      el("h4", {}, coupon.title),
      coupon.summary && coupon.summary !== coupon.title && el("p", { class: "merchant" }, coupon.summary),
    ),
  );
}

/** The names in other languages that differ from the one shown; at most two. */
function otherNames(place: PlaceDetail): string {
  const wanted = lang === "en" ? ["local", "zh-Hans"] : ["local", "en"];
  const names = wanted.map((tag) => place.names?.[tag]).filter((name) => name !== undefined && name !== place.name);
  return [...new Set(names)].slice(0, 2).join(" · ");
}

/** A way there on openstreetmap.org, and how far it is in a straight line. */
function route({ lat, lon }: LonLat, from: LonLat | null): (Node | string)[] {
  const to = encodeURIComponent(`${lat},${lon}`);
  const href = `https://www.openstreetmap.org/directions?to=${to}`;
  const link = el("a", { href, rel: "noopener noreferrer", target: "_blank" }, t("place.directions"));
  if (from === null) return [link];
  return [link, ` · ${t("place.from_point", { distance: format.distance(metresBetween(from, { lat, lon })) })}`];
}

export function placeBody(place: PlaceDetail, links: PlaceLinks): Node[] {
  const url = safeWebsite(place.website);
  const kinds = place.category?.name ?? "";
  const subtitle = [kinds, otherNames(place)].filter((text) => text !== "").join(" · ");
  const regions = place.regions.map((region) => region.name + (region.demo ? ` (${t("place.demo")})` : "")).join(" › ");
  const { name, licence, attribution } = place.source ?? {};
  // The areas have a source of their own, named by the city.
  const own = [attribution ?? name, licence].filter((text): text is string => Boolean(text));
  const credit = [...new Set([...own, ...(regions === "" ? [] : links.credits)])].join(" · ");
  return [
    subtitle !== "" ? el("p", { class: "subtitle" }, subtitle) : "",
    place.coupons.length > 0
      ? section(t("coupon.title"), ...place.coupons.map((coupon) => couponLink(coupon, links.couponHref(coupon.coupon_id))))
      : "",
    hoursSection(place),
    el(
      "dl",
      { class: "rows" },
      place.address?.text ? row("pin", t("place.address"), place.address.text) : null,
      row("route", t("place.directions"), ...route(place.location, links.from)),
      place.phone ? row("phone", t("place.phone"), phones(place.phone)) : null,
      url && row("web", t("place.website"), website(url)),
      regions !== "" && row("region", t("place.regions"), regions),
      place.merchant && row("store", t("place.merchant"), `${t("place.merchant")} ${place.merchant.name}`),
      credit !== "" && row("source", t("place.source"), credit),
    ),
    el("a", { class: "around", href: links.aroundHref, "data-around": true }, t("place.show_on_map")),
  ].filter((node): node is HTMLElement => node !== "");
}
