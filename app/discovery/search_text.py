"""Places by words: by telephone number first, then by whole names and by words; near what was given, or within it.

A search is cut into legs that are read one after another. Cities no farther than 250 km from the point are one leg a
kind of match, in order of distance; where nearness counts, whole names and words are one leg, ordered by score. Farther
cities follow, the nearest first, each in order of distance from its own centre.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from math import floor
from typing import Any, Final, NamedTuple

from app.cities.types import ActiveCity, ActiveDatasets
from app.discovery.errors import UnknownCity
from app.discovery.filters import Filtering, region_of
from app.discovery.merge import Merged, merge
from app.discovery.queries_near import places_page
from app.discovery.search import (
    Found,
    Reading,
    Settled,
    asked_for,
    found_page,
    frozen_over,
    merchants_of,
    settle,
)
from app.discovery.steady import unmoved
from app.discovery.types import (
    TOTAL_CAP,
    CityPage,
    Frozen,
    Leg,
    Match,
    PlaceHit,
    Position,
    Reach,
    TextSearch,
    Total,
)
from app.places.phones import asked_keys
from app.postings.charts import Frame, frame, frames_over
from app.postings.tokens import name_key
from app.postings.types import FacetKey
from geo.bbox import Bbox
from geo.coordinates import LonLat, wrap_lon
from geo.distance import distance_to_bbox_m

SCOPE: Final = "places/search"
NEAR_MM: Final = 250_000_000
COUNTED_LEGS: Final = 16
"""How many legs are asked for a total alone."""
ROOM_DEG: Final = 5.0
WORLD: Final = Bbox(-180.0, -90.0, 180.0, 90.0)
WORTH: Final = {"name": 1_000_000, "words": 500_000}
"""Millionths that a match is worth where it lies; a whole name is worth a kilometre more than its words."""
FLAT_MM: Final = 200_000
HALVED_EACH_MM: Final = 1_000_000


def search_text(reading: Reading, search: TextSearch) -> Found[PlaceHit]:
    """A page of places by words."""
    settled = settle(reading, SCOPE, search, asked_within(search), first=partial(first_of_area, reading, search))
    asking = _Asking(reading, settled, search)
    legs, counting = _legs(settled, search, tuple(asking.lanes)), settled.frozen.total is None
    at = settled.frozen.leg or Leg(0, ())
    held: list[_Held] = []
    total, exact, idle = 0, True, 0
    for number in range(at.number, len(legs)):
        leg, wanted = legs[number], search.limit + 1 - len(held)
        if wanted <= 0:
            if not counting or not exact or total > TOTAL_CAP:
                break
            idle += 1
            if idle > COUNTED_LEGS:
                exact = False
                break
        pages = [
            asking.page(leg, kind, after, max(wanted, 1), counting)
            for kind, after in zip(leg.kinds, _afters(at, number, leg), strict=True)
        ]
        total += sum(page.total for page in pages)
        exact = exact and all(page.exact for page in pages)
        found = [_Held(number, lane, hit) for lane, page in enumerate(pages) for hit in page.hits]
        held += sorted(found, key=lambda each: each.order)[: max(wanted, 0)]
    shown = held[: search.limit]
    hits = tuple(each.hit for each in shown)
    counted = Total(min(total, TOTAL_CAP), exact and total <= TOTAL_CAP) if counting else None
    merged = Merged(hits, len(held) > search.limit, counted)
    merchants = merchants_of(hit.card for hit in hits)
    end = _end(shown, at, legs) if shown else None
    return found_page(reading, settled, search, merged, hits, merchants, asking.snapshot, leg=end)


def score_at(kind: str, distance_mm: int, flat_mm: int) -> int:
    """What a match is worth at a distance, in millionths: halved with each kilometre beyond where all is near."""
    beyond = max(0, distance_mm - max(flat_mm, FLAT_MM))
    worth: float = WORTH[kind] * 0.5 ** (beyond / HALVED_EACH_MM)
    return round(worth)


class _Leg(NamedTuple):
    """A part of the search: kinds of match, the cities asked, the point from which distances order."""

    kinds: tuple[str, ...]
    reaches: tuple[Reach, ...]
    origin: LonLat


class _Held(NamedTuple):
    """A hit with its leg and its lane in it."""

    leg: int
    lane: int
    hit: PlaceHit

    @property
    def order(self) -> tuple[Any, ...]:
        """Its place within the leg; along a lane it only grows."""
        match = self.hit.match
        score = 0 if match is None or match.score is None else match.score
        return -score, self.lane, self.hit.position


class _Asking:
    """Reads legs: one statement a city, kind of match and frame."""

    def __init__(self, reading: Reading, settled: Settled, search: TextSearch) -> None:
        self._reading, self._settled, self._search = reading, settled, search
        self._cities = {city.city_id: city for city in settled.active.cities}
        countries = {self._cities[reach.city_id].country_code for reach in settled.frozen.reaches}
        self.lanes = _lanes(search.filters.text, countries)
        self.snapshot: str | None = None
        self._filterings = {kind: self._filtering(kind) for kind in self.lanes}
        self._region = region_of(reading.conn, reading.caches, settled.frozen, search.filters)

    def page(self, leg: _Leg, kind: str, after: Position | None, limit: int, count: bool) -> CityPage[PlaceHit]:
        """The nearest ``limit`` of one kind of match past a position."""

        def ask(reach: Reach) -> CityPage[PlaceHit]:
            frames = self._frames(leg.origin, reach)
            pages = [self._ask(kind, reach, each, leg.origin, after, limit + 1, count) for each in frames]
            if len(pages) == 1:
                return pages[0]
            hits = {hit.position: hit for page in pages for hit in page.hits}
            exact = all(page.exact for page in pages)
            return CityPage([hits[each] for each in sorted(hits)], sum(page.total for page in pages), exact)

        merged = merge(leg.reaches, limit, count, ask)
        hits = [hit._replace(match=self._match(leg, kind, hit.distance_mm)) for hit in merged.hits]
        total = merged.total or Total(0, True)
        return CityPage(hits, total.value, total.exact)

    def _match(self, leg: _Leg, kind: str, distance_mm: int) -> Match | None:
        if kind == "all":
            return None
        return Match(kind, score_at(kind, distance_mm, self._search.bias_mm) if len(leg.kinds) > 1 else None)

    def _ask(
        self,
        kind: str,
        reach: Reach,
        around: Frame,
        origin: LonLat,
        after: Position | None,
        limit: int,
        count: bool,
    ) -> CityPage[PlaceHit]:
        question = self._filterings[kind].question_in(reach, around, origin)
        if question is None:
            return CityPage((), 0)
        conn, frozen = self._reading.conn, self._settled.frozen
        page = unmoved(
            after, limit, lambda past: places_page(conn, question, past, limit, count, frozen.as_of, frozen.seen)
        )
        self.snapshot = self.snapshot or page.snapshot
        return page

    def _filtering(self, kind: str) -> Filtering:
        """The filters with one kind of match; what a better kind finds is left to it."""
        search = self._search
        if kind in ("phone", "name"):
            search = replace(search, filters=replace(search.filters, text=None))
        better: list[FacetKey] = []
        for other, keys in self.lanes.items():
            if other == kind:
                break
            better += keys
        parts = (self._reading.conn, self._reading.caches, self._settled.frozen, self._settled.epoch)
        return Filtering(*parts, search, self.lanes[kind], better)

    def _frames(self, origin: LonLat, reach: Reach) -> Sequence[Frame]:
        """Where a city's places are looked for: the circle, the box of the area, or where the city has any."""
        if self._search.scope == "circle":
            return (frame(origin, self._search.radius_mm / 1000),)
        area = self._search.area or self._region
        if area is not None:
            return frames_over(origin, area.bbox)
        return frames_over(origin, _roomy(self._cities[reach.city_id].places_extent))


