// Codes and redemptions as the JSON API gives them to a till.
import type { Payment } from "../paying";
import type { Conflict } from "../request";
import type { Money } from "../types";

export interface PriceSplit {
  gross: Money;
  discount: Money;
  platform_share: Money;
  prepaid: Money;
  payable: Money;
}

interface LookupTerms {
  min_spend?: Money | null;
  cap?: Money | null;
  face_value?: Money | null;
  percent_off_bp?: number | null;
  use_hours?: string | null;
}

export interface Lookup {
  title: string;
  lang: string | null;
  kind: string;
  units: number;
  units_left: number;
  usable: boolean;
  reason: string | null;
  detail: string | null;
  conflict: Conflict | null;
  valid_from: string;
  valid_until: string;
  needs_order: boolean;
  price: PriceSplit | null;
  places: { place_id: string; name: string }[];
  customer_hint: string | null;
  code_tail: string;
  terms: LookupTerms | null;
  next_actions: ("redeem" | "hold")[];
}

interface RedemptionUnit {
  unit_no: number;
  title: string;
  code_tail: string;
}

export interface Redemption {
  redemption_id: string;
  request_no: string;
  place_id: string;
  state: "held" | "committed" | "voided" | "reversed";
  units: RedemptionUnit[];
  split: PriceSplit;
  lease_until: string | null;
  committed_at: string | null;
  reverse_before: string | null;
  ended_at: string | null;
  reversal_pending: boolean;
  payment: Pick<Payment, "state"> | null;
  next_actions: ("commit" | "void" | "pay" | "reverse")[];
}

/** A code as the till got it: twelve digits that were typed, or what a QR said. */
export type Presented = { code: string } | { qr: string };

export interface Order {
  gross_minor: number;
  currency: string;
}

export interface TillPlace {
  place_id: string;
  name: string;
  city_id: number;
  time_zone: string | null;
}
