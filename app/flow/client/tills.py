"""Tills, payments and refunds of a flow elsewhere: the rights of our own people are looked at here."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.core.db import Database
from app.core.errors import NotFound
from app.core.ids import city_of
from app.flow.client import intents, mirror, views
from app.flow.client.asking import Asking
from app.flow.client.claims import ClaimsElsewhere
from app.flow.types import (
    LookupRequest,
    LookupView,
    OfferedCode,
    Order,
    PaymentRequest,
    PaymentView,
    PresenceView,
    RedemptionRequest,
    RedemptionView,
    RefundRequest,
    RefundView,
    RequestContext,
)
from app.http.principals import Principal, require_scope
from app.http.steps import Plan
from app.merchants.queries import operator_among

SCOPE = "redemptions:write"


class TillsElsewhere:
    """What staff do; a redemption or payment of a merchant or place that is not theirs is missing."""

    def __init__(self, database: Database, asking: Asking, claims: ClaimsElsewhere) -> None:
        self._database, self._ask, self._claims = database, asking, claims

    # codes

    def lookup(self, context: RequestContext, request: LookupRequest) -> Plan:
        """LookupView."""
        self._stand_at(context.actor, request.place_id)
        body = _offered(request.offered) | {"place_id": str(request.place_id)} | _order(request.order)
        body.pop("units", None)

        def settle(conn: Connection, _prepared: None, found: Any) -> LookupView:
            remote = UUID(found["coupon_id"])
            ours = intents.ours_of(conn, city_of(request.place_id), [remote])
            return views.lookup_view(found, ours.get(remote, remote))

        return Plan(_nothing, settle, lambda _prepared: self._ask.post("/v1/codes/lookup", body, key=None))

    def redeem(self, context: RequestContext, request: RedemptionRequest) -> Plan:
        """RedemptionView, held or committed."""
        self._stand_at(context.actor, request.place_id)
        body = {
            "codes": [_offered(each) for each in request.offered],
            "place_id": str(request.place_id),
            "request_no": request.request_no,
            "mode": "hold" if request.hold else "redeem",
        } | _order(request.order)
        key = self._ask.key(context, f"redeem {request.place_id}")
        return self._shown(lambda: self._ask.post("/v1/redemptions", body, key=key))

    def commit(self, context: RequestContext, redemption_id: UUID) -> Plan:
        """RedemptionView, committed."""
        return self._step(context, redemption_id, "commit", {})

    def void(self, context: RequestContext, redemption_id: UUID, reason: str | None) -> Plan:
        """RedemptionView, voided."""
        return self._step(context, redemption_id, "void", {} if reason is None else {"reason": reason})

    def reverse(self, context: RequestContext, redemption_id: UUID, reason: str) -> Plan:
        """RedemptionView, reversed or waiting for its refund."""
        return self._step(context, redemption_id, "reverse", {"reason": reason})

    def _step(self, context: RequestContext, redemption_id: UUID, what: str, body: Any) -> Plan:
        self._reached(context.actor, redemption_id)
        key = self._ask.key(context, f"{what} {redemption_id}")
        return self._shown(lambda: self._ask.post(f"/v1/redemptions/{redemption_id}/{what}", body, key=key))

    def _shown(self, ask: Callable[[], Any]) -> Plan:
        def settle(conn: Connection, _prepared: None, found: Any) -> RedemptionView:
            return self._view(conn, found)

        return Plan(_nothing, settle, lambda _prepared: ask())

    def _view(self, conn: Connection, found: Any) -> RedemptionView:
        remote = [UUID(unit["coupon_id"]) for unit in found["units"]]
        return views.redemption_view(found, intents.ours_of(conn, int(found["city_id"]), remote))

    def get(self, context: RequestContext, redemption_id: UUID) -> RedemptionView:
        """A redemption of the caller's merchant."""
        found = self._reached(context.actor, redemption_id)
        with self._database.read_primary() as conn:
            return self._view(conn, found)

    def get_by_request(self, context: RequestContext, place_id: UUID, request_no: str) -> RedemptionView:
        """What became of a till's request."""
        self._stand_at(context.actor, place_id)
        found = self._ask.get(f"/v1/redemptions/by-request/{request_no}?place_id={place_id}")
        with self._database.read_primary() as conn:
            return self._view(conn, found)

    def presence_code(self, context: RequestContext, place_id: UUID) -> PresenceView:
        """The digits that a place's till shows; members send them on."""
        self._stand_at(context.actor, place_id)
        return views.presence_view(self._ask.get(f"/v1/places/{place_id}/presence-code"))

    # rights

    def _stand_at(self, actor: Principal, place_id: UUID) -> None:
        require_scope(actor, SCOPE)
        reached = actor.merchant_ids if actor.role != "staff" or place_id in actor.place_ids else ()
        with self._database.read_primary() as conn:
            if operator_among(conn, city_of(place_id), place_id, reached) is None:
                raise NotFound("there is no such place")

    def _reached(self, actor: Principal, redemption_id: UUID) -> Any:
        require_scope(actor, SCOPE)
        found = self._ask.get(f"/v1/redemptions/{redemption_id}")
        if not _is_own(actor, UUID(found["merchant_id"]), UUID(found["place_id"])):
            raise NotFound("there is no such redemption")
        return found

    # money

    def create_payment(self, context: RequestContext, request: PaymentRequest) -> Plan:
        """PaymentView in any state."""
        user = self._payer(context, request.purpose, request.purpose_id)
        body: dict[str, Any] = {
            "purpose": request.purpose,
            "purpose_id": str(request.purpose_id),
            "provider": request.provider,
            "method": request.method,
        }
        if request.auth_code is not None:
            body["auth_code"] = request.auth_code
        if request.wallet is not None:
            body["wallet"] = {name: getattr(request.wallet, name) for name in request.wallet.__dataclass_fields__}
        key = self._ask.key(context, "pay")
        return self._paid(lambda: self._ask.post("/v1/payments", body, key=key, user=user))

    def _payer(self, context: RequestContext, purpose: str, purpose_id: UUID) -> str | None:
        """Our member's name at the flow, None for a till; NotFound for what is not the caller's to pay."""
        if context.actor.role == "member":
            if purpose != "claim":
                raise NotFound(f"there is no such {purpose}")
            return self._ask.user(self._claims.own(context, purpose_id).member_id)
        if purpose != "redemption":
            raise NotFound(f"there is no such {purpose}")
        self._reached(context.actor, purpose_id)
        return None

    def _paid(self, ask: Callable[[], Any]) -> Plan:
        def settle(_conn: Connection, _prepared: None, found: Any) -> PaymentView:
            return views.payment_view(found)

        return Plan(_nothing, settle, lambda _prepared: ask())

    def get_payment(self, context: RequestContext, payment_id: UUID) -> PaymentView:
        """A payment of the caller."""
        user = self._side(context, payment_id)
        return views.payment_view(self._ask.get(f"/v1/payments/{payment_id}", user=user))

    def cancel_payment(self, context: RequestContext, payment_id: UUID) -> Plan:
        """PaymentView."""
        return self._of_payment(context, payment_id, "cancel")

    def resolve_payment(self, context: RequestContext | None, payment_id: UUID, now: datetime) -> Plan:  # noqa: ARG002
        """PaymentView after asking the flow, whose own jobs ask its providers."""
        if context is None:
            return self._paid(lambda: self._ask.get(f"/v1/payments/{payment_id}"))
        return self._of_payment(context, payment_id, "resolve")

    def _of_payment(self, context: RequestContext, payment_id: UUID, what: str) -> Plan:
        user = self._side(context, payment_id)
        key = self._ask.key(context, f"{what} {payment_id}")
        return self._paid(lambda: self._ask.post(f"/v1/payments/{payment_id}/{what}", {}, key=key, user=user))

    def refund(self, context: RequestContext, payment_id: UUID, request: RefundRequest) -> Plan:
        """RefundView."""
        self._side(context, payment_id)
        body = {
            "refund_no": request.refund_no,
            "amount": {"amount_minor": request.amount.amount_minor, "currency": request.amount.currency},
            "reason": request.reason,
            "return_coupon": request.return_coupon,
        }
        key = self._ask.key(context, f"refund {payment_id}")

        def settle(_conn: Connection, _prepared: None, found: Any) -> RefundView:
            return views.refund_view(found)

        path = f"/v1/payments/{payment_id}/refunds"
        return Plan(_nothing, settle, lambda _prepared: self._ask.post(path, body, key=key))

    def get_refund(self, context: RequestContext, refund_id: UUID) -> RefundView:
        """A refund of the caller's merchant, or of the member's own payment."""
        actor, path = context.actor, f"/v1/refunds/{refund_id}"
        if actor.role == "member":
            return views.refund_view(self._ask.get(path, user=self._ask.user(actor.member_id)))
        found = views.refund_view(self._ask.get(path))
        self._side(context, found.payment_id)
        return found

    def _side(self, context: RequestContext, payment_id: UUID) -> str | None:
        """As whom a payment is asked for: a member as our user, who sees its own alone; a merchant's people, when it is
        of their merchant and place, as ourselves."""
        actor = context.actor
        if actor.role == "member":
            return self._ask.user(actor.member_id)
        require_scope(actor, SCOPE)
        found = self._ask.get(f"/v1/payments/{payment_id}")
        if found["purpose"] == "redemption":
            self._reached(actor, UUID(found["purpose_id"]))
            return None
        with self._database.read_primary() as conn:
            told = mirror.mirrored(conn, payment_id)
        if told is None or not _is_own(actor, told.merchant_id, told.place_id):
            raise NotFound("there is no such payment")
        return None


def _is_own(actor: Principal, merchant_id: UUID, place_id: UUID | None) -> bool:
    return merchant_id in actor.merchant_ids and (actor.role != "staff" or place_id in actor.place_ids)


def _nothing(_conn: Connection) -> None:
    """Nothing is written before these are asked: the flow has their numbers."""


def _offered(code: OfferedCode) -> dict[str, Any]:
    said: dict[str, Any] = {"code": code.code} if code.code is not None else {"qr": code.qr}
    return said | {"units": code.units}


def _order(order: Order | None) -> dict[str, Any]:
    if order is None:
        return {}
    found: dict[str, Any] = {"gross_minor": order.gross_minor, "currency": order.currency}
    if order.pos_order_no is not None:
        found["pos_order_no"] = order.pos_order_no
    return {"order": found}