def _lanes(text: str | None, countries: Iterable[str | None]) -> dict[str, tuple[FacetKey, ...]]:
    """Kinds of match, the best first, with what a place must have for each."""
    if text is None:
        return {"all": ()}
    found: dict[str, tuple[FacetKey, ...]] = {}
    if numbers := asked_keys(text, countries):
        found["phone"] = tuple(("phone", key) for key in sorted(numbers))
    return found | {"name": (("name", name_key(text)),), "words": ()}


def _legs(settled: Settled, search: TextSearch, kinds: Sequence[str]) -> list[_Leg]:
    """The legs of a search, the same on each of its pages."""
    cities = {city.city_id: city for city in settled.active.cities}
    reaches = sorted(settled.frozen.reaches, key=lambda reach: (reach.lower_mm, reach.city_id))
    near = tuple(reach for reach in reaches if reach.lower_mm <= NEAR_MM)
    far = [(reach, cities[reach.city_id].centre) for reach in reaches if reach.lower_mm > NEAR_MM]
    first, rest = [kind for kind in kinds if kind == "phone"], [kind for kind in kinds if kind != "phone"]
    together = [tuple(rest)] if search.scope == "bias" else [(kind,) for kind in rest]
    here = settled.frozen.origin
    return [
        *(_Leg((kind,), near, here) for kind in first),
        *(_Leg((kind,), (reach,), centre) for kind in first for reach, centre in far),
        *(_Leg(each, near, here) for each in together),
        *(_Leg((kind,), (reach,), centre) for reach, centre in far for kind in rest),
    ]


