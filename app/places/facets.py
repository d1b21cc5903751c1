"""What a place is found by."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.places.phones import phone_keys
from app.places.types import Taxonomy
from app.postings.tokens import name_keys, words_of
from app.postings.types import FacetKey


def facets_of(
    names: Iterable[str],
    category_ids: Iterable[str],
    brand_id: str | None,
    attributes: Mapping[str, Any],
    taxonomy: Taxonomy,
) -> frozenset[FacetKey]:
    """What a place is found by: its categories with all above them, brand, attributes, words of all its names."""
    found: set[FacetKey] = {("word", word) for word in words_of(names)}
    for category_id in category_ids:
        chain = taxonomy.chain(category_id)
        found |= {("category", node.category_id) for node in chain} or {("category", category_id)}
    if brand_id is not None:
        found.add(("brand", brand_id))
    for name, value in attributes.items():
        for one in value if isinstance(value, list) else [value]:
            found.add(("attribute", attribute_key(name, one)))
    return frozenset(found)


def names_and_numbers(names: Iterable[str], phone: str | None, country: str | None) -> frozenset[FacetKey]:
    """What finds a place as a whole: each of its names, its telephone numbers as dialled in its country."""
    found: set[FacetKey] = {("name", key) for key in name_keys(names)}
    if phone is not None:
        found |= {("phone", key) for key in phone_keys(phone, country)}
    return frozenset(found)


def attribute_key(name: str, value: Any) -> str:
    """``name=value``; true and false in lower case."""
    said = {True: "true", False: "false", None: "null"}.get(value, value) if isinstance(value, bool | None) else value
    return f"{name}={said}".casefold()[:200]
