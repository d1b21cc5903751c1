"""OpenStreetMap extracts and Overpass answers: named places, areas put together, what is missing told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from app.imports.reading import osmfiles
from tests.app.imports.reading.opening import DATA, opened, refused, wishes, written

ANDORRA = DATA / "andorra_parishes.osm.pbf"
HELSINKI = DATA / "helsinki_places.osm.pbf"
CORNERS = {1: (24.0, 60.0), 2: (24.01, 60.0), 3: (24.01, 60.01), 4: (24.0, 60.01)}


def keys(rows: list[Any]) -> list[str]:
    return [row.properties["source_key"] for row in rows]


def test_parishes_lie_in_their_country_and_a_broken_border_is_named() -> None:
    facts, rows = opened(ANDORRA, wishes("regions"))
    found = {row.properties["region_code"]: row for row in rows}
    assert set(found) == {"AD", "AD-03", "AD-05", "AD-08"}
    assert {code: row.properties["kind"] for code, row in found.items()} == {
        "AD": "country", "AD-03": "parish", "AD-05": "parish", "AD-08": "parish",
    }  # fmt: skip
    assert {row.properties.get("parent_key") for code, row in found.items() if code != "AD"} == {"osm:relation/9407"}
    assert found["AD"].properties["names"]["local"] == "Andorra"
    assert any("Alins" in remark for remark in facts.remarks)
    # The country's own statistics say 468 km².
    assert found["AD"].geometry.area * 111.32**2 * 0.7371 == pytest.approx(468, rel=0.01)


def test_places_are_named_and_classified() -> None:
    facts, rows = opened(HELSINKI)
    by_key = {row.properties["source_key"]: row for row in rows}
    hilton = by_key["osm:node/55211772"].properties
    assert (hilton["name"], hilton["category_id"]) == ("Hilton Helsinki Strand", "hotel")
    assert hilton["address"] == {
        "street": "John Stenbergin ranta", "house_number": "4", "postcode": "00530", "city": "Helsinki",
    }  # fmt: skip
    assert all(shapely.get_type_id(row.geometry) == 0 for row in rows)
    assert all(24.9 < row.geometry.x < 25.0 and 60.1 < row.geometry.y < 60.2 for row in rows)
    assert (facts.format, facts.layout, len(rows)) == ("OSM PBF", "OpenStreetMap", 51)


def test_reduced_extract_gives_the_same_places(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = opened(HELSINKI)[1]
    monkeypatch.setattr(osmfiles, "_REDUCED_FROM", 0)
    assert {(row.properties["source_key"], row.geometry.wkt) for row in opened(HELSINKI)[1]} == {
        (row.properties["source_key"], row.geometry.wkt) for row in whole
    }


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_extract_that_is_cut_short_is_refused(tmp_path: Path, share: float) -> None:
    content = HELSINKI.read_bytes()
    assert refused(written(tmp_path, content[: int(len(content) * share)]))[0] in ("damaged-file", "unsupported-format")


def test_extract_without_whole_areas_says_so(tmp_path: Path) -> None:
    code, detail = refused(HELSINKI, wishes("regions"))
    assert (code, "kind asked for" in detail) == ("no-such-rows", True)
    assert refused(HELSINKI, wishes("basemap"))[0] == "unsupported-format"


def answer(tmp_path: Path, *elements: dict[str, Any], **more: Any) -> Path:
    return written(tmp_path, json.dumps({"version": 0.6, "osm3s": {}, "elements": list(elements), **more}))


def nodes(**tags: str) -> list[dict[str, Any]]:
    del tags
    return [{"type": "node", "id": number, "lon": lon, "lat": lat} for number, (lon, lat) in CORNERS.items()]


CAFE = {"amenity": "cafe", "name": "Kahvila"}
RING = [{"lat": lat, "lon": lon} for lon, lat in (*CORNERS.values(), CORNERS[1])]


@pytest.mark.parametrize(
    "elements",
    [
        [*nodes(), {"type": "way", "id": 9, "nodes": [1, 2, 3, 4, 1], "tags": CAFE}],
        [{"type": "way", "id": 9, "nodes": [1, 2, 3, 4, 1], "tags": CAFE}, *nodes()],
        [{"type": "way", "id": 9, "nodes": [1, 2, 3, 4, 1], "geometry": RING, "tags": CAFE}],
        [{"type": "way", "id": 9, "geometry": RING, "tags": CAFE}],
        [{"type": "way", "id": 9, "center": {"lat": 60.005, "lon": 24.005}, "tags": CAFE}],
        [
            *nodes(),
            {"type": "way", "id": 9, "nodes": [1, 2, 3, 4, 1], "tags": CAFE},
            {"type": "way", "id": 9, "nodes": [1, 2, 3, 4, 1]},
        ],
    ],
)
def test_answer_of_every_shape_gives_the_same_place(tmp_path: Path, elements: list[dict[str, Any]]) -> None:
    facts, rows = opened(answer(tmp_path, *elements))
    assert facts.format == "Overpass JSON"
    assert keys(rows) == ["osm:way/9"]
    assert (rows[0].geometry.x, rows[0].geometry.y) == pytest.approx((24.005, 60.005), abs=1e-7)


@pytest.mark.parametrize("drawn", [True, False])
def test_area_out_of_two_ways(tmp_path: Path, drawn: bool) -> None:
    tags = {"type": "boundary", "boundary": "administrative", "admin_level": "8", "name": "Kunta", "ref": "091"}
    halves = {7: [1, 2, 3], 8: [3, 4, 1]}
    members = [
        {"type": "way", "ref": way, "role": "outer"}
        | ({"geometry": [dict(zip(("lon", "lat"), CORNERS[node], strict=True)) for node in through]} if drawn else {})
        for way, through in halves.items()
    ]
    ways = [] if drawn else [{"type": "way", "id": way, "nodes": through} for way, through in halves.items()]
    relation = {"type": "relation", "id": 5, "tags": tags, "members": members}
    _, rows = opened(answer(tmp_path, relation, *ways, *([] if drawn else nodes())), wishes("regions"))
    assert keys(rows) == ["osm:relation/5"]
    assert rows[0].properties["region_code"] == "091"
    assert rows[0].geometry.equals(shapely.MultiPolygon([shapely.box(24.0, 60.0, 24.01, 60.01)]))


@pytest.mark.parametrize(
    ("more", "elements", "code"),
    [
        ({"remark": 'runtime error: Query timed out in "query" at line 3'}, nodes(), "damaged-file"),
        ({}, [{"type": "node", "id": 1, "lon": 999.0, "lat": 1.0}], "malformed-json"),
        ({}, [{"type": "node", "id": "x"}], "malformed-json"),
        ({}, [7], "malformed-json"),
        ({}, [], "no-such-rows"),
    ],
)
def test_answers_that_are_none(tmp_path: Path, more: Any, elements: list[Any], code: str) -> None:
    assert refused(answer(tmp_path, *elements, **more))[0] == code
