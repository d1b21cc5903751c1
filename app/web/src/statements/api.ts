// What the page of statements asks of the JSON API, as the owner who is signed in.
import { Session } from "../session";
import { perTab } from "../storage";
import type { Listing, Money } from "../types";

/** The same sign-in as on the page of coupons. */
export const owner = new Session("fujin.merchant", perTab);

export type Amounts = Record<
  | "gross"
  | "unused"
  | "merchant_discount"
  | "platform_discount"
  | "paid"
  | "paid_to_merchant"
  | "provider_fee"
  | "platform_fee"
  | "tax_base"
  | "net",
  Money
>;

export interface Statement {
  settlement_id: string;
  number: number;
  state: "draft" | "closed" | "paid" | "disputed";
  period_from: string;
  period_to: string;
  line_count: number;
  amounts: Amounts;
  opening: Money;
  receivable: Money;
  recovered: Money;
  payout: Money;
  carried: Money;
  file: { sha256: string; rows: number } | null;
  paid_at: string | null;
  payout_ref: string | null;
}

export interface Line {
  line_no: number;
  happening: "sale" | "payment" | "refund" | "reversal";
  happened_at: string;
  request_no: string;
  pos_order_no: string | null;
  amounts: Amounts;
}

const path = "/v1/settlements";

export const statements = async (cursor: string | null, signal: AbortSignal): Promise<Listing<Statement>> =>
  (await owner.send<Listing<Statement>>(path, { query: { cursor }, signal })).value;

export const lines = async (id: string, cursor: string | null, signal: AbortSignal): Promise<Listing<Line>> =>
  (await owner.send<Listing<Line>>(`${path}/${encodeURIComponent(id)}/lines`, { query: { cursor }, signal })).value;

export const file = async (id: string): Promise<string> =>
  (await owner.send<string>(`${path}/${encodeURIComponent(id)}/lines.csv`, { accept: "text/csv" })).value;
