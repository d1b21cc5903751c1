"""Hangzhou's places come from an amenity dump of the city and an Overpass answer for its centre."""

import csv
import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import shapely
from shapely.geometry import LineString, Point, Polygon
from shapely.geometry.base import BaseGeometry

from seeds.make import clean
from seeds.make.classify import Classifier
from seeds.make.places import Place, place_from_tags, point_inside

AMENITIES = "hangzhou/hangzhou_osm_amenity_2024-08.csv.gz"
OVERPASS = "hangzhou/hangzhou_center_overpass_2024-08.json.gz"

DISTRICTS = {
    "建德": "建德市",
    "建德市": "建德市",
    "余杭": "余杭区",
    "余杭径山": "余杭区",
    "临安市": "临安区",
    "LingPin": "临平区",
    "蒋干": "江干区",
    "下城区": "拱墅区",  # merged into 拱墅区 in April 2021
}
# 江干区 was dissolved in April 2021: its east, Xiasha, went to 钱塘区 and the rest to 上城区. Between the two
# longitudes lies the border, where the district is left open.
JIANGGAN_SHANGCHENG_UNTIL = 120.28
JIANGGAN_QIANTANG_FROM = 120.315
SUBDISTRICT = re.compile(r"[\u4e00-\u9fff]{1,5}(街道|镇|乡|村)")


def address_of(tags: Mapping[str, str], lon: float) -> dict[str, str]:
    city = clean.tidy(tags.get("addr:city"))
    district = clean.tidy(tags.get("addr:district"))
    suburb = clean.tidy(tags.get("addr:subdistrict") or tags.get("addr:suburb"))
    if district == "余杭径山":
        suburb = "径山镇"
    if city and SUBDISTRICT.fullmatch(city):
        suburb = city
    if city in DISTRICTS and not district:
        district = city
    street = clean.tidy(tags.get("addr:street"))
    bilingual = re.fullmatch(r"([\u4e00-\u9fff\d]+) [A-Za-z].*", street or "")
    return clean.without_empty(
        {
            "street": bilingual[1] if bilingual else street,
            "house_number": clean.tidy(tags.get("addr:housenumber")),
            "postcode": clean.postcode_of(tags.get("addr:postcode"), r"31\d{4}"),
            "city": "杭州市" if city or district else None,
            "district": district_of(district, lon),
            "suburb": suburb,
        }
    )


def district_of(text: str | None, lon: float) -> str | None:
    """Today's name of the district; None where the text doesn't say."""
    district = DISTRICTS.get(text or "", text)
    if district != "江干区":
        return district
    if lon < JIANGGAN_SHANGCHENG_UNTIL:
        return "上城区"
    return "钱塘区" if lon > JIANGGAN_QIANTANG_FROM else None


def to_place(key: str, geometry: BaseGeometry, tags: Mapping[str, str], classifier: Classifier) -> Place | None:
    lon, _ = point_inside(geometry)
    phone = clean.phone_of(tags.get("phone") or tags.get("contact:phone"), "CN", area_code="571")
    return place_from_tags(key, geometry, tags, address_of(tags, lon), phone, classifier)


def amenity_places(folder: Path, classifier: Classifier) -> Iterator[Place]:
    csv.field_size_limit(10_000_000)
    with gzip.open(folder / AMENITIES, "rt", encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            tags = {key: value for key, value in row.items() if value}
            geometry = shapely.from_wkt(tags.pop("geometry"))
            key = f"osm:{tags['element_type']}/{tags['osmid']}"
            place = to_place(key, geometry, tags, classifier)
            if place is not None:
                yield place


def overpass_elements(folder: Path) -> Iterator[tuple[str, BaseGeometry, dict[str, str]]]:
    """Tagged nodes and ways as (source key, geometry, tags); closed ways are polygons."""
    with gzip.open(folder / OVERPASS, "rt", encoding="utf-8") as source:
        elements = json.load(source)["elements"]
    points = {each["id"]: (each["lon"], each["lat"]) for each in elements if each["type"] == "node"}
    for element in elements:
        tags = element.get("tags")
        key = f"osm:{element['type']}/{element['id']}"
        if tags and element["type"] == "node":
            yield key, Point(points[element["id"]]), tags
        elif tags and element["type"] == "way":
            line = [points[node] for node in element["nodes"] if node in points]
            closed = len(line) > 3 and line[0] == line[-1]
            if len(line) > 1:
                yield key, Polygon(line) if closed else LineString(line), tags


def overpass_places(folder: Path, classifier: Classifier) -> Iterator[Place]:
    for key, geometry, tags in overpass_elements(folder):
        place = to_place(key, geometry, tags, classifier)
        if place is not None:
            yield place


def hangzhou_places(folder: Path, classifier: Classifier, outline: BaseGeometry) -> list[Place]:
    """The amenity dump wins where both have a thing; what lies outside the city's outline is left out."""
    found = {place.source_key: place for place in overpass_places(folder, classifier)}
    found.update({place.source_key: place for place in amenity_places(folder, classifier)})
    shapely.prepare(outline)
    return [place for place in found.values() if outline.covers(Point(place.lon, place.lat))]
