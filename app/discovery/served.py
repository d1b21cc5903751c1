"""Searches kept to places that serve a point: the areas there are looked up first, then their places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from app.cities.types import ActiveDatasets
from app.discovery.covering import Covering
from app.discovery.filters import Filtering
from app.discovery.merge import merge
from app.discovery.queries_moved import places_moved
from app.discovery.queries_near import NearPlace, places_among
from app.discovery.search import Found, Reading, asked_for, found_page, place_hits, settle
from app.discovery.steady import unmoved
from app.discovery.types import CityPage, NearbySearch, PlaceHit, Position, Reach, Serves
from app.service_areas.queries import MAX_COVERING, Asked, extents
from app.service_areas.types import CoveringArea

Areas = Mapping[int, Sequence[CoveringArea]]


def areas_serving(
    reading: Reading, active: ActiveDatasets, reaches: Iterable[Reach], serves: Serves, instant: datetime
) -> Areas:
    """Areas of some cities that serve a point at an instant, by city; two statements, and one for each city."""
    versions = {reach.city_id: reach.version for reach in reaches}
    serving = Covering(reading, active, serves.kinds or None, versions, extents(reading.conn))
    found: dict[int, list[CoveringArea]] = {}
    for area in serving.covering([Asked(0, serves.point, instant)])[0]:
        found.setdefault(area.city_id, []).append(area)
    return found


def search_served(reading: Reading, search: NearbySearch, serves: Serves) -> Found[PlaceHit]:
    """Places around a point that serve another, nearest first."""
    settled = settle(reading, "places/nearby", search, asked_for(search))
    frozen, limit = settled.frozen, search.limit + 1
    filtering = Filtering(reading.conn, reading.caches, frozen, settled.epoch, search)
    areas = areas_serving(reading, settled.active, frozen.reaches, serves, filtering.instant)

    def ask(reach: Reach) -> CityPage[NearPlace]:
        question, here = filtering.question(reach), areas.get(reach.city_id, ())
        if question is None or not here:
            return CityPage((), 0)
        ids = sorted({area.place_id for area in here})

        def fetch(after: Position | None) -> CityPage[NearPlace]:
            page = places_among(reading.conn, question, ids, after, limit)
            moved = places_moved(reading.conn, reach, [hit.place_id for hit in page.hits], frozen.seen)
            return replace(page, exact=len(here) < MAX_COVERING, moved=moved)

        return unmoved(frozen.after, limit, fetch)

    merged = merge(frozen.reaches, search.limit, frozen.total is None, ask)
    hits, merchants = place_hits(reading, frozen, merged.hits)
    return found_page(reading, settled, search, merged, hits, merchants)
