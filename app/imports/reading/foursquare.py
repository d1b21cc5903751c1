"""Foursquare's open places: flat columns, categories as ids and as labels from the general to the special."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from app.imports.reading.categories import UNCATEGORISED, Classified, Classifier
from app.imports.reading.cleaning import is_nothing, tidy, website_of
from app.imports.reading.placing import point_inside
from app.imports.reading.types import RawRow, Tally
from app.imports.types import RowFault

NAME: Final = "Foursquare OS places"
_USED: Final = {
    "source_key": "fsq_place_id", "name": "name", "lon": "longitude", "lat": "latitude",
    "category": "fsq_category_labels", "category_id": "fsq_category_ids", "address.street": "address",
    "address.city": "locality", "address.postcode": "postcode", "address.region": "region",
    "address.country": "country", "phone": "tel", "website": "website", "closed": "date_closed",
}  # fmt: skip


def is_layout(names: Sequence[str]) -> bool:
    """True for a table of Foursquare's places."""
    return {"fsq_place_id", "name"} <= set(names)


def used(names: Sequence[str]) -> dict[str, str]:
    """Which columns are read, for the sender's eyes."""
    return {name: column for name, column in _USED.items() if column in names}


def translator(
    classifier: Classifier, tally: Tally, declared: Collection[str]
) -> Callable[[RawRow], RawRow | RowFault | None]:
    """Rows of a table; None for what is no place of ours. Of what is ``declared`` no row has to have any."""

    def translate(row: RawRow) -> RawRow | RowFault | None:
        given = row.properties
        key, name = tidy(given.get("fsq_place_id")), tidy(given.get("name"))
        if key is None and "source_key" not in declared:
            return RowFault(row.row, None, "fsq_place_id is missing")
        if name is None and "name" not in declared:
            tally.note("places have no name: left out")
            return None
        classified = _classified(given, classifier, tally)
        properties = {
            "source_key": key and f"foursquare:{key}",
            "name": name,
            "category_id": classified.category_id,
            "alternate_category_ids": list(classified.alternate_category_ids),
            "address": _address(given),
            "phone": tidy(given.get("tel")),
            "website": website_of(given.get("website")),
            "closed": True if not is_nothing(given.get("date_closed")) else None,
        }
        kept = {name: value for name, value in properties.items() if value not in (None, "", {}, [])}
        return RawRow(row.row, point_inside(row.geometry), kept)

    return translate


def _classified(given: Mapping[str, Any], classifier: Classifier, tally: Tally) -> Classified:
    found = classifier.by_codes("foursquare", _texts(given.get("fsq_category_ids")))
    if found is not None:
        return found
    labels = _texts(given.get("fsq_category_labels"))
    known: list[str] = []
    for label in labels:
        # The most special step that is known speaks for a label.
        steps = [step.strip() for step in label.split(">")]
        category = next((c for step in reversed(steps) if (c := classifier.by_word(step)) is not None), None)
        if category is not None:
            known.append(category)
    if not known:
        if labels:
            tally.note_word(labels[0].rpartition(">")[2].strip())
        return Classified(UNCATEGORISED)
    return classifier.with_alternates(known)


def _address(given: Mapping[str, Any]) -> dict[str, str]:
    columns = {
        "street": "address",
        "city": "locality",
        "postcode": "postcode",
        "region": "region",
        "country": "country",
    }
    return {member: text for member, column in columns.items() if (text := tidy(given.get(column)))}


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        value = value.strip("[]").replace("'", "").replace('"', "").split(",")
    return [str(item).strip() for item in value if str(item).strip()] if isinstance(value, list) else []
