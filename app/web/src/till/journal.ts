// What this till has asked for: written down before it is sent, so that neither a lost network nor a reload forgets it.
import { pause, untilDecided, type Trouble } from "../intents";
import { ApiProblem } from "../request";
import { local, newId } from "../storage";
import * as api from "./tillapi";
import type { Redemption } from "./tilltypes";

export interface OpenRequest {
  key: string;
  subject: string;
  body: api.RedeemBody;
  title: string;
}

/** A line of the till's history; what became of it is read from the server. */
export interface HistoryLine {
  request_no: string;
  place_id: string;
  title: string;
  at: string;
}

const OPEN = "fujin.till.open";
const HISTORY = "fujin.till.history";
const KEPT = 20;

/** The request whose end this till has not heard; null when there is none. */
export function openRequest(): OpenRequest | null {
  const kept = local.read<OpenRequest>(OPEN);
  return kept !== null && kept.subject === api.staff.subject ? kept : null;
}

/** Writes a request down; from now on it is known by its number. */
export function begin(body: Omit<api.RedeemBody, "request_no">, title: string): OpenRequest {
  const request_no = newId();
  const open = { key: newId(), subject: api.staff.subject, body: { ...body, request_no }, title };
  local.write(OPEN, open);
  const line = { request_no, place_id: body.place_id, title, at: new Date().toISOString() };
  local.write(HISTORY, [line, ...history()].slice(0, KEPT));
  return open;
}

/** Its end is known; `happened` is false when the server refused it, so that nothing is there to be shown later. */
export function close(request: OpenRequest, happened: boolean): void {
  // An answer that comes late finds another request open, which stays.
  if (openRequest()?.key === request.key) local.remove(OPEN);
  if (!happened) local.write(HISTORY, history().filter((line) => line.request_no !== request.body.request_no));
}

export const history = (): HistoryLine[] => local.read<HistoryLine[]>(HISTORY) ?? [];

export function forgetHistory(): void {
  local.remove(HISTORY);
}

const LOOKS = 3;
const BETWEEN_S = 2;

/**
 * What became of a request that got no answer; null when the server knows nothing of it after several looks, since one
 * that is still on its way arrives by then. Waits through a dead network, telling of each failure.
 */
export async function settled(
  request: OpenRequest,
  troubled: (trouble: Trouble) => void,
  signal: AbortSignal,
): Promise<Redemption | null> {
  const { request_no, place_id } = request.body;
  for (let look = 1; ; look += 1) {
    try {
      return await untilDecided(() => api.byRequest(request_no, place_id, signal), troubled, signal);
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 404) throw error;
      if (look === LOOKS) return null;
      await pause(BETWEEN_S, signal);
    }
  }
}
