"""Exceptions written into a text of opening hours, so that one text says all; pure.

The last rule that names a day decides, so precedence is the order of writing: weekdays and holidays as the text has
them, then dated exceptions, then temporary closures. What opened the evening before goes on until it ends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Final

from app.places.hours_errors import InvalidHours
from app.places.hours_text import DAY_MIN, MAX_CHARS, fallbacks, readings
from app.places.hours_tidy import MONTHS

# What can't be read says nothing, but its exceptions do.
_NOTHING_KNOWN: Final = "24/7 unknown"


@dataclass(frozen=True, slots=True)
class DatedException:
    """Other hours on the dates from first to last, both included: minutes of the day, none for closed.

    A span may end the next day, up to 24 hours after it began.
    """

    first_on: date
    last_on: date
    spans: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class TemporaryClosure:
    """Closed on the dates from first to last, both included, whatever else is said of them."""

    first_on: date
    last_on: date


def with_exceptions(
    text: str, exceptions: Iterable[DatedException] = (), closures: Iterable[TemporaryClosure] = ()
) -> str:
    """The text with dated exceptions and, above them, temporary closures; a later one of a kind wins.

    A text that can't be read is unknown but for them. Raises InvalidHours: a range that ends before it begins, a span
    out of range, a result over the limit of characters.
    """
    rules = [f"{dates_text(given.first_on, given.last_on)} {spans_text(given.spans)}" for given in exceptions]
    rules += [f"{dates_text(given.first_on, given.last_on)} off" for given in closures]
    if not rules:
        return text
    parts = fallbacks(text)
    if not all(readings(part) for part in parts):
        parts = (_NOTHING_KNOWN,)
    # A fallback fills what the rules before it leave closed, so each side has to know the exceptions.
    whole = " || ".join("; ".join([part, *rules]) for part in parts)
    if len(whole) > MAX_CHARS:
        raise InvalidHours(f"The hours with their exceptions have {len(whole)} characters; at most {MAX_CHARS} fit.")
    return whole


def dates_text(first_on: date, last_on: date) -> str:
    """``2026 Dec 24`` or ``2026 Dec 24-2027 Jan 06``."""
    if last_on < first_on:
        raise InvalidHours(f"The dates end ({last_on}) before they begin ({first_on}).")
    first, last = (f"{on.year} {MONTHS[on.month - 1]} {on.day:02d}" for on in (first_on, last_on))
    return first if first == last else f"{first}-{last}"


def spans_text(spans: Iterable[tuple[int, int]]) -> str:
    """``10:00-14:00,22:00-02:00`` of minutes of a day; ``off`` of none."""
    return ",".join(_span_text(start, end) for start, end in sorted(spans)) or "off"


def _span_text(start: int, end: int) -> str:
    if not (0 <= start < DAY_MIN and start < end <= start + DAY_MIN):
        raise InvalidHours(f"The minutes {start} to {end} are no span of a day.")
    end -= DAY_MIN if end > DAY_MIN else 0
    return f"{start // 60:02d}:{start % 60:02d}-{end // 60:02d}:{end % 60:02d}"
