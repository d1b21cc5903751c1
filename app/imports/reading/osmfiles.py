"""OpenStreetMap extracts (PBF): named places, and administrative areas put together from their ways."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import osmium
import shapely

from app.imports.errors import UnreadableFile, UnsupportedFormat
from app.imports.reading import osmtags
from app.imports.reading.categories import KEY_ORDER, Classifier
from app.imports.reading.reference import CRS84
from app.imports.reading.refusing import whole
from app.imports.reading.types import Opened, RawRow, SourceFacts, Tally, Wishes
from app.imports.types import RowFault
from geo.grid_shift import Datum

# Written into files of ours where an object has a position but no shape: what it is a centre of.
CENTRE_OF: Final = "fujin:centre_of"
_REDUCED_FROM: Final = 60_000_000
_ADMINISTRATIVE: Final = "administrative"
_SHOWN: Final = 10


@dataclass(frozen=True, slots=True)
class Element:
    """One object with its key as we write it."""

    key: str
    geometry: shapely.Geometry
    tags: Mapping[str, str]


def open_pbf(path: Path, wishes: Wishes, folder: Path) -> Opened:
    """An extract, as it is fetched from a mirror."""
    return open_extract(path, "OSM PBF", wishes, folder)


def open_extract(path: Path, form: str, wishes: Wishes, folder: Path, remarks: tuple[str, ...] = ()) -> Opened:
    """The places or areas of a PBF file."""
    if wishes.kind not in ("places", "regions"):
        raise UnsupportedFormat(f"{form} is read for places and regions, not for {wishes.kind}.")
    if wishes.mapping:
        raise UnreadableFile(
            "The tags of OpenStreetMap are read by what they mean; a mapping of columns does not apply.",
            code="unknown-column",
            hint="Leave mapping out.",
        )
    with whole("The extract"):
        osmium.io.Reader(str(path), osmium.osm.osm_entity_bits.NOTHING).close()
    used = {"source_key": "type and id", "name": "name", "names": "name:*"}
    used |= {"category_id": "amenity, shop, …", "opening_hours": "opening_hours"} if wishes.kind == "places" else {}
    used |= {"admin_level": "admin_level", "kind": "border_type, admin_level"} if wishes.kind == "regions" else {}
    facts = SourceFacts(
        form,
        encoding="UTF-8",
        crs=CRS84,
        datum=wishes.datum or Datum.WGS84,
        layout=osmtags.NAME,
        used=used,
        guessed=frozenset(),
        remarks=remarks,
    )
    tally, state = Tally(), [0]
    reading = _places if wishes.kind == "places" else _regions
    return Opened(
        facts,
        lambda: _counted(reading(path, wishes, folder, tally), state),
        remarks=tally.remarks,
        passed_over=lambda: tally.passed_over,
        done=lambda: (state[0], None, "rows"),
        final=True,
    )


def _counted(rows: Iterator[RawRow | RowFault], state: list[int]) -> Iterator[RawRow | RowFault]:
    for row in rows:
        state[0] += 1
        yield row


def _places(path: Path, wishes: Wishes, folder: Path, tally: Tally) -> Iterator[RawRow | RowFault]:
    classifier, number = Classifier.of(wishes), 0
    for element in _elements(path, KEY_ORDER, folder, tally):
        row = osmtags.place_of(number + 1, element.key, element.geometry, element.tags, classifier, tally)
        if row is None:
            tally.passed_over += 1
        else:
            number += 1
            yield row


def _regions(path: Path, wishes: Wishes, folder: Path, tally: Tally) -> Iterator[RawRow | RowFault]:
    """All areas are held at once: who lies in whom is known when all are."""
    del wishes
    rows: list[RawRow] = []
    for element in _elements(path, ("boundary",), folder, tally):
        tags = element.tags
        if (
            tags.get("boundary") != _ADMINISTRATIVE
            or "admin_level" not in tags
            or shapely.get_dimensions(element.geometry) < 2
        ):
            tally.passed_over += 1
            continue
        if "name" not in tags:
            tally.note("administrative areas have no name: left out")
            tally.passed_over += 1
            continue
        row = osmtags.region_of(len(rows) + 1, element.key, element.geometry, tags)
        if isinstance(row, RowFault):
            yield row
        else:
            rows.append(row)
    for row, parent in zip(rows, _parents(rows), strict=True):
        yield row if parent is None else replace(row, properties={**row.properties, "parent_key": parent})


def _parents(rows: list[RawRow]) -> list[str | None]:
    """The key of the smallest area of a higher rank that each area lies in."""
    shapes = np.array([row.geometry for row in rows] + [None], dtype=object)[:-1]
    inside = shapely.point_on_surface(shapes)
    found: list[str | None] = [None] * len(rows)
    levels = [int(row.properties["admin_level"]) for row in rows]
    best = [-1] * len(rows)
    tree = shapely.STRtree(shapes)
    for child, above in np.asarray(tree.query(inside, predicate="within")).T.tolist():
        if levels[above] < levels[child] and levels[above] > best[child]:
            best[child], found[child] = levels[above], str(rows[above].properties["source_key"])
    return found


def _elements(path: Path, keys: tuple[str, ...], folder: Path, tally: Tally) -> Iterator[Element]:
    """Nodes and areas with one of the keys, in the file's order.

    Areas whose members the extract doesn't hold can't be put together; they are counted and the first ones named.
    """
    if path.stat().st_size > _REDUCED_FROM:
        path = _reduced(path, keys, folder)
    seen = _Relations()
    factory = osmium.geom.WKBFactory()
    with whole("The extract"):
        things = iter(osmium.FileProcessor(str(path)).with_areas().with_filter(osmium.filter.KeyFilter(*keys)))
    while True:
        with whole("The extract"):
            thing = next(things, None)
            if thing is None:
                break
            element = _element(thing, factory, seen)
        if element is not None:
            yield element
    open_ones = sorted(name for number, name in seen.areas.items() if number not in seen.closed)
    if open_ones:
        shown = ", ".join(name[:60] for name in open_ones[:_SHOWN]) + (", …" if len(open_ones) > _SHOWN else "")
        tally.notes[f"areas could not be put together, parts of their borders are missing: {shown}"] = len(open_ones)


@dataclass(slots=True)
class _Relations:
    """Relations that are areas, and those of them that could be put together; an area may come before its relation."""

    areas: dict[int, str] = field(default_factory=dict)
    closed: set[int] = field(default_factory=set)


def _element(thing: Any, factory: Any, seen: _Relations) -> Element | None:
    tags = {tag.k: tag.v for tag in thing.tags}
    try:
        if thing.is_node():
            centre = tags.pop(CENTRE_OF, None)
            key = f"osm:{centre}" if centre else f"osm:node/{thing.id}"
            return Element(key, shapely.Point(thing.location.lon, thing.location.lat), tags)
        if thing.is_relation():
            if tags.get("type") in ("multipolygon", "boundary"):
                seen.areas[thing.id] = tags.get("name", f"relation {thing.id}")
        elif thing.is_area():
            kind = "way" if thing.from_way() else "relation"
            shape = shapely.from_wkb(bytes.fromhex(factory.create_multipolygon(thing)))
            if kind == "relation":
                seen.closed.add(thing.orig_id())
            return Element(f"osm:{kind}/{thing.orig_id()}", shape, tags)
    except (RuntimeError, osmium.InvalidLocationError):
        return None  # a node outside the clip, or an area that closes nowhere: nothing to draw
    return None


def _reduced(path: Path, keys: tuple[str, ...], folder: Path) -> Path:
    """Only what has one of the keys and what that is made of, so that memory holds its nodes and not all of them."""
    target = folder / "reduced.osm.pbf"
    with whole("The extract"), osmium.BackReferenceWriter(str(target), ref_src=str(path), overwrite=True) as writer:
        for thing in osmium.FileProcessor(str(path)).with_filter(osmium.filter.KeyFilter(*keys)):
            writer.add(thing)
    return target
