"""Files that are written to do harm, or broken in every way they break, each with the class of answer it has to get."""

from __future__ import annotations

import gzip
import json
import random
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from app.imports.reading.types import Wishes
from tests.app.imports.reading import hostile_binary as binary
from tests.app.imports.reading.opening import ALIASES, DATA, PARENTS

READ: Final = "read"
LOOSE: Final = "Shapefile parts"
DAMAGED: Final = frozenset({"damaged-file", "count-differs", "malformed-json", "unsupported-format", "damaged-archive"})
FEATURE: Final = {
    "type": "Feature",
    "geometry": {"type": "Point", "coordinates": [13.4, 52.5]},
    "properties": {"source_key": "a", "name": "Café", "category_id": "cafe"},
}
REGION: Final = {"kind": "district", "admin_level": 9, "region_code": "1", "names": {"local": "One"}, "source_key": "1"}


@dataclass(frozen=True, slots=True)
class Case:
    """One file, ``slow`` when it is large.

    ``codes`` are the refusals of the whole that it may get; otherwise ``faults`` of its ``rows`` are refused.
    """

    name: str
    content: bytes
    codes: frozenset[str] = frozenset()
    rows: int | None = None
    faults: int = 0
    kind: str = "places"
    wished: dict[str, Any] = field(default_factory=dict)
    slow: bool = False

    def wishes(self) -> Wishes:
        """What is asked of it."""
        return Wishes(self.kind, aliases=ALIASES, parents=PARENTS, **self.wished)

    def as_expected(self, code: str, rows: int, faults: int) -> bool:
        """True when the answer is of the class that this file has to get."""
        if self.rows is None:
            return code in self.codes
        return code == READ and (rows, faults) == (self.rows, self.faults)


def collection(*features: Any) -> bytes:
    """A GeoJSON collection."""
    return json.dumps({"type": "FeatureCollection", "features": list(features)}).encode()


def point(*position: Any, **properties: Any) -> dict[str, Any]:
    """A place at a position, however odd."""
    geometry = {"type": "Point", "coordinates": list(position)}
    return {**FEATURE, "geometry": geometry, "properties": {**FEATURE["properties"], **properties}}


def area(*rings: Any, **properties: Any) -> dict[str, Any]:
    """A region with those rings."""
    return {
        "type": "Feature",
        "geometry": {"type": "Polygon", "coordinates": list(rings)},
        "properties": {**REGION, **properties},
    }


def corpus(folder: Path) -> Iterator[Case]:
    """Every case; ``folder`` is for files that only a library can write."""
    for cases in (_empty, _foreign, _json, _shapes, _tables, binary.archives, binary.shapefiles):
        yield from cases()
    for cases in (binary.databases, binary.columnar, binary.extracts):
        yield from cases(folder)


def _refused(name: str, content: bytes, *codes: str, slow: bool = False, **wished: Any) -> Case:
    return Case(name, content, frozenset(codes), wished=wished, slow=slow)


def _empty() -> Iterator[Case]:
    yield _refused("nothing", b"", "empty-file")
    yield _refused("blanks", b" \n\t" * 50, "empty-file")
    yield _refused("zero bytes", b"\0" * 5_000, "unsupported-format")
    yield _refused("packed nothing", gzip.compress(b""), "empty-file")
    yield _refused("no features", collection(), "empty-file")
    yield _refused("only a header", b"id,name,lon,lat\n", "empty-file")


def _foreign() -> Iterator[Case]:
    layer = '<OGRVRTLayer name="a"><SrcDataSource>/etc/passwd</SrcDataSource></OGRVRTLayer>'
    vrt = f"<OGRVRTDataSource>{layer}</OGRVRTDataSource>"
    laughs = (
        '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "ha">'
        + "".join(
            f'<!ENTITY a{number} "{f"&a{number - 1 if number > 1 else str()};" * 10}">' for number in range(1, 12)
        )
        + "]><kml>&a11;</kml>"
    )
    outside = '<?xml version="1.0"?><!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>'
    for name, content in (
        ("VRT named geojson", vrt),
        ("KML", "<?xml version='1.0'?><kml xmlns='http://www.opengis.net/kml/2.2'><Document/></kml>"),
        ("billion laughs", laughs),
        ("external entity", outside),
        ("web page", "<!DOCTYPE html><html><body>404</body></html>"),
        ("vector picture", "<svg onload='alert(1)'/>"),
    ):
        yield _refused(name, content.encode(), "unsupported-format")
    yield _refused("PDF", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + b"x" * 200, "unsupported-format")
    yield _refused("picture", b"\x89PNG\r\n\x1a\n" + bytes(range(200)), "unsupported-format")
    yield _refused("program", b"\x7fELF\2\1\1" + b"\0" * 200, "unsupported-format")
    yield _refused("bzip2", b"BZh91AY&SY" + bytes(50), "unsupported-format")
    yield _refused("noise", bytes((number * 73 + 11) % 256 for number in range(3_000)), "unsupported-format")


