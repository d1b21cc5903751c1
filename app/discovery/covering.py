"""Service areas that cover points: in force at an instant, of live places, and not closed by their schedule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from app.cities.types import ActiveDatasets
from app.discovery.search import Reading
from app.places.opening_hours import NO_CALENDAR, Calendar, OpenState
from app.service_areas.drafts import schedule_state
from app.service_areas.queries import Asked, Near, areas_at
from app.service_areas.types import CoveringArea
from geo.bbox import Bbox
from geo.coordinates import LonLat

Versions = dict[int, int]


@dataclass
class Covering:
    """One question of who covers points, put to the cities that have areas near them."""

    reading: Reading
    active: ActiveDatasets
    kinds: tuple[str, ...] | None
    versions: Versions
    boxes: Mapping[int, Bbox]
    states: dict[tuple[int, str, datetime], OpenState] = field(default_factory=dict)

    def covering(self, asked: Sequence[Asked]) -> dict[int, list[CoveringArea]]:
        """Areas in force whose schedule is not closed, by the number of the point; a statement a city."""
        found: dict[int, list[CoveringArea]] = {each.number: [] for each in asked}
        at = {each.number: each.at for each in asked}
        for city_id, version in sorted(self.versions.items()):
            here = [each for each in asked if _holds(self.boxes.get(city_id), each.point)]
            if here:
                for number, areas in areas_at(self.reading.conn, city_id, version, here, self.kinds).items():
                    found[number] += [area for area in areas if self.state(area, at[number]) != "closed"]
        return found

    def state(self, area: CoveringArea | Near, at: datetime) -> OpenState:
        """Whether an area's schedule is open at an instant, on the clock of its city."""
        if area.schedule is None:
            return "open"
        key = (area.city_id, area.schedule, at)
        if key not in self.states:
            city = self.active.city(area.city_id)
            zone = "UTC" if city is None else city.time_zone
            self.states[key] = schedule_state(area.schedule, zone, self._calendar(area.city_id), at)
        return self.states[key]

    def _calendar(self, city_id: int) -> Calendar:
        city = self.active.city(city_id)
        if city is None or city.calendar is None:
            return NO_CALENDAR
        calendars = self.reading.caches.calendars(self.reading.conn, self.active.world.holidays)
        return calendars.get(city.calendar, NO_CALENDAR)


def _holds(box: Bbox | None, point: LonLat) -> bool:
    if box is None or not box.south <= point.lat <= box.north:
        return False
    return box.contains_lon(point.lon) or (abs(point.lon) == 180.0 and box.contains_lon(-point.lon))
