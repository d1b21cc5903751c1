"""Columns declared for a file of a known layout: each wins where it is declared, the layout stays for the rest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import shapely

from tests.app.imports.reading.opening import opened, refused, wishes, written

Layout = tuple[str, list[dict[str, Any]]]
MORE = {"mine": "Mine", "kind_of": "bookshop"}
OSM: Layout = (
    "OpenStreetMap",
    [
        {"element_type": "way", "osmid": 5, "name": "Kahvila", "name:en": "Café", "amenity": "cafe", "shop": "",
         "cuisine": "pizza", "addr:street": "Road", "addr:housenumber": "7", "phone": "+358 1; +358 2",
         "contact:website": "www.one.example", "opening_hours": "Mo-Fr 08:00-17:00", "wheelchair": "yes"},
        {"element_type": "node", "osmid": 6, "name": "Books", "amenity": "", "shop": "books"},
        {"element_type": "node", "osmid": 7, "name": "A bench", "amenity": "bench"},
        {"element_type": "node", "osmid": 8, "name": "", "amenity": "cafe"},
    ],
)  # fmt: skip
OVERTURE: Layout = (
    "Overture places",
    [
        {"id": "a", "names": {"primary": "Kahvila", "common": {"en": "Café"}}, "phones": ["+358 1", "+358 2"],
         "categories": {"primary": "coffee_shop", "alternate": ["sushi_restaurant"]}, "confidence": 0.85,
         "addresses": [{"freeform": "Road 7", "locality": "Town"}], "websites": ["https://one.example"]},
        {"id": "b", "names": {"primary": "Books"}, "categories": {"primary": "nobody_knows_this"},
         "operating_status": "permanently_closed"},
        {"id": "c", "names": {"primary": None}, "categories": {"primary": "cafe"}},
    ],
)  # fmt: skip
FOURSQUARE: Layout = (
    "Foursquare OS places",
    [
        {"fsq_place_id": "4a", "name": "Kahvila", "tel": "+358 1", "website": "https://one.example",
         "address": "Road 7", "locality": "Town", "postcode": "00100",
         "fsq_category_labels": ["Dining > Coffee Shop", "Dining > Sushi Restaurant"]},
        {"fsq_place_id": "4b", "name": "Books", "date_closed": "2024-01-01", "fsq_category_labels": ["Odd > Things"]},
        {"fsq_place_id": "4c", "name": None, "fsq_category_labels": ["Odd > Things"]},
    ],
)  # fmt: skip
LAYOUTS = [OSM, OVERTURE, FOURSQUARE]
every_layout = pytest.mark.parametrize("layout", LAYOUTS, ids=[name for name, _ in LAYOUTS])


def file_of(folder: Path, layout: Layout, **more: Any) -> Path:
    rows = [{**row, **MORE, **more, "longitude": 25 + 0.01 * n, "latitude": 60.2} for n, row in enumerate(layout[1])]
    return written(folder, json.dumps(rows))


def read(path: Path, **mapping: str) -> tuple[Any, list[Any]]:
    facts, rows = opened(path, wishes(mapping=mapping))
    return facts, [(row.row, shapely.to_wkt(shapely.geometry.shape(row.geometry)), row.properties) for row in rows]


def without(properties: dict[str, Any], *names: str) -> dict[str, Any]:
    """Properties and members (``address.city``) taken out."""
    found = {name: dict(value) if isinstance(value, dict) else value for name, value in properties.items()}
    for name in names:
        group, _, member = name.partition(".")
        if member:
            found.get(group, {}).pop(member, None)
        if not member or not found.get(group):
            found.pop(group, None)
    return found


@every_layout
@pytest.mark.parametrize(
    ("name", "also"),
    [
        ("phone", ()),
        ("name", ("names.local",)),
        ("names.fi", ()),
        ("names.en", ()),
        ("address.street", ()),
        ("attributes.note", ()),
        ("opening_hours", ()),
        ("source_key", ()),
        ("category", ("category_id", "alternate_category_ids")),
    ],
)
def test_a_declared_column_wins_and_all_others_are_read_as_before(
    tmp_path: Path, layout: Layout, name: str, also: tuple[str, ...]
) -> None:
    path = file_of(tmp_path, layout)
    facts, before = read(path)
    column = "kind_of" if name == "category" else "mine"
    told, after = read(path, **{name: column})
    assert (facts.layout, told.layout) == (layout[0], layout[0])
    assert told.used[name] == column
    assert name not in told.guessed
    known = [n for n, *_ in before]
    kept = [each for each in after if each[0] in known]
    for old, new in zip(before, kept, strict=True):
        assert new[:2] == old[:2]
        # Beside a name in some language the plain name is told as the local one, if no other is.
        changed = {name, *also, *(("names.local",) if name.startswith("names.") else ())}
        assert without(new[2], *changed) == without(old[2], *changed)
        group, _, member = name.partition(".")
        found = new[2].get("category_id") if name == "category" else new[2][group]
        assert (found[member] if member else found) == MORE[column]
    # The name that a row lacked it has by the column that was declared; nothing else brings rows back.
    assert [n for n, *_ in after if n not in known] == ([len(layout[1])] if name == "name" else [])


@every_layout
def test_no_column_leaves_a_property_out_alone(tmp_path: Path, layout: Layout) -> None:
    path = file_of(tmp_path, layout)
    before, after = read(path)[1], read(path, phone="=")[1]
    assert "phone" in before[0][2]
    assert [row[2] for row in after] == [without(row[2], "phone") for row in before]


@every_layout
def test_what_is_declared_as_it_is_read_changes_nothing(tmp_path: Path, layout: Layout) -> None:
    path = file_of(tmp_path, layout)
    facts, before = read(path)
    told, after = read(path, **facts.used)
    assert after == before
    assert (told.used, told.guessed, told.remarks) == (facts.used, set(), facts.remarks)


@every_layout
def test_one_half_of_a_position_leaves_the_other_half(tmp_path: Path, layout: Layout) -> None:
    path = file_of(tmp_path, layout, north="60.5")
    before, after = read(path)[1], read(path, lat="north")[1]
    assert [row[2] for row in after] == [row[2] for row in before]
    assert [row[1] for row in after] == [row[1].replace("60.2", "60.5") for row in before]


@every_layout
def test_words_of_a_category_need_their_column(tmp_path: Path, layout: Layout) -> None:
    path = file_of(tmp_path, layout, kind_of="Kirjat")
    code, detail = refused(path, wishes(mapping={"category:Kirjat": "=bookshop"}))
    assert (code, layout[0] in detail) == ("missing-columns", True)
    facts, rows = read(path, **{"category": "kind_of", "category:Kirjat": "=bookshop"})
    assert [row[2]["category_id"] for row in rows] == ["bookshop", "bookshop"]
    assert facts.remarks == read(path, category_id="=bookshop")[0].remarks


def test_words_of_a_column_that_the_layout_reads_as_well_are_translated(tmp_path: Path) -> None:
    path = file_of(tmp_path, OSM)
    _, rows = read(path, **{"category": "amenity", "category:cafe": "=bakery"})
    assert [row[2]["category_id"] for row in rows] == ["bakery", "uncategorised"]


def test_words_that_decide_nothing_are_not_told(tmp_path: Path) -> None:
    path = file_of(tmp_path, OVERTURE)
    unknown = "categories that are not known here, read as uncategorised: nobody_knows_this (1)"
    assert unknown in read(path)[0].remarks
    assert unknown not in read(path, category_id="=bakery")[0].remarks


def test_rows_with_shapes_of_their_own_take_no_declared_position(tmp_path: Path) -> None:
    feature = {"type": "Feature", "geometry": {"type": "Point", "coordinates": [25, 60]}}
    properties = {**OSM[1][0], "east": 26}
    path = written(
        tmp_path, json.dumps({"type": "FeatureCollection", "features": [{**feature, "properties": properties}]})
    )
    assert read(path)[0].layout == "OpenStreetMap"
    assert refused(path, wishes(mapping={"lon": "east"}))[0] == "conflicting-position"
