"""Plans and statement counts at a size where an index matters: a hundred thousand skewed places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.core.clock import system_clock
from app.core.db import Database, open_database
from app.core.ids import new_city_id
from app.core.settings import Settings
from app.coupons.search_rows import put_coupon_lanes
from app.factory import create_app
from app.places.queries_links import show_links
from app.service_areas.queries_owned import measure_extents
from tests.conftest import MakeDatabase
from tests.plans.guard import Recording, recorded
from tests.servers import fujin

PLACES = 100_000
LARGE = {"place_facts", "place_sources", "places", "coupon_places", "postings", "place_regions"}


@pytest.fixture(scope="module")
def large(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[tuple[FlaskClient, Database, sa.Engine]]:
    """A client over a database with the synthetic places, its engines, and the owner's engine to explain with."""
    settings = settings_for(make_database(migrated_template))
    fujin(settings, "seed", "--scale", str(PLACES))
    database = open_database(settings)
    owner = sa.create_engine(settings.database_owner_url or "")
    yield create_app(settings, database=database).test_client(), database, owner
    database.dispose()
    owner.dispose()


@pytest.fixture(scope="module")
def crowded(large: tuple[FlaskClient, Database, sa.Engine]) -> str:
    """The query of a point in the middle of the densest spot."""
    with large[2].connect() as conn:
        lon, lat = conn.execute(
            sa.text(
                "SELECT round(st_x(location::geometry)::numeric, 2), round(st_y(location::geometry)::numeric, 2)"
                " FROM place_facts WHERE city_id >= 100 GROUP BY 1, 2 ORDER BY count(*) DESC, 1, 2 LIMIT 1"
            )
        ).one()
    return f"lat={lat}&lon={lon}"


def asked(large: tuple[FlaskClient, Database, sa.Engine], path: str) -> Recording:
    client, database, _ = large
    with recorded(database.reading, database.primary) as recording:
        response = client.get(path)
    assert response.status_code == 200, response.get_json()
    assert response.get_json()["items"]
    return recording


@dataclass
class Touched:
    """What the statements of a request did to tables and indexes: scans from end to end, and index entries read."""

    read_whole: set[str]
    entries: dict[str, int]


def touched(owner: sa.Engine, recording: Recording) -> Touched:
    """Runs recorded statements again, and reads what their transaction counted; inside functions as well."""
    with owner.connect() as conn:
        before = counted(conn)
        for statement, parameters in recording.explained():
            conn.exec_driver_sql(statement, parameters).all()
        after = counted(conn)
        conn.rollback()
    return between(before, after)


def between(before: dict[tuple[str, str], tuple[int, int]], after: dict[tuple[str, str], tuple[int, int]]) -> Touched:
    """What was done between two counts."""
    done = {key: (scans - before[key][0], read - before[key][1]) for key, (scans, read) in after.items()}
    return Touched(
        {name for (kind, name), (scans, _) in done.items() if kind == "r" and scans and name in LARGE},
        {name: read for (kind, name), (scans, read) in done.items() if kind == "i" and scans},
    )


def counted(conn: sa.Connection) -> dict[tuple[str, str], tuple[int, int]]:
    """Scans and entries read so far, by kind (r, i) and name; the session has not handed all of them in yet."""
    rows = conn.exec_driver_sql(
        "SELECT relkind, relname, pg_stat_get_xact_numscans(oid), pg_stat_get_xact_tuples_returned(oid)"
        " FROM pg_class WHERE relkind IN ('r', 'i') AND relnamespace = 'public'::regnamespace"
    ).all()
    return {(kind, name): (scans, read) for kind, name, scans, read in rows}


# The page, then the total: its 1,001 matches, or at most 4,000 entries looked at, twice.
FILTERS = {
    "": 1_100,
    "&open_now=true": 8_500,
    "&category=food": 1_100,
    "&has_coupon=true": 8_500,
    "&q=tea": 2_500,
    "&open_now=true&include_unknown=true&category=food": 8_500,
}


