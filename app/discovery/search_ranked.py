"""Places in orders other than distance, and one place a merchant; the first page pins each city's rank snapshot."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any
from uuid import UUID

from app.core.paging import ExpiredCursor
from app.coupons.search_rows import ANY_COUPON
from app.discovery import banded
from app.discovery.filters import Filtering
from app.discovery.merge import Merged, merge
from app.discovery.queries_moved import places_moved
from app.discovery.queries_near import NearPlace, NearQuestion
from app.discovery.queries_ranked import RankedAfter, RankedPlace, Scoring, places_collapsed, places_ranked, total_over
from app.discovery.ranking import Ranking, Snapshots
from app.discovery.search import (
    Found,
    Reading,
    Settled,
    asked_for,
    found_page,
    place_hits,
    settle,
)
from app.discovery.served import search_served
from app.discovery.steady import unmoved, unmoved_past
from app.discovery.types import TOTAL_CAP, CityPage, Frozen, NearbySearch, PlaceHit, Position, Reach
from app.ranks.queries import snapshots_of

SCOPE = "places/nearby"


def find_places(reading: Reading, search: NearbySearch) -> Found[PlaceHit]:
    """Places around a point in the order asked for, around a cell, or those that serve a point."""
    if search.serves is not None:
        return search_served(reading, search, search.serves)
    if search.ranking is not None:
        return _search_ranked(reading, search, search.ranking)
    return _search_collapsed(reading, search) if search.collapse else banded.find_places(reading, search)


def _search_collapsed(reading: Reading, search: NearbySearch) -> Found[PlaceHit]:
    settled = settle(reading, SCOPE, search, asked_for(search))
    frozen = settled.frozen
    question = _questions(reading, settled, search)

    def ask(reach: Reach) -> CityPage[NearPlace]:
        asked = question(reach)
        if asked is None:
            return CityPage((), 0)

        def fetch(after: Position | None) -> CityPage[NearPlace]:
            page = places_collapsed(reading.conn, asked, after, search.limit + 1, frozen.total is None)
            return replace(page, moved=_moved(reading, reach, page, frozen))

        return unmoved(frozen.after, search.limit + 1, fetch)

    merged = merge(frozen.reaches, search.limit, frozen.total is None, ask)
    hits, merchants = place_hits(reading, frozen, merged.hits)
    return found_page(reading, settled, search, merged, hits, merchants)


def _search_ranked(reading: Reading, search: NearbySearch, ranking: Ranking) -> Found[PlaceHit]:
    """Every city within the radius is asked: a farther one may hold what scores more."""
    settled = settle(reading, SCOPE, search, asked_for(search))
    settled = replace(settled, frozen=_pinned(reading, settled.frozen))
    frozen = settled.frozen
    question, snapshots, count = _questions(reading, settled, search), dict(frozen.snapshots), frozen.total is None
    after = None
    if frozen.after is not None and frozen.after_score is not None:
        after = RankedAfter(frozen.after_score, *frozen.after)
    pages: list[CityPage[RankedPlace]] = []
    for reach in frozen.reaches:
        asked = question(reach)
        if asked is not None:
            lanes = reading.caches.facets(reading.conn, reach.city_id, [ANY_COUPON])
            scoring = Scoring(ranking, snapshots[reach.city_id], lanes.get(ANY_COUPON), search.collapse, frozen.as_of)
            fetch = partial(_ranked_page, reading, reach, frozen, asked, scoring, search.limit + 1, count)
            pages.append(unmoved_past(after, search.limit + 1, fetch, lambda hit: hit.end))
    held = sorted((hit for page in pages for hit in page.hits), key=lambda hit: hit.order)
    shown = held[: search.limit]
    total = total_over(pages, TOTAL_CAP) if count else None
    merged = Merged(tuple(hit.near for hit in shown), len(held) > search.limit, total)
    hits, merchants = place_hits(reading, frozen, merged.hits)
    scored = [hit._replace(standing=ranked.standing) for hit, ranked in zip(hits, shown, strict=True)]
    last = shown[-1].standing.score if shown else None
    return found_page(reading, settled, search, merged, scored, merchants, after_score=last)


def _ranked_page(
    reading: Reading,
    reach: Reach,
    frozen: Frozen,
    asked: NearQuestion,
    scoring: Scoring,
    limit: int,
    count: bool,
    after: RankedAfter | None,
) -> CityPage[RankedPlace]:
    page = places_ranked(reading.conn, asked, scoring, after, limit, count)
    return replace(page, moved=_moved(reading, reach, page, frozen))


def _moved(reading: Reading, reach: Reach, page: CityPage[Any], frozen: Frozen) -> frozenset[UUID]:
    return places_moved(reading.conn, reach, [hit.position[1] for hit in page.hits], frozen.seen)


def _questions(reading: Reading, settled: Settled, search: NearbySearch) -> Callable[[Reach], NearQuestion | None]:
    return Filtering(reading.conn, reading.caches, settled.frozen, settled.epoch, search).question


def _pinned(reading: Reading, frozen: Frozen) -> Frozen:
    """With the newest rank snapshot of each city; raises ExpiredCursor when one that a cursor names is gone."""
    pinned, found = dict(frozen.snapshots), []
    for reach in frozen.reaches:
        kept = [snapshot.snapshot_id for snapshot in snapshots_of(reading.conn, reach.city_id)]
        if frozen.after is None:
            found.append((reach.city_id, kept[0] if kept else None))
        elif pinned[reach.city_id] not in (None, *kept):
            raise ExpiredCursor("the popularity that this cursor reads was replaced; ask for the first page again")
    snapshots: Snapshots = tuple(found)
    return replace(frozen, snapshots=snapshots) if frozen.after is None else frozen
