"""What a zip file holds: one file of some form, one Shapefile set, or bare shapes that are named by their codes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import orjson

from app.imports.errors import UnreadableFile, UnsupportedFormat
from app.imports.reading.archives import Archive, Member
from app.imports.reading.reference import CRS84
from app.imports.reading.refusing import several, unknown_layer
from app.imports.reading.sniffing import GEOMETRIES, unsupported
from app.imports.reading.types import Opened, RawRow, SourceFacts, Wishes
from app.imports.types import RowFault
from geo.grid_shift import Datum

PARTS: Final = ("shp", "shx", "dbf", "prj", "cpg")
_DATA: Final = frozenset(
    [
        "json",
        "geojson",
        "geojsonl",
        "geojsons",
        "geojsonseq",
        "ndjson",
        "jsonl",
        "csv",
        "tsv",
        "txt",
        "gpkg",
        "fgb",
        "parquet",
        "geoparquet",
        "pbf",
    ]
)
_BESIDES: Final = frozenset(["txt", "md", "html", "htm", "pdf", "xml", "qmd", "qpj", "lyr", "sld", "yaml", "yml"])
_MAX_SHAPE_BYTES: Final = 64_000_000


@dataclass(frozen=True, slots=True)
class Single:
    """One file out of the archive, to be looked at like any other."""

    path: Path
    name: str


@dataclass(frozen=True, slots=True)
class ShapefileSet:
    """The parts of a Shapefile, under one stem of ours."""

    folder: Path
    stem: str
    name: str


def unpacked(archive: Archive, wishes: Wishes, folder: Path) -> Single | ShapefileSet | Opened:
    """What to read of an archive; only that is written to disk."""
    members = archive.members
    _refuse_documents(members)
    sets = {member.name.rpartition(".")[0]: member for member in members if member.ending == "shp"}
    data = [member for member in members if member.ending in _DATA]
    if wishes.layer is not None:
        return _wished(archive, sets, data, wishes, folder)
    if sets:
        if len(sets) > 1:
            raise several("Shapefiles", sets)
        return _set(archive, next(iter(sets)), folder)
    plain = [member for member in data if member.ending not in _BESIDES] or data
    if len(plain) == 1:
        return Single(archive.unpack(plain[0], folder / "member"), plain[0].name)
    if not plain:
        endings = ", ".join(sorted({member.ending[:10] for member in members})[:10])
        raise UnsupportedFormat(f"The archive holds nothing that is read, only: {endings or 'no files'}.")
    if all(member.ending in ("json", "geojson") for member in plain):
        return _shapes(archive, plain, wishes, folder)
    raise several("files", [member.name for member in plain])


def _refuse_documents(members: list[Member]) -> None:
    names = {member.name for member in members}
    if "[Content_Types].xml" in names:
        raise unsupported("an office document or workbook")
    if any(member.ending == "kml" for member in members):
        raise unsupported("KML")
    if any(name.lower().endswith((".gdb/gdb", ".gdbtable")) for name in names):
        raise unsupported("an Esri geodatabase")


def _wished(
    archive: Archive, sets: dict[str, Member], data: list[Member], wishes: Wishes, folder: Path
) -> Single | ShapefileSet:
    for name in sets:
        if wishes.layer in (name, f"{name}.shp", name.rpartition("/")[2]):
            return _set(archive, name, folder)
    for member in data:
        if wishes.layer in (member.name, member.stem):
            return Single(archive.unpack(member, folder / "member"), member.name)
    plain = [member for member in data if member.ending not in _BESIDES] or data
    if len(plain) == 1 and not sets:
        # The layer of the one file inside, a GeoPackage perhaps.
        return Single(archive.unpack(plain[0], folder / "member"), plain[0].name)
    raise unknown_layer(str(wishes.layer), [*sets, *(member.name for member in data)])


def _set(archive: Archive, name: str, folder: Path) -> ShapefileSet:
    for part in PARTS:
        for member in archive.members:
            if member.name.rpartition(".")[0] == name and member.ending == part:
                archive.unpack(member, folder / f"layer.{part}")
    return ShapefileSet(folder, "layer", name.rpartition("/")[2])


def _shapes(archive: Archive, members: list[Member], wishes: Wishes, folder: Path) -> Opened:
    """Bare shapes, or single features, one a file: the file's name is the shape's code."""
    ordered = sorted(members, key=lambda member: member.name)
    facts = SourceFacts(
        "GeoJSON geometries",
        encoding="UTF-8",
        crs=CRS84,
        datum=wishes.datum or Datum.WGS84,
        declared=len(ordered),
        remarks=(
            f"{len(ordered)} files with a shape each; a file's name is the column file_name and stands for its code",
        ),
    )
    state, stems = [0], {member.stem for member in ordered}

    def rows() -> Iterator[RawRow | RowFault]:
        for number, member in enumerate(ordered, 1):
            state[0] = number
            row = _shape(number, member, archive, folder)
            city = f"{member.stem[:4]}00"
            if isinstance(row, RawRow) and member.stem != city and city in stems and len(member.stem) == 6:
                # Codes of GB/T 2260: the first four digits are the city's.
                row = replace(row, properties={"parent_code": city, **row.properties})
            yield row

    return Opened(facts, rows, done=lambda: (state[0], len(ordered), "rows"))


def _shape(number: int, member: Member, archive: Archive, folder: Path) -> RawRow | RowFault:
    path = archive.unpack(member, folder / "shape")
    if path.stat().st_size > _MAX_SHAPE_BYTES:
        return RowFault(number, member.stem, "geometry-too-large: the file is larger than a shape may be")
    try:
        value: Any = orjson.loads(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError:
        return RowFault(number, member.stem, f"not JSON: {member.name[:80]}")
    kind = value.get("type") if isinstance(value, dict) else None
    if kind == "FeatureCollection":
        raise UnreadableFile(
            f"The archive holds several files, and {member.name[:80]!r} is a whole collection.",
            code="several-layers",
            hint="Say with layer which file to read.",
        )
    properties = value.get("properties") if kind == "Feature" else {}
    shape = value.get("geometry") if kind == "Feature" else value
    if kind not in (*GEOMETRIES, "Feature") or not isinstance(properties, dict | None):
        return RowFault(number, member.stem, f"no GeoJSON shape: {member.name[:80]}")
    return RawRow(number, shape, {"file_name": member.stem, **(properties or {})})
