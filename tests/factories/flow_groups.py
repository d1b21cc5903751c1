"""Groups in the model: who gets a seat, what the deadline does; everybody of a failed group is paid back once."""

from __future__ import annotations

from datetime import timedelta

from tests.factories.flow_books import Books
from tests.factories.flow_things import GRACE, OPEN, PAY_WITHIN, Claim, Group, Offer, Seat


class Groups(Books):
    """Claims that are granted, alone and with a seat."""

    def _grant(self, offer: Offer, member: int, group: Group | None = None) -> Claim | str:
        if self.taken[offer.name] >= offer.stock:
            return "sold-out"
        mine = [each for each in self.claims if each.offer is offer and each.member == member]
        if len([each for each in mine if each.state not in ("released", "cancelled", "refunded")]) >= offer.per_member:
            return "user-limit"
        self.taken[offer.name] += 1
        pay_until = self.now + PAY_WITHIN
        claim = Claim(offer, member, "active", self.use_until, pay_until, group)
        if claim.price:
            claim.state = "pending_payment"
        if group is not None:
            claim.pay_until = min(pay_until, group.deadline)
        self.claims.append(claim)
        return claim

    def start(self, offer: Offer, member: int) -> str:
        """A new group with its starter's seat, which is not paid for."""
        if self.now >= self.claim_until:
            return "claim-window-closed"
        if any((each.offer, each.starter, each.state) == (offer, member, "open") for each in self.groups):
            return "group-already-joined"
        deadline = min(self.now + timedelta(seconds=offer.deadline_s), self.claim_until)
        group = Group(offer, member, deadline)
        said = self._take_seat(group, member)
        if said == group.state:
            self.groups.append(group)
        return said

    def join(self, group: Group, member: int) -> str:
        """A seat for somebody who was invited; the state of the group, or why there is none."""
        if self.now >= self.claim_until:
            return "claim-window-closed"
        if member in group.seats and group.seats[member].state != "left":
            return "group-already-joined"
        if group.state not in ("open", "succeeded") or self.now >= group.deadline:
            return "group-closed"
        if group.taken >= group.offer.seats:
            return "group-full"
        return self._take_seat(group, member)

    def _take_seat(self, group: Group, member: int) -> str:
        claim = self._grant(group.offer, member, group)
        if isinstance(claim, str):
            return claim
        group.seats[member] = Seat(claim)
        return group.state

    def shown(self, claim: Claim) -> str:
        """What the owner of a seat is told who asks for its code: "shown", or why not."""
        over = {"pending_payment": "claim-unpaid", "redeemed": "already-redeemed", "expired": "code-expired"}
        if claim.state != "active":
            return over.get(claim.state, "code-revoked")
        if self.now >= claim.until:
            return "code-expired"
        assert claim.group is not None
        return {"open": "group-open", "succeeded": "shown"}.get(claim.group.state, "code-revoked")

    def _kept(self, group: Group) -> int:
        """What was paid in a group and has not gone back, from seats that were given up too."""
        paid = [each for each in self.payments if isinstance(each.of, Claim) and each.of.group is group]
        return sum(each.captured - each.refunded for each in paid if each.state == "succeeded")

    def _sweep_groups(self) -> None:
        """Deadlines first, then money of failed groups, then those that nothing is left to do for."""
        for group in self.groups:
            if group.state == "open" and group.deadline <= self.now:
                asked = [self.live(seat.claim) for seat in group.seats.values() if seat.state == "reserved"]
                waits = any(each is not None and each.state in OPEN for each in asked)
                if not waits or self.now >= group.deadline + GRACE:
                    group.decide("failed")
        failed = [group for group in self.groups if group.state == "failed"]
        for seat in [seat for group in failed for seat in group.seats.values() if seat.state == "joined"]:
            payment = self.live(seat.claim)
            assert payment is not None, "who joined has paid"
            seat.state, seat.claim.state = "refunding", "refunded"
            assert self._begin_refund(seat.claim, payment.left, "group") is not None, "a seat without money is left"
        for group in failed:
            if all(seat.state in ("left", "refunded") for seat in group.seats.values()) and not self._kept(group):
                group.decide("closed")