@pytest.mark.parametrize("more", FILTERS)
@pytest.mark.parametrize("radius_m", [200, 1000, 20_000])
def test_places_nearby_read_few_entries_of_the_lanes(
    large: tuple[FlaskClient, Database, sa.Engine], crowded: str, more: str, radius_m: int
) -> None:
    found = touched(large[2], asked(large, f"/v1/places/nearby?{crowded}&radius_m={radius_m}{more}"))
    assert not found.read_whole
    assert 0 < found.entries["postings_spot_ix"] <= FILTERS[more]
    assert found.entries["place_facts_pk"] <= 21


def test_a_page_reads_no_more_entries_than_it_has_to(
    large: tuple[FlaskClient, Database, sa.Engine], crowded: str
) -> None:
    client, _, owner = large
    first = client.get(f"/v1/places/nearby?{crowded}&radius_m=20000").get_json()
    second = asked(large, f"/v1/places/nearby?{crowded}&radius_m=20000&cursor={first['next_cursor']}")
    # Without a total: 21 rows past the first 20, twelve to spare, all of them sorted; a tie may ask once more.
    assert touched(owner, second).entries["postings_spot_ix"] <= 200


def test_who_shows_a_version_reads_no_search_rows_but_those_of_coupons(
    large: tuple[FlaskClient, Database, sa.Engine],
) -> None:
    with large[2].connect() as conn:
        city, lanes = conn.execute(
            sa.text(
                "SELECT p.city_id, count(*) FROM postings p JOIN search_facets f USING (city_id, facet)"
                " WHERE f.kind = 'coupon' AND p.city_id >= 100 GROUP BY p.city_id ORDER BY count(*) DESC LIMIT 1"
            )
        ).one()
        before = counted(conn)
        put_coupon_lanes(conn, city, 1)
        found = between(before, counted(conn))
        conn.rollback()
    # Each is looked at to tell whether it stays, and once more by its place's own row.
    assert "postings" not in found.read_whole
    assert lanes <= found.entries["postings_spot_ix"] <= 2 * lanes
    assert found.entries["postings_pk"] <= 4 * lanes


# Three hundred places of a city, each with an area around a point.
AREAS_AROUND = sa.text("""
    WITH few AS (
        SELECT f.city_id, f.place_id, o.merchant_id, gen_random_uuid() AS area_id FROM place_facts f
        JOIN place_operators o ON o.city_id = f.city_id AND o.place_id = f.place_id
        WHERE f.city_id >= 100 AND NOT f.closed
        ORDER BY f.location <-> st_setsrid(st_makepoint(:lon, :lat), 4326)::geography LIMIT 300),
    areas AS (
        INSERT INTO service_areas (city_id, service_area_id, place_id, merchant_id, external_id, kind, created_at)
        SELECT city_id, area_id, place_id, merchant_id, 'plan', 'delivery', now() FROM few)
    INSERT INTO service_area_versions (city_id, service_area_id, version, state, names, boundary, area_m2, priority,
        currency, fee_minor, min_order_minor, effective_from, created_at)
    SELECT city_id, area_id, 1, 'published', '{}',
        st_multi(st_expand(st_setsrid(st_makepoint(:lon, :lat), 4326), 0.01)),
        1, 0, 'CNY', 0, 0, now() - interval '1 day', now() FROM few
""")


@pytest.mark.parametrize("path", ["places", "coupons"])
def test_those_that_serve_a_point_are_read_by_their_keys(
    large: tuple[FlaskClient, Database, sa.Engine], crowded: str, path: str
) -> None:
    client, _, owner = large
    lat, lon = (part.partition("=")[2] for part in crowded.split("&"))
    with owner.begin() as conn:
        if not conn.exec_driver_sql("SELECT count(*) FROM service_areas WHERE external_id = 'plan'").scalar_one():
            conn.execute(AREAS_AROUND, {"lon": float(lon), "lat": float(lat)})
            measure_extents(conn)
    wanted = f"/v1/{path}/nearby?{crowded}&radius_m=50000&serves={lat},{lon}&serves_kind=delivery"
    found = touched(owner, asked(large, wanted))
    assert not found.read_whole
    assert "postings_spot_ix" not in found.entries
    assert client.get(wanted).get_json()["total"]["value"] > 0
    # One look at each place for the page and its total; of coupons' places the lanes of coupons too.
    assert found.entries["postings_pk"] <= {"places": 300, "coupons": 3000}[path]


