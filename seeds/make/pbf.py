"""OSM PBF extracts give places, areas and lines; areas are assembled from closed ways and relations."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import osmium
import shapely
from shapely.geometry import LineString
from shapely.geometry.base import BaseGeometry

from seeds.make import clean
from seeds.make.classify import KEY_ORDER, Classifier
from seeds.make.places import Place, place_from_tags

HELSINKI = "pbf/helsinki-centre-2019-04.osm.pbf"
ANDORRA = "pbf/andorra-2025-01-19.osm.pbf"
TOWNS = {"Helsingin kaupunki": "Helsinki", "Pas de La Casa": "Pas de la Casa"}
POSTCODES = {"FI": r"\d{5}", "AD": r"AD\d{3}"}


@dataclass(frozen=True)
class Element:
    source_key: str
    kind: str  # node, line or area
    geometry: BaseGeometry
    tags: dict[str, str]


def header_box(path: Path) -> tuple[float, float, float, float]:
    """West, south, east, north of the extract, as its header says."""
    box = osmium.io.Reader(str(path)).header().box()
    return box.bottom_left.lon, box.bottom_left.lat, box.top_right.lon, box.top_right.lat


def elements(path: Path, keys: tuple[str, ...]) -> Iterator[Element]:
    """Nodes, ways and areas with one of the keys, in file order.

    Closed ways come as lines and as areas. A way that leaves the extract comes once for each stretch whose nodes
    the extract holds. Areas whose members the extract doesn't hold are not assembled.
    """
    factory = osmium.geom.WKBFactory()
    reader = osmium.FileProcessor(str(path)).with_areas().with_filter(osmium.filter.KeyFilter(*keys))
    for thing in reader:
        tags = {tag.k: tag.v for tag in thing.tags}
        try:
            if thing.is_node():
                yield Element(f"osm:node/{thing.id}", "node", _shape(factory.create_point(thing)), tags)
            elif thing.is_way():
                for run in _runs(thing.nodes):
                    yield Element(f"osm:way/{thing.id}", "line", run, tags)
            elif thing.is_area():
                kind = "way" if thing.from_way() else "relation"
                shape = _shape(factory.create_multipolygon(thing))
                yield Element(f"osm:{kind}/{thing.orig_id()}", "area", shape, tags)
        except (RuntimeError, osmium.InvalidLocationError):
            # A node outside the clip or an area that closes nowhere: nothing to draw.
            continue


def _runs(nodes: osmium.osm.WayNodeList) -> Iterator[LineString]:
    """Stretches of two and more nodes whose positions are known."""
    run: list[tuple[float, float]] = []
    for node in nodes:
        if node.location.valid():
            run.append((node.lon, node.lat))
            continue
        if len(run) > 1:
            yield LineString(run)
        run = []
    if len(run) > 1:
        yield LineString(run)


def _shape(wkb_hex: str) -> BaseGeometry:
    return shapely.from_wkb(bytes.fromhex(wkb_hex))


def address_of(tags: dict[str, str], country: str) -> dict[str, str]:
    return clean.without_empty(
        {
            "street": clean.tidy(tags.get("addr:street") or tags.get("addr:place")),
            "house_number": clean.tidy(tags.get("addr:housenumber")),
            "postcode": clean.postcode_of(tags.get("addr:postcode"), POSTCODES[country]),
            "city": TOWNS.get(tags.get("addr:city", ""), clean.town_of(tags.get("addr:city"))),
            "suburb": clean.tidy(tags.get("addr:suburb")),
        }
    )


def pbf_places(path: Path, country: str, classifier: Classifier, outline: BaseGeometry) -> list[Place]:
    """Named nodes and areas inside the outline."""
    shapely.prepare(outline)
    found = []
    for element in elements(path, KEY_ORDER):
        if element.kind == "line" or "name" not in element.tags or element.geometry.is_empty:
            continue
        place = place_from_tags(
            element.source_key,
            element.geometry,
            element.tags,
            address_of(element.tags, country),
            clean.phone_of(element.tags.get("phone") or element.tags.get("contact:phone"), country),
            classifier,
        )
        if place is not None and outline.covers(shapely.Point(place.lon, place.lat)):
            found.append(place)
    return found
