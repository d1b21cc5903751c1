"""Which name to show: RFC 4647 lookup over what is there, then the city's language, then any."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_ALIASES = {
    "zh-cn": "zh-hans",
    "zh-sg": "zh-hans",
    "zh-tw": "zh-hant",
    "zh-hk": "zh-hant",
    "zh-mo": "zh-hant",
    "zh": "zh-hans",
}


def preferences(header: str | None) -> tuple[str, ...]:
    """Language ranges of an ``Accept-Language`` header, best first; what does not parse is left out."""
    ranges: list[tuple[float, int, str]] = []
    for position, part in enumerate((header or "")[:500].split(",")):
        name, _, weight = part.strip().partition(";")
        name = name.strip().lower()
        try:
            quality = float(weight.strip().removeprefix("q=")) if weight.strip() else 1.0
        except ValueError:
            continue
        if name and name != "*" and name.replace("-", "").isalnum() and 0 < quality <= 1:
            ranges.append((-quality, position, name))
    return tuple(name for _, _, name in sorted(ranges))


def _lookup(available: Mapping[str, str], wanted: str) -> str | None:
    tag = wanted
    while tag:
        for candidate in (tag, _ALIASES.get(tag, tag)):
            if candidate in available:
                return available[candidate]
        tag = tag.rpartition("-")[0]
    return None


def pick_name(names: Mapping[str, str], wanted: Sequence[str], default: str) -> tuple[str, str]:
    """The name to show and its language (``local`` when only the place's own sign is known).

    ``names`` maps language tags, or ``local``, to a name; it is never empty.
    """
    available = {tag.lower(): tag for tag in names}
    for preference in (*wanted, default.lower(), "local"):
        tag = _lookup(available, preference)
        if tag is not None:
            return names[tag], (default if tag == "local" else tag)
    tag = min(names)
    return names[tag], tag
