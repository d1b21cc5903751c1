"""Berlin's places are the slice inside the 12 boroughs of a world-wide list of vegan and vegetarian food places."""

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import Point
from shapely.geometry.base import BaseGeometry

from seeds.make import clean
from seeds.make.classify import Classifier
from seeds.make.places import Place, place_from_tags

VEGGIEKARTE = "europe/veggiekarte_osm_places_world_2021-03.geojson.gz"

AMENITY_ICONS = frozenset(
    [
        "restaurant",
        "fast_food",
        "cafe",
        "bar",
        "pub",
        "ice_cream",
        "pharmacy",
        "theatre",
        "cinema",
        "hospital",
        "library",
        "fuel",
    ]
)
LEISURE_ICONS = frozenset({"playground"})
TOURISM_ICONS = frozenset({"guest_house", "museum"})
DIETS = {
    "vegan_only": {"diet:vegan": "only"},
    "vegan_friendly": {"diet:vegan": "yes"},
    "vegan_limited": {"diet:vegan": "limited"},
    "vegetarian_only": {"diet:vegetarian": "only"},
    "vegetarian_friendly": {"diet:vegetarian": "yes"},
}


def tags_of(properties: Mapping[str, Any]) -> dict[str, str]:
    """The list's own properties as the OSM tags that they were made from."""
    icon = properties["icon"]
    tags = {"name": properties["name"], **DIETS[properties["category"]]}
    for key in ("cuisine", "opening_hours", "shop"):
        if properties.get(key):
            tags[key] = properties[key]
    if icon == "maki_restaurant-pizza":
        tags["amenity"] = "restaurant"
        tags.setdefault("cuisine", "pizza")
    elif icon in AMENITY_ICONS:
        tags["amenity"] = icon
    elif icon in LEISURE_ICONS:
        tags["leisure"] = icon
    elif icon in TOURISM_ICONS:
        tags["tourism"] = icon
    elif icon in ("maki_star-stroked", "maki_school", "maki_shop"):
        tags.setdefault("shop", "unknown")
    else:
        tags.setdefault("shop", icon)
    if properties.get("contact_website"):
        tags["website"] = properties["contact_website"]
    return tags


def address_of(properties: Mapping[str, Any]) -> dict[str, str]:
    street, house_number = clean.split_house_number(properties.get("addr_street"))
    return clean.without_empty(
        {
            "street": street,
            "house_number": house_number,
            "postcode": clean.postcode_of(properties.get("addr_postcode"), r"\d{5}"),
            "city": clean.town_of(properties.get("addr_city")),
        }
    )


def berlin_places(folder: Path, classifier: Classifier, outline: BaseGeometry) -> list[Place]:
    with gzip.open(folder / VEGGIEKARTE, "rt", encoding="utf-8") as source:
        features = json.load(source)["features"]
    west, south, east, north = outline.bounds
    shapely.prepare(outline)
    found = []
    for feature in features:
        point = Point(feature["geometry"]["coordinates"][:2])
        if not (west <= point.x <= east and south <= point.y <= north and outline.covers(point)):
            continue
        properties = feature["properties"]
        place = place_from_tags(
            f"osm:{properties['_type']}/{properties['_id']}",
            point,
            tags_of(properties),
            address_of(properties),
            clean.phone_of(properties.get("contact_phone"), "DE"),
            classifier,
        )
        if place is not None:
            found.append(place)
    return found