def _json() -> Iterator[Case]:
    good = collection(FEATURE, FEATURE)
    yield _refused("cut short", good[:-30], "malformed-json")
    yield _refused("NaN", good.replace(b"13.4", b"NaN"), "malformed-json")
    yield _refused("Infinity", good.replace(b"13.4", b"-Infinity"), "malformed-json")
    yield _refused("garbage behind", good + b"{]", "malformed-json")
    yield _refused("not UTF-8", good.replace(b'a"', b'\xff\xfe"'), "malformed-json")
    yield _refused(
        "nested lists", b"[" * 200_000, "malformed-json", "unsupported-format", "too-much-memory", "missing-columns"
    )
    yield _refused("nested objects", b'{"a":' * 200_000, "malformed-json", "unsupported-format")
    nested = b'{"type":"Feature","properties":{},"geometry":' + b"[" * 100_000
    yield Case("nested coordinates", nested, rows=1, faults=1)
    yield _refused("number beyond everything", collection(point(1.5, 1.0)).replace(b"1.5", b"1e999"), "malformed-json")
    yield _refused("another JSON", b'{"type": "Topology", "objects": {}}', "unsupported-format")
    yield _refused("a number", b"42", "no-position", "unsupported-format")
    yield _refused(
        "foreign system",
        collection(FEATURE)[:-1] + b', "crs": {"type":"name","properties":{"name":"EPSG:2263"}}}',
        "foreign-crs",
    )
    yield _refused(
        "linked system",
        collection(FEATURE)[:-1] + b', "crs": {"type":"link","properties":{"href":"http://127.0.0.1/"}}}',
        "foreign-crs",
    )
    yield _refused(
        "features no list", b'{"type": "FeatureCollection", "features": {"a": 1}}', "empty-file", "malformed-json"
    )
    yield _refused("endless line", b'{"type":"Feature","x":"' + b"a" * 33_000_000, "line-too-long", slow=True)
    yield _refused("unpacks for ever", gzip.compress(b" " * 60_000_000), "unpacks-too-large")
    yield _refused("packed twice", gzip.compress(gzip.compress(good)), "nested-archive")
    yield _refused("packed and cut", gzip.compress(good * 50)[:-20], "damaged-archive")
    yield _refused("packed and changed", gzip.compress(good)[:-8] + b"\0" * 8, "damaged-archive")
    yield Case("lone surrogate", collection(point(1.0, 1.0, name="\ud800")), rows=1)
    yield Case("control characters", collection(point(1.0, 1.0, name="a\0b")), rows=1, faults=1)
    yield Case(
        "a broken line", json.dumps(FEATURE).encode() + b'\n{"type":\n' + json.dumps(FEATURE).encode(), rows=3, faults=1
    )
    yield Case("odd features", collection(7, None, [], "x", {}, {"type": "Feature"}, FEATURE), rows=7, faults=6)
    yield Case("wrong members", collection(point(1.0, 1.0, name=5, category_id={"a": 1})), rows=1, faults=1)


