"""How payments and refunds may change, when to ask again, and under which numbers providers know them. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID, uuid5

from app.core.errors import AppError
from app.core.machines import PAYMENT, REFUND
from app.payments.errors import PaymentPending, RefundExceedsCaptured, RefundInProgress
from app.payments.types import Asked, Closed, Declined, Paid, Payment, PayOutcome, State, Waiting

EDGES: Final = PAYMENT.edges
REFUND_EDGES: Final = REFUND.edges
CANCELLABLE: Final = frozenset({"created", "pending", "unknown"})
UNFINISHED: Final = CANCELLABLE | {"cancelling"}
# Where no message is of interest any more.
CAPTURED: Final = frozenset({"succeeded", "stray"})

# A provider may not know a trade yet whose request is still on its way to it.
MISSING_IS_FINAL_AFTER: Final = timedelta(seconds=60)
FIRST_LOOK_AFTER: Final = timedelta(seconds=5)

# Why a notice that was rightly signed is parked: kept, told to those who run this, and nothing moves.
AMOUNT_MISMATCH: Final = "amount-mismatch"
UNKNOWN_TRADE: Final = "unknown-trade"
UNKNOWN_REFUND: Final = "unknown-refund"
REFUND_MISMATCH: Final = "refund-mismatch"
REFUND_TAKEN_BACK: Final = "refund-taken-back"
REFUND_AFTER_ALL: Final = "refund-after-all"
PARKED: Final = (
    *(AMOUNT_MISMATCH, UNKNOWN_TRADE, UNKNOWN_REFUND),
    *(REFUND_MISMATCH, REFUND_TAKEN_BACK, REFUND_AFTER_ALL),
)


def after(state: State, outcome: PayOutcome) -> State | None:
    """The state that an outcome other than money leads to; None when it changes nothing.

    Silence takes nothing away from what was known, so that a waiting payment stays one.
    """
    if isinstance(outcome, Paid):
        raise ValueError("whether money is good or stray depends on its purpose")
    to: State
    if isinstance(outcome, (Declined, Closed)):
        to = "cancelled" if state == "cancelling" else "failed"
    elif isinstance(outcome, Waiting):
        to = "pending"
    else:
        to = "unknown"
    return to if (state, to) in EDGES else None


def takes_money(state: State) -> bool:
    """True while money that comes changes the payment."""
    return (state, "succeeded") in EDGES


def must_be_cancelled(payment: Payment, now: datetime) -> bool:
    """True when the time to pay is over and the provider has to be told before anything else is done."""
    return payment.state in CANCELLABLE and now >= payment.pay_until


def missing_is_final(payment: Payment, now: datetime) -> bool:
    """True when a trade that the provider does not know will not come any more."""
    return now - payment.created_at >= MISSING_IS_FINAL_AFTER


def refundable_minor(payment: Payment) -> int:
    """What of a payment is not refunded and not being refunded."""
    return payment.captured_minor - payment.refunded_minor - payment.refunding_minor


def why_not_refundable(payment: Payment, amount_minor: int) -> AppError:
    """Why an amount of a payment can't be refunded."""
    if payment.state in UNFINISHED:
        return PaymentPending("the money has not come yet", retry_after_s=2)
    if amount_minor <= payment.captured_minor - payment.refunded_minor:
        return RefundInProgress("a refund is under way; ask again when it has ended", retry_after_s=5)
    return RefundExceedsCaptured(f"{max(0, refundable_minor(payment))} of {payment.captured_minor} are left")


def trade_no_of(payment_id: UUID) -> str:
    """Under which number the provider knows a payment: 32 letters and digits, which every provider takes."""
    return payment_id.hex


def payment_id_of(trade_no: str) -> UUID | None:
    """The payment of a trade number of ours."""
    try:
        found = UUID(hex=trade_no)
    except ValueError:
        return None
    return found if found.hex == trade_no else None


def asked_of(payment: Payment) -> Asked:
    """A payment as its provider is asked about it."""
    return Asked(payment.trade_no, payment.amount_minor, payment.currency, payment.method, payment.provider_trade_no)


def provider_refund_no_of(payment_id: UUID, refund_no: str) -> str:
    """Under which number the provider knows a refund; the same for the same, so that a repeat pays nothing twice."""
    return uuid5(payment_id, refund_no).hex


def stray_refund_no(payment_id: UUID) -> str:
    """The number of the refund that gives a stray payment back."""
    return f"stray:{payment_id}"


def half_up(numerator: int, denominator: int) -> int:
    """A quotient of non-negative integers, rounded half up."""
    return (2 * numerator + denominator) // (2 * denominator)
