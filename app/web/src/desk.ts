// The frame of pages whose views have addresses after #: sign in, then what the address names.
import { byId, el } from "./dom";
import { note } from "./form";
import { announce } from "./notice";
import { passwordForm, type PasswordSignIn } from "./passwordform";
import { busy } from "./ready";
import { ApiProblem, wasAborted } from "./request";
import { SignedOut } from "./session";
import { t } from "./i18n";

/** What a view may hold that has to be let go of. */
interface Held {
  dispose(): void;
}

export interface Shown<M extends Held> {
  title: string;
  /** Where one is: words and their addresses, outermost first. */
  crumbs: [string, string][];
  content: Node[];
  map?: M;
  /** Leaves the keyboard and the page where they are: the same view with what came of it. */
  stay?: boolean;
}

export interface FrameWords {
  /** The name of the page, behind each title in that of the window. */
  page: string;
  signIn: string;
  signInWhy: string;
  signedOut: string;
  looking: string;
  missing: string;
  missingHint: string;
  trouble: string;
  /** What the outermost address is called. */
  outermost: string;
}

export const address = (...parts: (string | number)[]): string => `#/${parts.map((each) => encodeURIComponent(String(each))).join("/")}`;

/** The parts of an address after #, empty ones too. */
function partsOf(hash: string): string[] {
  try {
    return hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    return ["?"];
  }
}

export const missing = (): ApiProblem => new ApiProblem(404, "not-found", "", null, null);

export abstract class HashDesk<M extends Held> {
  protected map: M | null = null;
  private left = new AbortController();

  constructor(
    private readonly words: FrameWords,
    private readonly entry: Omit<PasswordSignIn, "done">,
    private readonly slowMs: number,
  ) {}

  /** Shows what the parts of an address name. */
  protected abstract view(parts: string[], signal: AbortSignal): Promise<void>;
  /** Somebody else may sign in now. */
  protected abstract forget(): void;
  /** What a failure says, in lines below its title. */
  protected abstract refusal(error: unknown): { title: string; lines: string[] };

  async start(): Promise<void> {
    byId("desk-out").addEventListener("click", () => void this.signOut());
    addEventListener("hashchange", () => void this.route());
    await this.route();
  }

  /** Replaces what is shown; what the former view was waiting for is given up by its signal. */
  show({ title, crumbs, content, map, stay }: Shown<M>): AbortSignal {
    const signal = this.leave();
    if (this.map !== map) this.map?.dispose();
    this.map = map ?? null;
    byId("desk-out").hidden = !this.entry.people.signedIn;
    const trail = crumbs.map(([words, where]) => el("li", {}, el("a", { href: where }, words)));
    byId("desk-crumbs").replaceChildren(...(trail.length === 0 ? [] : [el("ol", {}, ...trail)]));
    const heading = byId("desk-heading");
    heading.textContent = title;
    byId("desk-view").replaceChildren(...content);
    document.title = `${title} · ${this.words.page}`;
    if (!stay) {
      scrollTo({ top: 0 });
      heading.focus({ preventScroll: true });
    }
    return signal;
  }

  go(...parts: (string | number)[]): void {
    const wanted = address(...parts);
    if (location.hash === wanted) this.again();
    else location.hash = wanted;
  }

  /** Looks again at what the address names. */
  again(): void {
    void this.route();
  }

  failed(error: unknown): void {
    if (wasAborted(error)) return;
    const { words } = this;
    if (error instanceof SignedOut) {
      this.signIn(words.signedOut);
      return;
    }
    const crumbs: [string, string][] = [[words.outermost, address()]];
    if (error instanceof ApiProblem && error.status === 404) {
      this.show({ title: words.missing, crumbs, content: [note("bad", words.missing, [words.missingHint])] });
      return;
    }
    const { title, lines } = this.refusal(error);
    this.show({ title: words.trouble, crumbs, content: [note("bad", title, lines, [{ label: t("error.retry"), run: () => this.again() }])] });
  }

  private leave(): AbortSignal {
    this.left.abort();
    this.left = new AbortController();
    return this.left.signal;
  }

  private signIn(why: string | null = null): void {
    this.forget();
    const { node, focus } = passwordForm({ ...this.entry, done: () => this.route() });
    const content = [el("p", { class: "summary" }, this.words.signInWhy), ...(why === null ? [] : [note("wait", why)]), node];
    this.show({ title: this.words.signIn, crumbs: [], content });
    focus();
  }

  private async signOut(): Promise<void> {
    await this.entry.people.signOut();
    this.signIn();
  }

  private async route(): Promise<void> {
    if (!this.entry.people.signedIn) {
      this.signIn();
      return;
    }
    for (const link of document.querySelectorAll<HTMLAnchorElement>("a.language")) link.hash = location.hash;
    const done = busy();
    const signal = this.leave();
    const slow = setTimeout(() => announce(this.words.looking), this.slowMs);
    try {
      await this.view(partsOf(location.hash), signal);
    } catch (error) {
      this.failed(error);
    } finally {
      clearTimeout(slow);
      done();
    }
  }
}
