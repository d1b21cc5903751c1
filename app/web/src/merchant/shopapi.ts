// What the merchant's page asks of the JSON API, as whoever is signed in at it.
import { cities, place as readPlace } from "../api";
import { getJson } from "../request";
import type { Ask } from "../request";
import { Session } from "../session";
import { newId, perTab } from "../storage";
import type { Listing } from "../types";
import type { Brief, Business, OwnCoupon, Seen, Uploaded } from "./shoptypes";

export const people = new Session("fujin.merchant", perTab);

const path = (id: string, what = ""): string => `/v1/coupons/${encodeURIComponent(id)}${what}`;

async function seen(where: string, what: Ask = {}): Promise<Seen> {
  const { value, etag } = await people.send<OwnCoupon>(where, what);
  return { coupon: value, etag: etag ?? "" };
}

export const look = (id: string, signal?: AbortSignal): Promise<Seen> => seen(path(id, "/management"), { signal });

export const create = (body: object, key: string): Promise<Seen> => seen("/v1/coupons", { method: "POST", body, key });

export const edit = ({ coupon, etag }: Seen, body: object): Promise<Seen> =>
  seen(path(coupon.coupon_id), { method: "PATCH", body, match: etag });

/** Publishes, pauses, resumes or ends, of the state that was seen. */
export const act = ({ coupon, etag }: Seen, what: "publish" | "pause" | "resume" | "end"): Promise<Seen> =>
  seen(path(coupon.coupon_id, `/${what}`), {
    method: "POST",
    body: {},
    match: etag,
    ...(what === "publish" ? { key: newId() } : {}),
  });

export const give = ({ coupon, etag }: Seen, quota: number): Promise<Seen> =>
  seen(path(coupon.coupon_id, "/stock"), { method: "PUT", body: { quota }, match: etag });

export async function discard({ coupon, etag }: Seen): Promise<void> {
  await people.send(path(coupon.coupon_id, "/draft"), { method: "DELETE", match: etag });
}

export const upload = async (id: string, csv: Blob): Promise<Uploaded> =>
  (await people.send<Uploaded>(path(id, "/codes"), { method: "POST", csv, key: newId() })).value;

export const list = async (merchant: string, cursor: string | null, signal: AbortSignal): Promise<Listing<Brief>> =>
  (await people.send<Listing<Brief>>(`/v1/merchants/${encodeURIComponent(merchant)}/coupons`, { query: { cursor }, signal })).value;

interface Me {
  merchants: string[];
}

/** The first business of whoever is signed in, with the places it runs; null when there is none. */
export async function business(signal: AbortSignal): Promise<Business | null> {
  const { merchants } = (await people.send<Me>("/v1/me")).value;
  const [merchant_id] = merchants;
  if (merchant_id === undefined) return null;
  const where = `/v1/merchants/${encodeURIComponent(merchant_id)}`;
  const [about, run, known] = await Promise.all([
    getJson<{ name: string; home_city_id: number }>(where, {}, signal),
    getJson<Listing<{ place_id: string }>>(`${where}/places`, { limit: 100 }, signal),
    cities(),
  ]);
  const city = known.items.find((each) => each.city_id === about.home_city_id);
  if (city === undefined) return null;
  const places = await Promise.all(
    run.items.map(async ({ place_id }) => {
      const { name, location, address } = await readPlace(place_id, signal);
      return { place_id, name, location, address };
    }),
  );
  return {
    merchant_id,
    name: about.name,
    city_id: city.city_id,
    currency: city.currency,
    time_zone: city.time_zone,
    places,
  };
}
