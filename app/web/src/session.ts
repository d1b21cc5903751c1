// Who is signed in: the access token lives in memory, the refresh token on a shelf; a 401 is met by one refresh.
import { ApiProblem, ask, type Ask, type Reply } from "./request";
import type { Shelf } from "./storage";

/** Nobody is signed in, or not any more. */
export class SignedOut extends Error {}

interface Kept {
  refresh_token: string;
  role: string;
  /** Whose it is; what a page had begun belongs to them alone. */
  subject: string;
}

interface TokenAnswer {
  access_token: string;
  refresh_token?: string;
  role: string;
}

/** The `sub` of a JSON web token; only to tell people apart, the server alone checks it. */
function subjectOf(token: string): string {
  try {
    const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
    const { sub } = JSON.parse(atob(payload)) as { sub?: unknown };
    return typeof sub === "string" ? sub : "";
  } catch {
    return "";
  }
}

export class Session {
  private access: string | null = null;
  private refreshing: Promise<string> | null = null;

  constructor(
    private readonly name: string,
    private readonly shelf: Shelf,
  ) {}

  private kept(): Kept | null {
    return this.shelf.read<Kept>(this.name);
  }

  get signedIn(): boolean {
    return this.kept() !== null;
  }

  get subject(): string {
    return this.kept()?.subject ?? "";
  }

  get role(): string {
    return this.kept()?.role ?? "";
  }

  /** Opens a session by code or password; ApiProblem when they do not match. */
  async signIn(credentials: Record<string, string>): Promise<void> {
    this.take((await ask<TokenAnswer>("/v1/auth/token", { method: "POST", body: credentials })).value);
  }

  private take(answer: TokenAnswer): string {
    this.access = answer.access_token;
    const refresh_token = answer.refresh_token ?? "";
    this.shelf.write(this.name, { refresh_token, role: answer.role, subject: subjectOf(answer.access_token) });
    return answer.access_token;
  }

  /** Ends the session here and, when it can be reached, at the server. */
  async signOut(): Promise<void> {
    // Whoever wants to leave leaves, whether the server hears of it or not.
    await this.send("/v1/auth/token", { method: "DELETE" }).catch(() => undefined);
    this.forget();
  }

  forget(): void {
    this.access = null;
    this.shelf.remove(this.name);
  }

  /** Sends a request as whoever is signed in; SignedOut when that is over. */
  send<T>(path: string, what: Ask = {}): Promise<Reply<T>> {
    return this.withToken((token) => ask<T>(path, { ...what, token }));
  }

  /** Runs a request that is sent in a way of its own; again with a new token when the old one is not taken any more. */
  async withToken<T>(run: (token: string) => Promise<T>): Promise<T> {
    const token = this.access ?? (await this.refreshed());
    try {
      return await run(token);
    } catch (error) {
      if (!(error instanceof ApiProblem) || error.status !== 401) throw error;
      return await run(await this.refreshed(token));
    }
  }

  /** A new access token; one refresh at a time, since a refresh token is good once. */
  private refreshed(stale: string | null = null): Promise<string> {
    if (this.access !== null && this.access !== stale) return Promise.resolve(this.access);
    this.refreshing ??= this.alone(() => this.refresh()).finally(() => {
      this.refreshing = null;
    });
    return this.refreshing;
  }

  /** No two tabs refresh with the same token: the server would take the second for a thief and end the session. */
  private alone<T>(run: () => Promise<T>): Promise<T> {
    // Outside a secure context there are no locks; tabs of such a page may have to sign in again.
    if (!("locks" in navigator)) return run();
    return navigator.locks.request(this.name, run) as Promise<T>;
  }

  private async refresh(): Promise<string> {
    const kept = this.kept();
    if (kept === null || kept.refresh_token === "") throw this.over();
    try {
      const body = { grant_type: "refresh_token", refresh_token: kept.refresh_token };
      return this.take((await ask<TokenAnswer>("/v1/auth/token", { method: "POST", body, quiet: true })).value);
    } catch (error) {
      if (error instanceof ApiProblem && (error.status === 401 || error.status === 403)) throw this.over();
      throw error;
    }
  }

  private over(): SignedOut {
    this.forget();
    return new SignedOut();
  }
}
