// What this till has asked for: written down before it is sent, so that neither a lost network nor a reload forgets it.
import { pause } from "../intents";
import { ApiProblem } from "../request";
import { local, newId } from "../storage";
import * as api from "./tillapi";
import type { Redemption } from "./tilltypes";

export interface OpenRequest {
  key: string;
  subject: string;
  body: api.RedeemBody;
  title: string;
  begun_at: string;
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
  const begun_at = new Date().toISOString();
  const open = { key: newId(), subject: api.staff.subject, body: { ...body, request_no }, title, begun_at };
  local.write(OPEN, open);
  const line = { request_no, place_id: body.place_id, title, at: begun_at };
  local.write(HISTORY, [line, ...history()].slice(0, KEPT));
  return open;
}

/** Its end is known; `happened` is false when the server refused it, so that nothing is there to be shown later. */
export function close(request: OpenRequest, happened: boolean): void {
  local.remove(OPEN);
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
  troubled: (error: unknown, hurry: () => void) => void,
  signal: AbortSignal,
): Promise<Redemption | null> {
  for (let missing = 0; missing < LOOKS; ) {
    try {
      return await api.byRequest(request.body.request_no, request.body.place_id, signal);
    } catch (error) {
      if (error instanceof ApiProblem && error.status === 404) {
        missing += 1;
        if (missing < LOOKS) await pause(BETWEEN_S, signal);
      } else if (error instanceof ApiProblem && error.status < 500 && error.status !== 429) {
        throw error;
      } else if (signal.aborted) {
        throw error;
      } else {
        await pause(BETWEEN_S, signal, (hurry) => troubled(error, hurry));
      }
    }
  }
  return null;
}
