"""A difference in lines for people at a terminal. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

SHOWN: Final = 5
_WIDTH: Final = 40


def diff_lines(diff: Mapping[str, Any]) -> Iterator[str]:
    """Counts, moves as bars, thresholds, what is touched, and the first things of each layer."""
    counts = diff["counts"]
    against = "nothing was shown" if diff["from"] is None else f"against version {diff['from']}"
    parts = ", ".join(
        f"{counts[name]:,} {name}" for name in counts if counts[name] or name in ("added", "removed", "kept")
    )
    yield f"version {diff['to']} of {diff['kind']}, {against}: {parts}"
    if diff["changed_fields"]:
        said = ", ".join(f"{name} {count:,}" for name, count in diff["changed_fields"].items())
        yield f"  changed: {said}"
    yield from _bars(diff)
    for threshold in diff["thresholds"]:
        mark = f"needs {threshold['needs']}" if threshold["exceeded"] else "within its limit"
        yield f"  {threshold['code']} {threshold['value']:g} of {threshold['limit']:g}: {mark}; {threshold['detail']}"
    impact = diff["impact"]
    if any(impact.values()):
        yield "  touches " + ", ".join(f"{count:,} {name.replace('_', ' ')}" for name, count in impact.items() if count)
    for layer, items in diff["first"].items():
        for item in items[:SHOWN]:
            yield f"  {layer}: {item['name']} ({item['source_key']}){_more(item)}"
        if counts.get(layer, 0) > SHOWN:
            yield f"  {layer}: … {counts[layer] - SHOWN:,} more"


def _bars(diff: Mapping[str, Any]) -> Iterator[str]:
    bars = diff["moved_histogram"]
    most = max((bar["count"] for bar in bars), default=0)
    if not most:
        return
    towards = diff["moved_towards"]
    where = f"{towards['east_m']:g} m east, {towards['north_m']:g} m north"
    yield f"  moved: median of all {diff['moved_median_m']:g} m; of those that moved {where}"
    for bar in bars:
        span = f"{bar['from_m']:g}–{bar['to_m']:g} m" if bar["to_m"] is not None else f"over {bar['from_m']:g} m"
        yield f"    {span:>14}  {'█' * round(_WIDTH * bar['count'] / most):{_WIDTH}} {bar['count']:,}"


def _more(item: Mapping[str, Any]) -> str:
    if "distance_m" in item:
        return f" by {item['distance_m']:,} m"
    if "old_name" in item:
        return f", was {item['old_name']}"
    if "share" in item:
        return f", {item['share']:.1%} of its land, border moved by up to {item['hausdorff_m']:,.0f} m"
    if "fields" in item:
        return ": " + ", ".join(item["fields"])
    return ""
