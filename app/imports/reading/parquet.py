"""GeoParquet, and plain Parquet with columns for longitude and latitude, some thousand rows at a time.

A forged file of a kilobyte can ask for gigabytes: the sizes it states are held against the file's before it is read.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely
from shapely.errors import ShapelyError

from app.imports.errors import UnreadableFile
from app.imports.reading.reference import CRS84, DEGREES, Reference, reference_of, shapes_of
from app.imports.reading.refusing import AGAIN, whole
from app.imports.reading.types import Ceilings, Opened, RawRow, SourceFacts, Wishes
from app.imports.types import RowFault
from geo.grid_shift import Datum

MAGIC: Final = b"PAR1"
BATCH: Final = 2_000
_MAX_COLUMNS: Final = 2_000
_MAX_GROUP: Final = 700_000_000
_NESTED: Final = frozenset({"point", "polygon", "multipolygon", "linestring", "multilinestring", "multipoint"})
Geo = Mapping[str, Any]


def open_parquet(path: Path, wishes: Wishes, folder: Path) -> Opened:
    """The file's one table."""
    del folder
    with whole("The Parquet file"):
        file = pq.ParquetFile(path, memory_map=False, pre_buffer=False)
        _check_sizes(file.metadata, path.stat().st_size, Ceilings())
        schema = file.schema_arrow
        names = tuple(schema.names)
    if len(set(names)) != len(names):
        raise UnreadableFile("Two columns have one name.", code="damaged-file", hint=AGAIN)
    name, geo = _geometry(schema)
    if geo is None:
        reference = DEGREES
    elif "crs" in geo and geo["crs"] is None:
        reference = reference_of(
            None, wishes.crs, "The geometry column says that its reference system is not known, so nothing"
        )
    else:
        reference = reference_of(_crs_text(geo.get("crs", CRS84)), wishes.crs, "The geometry column")
    facts = SourceFacts(
        "GeoParquet",
        encoding="UTF-8",
        crs=reference.name if name else None,
        datum=wishes.datum or Datum.WGS84,
        declared=file.metadata.num_rows,
        columns=tuple(each for each in names if each != name),
    )
    state = [0]
    return Opened(
        facts,
        lambda: _rows(file, name, reference, state),
        done=lambda: (state[0], facts.declared, "rows"),
        close=file.close,
    )


def _check_sizes(metadata: Any, size: int, ceilings: Ceilings) -> None:
    if metadata.num_columns > _MAX_COLUMNS:
        raise UnreadableFile(f"The file has more than {_MAX_COLUMNS:,} columns.", code="damaged-file")
    total = 0
    for index in range(metadata.num_row_groups):
        group = metadata.row_group(index)
        packed = 0
        for number in range(group.num_columns):
            column = group.column(number)
            if column.total_compressed_size < 0 or column.total_uncompressed_size < 0:
                raise UnreadableFile("The file states sizes that can't be.", code="damaged-file", hint=AGAIN)
            packed += column.total_compressed_size
        if packed > size or group.num_rows < 0:
            raise UnreadableFile("The file states more bytes than it has.", code="damaged-file", hint=AGAIN)
        if group.total_byte_size > _MAX_GROUP:
            raise UnreadableFile(
                "A row group is larger than can be read at once.",
                code="unpacks-too-large",
                hint="Write it with smaller row groups, for example 50,000 rows.",
            )
        total += group.total_byte_size
    if total > min(ceilings.unpacked_bytes, max(ceilings.free_bytes, size * 50)):
        raise UnreadableFile("Unpacked, the file is far larger than itself.", code="unpacks-too-large")