def _shapes() -> Iterator[Case]:
    odd = [(None, None), ("13", "52"), (True, False), (52.5, 130.4), (200.0, 95.0), (13.4,), (1.0, 2.0, 3.0, 4.0)]
    yield Case("odd positions", collection(*(point(*each) for each in odd)), rows=len(odd), faults=len(odd))
    bow_tie = [[0.0, 0.0], [0.1, 0.1], [0.1, 0.0], [0.0, 0.1], [0.0, 0.0]]
    flat = [[0.0, 0.0], [0.1, 0.1], [0.2, 0.2], [0.0, 0.0]]
    open_ring = [[0.0, 0.0], [0.1, 0.0], [0.1, 0.1], [0.0, 0.1]]
    square = [*open_ring, open_ring[0]]
    outside = [[5.0, 5.0], [5.1, 5.0], [5.1, 5.1], [5.0, 5.0]]
    for name, rings in {
        "bow-tie": [bow_tie],
        "collinear ring": [flat],
        "two points": [open_ring[:2]],
        "empty": [],
        "empty ring": [[]],
        "hole outside": [square, outside],
        "NaN as null": [[[0.0, None], *square]],
        "number as ring": [[1, 2, 3, 4]],
    }.items():
        yield Case(f"region: {name}", collection(area(*rings)), rows=1, faults=1, kind="regions")
    many = ",".join(f"[{number * 1e-6:.6f},{(number % 2) * 1e-6:.6f}]" for number in range(1_000_001))
    written = collection(area(square)).replace(json.dumps([square]).encode(), f"[[{many},[0,5],[0,0]]]".encode())
    yield Case("region: a million points", written, rows=1, faults=1, kind="regions", slow=True)
    yield Case("region: a point", collection({**FEATURE, "properties": REGION}), rows=1, faults=1, kind="regions")
    yield Case(
        "place: an area of ours", collection({**area(square), "properties": FEATURE["properties"]}), rows=1, faults=1
    )
    deep: Any = {"type": "Point", "coordinates": [1.0, 1.0]}
    for _ in range(100):
        deep = {"type": "GeometryCollection", "geometries": [deep]}
    yield Case(
        "region: nested collections", collection({**area(square), "geometry": deep}), rows=1, faults=1, kind="regions"
    )


def _tables() -> Iterator[Case]:
    head = b"id,name,category,lon,lat\n"
    yield _refused("NUL in a table", head + b"1,a\0b,cafe,13,52\n", "malformed-csv")
    yield _refused("open quote", head + b'1,"a,cafe,13,52\n' * 3, "malformed-csv")
    yield _refused(
        "two thousand columns", b"a," * 3_000 + b"\n" + b"1," * 3_000 + b"\n", "malformed-csv", "no-position"
    )
    yield _refused("one huge cell", b"id,name\n1," + b"x" * 40_000_000 + b"\n", "malformed-csv", slow=True)
    yield _refused(
        "GBK that is declared UTF-8",
        "id,name,lon,lat\n1,西湖,120,30\n".encode("gbk"),
        "wrong-encoding",
        encoding="UTF-8",
    )
    yield _refused("UTF-7", head + b"1,+ADw-,cafe,13,52\n", "wrong-encoding", encoding="utf-7")
    yield _refused("a codec that is none", head + b"1,a,cafe,13,52\n", "wrong-encoding", encoding="zlib_codec")
    yield _refused(
        "UTF-16 cut in two",
        b"\xff\xfe" + "id,name,lon,lat\n1,\ud83d".encode("utf-16-le", "surrogatepass"),
        "wrong-encoding",
    )
    yield _refused("text", b"hello\nworld\n", "no-position")
    yield _refused("metres without a system", b"id,name,x,y\n1,a,386000,5819000\n", "missing-crs")
    yield _refused("system that is none", head + b"1,a,cafe,13,52\n", "unknown-crs", crs="EPSG:0")
    yield _refused("system that is a file", head + b"1,a,cafe,13,52\n", "unknown-crs", crs="+init=/etc/passwd:4326")
    yield _refused(
        "system with a pipeline",
        head + b"1,a,cafe,13,52\n",
        "unknown-crs",
        crs="+proj=pipeline +step +proj=hgridshift +grids=/etc/passwd",
    )
    yield _refused("unknown column", head + b"1,a,cafe,13,52\n", "unknown-column", mapping={"name": "../../etc/passwd"})
    deep = "GEOMETRYCOLLECTION(" * 20_000 + "POINT(1 1)" + ")" * 20_000
    yield Case(
        "nested well-known text",
        f'id,name,wkt\n1,a,"{deep}"\n2,b,POINT(1 1)\n3,c,POINT(2 1)\n4,d,POINT(3 1)\n5,e,POINT(4 1)\n'.encode(),
        rows=5,
        faults=1,
    )
    count = (struct.pack("<BII", 1, 2, 0xFFFFFFF0) + b"\0" * 32).hex()
    good = (struct.pack("<BIdd", 1, 1, 1.0, 1.0)).hex()
    yield Case("forged count in binary", f"id,name,geom\n1,a,{count}\n2,b,{good}\n".encode(), rows=2, faults=1)
    odd = b"1,a,cafe,13,52\n2,b,cafe,NaN,52\n3,c,cafe,,\n4,d,cafe,52,130\n5,e,cafe,0,0\n6,f,cafe,1e400,5\n7,g,cafe,13\n"
    yield Case(
        "odd positions in a table",
        head + odd + b"".join(b"%d,n,cafe,13,52\n" % number for number in range(8, 40)),
        rows=39,
        faults=6,
    )
    yield Case("formulas", head + b"1,\"=cmd|' /C calc'!A0\",cafe,13,52\n", rows=1)
    yield Case("same key twice", head + b"1,a,cafe,13,52\n1,b,cafe,13,52\n", rows=2)
    yield _refused("unfinished answer", b'{"elements": [], "remark": "runtime error: out of memory"}', "damaged-file")
    yield _refused("elements that are none", b'{"elements": [1, "a", null]}', "malformed-json")
    yield _refused(
        "node outside the earth", b'{"elements": [{"type":"node","id":1,"lat":1e9,"lon":0}]}', "malformed-json"
    )
    yield _refused(
        "node of no number",
        b'{"elements": [{"type":"node","id":99999999999999999999,"lat":1,"lon":0}]}',
        "malformed-json",
    )


