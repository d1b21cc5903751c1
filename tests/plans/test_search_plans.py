"""Plans and statement counts at a size where an index matters: sixty thousand skewed places."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import sqlalchemy as sa
from flask.testing import FlaskClient

from app.core.db import Database, open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import MakeDatabase
from tests.plans.guard import Recording, recorded
from tests.servers import fujin

PLACES = 60_000
LARGE = {"place_facts", "place_sources", "places", "coupon_places"}


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


def scans(owner: sa.Engine, recording: Recording) -> list[dict[str, Any]]:
    """Every scan of a large table in the plans of what was recorded."""
    found: list[dict[str, Any]] = []

    def walk(node: dict[str, Any]) -> None:
        if node.get("Relation Name") in LARGE or str(node.get("Index Name", "")).startswith("place_facts"):
            found.append(node)
        for inner in node.get("Plans", ()):
            walk(inner)

    with owner.connect() as conn:
        for statement, parameters in recording.explained():
            walk(conn.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", parameters).scalar_one()[0]["Plan"])
        conn.rollback()
    return found


@pytest.mark.parametrize(
    "more",
    ["", "&open_now=true", "&category=food", "&has_coupon=true", "&open_now=true&include_unknown=true&category=food"],
)
@pytest.mark.parametrize("radius_m", [200, 1000])
def test_places_nearby_use_the_spatial_index(
    large: tuple[FlaskClient, Database, sa.Engine], crowded: str, more: str, radius_m: int
) -> None:
    recording = asked(large, f"/v1/places/nearby?{crowded}&radius_m={radius_m}{more}")
    found = scans(large[2], recording)
    assert not [node for node in found if node["Node Type"] == "Seq Scan"]
    assert "place_facts_location_ix" in {node.get("Index Name") for node in found}


@pytest.mark.parametrize("more", ["", "&kind=amount_off", "&category=food"])
def test_coupons_nearby_read_no_table_from_end_to_end(
    large: tuple[FlaskClient, Database, sa.Engine], crowded: str, more: str
) -> None:
    recording = asked(large, f"/v1/coupons/nearby?{crowded}&radius_m=1000{more}")
    assert not [node for node in scans(large[2], recording) if node["Node Type"] == "Seq Scan"]


def test_the_number_of_statements_does_not_grow_with_the_page(
    large: tuple[FlaskClient, Database, sa.Engine], crowded: str
) -> None:
    few, many = (
        len(asked(large, f"/v1/places/nearby?{crowded}&radius_m=1000&limit={limit}").explained()) for limit in (20, 100)
    )
    assert few == many <= 5
