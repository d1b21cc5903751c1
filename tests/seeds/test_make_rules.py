"""The rules by which seed files are made, on tags and shapes written by hand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import shapely
from shapely.geometry import LineString, Point, Polygon

from seeds.make import basemap, clean
from seeds.make.brands import assign_brands, slug_of
from seeds.make.classify import Classified, Classifier
from seeds.make.hangzhou import address_of, district_of
from seeds.make.places import Place, place_from_tags, point_inside, without_doubles
from seeds.make.regions import on_grid
from seeds.make.taxonomy import read_taxonomy
from seeds.make.writing import write_feature_lines

CLASSIFIER = Classifier(read_taxonomy())


def build_place(key: str = "osm:node/1", lon: float = 120.16, **tags: str) -> Place:
    given = {"name": "外婆家", "amenity": "restaurant", **{k.replace("__", ":"): v for k, v in tags.items()}}
    place = place_from_tags(key, Point(lon, 30.25), given, {}, None, CLASSIFIER)
    assert place is not None
    return place


@pytest.mark.parametrize(
    ("tags", "category_id", "alternates"),
    [
        ({"amenity": "restaurant"}, "restaurant", ()),
        ({"amenity": "restaurant", "cuisine": "local;chinese"}, "chinese_restaurant", ("regional_restaurant",)),
        ({"amenity": "cafe", "cuisine": "coffee_shop"}, "coffee_shop", ()),
        ({"amenity": "restaurant", "tourism": "hotel"}, "restaurant", ("hotel",)),
        ({"amenity": "restaurant", "diet:vegan": "only"}, "restaurant", ("vegan_restaurant",)),
        ({"amenity": "place_of_worship", "religion": "buddhist"}, "buddhist_temple", ()),
        ({"amenity": "bench", "shop": "books"}, "bookshop", ()),
        ({"shop": "something_new"}, "uncategorised", ()),
    ],
)
def test_tags_give_a_category(tags: dict[str, str], category_id: str, alternates: tuple[str, ...]) -> None:
    assert CLASSIFIER.classify(tags) == Classified(category_id, alternates)


@pytest.mark.parametrize(
    "tags",
    [
        {"amenity": "bench"},
        {"amenity": "bicycle_rental"},
        {"tourism": "information", "information": "guidepost"},
        {"historic": "memorial"},
        {"leisure": "something_new"},
        {"highway": "residential"},
    ],
)
def test_street_furniture_is_no_place(tags: dict[str, str]) -> None:
    assert CLASSIFIER.classify(tags) is None


@pytest.mark.parametrize(
    ("text", "country", "expected"),
    [
        ("+86 571 8600 5823", "CN", "+86 57186005823"),
        ("81965135", "CN", "+86 57181965135"),
        ("0571-87189777", "CN", "+86 57187189777"),
        ("+86 135 7545 7819", "CN", None),
        ("+86 0571087189777", "CN", None),
        ("+49 30 12345678", "DE", "+49 3012345678"),
        ("+49 (0)30 12345678", "DE", "+49 3012345678"),
        ("030/12345678", "DE", "+49 3012345678"),
        ("0176 1234567", "DE", None),
        ("+358 9 1234567; +358 40 1234567", "FI", "+358 91234567"),
        ("040 1234567", "FI", None),
        ("+376 800 860", "AD", "+376 800860"),
        ("+376 331 234", "AD", None),
        ("+33 1 23 45 67 89", "AD", None),
        (None, "CN", None),
    ],
)
def test_landline_numbers_are_kept_and_mobile_numbers_dropped(
    text: str | None, country: str, expected: str | None
) -> None:
    assert clean.phone_of(text, country, area_code="571" if country == "CN" else None) == expected


def test_postcode_that_was_read_as_a_float_is_mended() -> None:
    assert clean.postcode_of("310012.0", r"31\d{4}") == "310012"
    assert clean.postcode_of("31001", r"31\d{4}") is None


def test_chinese_names_are_simplified_unless_a_traditional_character_shows() -> None:
    assert clean.names_of({"name": "A", "name:zh": "浙江图书馆"})["zh-Hans"] == "浙江图书馆"
    assert clean.names_of({"name": "A", "name:zh": "浙江圖書館"}) == {"local": "A", "zh-Hant": "浙江圖書館"}


@pytest.mark.parametrize(
    ("text", "lon", "expected"),
    [
        ("蒋干", 120.2, "上城区"),
        ("江干区", 120.35, "钱塘区"),
        ("江干区", 120.3, None),
        ("下城区", 120.17, "拱墅区"),
        ("LingPin", 120.3, "临平区"),
        ("临安市", 119.7, "临安区"),
        ("西湖区", 120.1, "西湖区"),
        (None, 120.1, None),
    ],
)
def test_dissolved_and_misspelt_districts_get_their_name_of_today(
    text: str | None, lon: float, expected: str | None
) -> None:
    assert district_of(text, lon) == expected


def test_a_subdistrict_in_the_city_field_moves_to_its_own_field() -> None:
    assert address_of({"addr:city": "小河街道"}, 120.1) == {"city": "杭州市", "suburb": "小河街道"}
    assert address_of({"addr:street": "延安路 Yan'an Road"}, 120.1) == {"street": "延安路"}


def test_house_number_is_cut_from_the_street() -> None:
    assert clean.split_house_number("Kastanienallee 5a") == ("Kastanienallee", "5a")
    assert clean.split_house_number("Straße des 17. Juni 135") == ("Straße des 17. Juni", "135")
    assert clean.split_house_number("Platz der Luftbrücke") == ("Platz der Luftbrücke", None)


def test_point_of_a_bent_area_lies_inside_it() -> None:
    bent = Polygon([(0, 0), (4, 0), (4, 4), (3, 4), (3, 1), (0, 1)])
    assert not bent.covers(bent.centroid)
    assert bent.covers(Point(point_inside(bent)))
    assert point_inside(Polygon([(0, 0), (2, 0), (2, 2), (0, 2)])) == (1.0, 1.0)


def test_node_and_building_of_one_place_are_kept_once() -> None:
    node = build_place("osm:node/1", opening_hours="24/7")
    building = build_place("osm:way/2", lon=120.1602)
    far = build_place("osm:way/3", lon=120.1610)
    assert without_doubles([building, node, far]) == ([node, far], 1)


def test_place_without_a_name_is_left_out() -> None:
    assert place_from_tags("osm:node/1", Point(0, 0), {"amenity": "cafe"}, {}, None, CLASSIFIER) is None
    unnamed = {"amenity": "cafe", "name": "way 136082475"}
    assert place_from_tags("osm:node/1", Point(0, 0), unnamed, {}, None, CLASSIFIER) is None


def test_brand_is_taken_from_wikidata_and_found_by_name_where_the_kind_fits() -> None:
    tagged = build_place("osm:node/1", name="肯德基", amenity="fast_food", brand="肯德基", brand__wikidata="Q524757")
    branch = build_place("osm:node/2", name="肯德基（武林店）", amenity="fast_food")
    school = build_place("osm:node/3", name="肯德基", amenity="school")
    rows, brand_of = assign_brands([tagged, branch, school])
    assert brand_of == {"osm:node/1": "Q524757", "osm:node/2": "Q524757"}
    assert rows == [{"brand_id": "Q524757", "names": {"zh-Hans": "肯德基"}, "wikidata": "Q524757"}]


def test_brand_slug_has_plain_letters() -> None:
    assert slug_of("BonÀrea") == "bonarea"
    assert slug_of("外婆家") is None


def test_taxonomy_refuses_an_alias_that_comes_twice(tmp_path: Path) -> None:
    source = tmp_path / "taxonomy.txt"
    source.write_text("a | A | 甲 | A | A | A | s:tea | |\nb | B | 乙 | B | B | B | s:tea | |\n", encoding="utf-8")
    with pytest.raises(ValueError, match="shop=tea"):
        read_taxonomy(source)


def test_sea_lies_right_of_the_coastline() -> None:
    """A coast drawn northwards has its land in the west and its sea in the east."""
    outline = shapely.box(0, 0, 2, 2)
    [water] = basemap.sea([LineString([(1, 0.0001), (1, 1.9999)])], outline)
    assert water.equals(shapely.box(1, 0, 2, 2))


def test_line_simplified_stays_within_two_metres() -> None:
    zigzag = LineString([(24.94 + 0.0001 * step, 60.17 + 0.00001 * (step % 2)) for step in range(60)])
    drawn = basemap.simplified(zigzag)
    assert len(drawn.coords) < 10
    assert drawn.hausdorff_distance(zigzag) * 111_195 < 2.1


def test_areas_wind_as_rfc_7946_asks() -> None:
    clockwise = Polygon([(0, 0), (0, 1), (1, 1), (1, 0)])
    [part] = on_grid(clockwise).geoms
    assert part.exterior.is_ccw


def test_files_written_twice_agree_byte_for_byte(tmp_path: Path) -> None:
    features = [replace(build_place(), brand_id=None).as_feature()]
    for name in ("one.gz", "two.gz"):
        write_feature_lines(tmp_path / name, features)
    assert (tmp_path / "one.gz").read_bytes() == (tmp_path / "two.gz").read_bytes()
