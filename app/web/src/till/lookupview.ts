// What a code is worth here: a verdict first, then the terms, the order's amount where it counts, and what to do.
import { el, langTag, present } from "../dom";
import { act, field, form, note } from "../form";
import * as format from "../format";
import { maybe, t } from "../i18n";
import type { Conflict } from "../request";
import { terms } from "../rows";
import { minorOf } from "./digits";
import { bill } from "./splittable";
import type { Lookup, Order } from "./tilltypes";

interface LookupEvents {
  /** The amount was given; look again. */
  ordered(order: Order): Promise<void>;
  redeem(mode: "hold" | "redeem", units: number): Promise<void>;
  next(): void;
}

interface LookupContext {
  found: Lookup;
  order: Order | null;
  /** The currency that orders have here. */
  currency: string;
  zone: string | null;
  /** The name of a place by its id, when the till knows it. */
  placeName(id: string): string | null;
}

/** Why a code can't be used now, in words for the counter. */
export function reasonWords(reason: string, detail: string | null): string {
  return maybe(`till.reason.${reason}`) ?? detail ?? maybe(`problem.${reason}`) ?? reason;
}

/** True while the price depends on an amount that nobody has given yet. */
const wantsOrder = ({ found, order }: LookupContext): boolean => found.needs_order && order === null;

/** When and where a used code was used. */
export function usedBefore(conflict: Conflict, { zone, placeName }: Pick<LookupContext, "zone" | "placeName">): string {
  const time = format.moment(conflict.at, zone);
  const place = conflict.place_id === null ? null : placeName(conflict.place_id);
  return place === null ? t("till.used_at", { time }) : t("till.used_at_place", { time, place });
}

function verdict(context: LookupContext): HTMLElement {
  const { found } = context;
  if (found.usable) return note("good", t(wantsOrder(context) ? "till.good_with_order" : "till.good"));
  const line = remedy(context);
  return note("bad", reasonWords(found.reason ?? "", found.detail), line ? [line] : []);
}

/** What would be right: where, when, or from which amount on; of a used code, when that was. */
function remedy(context: LookupContext): string | null {
  const { found, zone } = context;
  const least = found.terms?.min_spend;
  switch (found.reason) {
    case "already-redeemed":
      return found.conflict && usedBefore(found.conflict, context);
    case "wrong-store":
      return found.places.length > 0 ? t("till.valid_at", { places: found.places.map((place) => place.name).join(t("till.list_comma")) }) : null;
    case "not-yet-usable":
      return t("till.valid_from", { time: format.moment(found.valid_from, zone) });
    case "blackout-time":
      return found.terms?.use_hours ? t("till.valid_hours", { hours: found.terms.use_hours }) : found.detail;
    case "min-spend-not-met":
      return least ? t("till.at_least", { price: format.money(least) }) : found.detail;
    default:
      return null;
  }
}

function facts({ found, zone }: LookupContext): HTMLElement {
  const rules = found.terms ?? {};
  return terms([
    [t("till.kind"), maybe(`coupon.kind.${found.kind}`)],
    [t("till.customer"), found.customer_hint],
    [t("claim.units"), found.units > 1 ? t("claim.units_of", { left: found.units_left, all: found.units }) : null],
    [t("coupon.worth"), format.amount(rules.face_value)],
    [t("coupon.discount"), rules.percent_off_bp ? t("coupon.percent_off", { percent: format.percent(rules.percent_off_bp) }) : null],
    [t("coupon.min_spend"), format.amount(rules.min_spend)],
    [t("coupon.cap"), format.amount(rules.cap)],
    [t("terms.use_hours"), rules.use_hours ?? null],
    [t("coupon.use_window"), format.deadline(found.valid_until, zone)],
    [t("till.tail"), found.code_tail],
  ]);
}

function orderForm(context: LookupContext, ordered: LookupEvents["ordered"]): HTMLElement {
  const { currency, order } = context;
  const amount = field(
    "amount",
    t("till.amount", { currency }),
    { type: "text", inputmode: "decimal", autocomplete: "off", maxlength: 12, class: "digits" },
    t("till.amount_hint"),
  );
  if (order !== null) amount.input.value = format.plainAmount(order.gross_minor, order.currency);
  else setTimeout(() => amount.input.focus(), 0);
  const submit = async (): Promise<void> => {
    const gross_minor = minorOf(amount.input.value, currency);
    if (gross_minor === null || gross_minor === 0) {
      amount.fault(t("till.amount_wrong"));
      return;
    }
    amount.fault(null);
    await ordered({ gross_minor, currency });
  };
  const node = form({ class: "stack" }, order === null ? t("till.reckon") : t("till.reckon_again"), submit, amount.node);
  if (order !== null) node.querySelector(".act")?.classList.add("act-second");
  return node;
}

function unitsField(found: Lookup): HTMLSelectElement | null {
  if (found.units_left < 2) return null;
  const options = Array.from({ length: found.units_left }, (_, at) => el("option", { value: at + 1 }, String(at + 1)));
  return el("select", { id: "units", autocomplete: "off" }, ...options);
}

function actions(context: LookupContext, events: LookupEvents): Node[] {
  const { found } = context;
  if (!found.usable || wantsOrder(context)) return [];
  const units = unitsField(found);
  const taken = (): number => Number(units?.value ?? 1);
  const due = found.price !== null && found.price.payable.amount_minor > 0 ? found.price.payable : null;
  const charge = due !== null && found.next_actions.includes("hold");
  const redeem = found.next_actions.includes("redeem");
  const second = charge ? "act act-second" : "act";
  return present(
    units !== null && el("div", { class: "field" }, el("label", { for: "units" }, t("till.units")), units),
    charge && act(t("till.charge", { price: format.money(due) }), () => events.redeem("hold", taken()), "act act-deal"),
    redeem && act(t(charge ? "till.redeem_only" : "till.redeem"), () => events.redeem("redeem", taken()), second),
  );
}

export function lookupView(context: LookupContext, events: LookupEvents): Node[] {
  const { found } = context;
  const asks = found.needs_order && (found.usable || found.reason === "min-spend-not-met");
  return present(
    verdict(context),
    el("h3", { class: "till-title", lang: langTag(found.lang) }, found.title),
    asks && orderForm(context, (order) => events.ordered(order)),
    found.price !== null && bill(found.price, t("till.payable")),
    ...actions(context, events),
    act(t("till.next"), () => events.next(), "act act-second"),
    facts(context),
  );
}
