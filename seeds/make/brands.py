"""Brands come from the places' brand tags; places of a known chain that carry no brand tag are found by name.

A brand's id is its Wikidata id where the tags say it, else a slug of its Latin name. Chains that the source names
but doesn't tag as brands are listed here by hand.
"""

import re
import unicodedata
from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

from seeds.make.places import Place

# Chains by name where the source has no brand tag: slug → names. Wikidata ids were not at hand and are not guessed.
BY_NAME = {
    "grandmas-home": {"zh-Hans": "外婆家", "en": "Grandma's Home"},
    "zhiweiguan": {"zh-Hans": "知味观", "en": "Zhiweiguan"},
    "xinbailu": {"zh-Hans": "新白鹿", "en": "New White Deer"},
    "chuanweiguan": {"zh-Hans": "川味观", "en": "Chuanweiguan"},
    "xinfeng-xiaochi": {"zh-Hans": "新丰小吃", "en": "Xinfeng Snacks"},
    "liangan-coffee": {"zh-Hans": "两岸咖啡", "en": "UBC Liang'an Coffee"},
    "yonghe-king": {"zh-Hans": "永和大王", "en": "Yonghe King"},
    "laoniangjiu": {"zh-Hans": "老娘舅", "en": "Lao Niang Jiu"},
    "espresso-house": {"local": "Espresso House"},
    "hesburger": {"local": "Hesburger"},
    "r-kioski": {"local": "R-kioski"},
    "roberts-coffee": {"local": "Robert's Coffee"},
    "brammibals-donuts": {"local": "Brammibal's Donuts"},
    "dunkin": {"local": "Dunkin' Donuts"},
    "dean-and-david": {"local": "dean&david"},
    "morabanc": {"local": "MoraBanc"},
    "credit-andorra": {"local": "Crèdit Andorrà"},
}
# Wikidata ids that two entries of the source give to one brand: other → kept.
SAME_BRAND = {"Q5273896": "Q5273883"}
CHINESE = re.compile(r"[\u4e00-\u9fff]")
SPELLINGS = {"Bank ok Hangzhou": "Bank of Hangzhou"}
# Other spellings of tagged brands, as they stand on signs.
ALIASES = {
    "星巴克咖啡": "Q37158",
    "星巴克": "Q37158",
    "肯德基kfc": "Q524757",
    "麦当劳": "Q38076",
    "绿茶": "Q111363155",
    "icbc": "Q26463",
}


@dataclass
class Brand:
    brand_id: str
    names: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    category_ids: set[str] = field(default_factory=set)

    def as_row(self) -> dict[str, Any]:
        row: dict[str, Any] = {
            "brand_id": self.brand_id,
            "names": {lang: commonest(found) for lang, found in sorted(self.names.items())},
        }
        if re.fullmatch(r"Q\d+", self.brand_id):
            row["wikidata"] = self.brand_id
        return row


def commonest(found: Counter[str]) -> str:
    return min(found, key=lambda name: (-found[name], name))


def slug_of(name: str) -> str | None:
    """`BonÀrea` → `bonarea`; None for a name without Latin letters."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower().replace("'", "")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-") or None


def plain_name(name: str) -> str:
    """A sign's name without its branch: `外婆家（亲橙里店）` → `外婆家`."""
    return re.sub(r"\s*[（(].*$", "", name).strip().casefold().replace("’", "'")


def assign_brands(places: list[Place]) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """Rows of brands in use, sorted by id, and source key → brand id."""
    brands: dict[str, Brand] = {}
    id_by_name = _ids_by_tagged_name(places)
    brand_of: dict[str, str] = {}
    for place in places:
        brand_id = _tagged_id(place, id_by_name)
        if brand_id is not None:
            brand = brands.setdefault(brand_id, Brand(brand_id))
            _add_names(brand, place)
            brand.category_ids.add(place.category_id)
            brand_of[place.source_key] = brand_id
    for slug, names in BY_NAME.items():
        brand = brands.setdefault(slug, Brand(slug))
        for language, name in names.items():
            brand.names[language][name] += 1
            id_by_name.setdefault(name.casefold().replace("’", "'"), slug)
    id_by_name.update({alias: wikidata for alias, wikidata in ALIASES.items() if wikidata in brands})
    for place in places:
        brand_id = id_by_name.get(plain_name(place.name))
        if place.source_key not in brand_of and brand_id and _fits(place, brands[brand_id]):
            brand_of[place.source_key] = brand_id
    used = set(brand_of.values())
    return [brands[brand_id].as_row() for brand_id in sorted(used)], brand_of


def _fits(place: Place, brand: Brand) -> bool:
    """A name alone is not enough: the place must be of a kind that the brand's tagged places are of."""
    return not brand.category_ids or place.category_id in brand.category_ids


def _ids_by_tagged_name(places: list[Place]) -> dict[str, str]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for place in places:
        wikidata = place.brand_tags.get("brand:wikidata", "")
        if re.fullmatch(r"Q\d+", wikidata):
            for key in ("brand", "brand:zh", "brand:en"):
                if key in place.brand_tags:
                    found[place.brand_tags[key].casefold()][SAME_BRAND.get(wikidata, wikidata)] += 1
    return {name: commonest(ids) for name, ids in found.items()}


def _tagged_id(place: Place, id_by_name: dict[str, str]) -> str | None:
    wikidata = place.brand_tags.get("brand:wikidata", "")
    if re.fullmatch(r"Q\d+", wikidata) and "brand" in place.brand_tags:
        return SAME_BRAND.get(wikidata, wikidata)
    name = place.brand_tags.get("brand")
    if name is None or "," in name or ";" in name:
        return None
    return id_by_name.get(name.casefold()) or slug_of(place.brand_tags.get("brand:en", name))


def _add_names(brand: Brand, place: Place) -> None:
    tags = place.brand_tags
    brand.names["zh-Hans" if CHINESE.search(tags["brand"]) else "local"][tags["brand"]] += 1
    for key, language in (("brand:zh-Hans", "zh-Hans"), ("brand:zh", "zh-Hans"), ("brand:en", "en")):
        if key in tags:
            brand.names[language][SPELLINGS.get(tags[key], tags[key])] += 1
