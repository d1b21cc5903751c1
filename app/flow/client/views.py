"""What a flow elsewhere answers, as the views that the routes present; KeyError where it lacks a member."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime
from typing import Any
from uuid import UUID

from app.core.money import Money
from app.flow.types import (
    Capabilities,
    ClaimView,
    CodeView,
    Conflict,
    LookupView,
    PaymentBrief,
    PaymentView,
    PlaceName,
    PresenceView,
    PriceSplit,
    RedemptionView,
    RefundView,
    UnitView,
)

Json = Mapping[str, Any]


def _at(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _money(found: Json) -> Money:
    return Money(int(found["amount_minor"]), str(found["currency"]))


def _minor(found: Json | None) -> int | None:
    return None if found is None else int(found["amount_minor"])


def claim_view(found: Json, coupon_id: UUID) -> ClaimView:
    """A claim; ``coupon_id`` is our own id of its coupon."""
    merchant = found["merchant"] or {}
    return ClaimView(
        claim_id=UUID(found["claim_id"]),
        city_id=int(found["city_id"]),
        coupon_id=coupon_id,
        coupon_version=int(found["coupon_version"]),
        merchant_id=UUID(merchant["merchant_id"]),
        merchant_names={"local": merchant["name"]},
        titles={found["lang"]: found["title"]},
        kind=found["kind"],
        state=found["state"],
        units=int(found["units"]),
        units_left=int(found["units_left"]),
        price=_money(found["price"]),
        code_tail=found["code_tail"],
        claimed_at=_time(found["claimed_at"]),
        valid_from=_time(found["valid_from"]),
        valid_until=_time(found["valid_until"]),
        time_zone=found["time_zone"],
        pay_until=_at(found["pay_until"]),
        use_hours=found["use_hours"],
        blackout_dates=_days(found["blackout_dates"]),
        refund_policy=found["refund_policy"],
        distance_m=found["distance_m"],
        group_id=None,
        next_actions=tuple(found["next_actions"]),
    )


def _days(found: list[str]) -> tuple[date, ...]:
    return tuple(date.fromisoformat(day) for day in found)


def code_view(found: Json) -> CodeView:
    """A claim's code."""
    return CodeView(
        claim_id=UUID(found["claim_id"]),
        digits=found["human_code"].replace(" ", ""),
        qr_payload=found["qr_payload"],
        valid_until=_time(found["valid_until"]),
        state=found["state"],
    )


def split_view(found: Json) -> PriceSplit:
    """A price split."""
    return PriceSplit(
        currency=found["gross"]["currency"],
        gross_minor=found["gross"]["amount_minor"],
        discount_minor=found["discount"]["amount_minor"],
        platform_share_minor=found["platform_share"]["amount_minor"],
        prepaid_minor=found["prepaid"]["amount_minor"],
        commission_minor=found["commission"]["amount_minor"],
    )


def lookup_view(found: Json, coupon_id: UUID) -> LookupView:
    """What a code is good for."""
    terms, conflict = found["terms"], found["conflict"]
    return LookupView(
        claim_id=UUID(found["claim_id"]),
        coupon_id=coupon_id,
        titles={found["lang"]: found["title"]},
        default_language=found["lang"],
        kind=found["kind"],
        state=found["state"],
        units=int(found["units"]),
        units_left=int(found["units_left"]),
        reason=found["reason"],
        detail=found["detail"],
        conflict=None if conflict is None else Conflict(_time(conflict["at"]), _id(conflict["place_id"])),
        valid_from=_time(found["valid_from"]),
        valid_until=_time(found["valid_until"]),
        needs_order=bool(found["needs_order"]),
        split=None if found["price"] is None else split_view(found["price"]),
        places=tuple(PlaceName(UUID(each["place_id"]), {found["lang"]: each["name"]}) for each in found["places"]),
        customer_hint=found["customer_hint"],
        code_tail=found["code_tail"],
        currency=terms["min_spend"]["currency"],
        min_spend_minor=int(terms["min_spend"]["amount_minor"]),
        cap_minor=_minor(terms["cap"]),
        face_value_minor=_minor(terms["face_value"]),
        percent_off_bp=terms["percent_off_bp"],
        use_hours=terms["use_hours"],
        blackout_dates=_days(terms["blackout_dates"]),
        party_min=terms["party_min"],
        party_max=terms["party_max"],
    )


