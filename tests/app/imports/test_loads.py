"""A file becomes a version: what is refused, what keeps its identity, what readers see and when."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg2
import pytest
import shapely
import sqlalchemy as sa
from sqlalchemy import Connection

from app.cities import queries as cities
from app.core.ids import city_of, new_city_id
from app.imports import actions
from app.imports.copying import copy_rows
from app.imports.errors import UnknownVersion, UnreadableFile, VersionNotReady
from app.imports.types import LoadReport, LoadRequest
from app.places.tables import place_facts, places
from app.regions.queries import outline_of
from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.grid_shift import Datum, from_wgs84
from tests.app.imports.loadfiles import CITY, LATER, NOW, ORIGIN, only_row, place, region

Load = Callable[..., LoadReport]


def facts(conn: Connection, version: int) -> dict[str, Any]:
    rows = conn.execute(
        sa.text(
            "SELECT f.*, h.opening_hours, h.parsed, h.time_zone FROM place_facts f"
            " LEFT JOIN hours_patterns h USING (city_id, version, hours_no) WHERE city_id = :c AND version = :v"
        ),
        {"c": CITY, "v": version},
    )
    return {row.source_key: row for row in rows}


def test_nothing_of_a_version_is_seen_before_it_is_activated(town: Connection, load: Load) -> None:
    report = load([place("a"), place("b")])
    assert (report.outcome, report.version, report.declared, report.stored, report.refused) == ("staged", 1, 2, 2, 0)
    assert cities.everything_active(town).city(CITY).versions == {}  # type: ignore[union-attr]
    actions.activate(town, CITY, "places", 1, NOW)
    assert cities.everything_active(town).city(CITY).versions == {"places": 1}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("not json", "not a JSON object"),
        ("[1]", "not a JSON object"),
        ({"type": "Point"}, "not a GeoJSON Feature"),
        (place("x", 190.0), "invalid-coordinate"),
        (place("x", -17.0, 179.9), "swapped"),
        (place("x", "179.9"), "invalid-coordinate"),
        ('{"type":"Feature","geometry":{"type":"Point","coordinates":[NaN,1]},"properties":{}}', "not a JSON object"),
        (place("x") | {"geometry": None}, "invalid-geometry"),
        (place("x", name=""), "name is missing"),
        (place("x", name="n" * 301), "name has more than 300"),
        (place("x", name="a\x00b"), "name holds control characters"),
        (place("x", names={"Klingon!": "x"}), "no language tag"),
        (place("x", category_id="spaceport"), "unknown category spaceport"),
        (place("x", alternate_category_ids=["spaceport"]), "unknown category spaceport"),
        (place("x", brand_id="nobody"), "unknown brand nobody"),
        (place("x", website="javascript:alert(1)"), "website does not begin"),
        (place("x", price_level=5), "price_level is not a whole number from 1 to 4"),
        (place("x", closed="no"), "closed is not true or false"),
        (place("x", attributes={"a": {"b": 1}}), "attributes/a is neither"),
        (place("x", opening_hours="x" * 1001), "opening_hours has more than 1000"),
        (place(""), "source_key is missing"),
        (place("a"), "came before in the file"),
    ],
)
def test_a_bad_row_is_refused_with_its_number_and_the_rest_goes_on(
    town: Connection, load: Load, row: Any, reason: str
) -> None:
    report = load([place("a"), row, place("z")])
    assert (report.declared, report.stored, report.refused) == (3, 2, 1)
    (fault,) = report.faults
    assert fault.row == 2
    assert reason in fault.reason
    assert set(facts(town, 1)) == {"a", "z"}
    stored = only_row(town, "SELECT rows_declared, rows_stored, rows_refused FROM datasets WHERE city_id = 7")
    assert tuple(stored) == (3, 2, 1)


def test_too_many_refused_rows_block_the_version_and_leave_no_rows(town: Connection, load: Load) -> None:
    load([place("a")], activate=True)
    report = load([place("b"), place("c", category_id="spaceport")], share=None)
    assert (report.outcome, report.version, report.stored, report.refused) == ("failed", 2, 0, 1)
    assert facts(town, 2) == {}
    assert only_row(town, "SELECT count(*) FROM places WHERE city_id = 7")[0] == 1
    assert cities.active_version(town, CITY, "places").version == 1  # type: ignore[union-attr]
    with pytest.raises(VersionNotReady):
        actions.activate(town, CITY, "places", 2, NOW)


def test_a_file_without_any_good_row_is_blocked(load: Load) -> None:
    assert load([{"type": "Feature"}, "[]"]).outcome == "failed"


def test_a_place_keeps_its_id_in_every_later_version(town: Connection, load: Load) -> None:
    load([place("a", name="Old"), place("gone")], activate=True)
    report = load([place("new"), place("a", name="New")], activate=True, now=LATER)
    before, after = facts(town, 1), facts(town, 2)
    assert report.created == 1
    assert after["a"].place_id == before["a"].place_id
    assert (before["a"].name, after["a"].name) == ("Old", "New")
    assert {city_of(row.place_id) for row in [*before.values(), *after.values()]} == {CITY}
    assert only_row(town, "SELECT count(*) FROM places WHERE city_id = 7")[0] == 3


def test_corrections_are_applied_again_to_each_version(town: Connection, load: Load) -> None:
    load([place("a", phone="1", opening_hours="24/7")], activate=True)
    fixes = {
        "names": {"local": "Right", "en": "Right one"},
        "phone": None,
        "website": "https://right.example",
        "opening_hours": "Mo 10:00-12:00",
        "closed": True,
    }
    for number, (field, value) in enumerate(fixes.items()):
        town.execute(
            sa.text(
                "INSERT INTO place_overlays (city_id, overlay_id, place_id, field, value, reason, author_id,"
                " created_at, state) VALUES (7, :o, :p, :f, cast(:v AS jsonb), 'seen on the spot', :p, now(), 'live')"
            ),
            {
                "o": new_city_id(CITY, number),
                "p": facts(town, 1)["a"].place_id,
                "f": field,
                "v": json.dumps(value),
            },
        )
    load([place("a", phone="2", opening_hours="24/7", name="Wrong again")], activate=True)
    row = facts(town, 2)["a"]
    assert (row.name, row.names, row.phone, row.website) == ("Right", fixes["names"], None, "https://right.example")
    assert (row.opening_hours, row.closed) == ("Mo 10:00-12:00", True)
    assert cities.everything_active(town).city(CITY).places_extent is None  # type: ignore[union-attr]


def test_equal_opening_hours_are_kept_once_and_unreadable_ones_are_marked(town: Connection, load: Load) -> None:
    report = load(
        [
            place("a", opening_hours="24/7"),
            place("b", opening_hours="24/7"),
            place("c", opening_hours="24/7", workday_calendar=True),
            place("d", opening_hours="when we like"),
            place("e"),
        ]
    )
    rows = facts(town, 1)
    assert rows["a"].hours_no == rows["b"].hours_no != rows["c"].hours_no
    assert (rows["d"].parsed, rows["a"].parsed, rows["e"].hours_no) == (False, True, None)
    assert report.unreadable_hours == 1
    found = only_row(town, "SELECT count(*), min(time_zone), min(calendar) FROM hours_patterns WHERE city_id = 7")
    assert tuple(found) == (3, "Pacific/Fiji", "FJ")


def test_activation_moves_one_pointer_and_going_back_moves_it_back(town: Connection, load: Load) -> None:
    load([place("a")], activate=True)
    load([place("b"), place("c")], activate=True, now=LATER)
    states = "SELECT array_agg(state ORDER BY version) FROM datasets WHERE city_id = 7"
    assert only_row(town, states)[0] == ["retired", "active"]
    assert actions.rollback(town, CITY, "places", LATER).version == 1
    assert only_row(town, states)[0] == ["active", "retired"]
    assert only_row(town, "SELECT version, row_count FROM active_dataset WHERE city_id = 7") == (1, 1)
    with pytest.raises(UnknownVersion):
        actions.rollback(town, CITY, "places", LATER)
    assert actions.activate(town, CITY, "places", 2, LATER).active
    assert only_row(town, "SELECT version, row_count FROM active_dataset WHERE city_id = 7") == (2, 2)


def test_the_file_of_the_active_version_changes_nothing(town: Connection, load: Load) -> None:
    load([place("a")], activate=True)
    again = load([place("a")])
    assert (again.outcome, again.version) == ("unchanged", 1)
    assert only_row(town, "SELECT count(*) FROM datasets WHERE city_id = 7")[0] == 1
    assert load([place("a"), place("b")]).version == 2


def test_the_extent_is_the_smallest_box_of_the_live_places(town: Connection, load: Load) -> None:
    load(
        [
            place("a", 179.5, -17.5),
            place("b", -179.25, -16.5),
            place("c", 179.75, -17.0),
            place("x", 0.0, 0.0, closed=True),
        ],
        activate=True,
    )
    city = cities.everything_active(town).city(CITY)
    assert city is not None
    assert city.places_extent == Bbox(179.5, -17.5, -179.25, -16.5)
    assert city.row_counts == {"places": 3}
    assert [(a.kind, a.licence, a.attribution) for a in city.attributions] == [("places", "CC0-1.0", "© A survey")]


def test_a_declared_datum_is_undone_and_the_written_digits_are_kept(town: Connection, load: Load) -> None:
    true = LonLat(120.1551, 30.2741)
    written = from_wgs84(true, Datum.GCJ02)
    town.execute(sa.text("UPDATE cities SET centre_lon = 120.2, centre_lat = 30.3 WHERE city_id = 7"))
    report = load([place("a", written.lon, written.lat)], datum=Datum.GCJ02)
    assert report.blocked is None
    row = facts(town, 1)["a"]
    lon, lat = only_row(town, "SELECT ST_X(location::geometry), ST_Y(location::geometry) FROM place_facts")
    assert (lon, lat) == pytest.approx(true.xy, abs=1e-7)
    assert (row.source_datum, row.source_lon, row.source_lat) == ("gcj02", written.lon, written.lat)


def test_regions_keep_ids_know_their_parent_and_refuse_a_crossing_ring(town: Connection, load: Load) -> None:
    bow_tie = [[179.0, 0.0], [179.1, 0.1], [179.1, 0.0], [179.0, 0.1], [179.0, 0.0]]
    report = load(
        [region("child", parent_key="top"), region("top", kind="city"), region("bad", bow_tie),
         region("lost", parent_key="bad"), region("loop", parent_key="loop")],
        "regions",
        activate=True,
    )  # fmt: skip
    assert (report.declared, report.stored, report.refused) == (5, 2, 3)
    reasons = {fault.source_key: fault.reason for fault in report.faults}
    assert "invalid-geometry" in reasons["bad"]
    assert "parent" in reasons["lost"]
    assert "parent" in reasons["loop"]
    row = only_row(
        town,
        "SELECT c.parent_id = p.region_id, c.area_m2, ST_Area(c.boundary::geography), c.region_id FROM region_facts c"
        " JOIN region_facts p ON p.kind = 'city' WHERE c.region_code = 'child'",
    )
    assert row[0] is True
    assert row[1] == pytest.approx(row[2], rel=1e-5)
    load([region("child")], "regions", activate=True)
    assert only_row(town, "SELECT region_id FROM region_facts WHERE version = 2")[0] == row[3]


def test_one_bad_region_blocks_the_version(load: Load) -> None:
    assert load([region("a"), region("b", parent_key="none")], "regions", share=None).outcome == "failed"


def test_where_coupons_can_be_used_follows_the_active_versions(town: Connection, load: Load) -> None:
    load([place("a"), place("b", 179.9, -17.12)], activate=True)
    load([region("r")], "regions", activate=True)
    ids = {key: row.place_id for key, row in facts(town, 1).items()}
    region_id = only_row(town, "SELECT region_id FROM regions WHERE city_id = 7")[0]
    merchant = ids["a"]
    town.execute(sa.text("INSERT INTO merchants VALUES (:m, '{}', 'active', 7, now())"), {"m": merchant})
    for key in ids:
        town.execute(sa.text("INSERT INTO place_operators VALUES (7, :p, :m, now())"), {"p": ids[key], "m": merchant})
    named = _coupon(town, merchant, "places", [ids["a"], ids["b"]])
    around = _coupon(town, merchant, "regions", [region_id])

    def usable() -> set[tuple[Any, Any]]:
        return {tuple(row) for row in town.execute(sa.text("SELECT coupon_id, place_id FROM coupon_places"))}

    load([place("a"), place("b", 179.9, -17.12), place("c")], activate=True)
    assert usable() == {(named, ids["a"]), (named, ids["b"]), (around, ids["a"])}
    load([place("b", 179.9, -17.0)], activate=True)
    assert usable() == {(named, ids["b"]), (around, ids["b"])}
    actions.rollback(town, CITY, "places", LATER)
    assert usable() == {(named, ids["a"]), (named, ids["b"]), (around, ids["a"])}


def test_a_coupons_area_lives_on_in_the_areas_that_followed_it(town: Connection, load: Load) -> None:
    """Drawn by hand: r is cut at 179.9 into west and east; then west goes into new, and nobody names r any more."""
    west = [[179.8, -17.1], [179.9, -17.1], [179.9, -16.9], [179.8, -16.9], [179.8, -17.1]]
    east = [[179.9, -17.1], [180.0, -17.1], [180.0, -16.9], [179.9, -16.9], [179.9, -17.1]]
    load([place("a", 179.85), place("b", 179.95)], activate=True)
    load([region("r")], "regions", activate=True)
    ids = {key: row.place_id for key, row in facts(town, 1).items()}
    region_id = only_row(town, "SELECT region_id FROM regions WHERE city_id = 7")[0]
    merchant = ids["a"]
    town.execute(sa.text("INSERT INTO merchants VALUES (:m, '{}', 'active', 7, now())"), {"m": merchant})
    for key in ids:
        town.execute(sa.text("INSERT INTO place_operators VALUES (7, :p, :m, now())"), {"p": ids[key], "m": merchant})
    _coupon(town, merchant, "regions", [region_id])

    def usable() -> set[Any]:
        return set(town.execute(sa.text("SELECT place_id FROM coupon_places")).scalars())

    def drawn(version: int) -> float:
        found = outline_of(town, CITY, version, region_id)
        return 0.0 if found is None else float(shapely.from_wkb(found[0]).area)

    load([region("r", west), region("east", east, successor_of=["r"])], "regions", activate=True)
    assert (usable(), drawn(2)) == ({ids["a"]}, pytest.approx(0.02))
    load([region("west", west, successor_of=["r"]), region("east", east)], "regions", activate=True)
    assert (usable(), drawn(3)) == ({ids["a"], ids["b"]}, pytest.approx(0.04))
    load([region("new", west, successor_of=["west"]), region("east", east)], "regions", activate=True)
    assert (usable(), drawn(4)) == ({ids["a"], ids["b"]}, pytest.approx(0.04))
    load([region("west", west), region("z", east)], "regions", activate=True)
    assert (usable(), drawn(5)) == (set(), 0.0)
    refused = load([region("z", east, successor_of=["z", "never"])], "regions")
    assert [fault.reason for fault in refused.faults] == ["successor_of names never, which no version ever held"]


def _coupon(conn: Connection, merchant: Any, scope_kind: str, scope: list[Any]) -> Any:
    coupon = actions.random_id(CITY, "")
    conn.execute(
        sa.text("INSERT INTO coupons VALUES (7, :c, :m, null, 'published', 1, now(), now())"),
        {"c": coupon, "m": merchant},
    )
    conn.execute(
        sa.text(
            "INSERT INTO coupon_versions (city_id, coupon_id, version, kind, titles, summaries, currency, price_minor,"
            " min_spend_minor, time_zone, claim_from, claim_until, use_until, blackout_dates, scope_kind, fulfilment,"
            " quota, per_member, units, stacking, reversal_window_s, refund_policy, refund_below_min_spend,"
            " rounding_rule, platform_share_bp, commission_bp, code_source, offline_allowed, created_by, created_at)"
            " VALUES (7, :c, 1, 'gift', '{}', '{}', 'FJD', 0, 0, 'Pacific/Fiji', now(), now() + '1 day',"
            " now() + '2 days', '{}', :k, 'in_store', 1, 1, 1, 'exclusive', 0, 'none', 'keep', 'floor', 0, 0,"
            " 'generated', false, :c, now())"
        ),
        {"c": coupon, "k": scope_kind},
    )
    for thing in scope:
        conn.execute(sa.text("INSERT INTO coupon_scopes VALUES (7, :c, 1, :s)"), {"c": coupon, "s": thing})
    return coupon


@pytest.mark.parametrize("name", ["cut.geojsonl.gz", "whole.geojson", "crs.geojson", "places.shp"])
def test_a_file_that_is_no_good_as_a_whole_fails_and_says_so(town: Connection, tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    content = json.dumps({"type": "FeatureCollection", "features": [place("a")], "crs": {"type": "name"}})
    if name.startswith("cut"):
        path.write_bytes(gzip.compress(content.encode() * 50)[:-20])
    elif name.startswith("crs"):
        path.write_text(content)
    else:
        path.write_text('{"type": "FeatureCollection", "features": [')
    with pytest.raises(UnreadableFile):
        actions.load(town, LoadRequest(CITY, "places", path, ORIGIN), NOW)
    town.commit()
    assert only_row(town, "SELECT state, rows_stored FROM datasets WHERE city_id = 7") == ("failed", 0)
    assert facts(town, 1) == {}


def test_a_feature_collection_reads_like_lines(town: Connection, tmp_path: Path) -> None:
    path = tmp_path / "places.geojson.gz"
    content = json.dumps({"type": "FeatureCollection", "features": [place("a"), place("b")]})
    path.write_bytes(gzip.compress(content.encode()))
    assert actions.load(town, LoadRequest(CITY, "places", path, ORIGIN), NOW).stored == 2


def test_a_city_holds_no_categories_and_the_world_no_places(town: Connection, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text("[]")
    for city_id, kind in ((CITY, "categories"), (1, "places")):
        with pytest.raises(VersionNotReady):
            actions.load(town, LoadRequest(city_id, kind, tmp_path / "x.json", ORIGIN), NOW)


def test_copy_keeps_every_character(town: Connection, load: Load) -> None:
    nasty = "tab\\t quote\" back\\slash {curly} \\N 中文 🏮 ; '--"
    load([place("a", name=nasty, names={"local": nasty}, address={"street": nasty}, alternate_category_ids=["shop"])])
    row = facts(town, 1)["a"]
    assert (row.name, row.names, row.address) == (nasty, {"local": nasty}, {"street": nasty})
    assert row.alternate_category_ids == ["shop"]


def test_copy_refuses_a_value_it_has_no_form_for(town: Connection) -> None:
    with pytest.raises(psycopg2.Error, match="no COPY form for object"):
        copy_rows(town, places, ("city_id",), [(object(),)])
    town.rollback()
    assert town.execute(sa.select(sa.func.count()).select_from(place_facts)).scalar_one() == 0
