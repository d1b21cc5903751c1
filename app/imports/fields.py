"""Checks of single values in a row of a load; each raises RowRefused with a reason that names the member."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from app.imports.checks.texts import damage_of
from app.imports.errors import RowRefused

Json = dict[str, Any]

MAX_TEXT: Final = 2000
_LANGUAGE: Final = re.compile(r"local|[a-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3}")
_CONTROL: Final = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
_UNSET: Final = object()


def text(row: Mapping[str, Any], name: str, limit: int = 300) -> str:
    """A text of 1 to ``limit`` characters without control characters."""
    value = optional_text(row, name, limit)
    if value is None:
        raise RowRefused(f"{name} is missing")
    return value


def optional_text(row: Mapping[str, Any], name: str, limit: int = 300) -> str | None:
    """As ``text``; missing, null and empty are None."""
    value = row.get(name)
    if value is None or value == "":
        return None
    if not isinstance(value, str):
        raise RowRefused(f"{name} is not a text")
    value = value.strip()
    if len(value) > limit:
        raise RowRefused(f"{name} has more than {limit} characters")
    if _CONTROL.search(value):
        raise RowRefused(f"{name} holds control characters")
    return value or None


def source_key(row: Mapping[str, Any]) -> str:
    """What the source calls the thing."""
    return text(row, "source_key", 200)


def names(row: Mapping[str, Any], fallback: str | None = None) -> dict[str, str]:
    """Names by language tag or ``local``; the fallback becomes ``local`` when there are none."""
    value = row.get("names")
    if fallback is not None:
        _check_undamaged("name", fallback)
    if not value and fallback is not None:
        return {"local": fallback}
    if not isinstance(value, dict) or not value:
        raise RowRefused("names is not an object of names by language")
    found = {}
    for language in value:
        if _LANGUAGE.fullmatch(language) is None:
            raise RowRefused(f"names has {language[:20]!r}, which is no language tag")
        name = optional_text(value, language)
        if name is not None:
            _check_undamaged("names", name)
            found[language] = name
    if not found:
        raise RowRefused("names holds no name")
    return found


def _check_undamaged(member: str, value: str) -> None:
    damage = damage_of(value)
    if damage is not None:
        raise RowRefused(f"{member} {value[:60]!r} {damage}; load the file with the encoding it is in", "damaged-text")


def whole(row: Mapping[str, Any], name: str, low: int, high: int, default: Any = _UNSET) -> Any:
    """An integer within a range; the default when missing or null."""
    value = row.get(name)
    if value is None:
        if default is _UNSET:
            raise RowRefused(f"{name} is missing")
        return default
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise RowRefused(f"{name} is not a whole number from {low} to {high}")
    return value


def flag(row: Mapping[str, Any], name: str) -> bool:
    """True or false; false when missing or null."""
    value = row.get(name)
    if value is None:
        return False
    if not isinstance(value, bool):
        raise RowRefused(f"{name} is not true or false")
    return value


def texts(row: Mapping[str, Any], name: str, limit: int = 20, length: int = 100) -> tuple[str, ...]:
    """A list of texts of at most ``length`` characters each."""
    value = row.get(name)
    if value is None:
        return ()
    if not isinstance(value, list) or len(value) > limit:
        raise RowRefused(f"{name} is not a list of at most {limit} texts")
    return tuple(text({name: item}, name, length) for item in value)


def plain_object(row: Mapping[str, Any], name: str) -> Json:
    """An object of at most 64 members: texts, numbers, booleans, or lists of them."""
    value = row.get(name)
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > 64:
        raise RowRefused(f"{name} is not an object of at most 64 members")
    for key, member in value.items():
        for item in member if isinstance(member, list) else [member]:
            if not (item is None or isinstance(item, str | bool | int | float)):
                raise RowRefused(f"{name}/{key[:40]} is neither text, number, boolean nor a list of them")
            if isinstance(item, str) and (len(item) > MAX_TEXT or _CONTROL.search(item.replace("\n", " "))):
                raise RowRefused(f"{name}/{key[:40]} is too long or holds control characters")
        if _CONTROL.search(key):
            raise RowRefused(f"a key of {name} holds control characters")
    return value
