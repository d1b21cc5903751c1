"""Rank snapshots over planted redemptions; what each place must have is counted by hand."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import log1p
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import Database, open_database
from app.core.ids import new_city_id
from app.core.settings import Settings
from app.factory import create_app
from app.ranks.actions import take_due, take_snapshot
from app.worker import Worker
from tests.factories.tidy import HERE, THERE, Tidy, plant_tidy_world
from tests.factories.worlds import NOW, World

COPY = """
    INSERT INTO {table}
    SELECT (x).* FROM (SELECT jsonb_populate_record(t, CAST(:more AS jsonb)) AS x FROM {table} t
                       WHERE city_id = :city AND redemption_id = :id) AS copied
"""
Redeem = Callable[..., None]


@dataclass
class Site:
    """A tidy world with redemptions that are all a year old, and the application over it."""

    world: World
    tidy: Tidy
    app: Flask
    database: Database

    def redeem(self, place: UUID, at: datetime, times: int = 1, **more: Any) -> None:
        """Committed redemptions of one unit each."""
        proto = {"city": HERE, "id": self.tidy.loop["committed"]}
        for _ in range(times):
            fresh, unit = new_city_id(HERE), new_city_id(HERE)
            head = {"redemption_id": str(fresh), "place_id": str(place), "request_no": str(fresh),
                    "committed_at": at.isoformat()}  # fmt: skip
            line = {"redemption_id": str(fresh), "redemption_unit_id": str(unit), "live": False}
            for table, changed in (("redemptions", head | more), ("redemption_units", line)):
                self.world.run(COPY.format(table=table), proto | {"more": json.dumps(changed)})

    def take(self, now: datetime = NOW) -> dict[UUID, tuple[int, int]]:
        """Redemptions and popularity by place, as a new snapshot has them."""
        with self.database.write() as conn:
            taken = take_snapshot(conn, HERE, now)
            conn.commit()
        rows = self.world.rows(
            "SELECT place_id, redemptions, popularity_ppm FROM place_ranks WHERE city_id = :c AND snapshot_id = :s",
            c=HERE,
            s=taken.snapshot_id,
        )
        assert len(rows) == taken.ranked
        return {row[0]: (row[1], row[2]) for row in rows}

    def kept(self) -> list[UUID]:
        """Snapshots of the first city, the oldest first."""
        found = self.world.rows("SELECT snapshot_id FROM rank_snapshots WHERE city_id = :c ORDER BY taken_at", c=HERE)
        return [row[0] for row in found]


@pytest.fixture
def site(
    make_database: Callable[..., str], migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Site]:
    url = make_database(migrated_template)
    engine, settings = sa.create_engine(url), settings_for(url)
    tidy = plant_tidy_world(engine)
    world = World(engine)
    world.run("UPDATE redemptions SET committed_at = :at WHERE committed_at IS NOT NULL", {"at": NOW - timedelta(365)})
    database = open_database(settings)
    yield Site(world, tidy, create_app(settings, clock=lambda: NOW, database=database), database)
    database.dispose()
    engine.dispose()


def test_popularity_counts_thirty_days_of_committed_redemptions(site: Site) -> None:
    first, second, third, _ = site.tidy.places
    site.redeem(first, NOW - timedelta(days=29, hours=23), 4)
    site.redeem(first, NOW, 1)
    site.redeem(second, NOW - timedelta(days=1), 2)
    site.redeem(third, NOW - timedelta(days=30), 3)
    site.redeem(third, NOW + timedelta(seconds=1), 3)
    site.redeem(third, NOW - timedelta(days=1), 3, state="reversed", ended_at=NOW.isoformat())
    assert site.take() == {first: (5, 1_000_000), second: (2, round(1e6 * log1p(2) / log1p(5)))}
    with site.database.write() as conn:
        assert take_snapshot(conn, THERE, NOW).ranked == 0


def test_the_top_hundredth_counts_alike(site: Site) -> None:
    places = site.world.places(HERE, 1, [{"lon": 120.2, "lat": 30.3}] * 100)
    for place in places:
        site.redeem(place, NOW)
    site.redeem(places[0], NOW, 2)
    site.redeem(places[1], NOW, 7)
    found = site.take()
    # Of 100 places the 99th in order has three redemptions.
    assert found[places[0]] == (3, 1_000_000)
    assert found[places[1]] == (8, 1_000_000)
    assert found[places[2]] == (1, 500_000)


def test_three_snapshots_are_kept_and_any_that_a_cursor_may_name(site: Site) -> None:
    for day in range(5):
        site.take(NOW + timedelta(days=day))
    kept = site.kept()
    assert len(kept) == 3
    late = NOW + timedelta(days=4)
    for minute in (1, 2, 3, 4):
        site.take(late + timedelta(minutes=minute))
    assert len(site.kept()) == 6  # the day before was the newest until four minutes ago
    site.take(late + timedelta(hours=1))
    assert len(site.kept()) == 3
    ranks = site.world.rows("SELECT DISTINCT snapshot_id FROM place_ranks WHERE city_id = :c", c=HERE)
    assert {row[0] for row in ranks} <= set(site.kept())


def test_the_worker_takes_one_a_day(site: Site) -> None:
    worker = Worker(site.app)
    worker.take_ranks()
    worker.take_ranks()
    assert len(site.kept()) == 1
    with site.database.write() as conn:
        assert take_due(conn, HERE, NOW + timedelta(hours=23, minutes=59)) is None
        assert take_due(conn, HERE, NOW + timedelta(hours=24)) is not None


def test_the_command_says_what_it_counted(site: Site) -> None:
    site.redeem(site.tidy.places[0], NOW, 2)
    runner = site.app.test_cli_runner()
    told = runner.invoke(args=["fujin", "ranks", "--city", "here", "--json"])
    assert told.exit_code == 0, told.output
    line = json.loads(told.stdout)
    assert (line["city"], line["ranked"], line["p99"]) == (HERE, 1, 2)
    assert site.kept() == [UUID(line["snapshot"])]
    refused = runner.invoke(args=["fujin", "ranks", "--city", "nowhere"])
    assert refused.exit_code == 1
    assert len(site.kept()) == 1
