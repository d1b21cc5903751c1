"""What merchants and operators do with service areas on the partitioned stand-in: each statement stays in one city."""

from __future__ import annotations

from collections.abc import Callable

import sqlalchemy as sa

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import MakeDatabase
from tests.factories.drawers import Drawer, around
from tests.factories.loops import LAT, LON, plant_loop
from tests.factories.migrating import make_standin
from tests.plans.guard import one_city_a_statement


def test_areas_are_run_and_looked_up_in_one_city_a_statement(
    make_database: MakeDatabase, settings_for: Callable[[str], Settings]
) -> None:
    url = make_standin(make_database)
    settings = settings_for(url)
    owner, database = sa.create_engine(url), open_database(settings)
    drawer = Drawer(plant_loop(create_app(settings, database=database), owner))
    place, plan = drawer.loop.places[0], f"/v1/merchants/{drawer.loop.merchant}/service-area-plan"
    with one_city_a_statement(owner, database.primary, database.reading) as recording:
        area = drawer.published_area("one", kind="territory")
        coupon = drawer.published(scope_kind="service_areas", scope_ids=[area["service_area_id"]])
        area = drawer.acted(drawer.drawn("one", kind="territory", etag=area["etag"], geometry=around(0.03)), "publish")
        area = drawer.acted(area, "revert", {"version": 1})
        assert coupon["coupon_id"] in drawer.nearby()
        drawer.drawn("two")
        assert drawer.ends(drawer.area("two"), "/draft").status_code == 204
        drawer.drawn("three")
        together = f"/v1/places/{place}/publish-service-areas"
        assert drawer.send("POST", together, {}, If_Match="*").status_code == 200
        assert drawer.send("GET", drawer.path("one") + "/versions").status_code == 200
        assert drawer.send("PUT", plan, {"max_area_km2": 1000, "review": True}, by=drawer.operator).status_code == 200
        for verdict, body in (("reject", {"note": "no"}), ("approve", {})):
            waiting = drawer.acted(drawer.drawn(f"reviewed-{verdict}"), "publish")
            assert drawer.send("GET", "/v1/service-areas/reviews?city=here", by=drawer.operator).status_code == 200
            drawer.acted(waiting, verdict, body, by=drawer.operator)
        assert drawer.serving(LON, LAT, accuracy_m=10)
        for point in ({"lon": LON, "lat": LAT}, {"lon": LON + 0.3, "lat": LAT}):
            asked = {"points": [point], "place_id": str(drawer.loop.places[1])}
            assert drawer.loop.client.post("/v1/service-areas/check", json=asked).status_code == 200
        assert drawer.ends(area).status_code == 204
    assert len(recording.explained()) > 60
    database.dispose()
    owner.dispose()
