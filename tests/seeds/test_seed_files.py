"""The committed seed files hold what seeds/README.md says: real places, sound regions, a whole taxonomy, and
nothing that may not be passed on. Known positions, areas and dates come from outside the files."""

from __future__ import annotations

import csv
import gzip
import json
import math
import re
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest
import shapely
from shapely.geometry import Point, shape

SEEDS = Path(__file__).parents[2] / "seeds"
CITIES = ("hangzhou", "berlin", "helsinki", "andorra")
# slug: (places, with opening hours, with any address field)
COUNTS = {
    "hangzhou": (3921, 83, 254),
    "berlin": (1017, 893, 888),
    "helsinki": (1340, 524, 1152),
    "andorra": (1282, 127, 429),
}
PROPERTIES = {
    "source_key", "name", "names", "category_id", "alternate_category_ids", "brand_id", "address", "phone",
    "website", "opening_hours", "attributes",
}  # fmt: skip
ADDRESS = {"street", "house_number", "postcode", "city", "district", "suburb"}
ATTRIBUTES = {
    "wheelchair", "diet_vegan", "diet_vegetarian", "takeaway", "delivery", "outdoor_seating", "internet_access",
    "cuisine",
}  # fmt: skip
LANGUAGES = {"local", "zh-Hans", "zh-Hant", "en", "de", "fi", "sv", "ca", "es", "fr"}
REGION_KINDS = {"country", "city", "borough", "parish", "business_district", "extract"}
MOBILE = re.compile(r"\+86 1[3-9]\d{9}|\+49 1[5-7]|\+358 (4\d|50)|\+376 [346]")
EMAIL = re.compile(r"[\w.+-]+@[\w-]+\.[a-z]{2,}")


def refuse_constant(text: str) -> None:
    raise ValueError(f"{text} is not JSON")


def refuse_repeated_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    keys = [key for key, _ in pairs]
    if len(set(keys)) != len(keys):
        raise ValueError(f"a key comes twice: {keys}")
    return dict(pairs)


def strict(text: str) -> Any:
    return json.loads(text, parse_constant=refuse_constant, object_pairs_hook=refuse_repeated_keys)


def unpacked(path: Path) -> str:
    return gzip.decompress(path.read_bytes()).decode("utf-8")


@cache
def places(slug: str) -> list[dict[str, Any]]:
    return [strict(line) for line in unpacked(SEEDS / slug / "places.geojsonl.gz").splitlines()]


@cache
def regions(slug: str) -> list[dict[str, Any]]:
    document = strict(unpacked(SEEDS / slug / "regions.geojson.gz"))
    assert document["type"] == "FeatureCollection"
    return list(document["features"])


@cache
def area(slug: str, source_key: str) -> shapely.geometry.base.BaseGeometry:
    [found] = [each for each in regions(slug) if each["properties"]["source_key"] == source_key]
    return shape(found["geometry"])


def outline(slug: str) -> shapely.geometry.base.BaseGeometry:
    return shape(regions(slug)[0]["geometry"])


def named(name: str) -> Any:
    return strict((SEEDS / name).read_text(encoding="utf-8"))


def cities() -> dict[str, dict[str, Any]]:
    return {city["slug"]: city for city in named("cities.json")}


def km2(area_in_degrees: shapely.geometry.base.BaseGeometry) -> float:
    """Area by Lambert's cylindrical equal-area projection of a sphere of 6371 km."""
    flat = shapely.transform(
        area_in_degrees,
        lambda xy: [(6371 * math.radians(x), 6371 * math.sin(math.radians(y))) for x, y in xy],
    )
    return float(flat.area)


def test_cities_have_real_zones_currencies_and_a_point_among_their_places() -> None:
    known = cities()
    assert [(city["city_id"], slug) for slug, city in known.items()] == list(enumerate(("world", *CITIES), start=1))
    for slug in CITIES:
        city = known[slug]
        assert city["time_zone"] in available_timezones()
        assert ZoneInfo(city["time_zone"])
        assert city["currency"] == {"hangzhou": "CNY"}.get(slug, "EUR")
        centre = Point(city["centre"]["lon"], city["centre"]["lat"])
        assert outline(slug).covers(centre)
        near = sum(Point(each["geometry"]["coordinates"]).distance(centre) < 0.009 for each in places(slug))
        assert near >= 40


