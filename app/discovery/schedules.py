"""Schedules of service areas that are closed at an instant, in the words in which searches for coupons are told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from app.cities.types import ActiveCity
from app.places.opening_hours import NO_CALENDAR, Calendar
from app.service_areas.drafts import schedule_state
from app.service_areas.queries import schedules_at
from geo.coordinates import LonLat

SERVE: Final = "serve"
"""At the instant of the search."""
BRING: Final = "bring"
"""At the instant of the use."""


def closed_schedules(
    conn: Connection,
    city: ActiveCity | None,
    calendars: Mapping[str, Calendar],
    point: LonLat,
    instants: Mapping[str, datetime],
) -> tuple[str, ...]:
    """Those schedules of a city's areas at a point that are closed, each after the word of its instant and a colon."""
    if city is None:
        return ()
    calendar = calendars.get(city.calendar or "", NO_CALENDAR)
    return tuple(
        f"{word}:{schedule}"
        for schedule in schedules_at(conn, city.city_id, point)
        for word, at in instants.items()
        if schedule_state(schedule, city.time_zone, calendar, at) == "closed"
    )
