"""Opening hours as people write them, brought into the one spelling that the library reads as it is meant; pure.

Only what has one meaning is rewritten; what could mean two things is left alone, fails to parse and is ``unknown``.
The library reads some things otherwise than the notation means them: it takes "Mo-Fr, Su 10:00-12:00" as Monday to
Friday all day and Sunday from ten to twelve, refuses "Dec 24,31", and lets "; 14:00-18:00" (a rule for no day in
particular) undo the rules for certain days before it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

WEEKDAYS: Final = ("Mo", "Tu", "We", "Th", "Fr", "Sa", "Su")
QUOTED: Final = re.compile(r'("[^"]*")')
_DAYS: Final = "|".join(WEEKDAYS)
MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_MONTHS: Final = "|".join(MONTHS)
_DAY_NAMES: Final = {
    name: day
    for day, names in {
        "Mo": "mo mon monday",
        "Tu": "tu tue tues tuesday",
        "We": "we wed weds wednesday mi",  # Mi is Wednesday in German, Spanish and Italian
        "Th": "th thu thur thurs thursday",
        "Fr": "fr fri friday",
        "Sa": "sa sat saturday",
        "Su": "su sun sunday so",  # So is German
        "PH": "ph",
        "SH": "sh",
    }.items()
    for name in names.split()
}
# Where Monday is Mo or Sunday So, these are German or Dutch; elsewhere Di and Do may be a Romance Sunday.
_GERMANIC: Final = {"di": "Tu", "do": "Th"}
_LONG_MONTHS: Final = "january february march april june july august september sept october november december"
_MONTH_NAMES: Final = {name: name[:3].capitalize() for name in _LONG_MONTHS.split()}
_STATES: Final = {"off", "closed", "open", "unknown"}

_WORD = re.compile(r"[^\W\d_]+")
_HALF_DAY = re.compile(
    r"\b(\d{1,2})(?::(\d{2}))?\s*([ap])\.?m\b\.?\s*(?:-|to)\s*(\d{1,2})(?::(\d{2}))?\s*([ap])\.?m\b\.?", re.IGNORECASE
)
# Minutes that no month has, so that a date like 24.12. is not taken for a time.
_DOTTED = re.compile(r"\b(\d{1,2})\.(00|15|30|45)\s*-\s*(\d{1,2})\.(00|15|30|45)(?![.\d])")
_SPELLINGS: Final = (
    (re.compile(r"[‐‑‒–—−]"), "-"),
    (re.compile(r"\s+"), " "),
    (re.compile(r"(?<=\d) ?(?:~|\bto\b|\bbis\b) ?(?=\d)"), "-"),
    (re.compile(r"(?<=\d) :(?=\d\d)"), ":"),
    (re.compile(r"(?<=\w) ?- ?(?=\w)(?! ?\d+ days?\b)"), "-"),
    (re.compile(rf"\b({_DAYS}|PH|SH) ?: ?(?=\d|off|closed)"), r"\1 "),
    (re.compile(rf"\b({_DAYS}|PH|SH)(?=\d)"), r"\1 "),
    (re.compile(rf"\b({_DAYS}) (?=\[)"), r"\1"),
    (re.compile(r"(:\d\d\+?) (?=\d{1,2}:\d\d)"), r"\1,"),
)
DATE_WORDS: Final = rf"\b(?:{_MONTHS}|week|easter|(?:19|20)\d\d(?!:))\b|\["
_TIME: Final = r"\d{1,2}:\d{2}|sunrise|sunset|dawn|dusk"
_BODY = re.compile(rf'{_TIME}|24/7|\b(?:off|closed|open|unknown)\b|"', re.IGNORECASE)
_ENDS_WITH_TIME = re.compile(r":\d\d\+?$")
_BEGINS_WITH_MONTH = re.compile(rf"(?:\d{{4}} )?(?:{_MONTHS})\b")
_ONLY_DAYS = re.compile(rf"(?:(?:{_DAYS}|PH|SH)(?:-(?:{_DAYS}))?(?:\[[-\d,]+\])?,?)+")
_BEGINS_WITH_TIME = re.compile(rf"\(?(?:{_TIME})", re.IGNORECASE)
_SELECTS_DAYS = re.compile(rf"\b(?:{_DAYS}|PH|SH)\b|{DATE_WORDS}")
_ADDS_TIMES = re.compile(rf"(?:{_TIME})(?!.*\b(?:off|closed)\b)", re.IGNORECASE)
_DAY_NUMBER = re.compile(r"\d{1,2}(?:-\d{1,2})?(?= |$)")
_MONTH_AND_DAY = re.compile(rf"\b((?:\d{{4}} )?(?:{_MONTHS})) \d{{1,2}}(?:-\d{{1,2}})?$")
_HOLIDAY_AMONG_DAYS = re.compile(rf"(?<![\w,-])((?:(?:{_DAYS})(?:-(?:{_DAYS}))?,)+)((?:PH|SH),)(?=(?:{_DAYS})\b)")
_ONE_YEAR = re.compile(rf"\b(\d{{4}}) ({_MONTHS}) (\d{{1,2}})-({_MONTHS}) (\d{{1,2}})\b(?!:)")
_DAY_LIST = re.compile(rf"(?<![\w-])(?:{_DAYS})(?:-(?:{_DAYS}))?(?:,(?:{_DAYS})(?:-(?:{_DAYS}))?)*(?![\w[-])")
# "open" said aloud is open, whatever is remarked; a remark by itself promises nothing.
_STATE_SAID = re.compile(r'(?<=\S)(\s+open)\s*"[^"]*"')
_HOLIDAY_ON_WEEKDAY = re.compile(rf"\b((?:(?:PH|SH),)*(?:PH|SH)) ((?:{_DAYS})(?:[-,](?:{_DAYS})|\[[^\]]*\])*)")


@lru_cache(maxsize=16384)
def tidied(text: str) -> str:
    """The text in the library's spelling; texts that need nothing come back as they are but for spaces."""
    parts = QUOTED.split(text.strip())
    outside = " ".join(part for part in parts if not part.startswith('"'))
    germanic = bool(re.search(r"\b(?:Mo|So)\b", outside))
    spelled = "".join(part if part.startswith('"') else _spelled(part, germanic) for part in parts)
    return " || ".join(_rules_of(part) for part in split(spelled, "||"))


