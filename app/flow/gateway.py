"""The one door to the redemption and payment flow.

Every route and job about claims, codes, redemptions and payments talks to this protocol alone, so that an external
flow can take the embedded one's place without a change above it. Reads return values; writing operations return
plans for ``http/steps``: without a call where the flow shares our database, with one where it stands elsewhere. A
business "no" is raised as the module's refusal (an ``AppError``).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Protocol
from uuid import UUID

from app.flow.types import (
    Capabilities,
    ClaimRequest,
    ClaimView,
    CodeView,
    LookupRequest,
    PartnerCouponView,
    PartnerTerms,
    PaymentRequest,
    PaymentView,
    PresenceView,
    RedemptionRequest,
    RedemptionView,
    RefundRequest,
    RefundView,
    RequestContext,
)
from app.flow.types_groups import GroupView, JoinRequest
from app.http.principals import Principal
from app.http.steps import Plan
from app.settlements.types import Line as SettlementLine
from app.settlements.types import Settlement


class FlowGateway(Protocol):
    """What every implementation provides; a plan's value is the view named in its line."""

    def capabilities(self) -> Capabilities:
        """What this flow can do."""
        ...

    def lacks(self) -> tuple[str, ...]:
        """What it would have to do for this installation, and does not; looked at before anything is served."""
        ...

    # partners
    def publish_coupon_version(self, context: RequestContext, terms: PartnerTerms) -> Plan:
        """PartnerCouponView. The partner's ids and numbers are mapped; a number stands for its terms for ever."""
        ...

    def set_stock(self, context: RequestContext, external_id: str, quota: int) -> Plan:
        """PartnerCouponView; how many may be claimed in all."""
        ...

    def end_coupon(self, context: RequestContext, external_id: str) -> Plan:
        """PartnerCouponView, ended; what was claimed stays good."""
        ...

    def get_partner_coupon(self, context: RequestContext, external_id: str) -> PartnerCouponView:
        """A coupon of the caller's; NotFound."""
        ...

    # members
    def grant_claim(self, context: RequestContext, request: ClaimRequest) -> Plan:
        """ClaimView. Refusals: sold-out, user-limit, day-limit, device-limit, windows, the place conditions."""
        ...

    def get_claim(self, context: RequestContext, claim_id: UUID) -> ClaimView:
        """One of the caller's claims; NotFound."""
        ...

    def list_claims(
        self, context: RequestContext, state: str | None, before: UUID | None, limit: int
    ) -> Sequence[ClaimView]:
        """The caller's claims, newest first, older than ``before``."""
        ...

    def count_claims(self, context: RequestContext, state: str | None) -> int:
        """How many claims the caller has."""
        ...

    def cancel_claim(self, context: RequestContext, claim_id: UUID, reason: str | None) -> Plan:
        """ClaimView. A paid claim goes back as its terms say: refunded, or refused with refund-not-offered."""
        ...

    def present_code(self, context: RequestContext, claim_id: UUID) -> CodeView:
        """The code of one of the caller's active claims; claim-unpaid, code-revoked, code-expired, already-redeemed."""
        ...

    def resolve_claim(self, claim_id: UUID, now: datetime) -> Plan:
        """What became of a claim whose answer was lost, with its ``state``; only a flow elsewhere has such."""
        ...

    # groups
    def start_group(self, context: RequestContext, request: ClaimRequest) -> Plan:
        """GroupView with the caller's seat; group-not-offered, group-already-joined, and refusals of claims."""
        ...

    def join_group(self, context: RequestContext, request: JoinRequest) -> Plan:
        """GroupView with the caller's seat; NotFound for who was not invited, group-closed, group-full,
        group-already-joined, and refusals of claims."""
        ...

    def get_group(self, actor: Principal | None, group_id: UUID, invite: str | None, now: datetime) -> GroupView:
        """A group, for who is in it, who was invited, and its merchant's people; NotFound."""
        ...

    # tills
    def presence_code(self, context: RequestContext, place_id: UUID) -> PresenceView:
        """The digits by which members prove that they stand at a place of the caller's; NotFound."""
        ...

    def lookup(self, context: RequestContext, request: LookupRequest) -> Plan:
        """LookupView. Counts wrong codes; code-mistyped, code-unknown, staff-locked."""
        ...

    def redeem(self, context: RequestContext, request: RedemptionRequest) -> Plan:
        """RedemptionView, held or committed; all or nothing."""
        ...

    def commit(self, context: RequestContext, redemption_id: UUID) -> Plan:
        """RedemptionView, committed; hold-expired, payment-pending, payment-unknown."""
        ...

    def void(self, context: RequestContext, redemption_id: UUID, reason: str | None) -> Plan:
        """RedemptionView, voided; payment-pending while money may still come."""
        ...

    def reverse(self, context: RequestContext, redemption_id: UUID, reason: str) -> Plan:
        """RedemptionView, reversed, or with ``reversal_pending`` until its refund has ended."""
        ...

    def get_redemption(self, context: RequestContext, redemption_id: UUID) -> RedemptionView:
        """A redemption of the caller's merchant; NotFound."""
        ...

    def get_by_request(self, context: RequestContext, place_id: UUID, request_no: str) -> RedemptionView:
        """What became of a request whose answer was lost; NotFound."""
        ...

    # money
    def create_payment(self, context: RequestContext, request: PaymentRequest) -> Plan:
        """PaymentView in any state."""
        ...

    def get_payment(self, context: RequestContext, payment_id: UUID) -> PaymentView:
        """A payment of the caller; NotFound."""
        ...

    def cancel_payment(self, context: RequestContext, payment_id: UUID) -> Plan:
        """PaymentView; payment-not-cancellable when the money came."""
        ...

    def resolve_payment(self, context: RequestContext | None, payment_id: UUID, now: datetime) -> Plan:
        """PaymentView after asking the provider; no context means that a job asks."""
        ...

    def refund(self, context: RequestContext, payment_id: UUID, request: RefundRequest) -> Plan:
        """RefundView; refund-exceeds-captured, refund-number-reused."""
        ...

    def get_refund(self, context: RequestContext, refund_id: UUID) -> RefundView:
        """A refund of the caller's merchant; NotFound."""
        ...

    def provider_notice(self, provider: str, headers: dict[str, str], body: bytes, now: datetime) -> Plan:
        """Bytes, the word that the provider waits for; what it told us is kept as it came and applied once."""
        ...

    # statements
    def list_settlements(
        self,
        context: RequestContext,
        merchant_ids: Sequence[UUID],
        state: str | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Settlement]:
        """Statements of some of the caller's merchants, newest first, older than ``before``."""
        ...

    def count_settlements(self, context: RequestContext, merchant_ids: Sequence[UUID], state: str | None) -> int:
        """How many there are."""
        ...

    def get_settlement(self, context: RequestContext, settlement_id: UUID) -> Settlement:
        """A statement of one of the caller's merchants, a draft with the amounts that it would have now; NotFound."""
        ...

    def settlement_lines(
        self, context: RequestContext, settlement_id: UUID, after: int, limit: int
    ) -> Sequence[SettlementLine]:
        """Its lines behind a number, in order; NotFound."""
        ...

    def settlement_file(self, context: RequestContext, settlement_id: UUID) -> tuple[Settlement, bytes]:
        """The statement and its lines as a file, whose hash a closed one tells; NotFound."""
        ...

    def flow_notice(self, headers: dict[str, str], body: bytes, now: datetime) -> Plan:
        """None; what a flow elsewhere told us, applied once; NotFound where the flow is our own."""
        ...

    # time
    def resolve_refund(self, refund_id: UUID, now: datetime) -> Plan:
        """RefundView after asking the provider, for the job that ends what a crash or a silence left."""
        ...

    def due_work(self, city_id: int, now: datetime) -> Sequence[Plan]:
        """Plans for what time has ended in a city (claims, holds, time to pay), each a bounded batch; their value is
        how many things they ended."""
        ...

    def partner_work(self, now: datetime) -> int:
        """What a stand-in for a partner does by itself, such as the test wallet's notices; how many things it did."""
        ...