def _afters(at: Leg, number: int, leg: _Leg) -> tuple[Position | None, ...]:
    return at.after if number == at.number and at.after else (None,) * len(leg.kinds)


def _end(shown: Sequence[_Held], at: Leg, legs: Sequence[_Leg]) -> Leg:
    """Where the page ends: its last leg, and the last of each lane there."""
    number = shown[-1].leg
    after = list(_afters(at, number, legs[number]))
    for each in shown:
        if each.leg == number:
            after[each.lane] = each.hit.position
    return Leg(number, tuple(after))


def first_of_area(reading: Reading, search: TextSearch, active: ActiveDatasets) -> Frozen:
    """Settles a new search: the cities that can hold an answer, and the point from which distances are."""
    cities = [city for city in active.cities if city.places_version is not None and city.places_extent is not None]
    origin = search.origin
    if search.city is not None:
        named = active.named(search.city)
        if named is None:
            raise UnknownCity
        cities = [city for city in cities if city.city_id == named.city_id]
        origin = named.centre if search.scope == "city" else origin
    frozen = frozen_over(active, search, reading.now, origin, ())
    area = search.area or region_of(reading.conn, reading.caches, frozen, search.filters)
    if area is not None:
        origin = area.bbox.center.rounded()
        cities = [city for city in cities if area.bbox.intersects(_box(city))]
    reaches = (
        Reach(city.city_id, city.places_version or 0, floor(distance_to_bbox_m(origin, _box(city)) * 1000))
        for city in cities
    )
    within = tuple(reach for reach in reaches if search.scope != "circle" or reach.lower_mm <= search.radius_mm)
    return replace(frozen, origin=origin, reaches=within)


def _box(city: ActiveCity) -> Bbox:
    return city.places_extent or WORLD


def _roomy(extent: Bbox | None) -> Bbox:
    """A box with room for what another version of the same city may hold."""
    if extent is None:
        return WORLD
    south, north = max(-90.0, extent.south - ROOM_DEG), min(90.0, extent.north + ROOM_DEG)
    if extent.width_deg + 2 * ROOM_DEG >= 360.0:
        return Bbox(-180.0, south, 180.0, north)
    return Bbox(wrap_lon(extent.west - ROOM_DEG), south, wrap_lon(extent.east + ROOM_DEG), north)


def asked_within(search: TextSearch) -> dict[str, Any]:
    """What a cursor is bound to."""
    drawn = None if search.area is None else sha256(search.area.boundary).hexdigest()
    return asked_for(search) | {
        "scope": search.scope,
        "city": search.city,
        "bias_mm": search.bias_mm,
        "drawn": drawn,
    }
