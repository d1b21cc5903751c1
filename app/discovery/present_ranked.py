"""How an answer tells of its order: scores with their parts, weights, rank snapshots; pure."""

from __future__ import annotations

from typing import Any

from app.discovery.ranking import score_json
from app.discovery.search import Found
from app.discovery.types import NearbySearch, PlaceHit

Json = dict[str, Any]


def standing_json(hit: PlaceHit, search: NearbySearch) -> Json | None:
    """A place's score, explained; null where distance orders."""
    if hit.standing is None or search.ranking is None:
        return None
    return score_json(search.ranking, hit.standing)


def ranking_applied(found: Found[PlaceHit], search: NearbySearch) -> Json:
    """The order, and what it was made from."""
    ranking = search.ranking
    snapshots = {str(city): None if each is None else str(each) for city, each in found.frozen.snapshots}
    return {
        "sort": search.sort,
        "weights": None if ranking is None else ranking.weights.by_name(),
        "distance_bucket_m": None if ranking is None else ranking.bucket_mm // 1000,
        "rank_snapshots": None if ranking is None else snapshots,
        "collapse": "merchant" if search.collapse else "none",
    }
