// One coupon: what it gives, its terms in words, and where it can be used.
import { el } from "./dom";
import * as format from "./format";
import { counted, maybe, t } from "./i18n";
import { metresBetween } from "./geo";
import { couponFacts, headline, singlePrice } from "./list";
import { section, terms, type Facts } from "./rows";
import type { CouponDetail, CouponPlace, LonLat, Money } from "./types";

interface CouponLinks {
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

function valueFacts(coupon: CouponDetail): Facts {
  const listPrice = coupon.terms?.["list_price"];
  const off = coupon.percent_off_bp;
  const group = coupon.group_deal;
  return [
    [t("coupon.price"), singlePrice(coupon)],
    [t("coupon.list_price"), isMoney(listPrice) ? format.money(listPrice) : null],
    [t("coupon.worth"), format.amount(coupon.face_value)],
    [t("coupon.discount"), off === null ? null : t("coupon.percent_off", { percent: format.percent(off) })],
    [t("coupon.min_spend"), format.amount(coupon.min_spend)],
    [t("coupon.cap"), format.amount(coupon.cap)],
    [t("coupon.group_deal"), group?.price ? t("coupon.group", { target: group.target, price: format.money(group.price) }) : null],
  ];
}

function windowFacts(coupon: CouponDetail, zone: string | null): Facts {
  return [
    [t("coupon.claim_window"), coupon.claim_until && format.deadline(coupon.claim_until, zone)],
    [t("coupon.use_window"), coupon.use_until && format.deadline(coupon.use_until, zone)],
    [t("coupon.fulfilment"), maybe(`coupon.fulfilment.${coupon.fulfilment}`)],
  ];
}

type Terms = Record<string, unknown>;

function limitFacts(terms: Terms): Facts {
  const count = (name: string): string | null => {
    const value = asNumber(terms[name]);
    return value === null ? null : format.count(value);
  };
  const days = asNumber(terms["valid_days_after_claim"]);
  const reach = asNumber(terms["claim_within_m"]);
  return [
    [t("terms.per_member"), count("per_member")],
    [t("terms.per_member_day"), count("per_member_day")],
    [t("terms.per_device"), count("per_device")],
    [t("terms.per_day"), count("per_day")],
    [t("terms.units"), terms["units"] === 1 ? null : count("units")],
    [t("terms.valid_days"), days === null ? null : counted("terms.days", days, format.count(days))],
    [t("terms.claim_within"), reach === null ? null : t("terms.claim_within_of", { distance: format.distance(reach) })],
  ];
}

function partySize(terms: Terms): string | null {
  const from = asNumber(terms["party_min"]);
  const until = asNumber(terms["party_max"]);
  if (from !== null && until !== null) return t("terms.party_range", { from, until });
  if (from !== null) return from > 1 ? t("terms.party_least", { from }) : null;
  return until !== null ? t("terms.party_most", { until }) : null;
}

/** The rules that the page has words for; the rest of `terms` is for machines. */
function ruleFacts(terms: Terms): Facts {
  const blackout = Array.isArray(terms["blackout_dates"]) ? terms["blackout_dates"].filter((each) => typeof each === "string") : [];
  const stacking = asText(terms["stacking"]);
  const refund = asText(terms["refund_policy"]);
  return [
    ...limitFacts(terms),
    [t("terms.use_hours"), asText(terms["use_hours"])],
    [t("terms.blackout"), blackout.length > 0 ? blackout.map(format.day).join(", ") : null],
    [t("terms.party_size"), partySize(terms)],
    [t("terms.stacking"), stacking === null ? null : maybe(`terms.stacking.${stacking}`)],
    [t("terms.refund_policy"), refund === null ? null : maybe(`terms.refund.${refund}`)],
  ];
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
      terms([...valueFacts(coupon), ...windowFacts(coupon, zone), ...ruleFacts(coupon.terms ?? {})]),
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
