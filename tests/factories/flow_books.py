"""The money side of the model: the ledger as sums by kind of account, payments and refunds."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from tests.factories.flow_things import (
    FEE_BP,
    OPEN,
    WITHOUT_MONEY,
    Claim,
    Group,
    Offer,
    Owed,
    Payment,
    Redemption,
    Refund,
)


class Books:
    """What there is, and the ledger. ``bank`` is up, down (no answers), or lossy (does it, its answers are lost)."""

    def __init__(self, offers: list[Offer], now: datetime, claim_until: datetime, use_until: datetime) -> None:
        self.offers, self.now, self.claim_until, self.use_until = offers, now, claim_until, use_until
        self.bank = "up"
        self.claims: list[Claim] = []
        self.groups: list[Group] = []
        self.redemptions: list[Redemption] = []
        self.payments: list[Payment] = []
        self.refunds: list[Refund] = []
        self.owed: list[Owed] = []
        self.taken: Counter[str] = Counter()
        self.spent: Counter[str] = Counter()
        self.funded: set[str] = set()
        self.books: Counter[str] = Counter()
        self.carried = self.receivable = 0

    # the ledger

    def post(self, debit: str, credit: str, amount: int, of: Redemption | None = None) -> None:
        """One transfer; what the merchant is owed more or less is remembered by redemption."""
        if not amount:
            return
        self.books[debit] += amount
        self.books[credit] -= amount
        for account, sign in ((credit, 1), (debit, -1)):
            if account == "merchant_payable" and of is not None:
                self.owed.append(Owed(sign * amount, of, self.now))

    def _use(self, red: Redemption, sign: int) -> None:
        for place, (claim, _no, prepaid) in enumerate(red.units):
            offer = claim.offer
            payable = red.payable if place == 0 else 0
            share = max(0, offer.off - prepaid) * offer.share_bp // 10_000
            commission = (payable + prepaid) * offer.commission_bp // 10_000
            pairs = [("prepaid_liability", "merchant_payable", prepaid), ("promo_expense", "merchant_payable", share)]
            pairs.append(("merchant_payable", "platform_revenue", commission))
            if offer.budget is not None:
                self.spent[offer.name] += sign * share
                pairs.append(("promo_used", "promo_available", share))
            for debit, credit, amount in pairs:
                self.post(*((debit, credit) if sign > 0 else (credit, debit)), amount, red)

    def _affordable(self, red: Redemption) -> bool:
        wanted: Counter[str] = Counter()
        for claim, _no, _prepaid in red.units:
            if claim.offer.budget is not None:
                wanted[claim.offer.name] += claim.offer.off * claim.offer.share_bp // 10_000
        budgets = {offer.name: offer.budget or 0 for offer in self.offers}
        return all(self.spent[name] + share <= budgets[name] for name, share in wanted.items())

    # money

    def live(self, thing: Claim | Redemption) -> Payment | None:
        """The payment of a thing that is under way or succeeded."""
        return next((p for p in self.payments if p.of is thing and p.state not in WITHOUT_MONEY), None)

    def pay(self, thing: Claim | Redemption, how: str, cash: bool) -> str:
        if self.live(thing) is not None:
            return "payment-exists"
        if isinstance(thing, Claim):
            amount, waits, until = thing.price, thing.state == "pending_payment", thing.pay_until
        else:
            amount, waits, until = thing.payable, thing.state == "held", thing.lease
        if not amount:
            return "payment-not-needed"
        if not waits or self.now >= until:
            return "payment-purpose-over"
        payment = Payment(thing, amount, cash, until, self.now)
        self.payments.append(payment)
        if cash:
            self._paid(payment)
            return payment.state
        if self.bank != "down" and how != "missing":
            payment.trade = {"pay": "paid", "wait": "waiting", "decline": "declined"}[how]
        self._hear(payment, "silent" if self.bank != "up" or how == "missing" else payment.trade)
        return payment.state

    def cancel_payment(self, payment: Payment) -> str:
        if payment.state == "cancelled":
            return payment.state
        if payment.state not in OPEN:
            return "payment-not-cancellable"
        payment.state = "cancelling"
        return self._ask(payment)

    def resolve(self, payment: Payment) -> str:
        if payment.captured:
            return payment.state
        if payment.state in OPEN[:3] and self.now >= payment.until:
            payment.state = "cancelling"
        return self._ask(payment)

    def _ask(self, payment: Payment) -> str:
        if payment.cash:
            raise AssertionError("cash is never asked for")
        if payment.state == "cancelling" and self.bank != "down" and payment.trade == "waiting":
            payment.trade = "closed"
        if self.bank != "up":
            if payment.state not in OPEN:
                return "provider-unavailable"
            self._hear(payment, "silent")
            return payment.state
        late = self.now - payment.created >= timedelta(seconds=60)
        self._hear(payment, payment.trade if payment.trade != "none" else "closed" if late else "silent")
        return payment.state

    def _hear(self, payment: Payment, said: str) -> None:
        if payment.captured:
            return
        if said == "paid":
            self._paid(payment)
        elif said in ("declined", "closed"):
            if payment.state in OPEN:
                payment.state = "cancelled" if payment.state == "cancelling" else "failed"
        elif said == "waiting":
            if payment.state in ("created", "unknown"):
                payment.state = "pending"
        elif payment.state == "created":
            payment.state = "unknown"

    def _paid(self, payment: Payment) -> None:
        other = self.live(payment.of)
        good = other is None or other is payment
        thing = payment.of
        if good and isinstance(thing, Claim):
            good = thing.state == "pending_payment" and (thing.group is None or thing.group.pay(thing, self.now))
            if good:
                thing.state = "active"
        elif good and isinstance(thing, Redemption):
            if thing.state == "held":
                good = self._commit(thing)
                if not good:
                    self._void(thing)
            else:
                good = thing.state == "committed"
        payment.state = "succeeded" if good else "stray"
        if not good:
            self._set_aside(payment, payment.amount, "stray")
        if payment.cash:
            return
        payment.fee = (2 * payment.amount * FEE_BP + 10_000) // 20_000
        of_till = isinstance(thing, Redemption)
        credit = "stray_liability" if not good else "merchant_payable" if of_till else "prepaid_liability"
        self.post("provider_clearing", credit, payment.amount, thing if isinstance(thing, Redemption) else None)
        self.post("provider_fee_expense", "provider_clearing", payment.fee)

    # refunds

    def refund(self, payment: Payment, amount: int) -> str:
        claim = payment.of
        if isinstance(claim, Claim) and payment.state != "stray" and claim.state != "refunded":
            if claim.held:
                return "claim-held"
            if claim.used:
                return "claim-not-cancellable"
        if payment.left < amount:
            if payment.state in OPEN:
                return "payment-pending"
            return "refund-in-progress" if amount <= payment.captured - payment.refunded else "refund-exceeds-captured"
        refund = self._set_aside(payment, amount, "asked")
        whole = payment.state == "succeeded" and not payment.left
        if whole and isinstance(claim, Claim) and claim.state in ("active", "expired"):
            self._refund_claim(claim)  # its code must not be used while the money goes back
        return self._call_refund(refund)

    def _begin_refund(self, thing: Claim | Redemption, amount: int, cause: str) -> Refund | None:
        payment = self.live(thing)
        if payment is None or min(amount, payment.left) <= 0:
            return None
        return self._set_aside(payment, min(amount, payment.left), cause)

    def _set_aside(self, payment: Payment, amount: int, cause: str) -> Refund:
        payment.refunding += amount
        refund = Refund(payment, amount, cause)
        self.refunds.append(refund)
        return refund

    def _call_refund(self, refund: Refund) -> str:
        """Asks the bank once; what it did before an answer was lost it says when it is asked again."""
        if refund.state in ("succeeded", "failed"):
            return refund.state
        up = refund.payment.cash or self.bank == "up"
        # one that the bank may know is asked for first, and that answer is lost too
        if not refund.done and (up or (self.bank == "lossy" and refund.state == "requested")):
            self._bank_pays(refund)
        if up:
            self._refunded(refund)
        else:
            refund.state = "pending"
        return refund.state

    @staticmethod
    def _bank_pays(refund: Refund) -> None:
        """The fee goes back in proportion to all that did so far, rounded half up, less what was returned before."""
        payment = refund.payment
        payment.bank_refunded += refund.amount
        due = (2 * payment.fee * payment.bank_refunded + payment.amount) // (2 * payment.amount)
        refund.done, refund.fee = True, due - payment.bank_fee_back
        payment.bank_fee_back = due

    def _refunded(self, refund: Refund) -> None:
        payment, thing = refund.payment, refund.payment.of
        payment.refunding -= refund.amount
        payment.refunded += refund.amount
        refund.state = "succeeded"
        payment.fee_back += refund.fee
        if refund.cause == "reversal" and isinstance(thing, Redemption) and thing.pending:
            self._reverse(thing)
        elif isinstance(thing, Claim) and payment.state == "succeeded":
            whole = payment.refunded == payment.captured
            if (refund.cause == "claim" or whole) and thing.state in ("active", "expired", "redeemed"):
                self._refund_claim(thing)
            self._seat_paid_back(refund, thing)
        if payment.cash:
            return
        of_till = isinstance(thing, Redemption)
        debit = (
            "stray_liability" if payment.state == "stray" else "merchant_payable" if of_till else "prepaid_liability"
        )
        self.post(debit, "provider_clearing", refund.amount, thing if isinstance(thing, Redemption) else None)
        self.post("provider_clearing", "provider_fee_expense", refund.fee)

    def _refund_claim(self, claim: Claim) -> None:
        claim.state = "refunded"
        self._leave(claim)

    @staticmethod
    def _leave(claim: Claim) -> None:
        """Whoever gives a claim up leaves their seat to somebody else; in a failed group it is paid back instead."""
        seat = None if claim.group is None else claim.group.seat_of(claim)
        if seat is not None and seat.state in ("reserved", "joined"):
            seat.state = "left"

    @staticmethod
    def _seat_paid_back(refund: Refund, claim: Claim) -> None:
        seat = None if claim.group is None else claim.group.seat_of(claim)
        if refund.cause == "group":
            assert seat is not None
            assert seat.state == "refunding", "a seat is paid back once"
            seat.state = "refunded"

    def resolve_refund(self, refund: Refund) -> str:
        return self._call_refund(refund)
