// What a till asks of the JSON API, as whoever is signed in at it.
import { place as readPlace } from "../api";
import { Intents } from "../intents";
import { Session } from "../session";
import { perTab } from "../storage";
import type { Listing } from "../types";
import type { Lookup, Order, Presented, Redemption, TillPlace } from "./tilltypes";

/** Tills are shared: their sign-in ends with the tab, and after twelve hours at the latest. */
export const staff = new Session("fujin.till", perTab);
export const begunAtTill = new Intents("fujin.till.begun.", () => staff.subject);

interface Me {
  merchants: string[];
  places: string[];
}

export const me = async (): Promise<Me> => (await staff.send<Me>("/v1/me")).value;

interface RunPlace {
  place_id: string;
}

/** Where this till may stand: the places of a member of staff, or all that an owner's merchants run. */
export async function places(who: Me, signal: AbortSignal): Promise<TillPlace[]> {
  const ids = who.places.length > 0 ? who.places : await runBy(who.merchants, signal);
  return Promise.all(
    ids.map(async (id) => {
      const { place_id, name, city_id, time_zone } = await readPlace(id, signal);
      return { place_id, name, city_id, time_zone };
    }),
  );
}

async function runBy(merchants: string[], signal: AbortSignal): Promise<string[]> {
  const ids: string[] = [];
  for (const merchant of merchants) {
    const path = `/v1/merchants/${encodeURIComponent(merchant)}/places`;
    for (let cursor: string | null = null, page = 0; page < 5; page += 1) {
      const found: Listing<RunPlace> = (await staff.send<Listing<RunPlace>>(path, { query: { limit: 100, cursor }, signal })).value;
      ids.push(...found.items.map((each) => each.place_id));
      cursor = found.next_cursor;
      if (cursor === null) break;
    }
  }
  return ids;
}

interface Presence {
  code: string;
  valid_until: string;
}

export const presenceCode = async (place_id: string, signal: AbortSignal): Promise<Presence> =>
  (await staff.send<Presence>(`/v1/places/${encodeURIComponent(place_id)}/presence-code`, { signal })).value;

export const lookup = async (code: Presented, place_id: string, order: Order | null, signal: AbortSignal): Promise<Lookup> => {
  const body = { ...code, place_id, ...(order === null ? {} : { order }) };
  return (await staff.send<Lookup>("/v1/codes/lookup", { method: "POST", body, signal })).value;
};

export interface RedeemBody {
  codes: (Presented & { units?: number })[];
  place_id: string;
  request_no: string;
  order?: Order;
  mode: "hold" | "redeem";
}

const path = "/v1/redemptions";

export const redeem = async (body: RedeemBody, key: string): Promise<Redemption> =>
  (await staff.send<Redemption>(path, { method: "POST", body, key })).value;

export const byRequest = async (request_no: string, place_id: string, signal: AbortSignal): Promise<Redemption> =>
  (await staff.send<Redemption>(`${path}/by-request/${encodeURIComponent(request_no)}`, { query: { place_id }, signal, quiet: true }))
    .value;

export const oneRedemption = async (id: string, signal: AbortSignal): Promise<Redemption> =>
  (await staff.send<Redemption>(`${path}/${encodeURIComponent(id)}`, { signal, quiet: true })).value;

export const changeRedemption = async (id: string, how: "commit" | "void" | "reverse", body: object, key: string): Promise<Redemption> =>
  (await staff.send<Redemption>(`${path}/${encodeURIComponent(id)}/${how}`, { method: "POST", body, key })).value;
