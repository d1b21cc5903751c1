"""The flow as a small pure model: what each step should come to, told in the words of the specification.

It shares nothing with the code but the names of states and refusals. A step returns the state that it leads to, or the
code of its refusal. The ledger is a sum by kind of account, debits positive.
"""

from __future__ import annotations

from datetime import timedelta

from tests.factories.flow_groups import Groups
from tests.factories.flow_things import GROSS, LEASE, Claim, Offer, Redemption


class Model(Groups):
    """All of it."""

    # members

    def claim(self, offer: Offer, member: int) -> str:
        if self.now >= self.claim_until:
            return "claim-window-closed"
        granted = self._grant(offer, member)
        return granted if isinstance(granted, str) else granted.state

    def cancel_claim(self, claim: Claim) -> str:
        if claim.state in ("cancelled", "released", "refunded"):
            return claim.state
        if claim.state == "pending_payment":
            if self.live(claim) is not None:
                return "claim-not-cancellable"
            self._end(claim, "released")
            return claim.state
        if claim.state != "active" or self.now >= claim.until:
            return "claim-not-cancellable"
        if claim.held:
            return "claim-held"
        if claim.used:
            return "claim-not-cancellable"
        if claim.price == 0:
            self._end(claim, "cancelled")
        else:
            refund = self._begin_refund(claim, claim.price, "claim")
            self._refund_claim(claim)
            if refund is not None:
                self._call_refund(refund)
        return claim.state

    def _end(self, claim: Claim, state: str) -> None:
        claim.state = state
        self.taken[claim.offer.name] -= 1
        self._leave(claim)

    # tills

    def redeem(self, claims: list[Claim], units: list[int], hold: bool) -> str:
        for claim, asked in zip(claims, units, strict=True):
            refusal = self._obstacle(claim, asked)
            if refusal is not None:
                return refusal
        used = [
            (claim, no, self.prepaid(claim, no))
            for claim, asked in zip(claims, units, strict=True)
            for no in claim.free[:asked]
        ]
        payable = GROSS - sum(claim.offer.off for claim, _no, _prepaid in used)
        red = Redemption(used, "held", payable, self.now + LEASE)
        if not hold and not self._affordable(red):
            return "budget-exhausted"
        self.redemptions.append(red)
        for claim, no, _prepaid in used:
            claim.held.add(no)
        if not hold:
            self._commit(red)
        return red.state

    def prepaid(self, claim: Claim, unit_no: int) -> int:
        """What was paid for a unit and has not gone back: what can't be halved is in the first ones."""
        payment = self.live(claim)
        left = 0 if payment is None else payment.left
        return left // claim.offer.units + (unit_no <= left % claim.offer.units)

    def _obstacle(self, claim: Claim, asked: int) -> str | None:
        over = {"pending_payment": "claim-unpaid", "redeemed": "already-redeemed", "expired": "code-expired"}
        if claim.state != "active":
            return over.get(claim.state, "code-revoked")
        if claim.group is not None and claim.group.state != "succeeded":
            return "not-yet-usable"
        if self.now >= claim.until:
            return "code-expired"
        if asked <= len(claim.free):
            return None
        return "hold-by-other" if asked <= len(claim.free) + len(claim.held) else "unit-exhausted"

    def _commit(self, red: Redemption) -> bool:
        if not self._affordable(red):
            return False
        red.state, red.committed_at, red.reverse_before = "committed", self.now, self.now + timedelta(hours=1)
        for claim, no, _prepaid in red.units:
            claim.held.discard(no)
            claim.used.add(no)
            if claim.offer.budget is not None and claim.offer.name not in self.funded:
                self.funded.add(claim.offer.name)
                self.post("promo_available", "promo_funding", claim.offer.budget)
        self._use(red, 1)
        for claim, _no, _prepaid in red.units:
            if claim.state == "active" and len(claim.used) == claim.offer.units:
                claim.state = "redeemed"
        return True

    def _void(self, red: Redemption, lapsed: bool = False) -> None:
        red.state, red.lapsed = "voided", lapsed
        for claim, no, _prepaid in red.units:
            claim.held.discard(no)

    def commit(self, red: Redemption) -> str:
        if red.state == "committed":
            return red.state
        if red.state == "voided" and red.lapsed:
            return "hold-expired"
        if red.state != "held":
            return "redemption-over"
        live = self.live(red)
        if live is not None:
            return "payment-unknown" if live.state == "unknown" else "payment-pending"
        if self.now >= red.lease:
            return "hold-expired"
        return red.state if self._commit(red) else "budget-exhausted"

    def void(self, red: Redemption) -> str:
        if red.state == "voided":
            return red.state
        if red.state != "held":
            return "redemption-over"
        live = self.live(red)
        if live is not None:
            return "payment-unknown" if live.state == "unknown" else "payment-pending"
        self._void(red)
        return red.state

    def reverse(self, red: Redemption) -> str:
        if red.state == "reversed":
            return "already-reversed"
        if red.state == "held":
            return "redemption-held"
        if red.state == "voided":
            return "redemption-over"
        if red.pending:
            return "refund-in-progress"
        assert red.reverse_before is not None
        if self.now >= red.reverse_before or any(claim.reversed_times >= 10 for claim, _no, _prepaid in red.units):
            return "reverse-window-closed"
        live = self.live(red)
        if live is not None and live.refunding:
            return "refund-in-progress"
        left = 0 if live is None else live.captured - live.refunded
        if not left:
            self._reverse(red)
            return red.state
        red.pending = True
        refund = self._begin_refund(red, left, "reversal")
        assert refund is not None
        self._call_refund(refund)
        return red.state

    def _reverse(self, red: Redemption) -> None:
        red.state, red.pending = "reversed", False
        for claim, no, _prepaid in red.units:
            claim.used.discard(no)
        self._use(red, -1)
        for claim in {id(claim): claim for claim, _no, _prepaid in red.units}.values():
            claim.reversed_times += sum(1 for each, _no, _prepaid in red.units if each is claim)
            if claim.state == "redeemed":
                claim.state = "active" if self.now < claim.until else "expired"

    # time

    def sweep(self) -> None:
        """Leases first, then time to pay, then groups, then time to use."""
        for red in self.redemptions:
            if red.state == "held" and red.lease <= self.now:
                if self.live(red) is None:
                    self._void(red, lapsed=True)
                else:
                    red.lease = self.now + LEASE
        for claim in self.claims:
            if claim.state == "pending_payment" and claim.pay_until <= self.now and self.live(claim) is None:
                self._end(claim, "released")
        self._sweep_groups()
        for claim in self.claims:
            if claim.state == "active" and claim.until <= self.now and not claim.held:
                claim.state = "expired"
                unused = sum(self.prepaid(claim, no) for no in claim.free)
                if unused:
                    self._begin_refund(claim, unused, "claim")

    def settle(self, floor: int) -> tuple[int, int] | None:
        """Lines and payout of a statement up to now; None when nothing is due."""
        due = [
            each
            for each in self.owed
            if not each.settled
            and each.at < self.now
            and each.redemption.reverse_before is not None
            and each.redemption.reverse_before < self.now
        ]
        if not due:
            return None
        for each in due:
            each.settled = True
        lines = sum(each.amount for each in due)
        self.post("merchant_payable", "payout_due", lines)
        whole = self.carried + lines
        more = max(0, -floor - whole)
        held_back = min(self.receivable, max(0, whole))
        self.post("merchant_receivable", "payout_due", more - held_back)
        self.receivable += more - held_back
        left = whole + more - held_back
        self.carried = min(0, left)
        self.post("payout_due", "payout_clearing", max(0, left))
        return lines, max(0, left)
