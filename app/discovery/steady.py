"""Pages that stay true to the first: what moved since is left out, so that nothing comes twice; pure."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import TypeVar

from app.discovery.types import CityPage, Hit, Position

A = TypeVar("A")
H = TypeVar("H", bound=Hit)


def unmoved(after: Position | None, limit: int, fetch: Callable[[Position | None], CityPage[H]]) -> CityPage[H]:
    """``unmoved_past`` in the order (distance, id)."""
    return unmoved_past(after, limit, fetch, lambda hit: hit.position)


def unmoved_past(
    after: A | None, limit: int, fetch: Callable[[A | None], CityPage[H]], end: Callable[[H], A]
) -> CityPage[H]:
    """The first ``limit`` of a city past ``after`` that stand where they stood when the first page was read.

    ``fetch`` answers at most ``limit`` and says which of them moved; it is asked again, past the ``end`` of its last
    one, until enough are left.
    """
    page = first = fetch(after)
    if not page.moved:
        return page
    kept = [hit for hit in page.hits if hit.position[1] not in page.moved]
    while len(page.hits) == limit and len(kept) < limit:
        page = fetch(end(page.hits[-1]))
        kept += [hit for hit in page.hits if hit.position[1] not in page.moved]
    return replace(first, hits=kept[:limit], moved=frozenset())
