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


class OverlayOver(AppError):
    """A correction that ended can't be taken back."""

    code = "overlay-over"
    title = "The correction is no longer in force"


class ReviewOver(AppError):
    """What was decided can't be decided so again."""

    code = "review-decided"
    title = "The review was decided already"


class DecisionNotOffered(AppError):
    """A decision that a review of this kind, or in this state, doesn't take."""

    code = "decision-not-offered"
    title = "The review does not take this decision"


class BothRun(AppError):
    """Two places that different merchants run aren't merged."""

    code = "both-run"
    title = "Two merchants run these places"
