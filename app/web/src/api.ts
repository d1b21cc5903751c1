// The JSON API over fetch: problems become typed errors, every request can be given up.
import { lang } from "./i18n";
import { busy } from "./ready";
import type { Category, City, Coupon, CouponDetail, Listing, Place, PlaceDetail } from "./types";

const TIMEOUT_MS = 15_000;

/** A refusal by the server, in the words of RFC 9457. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly requestId: string | null,
    readonly retryAfterS: number | null,
  ) {
    super(detail);
  }
}

/** No answer at all. */
export class Unreachable extends Error {
  constructor(readonly why: "offline" | "unreachable" | "timeout") {
    super(why);
  }
}

/** An answer that is neither the promised shape nor a problem. */
export class Unreadable extends Error {}

export type Query = Record<string, string | number | boolean | null | undefined>;

export const wasAborted = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";

async function problemOf(answer: Response): Promise<ApiProblem> {
  const body: unknown = await answer.json().catch(() => null);
  const member = (name: string): string | null => {
    const value = body !== null && typeof body === "object" ? (body as Record<string, unknown>)[name] : null;
    return typeof value === "string" && value !== "" ? value : null;
  };
  const seconds = Number(answer.headers.get("Retry-After") ?? Number.NaN);
  return new ApiProblem(
    answer.status,
    member("code") ?? "",
    member("detail") ?? member("title") ?? `HTTP ${answer.status}`,
    member("request_id") ?? answer.headers.get("X-Request-Id"),
    Number.isFinite(seconds) ? seconds : null,
  );
}

/** GET `path` as JSON. Throws ApiProblem, Unreachable, Unreadable, or AbortError when `signal` gave up. */
export async function getJson<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) url.searchParams.set(name, String(value));
  }
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  const giveUp = (): void => limit.abort();
  signal?.addEventListener("abort", giveUp);
  const done = busy();
  try {
    const headers = { Accept: "application/json", "Accept-Language": lang };
    const answer = await fetch(url, { headers, signal: limit.signal, credentials: "omit" });
    if (!answer.ok) throw await problemOf(answer);
    return (await answer.json()) as T;
  } catch (error) {
    if (signal?.aborted) throw new DOMException("given up", "AbortError");
    if (limit.signal.aborted) throw new Unreachable("timeout");
    if (error instanceof SyntaxError) throw new Unreadable();
    if (error instanceof TypeError) throw new Unreachable(navigator.onLine ? "unreachable" : "offline");
    throw error;
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener("abort", giveUp);
    done();
  }
}

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
