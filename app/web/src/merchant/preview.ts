// What somebody with a phone will see of a coupon: its ticket in the list, and its sheet.
import { couponBody } from "../couponsheet";
import { el } from "../dom";
import * as format from "../format";
import { lang, t } from "../i18n";
import { couponCard } from "../list";
import type { CouponDetail, Money } from "../types";
import type { Business, Terms } from "./shoptypes";

const tongue = lang.startsWith("zh") ? "zh-Hans" : "en";

/** The text in the page's language, else in any other. */
export const inLanguage = (texts: Record<string, string>): string => texts[tongue] ?? texts["en"] ?? Object.values(texts)[0] ?? "";

function badge(terms: Terms): string {
  const money = (minor: number | null): string => format.money({ amount_minor: minor ?? 0, currency: terms.currency });
  switch (terms.kind) {
    case "amount_off":
      return `−${money(terms.face_value_minor)}`;
    case "percent_off":
      return tongue === "zh-Hans" ? t("merchant.badge_percent", { n: (10_000 - (terms.percent_off_bp ?? 0)) / 1000 }) : `−${format.percent(terms.percent_off_bp ?? 0)}`;
    case "voucher":
      return money(terms.face_value_minor);
    case "gift":
      return t("coupon.kind.gift");
    default:
      return terms.price_minor === 0 ? t("coupon.free") : money(terms.price_minor);
  }
}

/** The coupon in the shape in which a phone gets it. */
function asSeen(terms: Terms, shop: Business, left: number): CouponDetail {
  const amount = (minor: number | null): Money | null => (minor === null ? null : { amount_minor: minor, currency: terms.currency });
  const places = terms.scope_kind === "places" ? shop.places.filter(({ place_id }) => terms.scope_ids.includes(place_id)) : shop.places;
  const [first] = places;
  const { group_target, group_seats, group_price_minor } = terms;
  return {
    coupon_id: "preview",
    city_id: shop.city_id,
    kind: terms.kind,
    title: inLanguage(terms.titles) || t("merchant.no_title"),
    summary: inLanguage(terms.summaries) || null,
    badge: badge(terms),
    price: amount(terms.price_minor),
    face_value: amount(terms.face_value_minor),
    percent_off_bp: terms.percent_off_bp,
    min_spend: amount(terms.min_spend_minor),
    cap: amount(terms.cap_minor),
    claim_until: terms.claim_until,
    use_until: terms.use_until,
    stock_left: left,
    group_deal: group_target === null ? null : { target: group_target, seats: group_seats, price: amount(group_price_minor) },
    fulfilment: terms.fulfilment,
    merchant: { merchant_id: shop.merchant_id, name: shop.name },
    place: first?.location === undefined ? null : { place_id: first.place_id, name: first.name, location: first.location },
    place_count: places.length,
    terms: { ...terms, list_price: amount(terms.list_price_minor) },
    places,
  };
}

/** The ticket and the sheet, as in a phone's window; nothing in it can be pressed. */
export function previewOf(terms: Terms, shop: Business, left: number): HTMLElement {
  const coupon = asSeen(terms, shop, left);
  const claim = el("span", { class: "act preview-claim" }, t("claim.title"));
  const sheet = couponBody(coupon, terms.time_zone, { placeHref: () => "#", from: null, claim });
  const screen = el(
    "div",
    { class: "phone-screen", inert: true },
    couponCard(coupon, 1, terms.time_zone, "#"),
    el("h4", { class: "phone-title" }, coupon.title),
    ...sheet,
  );
  return el("div", { class: "phone", role: "img", "aria-label": t("merchant.preview_of", { title: coupon.title }) }, screen);
}
