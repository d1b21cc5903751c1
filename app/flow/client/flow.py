"""A flow elsewhere behind the gateway: asked as a partner's client, mirrored from its events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode
from uuid import UUID

import orjson
from sqlalchemy import Connection

from app.core.db import Database
from app.core.errors import AppError, NotFound
from app.core.sealing import derived_key
from app.core.settings import InvalidSettings, Settings
from app.flow.client import coupons, mirror, views
from app.flow.client.asking import Asking
from app.flow.client.claims import ClaimsElsewhere
from app.flow.client.tills import TillsElsewhere
from app.flow.errors import FlowLacks, FlowUnavailable
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
from app.flow.wire import Client, Transport
from app.http.principals import Principal
from app.http.steps import Plan, run_job
from app.payments.providers.signing import verified_id
from app.settlements.types import Line as SettlementLine
from app.settlements.types import Settlement

PAGE: Final = 100
NEEDED: Final = ("hold", "partner_users", "caller_claim_ids", "partner_coupons")
CONTRACT: Final = "1"


class FlowElsewhere:
    """Composes the parts; each method is described in ``gateway.FlowGateway``."""

    def __init__(self, settings: Settings, database: Database, *, transport: Transport | None = None) -> None:
        assert settings.flow is not None
        host = settings.flow.removeprefix("http://").split("/")[0]
        if settings.flow.startswith("http://") and host not in settings.flow_allow:
            wanted = f"FUJIN_FLOW must begin with https://, or {host} must stand in FUJIN_FLOW_ALLOW"
            raise InvalidSettings(f"settings:\n  - {wanted}")
        client = Client(
            settings.flow,
            settings.flow_client_id or "",
            settings.flow_secret or "",
            transport=transport,
            timeout_s=settings.flow_timeout_s,
            tries=2,
        )
        self._settings, self._database = settings, database
        self._ask = Asking(client, derived_key(settings.secret_key, "names at the flow"))
        self._claims = ClaimsElsewhere(database, self._ask)
        self._tills = TillsElsewhere(database, self._ask, self._claims)

    def capabilities(self) -> Capabilities:
        """What the flow can do, as far as it is passed on here."""
        return views.capabilities(self._ask.get("/v1/flow"))

    def lacks(self) -> tuple[str, ...]:
        """What the flow would have to do, and does not; to be looked at before anything is served."""
        found = self._ask.get("/v1/flow")
        missing = [name for name in NEEDED if not found["capabilities"].get(name)]
        wrong = (
            [] if str(found["version"]) == CONTRACT else [f"contract version {CONTRACT} (it has {found['version']})"]
        )
        return (*wrong, *missing)

    # partners

    def publish_coupon_version(self, context: RequestContext, terms: PartnerTerms) -> Plan:  # noqa: ARG002
        """FlowLacks: partners publish at the flow itself."""
        raise FlowLacks(f"partners ask the flow itself: {self._settings.flow}")

    def set_stock(self, context: RequestContext, external_id: str, quota: int) -> Plan:  # noqa: ARG002
        """FlowLacks."""
        raise FlowLacks(f"partners ask the flow itself: {self._settings.flow}")

    def end_coupon(self, context: RequestContext, external_id: str) -> Plan:  # noqa: ARG002
        """FlowLacks."""
        raise FlowLacks(f"partners ask the flow itself: {self._settings.flow}")

    def get_partner_coupon(self, context: RequestContext, external_id: str) -> PartnerCouponView:  # noqa: ARG002
        """NotFound."""
        raise NotFound(f"partners ask the flow itself: {self._settings.flow}")

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
        return self._claims.cancel(context, claim_id, reason)

    def present_code(self, context: RequestContext, claim_id: UUID) -> CodeView:
        """The code of one of the caller's claims."""
        return self._claims.code(context, claim_id)

    def resolve_claim(self, claim_id: UUID, now: datetime) -> Plan:
        """What became of a claim whose answer was lost."""
        return self._claims.resolve(claim_id, now)

    # groups

    def start_group(self, context: RequestContext, request: ClaimRequest) -> Plan:  # noqa: ARG002
        """FlowLacks."""
        raise FlowLacks("group deals are not passed on to a flow elsewhere")

    def join_group(self, context: RequestContext, request: JoinRequest) -> Plan:  # noqa: ARG002
        """FlowLacks."""
        raise FlowLacks("group deals are not passed on to a flow elsewhere")

    def get_group(self, actor: Principal | None, group_id: UUID, invite: str | None, now: datetime) -> GroupView:  # noqa: ARG002
        """NotFound."""
        raise NotFound("there is no such group")

    # tills

    def lookup(self, context: RequestContext, request: LookupRequest) -> Plan:
        """LookupView."""
        return self._tills.lookup(context, request)

    def redeem(self, context: RequestContext, request: RedemptionRequest) -> Plan:
        """RedemptionView, held or committed."""
        return self._tills.redeem(context, request)

    def commit(self, context: RequestContext, redemption_id: UUID) -> Plan:
        """RedemptionView, committed."""
        return self._tills.commit(context, redemption_id)

    def void(self, context: RequestContext, redemption_id: UUID, reason: str | None) -> Plan:
        """RedemptionView, voided."""
        return self._tills.void(context, redemption_id, reason)

    def reverse(self, context: RequestContext, redemption_id: UUID, reason: str) -> Plan:
        """RedemptionView, reversed or waiting for its refund."""
        return self._tills.reverse(context, redemption_id, reason)

    def get_redemption(self, context: RequestContext, redemption_id: UUID) -> RedemptionView:
        """A redemption of the caller's merchant."""
        return self._tills.get(context, redemption_id)

    def get_by_request(self, context: RequestContext, place_id: UUID, request_no: str) -> RedemptionView:
        """What became of a till's request."""
        return self._tills.get_by_request(context, place_id, request_no)

    def presence_code(self, context: RequestContext, place_id: UUID) -> PresenceView:
        """The digits that the flow gives a place's till."""
        return self._tills.presence_code(context, place_id)

    # money

    def create_payment(self, context: RequestContext, request: PaymentRequest) -> Plan:
        """PaymentView."""
        return self._tills.create_payment(context, request)

    def get_payment(self, context: RequestContext, payment_id: UUID) -> PaymentView:
        """A payment of the caller."""
        return self._tills.get_payment(context, payment_id)

    def cancel_payment(self, context: RequestContext, payment_id: UUID) -> Plan:
        """PaymentView."""
        return self._tills.cancel_payment(context, payment_id)

    def resolve_payment(self, context: RequestContext | None, payment_id: UUID, now: datetime) -> Plan:
        """PaymentView."""
        return self._tills.resolve_payment(context, payment_id, now)

    def refund(self, context: RequestContext, payment_id: UUID, request: RefundRequest) -> Plan:
        """RefundView."""
        return self._tills.refund(context, payment_id, request)

    def get_refund(self, context: RequestContext, refund_id: UUID) -> RefundView:
        """A refund that the caller may see."""
        return self._tills.get_refund(context, refund_id)

    def resolve_refund(self, refund_id: UUID, now: datetime) -> Plan:  # noqa: ARG002 - the flow's own jobs ask
        """RefundView."""
        return Plan(
            lambda _conn: None,
            lambda _conn, _prepared, found: views.refund_view(found),
            lambda _prepared: self._ask.get(f"/v1/refunds/{refund_id}"),
        )

    def provider_notice(self, provider: str, headers: Mapping[str, str], body: bytes, now: datetime) -> Plan:  # noqa: ARG002
        """NotFound: providers tell the flow itself."""
        raise NotFound("providers tell the flow itself")

    # statements: the flow keeps them, and shows them to its own merchants and partners

    def list_settlements(
        self,
        context: RequestContext,  # noqa: ARG002
        merchant_ids: Sequence[UUID],  # noqa: ARG002
        state: str | None,  # noqa: ARG002
        before: UUID | None,  # noqa: ARG002
        limit: int,  # noqa: ARG002
    ) -> Sequence[Settlement]:
        """None of ours."""
        return ()

    def count_settlements(self, context: RequestContext, merchant_ids: Sequence[UUID], state: str | None) -> int:  # noqa: ARG002
        """None of ours."""
        return 0

    def get_settlement(self, context: RequestContext, settlement_id: UUID) -> Settlement:  # noqa: ARG002
        """NotFound."""
        raise NotFound("the flow keeps the statements")

    def settlement_lines(
        self,
        context: RequestContext,  # noqa: ARG002
        settlement_id: UUID,  # noqa: ARG002
        after: int,  # noqa: ARG002
        limit: int,  # noqa: ARG002
    ) -> Sequence[SettlementLine]:
        """NotFound."""
        raise NotFound("the flow keeps the statements")

    def settlement_file(self, context: RequestContext, settlement_id: UUID) -> tuple[Settlement, bytes]:  # noqa: ARG002
        """NotFound."""
        raise NotFound("the flow keeps the statements")

    # what the flow tells

    def flow_notice(self, headers: Mapping[str, str], body: bytes, now: datetime) -> Plan:
        """None; an event that the flow sent, verified over its raw bytes and applied once. InvalidSignature."""
        if self._settings.flow_hook_secret is None:
            raise NotFound("the flow's events are only polled here")
        verified_id(self._settings.flow_hook_secret, headers, body, now)

        def settle(conn: Connection, _prepared: None, _outcome: None) -> None:
            mirror.apply(conn, [orjson.loads(body)], now)

        return Plan(lambda _conn: None, settle)

    def due_work(self, city_id: int, now: datetime) -> Sequence[Plan]:  # noqa: ARG002 - time ends things at the flow
        """Nothing: what time ends, the flow ends."""
        return ()

    def partner_work(self, now: datetime) -> int:
        """Tells what became of our coupons, and reads the feed on from where it was left, as often as the settings say;
        how much there was."""
        address = self._ask.client.base_url
        with self._database.read_primary() as conn:
            known = mirror.read_to(conn, address)
        if known is not None and now - known[1] < timedelta(seconds=self._settings.flow_poll_s):
            return 0
        return coupons.push(self._ask) + self._read_on(address, known[0] if known else None, now)

    def _read_on(self, address: str, after: str | None, now: datetime) -> int:
        asked = {"limit": PAGE} | ({"after": after} if after else {})

        def call(_prepared: None) -> Any:
            try:
                return self._ask.get(f"/v1/events?{urlencode(asked)}")
            except FlowUnavailable:
                return None  # asked again when the next turn comes
            except AppError as refusal:
                raise FlowUnavailable(f"the feed is refused: {refusal.code}") from refusal

        def settle(conn: Connection, _prepared: None, page: Any) -> int:
            if page is None:
                mirror.put_read_to(conn, address, after, now)
                return 0
            mirror.apply(conn, page["items"], now)
            # a page that is not the last leaves its time as it was, so that the next turn reads on at once
            polled = now - timedelta(seconds=self._settings.flow_poll_s) if page["has_more"] else now
            mirror.put_read_to(conn, address, page["next_cursor"], polled)
            return len(page["items"])

        return int(run_job(Plan(lambda _conn: None, settle, call)))
