"""What a sign-in or a change of one's own page can be refused for."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class InvalidGrant(AppError):
    """Anything wrong with a sign-in; the answer never says what."""

    code: ClassVar[str] = "invalid-grant"
    title: ClassVar[str] = "The sign-in does not match"


class OtpTooSoon(AppError):
    """A code went to this phone less than 30 s ago, or ten in a day."""

    code: ClassVar[str] = "otp-too-soon"
    title: ClassVar[str] = "A one-time code was sent a moment ago"


class OtpLocked(AppError):
    """Five wrong codes; the code is void."""

    code: ClassVar[str] = "otp-locked"
    title: ClassVar[str] = "Too many wrong codes; ask for a new one"


class SignInLocked(AppError):
    """Twenty passwords tried for one login name within a quarter of an hour, whether it exists or not."""

    code: ClassVar[str] = "sign-in-locked"
    title: ClassVar[str] = "Too many wrong sign-ins for this name"


class SignInElsewhere(AppError):
    """This installation takes people's tokens from another issuer."""

    code: ClassVar[str] = "sign-in-elsewhere"
    title: ClassVar[str] = "People sign in at another issuer"


class GatewayFailed(AppError):
    """The gateway did not take the message."""

    code: ClassVar[str] = "gateway-failed"
    title: ClassVar[str] = "A partner did not take the request"
