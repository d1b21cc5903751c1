"""Corrections, merges, reports and decisions on the partitioned stand-in: each statement stays in one city."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from app.cities.queries import territory_by_id, world_versions
from app.core.ids import new_city_id
from app.coupons.search_rows import follow_places
from app.imports.conflation import actions as conflation
from app.imports.conflation.deciding import Decision, decide, mark_duplicate
from app.imports.conflation.present import reviews_json
from app.imports.staging import Target
from app.places import overlays, queries_overlays, queries_reviews, reports
from app.places.queries_edits import Author
from tests.conftest import MakeDatabase
from tests.factories.migrating import make_standin
from tests.factories.worlds import NOW, World
from tests.plans.guard import one_city_a_statement

CITY = 2
WHO = uuid.UUID(int=7)
AUTHOR = Author(WHO, "a test", None, NOW + timedelta(days=1))
Spot = dict[str, Any]


@pytest.fixture
def standin(make_database: MakeDatabase) -> sa.Engine:
    """Two cities; of the first a version that readers see, and one that is staged with a place of another source."""
    engine = sa.create_engine(make_standin(make_database))
    world = World(engine)
    world.basics()
    for city_id in (CITY, 3):
        world.city(city_id, f"city-{city_id}")
        world.dataset(city_id, "places", 1)
    twins: list[Spot] = [{"lon": lon, "lat": 50.0, "name": "Blue Moon"} for lon in (10.0, 10.001)]
    world.places(CITY, 1, [*twins, {"lon": 10.01, "lat": 50.0, "name": "Red Sun"}])
    world.places(3, 1, [{"lon": 20.0, "lat": 50.0, "name": "Blue Moon"}])
    for city_id in (CITY, 3):
        world.activate(city_id, "places", 1)
    world.dataset(CITY, "places", 2)
    world.places(CITY, 2, [*twins[:1], {"lon": 10.01, "lat": 50.0, "name": "Red Sun", "phone": "0301234567"}])
    world.run("UPDATE datasets SET state = 'staged' WHERE city_id = 2 AND version = 2", {})
    world.run(
        "INSERT INTO place_sources SELECT city_id, place_id::text, place_id FROM places"
        " WHERE NOT EXISTS (SELECT 1 FROM place_sources s WHERE s.place_id = places.place_id)",
        {},
    )
    return engine


def test_corrections_and_merges_stay_in_one_city(standin: sa.Engine) -> None:
    work = sa.create_engine(standin.url)
    with one_city_a_statement(standin, work) as recording, work.connect() as conn:
        stated = "SELECT place_id FROM place_facts WHERE city_id = 2 AND version = 1 ORDER BY st_x(location::geometry)"
        one, other, sun = conn.execute(sa.text(stated)).scalars()
        made = overlays.correct(conn, CITY, sun, "phone", "1234567", AUTHOR, NOW, follow_places)
        overlays.correct(conn, CITY, sun, "closed", True, AUTHOR, NOW, follow_places)
        overlays.withdraw(conn, CITY, made.overlay_id, NOW, follow_places)
        overlays.expire(conn, CITY, NOW + timedelta(days=2), follow_places)
        mark_duplicate(conn, CITY, other, one, Author(WHO, "the same"), "x", NOW)
        (done,) = queries_reviews.reviews(conn, CITY, "done", None, None, 10)
        decide(conn, CITY, done.review_id, Decision("undo", None, WHO, "x"), NOW)
        _, value = reports.report(conn, CITY, sun, "hide", True, b"mark", NOW)
        assert value is True
        (wrong,) = queries_reviews.reviews(conn, CITY, "open", None, (3, new_city_id(CITY)), 10)
        reviews_json(conn, CITY, "city-2", [done, wrong])
        decide(conn, CITY, wrong.review_id, Decision("accept", None, WHO, "x"), NOW)
        queries_reviews.forget_reporters(conn, CITY, NOW)
        queries_overlays.overlays(conn, CITY, None, None, None, 10)
        territory = territory_by_id(conn, CITY)
        assert territory is not None
        target = Target(territory, 2, NOW, lambda city_id, _key: new_city_id(city_id), world_versions(conn))
        found = conflation.run(conn, target)
        assert (found.candidates, found.bridged) == (2, 1)
        conflation.show(conn, CITY, 2, 1, NOW)
        conn.commit()
    work.dispose()
    standin.dispose()
    assert len(recording.explained()) > 60
