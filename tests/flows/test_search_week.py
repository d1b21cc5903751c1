"""A short week of edits, versions and coupons: answers equal brute force all the time, the audit is silent each day."""

from __future__ import annotations

import random
from collections.abc import Callable

import sqlalchemy as sa

from app.core.db import open_database
from app.core.settings import Settings
from app.factory import create_app
from tests.conftest import as_role
from tests.factories.worlds import World
from tests.flows.search_week import START, Week, live_through


def test_search_rows_stay_true_through_a_week(database_url: str, settings_for: Callable[[str], Settings]) -> None:
    engine, writer = sa.create_engine(database_url), sa.create_engine(as_role(database_url, "fujin_import"))
    settings = settings_for(database_url)
    database = open_database(settings)
    clock = [START]
    try:
        app = create_app(settings, clock=lambda: clock[0], database=database)
        week = Week(World(engine), writer, app, clock, random.Random(11))
        week.plant(120)
        troubles = live_through(week, days=7, every=3)
    finally:
        database.dispose()
        writer.dispose()
        engine.dispose()
    assert troubles == []
    assert week.compared >= 75, week.compared
    assert {"edit", "publish", "pause_or_resume", "sell", "load", "go_back"} <= week.done.keys()
