"""What generated cases need of corrections, reviews and reports: what exists, and first requests that must work."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from app.core.ids import new_city_id

REPORTS = "/v1/places/{place_id}/reports"
LISTS = ("/v1/reviews", "/v1/overlays")
CITY_LISTS = tuple(f"{path} city" for path in ("/v1/regions", "/v1/service-areas/reviews", *LISTS))
"""Parameters of lists that name a city."""
REPORT = {"field": "phone", "value": "+86 571 8700 0000"}


def paths(places: Iterable[str]) -> dict[str, list[dict[str, Any]]]:
    """Places to report; reviews and corrections of nothing, for each is decided or taken back once."""
    return {
        REPORTS: [{"place_id": one} for one in places],
        "/v1/reviews/{review_id}": [{"review_id": str(new_city_id(2))}],
        "/v1/overlays/{overlay_id}/withdraw": [{"overlay_id": str(new_city_id(2))}],
    }


def questions(city: str) -> dict[str, dict[str, Any]]:
    """First questions for the lists of a city."""
    return {f"GET {path}": {"query": {"city": city}} for path in LISTS}


def first(place: str) -> dict[str, Any]:
    """A correction that changes little, and a report; both under a key."""
    correction = {"place_id": place, "field": "website", "value": "https://example.test", "reason": "a run"}
    return {"POST /v1/overlays": correction, f"POST {REPORTS}": REPORT}
