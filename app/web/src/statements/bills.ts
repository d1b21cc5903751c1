// A statement and its lines as small bills: each amount with its sign, each sum under what it is the sum of.
import { el } from "../dom";
import * as format from "../format";
import { t } from "../i18n";
import type { Money } from "../types";
import type { Amounts, Line, Statement } from "./api";

function row(name: string, amount: Money, sign: 1 | -1 = 1, strong = false): HTMLElement | false {
  const minor = sign * amount.amount_minor;
  if (minor === 0 && !strong) return false;
  const shown = format.money({ ...amount, amount_minor: Math.abs(minor) });
  return el(
    "div",
    { class: strong ? "bill-line bill-due" : "bill-line" },
    el("dt", {}, name),
    el("dd", {}, minor < 0 ? `−${shown}` : shown),
  );
}

/** Who paid and funded what, down to what the merchant is owed. */
export function amountsBill(amounts: Amounts): HTMLElement {
  return el(
    "dl",
    { class: "bill" },
    row(t("statements.gross"), amounts.gross),
    row(t("statements.unused"), amounts.unused),
    row(t("statements.merchant_discount"), amounts.merchant_discount, -1),
    row(t("statements.platform_discount"), amounts.platform_discount, -1),
    row(t("statements.paid"), amounts.paid, 1, true),
    row(t("statements.paid_to_merchant"), amounts.paid_to_merchant, -1),
    row(t("statements.platform_discount"), amounts.platform_discount),
    row(t("statements.platform_fee"), amounts.platform_fee, -1),
    row(t("statements.net"), amounts.net, 1, true),
  );
}

export const asides = (amounts: Amounts): HTMLElement =>
  el(
    "p",
    { class: "aside" },
    [
      t("statements.sum_of"),
      amounts.provider_fee.amount_minor !== 0 && t("statements.provider_fee", { amount: format.money(amounts.provider_fee) }),
      t("statements.tax_base", { amount: format.money(amounts.tax_base) }),
    ]
      .filter((words) => words !== false)
      .join(" "),
  );

/** What comes of the statement's lines. */
export function outcomeBill(found: Statement): HTMLElement {
  const carriedOn = found.carried.amount_minor !== 0;
  return el(
    "dl",
    { class: "bill" },
    row(t("statements.opening"), found.opening),
    row(t("statements.lines_sum"), found.amounts.net),
    row(t("statements.receivable"), found.receivable),
    row(t("statements.recovered"), found.recovered, -1),
    row(t(carriedOn ? "statements.carried" : "statements.payout"), carriedOn ? found.carried : found.payout, 1, true),
  );
}

export const signed = (amount: Money): string =>
  amount.amount_minor < 0 ? `−${format.money({ ...amount, amount_minor: -amount.amount_minor })}` : format.money(amount);

export function lineNode(line: Line): HTMLElement {
  const number = line.pos_order_no === null ? t("statements.request", { request: line.request_no }) : t("statements.order", { order: line.pos_order_no });
  const what = `${t(`statements.line.${line.happening}`)}, ${format.moment(line.happened_at, format.ownZone)}`;
  return el(
    "li",
    {},
    el(
      "details",
      { class: "line" },
      el("summary", {}, el("span", {}, what), el("b", {}, signed(line.amounts.net))),
      amountsBill(line.amounts),
      el("p", { class: "aside" }, number),
      asides(line.amounts),
    ),
  );
}
