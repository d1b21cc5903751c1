// One group: what the deal is, how far it is, one thing to do next, and the code once the deal is made.
import "./group.css";
import { coupon } from "../api";
import * as claims from "../claims";
import { codeCard } from "../codecard";
import { deviceId } from "../device";
import { byId, el, langTag } from "../dom";
import { act, note } from "../form";
import * as format from "../format";
import { deviceFix, NoPosition } from "../geolocate";
import { t } from "../i18n";
import { carryOut, watch } from "../intents";
import { announce } from "../notice";
import { PayStep } from "../paystep";
import { placeCodeForm } from "../placecode";
import { refusalWords, troubleNote } from "../problems";
import { busy } from "../ready";
import { ApiProblem, wasAborted } from "../request";
import { SignedOut } from "../session";
import { share } from "../share";
import { signIn } from "../signin";
import { begun, joinGroup, member, oneGroup, type Group, type SeatBody } from "./groupapi";
import { progress } from "./progress";

const LOOK_EVERY_S = 3;

class GroupPage {
  private readonly id = location.pathname.split("/").pop() ?? "";
  private readonly invite = new URLSearchParams(location.search).get("invite");
  private readonly signal = new AbortController().signal;
  private readonly head = el("div", { class: "group-head" });
  private readonly bar = el("div", {});
  private readonly said = el("div", { class: "group-said-now" });
  private readonly next = el("div", { class: "group-next" });
  private group: Group | null = null;
  private shown = "";
  /** The reader wanted a seat before signing in. */
  private wanted = false;

  async start(): Promise<void> {
    this.keepInviteInLanguageLink();
    byId("group").replaceChildren(this.head, this.bar, this.said, this.next);
    await this.reload();
    if (this.group !== null && begun.pending(this.name) !== null && member.signedIn) this.next.querySelector<HTMLButtonElement>("#join")?.click();
    void watch(LOOK_EVERY_S, this.signal, () => this.look());
  }

  private get name(): string {
    return `group.${this.id}`;
  }

  private keepInviteInLanguageLink(): void {
    const link = byId<HTMLAnchorElement>("language");
    const query = new URLSearchParams(location.search);
    query.set("lang", link.hreflang);
    link.href = `?${query.toString()}`;
  }

  private async look(): Promise<boolean> {
    if (this.group === null || ["closed"].includes(this.group.state)) return true;
    this.take(await oneGroup(this.id, this.invite, this.signal, true));
    return false;
  }

  private async reload(): Promise<void> {
    const done = busy();
    try {
      this.take(await oneGroup(this.id, this.invite, this.signal));
    } catch (error) {
      if (!wasAborted(error)) this.missing(error);
    } finally {
      done();
    }
  }

  private missing(error: unknown): void {
    const gone = error instanceof ApiProblem && error.status === 404;
    const again = gone ? [] : [{ label: t("error.retry"), run: () => void this.reload() }];
    const lines = gone ? [t("group.gone_more")] : [refusalWords(error)];
    this.head.replaceChildren(note("bad", gone ? t("group.gone") : t("error.title"), lines, again));
    this.bar.replaceChildren();
    this.next.replaceChildren(homeLink());
  }

  /** Shows a newer state; what the reader is doing is left alone while the state of their seat is the same. */
  private take(group: Group): void {
    const before = this.group;
    this.group = group;
    if (before === null) this.showHead(group);
    this.bar.replaceChildren(progress(group, () => setTimeout(() => void this.reload(), 1500)));
    const key = JSON.stringify([group.state, group.seat, group.next_actions, group.claim?.state, group.claim?.claim_id]);
    if (key === this.shown) return;
    this.shown = key;
    if (before !== null && before.state !== group.state) announce(t(group.state === "succeeded" ? "group.made" : "group.failed"));
    void this.showNext(group);
  }

  private showHead(group: Group): void {
    document.title = `${group.title} · ${t("group.title")}`;
    const price = format.amount(group.price) ?? t("coupon.free");
    const alone = format.amount(group.single_price);
    const saved = group.single_price.amount_minor - group.price.amount_minor;
    this.head.replaceChildren(
      el("h1", { lang: langTag(group.lang) }, group.title),
      ...(group.merchant === null ? [] : [el("p", { class: "group-merchant" }, t("group.from", { merchant: group.merchant.name }))]),
      el(
        "p",
        { class: "group-price" },
        el("b", {}, t("group.price", { price })),
        alone !== null && saved > 0 && el("span", {}, t("group.alone", { price: alone })),
        saved > 0 && el("span", { class: "pill" }, t("group.saved", { saved: format.money({ ...group.single_price, amount_minor: saved }) })),
      ),
    );
  }

  private async showNext(group: Group): Promise<void> {
    this.said.replaceChildren(...standing(group));
    const { claim } = group;
    const parts: Node[] = [];
    if (group.next_actions.includes("join")) parts.push(...this.joining(group));
    if (claim !== null && group.next_actions.includes("pay")) {
      parts.push(new PayStep(claim, this.signal, { ended: () => void this.reload(), signInNeeded: () => this.askWho() }).node);
    }
    if (claim !== null && group.next_actions.includes("show_code")) parts.push(await this.code(claim));
    if (group.next_actions.includes("invite") && group.seat === "joined") parts.push(this.inviting(group));
    if (claim !== null && group.next_actions.includes("cancel")) {
      const href = `/?claim=${encodeURIComponent(claim.claim_id)}&lang=${document.documentElement.lang}`;
      parts.push(el("p", { class: "group-more" }, el("a", { href }, t("group.leave"))));
    }
    if (parts.length === 0) parts.push(homeLink());
    if (this.shown !== "" && this.group === group) this.next.replaceChildren(...parts);
  }

