// Paying: one stored key for one payment, the outcome as the server knows it, asked for until it has ended.
import { isOpen, onePayment, startPayment, type Payment } from "./claims";
import { carryOut, pause, untilDecided, type Intent, type Intents, type Trouble } from "./intents";
import type { Session } from "./session";

export interface PaymentOrder {
  session: Session;
  intents: Intents;
  /** Under which name the key is kept; the same payment always has the same. */
  name: string;
  body: unknown;
  signal: AbortSignal;
  /** No answer for the moment. */
  troubled(trouble: Trouble): void;
  /** The provider has not decided yet, or nobody knows what it decided. */
  open(payment: Payment): void;
}

/** Pays, and returns the payment in the state in which it ended; throws the refusal when none was made. */
export async function pay(order: PaymentOrder): Promise<Payment> {
  const { session, intents, name, body, signal } = order;
  const settle = async (intent: Intent): Promise<Payment> => {
    let { value, retryAfterS } = await startPayment(session, intent.body, intent.key);
    while (isOpen(value)) {
      order.open(value);
      await pause(retryAfterS ?? 2, signal);
      const id = value.payment_id;
      ({ value, retryAfterS } = await untilDecided(() => onePayment(session, id, signal), order.troubled, signal));
    }
    return value;
  };
  return carryOut(intents, name, body, settle, order.troubled, signal);
}
