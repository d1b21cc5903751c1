"""Searches around a point, page by page: the first page settles what all that follow it see."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import floor
from typing import Any, Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from app.cities.types import ActiveCity, ActiveDatasets
from app.core.errors import AppError
from app.core.ids import city_of
from app.core.paging import CursorCodec, ExpiredCursor
from app.discovery.caches import Caches
from app.discovery.cursors import packed, unpacked
from app.discovery.errors import SearchRowsMissing
from app.discovery.filters import Filtering
from app.discovery.merge import Merged, merge
from app.discovery.queries_catalogue import kept_versions
from app.discovery.queries_moved import current_snapshot
from app.discovery.queries_near import (
    NearPlace,
    place_cards,
    places_page,
)
from app.discovery.steady import unmoved
from app.discovery.types import (
    AroundSearch,
    CityPage,
    Frozen,
    Hit,
    NearbySearch,
    PlaceCard,
    PlaceHit,
    Reach,
    Relaxed,
    Total,
)
from app.places.opening_hours import Calendar, HoursPattern
from app.places.types import Taxonomy
from app.postings.queries import versions_in_slots
from geo.coordinates import LonLat
from geo.distance import distance_to_bbox_m
from geo.units import METRES_PER_DEGREE

H = TypeVar("H")
N = TypeVar("N", bound=Hit)


@dataclass(frozen=True, slots=True)
class World:
    """What an answer needs beside its hits: cities by id, the category tree, calendars, merchants' names."""

    cities: Mapping[int, ActiveCity]
    taxonomy: Taxonomy
    calendars: Mapping[str, Calendar]
    merchants: Mapping[UUID, Mapping[str, str]]
    as_of: datetime
    hours: dict[HoursPattern, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found(Generic[H]):
    """A page of a search, the cursor behind it, and what it was made from."""

    hits: tuple[H, ...]
    next_cursor: str | None
    total: Total
    frozen: Frozen
    attribution: tuple[str, ...]
    world: World


@dataclass(frozen=True, slots=True)
class Reading:
    """The parts a search works with: a read-only connection, caches, cursors, the present."""

    conn: Connection
    caches: Caches
    cursors: CursorCodec
    now: datetime


@dataclass(frozen=True, slots=True)
class Settled:
    """A search after its first decision: what its pages see, and what a cursor of it is bound to."""

    epoch: int
    active: ActiveDatasets
    frozen: Frozen
    scope: str
    query: Mapping[str, Any]


def search_places(reading: Reading, search: NearbySearch) -> Found[PlaceHit]:
    """Places around a point.

    What the process saw of the pointer last is taken for granted; the statement of the page tells whether it still
    holds, and if not, or when something is refused that may have come since, all is done again from a fresh look.
    """
    assumed = reading.caches.last_seen
    if assumed is not None:
        try:
            found, epoch = _places(reading, search, assumed)
        except AppError:
            pass
        else:
            if assumed[0] == (epoch or reading.caches.active(reading.conn)[0]):
                return found
    return _places(reading, search, reading.caches.active(reading.conn))[0]


def _places(
    reading: Reading, search: NearbySearch, seen: tuple[int, ActiveDatasets]
) -> tuple[Found[PlaceHit], int | None]:
    """A page, and the epoch that its statements were run under; None when there was none to tell."""
    settled = settle(reading, "places/nearby", search, asked_for(search), seen)
    filtering = Filtering(reading.conn, reading.caches, settled.frozen, settled.epoch, search)
    frozen = settled.frozen
    pages: list[CityPage[PlaceHit]] = []

    def ask(reach: Reach) -> CityPage[PlaceHit]:
        question = filtering.question(reach)
        if question is None:
            return CityPage((), 0)
        count = frozen.total is None
        page = unmoved(
            frozen.after,
            search.limit + 1,
            lambda after: places_page(
                reading.conn, question, after, search.limit + 1, count, frozen.as_of, frozen.seen
            ),
        )
        pages.append(page)
        return page

    merged = merge(frozen.reaches, search.limit, frozen.total is None, ask)
    merchants = merchants_of(hit.card for hit in merged.hits)
    snapshot = next((page.snapshot for page in pages if page.snapshot is not None), None)
    found = found_page(reading, settled, search, merged, merged.hits, merchants, seen=snapshot)
    return found, next((page.epoch for page in pages if page.epoch is not None), None)


def settle(
    reading: Reading,
    scope: str,
    search: AroundSearch,
    query: Mapping[str, Any],
    seen: tuple[int, ActiveDatasets] | None = None,
    first: Callable[[ActiveDatasets], Frozen] | None = None,
) -> Settled:
    """Decides what all pages of a search see, or takes it from the cursor.

    ``seen`` spares a look at the pointer; ``first`` decides in place of the cities within the radius.
    """
    epoch, active = reading.caches.active(reading.conn) if seen is None else seen
    if search.cursor is None:
        frozen = _around(active, search, reading.now) if first is None else first(active)
        _refuse_unbuilt(reading, epoch, frozen, search)
    else:
        frozen = unpacked(reading.cursors.decode(scope, query, search.cursor, reading.now))
        _refuse_purged(reading, active, frozen, search)
    return Settled(epoch, active, frozen, scope, query)


def found_page(
    reading: Reading,
    settled: Settled,
    search: AroundSearch,
    merged: Merged[N],
    hits: Sequence[H],
    merchants: Mapping[UUID, Mapping[str, str]],
    seen: str | None = None,
    **ended: Any,
) -> Found[H]:
    """A page with its cursor, its total and what else the answer needs; ``seen`` spares a look at the snapshot.

    ``ended``: what else the cursor has to know of where the page ends.
    """
    frozen = settled.frozen
    total = frozen.total or merged.total or Total(0, True)
    cursor = None
    if merged.more:
        last = replace(frozen, total=total, after=merged.hits[-1].position, **ended)
        last = replace(last, seen=frozen.seen or seen or current_snapshot(reading.conn))
        position = packed(last)
        cursor = reading.cursors.encode(settled.scope, settled.query, position, reading.now)
    instant = (search.relaxed_from or search).filters.open_at or frozen.as_of
    world = World(
        cities={city.city_id: city for city in settled.active.cities},
        taxonomy=reading.caches.taxonomy(reading.conn, frozen.categories_version),
        calendars=reading.caches.calendars(reading.conn, frozen.holidays_version),
        merchants=merchants,
        as_of=instant,
        hours=reading.caches.hours_at(frozen.holidays_version, instant),
    )
    attribution = _attribution(world.cities, frozen, search.filters.region_id)
    return Found(tuple(hits), cursor, total, frozen, attribution, world)


def place_hits(
    reading: Reading, frozen: Frozen, near: Sequence[NearPlace]
) -> tuple[list[PlaceHit], dict[UUID, Mapping[str, str]]]:
    """What lists show of the places found, and the names of who runs them; one statement a city."""
    cards: dict[UUID, PlaceCard] = {}
    for reach in frozen.reaches:
        ids = [hit.place_id for hit in near if hit.city_id == reach.city_id]
        if ids:
            cards |= place_cards(reading.conn, reach.city_id, reach.version, ids, frozen.as_of)
    return [PlaceHit(hit.distance_mm, cards[hit.place_id]) for hit in near], merchants_of(cards.values())


def merchants_of(cards: Iterable[PlaceCard]) -> dict[UUID, Mapping[str, str]]:
    """The names of those who run some places."""
    return {
        card.place.merchant_id: card.merchant
        for card in cards
        if card.merchant is not None and card.place.merchant_id is not None
    }


def _around(active: ActiveDatasets, search: AroundSearch, now: datetime) -> Frozen:
    """Settles a new search: every city whose places may lie within the radius, in the version now in force."""
    reaches = []
    far_deg = search.radius_mm / 1000 / METRES_PER_DEGREE + 1e-6
    for city in active.cities:
        if city.places_version is None or city.places_extent is None:
            continue
        box, lat = city.places_extent, search.origin.lat
        if max(box.south - lat, lat - box.north) > far_deg:
            continue  # most cities, by two subtractions
        lower_mm = floor(distance_to_bbox_m(search.origin, box) * 1000)
        if lower_mm <= search.radius_mm:
            reaches.append(Reach(city.city_id, city.places_version, lower_mm))
    return frozen_over(active, search, now, search.origin, reaches)


def frozen_over(
    active: ActiveDatasets, search: AroundSearch, now: datetime, origin: LonLat, reaches: Iterable[Reach]
) -> Frozen:
    """What the first page of a search over some cities settles."""
    world = active.world
    versions = (world.categories, world.holidays, world.brands, _region_version(active, search.filters.region_id))
    relaxed = None
    if search.relaxed_from is not None:
        relaxed = Relaxed(search.radius_mm, search.filters != search.relaxed_from.filters)
    return Frozen(origin, now, tuple(reaches), *versions, total=None, after=None, relaxed=relaxed)


def _region_version(active: ActiveDatasets, region_id: UUID | None) -> int:
    """The version in force of the areas that one belongs to; 0 without any."""
    home = None if region_id is None else active.city(city_of(region_id))
    return (home.regions_version if home is not None else None) or 0


def _refuse_unbuilt(reading: Reading, epoch: int, frozen: Frozen, search: AroundSearch) -> None:
    """Raises SearchRowsMissing when a city's search rows hold another version than readers see.

    So it does where a fringe is asked and nobody worked out yet which places lie in it.
    """
    filters, caches = search.filters, reading.caches
    for reach in frozen.reaches:
        ready = caches.searchable(reading.conn, epoch, reach.city_id, reach.version)
        if filters.include_fringe and filters.region_id is not None and city_of(filters.region_id) == reach.city_id:
            ready = ready and caches.linked(reading.conn, reach.city_id, reach.version, frozen.region_version)
        if not ready:
            raise SearchRowsMissing(
                "the search rows of a city are being built; operators run: fujin search-rows", retry_after_s=30
            )


def _refuse_purged(reading: Reading, active: ActiveDatasets, frozen: Frozen, search: AroundSearch) -> None:
    """Raises ExpiredCursor when a version that the pages read is gone."""
    region_id = search.filters.region_id
    wanted = [(reach.city_id, "places", reach.version) for reach in frozen.reaches]
    if region_id is not None:
        wanted.append((city_of(region_id), "regions", frozen.region_version))
    cities = {city.city_id: city.versions for city in active.cities}
    old = [(city, kind, version) for city, kind, version in wanted if cities.get(city, {}).get(kind) != version]
    if not old:
        return
    searched = {(city, version) for city, kind, version in old if kind == "places"}
    built = versions_in_slots(reading.conn, sorted({city for city, _ in searched}))
    if kept_versions(reading.conn, old) != set(old) or not searched <= built:
        raise ExpiredCursor("the data that this cursor reads were replaced; ask for the first page again")


def _attribution(cities: Mapping[int, ActiveCity], frozen: Frozen, region_id: UUID | None) -> tuple[str, ...]:
    """Whom an answer must name: the sources of the places asked, and of the area it was kept to."""
    used = [(reach.city_id, "places") for reach in frozen.reaches]
    if region_id is not None:
        used.append((city_of(region_id), "regions"))
    found: dict[str, None] = {}
    for city_id, kind in used:
        for origin in cities[city_id].attributions if city_id in cities else ():
            if origin.kind == kind:
                found[origin.attribution] = None
    return tuple(found)


def asked_for(search: AroundSearch) -> dict[str, Any]:
    """Everything the query says but the page: what a cursor is bound to. A search that was widened says what was
    asked."""
    search = search.relaxed_from or search
    filters = search.filters
    said: dict[str, Any] = {
        "at": search.given.xy,
        "radius_mm": search.radius_mm,
        "datum": search.datum.value,
        "cell": search.cell,
        "category": sorted(set(filters.categories)),
        "region": None if filters.region_id is None else [str(filters.region_id), filters.include_fringe],
        "serves": None if search.serves is None else [search.serves.given.xy, sorted(search.serves.kinds)],
    }
    rest: dict[str, Any] = {
        "exclude_category": sorted(set(filters.excluded)),
        "brand": sorted(set(filters.brands)),
        "attributes": sorted((name, sorted(values)) for name, values in filters.attributes),
        "price": [filters.price_from, filters.price_to],
        "q": filters.text,
        "open_now": filters.open_now,
        "open_at": None if filters.open_at is None else filters.open_at.isoformat(),
        "include_unknown": filters.include_unknown,
        "has_coupon": filters.has_coupon,
    }
    if isinstance(search, NearbySearch):
        rest["relax"] = sorted(search.relax)
    if isinstance(search, NearbySearch):
        ranking = search.ranking
        rest["order"] = [search.sort, search.collapse]
        rest["ranking"] = None if ranking is None else [ranking.weights.by_name(), ranking.bucket_mm]
    return said | rest