def test_every_data_file_belongs_to_one_dataset_with_origin_and_licence() -> None:
    datasets = [each for city in named("cities.json") for each in city["datasets"].values()]
    for each in datasets:
        assert set(each) == {"file", "source_name", "source_url", "licence", "attribution", "retrieved_on"}
        assert each["licence"] in {"ODbL-1.0", "CC-BY-3.0-DE", "MIT", "CC0-1.0"}
        assert each["source_name"]
        assert each["attribution"]
    files = sorted(each["file"] for each in datasets)
    there = [path for path in SEEDS.rglob("*") if path.suffix in (".gz", ".json", ".csv") and "make" not in path.parts]
    assert files == sorted(str(path.relative_to(SEEDS)) for path in there if path.name != "cities.json")


def test_no_source_that_may_not_be_passed_on_is_read() -> None:
    sources = [path for path in (SEEDS / "make").iterdir() if path.is_file()] + [SEEDS / "cities.json"]
    text = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    assert re.search(r"adcode|fences|gcj|amap\.com", text, re.IGNORECASE) is None


def test_files_are_small_and_packed_without_name_or_time() -> None:
    packed = list(SEEDS.glob("*/*.gz"))
    assert len(packed) == 10
    for path in packed:
        head = path.read_bytes()[:10]
        assert head[3] == 0, f"{path.name} carries a file name"
        assert head[4:8] == b"\0\0\0\0", f"{path.name} carries a time"
    assert sum(path.stat().st_size for path in SEEDS.rglob("*") if path.is_file()) < 4_000_000


def test_five_thousand_named_places_with_hours_and_addresses() -> None:
    found = {
        slug: (
            len(places(slug)),
            sum(each["properties"]["opening_hours"] is not None for each in places(slug)),
            sum(bool(each["properties"]["address"]) for each in places(slug)),
        )
        for slug in CITIES
    }
    assert found == COUNTS
    assert sum(total for total, *_ in found.values()) >= 5_000


@pytest.mark.parametrize("slug", CITIES)
def test_places_are_keyed_once_sorted_and_inside_their_city(slug: str) -> None:
    keys = [each["properties"]["source_key"] for each in places(slug)]
    assert keys == sorted(set(keys))
    assert all(re.fullmatch(r"osm:(node|way|relation)/\d+", key) for key in keys)
    inside = outline(slug)
    shapely.prepare(inside)
    for each in places(slug):
        assert each["geometry"]["type"] == "Point"
        lon, lat = each["geometry"]["coordinates"]
        assert -180 <= lon <= 180
        assert -90 <= lat <= 90
        assert (round(lon, 7), round(lat, 7)) == (lon, lat)
        assert inside.covers(Point(lon, lat)), each["properties"]["source_key"]


@pytest.mark.parametrize("slug", CITIES)
def test_places_carry_listed_properties_with_known_categories_and_brands(slug: str) -> None:
    categories = {row["category_id"] for row in named("categories.json")}
    brands = {row["brand_id"] for row in named("brands.json")}
    for each in places(slug):
        facts = each["properties"]
        assert set(facts) == PROPERTIES
        assert 1 <= len(facts["name"]) <= 300
        assert facts["names"]["local"] == facts["name"]
        assert set(facts["names"]) <= LANGUAGES
        assert facts["category_id"] in categories
        assert set(facts["alternate_category_ids"]) <= categories - {facts["category_id"]}
        assert facts["brand_id"] is None or facts["brand_id"] in brands
        assert set(facts["address"]) <= ADDRESS
        assert set(facts["attributes"]) <= ATTRIBUTES
        texts = [*facts["names"].values(), *facts["address"].values(), *facts["attributes"].values()]
        assert all(isinstance(text, str) and text == " ".join(text.split()) and text for text in texts)


@pytest.mark.parametrize("slug", CITIES)
def test_no_email_and_no_mobile_number_is_kept(slug: str) -> None:
    for each in places(slug):
        facts = each["properties"]
        assert EMAIL.search(json.dumps(facts, ensure_ascii=False)) is None
        if facts["phone"] is not None:
            assert re.fullmatch(r"\+(86|49|358|376) \d{5,12}", facts["phone"])
            assert MOBILE.match(facts["phone"]) is None
        assert facts["website"] is None or re.match(r"https?://[^\s@]+$", facts["website"])


