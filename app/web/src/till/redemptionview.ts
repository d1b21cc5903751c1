// One redemption: held with its lease, charged, done with its receipt, undone; each as the server knows it.
import type { Provider } from "../api";
import { button, el, present } from "../dom";
import { act, note } from "../form";
import * as format from "../format";
import { t, type Word } from "../i18n";
import { carryOut, untilDecided, watch, type Trouble } from "../intents";
import { announce } from "../notice";
import { pay } from "../paying";
import { refusalWords, troubleNote } from "../problems";
import { wasAborted } from "../request";
import { SignedOut } from "../session";
import { section, terms } from "../rows";
import { countdown } from "./countdown";
import { bill } from "./splittable";
import * as api from "./tillapi";
import type { Redemption, TillPlace } from "./tilltypes";

interface Counter {
  place: TillPlace;
  /** How money can be taken here. */
  ways: Provider[];
}

interface RedemptionEvents {
  next(): void;
  signInNeeded(): void;
}

const METHOD_OF = { cash: "cash", test_wallet: "user_scans" } as const;
/** Sent as they stand: they are for the merchant's books, not for a reader's language. */
const REASONS = ["customer changed their mind", "wrong code", "wrong amount", "not available"] as const;

export class RedemptionView {
  readonly node = el("div", { class: "stack" });
  private readonly said = el("div", { class: "till-said" });

  constructor(
    private redemption: Redemption,
    private readonly counter: Counter,
    private readonly signal: AbortSignal,
    private readonly events: RedemptionEvents,
  ) {
    this.show();
    void watch(2, signal, async () => {
      if (this.waits) this.take(await api.oneRedemption(this.id, this.signal));
      return false;
    });
  }

  private get id(): string {
    return this.redemption.redemption_id;
  }

  /** True while the server may change it without being asked by this page. */
  private get waits(): boolean {
    const { state, payment, reversal_pending } = this.redemption;
    return reversal_pending || (state === "held" && payment !== null && !["failed", "cancelled"].includes(payment.state));
  }

  private take(redemption: Redemption): void {
    const before = this.redemption;
    this.redemption = redemption;
    if (before.state === redemption.state && before.reversal_pending === redemption.reversal_pending) return;
    this.said.replaceChildren();
    this.show();
  }

  private show(): void {
    const { redemption } = this;
    const { state, split, units } = redemption;
    const content = state === "held" ? this.held() : state === "committed" ? this.done() : this.over(state);
    const titles = units.slice(0, 1).map((unit) => el("h3", { class: "till-title" }, unit.title));
    const due = t(state === "held" ? "till.payable" : "till.was_payable");
    this.node.replaceChildren(...content, ...titles, bill(split, due), this.receipt());
    announce(t(`till.state.${state}`));
  }

  private next(second = true): HTMLElement {
    return act(t("till.next"), () => this.events.next(), second ? "act act-second" : "act");
  }

  private held(): Node[] {
    const { redemption } = this;
    const can = (action: Redemption["next_actions"][number]): boolean => redemption.next_actions.includes(action);
    const price = format.money(redemption.split.payable);
    const due = redemption.split.payable.amount_minor > 0;
    const ways = this.counter.ways.map((way, at) =>
      act(t(`till.way.${way}`, { price }), () => this.charge(way), at === 0 ? "act act-deal" : "act"),
    );
    return present(
      note("wait", t("till.state.held"), [due ? t("till.take_money", { price }) : t("till.confirm")]),
      redemption.lease_until !== null &&
        el("p", { class: "till-time" }, t("till.lease"), " ", countdown(redemption.lease_until, () => void this.reload(), this.signal)),
      this.said,
      ...(due && can("pay") ? ways : []),
      can("commit") && act(t(due ? "till.commit_paid" : "till.redeem"), () => this.change("commit", {}), due ? "act act-second" : "act"),
      can("void") && act(t("till.void"), () => this.change("void", { reason: "let go at the till" }), "act act-second"),
    );
  }

  private done(): Node[] {
    const { redemption } = this;
    if (redemption.reversal_pending) {
      return [note("wait", t("till.undoing"), [t("till.undoing_more")]), this.said, this.next()];
    }
    const undo = el("div", { class: "stack" });
    this.offerUndo(undo);
    return [note("good", t("till.state.committed"), paidWords(redemption)), this.said, this.next(false), undo];
  }

