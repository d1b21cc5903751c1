"""What a statement can be refused for."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class CutRefused(AppError):
    """The period would end in the future, or before the one that was closed last."""

    code: ClassVar[str] = "settlement-cut-refused"
    title: ClassVar[str] = "A statement can't end there"


class NothingToSettle(AppError):
    """No line is due and nothing is carried on."""

    code: ClassVar[str] = "settlement-empty"
    title: ClassVar[str] = "There is nothing to settle"


class SettlementOver(AppError):
    """The statement is not in a state from which this step starts."""

    code: ClassVar[str] = "settlement-over"
    title: ClassVar[str] = "The statement is past this step"


class NothingToPay(AppError):
    """The statement pays nothing out: what it comes to is carried on."""

    code: ClassVar[str] = "settlement-without-payout"
    title: ClassVar[str] = "The statement pays nothing out"
