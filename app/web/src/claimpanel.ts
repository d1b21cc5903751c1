// Claiming in a coupon's sheet: the terms that matter now, one button, and the truth about what came of it.
import { begun, claimCoupon, member, type Claim, type ClaimBody, type Where } from "./claims";
import { asNumber, asText } from "./couponsheet";
import { deviceId } from "./device";
import { el } from "./dom";
import { act, note, type NoteAction } from "./form";
import * as format from "./format";
import { deviceFix, NoPosition } from "./geolocate";
import { groupHref, startGroup, type SeatBody } from "./group/groupapi";
import { maybe, t } from "./i18n";
import { carryOut } from "./intents";
import { announce } from "./notice";
import { placeCodeForm } from "./placecode";
import { refusalWords, troubleNote } from "./problems";
import { ApiProblem, wasAborted } from "./request";
import { SignedOut } from "./session";
import { perTab } from "./storage";
import type { CouponDetail } from "./types";

interface ClaimPanelEvents {
  signInNeeded(): void;
  claimed(claim: Claim): void;
  walletAsked(): void;
}

/** The coupon whose group its reader wanted to begin before signing in. */
const WANTS_GROUP = "fujin.group.wanted";

const nameOf = (coupon: CouponDetail): string => `claim.${coupon.coupon_id}`;

function until(coupon: CouponDetail, zone: string | null): string | null {
  const days = asNumber(coupon.terms?.["valid_days_after_claim"]);
  if (coupon.use_until !== null) return t("claim.use_until", { time: format.deadline(coupon.use_until, zone) });
  return days === null ? null : t("claim.use_days", { n: days });
}

function limits(coupon: CouponDetail): string | null {
  const most = asNumber(coupon.terms?.["per_member"]);
  const daily = asNumber(coupon.terms?.["per_member_day"]);
  const parts = [
    most === null ? null : t("claim.limit", { n: most }),
    daily === null ? null : t("claim.limit_day", { n: daily }),
  ];
  return parts.filter((part) => part !== null).join(t("claim.and")) || null;
}

function facts(coupon: CouponDetail, zone: string | null): HTMLElement {
  const price = format.amount(coupon.price);
  const refund = asText(coupon.terms?.["refund_policy"]);
  const reach = asNumber(coupon.terms?.["claim_within_m"]);
  const lines = [
    price === null ? t("claim.is_free") : t("claim.costs", { price }),
    until(coupon, zone),
    limits(coupon),
    refund === null || price === null ? t("claim.give_back") : maybe(`claim.refund.${refund}`),
    reach === null ? null : t("claim.place", { distance: format.distance(reach) }),
  ];
  return el("ul", { class: "claim-facts" }, ...lines.map((line) => line !== null && el("li", {}, line)));
}

/** Why it can't be claimed whoever asks; null when it can. */
function closed(coupon: CouponDetail): string | null {
  if (coupon.state === "paused") return t("claim.paused");
  if (coupon.state !== undefined && coupon.state !== "published") return t("problem.claim-window-closed");
  if (coupon.claim_until !== null && Date.parse(coupon.claim_until) <= Date.now()) return t("problem.claim-window-closed");
  return coupon.stock_left === 0 ? t("problem.sold-out") : null;
}

export class ClaimPanel {
  readonly node: HTMLElement;
  private readonly said = el("div", { class: "claim-said" });
  private readonly go: HTMLButtonElement;
  private readonly together: HTMLButtonElement | null;

  constructor(
    private readonly coupon: CouponDetail,
    zone: string | null,
    private readonly signal: AbortSignal,
    private readonly events: ClaimPanelEvents,
  ) {
    const price = format.amount(coupon.price);
    this.go = act(price === null ? t("claim.free") : t("claim.buy", { price }), () => this.claim(), "act act-deal");
    this.go.id = "claim";
    const no = closed(coupon);
    this.go.hidden = no !== null;
    if (no !== null) this.said.replaceChildren(el("p", { class: "claim-closed" }, no));
    this.together = no === null ? this.groupButton() : null;
    this.node = el("section", { class: "claim-panel", "aria-label": t("claim.title") }, facts(coupon, zone), this.said, this.together, this.go);
  }

  /** Begins a group of the coupon's group deal; the group has a page of its own. */
  private groupButton(): HTMLButtonElement | null {
    const deal = this.coupon.group_deal;
    if (!deal?.price) return null;
    this.go.className = "act act-second";
    const label = t("group.start", { price: format.amount(deal.price) ?? t("coupon.free") });
    const node = act(label, () => this.start(), "act act-deal");
    node.id = "start-group";
    node.title = t("group.start_hint", { target: format.count(deal.target) });
    return node;
  }