  private offerUndo(place: HTMLElement): void {
    const { next_actions, reverse_before } = this.redemption;
    const over = (): void => place.replaceChildren(el("p", { class: "till-time" }, t("till.undo_over")));
    if (!next_actions.includes("reverse") || reverse_before === null) {
      over();
      return;
    }
    const left = el("p", { class: "till-time" }, t("till.undo_until"), " ");
    place.replaceChildren(left, act(t("till.undo"), () => place.replaceChildren(...this.undoForm(place)), "act act-second"));
    left.append(countdown(reverse_before, over, this.signal));
  }

  private undoForm(place: HTMLElement): Node[] {
    const options = REASONS.map((reason, at) => el("option", { value: reason }, t(`till.undo_reason_${at}` as Word)));
    const reason = el("select", { id: "undo-reason", autocomplete: "off" }, ...options);
    setTimeout(() => reason.focus(), 0);
    return [
      el("div", { class: "field" }, el("label", { for: "undo-reason" }, t("till.undo_why")), reason),
      act(t("till.undo_go"), () => this.change("reverse", { reason: reason.value }), "act act-deal"),
      button({ class: "quiet" }, () => this.offerUndo(place), t("till.undo_keep")),
    ];
  }

  private over(state: "voided" | "reversed"): Node[] {
    return [note("wait", t(`till.state.${state}`), [t(`till.over.${state}`)]), this.said, this.next(false)];
  }

  private receipt(): HTMLElement {
    const { redemption } = this;
    const { place } = this.counter;
    const time = (at: string | null): string | null => (at === null ? null : format.moment(at, place.time_zone));
    const facts = terms([
      [t("till.at"), place.name],
      [t("till.used"), redemption.units.map((unit) => `…${unit.code_tail} (${unit.unit_no})`).join(", ")],
      [t("till.when"), time(redemption.committed_at)],
      [t("till.ended"), time(redemption.ended_at)],
      [t("till.number"), redemption.request_no.slice(0, 8).toUpperCase()],
    ]);
    return section(t("till.receipt"), facts);
  }

  private async reload(): Promise<void> {
    try {
      this.take(await untilDecided(() => api.oneRedemption(this.id, this.signal), (trouble) => this.trouble(trouble), this.signal));
    } catch (error) {
      this.failed(error);
    }
  }

  private async charge(way: Provider): Promise<void> {
    try {
      await pay({
        session: api.staff,
        intents: api.begunAtTill,
        name: `pay.${this.id}`,
        body: { purpose: "redemption", purpose_id: this.id, provider: way, method: METHOD_OF[way] },
        signal: this.signal,
        said: this.said,
        troubled: (trouble) => this.trouble(trouble),
      });
    } catch (error) {
      this.failed(error);
    }
    if (!this.signal.aborted) await this.reload();
  }

  private async change(how: "commit" | "void" | "reverse", body: object): Promise<void> {
    try {
      const answer = await carryOut(
        api.begunAtTill,
        `${how}.${this.id}`,
        body,
        (intent) => api.changeRedemption(this.id, how, intent.body, intent.key),
        (trouble) => this.trouble(trouble),
        this.signal,
      );
      this.take(answer);
    } catch (error) {
      this.failed(error);
      if (!this.signal.aborted && !(error instanceof SignedOut)) await this.reload();
    }
  }

  private trouble(trouble: Trouble): void {
    this.said.replaceChildren(troubleNote(trouble, "till.no_answer", "till.no_answer_more"));
  }

  private failed(error: unknown): void {
    if (wasAborted(error)) return;
    if (error instanceof SignedOut) this.events.signInNeeded();
    else this.said.replaceChildren(note("bad", refusalWords(error, ["till.reason", "problem"])));
  }
}

function paidWords(redemption: Redemption): string[] {
  const { payable } = redemption.split;
  if (payable.amount_minor === 0) return [t("till.nothing_due")];
  const price = format.money(payable);
  return [redemption.payment?.state === "succeeded" ? t("till.paid", { price }) : t("till.due_elsewhere", { price })];
}
