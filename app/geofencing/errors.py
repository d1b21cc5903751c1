"""Refusals of this module."""

from __future__ import annotations

from typing import ClassVar

from app.core.errors import AppError


class ConsentRequired(AppError):
    """Positions are taken from nobody who did not agree to it."""

    code: ClassVar[str] = "consent-required"
    title: ClassVar[str] = "The member has not agreed to this"


class FenceExists(AppError):
    """Another fence of the merchant has this external id."""

    code: ClassVar[str] = "geofence-exists"
    title: ClassVar[str] = "The merchant has a fence of this name"


class FenceLimit(AppError):
    """A merchant has as many fences as it may."""

    code: ClassVar[str] = "geofence-limit"
    title: ClassVar[str] = "A merchant has at most ten thousand fences in a city"


class FenceOver(AppError):
    """The fence was deleted or its time is over."""

    code: ClassVar[str] = "geofence-over"
    title: ClassVar[str] = "The fence is over"


class SavedLimit(AppError):
    """A member has as many saved areas as they may."""

    code: ClassVar[str] = "saved-limit"
    title: ClassVar[str] = "A member saves at most twenty areas"
