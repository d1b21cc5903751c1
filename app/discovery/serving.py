"""Who serves a point: service areas that cover it, how sure that is, and who would when none does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from app.cities.queries import everything_active
from app.core.errors import Fault, InvalidBody, InvalidParameter
from app.core.ids import city_of
from app.core.paging import ExpiredCursor
from app.discovery.catalogue import attributions, listing
from app.discovery.covering import Covering, Versions
from app.discovery.present import Json, View, localised, money, total_json
from app.discovery.queries_catalogue import kept_versions
from app.discovery.schemas_serving import ContainingSearch, PointAsked, ServingCheck
from app.discovery.search import Reading, World
from app.discovery.types import TOTAL_CAP, Total
from app.places.types import Taxonomy
from app.service_areas.queries import (
    Asked,
    Kin,
    Near,
    NearQuestion,
    Shown,
    extents,
    kin_of,
    near_by_degrees,
    near_in_box,
    shown_at,
    shown_of,
)
from app.service_areas.rules import Ranked, ranked
from app.service_areas.shapes import multipolygon_json
from app.service_areas.types import CoveringArea
from geo.bbox import Bbox
from geo.coordinates import LonLat
from geo.distance import distance_to_bbox_m
from geo.geofence import border_distance_m
from geo.grid_shift import Datum

MAX_NEAREST_M: Final = 50_000.0
MOST_OTHERS: Final = 5
MOST_PER_POINT: Final = 20
_LOOKED_AT: Final = 500
NO_SUCH_PLACE: Final = "give the id of a place as this API returned it"


def confidence_of(border_m: float, accuracy_m: float | None) -> str | None:
    """How sure it is on which side of a border a fix lies; null without an accuracy.

    low: the border lies within the accuracy; medium: within three times it; high: beyond.
    """
    if accuracy_m is None:
        return None
    if accuracy_m >= abs(border_m):
        return "low"
    return "medium" if 3 * accuracy_m >= abs(border_m) else "high"


@dataclass
class Serving(Covering):
    """Areas that cover points, and what is told of them."""

    def nearest(self, point: LonLat, at: datetime, place_id: UUID | None = None) -> tuple[Near, float] | None:
        """The area whose border is nearest, and how far that is; within 50 km unless it is of one place."""
        best: tuple[Near, float] | None = None
        for city_id, version in sorted(self.versions.items()):
            box = self.boxes.get(city_id)
            if box is None or (place_id is not None and city_of(place_id) != city_id):
                continue
            if place_id is None and distance_to_bbox_m(point, box) > (best[1] if best else MAX_NEAREST_M):
                continue
            asked = NearQuestion(city_id, version, point, at, self.kinds, place_id)
            best = self._nearer(best, near_by_degrees(self.reading.conn, asked), point, at)
            if best is not None and place_id is None and best[0].city_id == city_id:
                around = Bbox.around(point, min(best[1], MAX_NEAREST_M))
                best = self._nearer(best, near_in_box(self.reading.conn, asked, around), point, at)
        return best if best is None or place_id is not None or best[1] <= MAX_NEAREST_M else None

    def _nearer(
        self, best: tuple[Near, float] | None, found: Sequence[Near], point: LonLat, at: datetime
    ) -> tuple[Near, float] | None:
        for area in found:
            if self.state(area, at) == "closed":
                continue
            metres = border_distance_m(area.boundary, point)
            key = (metres, area.service_area_id)
            if best is None or key < (best[1], best[0].service_area_id):
                best = (area, metres)
        return best

    def others(self, place_id: UUID, point: LonLat, areas: Sequence[CoveringArea]) -> list[tuple[Kin, CoveringArea]]:
        """Places that serve a point in the stead of one: its merchant's, then its brand's, its category's, any."""
        home = city_of(place_id)
        home_version = self.versions.get(home)
        if home_version is None:
            return []
        winners = {each.area.place_id: each.area for each in ranked(areas) if each.winner}
        found: list[Kin] = []
        for city_id, version in sorted(self.versions.items()):
            ids = [each for each, area in winners.items() if area.city_id == city_id and each != place_id]
            if ids:
                place = (home, home_version, place_id)
                found += kin_of(self.reading.conn, (city_id, version), place, point, ids[:_LOOKED_AT], MOST_OTHERS)
        return [(each, winners[each.place_id]) for each in sorted(found)[:MOST_OTHERS]]

    def shown(self, areas: Sequence[CoveringArea]) -> dict[UUID, tuple[Shown, ...]]:
        """What lists show of the published versions of areas: a statement a city."""
        found: dict[UUID, tuple[Shown, ...]] = {}
        for city_id in sorted({area.city_id for area in areas}):
            ids = [area.service_area_id for area in areas if area.city_id == city_id]
            found |= shown_of(self.reading.conn, city_id, ids)
        return found


