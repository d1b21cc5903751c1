"""OpenStreetMap's tags become a place's or an area's properties, from extracts and from tables with a column a tag."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Final

from app.imports.reading.categories import KEY_ORDER, Classifier
from app.imports.reading.cleaning import is_nothing, text_of, tidy, website_of
from app.imports.reading.placing import point_inside
from app.imports.reading.types import RawRow, Tally
from app.imports.types import RowFault

NAME: Final = "OpenStreetMap"
_IDS: Final = ("@id", "osmid", "osm_id", "id")
_TYPES: Final = ("element_type", "osm_type", "@type", "type")
_LANGUAGE: Final = re.compile(r"name:([a-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,2})")
_NO_NAME: Final = re.compile(r"(node|way|relation)[ /]\d+")
_FULL_ID: Final = re.compile(r"(node|way|relation)/(\d+)")
# `name:zh` is taken as Simplified unless a character shows that only Traditional has.
_TRADITIONAL: Final = frozenset(
    "國學園醫館東門車廣場銀業務體麗龍鳳華萬與專電話號樓處辦廳麥當勞節書報紙點線經濟義亞歐灣臺羅漢觀劇飯"
)
_RENAMED: Final = {"zh-CN": "zh-Hans", "zh-SG": "zh-Hans", "zh-TW": "zh-Hant", "zh-HK": "zh-Hant"}
_ADDRESS: Final = {
    "street": ("addr:street", "addr:place"),
    "house_number": ("addr:housenumber",),
    "postcode": ("addr:postcode",),
    "city": ("addr:city",),
    "district": ("addr:district",),
    "suburb": ("addr:suburb", "addr:subdistrict"),
}
_ATTRIBUTES: Final = {
    "wheelchair": {"yes", "no", "limited", "designated"},
    "diet:vegan": {"yes", "no", "only", "limited"},
    "diet:vegetarian": {"yes", "no", "only", "limited"},
    "takeaway": {"yes", "no", "only"},
    "delivery": {"yes", "no", "only"},
    "outdoor_seating": {"yes", "no"},
    "internet_access": {"yes", "no", "wlan", "wired", "terminal"},
}
_MAX_NAMES: Final = 60
# What a boundary calls itself, and what its level says where it doesn't (most countries' use).
_BORDER_KINDS: Final = {
    "nation": "country", "country": "country", "state": "region", "region": "region", "province": "region",
    "prefecture": "city", "city": "city", "municipi": "city", "municipality": "city", "town": "city", "commune": "city",
    "county": "district", "district": "district", "departement": "region", "arrondissement": "district",
    "comarca": "district", "borough": "borough", "stadtbezirk": "borough", "parish": "parish", "parròquia": "parish",
    "quarter": "neighbourhood", "suburb": "neighbourhood", "neighbourhood": "neighbourhood",
}  # fmt: skip
_LEVEL_KINDS: Final = {
    2: "country", 3: "region", 4: "region", 5: "region", 6: "district", 7: "district", 8: "city", 9: "borough",
    10: "neighbourhood", 11: "neighbourhood",
}  # fmt: skip
_CHINESE_LEVELS: Final = {4: "region", 5: "city", 6: "district", 7: "district", 8: "neighbourhood"}
_CODES: Final = (
    "ISO3166-2", "ISO3166-1", "ISO3166-1:alpha2", "ref:CN", "ref:gb", "adcode", "de:amtlicher_gemeindeschluessel",
    "de:regionalschluessel", "ref:INSEE", "ref:ine", "ref:nuts", "ref",
)  # fmt: skip


def is_layout(names: Sequence[str]) -> bool:
    """True for a table with a key of OpenStreetMap and columns that are called like its tags."""
    keys = set(names)
    return bool(keys & set(_IDS[:3])) and bool(keys & set(KEY_ORDER)) and "fclass" not in keys


def used(names: Sequence[str]) -> dict[str, str]:
    """Which columns are read, for the sender's eyes."""
    found = {"source_key": next(name for name in _IDS if name in names)}
    for name, column in {
        "name": "name", "opening_hours": "opening_hours", "website": "website", "phone": "phone",
        **{f"address.{member}": keys[0] for member, keys in _ADDRESS.items()},
    }.items():  # fmt: skip
        if column in names:
            found[name] = column
    found["category"] = next(key for key in KEY_ORDER if key in names)
    return found


