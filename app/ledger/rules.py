"""The posting table: which transfers each business event calls for.

A debit adds to an account's balance and a credit takes from it, so that all balances of a currency sum to 0. What is
undone goes the same way back under the kind ``undo_<kind>``. Zero amounts are not posted. Cash never passes the
platform: no capture, no fee, nothing to undo.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, Literal
from uuid import UUID

from app.ledger.types import PLATFORM, AccountKey, AccountKind, Posting, Purpose, RefType, UnitSplit

CASH: Final = "cash"
UNDO: Final = "undo_"

# kind of transfer → (account debited, account credited)
ACCOUNTS: Final[dict[str, tuple[AccountKind, AccountKind]]] = {
    "capture": ("provider_clearing", "merchant_payable"),
    "prepaid": ("provider_clearing", "prepaid_liability"),
    "stray": ("provider_clearing", "stray_liability"),
    "provider_fee": ("provider_fee_expense", "provider_clearing"),
    "platform_promo": ("promo_expense", "merchant_payable"),
    "commission": ("merchant_payable", "platform_revenue"),
    "prepaid_used": ("prepaid_liability", "merchant_payable"),
    "promo_fund": ("promo_available", "promo_funding"),
    "promo_budget": ("promo_used", "promo_available"),
    "settle": ("merchant_payable", "payout_due"),
    "settle_back": ("payout_due", "merchant_payable"),
    "receivable": ("merchant_receivable", "payout_due"),
    "recover": ("payout_due", "merchant_receivable"),
    "payout": ("payout_due", "payout_clearing"),
}
OWNED_BY_MERCHANT: Final = frozenset({"merchant_payable", "payout_due", "merchant_receivable"})
OWNED_BY_COUPON: Final = frozenset({"promo_available", "promo_used", "promo_funding"})
# Whose money each kind that stands on a merchant's payable account is, before it is the merchant's.
FUNDED_BY: Final[dict[str, Literal["customer", "platform", "merchant"]]] = {
    "capture": "customer",
    "prepaid_used": "customer",
    "platform_promo": "platform",
    "commission": "merchant",
}
SETTLED: Final = ("settle", "settle_back")
# Kinds that a merchant sees among its lines; a statement is never undone.
MERCHANT_KINDS: Final = frozenset((*FUNDED_BY, *(f"{UNDO}{kind}" for kind in FUNDED_BY), *SETTLED))
_KIND_OF: Final[dict[str, str]] = {"claim": "prepaid", "redemption": "capture", "stray": "stray"}


def captured(
    payment_id: UUID, purpose: Purpose | Literal["stray"], merchant_id: UUID | None, amount_minor: int, fee_minor: int
) -> tuple[Posting, ...]:
    """Money that came through a provider: for a claim, for a till's order, or for nothing any more (stray)."""
    return tuple(
        _postings("payment", payment_id, {_KIND_OF[purpose]: amount_minor, "provider_fee": fee_minor}, merchant_id)
    )


def refunded(
    refund_id: UUID,
    purpose: Purpose | Literal["stray"],
    merchant_id: UUID,
    amount_minor: int,
    fee_returned_minor: int,
) -> tuple[Posting, ...]:
    """Money that went back; of the fee only what the provider returned."""
    amounts = {_KIND_OF[purpose]: amount_minor, "provider_fee": fee_returned_minor}
    return tuple(_postings("refund", refund_id, amounts, merchant_id, undo=True))


def used(merchant_id: UUID, units: Sequence[UnitSplit], *, undo: bool = False) -> tuple[Posting, ...]:
    """Units that were redeemed, or whose redemption is reversed."""
    return tuple(
        posting
        for unit in units
        for posting in _postings(
            "redemption_unit",
            unit.redemption_unit_id,
            {
                "prepaid_used": unit.prepaid_minor,
                "platform_promo": unit.platform_share_minor,
                "promo_budget": unit.platform_share_minor if unit.budgeted else 0,
                "commission": unit.commission_minor,
            },
            merchant_id,
            unit.coupon_id,
            undo=undo,
        )
    )


def settled(
    settlement_id: UUID, merchant_id: UUID, lines_minor: int, receivable_minor: int, recovered_minor: int
) -> tuple[Posting, ...]:
    """A statement was closed: what its lines come to is due to be paid out, or to be made up for."""
    amounts = {
        "settle": max(lines_minor, 0),
        "settle_back": max(-lines_minor, 0),
        "receivable": receivable_minor,
        "recover": recovered_minor,
    }
    return tuple(_postings("settlement", settlement_id, amounts, merchant_id))


def paid_out(settlement_id: UUID, merchant_id: UUID, payout_minor: int) -> tuple[Posting, ...]:
    """The money of a statement left for the merchant's bank."""
    return tuple(_postings("settlement", settlement_id, {"payout": payout_minor}, merchant_id))


def budgets(units: Sequence[UnitSplit]) -> tuple[Posting, ...]:
    """The budgets that must stand before these units are used; one a coupon, of the terms of its first unit."""
    first = {unit.coupon_id: unit for unit in reversed(units) if unit.budgeted and unit.platform_share_minor}
    return tuple(
        posting
        for coupon_id, unit in sorted(first.items())
        for posting in _postings(
            "coupon", coupon_id, {"promo_fund": unit.budget_minor or 0}, merchant_id=None, coupon_id=coupon_id
        )
    )


def _postings(
    ref_type: RefType,
    ref_id: UUID,
    amounts: dict[str, int],
    merchant_id: UUID | None,
    coupon_id: UUID | None = None,
    *,
    undo: bool = False,
) -> Iterator[Posting]:
    for kind, amount_minor in amounts.items():
        if amount_minor == 0:
            continue
        debit, credit = (_account(account, merchant_id, coupon_id) for account in ACCOUNTS[kind])
        if undo:
            yield Posting(ref_type, ref_id, f"{UNDO}{kind}", credit, debit, amount_minor)
        else:
            yield Posting(ref_type, ref_id, kind, debit, credit, amount_minor)


def _account(kind: AccountKind, merchant_id: UUID | None, coupon_id: UUID | None) -> AccountKey:
    owner = merchant_id if kind in OWNED_BY_MERCHANT else coupon_id if kind in OWNED_BY_COUPON else PLATFORM
    if owner is None:
        raise LookupError(f"an account of the kind {kind} needs its owner")
    return AccountKey(kind, owner)
