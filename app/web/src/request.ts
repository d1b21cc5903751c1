// One request to the JSON API: problems become typed errors, every request can be given up.
import { lang } from "./i18n";
import { busy } from "./ready";

const TIMEOUT_MS = 15_000;

/** A refusal by the server, in the words of RFC 9457. */
export class ApiProblem extends Error {
  constructor(
    readonly status: number,
    readonly code: string,
    readonly detail: string,
    readonly requestId: string | null,
    readonly retryAfterS: number | null,
    /** When and where the same thing was done before, as `already-redeemed` tells it. */
    readonly conflict: Conflict | null = null,
    /** The group that one has a seat in already. */
    readonly groupId: string | null = null,
    /** What is wrong with the body, by JSON pointer. */
    readonly faults: BodyFault[] = [],
    /** What answers a challenge to a position. */
    readonly answerWith: string[] = [],
    /** Everything else that the problem says. */
    readonly body: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail);
  }
}

export interface BodyFault {
  pointer?: string;
  parameter?: string;
  detail: string;
}

export interface Conflict {
  at: string;
  place_id: string | null;
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

export interface Ask {
  method?: "GET" | "POST" | "PUT" | "PATCH" | "DELETE";
  query?: Query;
  /** Sent as JSON. */
  body?: unknown;
  /** Sent as it is, as text/csv. */
  csv?: Blob;
  /** The ETag of the state that is meant to be changed. */
  match?: string;
  /** The Idempotency-Key of a request that must not happen twice. */
  key?: string;
  token?: string;
  accept?: "application/json" | "application/geo+json" | "image/svg+xml" | "text/csv";
  signal?: AbortSignal | undefined;
  /** A look in the background: the page does not count as busy meanwhile. */
  quiet?: boolean;
}

export interface Reply<T> {
  value: T;
  /** How long the server asks to wait before the next look; null when it says nothing. */
  retryAfterS: number | null;
  /** Names the state of what was answered; null where it has none. */
  etag: string | null;
}

export const wasAborted = (error: unknown): boolean => error instanceof DOMException && error.name === "AbortError";

/** How long an answer asks to wait. */
export function secondsOf(header: (name: string) => string | null): number | null {
  const seconds = Number(header("Retry-After") ?? Number.NaN);
  return Number.isFinite(seconds) ? seconds : null;
}

/** The refusal that an answer with this status, body and headers is. */
export function problemFrom(status: number, parsed: unknown, header: (name: string) => string | null): ApiProblem {
  const body = parsed !== null && typeof parsed === "object" ? (parsed as Record<string, unknown>) : {};
  const member = (name: string): string | null => {
    const value = body[name];
    return typeof value === "string" && value !== "" ? value : null;
  };
  return new ApiProblem(
    status,
    member("code") ?? "",
    member("detail") ?? member("title") ?? `HTTP ${status}`,
    member("request_id") ?? header("X-Request-Id"),
    secondsOf(header),
    (body["conflict"] as Conflict | null | undefined) ?? null,
    member("group_id"),
    Array.isArray(body["errors"]) ? (body["errors"] as BodyFault[]) : [],
    Array.isArray(body["answer_with"]) ? body["answer_with"].filter((each) => typeof each === "string") : [],
    body,
  );
}

async function problemOf(answer: Response): Promise<ApiProblem> {
  const parsed: unknown = await answer.json().catch(() => null);
  return problemFrom(answer.status, parsed, (name) => answer.headers.get(name));
}

function headersOf(what: Ask): Record<string, string> {
  const headers: Record<string, string> = { Accept: what.accept ?? "application/json", "Accept-Language": lang };
  if (what.body !== undefined) headers["Content-Type"] = "application/json";
  if (what.csv !== undefined) headers["Content-Type"] = "text/csv";
  if (what.match !== undefined) headers["If-Match"] = what.match;
  if (what.key !== undefined) headers["Idempotency-Key"] = what.key;
  if (what.token !== undefined) headers["Authorization"] = `Bearer ${what.token}`;
  return headers;
}

function addressOf(path: string, query: Query): URL {
  const url = new URL(path, location.origin);
  for (const [name, value] of Object.entries(query)) {
    if (value !== null && value !== undefined) url.searchParams.set(name, String(value));
  }
  return url;
}

async function valueOf(answer: Response, what: Ask): Promise<unknown> {
  if (answer.status === 204) return null;
  return what.accept === undefined || what.accept.endsWith("json") ? answer.json() : answer.text();
}

/** Sends one request. Throws ApiProblem, Unreachable, Unreadable, or AbortError when the signal gave up. */
export async function ask<T>(path: string, what: Ask = {}): Promise<Reply<T>> {
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), TIMEOUT_MS);
  const giveUp = (): void => limit.abort();
  what.signal?.addEventListener("abort", giveUp);
  const done = what.quiet ? () => undefined : busy();
  try {
    const answer = await fetch(addressOf(path, what.query ?? {}), {
      method: what.method ?? "GET",
      headers: headersOf(what),
      body: what.csv ?? (what.body === undefined ? null : JSON.stringify(what.body)),
      signal: limit.signal,
      credentials: "omit",
    });
    if (!answer.ok) throw await problemOf(answer);
    return { value: (await valueOf(answer, what)) as T, retryAfterS: secondsOf((name) => answer.headers.get(name)), etag: answer.headers.get("ETag") };
  } catch (error) {
    if (what.signal?.aborted) throw new DOMException("given up", "AbortError");
    if (limit.signal.aborted) throw new Unreachable("timeout");
    if (error instanceof SyntaxError) throw new Unreadable();
    if (error instanceof TypeError) throw new Unreachable(navigator.onLine ? "unreachable" : "offline");
    throw error;
  } finally {
    clearTimeout(timer);
    what.signal?.removeEventListener("abort", giveUp);
    done();
  }
}

/** GET `path` as JSON, as anyone. */
export async function getJson<T>(path: string, query: Query = {}, signal?: AbortSignal): Promise<T> {
  return (await ask<T>(path, { query, signal })).value;
}
