"""Texts of opening hours, taken apart so that each day can be asked for alone; pure.

A text has readings: several where school holidays or open ends leave a doubt, none where it can't be evaluated.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import opening_hours

from app.places.hours_tidy import QUOTED, split, tidied

DAY_MIN: Final = 1440
MAX_CHARS: Final = 1000

_UNSUPPORTED = re.compile(r"\b(?:sunrise|sunset|dawn|dusk)\b|\b[PS]H\s*[+-]\s*\d", re.IGNORECASE)
_SPAN = re.compile(r"(?<![\d:/])(\d{1,2}):(\d{2})\s*(?:-\s*(\d{1,2}):(\d{2})\s*(\+)?|(\+))")
_SCHOOL_HOLIDAY = re.compile(r"\bSH\b")
# A span that the reading leaves out still has to be there, so that its rule goes on replacing earlier ones.
_NEVER: Final = "23:59-24:00"


@dataclass(frozen=True, slots=True)
class Reading:
    """One way to read a text: what each day opens until midnight, and what it opens after it."""

    own: str
    spill: str | None
    school_holiday: bool


@lru_cache(maxsize=16384)
def fallbacks(text: str) -> tuple[str, ...]:
    """The tidied text cut at each ``||`` outside quotes."""
    return (text,) if len(text) > MAX_CHARS or "\x00" in text else tuple(split(tidied(text), "||"))


@lru_cache(maxsize=16384)
def readings(text: str) -> tuple[Reading, ...]:
    """All readings of a text; several when school holidays or open ends leave a doubt, none when it can't be read."""
    bare = "".join(part for part in QUOTED.split(text) if not part.startswith('"'))
    if len(text) > MAX_CHARS or not text.strip() or "\x00" in text or _UNSUPPORTED.search(bare):
        return ()
    if expression_of(text) is None:
        return ()
    open_end = any(found[5] or found[6] for found in _SPAN.finditer(bare))
    found = []
    for generous in (False, True) if open_end else (False,):
        own, spill = _rewritten(text, generous)
        if expression_of(own) is None or (spill is not None and expression_of(spill) is None):
            return ()
        found += [
            Reading(own, spill, school) for school in ((False, True) if _SCHOOL_HOLIDAY.search(bare) else (False,))
        ]
    return tuple(found)


def _rewritten(text: str, generous: bool) -> tuple[str, str | None]:
    """The text with spans cut at midnight, and the text of what lies beyond; None when nothing does."""
    reaches = False

    def ends(found: re.Match[str]) -> tuple[int, int]:
        start = int(found[1]) * 60 + int(found[2])
        if found[6]:
            # The two readings share no minute, so that all of it is in doubt.
            return (start + 1, _latest(start)) if generous else (start, start + 1)
        end = int(found[3]) * 60 + int(found[4])
        end += DAY_MIN if end <= start else 0
        return start, _latest(end) if generous and found[5] else end

    def own(found: re.Match[str]) -> str:
        start, end = ends(found)
        return _range(start, min(end, DAY_MIN)) if start < DAY_MIN else _NEVER

    def spill(found: re.Match[str]) -> str:
        nonlocal reaches
        start, end = ends(found)
        if end <= DAY_MIN:
            return _NEVER
        reaches = True
        return _range(max(0, start - DAY_MIN), min(end - DAY_MIN, DAY_MIN))

    today, tomorrow = _substituted(text, own), _substituted(text, spill)
    return today, tomorrow if reaches else None


def _latest(since: int) -> int:
    """When an open end is over at the latest; nobody says, and the reference evaluator sets these bounds."""
    if since < 17 * 60:
        return DAY_MIN
    return min(since + (8 if since >= 22 * 60 else 10) * 60, 2 * DAY_MIN)


def _range(start: int, end: int) -> str:
    return f"{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}"


def _substituted(text: str, by: Callable[[re.Match[str]], str]) -> str:
    """Every time span outside quotes replaced."""
    parts = QUOTED.split(text)
    return "".join(part if part.startswith('"') else _SPAN.sub(by, part) for part in parts)


@lru_cache(maxsize=32768)
def expression_of(text: str) -> opening_hours.OpeningHours | None:
    """The library's value for a text; None when it refuses it."""
    try:
        return opening_hours.OpeningHours(text, auto_country=False, auto_timezone=False)
    except Exception:  # the library's ParserError has no narrower base
        return None
