// What the page shows, as the address bar carries it; wrong values in a link fall back to defaults.
import type { LonLat } from "./types";

export const RADII_M = [300, 500, 1000, 2000, 3000, 5000, 10_000, 20_000, 50_000] as const;
const DEFAULT_RADIUS_M = 1000;

export interface PageState {
  point: LonLat | null;
  radius_m: number;
  category: string | null;
  tab: "places" | "deals";
  open_now: boolean;
  include_unknown: boolean;
  has_coupon: boolean;
  group_deal: boolean;
  in_service_area: boolean;
}

export type Flag = "open_now" | "include_unknown" | "has_coupon" | "group_deal" | "in_service_area";

/** What stands over the list: a thing by its id, "mine" for the wallet, and the coupon (or "mine") that a sign-in is for. */
export type Sheet = { kind: "place" | "coupon" | "claim" | "wallet" | "signin"; id: string };

const sheetKinds = ["signin", "claim", "wallet", "place", "coupon"] as const;

const flags: Record<Flag, string> = {
  open_now: "open",
  include_unknown: "unknown",
  has_coupon: "deals",
  group_deal: "group",
  in_service_area: "serves",
};

const idPattern = /^[\w-]{1,64}$/;

function coordinate(text: string | null, limit: number): number | null {
  if (text === null || text.trim() === "") return null;
  const value = Number(text);
  return Number.isFinite(value) && Math.abs(value) <= limit ? value : null;
}

function matching(text: string | null): string | null {
  return text !== null && idPattern.test(text) ? text : null;
}

export function readState(search: string): PageState {
  const query = new URLSearchParams(search);
  const lat = coordinate(query.get("lat"), 90);
  const lon = coordinate(query.get("lon"), 180);
  const radius = Number(query.get("radius") ?? Number.NaN);
  return {
    point: lat !== null && lon !== null ? { lon, lat } : null,
    radius_m: Number.isInteger(radius) && radius >= 1 && radius <= 50_000 ? radius : DEFAULT_RADIUS_M,
    category: matching(query.get("category")),
    tab: query.get("tab") === "deals" ? "deals" : "places",
    open_now: query.get(flags.open_now) === "1",
    include_unknown: query.get(flags.include_unknown) === "1",
    has_coupon: query.get(flags.has_coupon) === "1",
    group_deal: query.get(flags.group_deal) === "1",
    in_service_area: query.get(flags.in_service_area) === "1",
  };
}

export function readSheet(search: string): Sheet | null {
  const query = new URLSearchParams(search);
  for (const kind of sheetKinds) {
    const id = matching(query.get(kind));
    if (id !== null) return { kind, id };
  }
  return null;
}

/** Five decimals (about a metre) are enough to search by and no finer than needed in an address. */
const short = (value: number): string => String(Math.round(value * 1e5) / 1e5);

/** The address of a state; `lang` stays when the reader chose it, and is left out of what is shared. */
export function address(state: PageState, sheet: Sheet | null, lang: string | null): string {
  const query = new URLSearchParams();
  if (state.point !== null) {
    query.set("lat", short(state.point.lat));
    query.set("lon", short(state.point.lon));
  }
  if (state.radius_m !== DEFAULT_RADIUS_M) query.set("radius", String(state.radius_m));
  if (state.category !== null) query.set("category", state.category);
  if (state.tab === "deals") query.set("tab", "deals");
  for (const [flag, name] of Object.entries(flags)) {
    if (state[flag as Flag]) query.set(name, "1");
  }
  if (sheet !== null) query.set(sheet.kind, sheet.id);
  if (lang !== null) query.set("lang", lang);
  const text = query.toString();
  return text === "" ? "/" : `/?${text}`;
}

/** The query of a search, with only the parameters that its endpoint knows. */
export function searchQuery(state: PageState, point: LonLat): Record<string, string | number | boolean | null> {
  const shared = {
    lat: Number(short(point.lat)),
    lon: Number(short(point.lon)),
    radius_m: state.radius_m,
    category: state.category,
  };
  if (state.tab === "deals") {
    return { ...shared, group_deal: state.group_deal || null, in_service_area: state.in_service_area || null };
  }
  return {
    ...shared,
    open_now: state.open_now || null,
    include_unknown: (state.open_now && state.include_unknown) || null,
    has_coupon: state.has_coupon || null,
    serves: state.in_service_area ? `${shared.lat},${shared.lon}` : null,
  };
}
