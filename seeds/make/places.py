"""Places are collected, told apart from their doubles, and written as GeoJSON lines."""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from math import cos, hypot, radians
from pathlib import Path
from typing import Any

from shapely.geometry.base import BaseGeometry

from seeds.make import clean
from seeds.make.classify import Classifier
from seeds.make.writing import COORDINATE_DECIMALS, write_feature_lines

METRES_PER_DEGREE = 111_195.0
SAME_PLACE_M = 30.0
NO_NAME = re.compile(r"(node|way|relation) \d+")


@dataclass(frozen=True)
class Place:
    source_key: str
    lon: float
    lat: float
    names: dict[str, str]
    category_id: str
    alternate_category_ids: tuple[str, ...]
    brand_tags: dict[str, str]
    address: dict[str, str]
    phone: str | None
    website: str | None
    opening_hours: str | None
    attributes: dict[str, str]
    brand_id: str | None = None

    @property
    def name(self) -> str:
        return self.names["local"]

    def as_feature(self) -> dict[str, Any]:
        return {
            "type": "Feature",
            "geometry": {"type": "Point", "coordinates": [self.lon, self.lat]},
            "properties": {
                "source_key": self.source_key,
                "name": self.name,
                "names": self.names,
                "category_id": self.category_id,
                "alternate_category_ids": list(self.alternate_category_ids),
                "brand_id": self.brand_id,
                "address": self.address,
                "phone": self.phone,
                "website": self.website,
                "opening_hours": self.opening_hours,
                "attributes": self.attributes,
            },
        }


def point_inside(geometry: BaseGeometry) -> tuple[float, float]:
    """The centroid where it lies inside the area, else a point on the surface; lon, lat rounded."""
    point = geometry.centroid
    if geometry.geom_type.endswith("Polygon") and not geometry.covers(point):
        point = geometry.representative_point()
    return round(point.x, COORDINATE_DECIMALS), round(point.y, COORDINATE_DECIMALS)


def place_from_tags(
    source_key: str,
    geometry: BaseGeometry,
    tags: Mapping[str, str],
    address: dict[str, str],
    phone: str | None,
    classifier: Classifier,
) -> Place | None:
    """None for things without a name and for things that are no place of business."""
    names = clean.names_of(tags)
    classified = classifier.classify(tags)
    if classified is None or "local" not in names or NO_NAME.fullmatch(names["local"]):
        return None
    lon, lat = point_inside(geometry)
    brand_keys = ("brand", "brand:zh", "brand:zh-Hans", "brand:en", "brand:wikidata")
    return Place(
        source_key=source_key,
        lon=lon,
        lat=lat,
        names=names,
        category_id=classified.category_id,
        alternate_category_ids=classified.alternate_category_ids,
        brand_tags={key: tags[key].strip() for key in brand_keys if tags.get(key, "").strip()},
        address=address,
        phone=phone,
        website=clean.website_of(tags),
        opening_hours=tags.get("opening_hours") or None,
        attributes=clean.attributes_of(tags),
    )


def metres_between(one: Place, two: Place) -> float:
    """Flat distance, good for a few hundred metres."""
    east = (one.lon - two.lon) * cos(radians(one.lat))
    return hypot(east, one.lat - two.lat) * METRES_PER_DEGREE


def without_doubles(places: Iterable[Place]) -> tuple[list[Place], int]:
    """Sorted by source key, with the number dropped.

    A node and the building around it, same name and category within 30 m, are one place: the fuller one stays.
    """
    unique = {place.source_key: place for place in places}
    groups: dict[tuple[str, str], list[Place]] = defaultdict(list)
    for place in sorted(unique.values(), key=lambda each: (-fullness(each), each.source_key)):
        group = groups[place.name.casefold(), place.category_id]
        if all(metres_between(place, kept) > SAME_PLACE_M for kept in group):
            group.append(place)
    kept = sorted((place for group in groups.values() for place in group), key=lambda each: each.source_key)
    return kept, len(unique) - len(kept)


def fullness(place: Place) -> int:
    facts = (place.phone, place.website, place.opening_hours, *place.address, *place.attributes, *place.names)
    return sum(fact is not None for fact in facts)


def write_places(path: Path, places: list[Place], brand_of: Mapping[str, str]) -> None:
    """`brand_of`: source key → brand id."""
    write_feature_lines(
        path, (replace(place, brand_id=brand_of.get(place.source_key)).as_feature() for place in places)
    )
