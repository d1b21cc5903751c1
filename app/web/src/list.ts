// The result list: place cards, deal tickets, skeleton, empty and error states.
import { ApiProblem, Unreachable } from "./request";
import { button, byId, el, langTag } from "./dom";
import * as format from "./format";
import { counted, maybe, t, type Word } from "./i18n";
import type { Coupon, CouponBrief, Hours, Place } from "./types";

export interface Remedy {
  label: string;
  run(): void;
}

/** "Open · until 22:00" with a mark whose colour tells the state; the words tell it too. */
export function openingLine(hours: Hours, zone: string | null): HTMLElement {
  const { state, change } = format.opening(hours, zone);
  return el("span", { class: `opening opening-${hours.state}` }, el("b", {}, state), change && el("span", {}, change));
}

function badges(coupons: CouponBrief[], total: number): HTMLElement | null {
  if (coupons.length === 0) return null;
  const line = el("p", { class: "deals-line" });
  for (const { badge, title } of coupons.slice(0, 2)) {
    line.append(el("span", { class: "deal" }, el("b", {}, badge || title), badge ? el("span", {}, title) : null));
  }
  const rest = Math.max(total, coupons.length) - Math.min(2, coupons.length);
  if (rest > 0) line.append(el("span", { class: "deal-more" }, t("coupon.more", { n: rest })));
  return line;
}

export function placeCard(place: Place, number: number, zone: string | null, href: string): HTMLElement {
  return el(
    "a",
    { class: "card", href, "data-key": place.place_id },
    el("span", { class: place.coupon_count > 0 ? "seal seal-deal" : "seal", "aria-hidden": "true" }, String(number)),
    el(
      "div",
      { class: "card-text" },
      el(
        "div",
        { class: "card-head" },
        el("h3", { lang: langTag(place.lang) }, place.name),
        place.distance_m !== undefined && el("span", { class: "distance" }, format.distance(place.distance_m)),
      ),
      el("p", { class: "card-facts" }, place.category && el("span", {}, place.category.name), openingLine(place.hours, zone)),
      badges(place.coupons, place.coupon_count),
    ),
  );
}

/** What it costs without a group. */
export const singlePrice = (coupon: Coupon): string => format.amount(coupon.price) ?? t("coupon.free");

/** What a deal leads with and the line under it; a group deal leads with the group's price. */
export function headline(coupon: Coupon): { lead: string; under: string } {
  if (coupon.group_deal?.price) {
    const { target, price } = coupon.group_deal;
    return { lead: format.money(price), under: counted("coupon.people", target, format.count(target)) };
  }
  const price = singlePrice(coupon);
  // Where the badge is the price already, the line under it says what for.
  return { lead: coupon.badge, under: price === coupon.badge ? (maybe(`coupon.kind.${coupon.kind}`) ?? "") : price };
}

/** The facts under a deal's title: stock, group, deadline. */
export function couponFacts(coupon: Coupon, zone: string | null): HTMLElement {
  const facts = el("p", { class: "ticket-facts" });
  if (coupon.group_deal) {
    const { target, price } = coupon.group_deal;
    // With the group's price in the headline, here stands what it costs without a group.
    const text = price ? t("coupon.alone", { price: singlePrice(coupon) }) : t("coupon.group_short", { target });
    facts.append(el("span", { class: "pill" }, text));
    if (price && coupon.badge !== singlePrice(coupon)) facts.append(el("span", {}, coupon.badge));
  }
  if (coupon.stock_left !== null) {
    const text = coupon.stock_left > 0 ? t("coupon.stock_left", { n: format.count(coupon.stock_left) }) : t("coupon.sold_out");
    facts.append(el("span", { class: coupon.stock_left <= 10 ? "scarce" : "" }, text));
  }
  if (coupon.claim_until) facts.append(el("span", {}, t("coupon.claim_until", { time: format.deadline(coupon.claim_until, zone) })));
  return facts;
}

