// One claim: its payment while it waits for one, its code while it can be used, and what became of it.
import * as api from "./api";
import * as claims from "./claims";
import { byDistance, placeLink } from "./couponsheet";
import { codeCard } from "./codecard";
import { el } from "./dom";
import { act, note } from "./form";
import { groupHref } from "./group/groupapi";
import * as format from "./format";
import { counted, maybe, t } from "./i18n";
import { carryOut, watch } from "./intents";
import { announce } from "./notice";
import { PayStep } from "./paystep";
import { refusalWords, troubleNote } from "./problems";
import { wasAborted } from "./request";
import { section, terms, type Facts } from "./rows";
import { SignedOut } from "./session";
import type { CouponDetail, LonLat } from "./types";

const LOOK_EVERY_S = 3;

interface ClaimLinks {
  placeHref(id: string): string;
  from: LonLat | null;
  signInNeeded(): void;
}

export class ClaimView {
  readonly head = el("div", { class: "claim-head" });
  private readonly foot = el("div", { class: "claim-foot" });
  private readonly details = el("div", {});
  private readonly places = el("div", {});
  private before: claims.Claim;

  constructor(
    private claim: claims.Claim,
    private readonly links: ClaimLinks,
    private readonly signal: AbortSignal,
  ) {
    this.before = claim;
    void this.show();
    void this.showPlaces();
    void watch(LOOK_EVERY_S, signal, () => this.look());
  }

  get body(): Node[] {
    return [this.head, section(t("coupon.terms"), this.details), this.places, this.foot];
  }

  private async look(): Promise<boolean> {
    if (!mayChange(this.claim)) return true;
    this.take(await claims.oneClaim(this.claim.claim_id, this.signal, true));
    return false;
  }

  /** Shows a newer state; the same one leaves the sheet alone. */
  private take(claim: claims.Claim): void {
    const code = claim.next_actions.includes("show_code") === this.claim.next_actions.includes("show_code");
    const same = claim.state === this.claim.state && claim.units_left === this.claim.units_left && code;
    this.before = this.claim;
    this.claim = claim;
    if (!same) void this.show();
  }

  private async show(): Promise<void> {
    this.details.replaceChildren(terms(this.facts()));
    this.foot.replaceChildren(...this.cancelling());
    const news = this.news();
    if (news !== null) announce(news);
    const said = news === null ? [] : [note("good", news)];
    if (this.claim.state === "pending_payment") this.head.replaceChildren(...said, this.payStep().node);
    else if (this.claim.next_actions.includes("show_code")) await this.showCode(said);
    else if (this.claim.state === "active" && this.claim.group_id) this.head.replaceChildren(...said, waiting(this.claim.group_id));
    else this.head.replaceChildren(...said, ended(this.claim));
  }

  /** What has just happened while the sheet was open. */
  private news(): string | null {
    const used = this.before.units_left - this.claim.units_left;
    if (used > 0 || (this.claim.state === "redeemed" && this.before.state === "active")) {
      return this.claim.units_left === 0 ? t("claim.just_used") : counted("claim.just_used_left", this.claim.units_left, format.count(this.claim.units_left));
    }
    if (used < 0) return t("claim.just_undone");
    return this.before.state === "pending_payment" && this.claim.state === "active" ? t("pay.done") : null;
  }

  private async showCode(said: Node[]): Promise<void> {
    const { claim_id } = this.claim;
    try {
      const [code, picture] = await Promise.all([claims.codeOf(claim_id, this.signal), claims.qrOf(claim_id, this.signal)]);
      this.head.replaceChildren(...said, codeCard(this.claim, code, picture));
    } catch (error) {
      const again = { label: t("error.retry"), run: () => void this.show() };
      this.failed(error, (why) => this.head.replaceChildren(...said, note("bad", t("claim.no_code"), [why], [again])));
    }
  }

  /** Whoever is signed out signs in again; any other failure is told where it happened. */
  private failed(error: unknown, tell: (why: string) => void): void {
    if (wasAborted(error)) return;
    if (error instanceof SignedOut) this.links.signInNeeded();
    else tell(refusalWords(error));
  }

  private payStep(): PayStep {
    return new PayStep(this.claim, this.signal, {
      ended: () => void this.reload(),
      signInNeeded: () => this.links.signInNeeded(),
    });
  }