  private joining(group: Group): Node[] {
    const price = format.amount(group.price);
    const join = act(price === null ? t("group.join_free") : t("group.join", { price }), () => this.join(), "act act-deal");
    join.id = "join";
    return [join, el("p", { class: "summary" }, t(price === null ? "group.how_free" : "group.how"))];
  }

  private inviting(group: Group): HTMLElement {
    const path = `/group/${group.group_id}?invite=${group.invite ?? ""}`;
    const kind = group.state === "open" ? "act" : "act act-second";
    return act(t("group.invite"), () => share(path, t("group.share", { title: group.title })), kind);
  }

  private async code(claim: claims.Claim): Promise<Node> {
    try {
      const { claim_id } = claim;
      const [code, picture] = await Promise.all([claims.codeOf(claim_id, this.signal), claims.qrOf(claim_id, this.signal)]);
      return codeCard(claim, code, picture);
    } catch (error) {
      return note("bad", t("claim.no_code"), [refusalWords(error)], [{ label: t("error.retry"), run: () => this.again() }]);
    }
  }

  private again(): void {
    this.shown = "";
    void this.reload();
  }

  private askWho(): void {
    this.wanted = true;
    this.said.replaceChildren();
    const done = (): void => {
      this.shown = "";
      void this.reload().then(() => {
        if (this.wanted) this.next.querySelector<HTMLButtonElement>("#join")?.click();
        this.wanted = false;
      });
    };
    this.next.replaceChildren(signIn(t("group.why_sign_in"), done));
  }

  private async join(given: claims.Where = null): Promise<void> {
    const { group } = this;
    if (group === null) return;
    if (!member.signedIn) {
      this.askWho();
      return;
    }
    const body: SeatBody = {};
    if (this.invite !== null) body.invite = this.invite;
    if (group.wants_device) body.device_id = deviceId();
    try {
      const where = given ?? (await this.position(group));
      const joined = await carryOut(
        begun,
        this.name,
        body,
        (intent) => joinGroup(this.id, intent.body, where, intent.key),
        (trouble) => this.said.replaceChildren(troubleNote(trouble, "claim.checking", "claim.checking_more")),
        this.signal,
      );
      this.take(joined);
    } catch (error) {
      this.refused(error);
    }
  }

  private async position(group: Group): Promise<claims.Where> {
    if (!group.wants_position) return null;
    this.said.replaceChildren(note("wait", t("claim.position.searching")));
    return { location: await deviceFix() };
  }

  /** The digits of a place's till, in place of a position. */
  private async askTillCode(): Promise<void> {
    if (this.group === null) return;
    try {
      const { places } = await coupon(this.group.coupon_id, this.signal);
      this.said.replaceChildren(placeCodeForm(places ?? [], (place_code) => this.join({ place_code })));
    } catch (error) {
      this.refused(error);
    }
  }

  private refused(error: unknown): void {
    if (wasAborted(error)) return;
    if (error instanceof SignedOut) {
      this.askWho();
      return;
    }
    const again = { label: t("claim.position.again"), run: () => this.next.querySelector<HTMLButtonElement>("#join")?.click() };
    const digits = { label: t("claim.till_code.ask"), run: () => void this.askTillCode() };
    if (error instanceof NoPosition) {
      this.said.replaceChildren(note("bad", t("claim.position.none"), [t(`claim.position.${error.why}`)], [again, digits]));
      return;
    }
    const code = error instanceof ApiProblem ? error.code : "";
    const actions = code.startsWith("location-") || code === "outside-geofence" ? [again] : [];
    if (error instanceof ApiProblem && error.answerWith.includes("place_code")) actions.push(digits);
    this.said.replaceChildren(note("bad", t("group.refused"), [refusalWords(error)], actions));
    if (code.startsWith("group-")) void this.reload();
  }
}

const homeLink = (): HTMLElement => el("p", {}, el("a", { class: "remedy", href: `/?tab=deals&lang=${document.documentElement.lang}` }, t("group.home")));

/** Where the group and the reader stand, in a note. */
function standing(group: Group): Node[] {
  const { seat, state } = group;
  const over = Date.parse(group.deadline) <= Date.now();
  if (state === "failed" || state === "closed") {
    const mine = seat === "refunded" ? "group.paid_back" : seat === "joined" || seat === "refunding" ? "group.failed_more" : "group.failed_others";
    return [note("bad", t("group.failed"), [t(mine)])];
  }
  if (seat === "reserved") return [note("wait", t("group.reserved"), [t("group.reserved_more")])];
  if (state === "succeeded") {
    if (group.claim?.state === "redeemed") return [note("good", t("group.made"), [t("group.used")])];
    if (seat === "joined") return [note("good", t("group.made"), [t("group.made_more")])];
    return group.next_actions.includes("join") ? [note("good", t("group.made_join"))] : [note("wait", over ? t("group.over") : t("group.full"))];
  }
  if (over) return [note("wait", t("group.over"), [t("group.over_more")])];
  if (seat === "joined") return [note("good", t("group.joined"), [t("group.joined_more")])];
  if (seat === "left" && group.next_actions.includes("join")) return [note("wait", t("group.left_it"))];
  return group.next_actions.includes("join") ? [] : [note("wait", t("group.full"), [t("group.full_more")])];
}

void new GroupPage().start().finally(busy());
