"""Telephone numbers as they are compared: E.164 where the plan of a country knows them, else their digits; pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from phonenumbers import NumberParseException, PhoneNumberFormat, format_number, is_possible_number, parse

FEWEST_DIGITS: Final = 3
_SEPARATORS = re.compile(r"[;,/|]")
_LIKE_A_NUMBER = re.compile(r"[+(（]?[\d０-９][\d０-９\s()（）.\-–]{2,24}")


def phone_keys(said: str, country: str | None) -> frozenset[str]:
    """Keys of the numbers in a text, several with ; , / or | between them; ``country`` is ISO 3166-1 alpha-2."""
    return frozenset(key for part in _SEPARATORS.split(said) if (key := _key(part.strip(), country)))


def asked_keys(query: str, countries: Iterable[str | None]) -> frozenset[str]:
    """Keys that a query means if it is a number, one a country; empty when it is none."""
    if not _LIKE_A_NUMBER.fullmatch(query.strip()):
        return frozenset()
    return frozenset(key for country in countries if (key := _key(query.strip(), country)))


def _key(number: str, country: str | None) -> str:
    try:
        parsed = parse(number, country.upper() if country else None)
    except NumberParseException:
        parsed = None
    if parsed is not None and is_possible_number(parsed):
        return format_number(parsed, PhoneNumberFormat.E164)
    digits = "".join(str(int(character)) for character in number if character.isdecimal())
    return digits[:20] if len(digits) >= FEWEST_DIGITS else ""
