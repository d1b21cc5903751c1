// The merchant's page put together: sign in, the list of coupons, one coupon, and the form with its preview.
import "./merchant.css";
import { byId, button, el } from "../dom";
import { act, form, note } from "../form";
import * as format from "../format";
import { t, type Word } from "../i18n";
import { isUndecided } from "../intents";
import { announce } from "../notice";
import { passwordForm } from "../passwordform";
import { refusalWords } from "../problems";
import { busy } from "../ready";
import { ApiProblem, wasAborted } from "../request";
import { SignedOut } from "../session";
import { newId } from "../storage";
import { manageView, stateMark } from "./manage";
import { inLanguage, previewOf } from "./preview";
import * as api from "./shopapi";
import type { Brief, Business, Seen } from "./shoptypes";
import { freshTerms, TermsForm, type Body } from "./termsform";

class Shop {
  private business: Business | null = null;
  private left = new AbortController();

  /** Replaces what is shown; what the former view was waiting for is given up. */
  private show(title: string, ...content: Node[]): AbortSignal {
    this.left.abort();
    this.left = new AbortController();
    const heading = byId("shop-heading");
    heading.textContent = title;
    byId("shop-view").replaceChildren(...content);
    document.title = `${title} · ${t("merchant.title")}`;
    scrollTo({ top: 0 });
    if (byId("shop-view").querySelector("input") === null) heading.focus();
    return this.left.signal;
  }

  async start(): Promise<void> {
    byId("shop-out").addEventListener("click", () => void this.signOut());
    addEventListener("popstate", () => void this.route());
    if (api.people.signedIn) await this.signedIn();
    else this.signIn();
  }

  private async signOut(): Promise<void> {
    await api.people.signOut();
    this.signIn();
  }

  private signIn(): void {
    this.business = null;
    byId("shop-out").hidden = true;
    const { node, focus } = passwordForm({
      people: api.people,
      roles: ["owner", "staff"],
      wrongRole: t("merchant.wrong_role"),
      look: "stack shop-narrow",
      done: () => this.signedIn(),
    });
    this.show(t("merchant.sign_in"), el("p", { class: "summary" }, t("merchant.sign_in_why")), node);
    setTimeout(focus, 0);
  }

  private async signedIn(): Promise<void> {
    byId("shop-out").hidden = false;
    const signal = this.show(t("merchant.opening"));
    await this.trying(async () => {
      this.business = await api.business(signal);
      if (this.business === null) this.show(t("merchant.no_business"), el("p", {}, t("merchant.no_business_hint")));
      else await this.route();
    }, () => void this.signedIn());
  }

  /** What the address asks for: the list, or one coupon. */
  private async route(): Promise<void> {
    const id = new URL(location.href).searchParams.get("coupon");
    if (id === null) await this.showList();
    else await this.open(id);
  }

  private remember(id: string | null): void {
    const url = new URL(location.href);
    if (id === null) url.searchParams.delete("coupon");
    else url.searchParams.set("coupon", id);
    if (url.href !== location.href) history.pushState(null, "", url);
  }

  private async trying(run: () => Promise<void>, again: (() => void) | null): Promise<void> {
    const done = busy();
    try {
      await run();
    } catch (error) {
      this.failed(error, again);
    } finally {
      done();
    }
  }

  private failed(error: unknown, again: (() => void) | null): void {
    if (wasAborted(error)) return;
    if (error instanceof SignedOut) {
      this.signIn();
      return;
    }
    const retry = again !== null && isUndecided(error) ? [{ label: t("error.retry"), run: again }] : [];
    this.show(t("merchant.trouble"), note("bad", refusalWords(error), [], retry), act(t("merchant.back"), () => this.showList()));
  }

  // the list

  private async showList(): Promise<void> {
    const shop = this.business;
    if (shop === null) return;
    this.remember(null);
    const rows = el("ul", { class: "shop-list" });
    const more = el("div", {});
    const owner = api.people.role === "owner";
    const signal = this.show(shop.name, ...(owner ? [act(t("merchant.new"), () => this.compose(null))] : []), rows, more);
    const page = async (cursor: string | null): Promise<void> => {
      const found = await api.list(shop.merchant_id, cursor, signal);
      rows.append(...found.items.map((each) => this.row(each)));
      if (rows.childElementCount === 0) more.replaceChildren(el("p", { class: "summary" }, t("merchant.none_yet")));
      else more.replaceChildren(...(found.next_cursor === null ? [] : [act(t("merchant.more"), () => page(found.next_cursor), "act act-second")]));
    };
    await this.trying(() => page(null), () => void this.showList());
  }

  private row(brief: Brief): HTMLElement {
    const link = button(
      { class: "shop-row", "data-coupon": brief.coupon_id },
      () => void this.open(brief.coupon_id),
      el("b", {}, inLanguage(brief.titles)),
      el(
        "span",
        { class: "shop-row-facts" },
        stateMark(brief.state),
        brief.has_draft && brief.state !== "draft" && el("span", { class: "state state-draft" }, t("merchant.has_draft")),
        brief.state !== "draft" && el("span", {}, t("merchant.counts", { taken: format.count(brief.taken), left: format.count(brief.left) })),
      ),
    );
    return el("li", {}, link);
  }

