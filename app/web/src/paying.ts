// Paying: one stored key for one payment, the outcome as the server knows it, asked for until it has ended.
import { note } from "./form";
import { maybe, t } from "./i18n";
import { carryOut, pause, untilDecided, type Intent, type Intents, type Trouble } from "./intents";
import type { Session } from "./session";

type OpenState = "created" | "pending" | "unknown" | "cancelling";

export interface Payment {
  payment_id: string;
  state: OpenState | "succeeded" | "failed" | "cancelled" | "stray";
  failure: string | null;
}

interface PaymentOrder {
  session: Session;
  intents: Intents;
  /** Under which name the key is kept; the same payment always has the same. */
  name: string;
  body: unknown;
  signal: AbortSignal;
  /** Where is told what is going on. */
  said: HTMLElement;
  /** No answer for the moment. */
  troubled(trouble: Trouble): void;
}

const isOpen = (state: Payment["state"]): state is OpenState =>
  ["created", "pending", "unknown", "cancelling"].includes(state);

/** Pays, and returns whether that succeeded; why it did not is told. Throws the refusal when no payment was made. */
export async function pay({ session, intents, name, body, signal, said, troubled }: PaymentOrder): Promise<boolean> {
  const path = "/v1/payments";
  said.replaceChildren(note("wait", t("pay.sending")));
  const settle = async (intent: Intent): Promise<Payment> => {
    let { value, retryAfterS } = await session.send<Payment>(path, { method: "POST", body: intent.body, key: intent.key });
    while (isOpen(value.state)) {
      // The provider has not decided yet, or nobody knows what it decided.
      said.replaceChildren(note("wait", t(`pay.state.${value.state}`), [t("pay.once")]));
      await pause(retryAfterS ?? 2, signal);
      const one = `${path}/${encodeURIComponent(value.payment_id)}`;
      const look = () => session.send<Payment>(one, { signal, quiet: true });
      ({ value, retryAfterS } = await untilDecided(look, troubled, signal));
    }
    return value;
  };
  const payment = await carryOut(intents, name, body, settle, troubled, signal);
  if (payment.state === "succeeded") return true;
  said.replaceChildren(note("bad", t(`pay.state.${payment.state}`), [failureWords(payment)]));
  return false;
}

function failureWords(payment: Payment): string {
  const known = payment.failure === null ? null : maybe(`pay.failure.${payment.failure}`);
  return known ?? t(payment.state === "stray" ? "pay.money_back" : "pay.nothing_taken");
}
