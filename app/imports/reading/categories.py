"""Other schemes' words for what a place is become our categories, by the aliases of the active taxonomy.

Street furniture is left out: benches, bins, docks of shared bicycles, single parking bays, entrances of car parks,
vending machines, telephones, toilets, drinking water, shelters, recycling points, guideposts, artworks, memorials.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from app.imports.reading.types import Wishes

UNCATEGORISED: Final = "uncategorised"
# A place is what its first key of this order says; the others become alternates.
KEY_ORDER: Final = ("amenity", "shop", "tourism", "leisure", "healthcare", "craft", "office", "historic")
# Values of these keys that are left out. A value that no category names either is `uncategorised`.
NOT_PLACES: Final = {
    "amenity": frozenset(
        [
            "bench",
            "waste_basket",
            "bicycle_rental",
            "bicycle_parking",
            "bicycle_repair_station",
            "parking_entrance",
            "parking_space",
            "motorcycle_parking",
            "toilets",
            "vending_machine",
            "telephone",
            "post_box",
            "drinking_water",
            "water_point",
            "watering_place",
            "fountain",
            "shelter",
            "recycling",
            "waste_disposal",
            "waste_transfer_station",
            "sanitary_dump_station",
            "clock",
            "grit_bin",
            "life_ring",
            "life_boat",
            "ashtray",
            "ticket_validator",
            "security_control",
            "loading_dock",
            "locker",
            "shower",
            "public_bookcase",
            "unsigned_tourist_bus_halting",
            "disused_parking",
            "lavoir",
            "artwork",
            "fixme",
        ]
    ),
    "tourism": frozenset({"artwork", "information", "Elielinaukio"}),
    "leisure": frozenset({"picnic_table", "fitness_station", "outdoor_seating", "slipway", "bleachers"}),
    "historic": frozenset({"memorial", "wayside_cross", "wayside_shrine", "boundary_stone", "tomb"}),
    "shop": frozenset({"no", "vacant"}),
    "healthcare": frozenset({"no"}),
}
# Geofabrik's Shapefiles have more words for furniture than OpenStreetMap.
_LAYER_FURNITURE: Final = frozenset(
    {
        "camera_surveillance",
        "tourist_info",
        "toilet",
        "water_well",
        "water_mill",
        "comms_tower",
        "tower",
        "water_tower",
        "wayside_cross",
    }
)
_LAYER_WORDS: Final = {
    "guesthouse": "guest_house", "beauty_shop": "beauty", "car_dealership": "car", "furniture_shop": "furniture",
    "shoe_shop": "shoes", "archaeological": "archaeological_site", "greengrocer": "greengrocer", "gift_shop": "gift",
    "doityourself": "doityourself", "travel_agent": "travel_agency", "mobile_phone_shop": "mobile_phone",
    "sports_shop": "sports", "swimming_pool": "swimming_pool", "castle": "castle", "public_building": "townhall",
}  # fmt: skip
# Where several cuisines are given these say least.
VAGUE: Final = frozenset({"regional_restaurant", "asian_restaurant"})
# An eating place that cooks vegan or vegetarian food only has this as an alternate.
MEATLESS: Final = "vegan_restaurant"
EATING: Final = frozenset({"restaurant", "fast_food"})
# Keys whose odd values are still somebody's shop; odd values of the other keys tell nothing.
OPEN_KEYS: Final = frozenset({"amenity", "shop"})


@dataclass(frozen=True, slots=True)
class Classified:
    """What a place is, and what it is besides."""

    category_id: str
    alternate_category_ids: tuple[str, ...] = ()


class Classifier:
    """Reads tags of OpenStreetMap, codes of Overture, Amap and Foursquare, and bare words."""

    def __init__(self, aliases: Mapping[tuple[str, str], str], parents: Mapping[str, str | None]) -> None:
        self._parents = parents
        self._words: dict[str, str | None] = {}
        self._codes = {(scheme, code.casefold()): category for (scheme, code), category in aliases.items()}
        self._rules = [
            (tuple(tuple(term.split("=", 1)) for term in code.split(";")), category)
            for (scheme, code), category in aliases.items()
            if scheme == "osm" and all("=" in term for term in code.split(";"))
        ]
        self._rules = [rule for rule in self._rules if rule[0][0][0] in KEY_ORDER]
        self._by_term: dict[tuple[str, ...], list[int]] = {}
        for order, (terms, _) in enumerate(self._rules):
            self._by_term.setdefault(terms[0], []).append(order)

    @classmethod
    def of(cls, wishes: Wishes) -> Classifier:
        """By the taxonomy that a load brings along."""
        return cls(wishes.aliases, wishes.parents)

    def ancestors(self, category_id: str) -> set[str]:
        """The categories above one."""
        found: set[str] = set()
        parent = self._parents.get(category_id)
        while parent is not None and parent not in found:
            found.add(parent)
            parent = self._parents.get(parent)
        return found

    def by_tags(self, tags: Mapping[str, str]) -> Classified | None:
        """None when the tags name no place of business."""
        values = {key: split_values(tags[key]) for key in (*KEY_ORDER, "cuisine", "religion") if tags.get(key)}
        if "information" in tags:
            values["information"] = split_values(tags["information"])
        ranked = sorted(self._matches(values))
        if ranked:
            ordered = [category_id for *_, category_id in ranked]
            if "only" in (tags.get("diet:vegan"), tags.get("diet:vegetarian")) and EATING & {
                ordered[0],
                *self.ancestors(ordered[0]),
            }:
                ordered.append(MEATLESS)
            return self.with_alternates(ordered)
        for key in OPEN_KEYS & values.keys():
            if not NOT_PLACES.get(key, frozenset()).issuperset(values[key]):
                return Classified(UNCATEGORISED)
        return None

    def by_codes(self, scheme: str, codes: Iterable[str]) -> Classified | None:
        """By the codes of a scheme, the most telling first; None when none of them is known."""
        found = [self._codes[scheme, code.casefold()] for code in codes if (scheme, code.casefold()) in self._codes]
        return self.with_alternates(found) if found else None

    def by_word(self, word: str) -> str | None:
        """A category by its id, or by a value or code of any scheme."""
        if word not in self._words:
            if len(self._words) > 10_000:
                self._words.clear()
            self._words[word] = self._found(word)
        return self._words[word]

    def _found(self, word: str) -> str | None:
        folded = word.strip().casefold()
        snake = "_".join(folded.replace("-", " ").replace("/", " ").split())
        layered = _LAYER_WORDS.get(snake, snake)
        for said in dict.fromkeys((word.strip(), folded, snake, snake.removesuffix("_shop"), layered)):
            if said in self._parents:
                return said
            for key in ("osm", *(f"{key}=" for key in KEY_ORDER)):
                category = self._codes.get(("osm", said if key == "osm" else key + said))
                if category is not None:
                    return category
            for scheme in ("overture", "amap", "foursquare"):
                if (scheme, said) in self._codes:
                    return self._codes[scheme, said]
        return None

    def is_furniture(self, word: str) -> bool:
        """True for a word of OpenStreetMap that names no place of business."""
        folded = word.strip().casefold()
        furniture = any(folded in words for words in NOT_PLACES.values()) or folded in _LAYER_FURNITURE
        return (furniture or folded.startswith(("recycling_", "vending_"))) and folded not in ("no", "information")

    def _matches(self, values: Mapping[str, tuple[str, ...]]) -> list[tuple[int, int, int, int, int, str]]:
        found = []
        said = ((key, word) for key, words in values.items() for word in words)
        near = {place for term in said for place in self._by_term.get(term, ())}
        for order in sorted(near):
            terms, category_id = self._rules[order]
            if all(value in values.get(key, ()) for key, value in terms):
                last_key, last_value = terms[-1]
                vague = int(category_id in VAGUE)
                place = values[last_key].index(last_value)
                found.append((KEY_ORDER.index(terms[0][0]), -len(terms), vague, place, order, category_id))
        return found

    def with_alternates(self, ordered: Iterable[str]) -> Classified:
        """The first one, and those of the others that it and they don't imply."""
        primary, *others = dict.fromkeys(ordered)
        covered = {primary} | self.ancestors(primary)
        alternates: list[str] = []
        for other in others:
            implied = any(other in self.ancestors(each) for each in others)
            if other not in covered and not implied:
                alternates.append(other)
        return Classified(primary, tuple(alternates))


def split_values(text: str) -> tuple[str, ...]:
    """`local;Chinese` → ("local", "chinese") with the first spelling kept beside the lower-case one."""
    parts: dict[str, None] = {}
    for part in text.replace(",", ";").split(";"):
        value = part.strip().strip("_")
        if value:
            parts[value] = None
            parts[value.lower().replace(" ", "_")] = None
    return tuple(parts)
