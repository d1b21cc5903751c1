"""The embedded flow: claims, tills and payments over our own database, behind the one gateway."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.cities.queries import city_ids
from app.claims.codes import code_keys
from app.core.clock import Clock
from app.core.db import Database
from app.core.errors import NotFound
from app.core.sealing import Keyed, derived_key
from app.core.settings import Settings
from app.flow.embedded.claim_ends import BATCH, ClaimEnds
from app.flow.embedded.claims import ClaimsPart
from app.flow.embedded.gates import ROTATES_EVERY_S, Gates
from app.flow.embedded.group_ends import GroupEnds
from app.flow.embedded.groups import GroupsPart
from app.flow.embedded.partner_coupons import PartnerCoupons
from app.flow.embedded.payments import PaymentsPart
from app.flow.embedded.purposes import Purposes
from app.flow.embedded.reference import Reference
from app.flow.embedded.settlements import SettlementsPart
from app.flow.embedded.till import TillPart
from app.flow.embedded.till_access import till_at
from app.flow.embedded.till_effects import TillEffects
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
from app.ledger import actions as ledger
from app.payments.providers.registry import providers_of
from app.payments.providers.test_wallet import NAME as TEST_WALLET
from app.payments.providers.wallet_notices import send_due_notices
from app.settlements.types import Line as SettlementLine
from app.settlements.types import Settlement

VERSION: Final = "1"
REVERSE_WINDOW_S: Final = 3600  # the default; each coupon's terms say their own


class EmbeddedFlow:
    """Composes the parts; each method is described in ``gateway.FlowGateway``."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings, self._database, self._clock = settings, database, clock
        self._reference = Reference()
        keys = code_keys(settings.code_pepper, settings.secret_key)
        devices = Keyed(derived_key(settings.code_pepper, "device"))
        staff = Keyed(derived_key(settings.code_pepper, "staff"))
        effects = TillEffects(self._reference, staff)
        self._payments = PaymentsPart(
            database, providers_of(settings, database, clock), settings.providers, Purposes(effects), ledger
        )
        self._till = TillPart(database, keys, self._reference, self._payments, effects)
        presence = Keyed(derived_key(settings.code_pepper, "presence at a place"))
        self._gates = Gates(settings, devices, presence)
        self._claims = ClaimsPart(database, keys, devices, self._reference, self._gates)
        inviter = Keyed(derived_key(settings.secret_key, "group invitation"))
        self._groups = GroupsPart(database, self._claims, self._reference, inviter)
        self._group_ends = GroupEnds(self._payments)
        self._partner_coupons = PartnerCoupons(database)
        self._ends = ClaimEnds(database, self._claims, self._payments, self._reference)
        self._settlements = SettlementsPart(database, settings.settlement_floor_minor)

    def capabilities(self) -> Capabilities:
        """What this flow can do."""
        with self._database.read_primary() as conn:
            currencies = self._reference.currencies(conn, city_ids(conn))
        return Capabilities(
            version=VERSION,
            hold=True,
            multi_unit=True,
            partial_refund=True,
            reverse_window_s=REVERSE_WINDOW_S,
            offline=False,
            rotating_code=False,
            group=True,
            points=False,
            partner_users=True,
            caller_claim_ids=True,
            partner_coupons=True,
            test_provider=TEST_WALLET if TEST_WALLET in self._settings.providers else None,
            providers=self._settings.providers,
            currencies=currencies,
        )

    def lacks(self) -> tuple[str, ...]:
        """Nothing."""
        return ()

    # partners

    def publish_coupon_version(self, context: RequestContext, terms: PartnerTerms) -> Plan:
        """PartnerCouponView."""
        return self._partner_coupons.publish(context, terms)

    def set_stock(self, context: RequestContext, external_id: str, quota: int) -> Plan:
        """PartnerCouponView."""
        return self._partner_coupons.set_stock(context, external_id, quota)

    def end_coupon(self, context: RequestContext, external_id: str) -> Plan:
        """PartnerCouponView, ended."""
        return self._partner_coupons.end(context, external_id)

    def get_partner_coupon(self, context: RequestContext, external_id: str) -> PartnerCouponView:
        """A coupon of the caller's."""
        return self._partner_coupons.get(context, external_id)

    # members

    def grant_claim(self, context: RequestContext, request: ClaimRequest) -> Plan:
        """ClaimView."""
        return self._claims.grant(context, request)

    def get_claim(self, context: RequestContext, claim_id: UUID) -> ClaimView:
        """One of the caller's claims."""
        return self._claims.get(context, claim_id)

    def list_claims(
        self, context: RequestContext, state: str | None, before: UUID | None, limit: int
    ) -> Sequence[ClaimView]:
        """The caller's claims, newest first."""
        return self._claims.listed(context, state, before, limit)

    def count_claims(self, context: RequestContext, state: str | None) -> int:
        """How many there are."""
        return self._claims.count(context, state)

    def cancel_claim(self, context: RequestContext, claim_id: UUID, reason: str | None) -> Plan:
        """ClaimView."""
        return self._ends.cancel(context, claim_id, reason)

    def present_code(self, context: RequestContext, claim_id: UUID) -> CodeView:
        """The code of one of the caller's claims."""
        return self._claims.present_code(context, claim_id)

    def resolve_claim(self, claim_id: UUID, now: datetime) -> Plan:  # noqa: ARG002
        """LookupError: a claim of ours is never in doubt."""
        raise LookupError(f"claim {claim_id} was not asked of another flow")

    # groups

    def start_group(self, context: RequestContext, request: ClaimRequest) -> Plan:
        """GroupView."""
        return self._groups.start(context, request)

    def join_group(self, context: RequestContext, request: JoinRequest) -> Plan:
        """GroupView."""
        return self._groups.join(context, request)

    def get_group(self, actor: Principal | None, group_id: UUID, invite: str | None, now: datetime) -> GroupView:
        """A group, for who may see it."""
        return self._groups.get(actor, group_id, invite, now)

    # tills

    def presence_code(self, context: RequestContext, place_id: UUID) -> PresenceView:
        """The digits that a place's till shows now."""
        with self._database.read_primary() as conn:
            till = till_at(conn, context.actor, place_id)
        code, until = self._gates.code_at(till.place_id, context.now)
        return PresenceView(till.place_id, code, until, ROTATES_EVERY_S)

    def lookup(self, context: RequestContext, request: LookupRequest) -> Plan:
        """LookupView."""
        return self._till.lookup(context, request)

    def redeem(self, context: RequestContext, request: RedemptionRequest) -> Plan:
        """RedemptionView, held or committed."""
        return self._till.redeem(context, request)

    def commit(self, context: RequestContext, redemption_id: UUID) -> Plan:
        """RedemptionView, committed."""
        return self._till.commit(context, redemption_id)

    def void(self, context: RequestContext, redemption_id: UUID, reason: str | None) -> Plan:
        """RedemptionView, voided."""
        return self._till.void(context, redemption_id, reason)

    def reverse(self, context: RequestContext, redemption_id: UUID, reason: str) -> Plan:
        """RedemptionView, reversed or waiting for its refund."""
        return self._till.reverse(context, redemption_id, reason)

    def get_redemption(self, context: RequestContext, redemption_id: UUID) -> RedemptionView:
        """A redemption of the caller's merchant."""
        return self._till.get(context, redemption_id)

    def get_by_request(self, context: RequestContext, place_id: UUID, request_no: str) -> RedemptionView:
        """What became of a till's request."""
        return self._till.get_by_request(context, place_id, request_no)

    # money

    def create_payment(self, context: RequestContext, request: PaymentRequest) -> Plan:
        """PaymentView."""
        return self._payments.create_payment(context, request)

    def get_payment(self, context: RequestContext, payment_id: UUID) -> PaymentView:
        """A payment of the caller."""
        return self._payments.get_payment(context, payment_id)

    def cancel_payment(self, context: RequestContext, payment_id: UUID) -> Plan:
        """PaymentView."""
        return self._payments.cancel_payment(context, payment_id)

    def resolve_payment(self, context: RequestContext | None, payment_id: UUID, now: datetime) -> Plan:
        """PaymentView."""
        return self._payments.resolve_payment(context, payment_id, now)

    def refund(self, context: RequestContext, payment_id: UUID, request: RefundRequest) -> Plan:
        """RefundView."""
        return self._payments.refund(context, payment_id, request)

    def get_refund(self, context: RequestContext, refund_id: UUID) -> RefundView:
        """A refund of the caller's merchant."""
        return self._payments.get_refund(context, refund_id)

    def resolve_refund(self, refund_id: UUID, now: datetime) -> Plan:
        """RefundView."""
        return self._payments.resolve_refund(refund_id, now)

    def provider_notice(self, provider: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Plan:
        """Bytes."""
        return self._payments.provider_notice(provider, headers, body, now)

    # statements

    def list_settlements(
        self,
        context: RequestContext,
        merchant_ids: Sequence[UUID],
        state: str | None,
        before: UUID | None,
        limit: int,
    ) -> Sequence[Settlement]:
        """Statements of some of the caller's merchants, newest first."""
        return self._settlements.listed(context, merchant_ids, state, before, limit)

    def count_settlements(self, context: RequestContext, merchant_ids: Sequence[UUID], state: str | None) -> int:
        """How many there are."""
        return self._settlements.count(context, merchant_ids, state)

    def get_settlement(self, context: RequestContext, settlement_id: UUID) -> Settlement:
        """A statement of one of the caller's merchants."""
        return self._settlements.get(context, settlement_id)

    def settlement_lines(
        self, context: RequestContext, settlement_id: UUID, after: int, limit: int
    ) -> Sequence[SettlementLine]:
        """Its lines behind a number."""
        return self._settlements.lines(context, settlement_id, after, limit)

    def settlement_file(self, context: RequestContext, settlement_id: UUID) -> tuple[Settlement, bytes]:
        """The statement and its lines as a file."""
        return self._settlements.file(context, settlement_id)

    # what another flow tells

    def flow_notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Plan:  # noqa: ARG002
        """NotFound."""
        raise NotFound("the flow is this installation's own")

    # time

    def due_work(self, city_id: int, now: datetime) -> Sequence[Plan]:
        """Holds first, since a claim that is held does not expire."""

        def leases(conn: Connection, _prepared: None, _outcome: None) -> int:
            return self._till.sweep_leases(conn, city_id, now, BATCH)

        def old(conn: Connection, _prepared: None, _outcome: None) -> int:
            return self._gates.forget_old(conn, city_id, now)

        return (
            Plan(lambda _conn: None, old),
            Plan(lambda _conn: None, leases),
            self._ends.release_unpaid(city_id, now),
            *self._group_ends.due(city_id, now),
            self._ends.expire(city_id, now),
        )

    def partner_work(self, now: datetime) -> int:  # noqa: ARG002 - the wallet has a clock of its own
        """Notices of the test wallet, where it is on offer."""
        if TEST_WALLET not in self._settings.providers:
            return 0
        return send_due_notices(self._database, self._settings, self._clock)
