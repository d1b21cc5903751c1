// One coupon: what it gives, its terms in words, and where it can be used.
import { el } from "./dom";
import * as format from "./format";
import { counted, maybe, t } from "./i18n";
import { metresBetween } from "./geo";
import { couponFacts, headline } from "./list";
import { section, term } from "./rows";
import type { CouponDetail, CouponPlace, LonLat, Money } from "./types";

export interface CouponLinks {
  placeHref(id: string): string;
  /** Where the reader searched; the places are ordered from there. */
  from: LonLat | null;
  /** What claims it. */
  claim: Node;
}

export const asNumber = (value: unknown): number | null => (typeof value === "number" && Number.isFinite(value) ? value : null);
export const asText = (value: unknown): string | null => (typeof value === "string" && value !== "" ? value : null);

function isMoney(value: unknown): value is Money {
  if (typeof value !== "object" || value === null) return false;
  const { amount_minor, currency } = value as Partial<Money>;
  return Number.isInteger(amount_minor) && typeof currency === "string" && /^[A-Z]{3}$/.test(currency);
}

function valueTerms(coupon: CouponDetail): HTMLElement[] {
  const rows: HTMLElement[] = [];
  const priced = coupon.price !== null && coupon.price.amount_minor > 0;
  rows.push(term(t("coupon.price"), priced && coupon.price ? format.money(coupon.price) : t("coupon.free")));
  const listPrice = coupon.terms?.["list_price"];
  if (isMoney(listPrice)) rows.push(term(t("coupon.list_price"), format.money(listPrice)));
  if (coupon.face_value) rows.push(term(t("coupon.worth"), format.money(coupon.face_value)));
  if (coupon.percent_off_bp !== null) {
    rows.push(term(t("coupon.discount"), t("coupon.percent_off", { percent: format.percent(coupon.percent_off_bp) })));
  }
  if (coupon.min_spend && coupon.min_spend.amount_minor > 0) rows.push(term(t("coupon.min_spend"), format.money(coupon.min_spend)));
  if (coupon.cap) rows.push(term(t("coupon.cap"), format.money(coupon.cap)));
  if (coupon.group_deal?.price) {
    const { target, price } = coupon.group_deal;
    rows.push(term(t("coupon.group_deal"), t("coupon.group", { target, price: format.money(price) })));
  }
  return rows;
}

function windowTerms(coupon: CouponDetail, zone: string | null): HTMLElement[] {
  const rows: HTMLElement[] = [];
  if (coupon.claim_until) rows.push(term(t("coupon.claim_window"), format.deadline(coupon.claim_until, zone)));
  if (coupon.use_until) rows.push(term(t("coupon.use_window"), format.deadline(coupon.use_until, zone)));
  const how = maybe(`coupon.fulfilment.${coupon.fulfilment}`);
  if (how !== null) rows.push(term(t("coupon.fulfilment"), how));
  return rows;
}

type Terms = Record<string, unknown>;

function limitTerms(terms: Terms): HTMLElement[] {
  const words = {
    per_member: "terms.per_member",
    per_member_day: "terms.per_member_day",
    per_device: "terms.per_device",
    per_day: "terms.per_day",
    units: "terms.units",
  } as const;
  const rows: HTMLElement[] = [];
  for (const [name, word] of Object.entries(words)) {
    const value = asNumber(terms[name]);
    if (value !== null && !(name === "units" && value === 1)) rows.push(term(t(word), format.count(value)));
  }
  const days = asNumber(terms["valid_days_after_claim"]);
  if (days !== null) rows.push(term(t("terms.valid_days"), counted("terms.days", days, format.count(days))));
  const reach = asNumber(terms["claim_within_m"]);
  if (reach !== null) rows.push(term(t("terms.claim_within"), t("terms.claim_within_of", { distance: format.distance(reach) })));
  return rows;
}

function partySize(terms: Terms): string | null {
  const from = asNumber(terms["party_min"]);
  const until = asNumber(terms["party_max"]);
  if (from !== null && until !== null) return t("terms.party_range", { from, until });
  if (from !== null) return from > 1 ? t("terms.party_least", { from }) : null;
  return until !== null ? t("terms.party_most", { until }) : null;
}

/** The rules that the page has words for; the rest of `terms` is for machines. */
function ruleTerms(terms: Terms): HTMLElement[] {
  const blackout = Array.isArray(terms["blackout_dates"]) ? terms["blackout_dates"].filter((each) => typeof each === "string") : [];
  const stacking = asText(terms["stacking"]);
  const refund = asText(terms["refund_policy"]);
  const rules: [string, string | null][] = [
    [t("terms.use_hours"), asText(terms["use_hours"])],
    [t("terms.blackout"), blackout.length > 0 ? blackout.map(format.day).join(", ") : null],
    [t("terms.party_size"), partySize(terms)],
    [t("terms.stacking"), stacking === null ? null : maybe(`terms.stacking.${stacking}`)],
    [t("terms.refund_policy"), refund === null ? null : maybe(`terms.refund.${refund}`)],
  ];
  return [...limitTerms(terms), ...rules.flatMap(([name, value]) => (value === null ? [] : [term(name, value)]))];
}

const nowhere = Number.POSITIVE_INFINITY;

/** The places with their distances from `from`, nearest first; those without a position last. */
export function byDistance(places: CouponPlace[], from: LonLat | null): { place: CouponPlace; away: number }[] {
  const away = (place: CouponPlace): number => (from && place.location ? metresBetween(from, place.location) : nowhere);
  return places.map((place) => ({ place, away: away(place) })).sort((a, b) => (a.away === b.away ? 0 : a.away - b.away));
}

export function placeLink(place: CouponPlace, away: number, href: string): HTMLElement {
  const known = place.address?.text || place.address?.district;
  const facts = [away === nowhere ? null : format.distance(away), known].filter(Boolean).join(" · ");
  return el(
    "li",
    {},
    el(
      "a",
      { href, "data-place": place.place_id },
      el("b", {}, place.name),
      facts !== "" && el("span", {}, facts),
    ),
  );
}

export function couponBody(coupon: CouponDetail, zone: string | null, links: CouponLinks): Node[] {
  const places = byDistance(coupon.places ?? [], links.from);
  const { lead, under } = headline(coupon);
  const group = coupon.group_deal?.price ? under : null;
  const kind = maybe(`coupon.kind.${coupon.kind}`);
  return [
    el(
      "div",
      { class: "hero" },
      el("b", { class: lead.length > 6 ? "small" : "" }, lead),
      el("p", {}, [group, kind, coupon.merchant?.name].filter(Boolean).join(" · ")),
      couponFacts(coupon, zone),
    ),
    links.claim,
    ...(coupon.summary && coupon.summary !== coupon.title ? [el("p", { class: "summary" }, coupon.summary)] : []),
    section(
      t("coupon.terms"),
      el("dl", { class: "terms" }, ...valueTerms(coupon), ...windowTerms(coupon, zone), ...ruleTerms(coupon.terms ?? {})),
    ),
    ...(places.length > 0
      ? [
          section(
            t("coupon.where"),
            el("ul", { class: "where" }, ...places.map(({ place, away }) => placeLink(place, away, links.placeHref(place.place_id)))),
          ),
        ]
      : []),
  ];
}