def _id(text: str | None) -> UUID | None:
    return None if text is None else UUID(text)


def redemption_view(found: Json, ours: Mapping[UUID, UUID]) -> RedemptionView:
    """A redemption; ``ours`` are our own ids of coupons."""
    units = tuple(
        UnitView(
            claim_id=UUID(unit["claim_id"]),
            unit_no=int(unit["unit_no"]),
            coupon_id=ours.get(UUID(unit["coupon_id"]), UUID(unit["coupon_id"])),
            titles={"local": unit["title"]},
            code_tail=unit["code_tail"],
            split=split_view(unit["split"]),
        )
        for unit in found["units"]
    )
    paid = found["payment"]
    return RedemptionView(
        redemption_id=UUID(found["redemption_id"]),
        request_no=found["request_no"],
        city_id=int(found["city_id"]),
        default_language="local",
        merchant_id=UUID(found["merchant_id"]),
        place_id=UUID(found["place_id"]),
        state=found["state"],
        units=units,
        split=split_view(found["split"]),
        lease_until=_at(found["lease_until"]),
        committed_at=_at(found["committed_at"]),
        reverse_before=_at(found["reverse_before"]),
        ended_at=_at(found["ended_at"]),
        reason=found["reason"],
        reversal_pending=bool(found["reversal_pending"]),
        payment=None
        if paid is None
        else PaymentBrief(UUID(paid["payment_id"]), paid["state"], paid["provider"], _money(paid["amount"])),
        next_actions=tuple(found["next_actions"]),
        created_at=_time(found["created_at"]),
    )


def refund_view(found: Json) -> RefundView:
    """A refund."""
    return RefundView(
        refund_id=UUID(found["refund_id"]),
        payment_id=UUID(found["payment_id"]),
        refund_no=found["refund_no"],
        amount=_money(found["amount"]),
        cause=found["cause"],
        reason=found["reason"],
        state=found["state"],
        failure=found["failure"],
        created_at=_time(found["created_at"]),
    )


def payment_view(found: Json, *, next_actions: tuple[str, ...] | None = None) -> PaymentView:
    """A payment with its refunds."""
    return PaymentView(
        payment_id=UUID(found["payment_id"]),
        city_id=int(found["city_id"]),
        purpose=found["purpose"],
        purpose_id=UUID(found["purpose_id"]),
        provider=found["provider"],
        method=found["method"],
        trade_no=found["trade_no"],
        amount=_money(found["amount"]),
        captured_minor=found["captured"]["amount_minor"],
        refunding_minor=found["refunding"]["amount_minor"],
        refunded_minor=found["refunded"]["amount_minor"],
        fee_minor=found["fee"]["amount_minor"],
        state=found["state"],
        failure=found["failure"],
        pay_url=found["pay_url"],
        pay_until=_time(found["pay_until"]),
        refunds=tuple(refund_view(each) for each in found["refunds"]),
        next_actions=tuple(found["next_actions"]) if next_actions is None else next_actions,
        created_at=_time(found["created_at"]),
        succeeded_at=_at(found["succeeded_at"]),
    )


def presence_view(found: Json) -> PresenceView:
    """The digits of a place's till."""
    until = _time(found["valid_until"])
    return PresenceView(UUID(found["place_id"]), found["code"], until, int(found["rotates_every_s"]))


def capabilities(found: Json) -> Capabilities:
    """What the flow says that it can do; what it does not name it can't."""
    can = found["capabilities"]
    return Capabilities(
        version=str(found["version"]),
        hold=bool(can.get("hold")),
        multi_unit=bool(can.get("multi_unit")),
        partial_refund=bool(can.get("partial_refund")),
        reverse_window_s=int(can.get("reverse_window_s", 0)),
        offline=False,  # nothing here passes them on
        rotating_code=bool(can.get("rotating_code")),
        group=False,
        points=False,
        partner_users=False,  # a partner of ours asks the flow itself
        caller_claim_ids=False,
        partner_coupons=False,
        test_provider=can.get("test_provider"),
        providers=tuple(can.get("providers", ())),
        currencies=tuple(can.get("currencies", ())),
    )
