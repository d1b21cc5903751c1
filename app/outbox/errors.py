"""What a webhook endpoint can be refused for, and why an event can't be told."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class EndpointRefused(AppError):
    """The address can't receive webhooks: not https, not public, not to be found, or switched off."""

    code: ClassVar[str] = "endpoint-refused"
    title: ClassVar[str] = "The address can't receive webhooks"


class EndpointLimit(AppError):
    """An eleventh endpoint."""

    code: ClassVar[str] = "endpoint-limit"
    title: ClassVar[str] = "A merchant has at most ten endpoints"


class Unrenderable(ValueError):
    """An event that can't be written as a message; the words say why."""
