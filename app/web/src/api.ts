// What anyone may read of the JSON API.
import { getJson, Unreadable, type Query } from "./request";
import type { Category, City, Coupon, CouponDetail, Listing, Place, PlaceDetail } from "./types";

export const cities = (): Promise<Listing<City>> => getJson("/v1/cities");

export const categories = (): Promise<Listing<Category>> => getJson("/v1/categories");

export const placesNearby = (query: Query, signal: AbortSignal): Promise<Listing<Place>> =>
  getJson("/v1/places/nearby", query, signal);

export const couponsNearby = (query: Query, signal: AbortSignal): Promise<Listing<Coupon>> =>
  getJson("/v1/coupons/nearby", query, signal);

/** One place; a place that was merged into another is followed there. */
export async function place(id: string, signal: AbortSignal): Promise<PlaceDetail> {
  for (let at = id, steps = 0; steps < 4; steps += 1) {
    const found = await getJson<PlaceDetail | { moved_to: string }>(`/v1/places/${encodeURIComponent(at)}`, {}, signal);
    if (!("moved_to" in found)) return found;
    at = found.moved_to;
  }
  throw new Unreadable();
}

export const coupon = (id: string, signal: AbortSignal): Promise<CouponDetail> =>
  getJson(`/v1/coupons/${encodeURIComponent(id)}`, {}, signal);

export type Provider = "cash" | "test_wallet";

/** How can be paid here; only those that this page knows how to ask for. */
export async function providers(signal: AbortSignal): Promise<Provider[]> {
  const { capabilities } = await getJson<{ capabilities: { providers: string[] } }>("/v1/flow", {}, signal);
  return capabilities.providers.filter((name): name is Provider => name === "cash" || name === "test_wallet");
}

export interface TileLimits {
  minzoom: number;
  maxzoom: number;
  /** Whom the licences of what is drawn ask to name, one line each. */
  attribution: string[];
}

interface TileJson {
  minzoom?: number;
  maxzoom?: number;
  attribution?: string;
}

/** Zoom limits and credits of a tile layer from its TileJSON; the usual ones when it can't be read. */
export async function tileLimits(layer: string): Promise<TileLimits> {
  try {
    const { minzoom, maxzoom, attribution } = await getJson<TileJson>(`/v1/tiles/${layer}.json`);
    const lines = (attribution ?? "").split(" · ").filter((line) => line !== "");
    return { minzoom: minzoom ?? 0, maxzoom: maxzoom ?? 14, attribution: lines };
  } catch {
    return { minzoom: 0, maxzoom: 14, attribution: [] };
  }
}