def _spelled(text: str, germanic: bool) -> str:
    names = {**_DAY_NAMES, **_GERMANIC} if germanic else _DAY_NAMES

    def word(found: re.Match[str]) -> str:
        low = found[0].lower()
        if low in _STATES:
            return low
        return names.get(low) or _MONTH_NAMES.get(low) or found[0]

    text = _WORD.sub(word, text)
    for sign, by in _SPELLINGS:
        text = sign.sub(by, text)
    text = _DOTTED.sub(r"\1:\2-\3:\4", text)
    return _HALF_DAY.sub(_on_24_hours, text)


def _on_24_hours(found: re.Match[str]) -> str:
    hours = [int(found[1]) % 12 + 12 * (found[3] in "pP"), int(found[4]) % 12 + 12 * (found[6] in "pP")]
    if int(found[1]) > 12 or int(found[4]) > 12:
        return found[0]
    return f"{hours[0]:02d}:{found[2] or '00'}-{hours[1]:02d}:{found[5] or '00'}"


def _with_both_years(found: re.Match[str]) -> str:
    first, last = (MONTHS.index(found[2]), int(found[3])), (MONTHS.index(found[4]), int(found[5]))
    year = int(found[1]) + (last < first)
    return f"{found[1]} {found[2]} {found[3]}-{year} {found[4]} {found[5]}"


