// Paying for a claim: how much, until when, one button that can't charge twice, and the outcome as far as it is known.
import { providers } from "./api";
import { begun, member, type Claim } from "./claims";
import { el } from "./dom";
import { act, note } from "./form";
import * as format from "./format";
import { t } from "./i18n";
import { pay } from "./paying";
import { refusalWords, troubleNote } from "./problems";
import { wasAborted } from "./request";
import { SignedOut } from "./session";

interface PayEvents {
  /** The payment has ended; the claim may have changed. */
  ended(): void;
  signInNeeded(): void;
}

/** What the test wallet is told to do; a real wallet asks its owner instead. */
const acts = {
  pay: { outcome: "pay" },
  slow: { outcome: "pay", delay_s: 6 },
  lost: { outcome: "pay", lost_answers: 2 },
  decline: { outcome: "decline" },
} as const;

type Act = keyof typeof acts;

export class PayStep {
  readonly node: HTMLElement;
  private readonly said = el("div", {});
  private readonly choice = el(
    "select",
    { id: "wallet-does", autocomplete: "off" },
    ...(Object.keys(acts) as Act[]).map((name) => el("option", { value: name }, t(`pay.does.${name}`))),
  );
  private readonly go: HTMLButtonElement;

  constructor(
    private readonly claim: Claim,
    private readonly signal: AbortSignal,
    private readonly events: PayEvents,
  ) {
    const price = format.money(claim.price);
    this.go = act(t("pay.go", { price }), () => this.pay(), "act act-deal");
    this.go.id = "pay";
    this.node = el(
      "section",
      { class: "pay-step", "aria-label": t("pay.title") },
      el("p", { class: "pay-amount" }, price),
      claim.pay_until !== null && el("p", { class: "pay-until" }, t("pay.until", { time: format.moment(claim.pay_until, format.ownZone) })),
      el("div", { class: "pay-wallet" }, el("label", { for: "wallet-does" }, t("pay.wallet")), this.choice),
      this.said,
      this.go,
    );
    // A payment that was begun goes on by itself, under the key it was begun with.
    if (begun.pending(this.name) !== null) queueMicrotask(() => this.go.click());
    else void this.askWays();
  }

  /** Where the test wallet is not offered, nothing can be paid on this page: better said before the button is pressed. */
  private async askWays(): Promise<void> {
    const offered = await providers(this.signal).catch(() => null);
    if (offered === null || offered.includes("test_wallet")) return;
    this.go.disabled = true;
    this.said.replaceChildren(note("bad", t("pay.no_way")));
  }

  private get name(): string {
    return `pay.${this.claim.claim_id}`;
  }

  private async pay(): Promise<void> {
    this.choice.disabled = true;
    try {
      const paid = await pay({
        session: member,
        intents: begun,
        name: this.name,
        body: {
          purpose: "claim",
          purpose_id: this.claim.claim_id,
          provider: "test_wallet",
          method: "online",
          wallet: acts[this.choice.value as Act],
        },
        signal: this.signal,
        said: this.said,
        troubled: (trouble) => this.said.replaceChildren(troubleNote(trouble, "pay.no_answer", "pay.once")),
      });
      if (paid) this.said.replaceChildren(note("good", t("pay.done")));
      this.events.ended();
    } catch (error) {
      this.refused(error);
    } finally {
      this.choice.disabled = false;
    }
  }

  private refused(error: unknown): void {
    if (wasAborted(error)) return;
    if (error instanceof SignedOut) {
      this.events.signInNeeded();
      return;
    }
    this.said.replaceChildren(note("bad", t("pay.refused"), [refusalWords(error)]));
    this.events.ended();
  }
}
