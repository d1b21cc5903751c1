"""The one strict JSON reader: what it lets through has one meaning and can be stored.

UTF-8 (a byte order mark is ignored), no NaN or Infinity, no member twice, at most 16 levels and 64 members an
object, numbers of at most 20 digits, no NUL and no lone surrogate in any string.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any, NoReturn

from app.core.errors import AppError, Fault

MAX_DEPTH = 16
MAX_MEMBERS = 64
MAX_DIGITS = 20
_GOOD = frozenset({float, int, bool, type(None)})


class UnreadableBody(AppError):
    """A body that is no acceptable JSON; the fault's code says which rule it breaks."""

    code = "malformed-json"
    title = "The body is not JSON"


def _refuse(code: str, detail: str, pointer: str = "") -> NoReturn:
    raise UnreadableBody(detail, faults=[Fault(detail, pointer=pointer, code=code)])


# A string with its escapes, to the end of the text where it has none; brackets inside are no depth.
_STRINGS = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
_BRACKETS = re.compile(r"[\[{]+|[\]}]+")


def _depth_of(text: str) -> int:
    depth = deepest = 0
    for run in _BRACKETS.findall(_STRINGS.sub("", text)):
        if run[0] in "[{":
            depth += len(run)
            deepest = max(deepest, depth)
        else:
            depth -= len(run)
    return deepest


def _number(digits: str) -> str:
    if len(digits) <= MAX_DIGITS:
        return digits
    if sum(char.isdigit() for char in digits) > MAX_DIGITS or len(digits) > MAX_DIGITS + 8:
        _refuse("json-number", f"write numbers with at most {MAX_DIGITS} digits")
    return digits


def _integer(digits: str) -> int:
    return int(_number(digits))


def _decimal(digits: str) -> float:
    value = float(_number(digits))
    if value in (float("inf"), float("-inf")):
        _refuse("json-number", "the number is too large")
    return value


@dataclass(frozen=True, slots=True)
class _Constant:
    """NaN, Infinity or -Infinity, which Python reads and JSON does not have."""

    name: str


def _check_text(value: str, pointer: str = "") -> None:
    if "\x00" in value or (not value.isascii() and any("\ud800" <= char <= "\udfff" for char in value)):
        _refuse("json-text", "strings must not hold NUL or half of a surrogate pair", pointer)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    names = "".join(members)
    if len(members) < len(pairs) or not names.isascii() or "\x00" in names:
        _check_names(pairs)
    if len(members) > MAX_MEMBERS:
        _refuse("json-too-many-members", f"an object may have at most {MAX_MEMBERS} members")
    return members


def _check_names(pairs: list[tuple[str, Any]]) -> None:
    seen: set[str] = set()
    for name, _ in pairs:
        _check_text(name)
        if name in seen:
            _refuse("json-duplicate-member", f"the member {name!r} stands twice in one object")
        seen.add(name)


def _check_values(value: Any, pointer: str = "") -> None:
    if isinstance(value, str):
        _check_text(value, pointer)
    elif isinstance(value, _Constant):
        _refuse("json-number", f"{value.name} is not JSON; leave the member out or write a number", pointer)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            if type(item) not in _GOOD:  # most of a drawing is numbers
                _check_values(item, f"{pointer}/{index}")
    elif isinstance(value, dict):
        for name, item in value.items():
            if type(item) not in _GOOD:
                _check_values(item, f"{pointer}/{name.replace('~', '~0').replace('/', '~1')}")


def read_json(raw: bytes) -> Any:
    """The value of a JSON body, or UnreadableBody saying which rule it breaks."""
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        _refuse("malformed-json", f"the body is not UTF-8 (byte {error.start})")
    if _depth_of(text) > MAX_DEPTH:
        _refuse("json-too-deep", f"nest at most {MAX_DEPTH} levels")
    try:
        value = json.loads(
            text, object_pairs_hook=_object, parse_int=_integer, parse_float=_decimal, parse_constant=_Constant
        )
    except json.JSONDecodeError as error:
        _refuse("malformed-json", f"{error.msg} at line {error.lineno}, column {error.colno}")
    _check_values(value)
    return value
