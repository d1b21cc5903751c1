"""What can be wrong with opening hours that somebody gives."""

from __future__ import annotations

from typing import ClassVar, Self


class InvalidHours(ValueError):
    """Hours that can't be taken over; ``pointer`` (RFC 6901) is the place in the input, ``""`` the whole of it."""

    code: ClassVar[str] = "invalid-hours"
    title: ClassVar[str] = "The opening hours are not valid"

    def __init__(self, detail: str, *, pointer: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.pointer = pointer

    def under(self, prefix: str) -> Self:
        """The same refusal seen from the document that holds the input at ``prefix``."""
        return type(self)(self.detail, pointer=prefix + self.pointer)
