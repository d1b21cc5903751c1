"""Shapefile, GeoPackage and FlatGeobuf through GDAL, which knows these three drivers and no other in this process.

GDAL answers many damaged files with fewer rows and no error, so counts and structure are checked by us as well.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Final

from app.imports.errors import UnreadableFile
from app.imports.reading.limits import ENVIRONMENT
from app.imports.reading.reference import Reference, reference_of, shapes_of
from app.imports.reading.refusing import damaged, said, unknown_layer, whole
from app.imports.reading.types import Opened, RawRow, SourceFacts, Wishes
from app.imports.types import RowFault
from geo.grid_shift import Datum

DRIVERS: Final = frozenset({"ESRI Shapefile", "GPKG", "FlatGeobuf"})
# GDAL asks for this when it is loaded. A VRT named a.geojson would read other files of this machine.
_SKIPPED: Final = (
    "ADBC AIVector AVCBin AVCE00 AmigoCloud CSV CSW Carto DGN DXF EDIGEO EEDA ESRIJSON Elasticsearch GDALG GML GPSBabel"
    " GPX GTFS GeoJSON GeoJSONSeq GeoRSS HTTP Idrisi JML JSONFG KML LIBKML LVBAG MBTiles MEM MVT MapML MiraMonVector"
    " NGW OAPIF ODS OGCAPI OGR_GMT OGR_PDS OGR_VRT OSM OpenFileGDB PCIDSK PDF PDS4 PGDUMP PLSCENES PMTiles S57 SQLite"
    " SXF Selafin TopoJSON VDV VFK VICAR WAsP WFS XLSX"
)
for _name, _value in {**ENVIRONMENT, "GDAL_SKIP": ",".join((*_SKIPPED.split(), "MapInfo File"))}.items():
    os.environ.setdefault(_name, _value)

import pyogrio  # noqa: E402 -- it reads the environment set above
from pyogrio.raw import open_arrow  # noqa: E402

# The first is about speed, the second about one value, which is then left out.
_HARMLESS: Final = ("organizePolygons() received", "Value of field", "Value '")
BATCH: Final = 2_000
Cell = Callable[[Any], Any]


def check_drivers() -> None:
    """Raises RuntimeError when GDAL knows a driver that it shouldn't: it was loaded before this file."""
    more = sorted(set(pyogrio.list_drivers()) - DRIVERS)
    if more:
        raise RuntimeError(f"GDAL knows {', '.join(more)}; only {', '.join(sorted(DRIVERS))} may be there")


def open_flatgeobuf(path: Path, wishes: Wishes, folder: Path) -> Opened:
    """A FlatGeobuf file, which holds one layer."""
    with _strictly():
        info = pyogrio.read_info(named(path, folder, "fgb"), force_feature_count=True)
    if wishes.layer not in (None, info["layer_name"]):
        raise unknown_layer(str(wishes.layer), [info["layer_name"]])
    return open_layer(named(path, folder, "fgb"), "FlatGeobuf", wishes, layer=None, declared=int(info["features"]))


def open_layer(
    path: Path,
    form: str,
    wishes: Wishes,
    *,
    layer: str | None,
    declared: int,
    where: str = "Nothing in the file",
    encoding: str = "UTF-8",
    text_of: Cell | None = None,
    remarks: tuple[str, ...] = (),
    shown_layer: str | None = None,
) -> Opened:
    """One layer of a file that GDAL reads, with as many rows as ``declared``.

    ``text_of`` turns what GDAL gives for a text (and a column's name) into the text; it may raise UnicodeDecodeError.
    """
    check_drivers()
    with _strictly():
        info = pyogrio.read_info(path, layer=layer)
    if info["geometry_type"] is None:
        raise UnreadableFile("The layer holds no shapes.", code="no-geometry", hint="Choose another one with layer.")
    reference = reference_of(info["crs"], wishes.crs, where)
    text = text_of or _as_is
    try:
        columns = tuple(text(str(name)) for name in info["fields"])
    except UnicodeDecodeError as error:
        raise UnreadableFile(
            "Names of columns can't be read.", code="wrong-encoding", hint="Declare encoding."
        ) from error
    facts = SourceFacts(
        form,
        encoding=encoding,
        crs=reference.name,
        datum=wishes.datum or Datum.WGS84,
        layer=shown_layer or layer or str(info["layer_name"]),
        declared=declared,
        columns=columns,
        remarks=remarks,
    )
    state = [0]
    return Opened(
        facts,
        lambda: _rows(path, layer, columns, reference, text_of, state),
        done=lambda: (state[0], declared, "rows"),
    )


