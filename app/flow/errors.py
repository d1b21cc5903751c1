"""What any flow can be refused for, wherever it stands."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class FlowUnavailable(AppError):
    """The flow did not answer; the same request with the same key finds out what became of it."""

    code: ClassVar[str] = "flow-unavailable"
    title: ClassVar[str] = "The redemption flow does not answer"
