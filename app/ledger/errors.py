"""What the ledger refuses."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class BudgetExhausted(AppError):
    """The platform's budget for a coupon has less left than the unit draws."""

    code: ClassVar[str] = "budget-exhausted"
    title: ClassVar[str] = "The coupon's budget is used up"
