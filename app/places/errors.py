"""Refusals of an edit of places."""

from __future__ import annotations

from app.core.errors import AppError


class NoPlacesThere(AppError):
    """A city without a version of places that readers see."""

    code = "no-places"
    title = "The city has no places yet"


class UnknownPlace(AppError):
    """The version that readers see does not state the place."""

    code = "unknown-place"
    title = "There is no such place"


class InvalidEdit(AppError):
    """What an edit says of a place can't be true."""

    code = "invalid-edit"
    title = "The place can't be changed so"