def test_addresses_are_clean() -> None:
    for slug, postcode in (
        ("hangzhou", r"31\d{4}"),
        ("berlin", r"1\d{4}"),
        ("helsinki", r"00\d{3}"),
        ("andorra", r"AD\d00"),
    ):
        codes = {each["properties"]["address"].get("postcode") for each in places(slug)} - {None}
        assert codes
        assert [code for code in codes if not re.fullmatch(postcode, code)] == []
    districts = {each["properties"]["address"].get("district") for each in places("hangzhou")} - {None}
    assert districts <= {
        "上城区", "拱墅区", "西湖区", "滨江区", "萧山区", "余杭区", "临平区", "钱塘区", "富阳区", "临安区", "桐庐县",
        "淳安县", "建德市",
    }  # fmt: skip  # today's 13 county-level divisions
    assert {each["properties"]["address"].get("city") for each in places("hangzhou")} == {None, "杭州市"}


def test_street_furniture_is_left_out() -> None:
    names = {each["properties"]["name"] for each in places("hangzhou")}
    assert not any("公共自行车" in name for name in names)
    sights = {each["properties"]["category_id"] for slug in CITIES for each in places(slug)}
    assert not sights & {"bench", "bicycle_rental", "toilets", "artwork", "memorial"}


def test_known_places_stand_where_they_stand() -> None:
    """Well-known positions, to a few hundred metres."""
    for slug, name, lon, lat in (
        ("hangzhou", "楼外楼", 120.1386, 30.2538),
        ("helsinki", "Stockmann", 24.9420, 60.1685),
        ("andorra", "Pyrénées", 1.5230, 42.5078),
    ):
        spots = [each["geometry"]["coordinates"] for each in places(slug) if name in each["properties"]["name"]]
        assert any(abs(x - lon) < 0.004 and abs(y - lat) < 0.004 for x, y in spots), (name, spots)


def test_category_tree_is_three_levels_deep_with_both_languages() -> None:
    rows = named("categories.json")
    depth: dict[str, int] = {}
    for row in rows:
        assert re.fullmatch(r"[a-z][a-z0-9_]{1,59}", row["category_id"])
        assert row["category_id"] not in depth
        assert row["names"]["en"]
        assert row["names"]["zh-Hans"]
        depth[row["category_id"]] = 1 if row["parent_id"] is None else depth[row["parent_id"]] + 1
    assert Counter(depth.values()) == {1: 16, 2: 48, 3: 175}
    assert depth["uncategorised"] == 1
    aliases = [(scheme, code) for row in rows for scheme, codes in row["aliases"].items() for code in codes]
    assert len(set(aliases)) == len(aliases)
    assert all(re.fullmatch(r"\d{6}", code) for scheme, code in aliases if scheme == "amap")
    used = {each["properties"]["category_id"] for slug in CITIES for each in places(slug)}
    assert sum(depth[category_id] == 3 for category_id in used) >= 100


def test_brands_are_used_and_named() -> None:
    rows = named("brands.json")
    assert [row["brand_id"] for row in rows] == sorted({row["brand_id"] for row in rows})
    used = {each["properties"]["brand_id"] for slug in CITIES for each in places(slug)} - {None}
    assert used == {row["brand_id"] for row in rows}
    for row in rows:
        assert row["names"]
        assert row.get("wikidata") == (row["brand_id"] if re.fullmatch(r"Q\d+", row["brand_id"]) else None)
    starbucks = next(row for row in rows if row["brand_id"] == "Q37158")
    assert starbucks["names"]["zh-Hans"] == "星巴克"


