"""T14, small: a receiver is down for two hours, workers die, and every event arrives in the order of its pair."""

from __future__ import annotations

import logging
from collections.abc import Callable

import pytest

from app.core.settings import Settings
from tests.conftest import MakeDatabase
from tests.factories.geofence_outage import run


def test_every_event_arrives_in_order_after_two_hours_without_the_receiver(
    make_database: MakeDatabase,
    migrated_template: str,
    settings_for: Callable[[str], Settings],
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    url = make_database(migrated_template)
    found = run(url, settings_for(url), members=4, fixes=12, kills=3)
    assert (found.events, found.arrived, found.killed, found.open) == (48, 48, 3, 0)
    assert found.unordered == []
    assert found.refused > 0
    assert 0 < found.again <= 3  # under the same ids, or they would count as arrived
