"""Hostile archives, Shapefiles, databases, column files and extracts."""

from __future__ import annotations

import io
import json
import sqlite3
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import shapely

from app.imports.reading import vectors
from tests.app.imports.reading.opening import DATA, members_of

SHAPEFILE: Final = DATA / "berlin_boroughs_shp.zip"
MAPPING: Final = {"kind": "=borough", "admin_level": "=9"}
ENDLESS: Final = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i AS fid, NULL AS geom FROM n"
_PLACES: Final = json.dumps({"type": "FeatureCollection", "features": []}).encode()


def _case(name: str, content: bytes, *codes: str, **more: Any) -> Any:
    from tests.app.imports.reading.hostile import Case

    return Case(name, content, frozenset(codes), **more)


def _areas(name: str, content: bytes, *codes: str, **more: Any) -> Any:
    return _case(name, content, *codes, kind="regions", wished={"mapping": MAPPING}, **more)


def packed(*entries: tuple[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in entries:
            archive.writestr(name, content, compress_type=method)
    return buffer.getvalue()


def _linked(mode: int) -> bytes:
    info = zipfile.ZipInfo("a.geojson")
    info.create_system, info.external_attr = 3, mode << 16
    return packed((info, b"/etc/passwd"))


def overlapping(times: int = 500) -> bytes:
    """Many names for the same packed bytes (CVE-2024-0450)."""
    content = b" " * 1_000_000
    inside = zlib.compress(content)[2:-4]
    body = struct.pack("<4s5H3I2H", b"PK\3\4", 20, 0, 8, 0, 0, zlib.crc32(content), len(inside), len(content), 1, 0)
    body += b"a" + inside
    facts = (0, 8, 0, 0, zlib.crc32(content), len(inside), len(content), 1)
    pointer = struct.pack("<4s6H3I5H2I", b"PK\1\2", 20, 20, *facts, 0, 0, 0, 0, 0, 0)
    directory = b"".join(pointer + bytes([97 + number % 26]) for number in range(times))
    return body + directory + struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, times, times, len(directory), len(body), 0)


def _patched(content: bytes, at: int, value: bytes) -> bytes:
    return content[:at] + value + content[at + len(value) :]


def archives() -> Iterator[Any]:
    """Zip files."""
    good = packed(("a.geojson", _PLACES))
    directory = good.rindex(b"PK\1\2")
    encrypted = _patched(_patched(good, 6, bytes([good[6] | 1])), directory + 8, bytes([good[directory + 8] | 1]))
    yield _case("zip: cut short", good[:-15], "damaged-archive")
    yield _case("zip: cut in the middle", good[: len(good) // 2], "damaged-archive")
    yield _case("zip: encrypted", encrypted, "encrypted-archive")
    yield _case("zip: within a zip", packed(("a.geojson", good)), "nested-archive")
    yield _case("zip: bomb", packed(("a.geojson", b" " * 60_000_000)), "unpacks-too-large")
    yield _case("zip: overlapping", overlapping(), "unsafe-archive")
    yield _case("zip: path upwards", packed(("../../tmp/a.geojson", _PLACES)), "unsafe-archive")
    yield _case("zip: absolute path", packed(("/tmp/a.geojson", _PLACES)), "unsafe-archive")
    yield _case("zip: drive", packed(("C:a.geojson", _PLACES)), "unsafe-archive")
    yield _case("zip: backslashes", packed(("..\\a.geojson", _PLACES)), "unsafe-archive", "damaged-archive")
    yield _case("zip: link", _linked(0o120777), "unsafe-archive")
    yield _case("zip: device", _linked(0o060666), "unsafe-archive")
    yield _case("zip: too many files", packed(*((f"{n}.txt", b"") for n in range(1_200))), "too-many-members")
    yield _case("zip: one name twice", packed(("a.geojson", _PLACES), ("A.GEOJSON", _PLACES)), "unsafe-archive")
    yield _case("zip: something before", b"PK\3\4" + b"\0" * 100 + good, "unsafe-archive", "damaged-archive")
    yield _case("zip: wrong checksum", _patched(good, directory + 16, b"\0\0\0\0"), "damaged-archive")
    yield _case("zip: wrong size", _patched(good, directory + 24, struct.pack("<I", 3)), "damaged-archive")
    yield _case("zip: size of gigabytes", _patched(good, directory + 24, b"\xff\xff\xff\x7f"), "damaged-archive")
    yield _case("zip: another name inside", good.replace(b"a.geojson", b"b.geojson", 1), "damaged-archive")
    yield _case("zip: bzip2 inside", packed(("a.geojson", _PLACES), method=zipfile.ZIP_BZIP2), "unsafe-archive")
    yield _case("zip: nothing inside", packed(), "unsupported-format")
    yield _case("zip: workbook", packed(("[Content_Types].xml", b"<x/>"), ("xl/a.xml", b"<x/>")), "unsupported-format")
    yield _case("zip: KMZ", packed(("doc.kml", b"<kml/>")), "unsupported-format")
    yield _case("zip: two files", packed(("a.csv", b"x"), ("b.csv", b"y")), "several-layers")
    yield _case("zip: VRT inside", packed(("a.geojson", b"<OGRVRTDataSource/>")), "unsupported-format")


def _set(**changes: bytes | None) -> bytes:
    """The boroughs' Shapefile with parts changed; None leaves one out."""
    members = {name.rpartition(".")[2]: content for name, content in members_of(SHAPEFILE).items()}
    members |= {part: content for part, content in changes.items() if content is not None}
    return packed(*((f"s.{part}", content) for part, content in members.items() if changes.get(part, b"") is not None))


def changed_set(chance: Any, how: Callable[[Any, bytearray], None]) -> bytearray:
    """The boroughs' Shapefile with one part changed and packed anew, so that the change is what is read."""
    parts = {name.rpartition(".")[2]: content for name, content in members_of(SHAPEFILE).items()}
    part = chance.choice(sorted(parts))
    changed = bytearray(parts[part])
    how(chance, changed)
    return bytearray(_set(**{part: bytes(changed)}))


def shapefiles() -> Iterator[Any]:
    """Sets whose parts lie."""
    parts = {name.rpartition(".")[2]: content for name, content in members_of(SHAPEFILE).items()}
    yield _areas("shp: cut short", _set(shp=parts["shp"][:-500]), "damaged-file")
    yield _areas("shp: index cut short", _set(shx=parts["shx"][:-4]), "damaged-file")
    yield _areas(
        "shp: index points outside", _set(shx=_patched(parts["shx"], 100, b"\x7f\xff\xff\x00")), "damaged-file"
    )
    yield _areas(
        "shp: index points inside a record", _set(shx=_patched(parts["shx"], 100, b"\0\0\0\x40")), "damaged-file"
    )
    yield _areas("shp: table cut short", _set(dbf=parts["dbf"][:-100]), "damaged-file")
    yield _areas("shp: forged rows", _set(dbf=_patched(parts["dbf"], 4, b"\xff\xff\xff\x7f")), "damaged-file")
    yield _areas("shp: forged width", _set(dbf=_patched(parts["dbf"], 10, b"\xff\xff")), "damaged-file")
    yield _areas("shp: no table", _set(dbf=None), "incomplete-shapefile")
    yield _areas("shp: no index", _set(shx=None), "incomplete-shapefile")
    yield _areas("shp: no system", _set(prj=None), "missing-crs")
    yield _areas("shp: garbled system", _set(prj=b'PROJCS["?"]'), "unknown-crs", "missing-crs", "damaged-file")
    yield _areas(
        "shp: system of the moon",
        _set(
            prj=b'GEOGCS["GCS_Moon_2000",DATUM["D_Moon_2000",SPHEROID["Moon_2000_IAU_IAG",1737400.0,0.0]],PRIMEM["Reference_Meridian",0.0],UNIT["Degree",0.0174532925199433]]'
        ),
        "unknown-crs",
        "damaged-file",
    )
    # GDAL gives no shape for such a record; the row is refused for want of one.
    for name, at in (("points", 148), ("parts", 144)):
        forged = _set(shp=_patched(parts["shp"], at, b"\xff\xff\xff\x7f"))
        yield _areas(f"shp: forged {name}", forged, rows=3, faults=1)
    yield _areas("shp: one part alone", parts["shp"], "incomplete-shapefile")
    yield _areas("shp: two sets", packed(("a.shp", b""), ("b.shp", b"")), "several-layers")


def _written(path: Path, driver: str, layer: str = "b") -> Path:
    members = json.loads((DATA / "berlin_boroughs.geojson").read_text("utf-8"))["features"]
    shapes = [shapely.geometry.shape(member["geometry"]) for member in members]
    names = np.array([member["properties"]["name"] for member in members], dtype=object)
    path.unlink(missing_ok=True)
    vectors.pyogrio.raw.write(
        path, shapely.to_wkb(shapes), [names, np.array(["1", "2", "3"], dtype=object)], ["name", "code"],
        geometry_type="MultiPolygon", crs="EPSG:4326", driver=driver, layer=layer,
    )  # fmt: skip
    return path


def geopackage(folder: Path) -> bytes:
    """The boroughs."""
    return _written(folder / "good.gpkg", "GPKG").read_bytes()


def flatgeobuf(folder: Path) -> bytes:
    """The boroughs."""
    return _written(folder / "good.fgb", "FlatGeobuf").read_bytes()


def _database(folder: Path, *statements: str) -> bytes:
    path = _written(folder / "changed.gpkg", "GPKG")
    base = sqlite3.connect(path)
    for statement in statements:
        base.execute(statement)
    base.commit()
    base.close()
    return path.read_bytes()


def databases(folder: Path) -> Iterator[Any]:
    """GeoPackages and what only begins like one."""
    good = geopackage(folder)
    renamed = "ALTER TABLE b RENAME TO was"
    yield _areas("gpkg: cut short", good[: len(good) * 2 // 3], "damaged-file")
    yield _areas("gpkg: only a header", good[:100], "damaged-file")
    yield _areas("gpkg: only the magic", good[:16] + b"\0" * 4_000, "damaged-file")
    yield _areas("gpkg: endless view", _database(folder, renamed, f"CREATE VIEW b AS {ENDLESS}"), "unsafe-database")
    yield _areas(
        "gpkg: endless register",
        _database(folder, "DROP TABLE gpkg_ogr_contents", f"CREATE VIEW gpkg_ogr_contents AS {ENDLESS}"),
        "unsafe-database",
    )
    yield _areas(
        "gpkg: endless list of layers",
        _database(folder, "ALTER TABLE gpkg_contents RENAME TO was", f"CREATE VIEW gpkg_contents AS {ENDLESS}"),
        "unsupported-format",
        "damaged-file",
    )
    yield _areas(
        "gpkg: computed column",
        _database(folder, "ALTER TABLE b ADD COLUMN c TEXT GENERATED ALWAYS AS (hex(zeroblob(99999999))) VIRTUAL"),
        "unsafe-database",
    )
    yield _areas(
        "gpkg: forged count",
        _database(folder, "UPDATE gpkg_ogr_contents SET feature_count = 2000000000"),
        "damaged-file",
    )
    yield _areas(
        "gpkg: unknown system",
        _database(
            folder, "UPDATE gpkg_geometry_columns SET srs_id = 777777", "UPDATE gpkg_contents SET srs_id = 777777"
        ),
        "missing-crs",
        "damaged-file",
        "unknown-crs",
    )
    yield _areas(
        "gpkg: no system",
        _database(folder, "UPDATE gpkg_geometry_columns SET srs_id = -1", "UPDATE gpkg_contents SET srs_id = -1"),
        "missing-crs",
        "unknown-crs",
        "damaged-file",
    )
    yield _areas(
        "gpkg: a layer that is not there",
        _database(folder, "UPDATE gpkg_contents SET table_name = 'nowhere'"),
        "damaged-file",
        "unsafe-database",
    )
    path = folder / "plain.sqlite"
    path.unlink(missing_ok=True)
    base = sqlite3.connect(path)
    base.execute("CREATE TABLE a (b)")
    base.commit()
    base.close()
    yield _areas("gpkg: another database", path.read_bytes(), "unsupported-format")
    fgb = flatgeobuf(folder)
    yield _areas("fgb: cut short", fgb[: len(fgb) // 2], "damaged-file", "count-differs")
    yield _areas("fgb: only the magic", fgb[:8] + b"\xff" * 200, "damaged-file")
    yield _areas("fgb: forged header size", _patched(fgb, 8, b"\xff\xff\xff\x7f"), "damaged-file")


def parquet(folder: Path) -> bytes:
    """Five places."""
    return _parquet(folder, {"encoding": "WKB", "geometry_types": []})


def _parquet(folder: Path, geo: dict[str, Any], raw: bytes | None = None) -> bytes:
    shapes = [shapely.to_wkb(shapely.Point(13.0 + number / 10, 52.0)) for number in range(5)]
    made = pa.table({"id": list("abcde"), "name": list("vwxyz"), "geometry": shapes})
    stated = {"version": "1.1.0", "primary_column": "geometry", "columns": {"geometry": geo}}
    made = made.replace_schema_metadata({"geo": raw if raw is not None else json.dumps(stated)})
    path = folder / "made.parquet"
    pq.write_table(made, path, compression="none", use_dictionary=False)
    return path.read_bytes()


def columnar(folder: Path) -> Iterator[Any]:
    """Parquet files."""
    good = parquet(folder)
    footer = len(good) - 8 - struct.unpack("<I", good[-8:-4])[0]
    rows = good[:footer] + good[footer:].replace(b"\x16\x0a", b"\x16\x7e")
    page = 4
    # The first page says that it unpacks to two gigabytes.
    kind, rest = good[page : page + 3], good[page + 3 :]
    skipped = next(number for number, byte in enumerate(rest) if byte < 0x80) + 1
    huge = good[:page] + kind + b"\xfe\xff\xff\xff\x0f" + rest[skipped:]
    yield _case("parquet: cut short", good[:-40], "damaged-file")
    yield _case("parquet: only the magic", b"PAR1" * 3, "damaged-file")
    yield _case("parquet: forged rows", rows, "damaged-file", "count-differs")
    yield _case("parquet: forged page", huge, "damaged-file", "too-much-memory")
    yield _case("parquet: forged footer size", good[:-8] + b"\xff\xff\xff\x7fPAR1", "damaged-file")
    yield _case("parquet: shapes described in nonsense", _parquet(folder, {}, b"[" * 50_000), "damaged-file")
    yield _case("parquet: shapes described by a number", _parquet(folder, {}, b"7"), "damaged-file")
    yield _case("parquet: unknown system", _parquet(folder, {"encoding": "WKB", "crs": None}), "missing-crs")
    yield _case("parquet: another encoding", _parquet(folder, {"encoding": "pickle"}), "unsupported-encoding")
    yield _case(
        "parquet: system of nonsense", _parquet(folder, {"encoding": "WKB", "crs": {"a": "b" * 50_000}}), "unknown-crs"
    )


def extracts(folder: Path) -> Iterator[Any]:
    """OSM extracts."""
    del folder
    good = (DATA / "helsinki_places.osm.pbf").read_bytes()
    yield _case("pbf: cut short", good[: len(good) // 2], "damaged-file")
    yield _case("pbf: only a header", good[:40], "damaged-file", "unsupported-format")
    yield _case(
        "pbf: noise behind the header", good[:200] + bytes((n * 31) % 256 for n in range(3_000)), "damaged-file"
    )
    yield _case(
        "pbf: forged block size", _patched(good, 0, b"\0\0\xff"), "damaged-file", "unsupported-format", "no-position"
    )
    blob = struct.pack(">I", 13) + b"\x0a\x09OSMHeader\x18"
    yield _case("pbf: block of gigabytes", blob + b"\xff\xff\xff\xff\x07" + b"\0" * 50, "damaged-file")
