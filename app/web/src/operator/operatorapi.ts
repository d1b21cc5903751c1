// What the operator's page asks of the JSON API, as the operator who is signed in at it.
import type { Reply } from "../request";
import { Session } from "../session";
import { newId, perTab } from "../storage";
import type { Listing } from "../types";
import type { Diff, Report, Territory, Version } from "./regionaltypes";
import type { Decision, ListedOverlay, Review } from "./reviewtypes";
import { sendFile, type Sent } from "./sending";

export const people = new Session("fujin.operator", perTab);
export const ROLES = ["operator", "admin"];
export const KINDS = ["regions", "places", "basemap"];
export const WORLD_KINDS = ["categories", "brands", "holidays"];

/** One kind of data of one territory. */
export interface Where {
  city: string;
  kind: string;
}

const part = encodeURIComponent;
const versionsPath = ({ city, kind }: Where): string => `/v1/datasets/${part(city)}/${part(kind)}/versions`;
const one = (where: Where, version: number, what = ""): string => `${versionsPath(where)}/${version}${what}`;

export const territories = async (signal: AbortSignal): Promise<Territory[]> =>
  (await people.send<{ items: Territory[] }>("/v1/datasets", { signal })).value.items;

export const versions = async (where: Where, signal?: AbortSignal): Promise<Version[]> =>
  (await people.send<{ items: Version[] }>(versionsPath(where), { signal })).value.items;

export const version = (where: Where, number: number, signal: AbortSignal, quiet = false): Promise<Reply<Version>> =>
  people.send<Version>(one(where, number), { signal, quiet });

/** Sends a file; asked again under the same key it is the same load. */
export const upload = (where: Where, file: File, query: Record<string, string>, key: string, sent: Sent, signal: AbortSignal): Promise<Reply<Version>> =>
  people.withToken((token) => sendFile<Version>(versionsPath(where), { ...query, filename: file.name }, file, token, key, sent, signal));

const post = async <T>(path: string, body: object, key = newId()): Promise<T> =>
  (await people.send<T>(path, { method: "POST", body, key })).value;

export const approve = (where: Where, number: number, note: string): Promise<Version> => post(one(where, number, "/approve"), { note });

export const activate = (where: Where, number: number, note: string): Promise<Version> =>
  post(one(where, number, "/activate"), note === "" ? {} : { note });

export const discard = (where: Where, number: number): Promise<Version> => post(one(where, number, "/discard"), {});

/** The kept file once more, read otherwise: another version. */
export const reload = (where: Where, number: number, wishes: object): Promise<Version> => post(one(where, number, "/reload"), wishes);

export const rollback = (where: Where, note: string): Promise<Version> =>
  post(`/v1/datasets/${part(where.city)}/${part(where.kind)}/rollback`, note === "" ? {} : { note });

export const report = async (where: Where, number: number, signal: AbortSignal): Promise<Report> =>
  (await people.send<Report>(one(where, number, "/report"), { signal })).value;

export const refusedRows = async (where: Where, number: number): Promise<string> =>
  (await people.send<string>(one(where, number, "/refused.csv"), { accept: "text/csv" })).value;

export const diff = async (where: Where, number: number, against: number | null, signal?: AbortSignal): Promise<Diff> =>
  (await people.send<Diff>(one(where, number, "/diff"), { query: { against }, signal })).value;

export const diffLayer = async (where: Where, number: number, layer: string, against: number | null, signal: AbortSignal): Promise<object> =>
  (await people.send<object>(one(where, number, "/diff.geojson"), { query: { layer, against }, accept: "application/geo+json", signal })).value;

export const reviews = async (city: string, state: string, kind: string | null, cursor: string | null, signal: AbortSignal): Promise<Listing<Review>> =>
  (await people.send<Listing<Review>>("/v1/reviews", { query: { city, state, kind, cursor }, signal })).value;

export const decide = (id: string, decision: Decision, note: string): Promise<Review> =>
  post(`/v1/reviews/${part(id)}`, note === "" ? { decision } : { decision, note });

export const overlays = async (city: string, state: string | null, cursor: string | null, signal: AbortSignal): Promise<Listing<ListedOverlay>> =>
  (await people.send<Listing<ListedOverlay>>("/v1/overlays", { query: { city, state, cursor }, signal })).value;

export const withdraw = (id: string, note: string): Promise<object> => post(`/v1/overlays/${part(id)}/withdraw`, note === "" ? {} : { note });
