"""Payments, refunds, and the door at which providers tell us what happened."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import orjson
from flask import g, request

from app.core.ids import city_of
from app.core.money import Money
from app.flow.present_payments import payment_json, refund_json
from app.flow.routes_common import FLOW_KEY_PROBLEMS, context, flow
from app.flow.schemas_payments import NothingBody, PaymentAnswer, PaymentBody, RefundAnswer, RefundBody
from app.flow.types import PaymentRequest, PaymentView, RefundRequest, RefundView
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC, allow
from app.http.caching import NO_STORE
from app.http.idempotency import KeyScope
from app.http.keyed import KEY_HEADER, key_scope
from app.http.openapi import HeaderOf
from app.http.services import services
from app.http.steps import Plan, run_plan
from app.payments.types import WalletOrder

blueprint = Blueprint("payments", __name__, description="Payments and refunds")

PAYERS = allow(
    "member",
    "staff",
    "owner",
    "partner",
    owner="payments.member_id is the principal, or payments.merchant_id (and place_id, for staff) is one of its own",
    for_users=True,
)
TILLS = allow("staff", "owner", "partner", owner="payments.merchant_id (and place_id, for staff) is one of its own")
UNFINISHED = frozenset({"created", "pending", "unknown", "cancelling"})
RETRY_AFTER_S = 2
MAX_NOTICE_BYTES = 64_000
_RETRY = {"Retry-After": "seconds to wait before asking again, while the payment has not ended"}
_ASKED = ("not-found", "scope-missing", "provider-unavailable", "flow-unavailable")


def _present(status: int) -> Any:
    def present(view: PaymentView) -> Answer:
        return Answer(payment_json(view), status, NO_STORE)

    return present


def _present_refund(view: RefundView) -> Answer:
    return Answer(refund_json(view), 201, NO_STORE)


def _patient(answer: Answer) -> Answer:
    """The answer, also a replayed one, with a word on when to ask again while the payment has not ended."""
    if answer.status < 300 and orjson.loads(answer.encoded())["state"] in UNFINISHED:
        g.retry_after_s = RETRY_AFTER_S
    return answer


def _run(plan: Plan, scope: KeyScope, status: int = 200) -> Answer:
    return _patient(run_plan(plan, scope, _present(status)))


@blueprint.post(
    "/v1/payments",
    policy=PAYERS,
    body=PaymentBody,
    answer=PaymentAnswer,
    status=201,
    takes=KEY_HEADER,
    headers=_RETRY,
    problems=(
        *FLOW_KEY_PROBLEMS,
        *("not-found", "scope-missing", "provider-unknown", "provider-unavailable", "payment-not-needed"),
        *("payment-exists", "payment-purpose-over"),
    ),
)
def create_payment(body: dict[str, Any]) -> Answer:
    """Pays for a claim of one's own, or collects at a till. A payment whose outcome is not known yet says so."""
    # what was scanned off a phone is worth money for a minute, so not even its hash is kept
    asked = {name: value for name, value in body.items() if name != "auth_code"}
    scope = key_scope(f"create_payment {body['purpose_id']}", city_of(body["purpose_id"]), asked)
    wallet = body.get("wallet")
    wanted = PaymentRequest(
        purpose=body["purpose"],
        purpose_id=body["purpose_id"],
        provider=body["provider"],
        method=body["method"],
        auth_code=body.get("auth_code"),
        wallet=None if wallet is None else WalletOrder(**wallet),
    )
    return _run(flow().create_payment(context(scope.key), wanted), scope, 201)


@blueprint.get(
    "/v1/payments/<uuid:payment_id>",
    policy=PAYERS,
    answer=PaymentAnswer,
    headers=_RETRY,
    problems=("not-found", "scope-missing", "flow-unavailable"),
)
def payment(payment_id: UUID) -> Answer:
    """A payment as it stands; the provider is not asked."""
    return _patient(_present(200)(flow().get_payment(context(), payment_id)))


