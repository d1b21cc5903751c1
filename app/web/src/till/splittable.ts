// Who pays what, as a small bill.
import { el } from "../dom";
import * as format from "../format";
import { t } from "../i18n";
import type { Money } from "../types";
import type { PriceSplit } from "./tilltypes";

const line = (name: string, amount: string, strong = false): HTMLElement =>
  el("div", { class: strong ? "bill-line bill-due" : "bill-line" }, el("dt", {}, name), el("dd", {}, amount));

const less = (amount: Money): string => `−${format.money(amount)}`;

/** The last line says `due` and what the customer pays. */
export function bill(split: PriceSplit, due: string): HTMLElement {
  const { gross, discount, platform_share, prepaid, payable } = split;
  return el(
    "dl",
    { class: "bill" },
    line(t("till.gross"), format.money(gross)),
    discount.amount_minor > 0 && line(t("till.discount"), less(discount)),
    platform_share.amount_minor > 0 && line(t("till.platform_share"), format.money(platform_share)),
    prepaid.amount_minor > 0 && line(t("till.prepaid"), format.money(prepaid)),
    line(due, format.money(payable), true),
  );
}
