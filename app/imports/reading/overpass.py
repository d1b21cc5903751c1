"""Answers of the Overpass API (JSON): written anew as an extract, so that areas are put together the same way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import ijson
import osmium
from osmium.osm.mutable import Node, Relation, Way

from app.imports.errors import UnreadableFile
from app.imports.reading.geojsontext import MARK
from app.imports.reading.osmfiles import CENTRE_OF, open_extract
from app.imports.reading.refusing import AGAIN, said
from app.imports.reading.types import Opened, Wishes

_MEMBERS: Final = {"node": "n", "way": "w", "relation": "r"}
Json = dict[str, Any]


def open_overpass(path: Path, wishes: Wishes, folder: Path) -> Opened:
    """An answer with ``elements``, whichever way it gives shapes: skeletons, ``out geom``, ``out center``."""
    _refuse_unfinished(path)
    target = folder / "overpass.osm.pbf"
    writing = _Writing(target)
    try:
        for kind, write in (("node", writing.nodes_of), ("way", writing.ways_of), ("relation", writing.relation_of)):
            for element in _elements(path):
                write(kind, element)
    except (RuntimeError, TypeError, ValueError, OverflowError, KeyError) as error:
        raise UnreadableFile(
            f"An element is not as Overpass writes it: {said(error)}.", code="malformed-json", hint=AGAIN
        ) from error
    finally:
        writing.close()
    return open_extract(target, "Overpass JSON", wishes, folder)


def _elements(path: Path) -> Iterator[Json]:
    try:
        with path.open("rb") as file:
            if file.read(len(MARK)) != MARK:
                file.seek(0)
            for element in ijson.items(file, "elements.item", use_float=True):
                if not isinstance(element, dict):
                    raise UnreadableFile("An element is no object.", code="malformed-json", hint=AGAIN)
                yield element
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"The file is not JSON: {said(error)}.", code="malformed-json", hint=AGAIN) from error


def _refuse_unfinished(path: Path) -> None:
    """Overpass answers 200 with a remark when it ran out of time or memory half-way."""
    try:
        with path.open("rb") as file:
            remarks = list(ijson.items(file, "remark"))
    except (ijson.JSONError, UnicodeDecodeError) as error:
        raise UnreadableFile(f"The file is not JSON: {said(error)}.", code="malformed-json", hint=AGAIN) from error
    if any("error" in str(remark).lower() for remark in remarks):
        raise UnreadableFile(
            f"The answer is unfinished: {str(remarks[0])[:120]}", code="damaged-file", hint="Ask for less at a time."
        )


class _Writing:
    """Nodes, then ways, then relations; what comes twice is written once, the first time."""

    def __init__(self, target: Path) -> None:
        self._writer = osmium.SimpleWriter(str(target), overwrite=True)
        self._seen: dict[str, set[int]] = {"node": set(), "way": set(), "relation": set()}
        self._spots: dict[tuple[float, float], int] = {}
        self._made = 0

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()

    def nodes_of(self, kind: str, element: Json) -> None:
        """The node that an element is, or the nodes that its drawn shape goes through."""
        shape = element.get("geometry")
        if element.get("type") == kind:
            self._node(int(element["id"]), element["lon"], element["lat"], _tags(element))
        elif isinstance(element.get("center"), dict) and not shape and not element.get("nodes") and _tags(element):
            centre = {**_tags(element), CENTRE_OF: f"{element['type']}/{int(element['id'])}"}
            self._node(self._new(), element["center"]["lon"], element["center"]["lat"], centre)
        elif element.get("type") == "way" and isinstance(shape, list):
            numbers = element.get("nodes") or [None] * len(shape)
            for number, spot in zip(numbers, shape, strict=True):
                if spot is not None:
                    self._spot(spot, number)
        elif element.get("type") == "relation":
            for member in element.get("members") or ():
                for spot in member.get("geometry") or ():
                    if spot is not None:
                        self._spot(spot, None)

    def ways_of(self, kind: str, element: Json) -> None:
        """The way that an element is, or the ways that a relation draws."""
        if element.get("type") == kind:
            shape = element.get("geometry")
            nodes = element.get("nodes") or [self._at(spot) for spot in shape or () if spot is not None]
            self._way(int(element["id"]), [int(node) for node in nodes], _tags(element))
        elif element.get("type") == "relation":
            for member in element.get("members") or ():
                if member.get("type") == "way" and member.get("geometry"):
                    spots = [self._at(spot) for spot in member["geometry"] if spot is not None]
                    self._way(int(member["ref"]), spots, {})

    def relation_of(self, kind: str, element: Json) -> None:
        """A relation with its members."""
        number = int(element["id"])
        if element.get("type") != kind or number in self._seen[kind]:
            return
        self._seen[kind].add(number)
        members = [
            (_MEMBERS[member["type"]], int(member["ref"]), str(member.get("role") or ""))
            for member in element.get("members") or ()
        ]
        self._writer.add_relation(Relation(id=number, members=members, tags=_tags(element)))

    def _node(self, number: int, lon: Any, lat: Any, tags: dict[str, str]) -> None:
        if number in self._seen["node"]:
            return
        if not (-180 <= float(lon) <= 180 and -90 <= float(lat) <= 90):
            raise ValueError(f"node {number} lies outside the earth")
        self._seen["node"].add(number)
        self._writer.add_node(Node(id=number, location=(float(lon), float(lat)), tags=tags))

    def _way(self, number: int, nodes: list[int], tags: dict[str, str]) -> None:
        if number not in self._seen["way"] and nodes:
            self._seen["way"].add(number)
            self._writer.add_way(Way(id=number, nodes=nodes, tags=tags))

    def _new(self) -> int:
        """A number that no node of OpenStreetMap has."""
        self._made += 1
        return (1 << 50) + self._made

    def _spot(self, spot: Json, number: int | None) -> None:
        place = (float(spot["lon"]), float(spot["lat"]))
        if number is None:
            if place in self._spots:
                return
            number = self._new()
        self._spots.setdefault(place, int(number))
        self._node(int(number), *place, {})

    def _at(self, spot: Json) -> int:
        return self._spots[float(spot["lon"]), float(spot["lat"])]


def _tags(element: Json) -> dict[str, str]:
    tags = element.get("tags") or {}
    if not isinstance(tags, dict):
        raise TypeError("tags are no object")
    return {str(key): str(value) for key, value in tags.items()}