@blueprint.post(
    "/v1/payments/<uuid:payment_id>/cancel",
    policy=PAYERS,
    body=NothingBody,
    answer=PaymentAnswer,
    takes=KEY_HEADER,
    headers=_RETRY,
    problems=(*FLOW_KEY_PROBLEMS, *_ASKED, "payment-not-cancellable"),
)
def cancel_payment(payment_id: UUID, body: dict[str, Any]) -> Answer:
    """Stops a payment at its provider; when the money was faster, the answer is the payment that succeeded."""
    scope = key_scope(f"cancel_payment {payment_id}", city_of(payment_id), body)
    return _run(flow().cancel_payment(context(scope.key), payment_id), scope)


@blueprint.post(
    "/v1/payments/<uuid:payment_id>/resolve",
    policy=PAYERS,
    body=NothingBody,
    answer=PaymentAnswer,
    takes=KEY_HEADER,
    headers=_RETRY,
    problems=(*FLOW_KEY_PROBLEMS, *_ASKED),
)
def resolve_payment(payment_id: UUID, body: dict[str, Any]) -> Answer:
    """Asks the provider what became of a payment; a worker does the same every few seconds."""
    scope = key_scope(f"resolve_payment {payment_id}", city_of(payment_id), body)
    asked = context(scope.key)
    return _run(flow().resolve_payment(asked, payment_id, asked.now), scope)


@blueprint.post(
    "/v1/payments/<uuid:payment_id>/refunds",
    policy=TILLS,
    body=RefundBody,
    answer=RefundAnswer,
    status=201,
    takes=KEY_HEADER,
    problems=(
        *FLOW_KEY_PROBLEMS,
        *_ASKED,
        *("payment-pending", "payment-amount-mismatch", "refund-exceeds-captured", "refund-in-progress"),
        *("refund-number-reused", "claim-held", "claim-not-cancellable"),
    ),
)
def refund_payment(payment_id: UUID, body: dict[str, Any]) -> Answer:
    """Gives money back. The same ``refund_no`` is the same refund; one that failed is tried again under it."""
    scope = key_scope(f"refund_payment {payment_id}", city_of(payment_id), body)
    amount = Money(body["amount"]["amount_minor"], body["amount"]["currency"])
    wanted = RefundRequest(body["refund_no"], amount, body["reason"], body["return_coupon"])
    return run_plan(flow().refund(context(scope.key), payment_id, wanted), scope, _present_refund)


@blueprint.get(
    "/v1/refunds/<uuid:refund_id>",
    policy=PAYERS,
    answer=RefundAnswer,
    problems=("not-found", "scope-missing", "flow-unavailable"),
)
def refund(refund_id: UUID) -> Answer:
    """A refund as it stands."""
    return Answer(refund_json(flow().get_refund(context(), refund_id)), headers=NO_STORE)


@blueprint.post(
    "/v1/providers/<string:provider>/notify",
    policy=PUBLIC,
    raw_body=MAX_NOTICE_BYTES,
    answer=None,
    status=204,
    other_statuses={200: "Taken, as 204; the body is the one word that the provider waits for"},
    takes={
        "webhook-id": HeaderOf("test_wallet: the same for every copy of a message"),
        "webhook-timestamp": HeaderOf("test_wallet: when it was sent, in seconds since 1970; good for five minutes"),
        "webhook-signature": HeaderOf("test_wallet: Standard Webhooks, over the body's bytes as they come"),
        "Stripe-Signature": HeaderOf("stripe: time and HMAC over the body's bytes as they come; good for five minutes"),
    },
    problems=("not-found", "invalid-signature", "body-too-large", "clock-skew", "flow-unavailable"),
)
def provider_notice(provider: str, body: bytes) -> Answer:
    """What a payment provider tells us; answered when it is written down. The provider is asked before money moves."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    plan = flow().provider_notice(provider, headers, body, services().clock())
    return run_plan(plan, None, _thanks)


def _thanks(word: bytes) -> Answer:
    """What the provider waits for: a word (Alipay sends a notice again until it reads one), else a status."""
    if not word:
        return Answer(b"", 204, NO_STORE)
    return Answer(word, 200, NO_STORE, media_type="text/plain")
