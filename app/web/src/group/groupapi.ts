// Groups, as the JSON API gives them to those who are in one or were invited.
import { begun, member, type Claim, type Where } from "../claims";
import { ask, type Ask } from "../request";
import { SignedOut } from "../session";
import type { Money } from "../types";

export interface Group {
  group_id: string;
  coupon_id: string;
  merchant: { merchant_id: string; name: string } | null;
  title: string;
  lang: string | null;
  state: "open" | "succeeded" | "failed" | "closed";
  target: number;
  seats: number;
  joined: number;
  missing: number;
  seats_left: number;
  price: Money;
  single_price: Money;
  deadline: string;
  time_zone: string;
  wants_position: boolean;
  wants_device: boolean;
  invite: string | null;
  invite_url: string | null;
  seat: "reserved" | "joined" | "left" | "refunding" | "refunded" | null;
  claim: Claim | null;
  next_actions: ("join" | "pay" | "show_code" | "cancel" | "invite")[];
}

export interface SeatBody {
  invite?: string;
  coupon_id?: string;
  device_id?: string;
}

export const groupHref = (id: string): string => `/group/${encodeURIComponent(id)}`;

const at = (id: string): string => `/v1/groups/${encodeURIComponent(id)}`;

/** The group, as whoever is signed in, else as somebody who was invited. */
export async function oneGroup(id: string, invite: string | null, signal: AbortSignal, quiet = false): Promise<Group> {
  const what: Ask = { query: { invite }, signal, quiet };
  if (member.signedIn) {
    try {
      return (await member.send<Group>(at(id), what)).value;
    } catch (error) {
      if (!(error instanceof SignedOut)) throw error;
    }
  }
  return (await ask<Group>(at(id), what)).value;
}

export const joinGroup = async (id: string, body: SeatBody, where: Where, key: string): Promise<Group> =>
  (await member.send<Group>(`${at(id)}/join`, { method: "POST", body: { ...body, ...where }, key })).value;

export const startGroup = async (body: SeatBody, where: Where, key: string): Promise<Group> =>
  (await member.send<Group>("/v1/groups", { method: "POST", body: { ...body, ...where }, key })).value;

export { begun, member };