def _rows(
    path: Path,
    layer: str | None,
    columns: tuple[str, ...],
    reference: Reference,
    text_of: Cell | None,
    state: list[int],
) -> Iterator[RawRow | RowFault]:
    with closing(_batches(path, layer, text_of is not None)) as batches:
        for wkb, cells in batches:
            shapes, faults = reference.degrees(shapes_of(wkb))
            for index in range(len(wkb)):
                state[0] += 1
                if index in faults:
                    yield RowFault(state[0], None, faults[index])
                elif wkb[index] is not None and shapes[index] is None:
                    yield RowFault(state[0], None, "invalid-geometry: the shape can't be read")
                else:
                    given = {name: column[index] for name, column in zip(columns, cells, strict=True)}
                    yield _row(state[0], shapes[index], given, text_of)


def _batches(path: Path, layer: str | None, raw_text: bool) -> Generator[tuple[list[Any], list[list[Any]]]]:
    """Well-known binary and the columns' cells, some thousand rows at a time."""
    options = {"encoding": "ISO-8859-1"} if raw_text else {}
    with ExitStack() as stack:
        with _strictly():
            stream = open_arrow(path, layer=layer, batch_size=BATCH, use_pyarrow=True, **options)
            meta, reader = stack.enter_context(stream)
        fields, geometry = [str(name) for name in meta["fields"]], meta["geometry_name"] or "wkb_geometry"
        while True:
            with _strictly():
                batch = next(reader, None)
                if batch is None:
                    return
                wkb = batch.column(batch.schema.get_field_index(geometry)).to_pylist()
                cells = [_cells(batch.column(batch.schema.get_field_index(name))) for name in fields]
            yield wkb, cells


def _row(number: int, shape: Any, given: dict[str, Any], text_of: Cell | None) -> RawRow | RowFault:
    if text_of is not None:
        for name, value in given.items():
            if isinstance(value, str):
                try:
                    given[name] = text_of(value)
                except UnicodeDecodeError:
                    return RowFault(number, None, f"damaged-text: {name[:40]} can't be read in the file's encoding")
    return RawRow(number, shape, given)


def _cells(column: Any) -> list[Any]:
    """Python's values of a column; times as text, bytes left out."""
    cells: list[Any] = column.to_pylist()
    first = next((cell for cell in cells if cell is not None), None)
    if isinstance(first, bytes):
        return [None] * len(cells)
    if isinstance(first, datetime | date | time):
        return [None if cell is None else cell.isoformat() for cell in cells]
    return cells


def _as_is(value: Any) -> Any:
    return value


def named(path: Path, folder: Path, ending: str) -> Path:
    """A link in our folder with the ending that the driver goes by: the file itself has a name of its own."""
    link = folder / f"layer.{ending}"
    if not link.exists():
        link.symlink_to(path)
    return link


@contextmanager
def _strictly() -> Iterator[None]:
    """Every word of GDAL against a file is an error, save for those about speed or a single value.

    Its warnings arrive in a callback where an exception would be lost, so they are gathered and looked at afterwards.
    """
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        with whole("The file"):
            yield
    words = [said(warning.message) for warning in told if issubclass(warning.category, RuntimeWarning | UserWarning)]
    grave = [word for word in words if not word.startswith(_HARMLESS)]
    if grave:
        raise damaged(f"The file is not sound: {grave[0]}.")