def _opened(reading: Reading, kinds: tuple[str, ...] | None, versions: Versions | None = None) -> Serving:
    active = everything_active(reading.conn)
    asked = versions
    if asked is None:
        asked = {city.city_id: city.places_version for city in active.cities if city.places_version is not None}
    return Serving(reading, active, kinds, asked, extents(reading.conn))


def _view(serving: Serving, languages: Sequence[str], datum: Datum) -> View:
    cities = {city.city_id: city for city in serving.active.cities}
    return View(languages, datum, World(cities, Taxonomy(0, {}, {}), {}, {}, serving.reading.now))


def containing(reading: Reading, search: ContainingSearch, languages: Sequence[str], *, drawn: bool = False) -> Json:
    """Service areas in force that cover a point, ``drawn`` with boundaries, by place, each place's winner first.

    Later pages stay on the versions and the instant of the first, and go on behind the last area shown.
    """
    filters = {
        "at": search.given.xy,
        "datum": search.datum.value,
        "instant": None if search.at is None else search.at.isoformat(),
        "kind": sorted(search.kinds or ()),
        "place": None if search.place_id is None else str(search.place_id),
    }
    after, instant, kept = None, search.at or reading.now, None
    if search.cursor is not None:
        kept = reading.cursors.decode("service-areas/containing", filters, search.cursor, reading.now)
        after, instant = kept["k"], datetime.fromisoformat(kept["t"])
    serving = _opened(reading, search.kinds, None if kept is None else {int(c): v for c, v in kept["v"].items()})
    if kept is not None:
        _refuse_purged(serving)
    if not _known(serving, search.place_id):
        raise InvalidParameter(NO_SUCH_PLACE, faults=[Fault(NO_SUCH_PLACE, parameter="place_id")])
    areas = serving.covering([Asked(0, search.origin, instant)])[0]
    found = ranked(areas)
    rest = [each for each in found if after is None or _position(each) > after]
    page, cursor = rest[: search.limit], None
    if len(rest) > search.limit:
        pinned = {str(city_id): version for city_id, version in serving.versions.items()}
        position = {"v": pinned, "k": _position(page[-1]), "t": instant.isoformat()}
        cursor = reading.cursors.encode("service-areas/containing", filters, position, reading.now)
    view = _view(serving, languages, search.datum)
    shown = serving.shown([each.area for each in page])
    items = [_area(serving, each, shown, view, search, instant, drawn=drawn) for each in page]
    return listing(items, _applied(serving, search, instant, found), cursor) | {
        "total": total_json(Total(min(len(found), TOTAL_CAP), len(found) <= TOTAL_CAP)),
        **_verdict(serving, PointAsked(search.origin, instant, search.accuracy_m), areas, search.place_id),
    }


def check(reading: Reading, body: ServingCheck, languages: Sequence[str]) -> Json:
    """The same for many points at once: a statement a city for all of them, answers in the order of the points."""
    serving = _opened(reading, body.kinds)
    if not _known(serving, body.place_id):
        raise InvalidBody(f"/place_id: {NO_SUCH_PLACE}", faults=[Fault(NO_SUCH_PLACE, pointer="/place_id")])
    now = body.at or reading.now
    asked = [
        Asked(number, each.origin, each.at or now)
        for number, each in enumerate(body.points)
        if not isinstance(each, Fault)
    ]
    covering = serving.covering(asked)
    found = {number: ranked(areas) for number, areas in covering.items()}
    first = {number: each[:MOST_PER_POINT] for number, each in found.items()}
    shown = serving.shown(
        list({one.area.service_area_id: one.area for each in first.values() for one in each}.values())
    )
    view = _view(serving, languages, body.datum)
    items = []
    for number, each in enumerate(body.points):
        if isinstance(each, Fault):
            error = {"code": each.code, "detail": each.detail, "pointer": each.pointer, "hint": each.hint}
            items.append(_unanswered(body.given[number], error))
            continue
        at = PointAsked(each.origin, each.at or now, each.accuracy_m)
        areas = [_area(serving, one, shown, view, at, at.at) for one in first[number]]
        total = total_json(Total(min(len(found[number]), TOTAL_CAP), len(found[number]) <= TOTAL_CAP))
        verdict = _verdict(serving, at, covering[number], body.place_id)
        items.append({"given": body.given[number], "areas": areas, "total": total, **verdict, "error": None})
    used = {one.area.city_id: serving.versions[one.area.city_id] for each in found.values() for one in each}
    return {
        "items": items,
        "applied": {
            "datum": body.datum.value,
            "at": now.isoformat(),
            "versions": {str(city_id): version for city_id, version in sorted(used.items())},
            "attribution": attributions([each for each in serving.active.cities if each.city_id in used], ("places",)),
        },
    }


