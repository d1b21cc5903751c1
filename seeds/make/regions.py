"""Regions are read from a Shapefile (Hangzhou), GeoJSON (Berlin) and OSM PBF (Andorra); Helsinki's is a box."""

import json
import struct
import zipfile
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import shapely
from shapely.geometry import MultiPolygon, Polygon, box, mapping
from shapely.geometry.base import BaseGeometry

from seeds.make import clean
from seeds.make.pbf import ANDORRA, HELSINKI, elements, header_box
from seeds.make.writing import COORDINATE_DECIMALS, write_feature_collection

HANGZHOU_OUTLINE = "hangzhou/hangzhou_boundary_osm_shp.zip"
BERLIN_BOROUGHS = "europe/berlin_bezirke.geojson"
ANDORRA_COUNTRY = 9407
ANDORRA_PARISHES = range(2804753, 2804760)
# Chinese names that the extract lacks.
PARISHES_IN_CHINESE = {
    "AD-02": "卡尼略",
    "AD-03": "恩坎普",
    "AD-04": "拉马萨纳",
    "AD-05": "奥尔迪诺",
    "AD-06": "圣胡利娅-德洛里亚",
    "AD-07": "安道尔城",
    "AD-08": "莱塞斯卡尔德-恩戈尔达",
}
GRID = 10.0**-COORDINATE_DECIMALS


@dataclass(frozen=True)
class Region:
    source_key: str
    kind: str
    shape: MultiPolygon
    names: dict[str, str]
    admin_level: int
    region_code: str
    parent_key: str | None = None
    note: str | None = None
    demo: bool = field(default=False)

    def as_feature(self) -> dict[str, Any]:
        return {
            "type": "Feature",
            "geometry": rounded_mapping(self.shape),
            "properties": {
                "source_key": self.source_key,
                "kind": self.kind,
                "admin_level": self.admin_level,
                "region_code": self.region_code,
                "names": self.names,
                "parent_key": self.parent_key,
                "note": self.note,
                "demo": self.demo,
            },
        }


def on_grid(shape: BaseGeometry) -> MultiPolygon:
    """The area on the 7-decimal grid, valid, in RFC 7946 winding, without slivers of no area."""
    snapped = shapely.set_precision(shape, GRID)
    parts = [part for part in shapely.get_parts(snapped) if part.geom_type == "Polygon" and part.area > 0]
    oriented = shapely.orient_polygons(shapely.normalize(MultiPolygon(parts)))
    if not oriented.is_valid:
        raise ValueError(shapely.is_valid_reason(oriented))
    return oriented


def rounded_mapping(shape: MultiPolygon) -> dict[str, Any]:
    def rounded(item: Any) -> Any:
        return round(item, COORDINATE_DECIMALS) if isinstance(item, float) else [rounded(part) for part in item]

    document = mapping(shape)
    return {"type": document["type"], "coordinates": rounded(document["coordinates"])}


def polygons_of_shp(payload: bytes) -> list[Polygon]:
    """Polygons of an ESRI .shp file (type 5). Outer rings run clockwise, holes the other way."""
    polygons: list[tuple[list[Any], list[list[Any]]]] = []
    position = 100
    while position < len(payload):
        (length,) = struct.unpack(">i", payload[position + 4 : position + 8])
        record = payload[position + 8 : position + 8 + 2 * length]
        shape_type, part_count, point_count = struct.unpack("<i32x2i", record[:44])
        if shape_type != 5:
            raise ValueError(f"shape type {shape_type}, expected 5 (polygon)")
        starts = [*struct.unpack(f"<{part_count}i", record[44 : 44 + 4 * part_count]), point_count]
        flat = struct.unpack(f"<{2 * point_count}d", record[44 + 4 * part_count :])
        points = list(zip(flat[::2], flat[1::2], strict=True))
        for start, end in pairwise(starts):
            ring = points[start:end]
            if shapely.LinearRing(ring).is_ccw and polygons:
                polygons[-1][1].append(ring)
            else:
                polygons.append((ring, []))
        position += 8 + 2 * length
    return [Polygon(shell, holes) for shell, holes in polygons]


def hangzhou_regions(folder: Path) -> list[Region]:
    with zipfile.ZipFile(folder / HANGZHOU_OUTLINE) as archive:
        outline = shapely.union_all(polygons_of_shp(archive.read("boundary.shp")))
    names = {"local": "杭州市", "zh-Hans": "杭州市", "en": "Hangzhou", "de": "Hangzhou", "fi": "Hangzhou"}
    return [Region("osm:relation/3221112", "city", on_grid(outline), names, admin_level=5, region_code="330100")]


def berlin_regions(folder: Path) -> list[Region]:
    """The city as the union of its boroughs, and the 12 boroughs by their official numbers."""
    features = json.loads((folder / BERLIN_BOROUGHS).read_text(encoding="utf-8"))["features"]
    boroughs = []
    for feature in features:
        number = feature["properties"]["cartodb_id"]
        name = feature["properties"]["name"]
        boroughs.append(
            Region(
                f"berlin:bezirk/{number:02d}",
                "borough",
                on_grid(shapely.geometry.shape(feature["geometry"])),
                {"local": name, "de": name},
                admin_level=9,
                region_code=f"110000{number:02d}",
                parent_key="berlin:land/11",
            )
        )
    city = Region(
        "berlin:land/11",
        "city",
        on_grid(shapely.union_all([borough.shape for borough in boroughs])),
        {"local": "Berlin", "de": "Berlin", "en": "Berlin", "zh-Hans": "柏林", "fi": "Berliini", "ca": "Berlín"},
        admin_level=4,
        region_code="11000000",
        note="union of the 12 boroughs",
    )
    return [city, *sorted(boroughs, key=lambda each: each.source_key)]


def helsinki_regions(folder: Path) -> list[Region]:
    return [
        Region(
            "extract:helsinki-centre",
            "extract",
            on_grid(box(*header_box(folder / HELSINKI))),
            {
                "local": "Helsingin keskusta",
                "fi": "Helsingin keskusta",
                "sv": "Helsingfors centrum",
                "en": "Helsinki centre",
                "de": "Helsinki Zentrum",
                "zh-Hans": "赫尔辛基市中心",
            },
            admin_level=10,
            region_code="extract-helsinki-centre",
            note="the box of the OpenStreetMap extract, not an administrative boundary",
        )
    ]


def andorra_regions(folder: Path) -> list[Region]:
    country_key = f"osm:relation/{ANDORRA_COUNTRY}"
    wanted = {f"osm:relation/{number}" for number in (ANDORRA_COUNTRY, *ANDORRA_PARISHES)}
    found = []
    for element in elements(folder / ANDORRA, ("boundary",)):
        if element.kind != "area" or element.source_key not in wanted:
            continue
        country = element.source_key == country_key
        code = element.tags["ISO3166-1" if country else "ISO3166-2"]
        names = clean.names_of(element.tags)
        if code in PARISHES_IN_CHINESE:
            names.setdefault("zh-Hans", PARISHES_IN_CHINESE[code])
        found.append(
            Region(
                element.source_key,
                "country" if country else "parish",
                on_grid(element.geometry),
                names,
                admin_level=int(element.tags["admin_level"]),
                region_code=code,
                parent_key=None if country else country_key,
            )
        )
    if len(found) != len(wanted):
        raise ValueError(f"only {len(found)} of {len(wanted)} boundaries could be assembled")
    return sorted(found, key=lambda each: (each.kind != "country", each.region_code))


def write_regions(path: Path, regions: list[Region]) -> None:
    write_feature_collection(path, [region.as_feature() for region in regions])