  private async reload(): Promise<void> {
    try {
      this.take(await claims.oneClaim(this.claim.claim_id, this.signal));
    } catch (error) {
      this.failed(error, (why) => this.foot.prepend(note("bad", why)));
    }
  }

  private facts(): Facts {
    const { claim } = this;
    const price = format.amount(claim.price);
    const refund = price === null ? t("claim.give_back") : maybe(`claim.refund.${claim.refund_policy}`);
    const later = Date.parse(claim.valid_from) > Date.now();
    return [
      [t("coupon.price"), price ?? t("coupon.free")],
      [t("claim.from"), later ? format.moment(claim.valid_from, claim.time_zone) : null],
      [t("coupon.use_window"), format.deadline(claim.valid_until, claim.time_zone)],
      [t("claim.zone"), claim.time_zone === format.ownZone ? null : claim.time_zone],
      [t("claim.units"), claim.units > 1 ? t("claim.units_of", { left: claim.units_left, all: claim.units }) : null],
      [t("terms.use_hours"), claim.use_hours],
      [t("terms.blackout"), claim.blackout_dates.length > 0 ? claim.blackout_dates.map(format.day).join(", ") : null],
      [t("terms.refund_policy"), refund],
    ];
  }

  private async showPlaces(): Promise<void> {
    let coupon: CouponDetail;
    try {
      coupon = await api.coupon(this.claim.coupon_id, this.signal);
    } catch {
      // The code works without the list of places; the coupon itself may have ended since.
      return;
    }
    const places = byDistance(coupon.places ?? [], this.links.from);
    if (places.length === 0) return;
    const links = places.map(({ place, away }) => placeLink(place, away, this.links.placeHref(place.place_id)));
    this.places.replaceChildren(section(t("coupon.where"), el("ul", { class: "where" }, ...links)));
  }

  /** Giving it back takes two steps: the rule first, then the deed. */
  private cancelling(): Node[] {
    if (!this.claim.next_actions.includes("cancel")) return [];
    const first = act(t("cancel.ask"), () => this.foot.replaceChildren(...this.sure()), "act act-second");
    return [first];
  }

  private sure(): Node[] {
    const unpaid = this.claim.price.amount_minor === 0 || this.claim.state === "pending_payment";
    const rule = t(unpaid ? "cancel.free" : "cancel.paid");
    const said = el("div", {});
    const go = act(t("cancel.go"), () => this.cancel(said));
    const keep = act(t("cancel.keep"), () => this.foot.replaceChildren(...this.cancelling()), "act act-second");
    queueMicrotask(() => go.focus());
    return [note("wait", t("cancel.sure"), [rule]), said, go, keep];
  }

  private async cancel(said: HTMLElement): Promise<void> {
    const { claim_id } = this.claim;
    try {
      const answer = await carryOut(
        claims.begun,
        `cancel.${claim_id}`,
        {},
        ({ key }) => claims.cancelClaim(claim_id, key),
        (trouble) => said.replaceChildren(troubleNote(trouble, "claim.checking")),
        this.signal,
      );
      this.take(answer);
      if (isLive(answer)) this.foot.replaceChildren(note("wait", t("cancel.refunding"), [t("cancel.refunding_more")]));
    } catch (error) {
      this.failed(error, (why) => this.foot.replaceChildren(note("bad", t("cancel.refused"), [why]), ...this.cancelling()));
    }
  }
}

/** A used one too: the till may undo its use while the sheet is open. */
const mayChange = (claim: claims.Claim): boolean => isLive(claim) || claim.state === "redeemed";

const isLive = (claim: claims.Claim): boolean => claim.state === "active" || claim.state === "pending_payment";

/** Paid for, and without a code before enough others have paid too. */
function waiting(group: string): HTMLElement {
  return el(
    "div",
    { class: "claim-over" },
    el("b", {}, t("group.waits")),
    el("p", {}, t("group.waits_more")),
    el("p", {}, el("a", { href: groupHref(group) }, t("group.open"))),
  );
}

function ended(claim: claims.Claim): HTMLElement {
  const more = maybe(`claim.over.${claim.state}`);
  return el(
    "div",
    { class: "claim-over" },
    el("b", {}, t(`claim.state.${claim.state}`)),
    more !== null && el("p", {}, more),
    el("p", { class: "small-print" }, t("claim.tail", { tail: claim.code_tail })),
  );
}
