"""What a merchant does with coupons on the partitioned stand-in: each statement stays in one city."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa

from app.core.db import Database, open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import MakeDatabase
from tests.factories.desks import Desk, made
from tests.factories.loops import plant_loop
from tests.factories.migrating import make_standin
from tests.plans.guard import one_city_a_statement


@pytest.fixture
def standin(make_database: MakeDatabase, settings_for: Callable[[str], Settings]) -> Iterator[tuple[Desk, Database]]:
    """A desk on the stand-in."""
    url = make_standin(make_database)
    settings = settings_for(url)
    owner, database = sa.create_engine(url), open_database(settings)
    yield Desk(plant_loop(create_app(settings, database=database), owner)), database
    database.dispose()
    owner.dispose()


def test_coupons_are_run_in_one_city_a_statement(standin: tuple[Desk, Database]) -> None:
    desk, database = standin
    with one_city_a_statement(desk.loop.engine, database.primary, database.reading) as recording:
        first = desk.published(budget_minor=5000)
        old, code = desk.claimed(first)
        some = [str(desk.loop.places[1])]
        second = desk.renewed(first, face_value_minor=500, scope_kind="places", scope_ids=some)
        order = {"order": {"gross_minor": 5000, "currency": "CNY", "pos_order_no": "A-1"}}
        assert desk.use(code, **order).status_code == 201
        given_back, _ = desk.claimed(second)
        assert desk.loop.post(f"/v1/claims/{given_back}/cancel", {}, by=desk.member).status_code == 200
        assert old != given_back
        for what, body in (("stock", {"quota": 9}), ("pause", {}), ("resume", {}), ("end", {})):
            second = desk.done(second, what, body)
        coded = desk.draft(code_source="merchant")
        assert desk.uploads(coded, "PLANS001\nPLANS002\n").get_json()["accepted"] == 2
        assert desk.use(desk.claimed(desk.done(coded, "publish"))[1]).status_code == 201
        asked = desk.draft(platform_share_bp=100, budget_minor=5000)
        agreed = desk.done(asked, "platform-terms", {"platform_share_bp": 100}, by=desk.operator)
        path = f"/v1/coupons/{agreed['coupon_id']}"
        made(desk.edits(agreed, quota=3), 200)
        assert desk.send("DELETE", f"{path}/draft", If_Match="*").status_code == 204
        listed = desk.send("GET", f"/v1/merchants/{desk.loop.merchant}/coupons")
        assert listed.get_json()["total"]["value"] == 2
    assert len(recording.explained()) > 60
