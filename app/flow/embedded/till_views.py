"""Redemptions as a till sees them, with what it can do next."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from app.claims.queries import read_claims
from app.core.money import Money
from app.flow.embedded.payments import PaymentsPart
from app.flow.embedded.reference import Reference
from app.flow.embedded.till_offers import split_view
from app.flow.types import PaymentBrief, RedemptionView, UnitView
from app.payments.types import Payment
from app.redemption.queries import units_of
from app.redemption.types import Redemption

PURPOSE: Final = "redemption"
WITHOUT_MONEY: Final = frozenset({"failed", "cancelled", "stray"})


class TillViews:
    """Shows stored redemptions."""

    def __init__(self, reference: Reference, payments: PaymentsPart) -> None:
        self._reference, self._payments = reference, payments

    def of(self, conn: Connection, redemption: Redemption, now: datetime) -> RedemptionView:
        """A redemption as it is stored, so that a repeated request gets what the first one got."""
        city_id = redemption.city_id
        units = units_of(conn, city_id, redemption.redemption_id)
        claims = read_claims(conn, city_id, list({unit.claim_id for unit in units}))
        terms = self._reference.terms.many(
            conn, [(city_id, claim.coupon_id, claim.coupon_version) for claim in claims.values()]
        )
        payment = self._payments.last_payment(conn, city_id, PURPOSE, redemption.redemption_id)
        territory = self._reference.territory(conn, city_id)
        shown = []
        for unit in units:
            claim = claims[unit.claim_id]
            shown.append(
                UnitView(
                    claim_id=unit.claim_id,
                    unit_no=unit.unit_no,
                    coupon_id=unit.coupon_id,
                    titles=terms[city_id, claim.coupon_id, claim.coupon_version].titles,
                    code_tail=claim.code_tail,
                    split=split_view(unit.split, redemption.currency),
                )
            )
        return RedemptionView(
            redemption_id=redemption.redemption_id,
            request_no=redemption.request_no,
            city_id=city_id,
            default_language=territory.default_language if territory else "en",
            merchant_id=redemption.merchant_id,
            place_id=redemption.place_id,
            state=redemption.state,
            units=tuple(shown),
            split=split_view(redemption.split, redemption.currency),
            lease_until=redemption.lease_until,
            committed_at=redemption.committed_at,
            reverse_before=redemption.reverse_before,
            ended_at=redemption.ended_at,
            reason=redemption.reason,
            reversal_pending=redemption.reversal_pending,
            payment=_brief(payment),
            next_actions=next_actions(redemption, payment, now),
            created_at=redemption.created_at,
        )


def next_actions(redemption: Redemption, payment: Payment | None, now: datetime) -> tuple[str, ...]:
    """What a till can do with a redemption now, so that it never guesses."""
    if redemption.state == "committed":
        assert redemption.reverse_before is not None
        open_still = now < redemption.reverse_before and not redemption.reversal_pending
        return ("reverse",) if open_still else ()
    if redemption.state != "held":
        return ()
    if payment is not None and payment.state not in WITHOUT_MONEY:
        return ("commit",) if payment.state == "succeeded" else ()
    assert redemption.lease_until is not None
    if redemption.lease_until <= now:
        return ("void",)
    return ("commit", "void", "pay") if redemption.split.payable_minor > 0 else ("commit", "void")


def _brief(payment: Payment | None) -> PaymentBrief | None:
    if payment is None:
        return None
    amount = Money(payment.amount_minor, payment.currency)
    return PaymentBrief(payment.payment_id, payment.state, payment.provider, amount)