def mutations(seed: int, count: int, folder: Path) -> Iterator[tuple[str, bytes, str, dict[str, Any]]]:
    """Good files with bytes changed, cut out, doubled or cut off; name, content, kind and wishes."""
    chance = random.Random(seed)
    good = good_files(folder)
    for number in range(count):
        name, content, kind = good[number % len(good)]
        how = chance.choice(_WAYS)
        changed = bytearray(content)
        if name == LOOSE:
            changed = binary.changed_set(chance, how)
        else:
            how(chance, changed)
        wished = {"mapping": binary.MAPPING} if kind == "regions" and "OSM" not in name else {}
        yield f"{name} #{number}", bytes(changed), kind, wished


def good_files(folder: Path) -> list[tuple[str, bytes, str]]:
    """Small good files of every form."""
    geojson = (DATA / "berlin_boroughs.geojson").read_bytes()
    table = (DATA / "sf_mobile_food_permits.csv").read_bytes()
    return [
        ("GeoJSON", geojson, "regions"),
        (
            "GeoJSONSeq",
            b"\n".join(json.dumps(point(13.4, 52.5, source_key=str(n))).encode() for n in range(40)),
            "places",
        ),
        ("gzip", gzip.compress(table), "places"),
        ("CSV", table, "places"),
        ("Shapefile", (DATA / "berlin_boroughs_shp.zip").read_bytes(), "regions"),
        ("OSM PBF", (DATA / "helsinki_places.osm.pbf").read_bytes(), "places"),
        ("OSM PBF areas", (DATA / "andorra_parishes.osm.pbf").read_bytes(), "regions"),
        ("GeoPackage", binary.geopackage(folder), "regions"),
        ("FlatGeobuf", binary.flatgeobuf(folder), "regions"),
        ("GeoParquet", binary.parquet(folder), "places"),
        (LOOSE, b"", "regions"),
    ]


def _flip(chance: Any, content: bytearray) -> None:
    for _ in range(chance.choice((1, 1, 2, 8, 64))):
        content[chance.randrange(len(content))] = chance.randrange(256)


def _flip_early(chance: Any, content: bytearray) -> None:
    for _ in range(chance.choice((1, 4))):
        content[chance.randrange(min(400, len(content)))] = chance.choice((0, 0xFF, 0x7F, 0x80, chance.randrange(256)))


def _flip_late(chance: Any, content: bytearray) -> None:
    content[-chance.randrange(1, min(600, len(content)))] = chance.randrange(256)


def _cut(chance: Any, content: bytearray) -> None:
    del content[chance.randrange(1, len(content)) :]


def _cut_out(chance: Any, content: bytearray) -> None:
    start = chance.randrange(len(content))
    del content[start : start + chance.randrange(1, 200)]


def _double(chance: Any, content: bytearray) -> None:
    start = chance.randrange(len(content))
    content[start:start] = content[start : start + chance.randrange(1, 2_000)]


def _number(chance: Any, content: bytearray) -> None:
    start = chance.randrange(max(1, len(content) - 4))
    content[start : start + 4] = struct.pack(
        chance.choice(("<I", ">I")), chance.choice((0, 0x7FFFFFFF, 0xFFFFFFFF, 0x10000000))
    )


_WAYS: Final[tuple[Callable[[Any, bytearray], None], ...]] = (
    _flip,
    _flip_early,
    _flip_late,
    _cut,
    _cut_out,
    _double,
    _number,
)
