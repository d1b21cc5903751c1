// Coupons as the JSON API gives them to the merchant who runs them.
import type { CouponPlace, LonLat } from "../types";

export interface Terms {
  kind: string;
  titles: Record<string, string>;
  summaries: Record<string, string>;
  currency: string;
  price_minor: number;
  list_price_minor: number | null;
  face_value_minor: number | null;
  percent_off_bp: number | null;
  cap_minor: number | null;
  min_spend_minor: number;
  time_zone: string;
  claim_from: string;
  claim_until: string;
  use_from: string | null;
  use_until: string | null;
  valid_days_after_claim: number | null;
  blackout_dates: string[];
  use_hours: string | null;
  scope_kind: string;
  scope_ids: string[];
  claim_within_m: number | null;
  fulfilment: string;
  party_min: number | null;
  party_max: number | null;
  quota: number;
  per_day: number | null;
  per_member: number;
  per_member_day: number | null;
  per_device: number | null;
  units: number;
  group_price_minor: number | null;
  group_target: number | null;
  group_seats: number | null;
  group_deadline_s: number | null;
  stacking: string;
  stack_group: string | null;
  reversal_window_s: number;
  refund_policy: string;
  budget_minor: number | null;
  platform_share_bp: number;
  code_source: string;
}

export interface Draft extends Terms {
  agreed: { platform_share_bp: number } | null;
}

export interface Stock {
  quota: number;
  taken: number;
  left: number;
  bounded_by: string;
}

export interface CodeCount {
  uploaded: number;
  left: number;
}

export interface OwnCoupon {
  coupon_id: string;
  city_id: number;
  merchant_id: string;
  state: string;
  version: number | null;
  terms: Terms | null;
  draft: Draft | null;
  stock: Stock | null;
  budget: { budget_minor: number; reserved_minor: number } | null;
  codes: CodeCount | null;
  next_actions: string[];
}

/** A coupon with what names the state it was seen in. */
export interface Seen {
  coupon: OwnCoupon;
  etag: string;
}

export interface Brief {
  coupon_id: string;
  state: string;
  kind: string;
  titles: Record<string, string>;
  claim_until: string;
  has_draft: boolean;
  taken: number;
  left: number;
}

export interface Uploaded {
  accepted: number;
  refused_count: number;
  refused: { line: number; reason: string }[];
  codes: CodeCount;
}

/** The business whose coupons these are, and where it sells. */
export interface Business {
  merchant_id: string;
  name: string;
  city_id: number;
  currency: string;
  time_zone: string;
  places: (CouponPlace & { location?: LonLat })[];
}
