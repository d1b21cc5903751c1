// Requests that must not happen twice: each gets its key, and the key is kept, before anything is sent.
import { ApiProblem, Unreachable, Unreadable, wasAborted } from "./request";
import { SignedOut } from "./session";
import { local, newId, type Shelf } from "./storage";

export interface Intent<T = unknown> {
  key: string;
  body: T;
  /** Whose it is. */
  subject: string;
}

/** What someone has begun on this device and not yet heard the end of, by name. */
export class Intents {
  constructor(
    private readonly prefix: string,
    private readonly subject: () => string,
    private readonly shelf: Shelf = local,
  ) {}

  /** The intent kept under `name`, null when there is none or it is somebody else's. */
  pending<T>(name: string): Intent<T> | null {
    const kept = this.shelf.read<Intent<T>>(this.prefix + name);
    return kept !== null && kept.subject === this.subject() ? kept : null;
  }

  /** The pending intent, else a new one that is kept from now on. */
  begin<T>(name: string, body: T): Intent<T> {
    const kept = this.pending<T>(name);
    if (kept !== null) return kept;
    const intent = { key: newId(), body, subject: this.subject() };
    this.shelf.write(this.prefix + name, intent);
    return intent;
  }

  /** Its end is known. */
  end(name: string): void {
    this.shelf.remove(this.prefix + name);
  }

  endAll(): void {
    for (const name of this.shelf.names(this.prefix)) this.shelf.remove(name);
  }
}

/** True while nobody can say whether the request was carried out: it is to be sent again under the same key. */
export function isUndecided(error: unknown): boolean {
  if (error instanceof ApiProblem) {
    // The limits that count wrong codes and sign-ins are a refusal: waiting a second does not end them.
    return error.status >= 500 || error.code === "rate-limited" || error.code === "idempotency-key-in-flight";
  }
  return error instanceof Unreachable || error instanceof Unreadable;
}

/** Sends what was begun under `name` until its end is known, and forgets it then; throws the refusal that ended it. */
export async function carryOut<B, T>(
  intents: Intents,
  name: string,
  body: B,
  send: (intent: Intent<B>) => Promise<T>,
  troubled: (trouble: Trouble) => void,
  signal: AbortSignal,
): Promise<T> {
  const intent = intents.begin(name, body);
  try {
    const answer = await untilDecided(() => send(intent), troubled, signal);
    intents.end(name);
    return answer;
  } catch (error) {
    // Whoever signs in again as the same person asks again under the same key.
    if (!wasAborted(error) && !(error instanceof SignedOut)) intents.end(name);
    throw error;
  }
}

const WAITS_S = [1, 2, 4, 8];

export interface Trouble {
  error: unknown;
  /** Tries again at once. */
  hurry(): void;
}

/** Runs `attempt` until its end is known, telling of each failure; AbortError when `signal` gives up. */
export async function untilDecided<T>(
  attempt: () => Promise<T>,
  troubled: (trouble: Trouble) => void,
  signal: AbortSignal,
): Promise<T> {
  for (let round = 0; ; round += 1) {
    try {
      return await attempt();
    } catch (error) {
      if (wasAborted(error) || !isUndecided(error)) throw error;
      const asked = error instanceof ApiProblem ? error.retryAfterS : null;
      const wait_s = Math.max(asked ?? 0, WAITS_S[Math.min(round, WAITS_S.length - 1)] ?? 8);
      await pause(wait_s, signal, (hurry) => troubled({ error, hurry }));
    }
  }
}

/** Waits; shorter when the network comes back or `hurry` is called. AbortError when `signal` gives up. */
export function pause(seconds: number, signal: AbortSignal, started: (hurry: () => void) => void = () => undefined): Promise<void> {
  return new Promise((resolve, reject) => {
    const stop = (): void => {
      clearTimeout(timer);
      removeEventListener("online", go);
      signal.removeEventListener("abort", quit);
    };
    const go = (): void => {
      stop();
      resolve();
    };
    const quit = (): void => {
      stop();
      reject(new DOMException("given up", "AbortError"));
    };
    const timer = setTimeout(go, seconds * 1000);
    addEventListener("online", go);
    signal.addEventListener("abort", quit);
    if (signal.aborted) quit();
    else started(go);
  });
}

/** Calls `look` every `seconds` while the page is in sight, until it returns true or `signal` gives up. */
export async function watch(seconds: number, signal: AbortSignal, look: () => Promise<boolean>): Promise<void> {
  try {
    for (;;) {
      await pause(seconds, signal);
      if (document.visibilityState === "hidden") await inSight(signal);
      if (await look().catch((error: unknown) => giveUpOn(error))) return;
    }
  } catch (error) {
    if (!wasAborted(error)) throw error;
  }
}

/** A look that failed for want of a network is simply repeated. */
function giveUpOn(error: unknown): boolean {
  if (wasAborted(error)) throw error;
  return !isUndecided(error);
}

function inSight(signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const seen = (): void => {
      if (document.visibilityState === "hidden") return;
      document.removeEventListener("visibilitychange", seen);
      resolve();
    };
    document.addEventListener("visibilitychange", seen);
    signal.addEventListener("abort", () => {
      document.removeEventListener("visibilitychange", seen);
      reject(new DOMException("given up", "AbortError"));
    });
  });
}