export function couponCard(coupon: Coupon, number: number, zone: string | null, href: string): HTMLElement {
  const { lead, under } = headline(coupon);
  return el(
    "a",
    { class: "card ticket", href, "data-key": coupon.coupon_id },
    el(
      "div",
      { class: "ticket-stub" },
      el("b", { class: lead.length > 6 ? "small" : "" }, lead),
      el("span", {}, under),
    ),
    el(
      "div",
      { class: "card-text" },
      el("h3", { lang: langTag(coupon.lang) }, coupon.title),
      coupon.merchant && coupon.merchant.name !== coupon.place?.name && el("p", { class: "merchant" }, coupon.merchant.name),
      coupon.place &&
        el(
          "p",
          { class: "card-facts ticket-place" },
          el("span", { class: "seal seal-deal seal-small", "aria-hidden": "true" }, String(number)),
          el("span", {}, t("coupon.at_place", { place: coupon.place.name })),
          coupon.distance_m !== undefined && el("span", { class: "distance" }, format.distance(coupon.distance_m)),
        ),
      couponFacts(coupon, zone),
      (coupon.place_count ?? 0) > 1 &&
        el("p", { class: "merchant" }, counted("coupon.at_places", coupon.place_count ?? 0, format.count(coupon.place_count ?? 0))),
    ),
  );
}

const list = (): HTMLElement => byId("results");
const foot = (): HTMLElement => byId("results-foot");

export function setBusy(on: boolean): void {
  list().setAttribute("aria-busy", String(on));
}

/** Grey cards in place of the results; shown only when an answer takes longer than 300 ms. */
export function showSkeleton(): void {
  const card = (): HTMLElement =>
    el("li", { class: "skeleton", "aria-hidden": "true" }, el("span", {}), el("div", {}, el("i", {}), el("i", {}), el("i", {})));
  list().replaceChildren(...Array.from({ length: 6 }, card));
  foot().replaceChildren();
}

export function showCards(cards: HTMLElement[], append: boolean): void {
  const items = cards.map((card) => el("li", {}, card));
  if (append) list().append(...items);
  else list().replaceChildren(...items);
}

/** The button that continues the list, or the sentence that ends it. */
export function showFoot(more: (() => void) | null, end: string): HTMLElement | null {
  if (more === null) {
    foot().replaceChildren(el("p", { class: "end" }, end));
    return null;
  }
  const next = button({ class: "more", id: "more" }, more, t("list.more"));
  foot().replaceChildren(next);
  return next;
}

export function footLoading(): void {
  const next = foot().querySelector("button");
  if (next === null) return;
  next.disabled = true;
  next.textContent = t("list.more_loading");
}

function message(kind: "empty" | "error", title: string, lines: string[], remedies: Remedy[]): HTMLElement {
  const actions = remedies.map(({ label, run }) => button({ class: "remedy" }, run, label));
  return el(
    "div",
    { class: `message message-${kind}`, role: kind === "error" ? "alert" : null },
    el("h2", {}, title),
    ...lines.map((line) => el("p", {}, line)),
    actions.length > 0 && el("div", { class: "remedies" }, ...actions),
  );
}

export function showEmpty(title: string, hint: string | null, remedies: Remedy[]): void {
  list().replaceChildren();
  foot().replaceChildren(message("empty", title, hint === null ? [] : [hint], remedies));
}

/** Nothing that asking again would change. */
export const isGone = (error: unknown): boolean =>
  error instanceof ApiProblem && (error.status === 404 || error.status === 410);

/** What happened, in words: a title and one line or two. */
function explain(error: unknown): { title: string; lines: string[] } {
  if (error instanceof Unreachable) {
    const offline = error.why === "offline";
    const line: Word = offline ? "error.offline" : error.why === "timeout" ? "error.timeout" : "error.unreachable";
    return { title: t(offline ? "error.offline_title" : "error.title"), lines: [t(line)] };
  }
  if (error instanceof ApiProblem) {
    if (isGone(error)) return { title: t("error.gone_title"), lines: [t("error.missing")] };
    const said =
      error.status === 429 && error.retryAfterS !== null ? t("error.wait", { n: error.retryAfterS }) : error.detail;
    const reference = error.requestId ? [t("error.request_id", { id: error.requestId })] : [];
    return { title: t("error.title"), lines: [said, ...reference] };
  }
  return { title: t("error.title"), lines: [t("error.unexpected")] };
}

export function errorMessage(error: unknown, remedies: Remedy[]): HTMLElement {
  const { title, lines } = explain(error);
  return message("error", title, lines, remedies);
}

export function showError(error: unknown, retry: Remedy, keepList = false): void {
  if (!keepList) list().replaceChildren();
  foot().replaceChildren(errorMessage(error, [retry]));
}

