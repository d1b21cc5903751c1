"""Field masks: which members of a thing an answer shows; pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class FieldMask:
    """``named`` as the caller wrote them; ``kept`` by member: None for all of it, else which of its own members."""

    named: tuple[str, ...]
    kept: Mapping[str, frozenset[str] | None]


def mask_of(named: Collection[str]) -> FieldMask:
    """The mask of some names, ``member`` or ``member.inner``; a whole member wins over parts of it."""
    kept: dict[str, frozenset[str] | None] = {}
    for name in named:
        member, _, inner = name.partition(".")
        if not inner:
            kept[member] = None
        elif (so_far := kept.get(member, frozenset())) is not None:
            kept[member] = so_far | {inner}
    return FieldMask(tuple(dict.fromkeys(named)), kept)


def masked(thing: Json, mask: FieldMask | None, *always: str) -> Json:
    """The members that a mask names and those that stay ``always``, in their own order; lists are masked by item."""
    if mask is None:
        return thing
    shown: Json = {}
    for name, value in thing.items():
        if name in always or (name in mask.kept and mask.kept[name] is None):
            shown[name] = value
        elif name in mask.kept:
            shown[name] = _parts(value, mask.kept[name] or frozenset())
    return shown


def _parts(value: Any, names: frozenset[str]) -> Any:
    if isinstance(value, list):
        return [_parts(item, names) for item in value]
    if isinstance(value, Mapping):
        return {name: inner for name, inner in value.items() if name in names}
    return value
