"""A removal of rows beside other work on the same version."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from app.core.clock import system_clock
from app.imports import jobs, purging, queries_jobs
from app.imports.console import work_engine
from tests.app.imports.loadfiles import CITY, place
from tests.factories.loads import KIND, Town


def rows_of(town: Town, version: int) -> int:
    return int(
        town.rows("SELECT count(*) FROM place_facts WHERE city_id = :c AND version = :v", c=CITY, v=version)[0][0]
    )


def test_a_version_purged_when_its_activation_has_begun_loses_its_rows(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = town.shown([place("a")])["version"]
    town.shown([place("a"), place("b")])
    assert town.post(f"{KIND}/versions/{first}/activate").status_code == 202
    real = jobs._activate

    def late(*given: Any) -> str:
        with town.owner.begin() as other:
            assert purging.purge(other, CITY, "places", first, system_clock())
        return real(*given)

    monkeypatch.setattr(jobs, "_activate", late)
    town.work("activate")
    monkeypatch.undo()
    assert rows_of(town, first) == 1
    assert town.work() == ["purged"]
    assert rows_of(town, first) == 0
    assert town.version(first)["progress"]["task"] is None


def test_a_version_that_is_about_to_be_shown_again_is_spared(town: Town) -> None:
    numbers = [town.shown([place("a"), place(f"n{turn}")])["version"] for turn in range(5)]
    assert town.post(f"{KIND}/versions/{numbers[0]}/activate").status_code == 202
    with town.owner.begin() as conn:
        purging.retire_old(conn, CITY, system_clock() + timedelta(hours=1), 3)
    town.work()
    assert town.version(numbers[0])["active"]
    assert town.version(numbers[1])["purged_at"] is not None


def test_a_load_that_was_given_up_by_a_person_does_not_fail_afterwards(town: Town) -> None:
    """Its process finds the disk full, or has had its last try, when nobody wants it any more."""
    sent = town.send([place("lost")]).get_json()
    engine = work_engine(town.settings)
    (row,) = town.rows("SELECT dataset_id FROM import_jobs WHERE task = 'load'")
    with engine.begin() as conn:
        job = queries_jobs.take(conn, CITY, row.dataset_id, "late", system_clock(), jobs.LEASE)
    assert job is not None
    assert town.post(f"{KIND}/versions/{sent['version']}/discard").status_code == 200
    assert jobs._fail(engine, job, "late", system_clock, timedelta(hours=1), jobs.NO_ROOM) == "lease lost"
    engine.dispose()
    told = town.version(sent["version"])
    assert (told["state"], told["outcome"], told["failure"]["code"]) == ("discarded", "discarded", "discarded")
    assert [each["step"] for each in told["history"]] == ["loaded", "discarded"]
