"""Overture Maps' places: names, categories or taxonomy, addresses and state as their schema has them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from app.imports.reading.categories import UNCATEGORISED, Classified, Classifier
from app.imports.reading.cleaning import tidy, website_of
from app.imports.reading.placing import point_inside
from app.imports.reading.types import RawRow, Tally
from app.imports.types import RowFault

NAME: Final = "Overture places"
_USED: Final = {
    "source_key": "id", "name": "names", "names": "names", "category_id": "taxonomy", "category": "categories",
    "address": "addresses", "phone": "phones", "website": "websites", "brand_id": "brand", "closed": "operating_status",
    "attributes.confidence": "confidence",
}  # fmt: skip


def is_layout(names: Sequence[str]) -> bool:
    """True for a table of Overture's places."""
    return {"id", "names"} <= set(names) and bool({"categories", "taxonomy"} & set(names))


def used(names: Sequence[str]) -> dict[str, str]:
    """Which columns are read, for the sender's eyes."""
    return {name: column for name, column in _USED.items() if column in names}


def translator(
    classifier: Classifier, tally: Tally, declared: Collection[str]
) -> Callable[[RawRow], RawRow | RowFault | None]:
    """Rows of a table; None for what is no place of ours. Of what is ``declared`` no row has to have any."""

    def translate(row: RawRow) -> RawRow | RowFault | None:
        given = row.properties
        key = tidy(given.get("id"))
        names = _names(given.get("names"))
        if key is None and "source_key" not in declared:
            return RowFault(row.row, None, "id is missing")
        if "local" not in names and "name" not in declared:
            tally.note("places have no name: left out")
            return None
        classified = _classified(given, classifier, tally)
        properties = {
            "source_key": key and f"overture:{key.removeprefix('overture:')}",
            "name": names.get("local"),
            "names": names,
            "category_id": classified.category_id,
            "alternate_category_ids": list(classified.alternate_category_ids),
            "address": _address(given.get("addresses")),
            "phone": tidy(_first(given.get("phones"))),
            "website": website_of(_first(given.get("websites"))),
            "attributes": _attributes(given),
            "closed": given.get("operating_status") == "permanently_closed" or None,
        }
        kept = {name: value for name, value in properties.items() if value not in (None, "", {}, [])}
        return RawRow(row.row, point_inside(row.geometry), kept)

    return translate


def _classified(given: Mapping[str, Any], classifier: Classifier, tally: Tally) -> Classified:
    """By the most telling word that is known: the primary one, those above it, then the others."""
    words = list(dict.fromkeys(_words(given)))
    found = classifier.by_codes("overture", words)
    if found is None:
        # Half of their words are called like ours, or like OpenStreetMap's values.
        called = [category for word in words if (category := classifier.by_word(word)) is not None]
        found = classifier.with_alternates(called) if called else None
    if found is None:
        if words:
            tally.note_word(words[0])
        return Classified(UNCATEGORISED)
    return found


def _words(given: Mapping[str, Any]) -> Iterator[str]:
    taxonomy, categories = _object(given.get("taxonomy")), _object(given.get("categories"))
    hierarchy = taxonomy.get("hierarchy") if isinstance(taxonomy.get("hierarchy"), list) else []
    lists = [
        [taxonomy.get("primary"), categories.get("primary")],
        list(reversed(hierarchy or [])),
        [given.get("basic_category")],
        taxonomy.get("alternates") or [],
        categories.get("alternate") or [],
    ]
    for words in lists:
        for word in words if isinstance(words, list) else []:
            if isinstance(word, str) and word:
                yield word


def _names(value: Any) -> dict[str, str]:
    given = _object(value)
    names: dict[str, str] = {}
    local = tidy(given.get("primary"))
    if local:
        names["local"] = local
    common = given.get("common")
    pairs = common.items() if isinstance(common, Mapping) else common if isinstance(common, list) else ()
    for pair in pairs:
        if isinstance(pair, list | tuple) and len(pair) == 2 and (name := tidy(pair[1])):
            names[{"zh": "zh-Hans"}.get(str(pair[0]), str(pair[0]))] = name
    return names


def _address(value: Any) -> dict[str, str]:
    given = _object(_first(value))
    found = {
        "street": tidy(given.get("freeform")),
        "city": tidy(given.get("locality")),
        "postcode": tidy(given.get("postcode")),
        "region": tidy(given.get("region")),
        "country": tidy(given.get("country")),
    }
    return {name: text for name, text in found.items() if text}


def _attributes(given: Mapping[str, Any]) -> dict[str, Any]:
    brand = _object(given.get("brand"))
    found = {
        "confidence": round(given["confidence"], 4) if isinstance(given.get("confidence"), float) else None,
        "brand": tidy(_object(brand.get("names")).get("primary")),
        "brand_wikidata": tidy(brand.get("wikidata")),
        "operating_status": tidy(given.get("operating_status")),
    }
    return {name: value for name, value in found.items() if value is not None and value != "open"}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _first(value: Any) -> Any:
    return value[0] if isinstance(value, list) and value else None
