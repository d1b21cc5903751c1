"""Quiet hours by the clock of the member's zone."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from app.geofencing.quiet import quiet_until


@pytest.mark.parametrize(
    ("now", "begins", "ends", "zone", "until"),
    [
        # Shanghai is eight hours ahead all year
        ("2026-11-22T13:59:59+00:00", 22 * 60, 8 * 60, "Asia/Shanghai", None),
        ("2026-11-22T14:00:00+00:00", 22 * 60, 8 * 60, "Asia/Shanghai", "2026-11-23T00:00:00+00:00"),
        ("2026-11-22T23:59:00+00:00", 22 * 60, 8 * 60, "Asia/Shanghai", "2026-11-23T00:00:00+00:00"),
        ("2026-11-23T00:00:00+00:00", 22 * 60, 8 * 60, "Asia/Shanghai", None),
        ("2026-11-22T05:00:00+00:00", 12 * 60, 14 * 60, "Asia/Shanghai", "2026-11-22T06:00:00+00:00"),
        # the night of 2026-10-25 is an hour longer in Berlin
        ("2026-10-24T21:00:00+00:00", 22 * 60, 8 * 60, "Europe/Berlin", "2026-10-25T07:00:00+00:00"),
        ("2026-11-22T12:00:00+00:00", 600, 600, "UTC", None),
        ("2026-11-22T12:00:00+00:00", None, None, None, None),
    ],
)
def test_quiet_hours(now: str, begins: int | None, ends: int | None, zone: str | None, until: str | None) -> None:
    found = quiet_until(datetime.fromisoformat(now), zone, begins, ends)
    assert found == (None if until is None else datetime.fromisoformat(until).astimezone(UTC))
