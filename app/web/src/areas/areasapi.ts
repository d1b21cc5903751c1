// What the page of areas asks of the JSON API, as the owner or the staff who are signed in at it.
import { business, people } from "../merchant/shopapi";
import { getJson, type Ask } from "../request";
import { newId } from "../storage";
import type { Listing, LonLat } from "../types";
import type { Area, AreaVersion, SavedArea, SeenArea } from "./areatypes";

export { business, people };

/** Whether positions at a place are written otherwise in the datums of Chinese maps. */
export async function shifted({ place_id, location }: { place_id: string; location: LonLat }): Promise<boolean> {
  const { location: there } = await getJson<{ location: LonLat }>(`/v1/places/${encodeURIComponent(place_id)}`, { datum: "gcj02", fields: "location" });
  return Math.abs(there.lon - location.lon) > 1e-6 || Math.abs(there.lat - location.lat) > 1e-6;
}

const all = (place: string): string => `/v1/places/${encodeURIComponent(place)}/service-areas`;
const one = (place: string, id: string, what = ""): string => `${all(place)}/${encodeURIComponent(id)}${what}`;

async function seen<T extends Area>(where: string, what: Ask = {}): Promise<SeenArea<T>> {
  const { value, etag } = await people.send<T>(where, what);
  return { area: value, etag: etag ?? "" };
}

export interface PlaceAreas {
  items: Area[];
  /** Names the state of all of them together. */
  etag: string;
}

export async function areas(place: string, signal?: AbortSignal): Promise<PlaceAreas> {
  const { value, etag } = await people.send<Listing<Area>>(all(place), { signal });
  return { items: value.items, etag: etag ?? "" };
}

export const look = (place: string, id: string, signal?: AbortSignal): Promise<SeenArea> => seen(one(place, id), { signal });

/** Saves a drawing, which waits; `etag` null when the area is new. */
export const save = (place: string, id: string, body: object, etag: string | null, repair: boolean): Promise<SeenArea<SavedArea>> =>
  seen<SavedArea>(one(place, id), { method: "PUT", body, ...(repair && { query: { repair: true } }), ...(etag !== null && { match: etag }) });

export const publish = (place: string, id: string, etag: string): Promise<SeenArea> =>
  seen(one(place, id, "/publish"), { method: "POST", body: {}, match: etag, key: newId() });

export const publishAll = async (place: string, etag: string): Promise<void> => {
  await people.send(`/v1/places/${encodeURIComponent(place)}/publish-service-areas`, { method: "POST", body: {}, match: etag, key: newId() });
};

export const revert = (place: string, id: string, version: number, etag: string): Promise<SeenArea> =>
  seen(one(place, id, "/revert"), { method: "POST", body: { version }, match: etag, key: newId() });

export const discard = async (place: string, id: string, etag: string): Promise<void> => {
  await people.send(one(place, id, "/draft"), { method: "DELETE", match: etag });
};

export const archive = async (place: string, id: string, etag: string): Promise<void> => {
  await people.send(one(place, id), { method: "DELETE", match: etag });
};

export const versions = async (place: string, id: string, cursor: string | null, signal?: AbortSignal): Promise<Listing<AreaVersion>> =>
  (await people.send<Listing<AreaVersion>>(one(place, id, "/versions"), { query: { cursor }, signal })).value;
