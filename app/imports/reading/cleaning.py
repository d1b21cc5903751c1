"""Single cells of foreign files into values of our properties; what can't be read stays as it is for the checks."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final

_TRUE: Final = frozenset({"true", "t", "yes", "y", "1", "是"})
_FALSE: Final = frozenset({"false", "f", "no", "n", "0", "否"})
_WHOLE: Final = re.compile(r"[-+]?\d{1,18}(\.0+)?")
_FLAGS: Final = frozenset({"closed", "workday_calendar", "demo"})
_NUMBERS: Final = frozenset({"price_level", "admin_level", "extend_m", "min_zoom"})
_LISTS: Final = frozenset({"alternate_category_ids"})
_OBJECTS: Final = frozenset({"names", "address", "attributes"})


def tidy(text: Any) -> str | None:
    """Runs of blanks become one, control characters go; nothing left is None."""
    if text is None:
        return None
    if isinstance(text, str) and text.isprintable() and "  " not in text:
        return text.strip() or None  # nearly all of them
    kept = "".join(" " if char.isspace() else char for char in str(text) if char.isprintable() or char.isspace())
    return " ".join(kept.split()) or None


def is_nothing(value: Any) -> bool:
    """True for what tables write where there is no value."""
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))


def text_of(value: Any) -> Any:
    """A number as its digits, without the `.0` of a whole one that was once read as a float; texts tidied."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return tidy(value) if isinstance(value, str) else value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return str(value)


def value_for(name: str, value: Any) -> Any:
    """The cell as a value of the property ``name`` (``address.city`` is a member of ``address``)."""
    if is_nothing(value):
        return None
    if name in _FLAGS:
        folded = str(value).strip().casefold()
        return True if folded in _TRUE else False if folded in _FALSE else value
    if name in _NUMBERS:
        return _number(value)
    if name in _LISTS:
        return value if isinstance(value, list) else [part for word in str(value).split(";") if (part := word.strip())]
    if name in _OBJECTS:
        return _object(value)
    found = text_of(value)
    if name == "address.postcode" and isinstance(found, str):
        return re.sub(r"(?<=\d)\.0$", "", found)
    return found


def website_of(value: Any) -> str | None:
    """The first address of a list; one without its scheme gets it, one that is none is dropped."""
    text = (tidy(value) or "").split(";")[0].split(" ")[0]
    if text.lower().startswith("www."):
        text = "http://" + text
    return text if re.fullmatch(r"https?://[^\s<>\"]+", text, re.I) else None


def _number(value: Any) -> Any:
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str) and _WHOLE.fullmatch(value.strip()):
        return int(value.strip().partition(".")[0])
    return value


def _object(value: Any) -> Any:
    """An object as such, or as JSON in a cell."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        try:
            return json.loads(value, parse_constant=lambda word: word)
        except (ValueError, RecursionError):
            return value
    return value
