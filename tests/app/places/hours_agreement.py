"""Our evaluator and the reference over the same texts and instants, and the classes of what they see differently."""

from __future__ import annotations

import random
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from app.places.opening_hours import HORIZON_DAYS, Calendar, HoursPattern, open_patterns, parse_ok, state_at
from tests.app.places.reference_evaluator import ZONE, Answer

CALENDAR = "reference"
MINUTES = (0, 30, 59, 29, 15, 45)  # where hours begin and end, and a minute before

# The first that a text holds names its class; nights and open ends are told apart before, by what was answered.
NIGHT = "the night before a day with other rules"
OPEN_END = "after an open end (+)"
FEATURES = (
    ("sun times", r"(?i)\b(?:sunrise|sunset|dawn|dusk)\b"),
    ("school holidays (SH)", r"\bSH\b"),
    ("Easter", r"(?i)\beaster\b"),
    ("days from a holiday (PH +1 day)", r"\bPH\s*[+-]\s*\d"),
    ("fallback (||)", r"\|\|"),
    ("open end (+)", r"\d\s*\+"),
    ("comment", r'"'),
    ("week numbers", r"\bweek\b"),
    ("years", r"\b(?:19|20)\d\d\b(?!:)"),
    ("months and dates", r"\b(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)\b"),
    ("nth weekday of a month", r"\[\s*-?\d"),
    ("public holidays (PH)", r"\bPH\b"),
)
_SPAN = re.compile(r"(\d{1,2}):(\d{2})\s*-\s*(\d{1,2}):(\d{2})")


@dataclass
class Agreement:
    """Counts over texts and instants; a text that can't be read is ``unknown`` in ``all``, left out in ``both``."""

    texts: int = 0
    instants: int = 0
    ours_unread: list[str] = field(default_factory=list)
    reference_unread: list[str] = field(default_factory=list)
    read_by_both: int = 0
    both_agreed: int = 0
    all_agreed: int = 0
    cautious: int = 0  # unknown where the reference says open or closed
    texts_alike: int = 0
    classes: dict[tuple[str, str], Counter[str]] = field(default_factory=lambda: defaultdict(Counter))

    @property
    def of_both(self) -> float:
        """The share of equal answers to texts that either can read."""
        return self.both_agreed / (self.read_by_both * self.instants or 1)

    @property
    def of_both_when_sure(self) -> float:
        """The same without the instants at which we say that we don't know and the reference does."""
        return self.both_agreed / (self.read_by_both * self.instants - self.cautious or 1)

    @property
    def of_all(self) -> float:
        """The share of equal answers to all texts, those that can't be read being unknown."""
        return self.all_agreed / (self.texts * self.instants or 1)


def instants_of(year: int, count: int, calendar: Calendar, seed: int = 1) -> tuple[datetime, ...]:
    """Instants spread over a year of the reference's zone: both nights of the clock change, holidays, then any."""
    zone = ZoneInfo(ZONE)
    chosen: set[datetime] = set()
    for day in range(366):
        start = datetime(year, 1, 1, tzinfo=zone) + timedelta(days=day)
        if start.year == year and start.utcoffset() != (start + timedelta(days=1)).utcoffset():
            base = start.astimezone(UTC)
            chosen |= {base + timedelta(minutes=step) for step in (15, 75, 90, 135, 179, 180, 255, 300)}
    rng = random.Random(seed)
    for on in sorted(day for day in calendar if day.year == year):
        for hour in (1, 13):
            chosen.add(datetime(on.year, on.month, on.day, hour, rng.choice(MINUTES), tzinfo=zone).astimezone(UTC))
    while len(chosen) < count:
        start = datetime(year, 1, 1, tzinfo=zone) + timedelta(days=rng.randrange(365))
        chosen.add(start.replace(hour=rng.randrange(24), minute=rng.choice(MINUTES)).astimezone(UTC))
    return tuple(sorted(chosen))


def ours(texts: Sequence[str], instants: Sequence[datetime], calendar: Calendar) -> Iterator[str | None]:
    """A letter an instant for each text; None for a text that can't be read."""
    for text in texts:
        if not parse_ok(text):
            yield None
            continue
        pattern = HoursPattern(1, text, ZONE, CALENDAR, False, True)
        letters = []
        for instant in instants:
            opened, unknown = open_patterns([pattern], {CALENDAR: calendar}, instant)
            letters.append("o" if opened else "u" if unknown else "c")
        yield "".join(letters)


def compared(
    texts: Sequence[str], instants: Sequence[datetime], mine: Iterable[str | None], theirs: Iterable[Answer]
) -> Agreement:
    """Every text at every instant; each disagreement is counted under its class."""
    found = Agreement(texts=len(texts), instants=len(instants))
    unread = "u" * len(instants)
    for text, own, answer in zip(texts, mine, theirs, strict=True):
        if own is None:
            found.ours_unread.append(text)
        if answer.states is None:
            found.reference_unread.append(text)
        one, other = own or unread, answer.states or unread
        alike = sum(a == b for a, b in zip(one, other, strict=True))
        found.all_agreed += alike
        if own is None or answer.states is None:
            continue
        found.read_by_both += 1
        found.both_agreed += alike
        found.texts_alike += alike == len(instants)
        for instant, a, b in zip(instants, one, other, strict=True):
            if a != b:
                found.cautious += a == "u"
                found.classes[class_of(text, a + b, instant), a + b][text] += 1
    return found


def changes_compared(
    texts: Sequence[str], instants: Sequence[datetime], calendar: Calendar, theirs: Iterable[Answer]
) -> tuple[int, Counter[str]]:
    """How often both see the same state, and by class how often another next change of it."""
    asked, differ = 0, Counter[str]()
    for text, answer in zip(texts, theirs, strict=True):
        if answer.states is None or not parse_ok(text):
            continue
        pattern = HoursPattern(1, text, ZONE, CALENDAR, False, True)
        for instant, letter, other in zip(instants, answer.states, answer.changes, strict=True):
            state, change = state_at(pattern, calendar, instant)
            if state[0] != letter:
                continue
            asked += 1
            # A day less than the horizon, at whose end one of both may look a little further.
            far = instant + timedelta(days=HORIZON_DAYS - 1)
            mine, reference_s = (at if at is not None and at <= far else None for at in (change, other))
            if mine != reference_s:
                differ[NIGHT if past_midnight(text) else class_of(text, "", instant)] += 1
    return asked, differ


def class_of(text: str, letters: str, instant: datetime) -> str:
    """What about a text was read differently: ours and the reference's letter, at an instant."""
    minute = instant.astimezone(ZoneInfo(ZONE)).hour * 60
    if letters in ("oc", "co", "uc", "cu") and minute < 12 * 60 and past_midnight(text):
        return NIGHT
    if letters == "uc" and "+" in text:
        return OPEN_END
    return next((name for name, sign in FEATURES if re.search(sign, text)), "other")


def past_midnight(text: str) -> bool:
    """Whether something opens one day and closes the next."""
    spans = [tuple(int(part) for part in found) for found in _SPAN.findall(text)]
    return any((c, d) <= (a, b) or c >= 24 for a, b, c, d in spans if (c, d) != (24, 0))
