// The merchant's page of areas put together: sign in, then what the address after # names.
import "./areas.css";
import { byId, el, isDemo } from "../dom";
import { field, form, note } from "../form";
import type { Business } from "../merchant/shoptypes";
import { announce } from "../notice";
import { refusalWords } from "../problems";
import { busy } from "../ready";
import { ApiProblem, wasAborted } from "../request";
import { SignedOut } from "../session";
import type { AreaMap } from "./areamap";
import * as api from "./areasapi";
import { Editor } from "./editor";
import { historyView } from "./historyview";
import { placesView, placeView } from "./listviews";
import { address, type Desk, type PlaceHere, type Shown } from "./parts";
import { t } from "./words";

const ROLES = ["owner", "staff"];

class Areas implements Desk {
  private left = new AbortController();
  private map: AreaMap | null = null;
  private business: Business | null = null;

  async start(): Promise<void> {
    byId("shop-out").addEventListener("click", () => void this.signOut());
    addEventListener("hashchange", () => void this.route());
    // A map that is drawn before its style sheet is there has no height.
    if (document.readyState !== "complete") await new Promise((done) => addEventListener("load", done, { once: true }));
    await this.route();
  }

  get owner(): boolean {
    return api.people.role === "owner";
  }

  show({ title, crumbs, content, map }: Shown): AbortSignal {
    this.left.abort();
    this.left = new AbortController();
    if (this.map !== map) this.map?.dispose();
    this.map = map ?? null;
    byId("shop-out").hidden = !api.people.signedIn;
    const trail = crumbs.map(([words, where]) => el("li", {}, el("a", { href: where }, words)));
    byId("desk-crumbs").replaceChildren(...(trail.length === 0 ? [] : [el("ol", {}, ...trail)]));
    const heading = byId("shop-heading");
    heading.textContent = title;
    byId("shop-view").replaceChildren(...content);
    document.title = `${title} · ${t("areas.title")}`;
    scrollTo({ top: 0 });
    heading.focus({ preventScroll: true });
    return this.left.signal;
  }

  go(...parts: string[]): void {
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
      this.signIn(t("areas.signed_out"));
      return;
    }
    const missing = error instanceof ApiProblem && error.status === 404;
    const retry = missing ? [] : [{ label: t("error.retry"), run: () => this.again() }];
    const title = missing ? t("areas.missing") : t("merchant.trouble");
    this.show({ title, crumbs: [[t("areas.places"), address()]], content: [note("bad", missing ? t("areas.missing_hint") : refusalWords(error), [], retry)] });
  }

  private signIn(why: string | null = null): void {
    this.business = null;
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
        password.fault(error instanceof ApiProblem && error.code === "invalid-grant" ? t("till.no_match") : refusalWords(error));
        return;
      }
      if (!ROLES.includes(api.people.role)) {
        await api.people.signOut();
        login.fault(t("merchant.wrong_role"));
        return;
      }
      await this.route();
    };
    this.show({
      title: t("merchant.sign_in"),
      crumbs: [],
      content: [
        el("p", { class: "summary" }, t("areas.sign_in_why")),
        ...(why === null ? [] : [note("wait", why)]),
        form({ class: "stack shop-narrow" }, t("signin.title"), submit, login.node, password.node, isDemo && el("p", { class: "field-hint" }, t("till.demo_login"))),
      ],
    });
    login.input.focus();
  }

  private async signOut(): Promise<void> {
    await api.people.signOut();
    this.signIn();
  }

  /** Shows what the address names: the places, a place, an area, its versions. */
  private async route(): Promise<void> {
    if (!api.people.signedIn) {
      this.signIn();
      return;
    }
    for (const link of document.querySelectorAll<HTMLAnchorElement>("a.language")) link.hash = location.hash;
    const done = busy();
    this.left.abort();
    this.left = new AbortController();
    const slow = setTimeout(() => announce(t("areas.looking")), 300);
    try {
      await this.view(partsOf(location.hash));
    } catch (error) {
      this.failed(error);
    } finally {
      clearTimeout(slow);
      done();
    }
  }

  private async view([placeId = "", id = "", what = ""]: string[]): Promise<void> {
    const { signal } = this.left;
    this.business ??= await api.business(signal);
    if (this.business === null) {
      this.show({ title: t("merchant.no_business"), crumbs: [], content: [el("p", {}, t("merchant.no_business_hint"))] });
      return;
    }
    const places = placesOf(this.business);
    const [only] = places;
    const place = places.find((each) => each.place_id === placeId) ?? (placeId === "" && places.length === 1 ? only : undefined);
    if (place === undefined) {
      if (placeId !== "") throw new ApiProblem(404, "not-found", "", null, null);
      placesView(this, places);
    } else if (id === "" && what === "") await placeView(this, place, places.length > 1, signal);
    else if (what === "versions") await historyView(this, place, id, signal);
    else await this.area(place, id, signal);
  }

  private async area(place: PlaceHere, id: string, signal: AbortSignal): Promise<void> {
    const [seen, all] = await Promise.all([id === "" ? null : api.look(place.place_id, id, signal), api.areas(place.place_id, signal)]);
    new Editor(this, place, seen, all.items).show();
  }
}

/** The places whose spot on the map is known. */
function placesOf({ places, currency, time_zone }: Business): PlaceHere[] {
  return places.flatMap(({ place_id, name, location: here }) => (here === undefined ? [] : [{ place_id, name, location: here, currency, time_zone }]));
}

/** The parts of an address after #, the empty one of a new area too. */
function partsOf(hash: string): string[] {
  try {
    return hash.replace(/^#\/?/, "").split("/").map(decodeURIComponent);
  } catch {
    return ["?"];
  }
}

void new Areas().start().finally(busy());
