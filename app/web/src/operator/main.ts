// The operator's page put together: sign in, then what the address after # names.
import "./operator.css";
import { byId, el, isDemo } from "../dom";
import { field, form, note } from "../form";
import { announce } from "../notice";
import { busy } from "../ready";
import { ApiProblem, wasAborted } from "../request";
import { SignedOut } from "../session";
import { changesView } from "./changesview";
import { address, type Desk, type Shown } from "./desk";
import type { FactMap } from "./factmap";
import { kindView, territoriesView, territoryView } from "./listviews";
import * as api from "./operatorapi";
import type { Territory } from "./regionaltypes";
import { reportView } from "./reportview";
import { reviewsView } from "./reviewsview";
import { versionView } from "./versionview";
import { faultLines, refused, t } from "./words";

class OperatorDesk implements Desk {
  private left = new AbortController();
  private map: FactMap | null = null;
  private known: Territory[] | null = null;

  start(): Promise<void> {
    byId("desk-out").addEventListener("click", () => void this.signOut());
    addEventListener("hashchange", () => void this.route());
    addEventListener("beforeprint", () => {
      for (const each of document.querySelectorAll("details")) each.open = true;
      this.map?.paper(true);
    });
    addEventListener("afterprint", () => this.map?.paper(false));
    if (api.people.signedIn) return this.route();
    this.signIn();
    return Promise.resolve();
  }

  show({ title, crumbs, content, map, stay }: Shown): AbortSignal {
    this.left.abort();
    this.left = new AbortController();
    if (this.map !== map) this.map?.dispose();
    this.map = map ?? null;
    byId("desk-out").hidden = !api.people.signedIn;
    const trail = crumbs.map(([words, where]) => el("li", {}, el("a", { href: where }, words)));
    byId("desk-crumbs").replaceChildren(...(trail.length === 0 ? [] : [el("ol", {}, ...trail)]));
    const heading = byId("desk-heading");
    heading.textContent = title;
    byId("desk-view").replaceChildren(...content);
    document.title = `${title} · ${t("operator.title")}`;
    if (!stay) {
      scrollTo({ top: 0 });
      heading.focus({ preventScroll: true });
    }
    return this.left.signal;
  }

  go(...parts: (string | number)[]): void {
    const wanted = address(...parts);
    if (location.hash === wanted) void this.route();
    else location.hash = wanted;
  }

  again(): void {
    void this.route();
  }

  failed(error: unknown): void {
    if (wasAborted(error)) return;
    if (error instanceof SignedOut) {
      this.signIn(t("operator.signed_out"));
      return;
    }
    const missing = error instanceof ApiProblem && error.status === 404;
    const title = t(missing ? "operator.missing" : "operator.trouble");
    const lines = missing ? [t("operator.missing_hint")] : faultLines(error);
    const retry = missing ? [] : [{ label: t("error.retry"), run: () => this.again() }];
    this.show({ title, crumbs: [[t("operator.territories"), address()]], content: [note("bad", missing ? title : refused(error), lines, retry)] });
  }

  async territory(city: string, signal?: AbortSignal): Promise<Territory> {
    const found = (await this.territories(signal ?? this.left.signal)).find((each) => each.city === city);
    if (found === undefined) throw new ApiProblem(404, "not-found", "", null, null);
    return found;
  }

  /** Whose territories these are is asked anew whenever the list is looked at. */
  private async territories(signal: AbortSignal, anew = false): Promise<Territory[]> {
    if (this.known === null || anew) this.known = await api.territories(signal);
    return this.known;
  }

  private signIn(why: string | null = null): void {
    this.known = null;
    const login = field("login", t("till.login"), { type: "text", autocomplete: "username", autocapitalize: "none", spellcheck: "false", maxlength: 100 });
    const password = field("password", t("till.password"), { type: "password", autocomplete: "current-password", maxlength: 256 });
    const submit = async (): Promise<void> => {
      login.fault(null);
      password.fault(null);
      const empty = [login, password].find((each) => each.input.value.trim() === "");
      if (empty !== undefined) {
        empty.fault(t("till.fill_in"));
        return;
      }
      try {
        await api.people.signIn({ grant_type: "password", login: login.input.value.trim(), password: password.input.value });
      } catch (error) {
        password.fault(error instanceof ApiProblem && error.code === "invalid-grant" ? t("till.no_match") : refused(error));
        return;
      }
      if (!api.ROLES.includes(api.people.role)) {
        await api.people.signOut();
        login.fault(t("operator.wrong_role"));
        return;
      }
      await this.route();
    };
    this.show({
      title: t("operator.sign_in"),
      crumbs: [],
      content: [
        el("p", { class: "summary" }, t("operator.sign_in_why")),
        ...(why === null ? [] : [note("wait", why)]),
        form({ class: "stack narrow" }, t("signin.title"), submit, login.node, password.node, isDemo && el("p", { class: "field-hint" }, t("operator.demo_login"))),
      ],
    });
    login.input.focus();
  }

  private async signOut(): Promise<void> {
    await api.people.signOut();
    this.signIn();
  }

  /** Shows what the address names: nothing, a territory, a kind, a version, a page of a version, or the reviews. */
  private async route(): Promise<void> {
    if (!api.people.signedIn) {
      this.signIn();
      return;
    }
    for (const link of document.querySelectorAll<HTMLAnchorElement>("a.language")) link.hash = location.hash;
    const done = busy();
    this.left.abort();
    this.left = new AbortController();
    const slow = setTimeout(() => announce(t("operator.looking")), 600);
    try {
      await this.view(partsOf(location.hash));
    } catch (error) {
      this.failed(error);
    } finally {
      clearTimeout(slow);
      done();
    }
  }

  private async view([city, kind, version, what]: string[]): Promise<void> {
    if (city === undefined) {
      territoriesView(this, await this.territories(this.left.signal, true));
      return;
    }
    // What readers see changes with each activation: a territory's own page asks again.
    if (kind === undefined) await this.territories(this.left.signal, true);
    const territory = await this.territory(city);
    if (kind === undefined) territoryView(this, territory);
    else if (kind === "reviews") await reviewsView(this, territory);
    else if (version === undefined) await kindView(this, territory, kind, this.left.signal);
    else await this.versionPage(territory, { city, kind }, Number(version), what);
  }

  private async versionPage(territory: Territory, where: api.Where, version: number, what?: string): Promise<void> {
    if (!Number.isSafeInteger(version) || version < 1) throw new ApiProblem(404, "not-found", "", null, null);
    if (what === "report") await reportView(this, territory, where, version, this.left.signal);
    else if (what === "changes") await changesView(this, territory, where, version, this.left.signal);
    else await versionView(this, territory, where, version, this.left.signal);
  }
}

function partsOf(hash: string): string[] {
  try {
    return hash.replace(/^#\/?/, "").split("/").filter((each) => each !== "").map(decodeURIComponent);
  } catch {
    return ["?"];
  }
}

void new OperatorDesk().start().finally(busy());