def _rules_of(text: str) -> str:
    """The rules of one side of ``||``, each with its lists joined."""
    rules: list[str] = []
    days_selected = False
    for rule in split(text, ";"):
        if not rule.strip(" ,"):
            continue
        joined = _HOLIDAY_AMONG_DAYS.sub(r"\2\1", _STATE_SAID.sub(r"\1", _lists_joined(rule)))
        joined = _ONE_YEAR.sub(_with_both_years, joined)
        if days_selected and _BEGINS_WITH_TIME.match(joined) and _ADDS_TIMES.match(joined):
            rules[-1] += f", Mo-Su {joined}"
        else:
            rules.append(joined)
        days_selected = days_selected or _SELECTS_DAYS.search(QUOTED.sub("", joined)) is not None
    return "; ".join(rules)


def _lists_joined(rule: str) -> str:
    """A comma before any time or state goes on with a list of days or dates; after one, the next rule begins.

    Days and dates can't share a list, so "Su,PH,Dec 24 off" becomes two rules.
    """
    found, begins = "", 0  # the text so far, and where its last rule begins
    waiting: list[str] = []  # days whose times stand behind the dates that follow them
    in_list = False
    for item in split(rule, ","):
        body = _BODY.search(item)
        if not item:
            continue
        if not in_list:
            joint = (
                "" if not found else "," if _ENDS_WITH_TIME.search(found) and _BEGINS_WITH_TIME.match(item) else ", "
            )
            begins = len(found + joint) if joint != "," else begins
            found += joint + item
        elif body and body.start() == 0:
            found += f" {item}"
        elif _BEGINS_WITH_MONTH.match(item) and _ONLY_DAYS.fullmatch(found, begins):
            waiting.append(found[begins:])
            found = found[:begins] + item
        else:
            month = _MONTH_AND_DAY.search(found) if _DAY_NUMBER.match(item) else None
            found += f",{month[1]} {item}" if month else f",{item}"
        in_list = body is None
        if body and waiting:
            found = found[:begins] + "".join(f"{days} {item[body.start() :]}; " for days in waiting) + found[begins:]
            begins, waiting = len(found), []
    return found


def split(text: str, by: str) -> list[str]:
    """The text cut at each separator outside quotes."""
    if by not in text:
        return [text.strip()]
    parts = [""]
    for piece in QUOTED.split(text):
        first, *others = [piece] if piece.startswith('"') else piece.split(by)
        parts[-1] += first
        parts += others
    return [part.strip() for part in parts]


def for_weekday(text: str, weekday: str, *, holiday: bool, school_holiday: bool) -> str:
    """The text with the holidays that fall on a day written as its weekday.

    "PH Su" is a holiday that is a Sunday: on a holiday the weekdays alone decide, on other days nothing matches.
    """
    if "PH" not in text and "SH" not in text:
        return text
    in_force = {"PH": holiday, "SH": school_holiday}

    def narrowed(found: re.Match[str]) -> str:
        words = found[1].split(",")
        return found[2] if any(in_force[word] for word in words) else words[0]

    def outside(part: str) -> str:
        part = _HOLIDAY_ON_WEEKDAY.sub(narrowed, part)
        for word, is_on in in_force.items():
            part = re.sub(rf"\b{word}\b", weekday, part) if is_on else part
        return part

    return "".join(part if part.startswith('"') else outside(part) for part in QUOTED.split(text))


def run_as(text: str, weekday: int, as_weekday: int) -> str:
    """The text in which one weekday (0 = Monday) opens when another does, and at no other time.

    Only lists of weekdays change, so that rules for dates go on holding on their dates. "Su[1]" and the like count
    Sundays of the month and are left.
    """

    def swapped(found: re.Match[str]) -> str:
        days = {day for part in found[0].split(",") for day in _range_of(part)}
        if (as_weekday in days) == (weekday in days):
            return found[0]
        days ^= {weekday}
        return ",".join(WEEKDAYS[day] for day in sorted(days)) or "PH"  # a holiday that this day is not

    return "".join(part if part.startswith('"') else _DAY_LIST.sub(swapped, part) for part in QUOTED.split(text))


def _range_of(days: str) -> list[int]:
    first, _, last = days.partition("-")
    start = WEEKDAYS.index(first)
    length = (WEEKDAYS.index(last) - start) % 7 + 1 if last else 1
    return [(start + n) % 7 for n in range(length)]
