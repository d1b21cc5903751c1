"""What can go wrong, by name; only http/problems.py knows status numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request: where it stands and what would be right.

    Exactly one of ``parameter`` (a query or path parameter) and ``pointer`` (RFC 6901, into the JSON body) is set.
    ``location`` ({lon, lat}) is the place on the map that a drawing goes wrong at.
    """

    detail: str
    parameter: str | None = None
    pointer: str | None = None
    code: str | None = None
    hint: str | None = None
    location: Mapping[str, float] | None = None


class AppError(Exception):
    """A refusal with a stable ``code``, a ``title`` that never changes, and a ``detail`` for this case.

    ``extra`` are further members of the problem document, such as ``conflict``.
    """

    code: ClassVar[str] = "internal-error"
    title: ClassVar[str] = "Something went wrong on our side"

    def __init__(
        self,
        detail: str = "",
        *,
        faults: Sequence[Fault] = (),
        retry_after_s: int | None = None,
        extra: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(detail or self.title)
        self.detail = detail or self.title
        self.faults = tuple(faults)
        self.retry_after_s = retry_after_s
        self.extra = dict(extra or {})


class NotFound(AppError):
    """Missing, or not yours: both answer alike."""

    code = "not-found"
    title = "There is no such thing"


class InvalidParameter(AppError):
    """A query or path parameter is wrong."""

    code = "invalid-parameter"
    title = "A parameter is not valid"


class InvalidBody(AppError):
    """A JSON body that parsed has a wrong member."""

    code = "invalid-body"
    title = "The body is not valid"


class Unavailable(AppError):
    """A part we need does not answer; the same request may succeed later."""

    code = "unavailable"
    title = "The service is not available for the moment"


class PreconditionRequired(AppError):
    """A change without If-Match."""

    code = "precondition-required"
    title = "Say with If-Match which state is being changed"


class PreconditionFailed(AppError):
    """A change of a state that is no longer there."""

    code = "precondition-failed"
    title = "The thing changed since it was read; read it again"