def test_holidays_name_published_days() -> None:
    with (SEEDS / "holidays.csv").open(encoding="utf-8", newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert list(rows[0]) == ["calendar", "on_date", "kind", "as_weekday", "name_en", "name_local"]
    kinds = {(row["calendar"], row["on_date"]): row["kind"] for row in rows}
    assert len(kinds) == len(rows)
    # The State Council's notice for 2025: off 28 January to 4 February, work on 26 January and 8 February.
    spring = [kinds.get(("CN", f"2025-{day}")) for day in ("01-26", "01-27", "01-28", "02-04", "02-05", "02-08")]
    assert spring == ["makeup_workday", None, "holiday", "holiday", None, "makeup_workday"]
    assert kinds["DE-BE", "2025-03-08"] == "holiday"  # Women's Day, in Berlin since 2019
    assert kinds["FI", "2026-12-06"] == "holiday"
    assert kinds["AD", "2027-09-08"] == "holiday"  # Our Lady of Meritxell
    years = {calendar: {day[:4] for cal, day in kinds if cal == calendar} for calendar, _ in kinds}
    assert years["CN"] >= {"2024", "2025", "2026"}
    assert all(years[each] == {"2024", "2025", "2026", "2027", "2028"} for each in ("DE-BE", "FI", "AD"))


@pytest.mark.parametrize("slug", CITIES)
def test_regions_are_valid_keyed_once_and_have_their_parents(slug: str) -> None:
    facts = [each["properties"] for each in regions(slug)]
    keys = {each["source_key"] for each in facts}
    assert len(keys) == len({each["region_code"] for each in facts}) == len(facts)
    for feature, fact in zip(regions(slug), facts, strict=True):
        assert set(fact) == {
            "source_key", "kind", "admin_level", "region_code", "names", "parent_key", "note", "demo",
        }  # fmt: skip
        assert fact["kind"] in REGION_KINDS
        assert 0 <= fact["admin_level"] <= 15
        assert fact["parent_key"] is None or fact["parent_key"] in keys
        assert (fact["kind"] == "business_district") == fact["demo"] == (fact["note"] == "hand-drawn for the demo")
        assert feature["geometry"]["type"] == "MultiPolygon"
        boundary = shape(feature["geometry"])
        assert boundary.is_valid, shapely.is_valid_reason(boundary)
        assert boundary.area > 0
        flat = shapely.get_coordinates(boundary)
        assert (flat.round(7) == flat).all()
    assert 4 <= sum(fact["demo"] for fact in facts) <= 8


def test_outlines_have_their_published_areas() -> None:
    for slug, published in (("hangzhou", 16_850), ("berlin", 891.8), ("andorra", 468)):
        assert km2(outline(slug)) == pytest.approx(published, rel=0.01)


def test_boroughs_and_parishes_fill_their_whole_without_overlap() -> None:
    for slug, kind, count in (("berlin", "borough", 12), ("andorra", "parish", 7)):
        parts = [shape(each["geometry"]) for each in regions(slug) if each["properties"]["kind"] == kind]
        assert len(parts) == count
        assert sum(part.area for part in parts) == pytest.approx(outline(slug).area, rel=1e-9)
        assert shapely.union_all(parts).symmetric_difference(outline(slug)).area < 1e-12
    codes = {each["properties"]["region_code"] for each in regions("andorra")}
    assert codes >= {"AD", "AD-02", "AD-03", "AD-04", "AD-05", "AD-06", "AD-07", "AD-08"}  # ISO 3166-2


def test_landmarks_lie_in_their_regions() -> None:
    for slug, key, lon, lat in (
        ("berlin", "berlin:bezirk/01", 13.3777, 52.5163),  # Brandenburg Gate, Mitte
        ("berlin", "berlin:bezirk/05", 13.2125, 52.5411),  # Spandau citadel
        ("berlin", "berlin:bezirk/08", 13.4350, 52.4811),  # Neukölln town hall
        ("andorra", "osm:relation/2804753", 1.5208, 42.5066),  # Casa de la Vall, Andorra la Vella
        ("hangzhou", "osm:relation/3221112", 120.1488, 30.2314),  # Leifeng pagoda
        ("helsinki", "extract:helsinki-centre", 24.9522, 60.1704),  # Helsinki cathedral
    ):
        assert area(slug, key).covers(Point(lon, lat)), key


def test_helsinki_says_that_its_outline_is_the_box_of_the_extract() -> None:
    first = regions("helsinki")[0]
    assert first["properties"]["kind"] == "extract"
    assert "not an administrative boundary" in first["properties"]["note"]
    assert outline("helsinki").equals(shapely.box(*outline("helsinki").bounds))


@pytest.mark.parametrize("slug", ["helsinki", "andorra"])
def test_basemaps_are_drawable_and_small(slug: str) -> None:
    path = SEEDS / slug / "basemap.geojsonl.gz"
    assert path.stat().st_size < 1_200_000
    west, south, east, north = outline(slug).bounds
    layers = Counter()
    for line in unpacked(path).splitlines():
        feature = strict(line)
        assert set(feature["properties"]) == {"layer", "class", "name"}
        drawn = shape(feature["geometry"])
        assert drawn.is_valid
        assert drawn.geom_type in ("LineString", "Polygon")
        assert shapely.box(west - 0.003, south - 0.003, east + 0.003, north + 0.003).covers(drawn)
        layers[feature["properties"]["layer"]] += 1
    assert set(layers) == {"road", "water", "green"}
    assert layers["road"] >= 500


def test_readme_states_the_counts() -> None:
    text = (SEEDS / "README.md").read_text(encoding="utf-8").replace(",", "")
    for slug in CITIES:
        total, hours, addresses = COUNTS[slug]
        assert re.search(rf"\| {slug}/places[^\n]*\b{total}\b[^\n]*\b{hours}\b[^\n]*\b{addresses}\b", text), slug
