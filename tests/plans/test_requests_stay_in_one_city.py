"""Requests on the partitioned stand-in: each statement they run stays in one city or says that it does not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import Database, open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import MakeDatabase
from tests.factories.migrating import make_standin
from tests.factories.tidy import Tidy, plant_tidy_world
from tests.factories.worlds import NOW
from tests.plans.guard import one_city_a_statement

POINT = "lat=30.25&lon=120.15"
REQUESTS = (
    f"/v1/places/nearby?{POINT}&radius_m=20000",
    f"/v1/places/nearby?{POINT}&radius_m=20000&limit=1",
    f"/v1/places/nearby?{POINT}&radius_m=20000&category=food&open_now=true&has_coupon=true&region={{region}}",
    f"/v1/places/nearby?{POINT}&radius_m=20000&sort=blend&limit=1&category=food",
    f"/v1/places/nearby?{POINT}&radius_m=20000&sort=popularity&collapse=merchant",
    f"/v1/places/nearby?{POINT}&radius_m=20000&collapse=merchant&facets=category,price,coupon_kind,district,distance",
    f"/v1/coupons/nearby?{POINT}&radius_m=20000",
    f"/v1/coupons/nearby?{POINT}&radius_m=20000&sort=-price&collapse=merchant",
    f"/v1/coupons/nearby?{POINT}&radius_m=20000&redeemable=now&party=2",
    f"/v1/coupons/nearby?{POINT}&radius_m=20000&redeemable=explain",
    "/v1/places/nearby?cell=wtmknp&radius_m=20000&relax=radius,open_now&open_now=true&fields=name",
    "/v1/coupons/nearby?cell=wtmknp&radius_m=20000",
    "/v1/places/{place}",
    "/v1/coupons/{coupon}",
    "/v1/coupons/{area_coupon}",
    "/v1/categories",
    "/v1/cities",
    "/v1/regions?city=here",
    "/v1/regions/{region}",
    f"/v1/regions/lookup?{POINT}",
    f"/v1/service-areas/containing?{POINT}",
    "/v1/tiles/places/12/3415/1680.mvt",
    "/v1/tiles/regions/8/213/105.mvt",
)


@dataclass(frozen=True)
class Standin:
    """The application over a tiny world on the stand-in."""

    app: Flask
    database: Database
    owner: sa.Engine
    tidy: Tidy


@pytest.fixture(scope="module")
def standin(make_database: MakeDatabase, settings_for: Callable[[str], Settings]) -> Iterator[Standin]:
    """One for the module; its clock stands still."""
    url = make_standin(make_database)
    owner = sa.create_engine(url)
    tidy = plant_tidy_world(owner)
    settings = settings_for(url)
    database = open_database(settings)
    yield Standin(create_app(settings, clock=lambda: NOW, database=database), database, owner, tidy)
    database.dispose()
    owner.dispose()


@pytest.mark.parametrize("request_line", REQUESTS)
def test_request_stays_in_one_city_a_statement(standin: Standin, request_line: str) -> None:
    tidy = standin.tidy
    path = request_line.format(
        place=tidy.places[0], coupon=tidy.coupon, area_coupon=tidy.area_coupon, region=tidy.region
    )
    engines = (standin.database.reading, standin.database.primary)
    with one_city_a_statement(standin.owner, *engines) as recording:
        answer = standin.app.test_client().get(path)
        assert answer.status_code in (200, 204), answer.text
    assert len(recording.explained()) >= 1


def test_following_page_stays_in_one_city_a_statement(standin: Standin) -> None:
    client = standin.app.test_client()
    path = f"/v1/places/nearby?{POINT}&radius_m=20000&limit=1"
    cursor = client.get(path).get_json()["next_cursor"]
    assert cursor
    with one_city_a_statement(standin.owner, standin.database.reading, standin.database.primary):
        assert client.get(f"{path}&cursor={cursor}").status_code == 200
