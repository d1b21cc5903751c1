"""marshmallow fields that parse strictly and say in their message what would be right."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from marshmallow import ValidationError, fields

_DECIMAL = re.compile(r"[+-]?\d{1,16}(\.\d{1,40})?", re.ASCII)
NO_CONTROLS = r"^[^\u0000-\u001f]*$"  # in the words of JSON Schema's regular expressions, for the API document


def fault(detail: str, code: str, hint: str | None = None) -> ValidationError:
    """A validation error that carries the code of its problem."""
    return ValidationError({"detail": detail, "code": code, "hint": hint} if hint else {"detail": detail, "code": code})


class DecimalNumber(fields.Float):
    """A finite number in plain decimal notation, with bounds; ``code`` names the problem."""

    def __init__(
        self, *, low: float, high: float, code: str = "invalid-parameter", unit: str = "", **options: Any
    ) -> None:
        metadata = {"minimum": low, "maximum": high, **options.pop("metadata", {})}
        super().__init__(metadata=metadata, **options)
        self.low, self.high, self.code, self.unit = low, high, code, unit

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> float:
        said = f"give a decimal number in {self.low:g}..{self.high:g}{self.unit}"
        if isinstance(value, bool) or not isinstance(value, (str, int, float)):
            raise fault(said, self.code)
        if isinstance(value, str) and not _DECIMAL.fullmatch(value):
            raise fault(said, self.code)
        try:
            number = float(value)
        except OverflowError:
            raise fault(said, self.code) from None
        if not math.isfinite(number) or not self.low <= number <= self.high:
            raise fault(said, self.code)
        return number + 0.0


class WholeNumber(fields.Integer):
    """A whole number with bounds; text must be digits alone, and 5.0 in JSON is 5, as JSON Schema says."""

    def __init__(self, *, low: int, high: int, **options: Any) -> None:
        super().__init__(strict=True, metadata={"minimum": low, "maximum": high}, **options)
        self.low, self.high = low, high

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> int:
        text = value if isinstance(value, str) else ""
        if isinstance(value, int) and not isinstance(value, bool):
            number = value
        elif isinstance(value, float) and value.is_integer():
            number = int(value)
        elif text.isascii() and text.isdigit() and len(text) <= 12:
            number = int(text)
        else:
            raise fault(f"give a whole number in {self.low}..{self.high}", "invalid-parameter")
        if not self.low <= number <= self.high:
            raise fault(f"give a whole number in {self.low}..{self.high}", "invalid-parameter")
        return number


class Flag(fields.Boolean):
    """``true`` or ``false``, nothing else."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> bool:
        if value is True or value == "true":
            return True
        if value is False or value == "false":
            return False
        raise fault("give true or false", "invalid-parameter")


class Text(fields.String):
    """Text of bounded length without control characters."""

    def __init__(self, *, longest: int, shortest: int = 1, **options: Any) -> None:
        given = options.pop("metadata", {})
        bounds = {"minLength": shortest, "maxLength": longest, "pattern": NO_CONTROLS}
        metadata = given if "enum" in given else {**bounds, **given}
        super().__init__(metadata=metadata, **options)
        self.shortest, self.longest = shortest, longest

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if not isinstance(value, str) or not self.shortest <= len(value) <= self.longest:
            raise fault(f"give text of {self.shortest} to {self.longest} characters", "invalid-parameter")
        if any(ord(char) < 32 or 0xD800 <= ord(char) <= 0xDFFF for char in value):
            raise fault("give text without control characters", "invalid-parameter")
        return value


class Choice(Text):
    """One of some words."""

    def __init__(self, *words: str, **options: Any) -> None:
        super().__init__(longest=60, metadata={"enum": list(words)}, **options)
        self.words = words

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if value not in self.words:
            raise fault(f"give one of: {', '.join(self.words)}", "invalid-parameter")
        return str(value)


class Digits(fields.String):
    """So many digits, as text."""

    def __init__(self, count: int, **options: Any) -> None:
        super().__init__(metadata={"pattern": f"^[0-9]{{{count}}}$"}, **options)
        self.count = count

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> str:
        if not (isinstance(value, str) and len(value) == self.count and value.isascii() and value.isdigit()):
            raise fault(f"give {self.count} digits", "invalid-parameter")
        return value


class Id(fields.UUID):
    """A UUID in its canonical text form."""

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> UUID:
        try:
            found = UUID(value) if isinstance(value, str) and len(value) == 36 else None
        except ValueError:
            found = None
        if found is None:
            raise fault("give an id as this API returned it", "invalid-parameter")
        return found


class Instant(fields.DateTime):
    """An RFC 3339 time with an offset, in the years 1970 to 2100."""

    def __init__(self, **options: Any) -> None:
        metadata = {"description": "an RFC 3339 time with offset, in the years 1970 to 2100"}
        super().__init__(metadata={**metadata, **options.pop("metadata", {})}, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **_: Any) -> datetime:
        try:
            found = datetime.fromisoformat(value.upper()) if isinstance(value, str) and len(value) >= 20 else None
        except ValueError:
            found = None
        if found is None or found.tzinfo is None:
            raise fault("give an RFC 3339 time with offset, such as 2026-11-22T09:30:00+08:00", "invalid-parameter")
        if not 1970 <= found.year <= 2100:
            raise fault("give a time in the years 1970 to 2100", "invalid-parameter")
        return found


def latitude(**options: Any) -> DecimalNumber:
    """A latitude in degrees."""
    return DecimalNumber(low=-90, high=90, code="invalid-coordinate", unit=" degrees", **options)


def longitude(**options: Any) -> DecimalNumber:
    """A longitude in degrees."""
    return DecimalNumber(low=-180, high=180, code="invalid-coordinate", unit=" degrees", **options)