  // one coupon

  private async open(id: string): Promise<void> {
    const signal = this.show(t("merchant.opening"));
    await this.trying(async () => this.manage(await api.look(id, signal)), () => void this.open(id));
  }

  private manage(seen: Seen): void {
    const shop = this.business;
    const shown = seen.coupon.terms ?? seen.coupon.draft;
    if (shop === null || shown === null) return;
    this.remember(seen.coupon.coupon_id);
    const said = el("div", { id: "shop-said" });
    const doing = {
      change: (run: () => Promise<Seen>) => this.change(seen, run),
      edit: () => this.compose(seen),
      back: () => void this.showList(),
      gone: () => void this.showList(),
    };
    const left = seen.coupon.stock?.left ?? shown.quota;
    this.show(
      inLanguage(shown.titles),
      el("div", { class: "shop-two" }, el("div", { class: "shop-left stack" }, said, ...manageView(seen, doing)), this.previewPart(previewOf(shown, shop, left))),
    );
  }

  private previewPart(phone: HTMLElement): HTMLElement {
    return el("aside", { class: "shop-preview", "aria-label": t("merchant.preview") }, el("h3", {}, t("merchant.preview")), phone);
  }

  /** Shows what a coupon became; a refusal stands above it, and somebody else's change is shown. */
  private async change(seen: Seen, run: () => Promise<Seen>): Promise<void> {
    try {
      const now = await run();
      this.manage(now);
      announce(t(`merchant.state.${now.coupon.state}` as Word));
    } catch (error) {
      if (error instanceof SignedOut || wasAborted(error)) {
        this.failed(error, null);
        return;
      }
      if (error instanceof ApiProblem && error.code === "precondition-failed") this.manage(await api.look(seen.coupon.coupon_id));
      const lines = error instanceof ApiProblem ? error.faults.map(({ pointer, detail }) => `${pointer ?? ""} ${detail}`) : [];
      byId("shop-said").replaceChildren(note("bad", refusalWords(error, ["merchant.reason", "problem"]), lines));
      scrollTo({ top: 0 });
    }
  }

  // the form

  private compose(seen: Seen | null): void {
    const shop = this.business;
    if (shop === null) return;
    const coupon = seen?.coupon ?? null;
    const terms = coupon?.draft ?? coupon?.terms ?? freshTerms(shop);
    const published = coupon !== null && coupon.state !== "draft";
    const said = el("div", { id: "shop-said" });
    const phone = el("div", {});
    let key = newId();
    const draw = (): void => phone.replaceChildren(previewOf(shape.shown(), shop, shape.shown().quota));
    const shape = new TermsForm(terms, shop, published, draw);
    const keep = async (publish: boolean): Promise<void> => {
      said.replaceChildren();
      const body = shape.read();
      if (body === null) return;
      try {
        const kept = await this.save(seen, body, key);
        seen = kept;
        this.manage(publish ? await api.act(kept, "publish") : kept);
      } catch (error) {
        // A refusal ends what was tried; what is mended is another request. Without an answer, it is the same.
        if (!isUndecided(error)) key = newId();
        this.refused(error, shape, said, seen);
      }
    };
    const save = form({ class: "stack", id: "terms-form" }, t("merchant.do.save"), () => keep(false), shape.node, said);
    save.append(act(t("merchant.do.save_publish"), () => keep(true), "act act-deal"));
    save.append(act(t("merchant.cancel"), () => (seen === null ? this.showList() : this.manage(seen)), "act act-second"));
    this.show(coupon === null ? t("merchant.new") : t("merchant.edit_of", { title: inLanguage(terms.titles) }), el("div", { class: "shop-two" }, el("div", { class: "shop-left" }, save), this.previewPart(phone)));
    draw();
  }

  private async save(seen: Seen | null, body: Body, key: string): Promise<Seen> {
    const shop = this.business;
    if (seen !== null) return api.edit(seen, body);
    const whole = Object.fromEntries(Object.entries(body).filter(([, value]) => value !== null));
    return api.create({ ...whole, merchant_id: shop?.merchant_id, city_id: shop?.city_id }, key);
  }

  private refused(error: unknown, shape: TermsForm, said: HTMLElement, seen: Seen | null): void {
    if (error instanceof SignedOut || wasAborted(error)) {
      this.failed(error, null);
      return;
    }
    const rest = error instanceof ApiProblem ? shape.place(error.faults) : [];
    const placed = error instanceof ApiProblem && error.faults.length > rest.length;
    const lines = rest.map(({ pointer, detail }) => `${pointer ?? ""} ${detail}`);
    const again = error instanceof ApiProblem && error.code === "precondition-failed" && seen !== null;
    const reload = again ? [{ label: t("merchant.look_again"), run: () => void this.open(seen.coupon.coupon_id) }] : [];
    said.replaceChildren(note("bad", placed ? t("merchant.mend") : refusalWords(error, ["merchant.reason", "problem"]), lines, reload));
  }
}

void new Shop().start().finally(busy());
