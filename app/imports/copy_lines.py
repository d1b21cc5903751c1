"""Records as lines of COPY for the tables in which they wait; without city and version, which the loader adds.

The loader doesn't trust the process that wrote them: it names the columns and begins each line itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import orjson

from app.imports.copy_values import copy_value, point_hex
from app.imports.types import BasemapRecord, PlaceRecord, RegionRecord
from app.places.facets import facets_of, names_and_numbers
from app.places.opening_hours import parse_ok
from app.places.types import Taxonomy
from app.postings.charts import spots_of
from app.postings.types import FacetKind

PLACE_COLUMNS: Final = (
    "row_no", "new_id", "location", "name", "names", "category_id", "alternate_category_ids", "brand_id", "address",
    "phone", "website", "opening_hours", "workday_calendar", "hours_parsed", "price_level", "attributes", "closed",
    "source_key", "source_datum", "source_lon", "source_lat", "spots", "facets",
)  # fmt: skip
REGION_COLUMNS: Final = (
    "row_no", "new_id", "source_key", "kind", "admin_level", "region_code", "names", "parent_key", "note", "demo",
    "extend_m", "boundary", "area_m2", "successor_of", "remarks",
)  # fmt: skip
BASEMAP_COLUMNS: Final = ("feature_no", "layer", "feature_class", "name", "min_zoom", "shape")
LETTERS: Final[dict[FacetKind, str]] = {
    "category": "c", "brand": "b", "attribute": "a", "word": "w", "name": "n", "phone": "p",
}  # fmt: skip
"""How a facet that waits says its kind: by the letter before its key."""

_NULL: Final = "\\N"
_TEXT: Final = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_QUOTED: Final = str.maketrans({"\\": "\\\\\\\\", '"': '\\\\"', "\t": "\\t", "\n": "\\n", "\r": "\\r"})
_readable: Final = lru_cache(50_000)(parse_ok)


def place_line(record: PlaceRecord, new_id: Callable[[str], UUID], tree: Taxonomy, country: str | None) -> str:
    """A place in the order of ``PLACE_COLUMNS``, with what it is found by and where it stands on charts."""
    names, hours, location = record.names, record.opening_hours, record.location
    facets: Iterable[str] = ()
    if not record.closed:
        categories = (record.category_id, *record.alternate_category_ids)
        found = facets_of(names.values(), categories, record.brand_id, record.attributes, tree)
        found |= names_and_numbers(names.values(), record.phone, country)
        facets = [LETTERS[kind] + key for kind, key in found]
    spots = ",".join(f"{spot.image},{spot.x!r},{spot.y!r}" for spot in spots_of(location))
    parts = (
        str(record.row),
        new_id(record.source_key).hex,
        point_hex(location.lon, location.lat),
        record.name.translate(_TEXT),
        _json(names),
        record.category_id.translate(_TEXT),
        _array(record.alternate_category_ids),
        _text(record.brand_id),
        _json(record.address),
        _text(record.phone),
        _text(record.website),
        _text(hours),
        "t" if record.workday_calendar else "f",
        _NULL if hours is None else "t" if _readable(hours) else "f",
        _NULL if record.price_level is None else str(record.price_level),
        _json(record.attributes),
        "t" if record.closed else "f",
        record.source_key.translate(_TEXT),
        record.source_datum,
        repr(record.source_lon),
        repr(record.source_lat),
        f"{{{spots}}}",
        _array(facets),
    )
    return "\t".join(parts) + "\n"


def region_line(record: RegionRecord, new_id: Callable[[str], UUID]) -> str:
    """An area in the order of ``REGION_COLUMNS``."""
    return _line(
        record.row,
        new_id(record.source_key),
        record.source_key,
        record.kind,
        record.admin_level,
        record.region_code,
        record.names,
        record.parent_key,
        record.note,
        record.demo,
        record.extend_m,
        record.boundary,
        record.area_m2,
        record.successor_of,
        record.remarks,
    )


def basemap_line(record: BasemapRecord) -> str:
    """A road, water or green area in the order of ``BASEMAP_COLUMNS``."""
    return _line(record.row, record.layer, record.feature_class, record.name, record.min_zoom, record.shape)


def _line(*values: Any) -> str:
    return "\t".join(map(copy_value, values)) + "\n"


def _text(value: str | None) -> str:
    return _NULL if value is None else value.translate(_TEXT)


def _json(value: Any) -> str:
    return orjson.dumps(value).decode().translate(_TEXT) if value else "{}"


def _array(items: Iterable[str]) -> str:
    whole = '","'.join(item.translate(_QUOTED) for item in items)
    return f'{{"{whole}"}}' if whole else "{}"