def _geometry(schema: pa.Schema) -> tuple[str | None, Geo | None]:
    """The column of shapes and what GeoParquet says of it."""
    stated = (schema.metadata or {}).get(b"geo")
    if stated is not None:
        try:
            meta = json.loads(stated)
            name = str(meta["primary_column"])
            geo = meta["columns"][name]
            encoding = str(geo["encoding"]).lower()
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise UnreadableFile(
                "What the file says of its shapes can't be read.", code="damaged-file", hint=AGAIN
            ) from error
        if name not in schema.names or encoding not in {"wkb", *_NESTED}:
            raise UnreadableFile(
                f"The column of shapes is in {encoding[:30]!r}.", code="unsupported-encoding", hint="Write it as WKB."
            )
        if geo.get("edges") == "spherical":
            raise UnreadableFile(
                "The shapes have edges along great circles.", code="unsupported-encoding", hint="Write planar edges."
            )
        return name, {**geo, "encoding": encoding}
    for name in ("geometry", "geom", "wkb_geometry"):
        if name in schema.names and pa.types.is_binary(_storage(schema.field(name).type)):
            return name, {"encoding": "wkb", "crs": CRS84 if _is_overture(schema) else None}
    return None, None


def _is_overture(schema: pa.Schema) -> bool:
    """Their releases, and Foursquare's, are in longitude and latitude, with or without the metadata."""
    return {"id", "names", "bbox"} <= set(schema.names) or "fsq_place_id" in schema.names


def _storage(kind: Any) -> Any:
    return kind.storage_type if isinstance(kind, pa.BaseExtensionType) else kind


def _crs_text(crs: Any) -> str:
    """PROJJSON or a name as text that PROJ reads."""
    if isinstance(crs, Mapping):
        identity = crs.get("id")
        if isinstance(identity, Mapping) and identity.get("authority") and identity.get("code") is not None:
            return f"{identity['authority']}:{identity['code']}"
        return json.dumps(crs)
    return str(crs)


def _rows(
    file: pq.ParquetFile, name: str | None, reference: Reference, state: list[int]
) -> Iterator[RawRow | RowFault]:
    with whole("The Parquet file"):
        batches = file.iter_batches(batch_size=BATCH, use_threads=False)
    while True:
        with whole("The Parquet file"):
            batch = next(batches, None)
            if batch is None:
                return
            columns = {
                each: _cells(batch.column(index)) for index, each in enumerate(batch.schema.names) if each != name
            }
            given = None if name is None else batch.column(batch.schema.get_field_index(name))
            shapes = None if given is None else _shapes(given)
        moved, faults = (None, {}) if shapes is None else reference.degrees(shapes)
        for index in range(batch.num_rows):
            state[0] += 1
            if index in faults:
                yield RowFault(state[0], None, faults[index])
            elif moved is not None and given is not None and moved[index] is None and given[index].is_valid:
                yield RowFault(state[0], None, "invalid-geometry: the shape can't be read")
            else:
                properties = {each: cells[index] for each, cells in columns.items()}
                yield RawRow(state[0], None if moved is None else moved[index], properties)


def _cells(column: Any) -> list[Any]:
    cells: list[Any] = column.to_pylist()
    return [
        None if isinstance(cell, bytes) else cell.isoformat() if hasattr(cell, "isoformat") else cell for cell in cells
    ]


def _shapes(column: Any) -> Any:
    column = column.storage if isinstance(column, pa.ExtensionArray) else column
    if pa.types.is_binary(column.type) or pa.types.is_large_binary(column.type):
        return shapes_of(column.to_pylist())
    return np.array([_nested(cell) for cell in column.to_pylist()] + [None], dtype=object)[:-1]


def _nested(cell: Any) -> Any:
    """A shape from GeoArrow's lists of x and y."""

    def positions(value: Any) -> Any:
        if isinstance(value, Mapping):
            return [value["x"], value["y"]]
        return [positions(each) for each in value]

    if cell is None:
        return None
    try:
        found = positions(cell)
        depth, level = 0, found
        while isinstance(level, list) and level:
            depth, level = depth + 1, level[0]
        kind = {1: "Point", 2: "LineString", 3: "Polygon", 4: "MultiPolygon"}[depth]
        return shapely.from_geojson(json.dumps({"type": kind, "coordinates": found}))
    except (KeyError, TypeError, ValueError, ShapelyError):
        return None