  private async start(given: Where = null): Promise<void> {
    if (!member.signedIn) {
      perTab.write(WANTS_GROUP, this.coupon.coupon_id);
      this.events.signInNeeded();
      return;
    }
    this.said.replaceChildren();
    const body: SeatBody = { coupon_id: this.coupon.coupon_id };
    if (asNumber(this.coupon.terms?.["per_device"]) !== null) body.device_id = deviceId();
    try {
      const where = given ?? (await this.position());
      const group = await carryOut(
        begun,
        `start.${this.coupon.coupon_id}`,
        body,
        (intent) => startGroup(intent.body, where, intent.key),
        (trouble) => this.said.replaceChildren(troubleNote(trouble, "claim.checking", "claim.checking_more")),
        this.signal,
      );
      location.assign(`${groupHref(group.group_id)}?lang=${document.documentElement.lang}`);
    } catch (error) {
      const mine = error instanceof ApiProblem ? error.groupId : null;
      if (mine !== null) location.assign(`${groupHref(mine)}?lang=${document.documentElement.lang}`);
      else this.failed(error, (code) => this.start(code));
    }
  }

  /** Goes on with a claim whose end was never heard, or (`wanted`) with one that sign-in had to come before. */
  resume(wanted: boolean): void {
    const open = begun.pending(nameOf(this.coupon)) !== null;
    const grouped = perTab.read<string>(WANTS_GROUP) === this.coupon.coupon_id;
    perTab.remove(WANTS_GROUP);
    if (!member.signedIn) return;
    if (wanted && grouped && this.together !== null) this.together.click();
    else if (open || wanted) this.go.click();
  }

  private async claim(given: Where = null): Promise<void> {
    if (!member.signedIn) {
      this.events.signInNeeded();
      return;
    }
    this.said.replaceChildren();
    try {
      const claim = await this.send(given ?? (await this.position()));
      announce(t("claim.done"));
      this.events.claimed(claim);
    } catch (error) {
      this.failed(error, (code) => this.claim(code));
    }
  }

  private async position(): Promise<Where> {
    const { terms } = this.coupon;
    if (asNumber(terms?.["claim_within_m"]) === null && terms?.["claim_in_area"] !== true) return null;
    this.said.replaceChildren(note("wait", t("claim.position.searching")));
    return { location: await deviceFix() };
  }

  private send(where: Where): Promise<Claim> {
    const body: ClaimBody = { coupon_id: this.coupon.coupon_id };
    if (asNumber(this.coupon.terms?.["per_device"]) !== null) body.device_id = deviceId();
    const again = begun.pending(nameOf(this.coupon)) !== null;
    if (again) this.said.replaceChildren(note("wait", t("claim.checking"), [t("claim.checking_again")]));
    return carryOut(
      begun,
      nameOf(this.coupon),
      body,
      // The server tells two requests apart without the position, so a retry may carry a newer one.
      (intent) => claimCoupon(intent.body, where, intent.key),
      (trouble) => this.said.replaceChildren(troubleNote(trouble, "claim.checking", "claim.checking_more")),
      this.signal,
    );
  }

  /** `retry` tries the same again with the digits of a place's till. */
  private failed(error: unknown, retry: (where: Where) => Promise<void>): void {
    if (wasAborted(error)) return;
    if (error instanceof SignedOut) {
      this.events.signInNeeded();
      return;
    }
    const again: NoteAction = { label: t("claim.position.again"), run: () => this.go.click() };
    const form = (): HTMLElement => placeCodeForm(this.coupon.places ?? [], (place_code) => retry({ place_code }));
    const digits: NoteAction = { label: t("claim.till_code.ask"), run: () => this.said.replaceChildren(form()) };
    if (error instanceof NoPosition) {
      this.said.replaceChildren(note("bad", t("claim.position.none"), [t(`claim.position.${error.why}`)], [again, digits]));
      return;
    }
    const challenged = error instanceof ApiProblem && error.answerWith.includes("place_code");
    const code = error instanceof ApiProblem ? error.code : "";
    const held: NoteAction = { label: t("wallet.open"), run: () => this.events.walletAsked() };
    const actions: NoteAction[] = code.startsWith("location-") || code === "outside-geofence" ? [again] : /^(user|device)-limit$/.test(code) ? [held] : [];
    if (challenged) actions.push(digits);
    this.said.replaceChildren(note("bad", t("claim.refused"), [refusalWords(error)], actions));
  }
}
