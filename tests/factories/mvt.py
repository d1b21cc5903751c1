"""A reader of vector tiles (Mapbox Vector Tile 2.1), enough to see what a tile holds."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Feature:
    """Attributes, geometry type (1 point, 2 line, 3 polygon) and the positions of all its vertices in tile units."""

    properties: dict[str, Any]
    kind: int
    positions: list[tuple[int, int]]


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7


def _members(data: bytes) -> Iterator[tuple[int, Any]]:
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, wire = key >> 3, key & 7
        if wire == 0:
            value, at = _varint(data, at)
            yield number, value
        elif wire == 2:
            size, at = _varint(data, at)
            yield number, data[at : at + size]
            at += size
        elif wire == 5:
            yield number, struct.unpack("<f", data[at : at + 4])[0]
            at += 4
        else:
            yield number, struct.unpack("<d", data[at : at + 8])[0]
            at += 8


def _packed(data: bytes) -> list[int]:
    found, at = [], 0
    while at < len(data):
        value, at = _varint(data, at)
        found.append(value)
    return found


def _signed(value: int) -> int:
    return (value >> 1) ^ -(value & 1)


def _value(data: bytes) -> Any:
    ((number, value),) = _members(data)
    if number == 1:
        return value.decode()
    return _signed(value) if number == 6 else bool(value) if number == 7 else value


def _positions(commands: list[int]) -> list[tuple[int, int]]:
    found, x, y, at = [], 0, 0, 0
    while at < len(commands):
        command, count = commands[at] & 7, commands[at] >> 3
        at += 1
        if command == 7:
            continue
        for _ in range(count):
            x, y = x + _signed(commands[at]), y + _signed(commands[at + 1])
            at += 2
            found.append((x, y))
    return found


def read_tile(data: bytes) -> dict[str, list[Feature]]:
    """Features by layer; every layer must have 4096 units."""
    layers = {}
    for number, layer in _members(data):
        assert number == 3
        parts = list(_members(layer))
        keys = [value.decode() for key, value in parts if key == 3]
        values = [_value(value) for key, value in parts if key == 4]
        assert dict(parts)[5] == 4096
        features = []
        for raw in (value for key, value in parts if key == 2):
            feature = dict(_members(raw))
            tags = _packed(feature.get(2, b""))
            properties = {keys[tags[n]]: values[tags[n + 1]] for n in range(0, len(tags), 2)}
            features.append(Feature(properties, feature[3], _positions(_packed(feature[4]))))
        layers[dict(parts)[1].decode()] = features
    return layers
