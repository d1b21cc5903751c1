"""GeoPackage: looked over as a plain database first, since a view in it can run for ever and a table can be a door."""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from time import monotonic
from typing import Final

from app.imports.errors import UnreadableFile, UnsupportedFormat
from app.imports.reading.refusing import damaged, said, several, unknown_layer
from app.imports.reading.types import Opened, Wishes
from app.imports.reading.vectors import named, open_layer

MAGIC: Final = b"SQLite format 3\0"
_SECONDS: Final = 20.0
_MODULES: Final = ("rtree", "fts3", "fts4", "fts5")


def open_geopackage(path: Path, wishes: Wishes, folder: Path) -> Opened:
    """The one layer with shapes, or the one that is wished for."""
    _check_size(path)
    with _database(path) as base:
        objects = _objects(base)
        if objects.get("gpkg_contents") != "table":
            raise UnsupportedFormat("The file is a database, but no GeoPackage.", hint="Send a GeoPackage.")
        layers = [
            str(row[0])
            for row in base.execute(
                "SELECT table_name FROM gpkg_contents WHERE data_type = 'features' ORDER BY 1 LIMIT 1000"
            )
        ]
        layer = _chosen(layers, wishes.layer)
        _check_plain(base, objects, layer)
        quoted = layer.replace('"', '""')
        declared = int(base.execute(f'SELECT count(*) FROM "{quoted}"').fetchone()[0])
        stated = _stated_count(base, objects, layer)
    if stated is not None and stated != declared:
        raise damaged(f"The layer says it holds {stated:,} rows, but it holds {declared:,}.")
    return open_layer(named(path, folder, "gpkg"), "GeoPackage", wishes, layer=layer, declared=declared)


def _chosen(layers: list[str], wished: str | None) -> str:
    if wished is not None and wished not in layers:
        raise unknown_layer(wished, layers)
    if wished is None and len(layers) > 1:
        raise several("layers", layers)
    if not layers:
        raise UnreadableFile("The GeoPackage holds no layer with shapes.", code="no-geometry")
    return wished or layers[0]


def _check_size(path: Path) -> None:
    """A database that knows its size has to have it."""
    with path.open("rb") as file:
        head = file.read(100)
    if len(head) < 100:
        raise damaged("The GeoPackage is cut short.")
    page = struct.unpack(">H", head[16:18])[0]
    page = 65_536 if page == 1 else page
    pages, changed, checked = struct.unpack(">I", head[28:32])[0], head[24:28], head[92:96]
    if pages and changed == checked and pages * page != path.stat().st_size:
        raise damaged("The GeoPackage is longer or shorter than it says.")


@contextmanager
def _database(path: Path) -> Iterator[sqlite3.Connection]:
    """The file, not to be written to, with a limit on how long a statement may run."""
    until = monotonic() + _SECONDS
    uri = f"{path.resolve().as_uri()}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as base:
            base.set_progress_handler(lambda: int(monotonic() > until), 10_000)
            base.execute("PRAGMA trusted_schema = OFF")
            base.execute("PRAGMA query_only = ON")
            base.execute("PRAGMA cell_size_check = ON")
            yield base
    except (sqlite3.Error, UnicodeDecodeError, OverflowError) as error:
        raise damaged(f"The GeoPackage can't be read: {said(error)}.") from error


def _objects(base: sqlite3.Connection) -> dict[str, str]:
    """Name and kind of what the database holds; refuses tables that are made of programs."""
    found = {}
    for kind, name, sql in base.execute("SELECT type, name, sql FROM sqlite_master LIMIT 20000"):
        words = " ".join(str(sql or "").split()).lower()
        if words.startswith("create virtual table"):
            module = words.partition(" using ")[2].partition("(")[0].strip(' "`[]')
            if module not in _MODULES:
                raise _refused(f"the virtual table {str(name)[:60]!r}")
        if kind in ("table", "view"):
            found[str(name).lower()] = str(kind)
    return found


def _check_plain(base: sqlite3.Connection, objects: dict[str, str], layer: str) -> None:
    """GDAL reads the layer and the register tables: each of them has to be a table of stored values."""
    read = [name for name in objects if name.startswith(("gpkg_", "rtree_"))]
    for name in [layer.lower(), *read]:
        if objects.get(name) != "table":
            raise _refused(f"the view {name[:60]!r}" if name in objects else f"a layer {name[:60]!r} without a table")
    quoted = layer.replace('"', '""')
    if any(row[6] > 1 for row in base.execute(f'PRAGMA table_xinfo("{quoted}")')):
        raise _refused(f"computed columns in {layer[:60]!r}")


def _stated_count(base: sqlite3.Connection, objects: dict[str, str], layer: str) -> int | None:
    if objects.get("gpkg_ogr_contents") != "table":
        return None
    row = base.execute(
        "SELECT feature_count FROM gpkg_ogr_contents WHERE lower(table_name) = lower(?)", (layer,)
    ).fetchone()
    return int(row[0]) if row and isinstance(row[0], int) else None


def _refused(what: str) -> UnreadableFile:
    return UnreadableFile(
        f"The GeoPackage holds {what}, which could run for ever.",
        code="unsafe-database",
        hint="Save the layer as a plain table into a new GeoPackage.",
    )
