"""New terms come into force while people claim: nobody is granted what was reckoned for others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep
from uuid import UUID

import pytest
import sqlalchemy as sa

from app.audit.actions import audit_data
from app.core.clock import system_clock
from app.core.db import open_database
from app.core.settings import Settings
from app.coupons import actions
from app.coupons.queries_owned import reached_by
from app.factory import create_app
from tests.conftest import MakeDatabase
from tests.factories.desks import Desk, made
from tests.factories.loops import plant_loop

BUDGET = 20_000
COSTS = {1: 1000, 2: 2500, 3: 400}


@pytest.fixture
def desk(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Desk]:
    """A desk over an empty world, sound at its end."""
    url = make_database(migrated_template)
    engine, opened = sa.create_engine(url), open_database(settings_for(url))
    yield Desk(plant_loop(create_app(settings_for(url), database=opened), engine))
    with engine.connect() as conn:
        results = audit_data(conn, system_clock(), allow_unsafe=True)
    opened.dispose()
    engine.dispose()
    assert {each.rule: each.violations[:2] for each in results if each.violations} == {}


def test_claims_and_new_versions_at_once_never_exceed_the_budget(desk: Desk) -> None:
    coupon = desk.published(face_value_minor=COSTS[1], budget_minor=BUDGET)
    people = desk.loop.members(24)

    def renew() -> None:
        seen = coupon
        for version in (2, 3):
            seen = made(desk.edits(seen, face_value_minor=COSTS[version]), 200)
            seen = desk.done(seen, "publish")

    with ThreadPoolExecutor(7) as pool:
        renewing = pool.submit(renew)
        answers = list(pool.map(lambda who: desk.claims(coupon, (who, "member")), people))
        renewing.result()
    granted = [each.get_json()["coupon_version"] for each in answers if each.status_code == 201]
    assert granted
    assert {each.status_code for each in answers} <= {201, 409, 503}
    reserved = sum(COSTS[version] for version in granted)
    seen = desk.seen(coupon)
    assert seen["budget"] == {"budget_minor": BUDGET, "reserved_minor": reserved}
    assert reserved <= BUDGET
    assert seen["stock"]["left"] == (BUDGET - reserved) // COSTS[3]


def test_a_claim_that_waited_for_a_new_version_is_granted_under_it(desk: Desk) -> None:
    """The claim has found its bucket when the new terms close it; only what the new version holds is given out then."""
    coupon = desk.published(face_value_minor=COSTS[1])
    made(desk.edits(coupon, face_value_minor=COSTS[2]), 200)
    by = actions.Author(desk.owner[0], reached_by((), (), sees_all=True), system_clock(), None)
    with desk.loop.engine.connect() as conn, ThreadPoolExecutor(1) as pool:
        conn.execute(sa.text("SELECT 1 FROM coupon_stock WHERE coupon_id = :c FOR UPDATE"), {"c": coupon["coupon_id"]})
        claiming = pool.submit(desk.claims, coupon)
        waiting_since = monotonic()
        while not desk.loop.rows("SELECT 1 FROM pg_locks WHERE NOT granted") and monotonic() < waiting_since + 10:
            sleep(0.005)
        actions.publish(conn, UUID(coupon["coupon_id"]), "CNY", lambda _coupon: True, by)
        conn.commit()
        answer = claiming.result()
    if answer.status_code == 503:  # a slow machine: it gave up waiting, and nothing was granted
        assert desk.seen(coupon)["stock"]["taken"] == 0
        return
    assert (answer.status_code, answer.get_json()["coupon_version"]) == (201, 2)
