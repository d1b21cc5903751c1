"""Values of this module: the category tree and brands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Category:
    """A node of the taxonomy; ``depth`` 1 is the top."""

    category_id: str
    parent_id: str | None
    names: Mapping[str, str]
    depth: int


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """One version of the category tree; ``by_id`` runs depth first, siblings in their given order."""

    version: int
    by_id: Mapping[str, Category]
    children: Mapping[str | None, tuple[str, ...]]

    def subtree(self, category_id: str) -> tuple[str, ...]:
        """The category and all beneath it, sorted by id; empty when it is not known."""
        if category_id not in self.by_id:
            return ()
        found, waiting = [], [category_id]
        while waiting:
            here = waiting.pop()
            found.append(here)
            waiting.extend(self.children.get(here, ()))
        return tuple(sorted(found))

    def chain(self, category_id: str) -> tuple[Category, ...]:
        """The category with its ancestors, topmost first; empty when it is not known."""
        found: list[Category] = []
        here = self.by_id.get(category_id)
        while here is not None:
            found.append(here)
            here = self.by_id.get(here.parent_id) if here.parent_id else None
        return tuple(reversed(found))


@dataclass(frozen=True, slots=True)
class Brand:
    """A chain."""

    brand_id: str
    names: Mapping[str, str]
