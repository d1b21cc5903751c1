"""OSM tags give a place its category and its alternates, or say that it is no place of business.

Street furniture is left out: benches, bins, docks of shared bicycles, single parking bays, entrances of car parks,
vending machines, telephones, toilets, drinking water, shelters, recycling points, guideposts, artworks, memorials.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from seeds.make.taxonomy import UNCATEGORISED, Category

# A place is what its first key of this order says; the others become alternates.
KEY_ORDER = ("amenity", "shop", "tourism", "leisure", "healthcare", "craft", "office", "historic")

# Values of these keys that are left out. A value that no category names either is `uncategorised`.
NOT_PLACES = {
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
    "tourism": frozenset(["artwork", "information", "Elielinaukio"]),
    "leisure": frozenset(["picnic_table", "fitness_station", "outdoor_seating", "slipway", "bleachers"]),
    "historic": frozenset(["memorial", "wayside_cross", "wayside_shrine", "boundary_stone", "tomb"]),
    "shop": frozenset({"no", "vacant"}),
    "healthcare": frozenset({"no"}),
}
# Where several cuisines are given these say least.
VAGUE = frozenset({"regional_restaurant", "asian_restaurant"})
# An eating place that cooks vegan or vegetarian food only has this as an alternate.
MEATLESS = "vegan_restaurant"
EATING = frozenset({"restaurant", "fast_food"})
# Keys whose odd values are still somebody's shop; odd values of the other keys tell nothing.
OPEN_KEYS = frozenset({"amenity", "shop"})


@dataclass(frozen=True)
class Classified:
    category_id: str
    alternate_category_ids: tuple[str, ...]


class Classifier:
    def __init__(self, categories: list[Category]) -> None:
        self._parents = {category.category_id: category.parent_id for category in categories}
        self._rules = [
            (tuple(tuple(term.split("=", 1)) for term in alias.split(";")), category.category_id)
            for category in categories
            for alias in category.osm
        ]

    def ancestors(self, category_id: str) -> set[str]:
        found: set[str] = set()
        parent = self._parents[category_id]
        while parent is not None:
            found.add(parent)
            parent = self._parents[parent]
        return found

    def classify(self, tags: Mapping[str, str]) -> Classified | None:
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
            return self._with_alternates(ordered)
        for key in OPEN_KEYS & values.keys():
            if not NOT_PLACES.get(key, frozenset()).issuperset(values[key]):
                return Classified(UNCATEGORISED, ())
        return None

    def _matches(self, values: Mapping[str, tuple[str, ...]]) -> list[tuple[int, int, int, int, int, str]]:
        found = []
        for order, (terms, category_id) in enumerate(self._rules):
            if all(value in values.get(key, ()) for key, value in terms):
                last_key, last_value = terms[-1]
                found.append(
                    (
                        KEY_ORDER.index(terms[0][0]),
                        -len(terms),
                        int(category_id in VAGUE),
                        values[last_key].index(last_value),
                        order,
                        category_id,
                    )
                )
        return found

    def _with_alternates(self, ordered: list[str]) -> Classified:
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