@pytest.mark.parametrize("more", ["", "&kind=amount_off", "&category=food"])
def test_coupons_nearby_read_no_table_from_end_to_end(
    large: tuple[FlaskClient, Database, sa.Engine], crowded: str, more: str
) -> None:
    found = touched(large[2], asked(large, f"/v1/coupons/nearby?{crowded}&radius_m=1000{more}"))
    assert not found.read_whole
    assert found.entries["postings_spot_ix"] > 0


def test_the_number_of_statements_does_not_grow_with_the_page(
    large: tuple[FlaskClient, Database, sa.Engine], crowded: str
) -> None:
    few, many = (
        len(asked(large, f"/v1/places/nearby?{crowded}&radius_m=1000&limit={limit}").explained()) for limit in (20, 100)
    )
    assert few == many <= 5


@pytest.fixture(scope="module")
def around_there(large: tuple[FlaskClient, Database, sa.Engine], crowded: str) -> UUID:
    """An area of 2,000 corners around the densest spot, in force and linked."""
    lat, lon = (float(part.split("=")[1]) for part in crowded.split("&"))
    ring = "st_buffer(st_setsrid(st_makepoint(:lon, :lat), 4326), 0.02, 500)"
    with large[2].begin() as conn:
        city = conn.execute(
            sa.text(
                "SELECT city_id FROM place_facts WHERE location && st_expand(st_makepoint(:lon, :lat)::geometry, 0.01)"
                " ::geography GROUP BY city_id ORDER BY count(*) DESC LIMIT 1"
            ),
            {"lon": lon, "lat": lat},
        ).scalar_one()
        given = {"c": city, "r": new_city_id(city), "d": new_city_id(city), "lon": lon, "lat": lat}
        for statement in (
            "INSERT INTO datasets (city_id, dataset_id, kind, version, state, source_name, source_sha256, licence,"
            " attribution, rows_declared, rows_stored, rows_refused, created_at)"
            " VALUES (:c, :d, 'regions', 1, 'active', 'test', '\\x00', 'CC0-1.0', 'test', 1, 1, 0, now())",
            "INSERT INTO active_dataset VALUES (:c, 'regions', 1, NULL, NULL, NULL, NULL, 1, now())",
            "INSERT INTO regions VALUES (:c, :r, now())",
            "INSERT INTO region_facts (city_id, version, region_id, kind, admin_level, region_code, names, boundary,"
            " area_m2, extend_m, demo) VALUES (:c, 1, :r, 'district', 6, 'x', '{\"en\": \"There\"}',"
            f" st_multi({ring}), st_area({ring}::geography), 500, true)",
            "UPDATE dataset_epoch SET epoch = epoch + 1",
        ):
            conn.execute(sa.text(statement), given)
        show_links(conn, city, system_clock())
        conn.execute(sa.text("ANALYZE place_regions, region_facts"))
    return UUID(str(given["r"]))


@pytest.mark.parametrize("more", ["", "&include_fringe=true", "&category=food", "&sort=popularity"])
@pytest.mark.parametrize("what", ["places", "coupons"])
def test_a_search_kept_to_an_area_asks_links_by_key(
    large: tuple[FlaskClient, Database, sa.Engine], crowded: str, around_there: UUID, what: str, more: str
) -> None:
    if what == "coupons" and "sort" in more:
        more = "&sort=newest"
    recording = asked(large, f"/v1/{what}/nearby?{crowded}&radius_m=1000&region={around_there}{more}")
    found = touched(large[2], recording)
    assert not found.read_whole
    assert 0 < found.entries["place_regions_pk"] <= found.entries["postings_spot_ix"]
    assert "place_regions_region_ix" not in found.entries