def _unanswered(given: Mapping[str, Any], error: Json) -> Json:
    return {
        "given": given,
        "areas": [],
        "total": {"value": 0, "relation": "eq"},
        "served": None,
        "nearest": None,
        "others": [],
        "error": error,
    }


def _verdict(serving: Serving, asked: PointAsked, areas: Sequence[CoveringArea], place_id: UUID | None) -> Json:
    """Whether the place asked for (or anybody) serves a point; if not, whose border is nearest and who else does."""
    served = bool(areas) if place_id is None else any(area.place_id == place_id for area in areas)
    nearest, others = None, []
    if not served:
        found = serving.nearest(asked.origin, asked.at, place_id)
        nearest = None if found is None else _near(found, asked.accuracy_m)
        others = [] if place_id is None else serving.others(place_id, asked.origin, areas)
    return {
        "served": served,
        "nearest": nearest,
        "others": [
            {
                "place_id": str(kin.place_id),
                "service_area_id": str(area.service_area_id),
                "kind": area.kind,
                "same": kin.same,
                "distance_m": kin.distance_mm / 1000,
            }
            for kin, area in others
        ],
    }


def _near(found: tuple[Near, float], accuracy_m: float | None) -> Json:
    area, metres = found
    return {
        "service_area_id": str(area.service_area_id),
        "city_id": area.city_id,
        "place_id": str(area.place_id),
        "kind": area.kind,
        "border_distance_m": round(metres, 3),
        "confidence": confidence_of(metres, accuracy_m),
    }


def _area(
    serving: Serving,
    each: Ranked,
    shown: Mapping[UUID, tuple[Shown, ...]],
    view: View,
    asked: ContainingSearch | PointAsked,
    instant: datetime,
    *,
    drawn: bool = False,
) -> Json:
    area = each.area
    more = shown_at(shown[area.service_area_id], instant)
    border = border_distance_m(more.boundary, asked.origin)
    return {
        "service_area_id": str(area.service_area_id),
        "city_id": area.city_id,
        "place_id": str(area.place_id),
        "merchant_id": str(area.merchant_id),
        "kind": area.kind,
        **localised(more.names, view, area.city_id),
        "fee": money(more.fee_minor, more.currency),
        "min_order": money(more.min_order_minor, more.currency),
        "priority": area.priority,
        "winner": each.winner,
        "why": each.why,
        "schedule_state": serving.state(area, instant),
        "border_distance_m": round(border, 3) + 0.0,
        "confidence": confidence_of(border, asked.accuracy_m),
        **({"boundary": multipolygon_json(more.boundary)} if drawn else {}),
    }


def _position(each: Ranked) -> list[Any]:
    """Where an area stands in the list, as a cursor can carry it."""
    city_id, place_id, *rank, area_id = each.position
    return [city_id, str(place_id), *rank, str(area_id)]


def _applied(serving: Serving, search: ContainingSearch, instant: datetime, found: Sequence[Ranked]) -> Json:
    used = {each.area.city_id: serving.versions[each.area.city_id] for each in found}
    cities = [city for city in serving.active.cities if city.city_id in used]
    return {
        "lat": search.given.lat,
        "lon": search.given.lon,
        "datum": search.datum.value,
        "at": instant.isoformat(),
        "versions": {str(city_id): version for city_id, version in used.items()},
        "attribution": attributions(cities, ("places",)),
    }


def _refuse_purged(serving: Serving) -> None:
    now = {city.city_id: city.places_version for city in serving.active.cities}
    old = [(city_id, "places", version) for city_id, version in serving.versions.items() if now.get(city_id) != version]
    if old and kept_versions(serving.reading.conn, old) != set(old):
        raise ExpiredCursor("the data that this cursor reads were replaced; ask for the first page again")


def _known(serving: Serving, place_id: UUID | None) -> bool:
    return place_id is None or serving.active.city(city_of(place_id)) is not None