def translator(
    classifier: Classifier, tally: Tally, declared: Collection[str]
) -> Callable[[RawRow], RawRow | RowFault | None]:
    """Rows of a table; None for what is no place. Of what is ``declared`` no row has to have any."""

    def translate(row: RawRow) -> RawRow | RowFault | None:
        given = row.properties
        key = _table_key(given)
        if key is None and "source_key" not in declared:
            return RowFault(row.row, None, "has no key of OpenStreetMap")
        tags = {str(name): str(text_of(value)) for name, value in given.items() if not is_nothing(value)}
        return place_of(row.row, key, row.geometry, tags, classifier, tally, declared)

    return translate


def _table_key(given: Mapping[str, Any]) -> str | None:
    number = next((text_of(given[name]) for name in _IDS if not is_nothing(given.get(name))), None)
    if number is None:
        return None
    match = _FULL_ID.fullmatch(str(number))
    if match is not None:
        return f"osm:{match[1]}/{match[2]}"
    kind = next((str(given[name]) for name in _TYPES if given.get(name) in ("node", "way", "relation")), "node")
    return f"osm:{kind}/{number}"


def place_of(
    number: int,
    key: str | None,
    geometry: Any,
    tags: Mapping[str, str],
    classifier: Classifier,
    tally: Tally,
    declared: Collection[str] = (),
) -> RawRow | None:
    """A named place of business; None, counted, for everything else."""
    classified = classifier.by_tags(tags)
    if classified is None:
        tally.note("objects are no places of business: left out")
        return None
    names = names_of(tags)
    if "name" not in declared and ("local" not in names or _NO_NAME.fullmatch(names["local"])):
        tally.note("places have no name: left out")
        return None
    point = point_inside(geometry)
    if point is not geometry:
        tally.note("areas and lines became a point inside them")
    properties = {
        "source_key": key,
        "name": names.get("local"),
        "names": names,
        "category_id": classified.category_id,
        "alternate_category_ids": list(classified.alternate_category_ids),
        "address": {member: value for member, keys in _ADDRESS.items() if (value := _first(tags, keys))},
        "phone": tidy((tags.get("phone") or tags.get("contact:phone") or "").split(";")[0]),
        "website": website_of(tags.get("website") or tags.get("contact:website")),
        "opening_hours": tidy(tags.get("opening_hours")),
        "attributes": _attributes(tags),
    }
    return RawRow(number, point, {name: value for name, value in properties.items() if value not in (None, "", {}, [])})


def names_of(tags: Mapping[str, str]) -> dict[str, str]:
    """`local` first, then each language that the source has."""
    names: dict[str, str] = {}
    local = tidy(tags.get("name"))
    if local:
        names["local"] = local
    for key, text in tags.items():
        match = _LANGUAGE.fullmatch(key)
        value = tidy(text) if match else None
        if match is None or value is None or len(names) >= _MAX_NAMES:
            continue
        language = _RENAMED.get(match[1], match[1])
        if language == "zh":
            language = "zh-Hant" if _TRADITIONAL & set(value) else "zh-Hans"
        names.setdefault(language, value)
    return names


def region_of(number: int, key: str, geometry: Any, tags: Mapping[str, str]) -> RawRow | RowFault:
    """An administrative area; its parent is found out later."""
    level = tags.get("admin_level", "")
    if not level.isdigit():
        return RowFault(number, key, f"admin_level is {level[:20]!r}, which is no number")
    code = _first(tags, _CODES) or key.replace("osm:", "").replace("/", "-")
    chinese = tags.get("ISO3166-2", "").startswith("CN-") or (len(code) == 6 and code.isdigit())
    kind = _BORDER_KINDS.get(tags.get("border_type", "").lower())
    kind = kind or (_CHINESE_LEVELS if chinese else _LEVEL_KINDS).get(int(level), "region")
    properties = {
        "source_key": key,
        "kind": kind,
        "admin_level": int(level),
        "region_code": code,
        "names": names_of(tags),
    }
    return RawRow(number, geometry, properties)


def _first(tags: Mapping[str, str], keys: Sequence[str]) -> str | None:
    for key in keys:
        value = tidy(tags.get(key))
        if value:
            return re.sub(r"(?<=\d)\.0$", "", value) if key.endswith("postcode") else value
    return None


def _attributes(tags: Mapping[str, str]) -> dict[str, str]:
    found = {}
    for key, allowed in _ATTRIBUTES.items():
        value = (tags.get(key) or "").strip().lower()
        if value in allowed:
            found[key.replace(":", "_")] = value
    cuisine = tidy(tags.get("cuisine"))
    if cuisine:
        found["cuisine"] = cuisine
    return found
