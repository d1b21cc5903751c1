// Claims, their codes and payments, as the JSON API gives them to their owner.
import type { DeviceFix } from "./geolocate";
import { Intents } from "./intents";
import type { PlaceCode } from "./placecode";
import { Session } from "./session";
import { local } from "./storage";
import type { Listing, Money } from "./types";

type ClaimState = "pending_payment" | "active" | "redeemed" | "released" | "cancelled" | "expired" | "refunded";
export type ClaimGroup = "usable" | "used" | "ended";

export interface Claim {
  claim_id: string;
  coupon_id: string;
  merchant: { merchant_id: string; name: string } | null;
  title: string;
  lang: string | null;
  kind: string;
  state: ClaimState;
  units: number;
  units_left: number;
  price: Money;
  code_tail: string;
  valid_from: string;
  valid_until: string;
  time_zone: string;
  pay_until: string | null;
  use_hours: string | null;
  blackout_dates: string[];
  refund_policy: string;
  /** The group that it is a seat of. */
  group_id?: string | null;
  next_actions: ("pay" | "show_code" | "cancel")[];
}

export interface Code {
  human_code: string;
  valid_until: string;
}

export interface ClaimBody {
  coupon_id: string;
  device_id?: string;
}

/** The member of this device; sign-in lasts until they sign out, so that the code is there at the till. */
export const member = new Session("fujin.member", local);
export const begun = new Intents("fujin.begun.", () => member.subject);

const at = (id: string): string => `/v1/claims/${encodeURIComponent(id)}`;

/** How somebody shows where they are; null where the place does not count. */
export type Where = { location: DeviceFix } | { place_code: PlaceCode } | null;

export const claimCoupon = async (body: ClaimBody, where: Where, key: string): Promise<Claim> =>
  (await member.send<Claim>("/v1/claims", { method: "POST", body: { ...body, ...where }, key })).value;

export const claimsOf = async (state: ClaimGroup, cursor: string | null, signal: AbortSignal): Promise<Listing<Claim>> =>
  (await member.send<Listing<Claim>>("/v1/claims", { query: { state, cursor }, signal })).value;

export const oneClaim = async (id: string, signal: AbortSignal, quiet = false): Promise<Claim> =>
  (await member.send<Claim>(at(id), { signal, quiet })).value;

export const codeOf = async (id: string, signal: AbortSignal): Promise<Code> =>
  (await member.send<Code>(`${at(id)}/code`, { signal })).value;

/** The QR as an address that the content policy lets an image have. */
export const qrOf = async (id: string, signal: AbortSignal): Promise<string> => {
  const { value } = await member.send<string>(`${at(id)}/qr.svg`, { accept: "image/svg+xml", signal });
  return `data:image/svg+xml,${encodeURIComponent(value)}`;
};

export const cancelClaim = async (id: string, key: string): Promise<Claim> =>
  (await member.send<Claim>(`${at(id)}/cancel`, { method: "POST", body: {}, key })).value;
