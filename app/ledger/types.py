"""Values of this module; amounts are minor units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

AccountKind = Literal[
    "provider_clearing",
    "provider_fee_expense",
    "promo_expense",
    "platform_revenue",
    "prepaid_liability",
    "stray_liability",
    "merchant_payable",
    "promo_available",
    "promo_used",
    "promo_funding",
    "payout_due",
    "payout_clearing",
    "merchant_receivable",
]
RefType = Literal["payment", "refund", "redemption_unit", "coupon", "settlement"]
Purpose = Literal["claim", "redemption"]

# The owner of the platform's own accounts.
PLATFORM: Final = UUID(int=0)
# Accounts that keep a balance, which never falls below this; a balance on the others would be one hot row.
FLOORS: Final[Mapping[AccountKind, int]] = {"promo_available": 0}


@dataclass(frozen=True, slots=True, order=True)
class AccountKey:
    """An account by what it is for; with a city and a currency there is one."""

    kind: AccountKind
    owner_id: UUID


@dataclass(frozen=True, slots=True)
class Account:
    """An account as stored."""

    account_id: UUID
    key: AccountKey


@dataclass(frozen=True, slots=True)
class Posting:
    """One transfer that a business event calls for; (ref_type, ref_id, kind) is posted once in a city."""

    ref_type: RefType
    ref_id: UUID
    kind: str
    debit: AccountKey
    credit: AccountKey
    amount_minor: int


@dataclass(frozen=True, slots=True)
class UnitSplit:
    """What one redeemed unit moves. ``budgeted`` units draw ``platform_share_minor`` from the coupon's budget, which is
    ``budget_minor`` in the terms that the claim was granted under."""

    redemption_unit_id: UUID
    coupon_id: UUID
    platform_share_minor: int
    prepaid_minor: int
    commission_minor: int
    budgeted: bool
    budget_minor: int | None


@dataclass(frozen=True, slots=True)
class Line:
    """A transfer of a merchant, signed from its side: what it is owed grows with a positive amount."""

    city_id: int
    transfer_id: UUID
    merchant_id: UUID
    kind: str
    ref_type: str
    ref_id: UUID
    amount_minor: int
    currency: str
    posted_at: datetime
