"""A till's whole day on the partitioned stand-in: each statement stays in one city."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from app.claims.codes import new_code
from app.core.db import open_database
from app.core.settings import Settings
from tests.conftest import MakeDatabase
from tests.factories.migrating import make_standin
from tests.factories.tills import Counter, open_counter
from tests.plans.guard import one_city_a_statement


@pytest.fixture
def standin(make_database: MakeDatabase, settings_for: Callable[[str], Settings]) -> Iterator[Counter]:
    """A till on the stand-in."""
    url = make_standin(make_database)
    owner = sa.create_engine(url)
    settings = settings_for(url)
    database = open_database(settings)
    yield open_counter(settings, database, owner)
    database.dispose()
    owner.dispose()


def test_a_tills_day_stays_in_one_city_a_statement(standin: Counter) -> None:
    counter = standin
    coupon = counter.coupon(platform_share_bp=5000, stacking="with_others", use_hours="Mo-Su 00:00-24:00; PH off")
    claims = [counter.claim(coupon) for _ in range(4)]
    far = counter.claim(counter.coupon(places=counter.loop.places[1:]))
    engines = (counter.database.primary, counter.database.reading)
    with one_city_a_statement(counter.loop.engine, *engines) as recording:
        assert counter.look_up(claims[0].code).status_code == 200
        assert counter.look_up("", qr=far.qr).get_json()["reason"] == "wrong-store"
        assert counter.look_up(new_code()).status_code == 404
        done = counter.redeemed(claims[0].code, claims[1].code, request_no="r-1")
        asked = f"/v1/redemptions/by-request/r-1?place_id={counter.place}"
        assert counter.loop.get(asked, by=(counter.staff, "staff")).status_code == 200
        assert counter.step(done, "reverse").status_code == 200
        held, swept = (counter.redeemed(claim.code, mode="hold") for claim in claims[2:])
        assert counter.step(held, "commit").status_code == 200
        counter.change(swept, lease_until=datetime.now(UTC) - timedelta(seconds=1))
        assert counter.swept() == 1
    assert len(recording.explained()) > 50
