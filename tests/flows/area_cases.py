"""A merchant's service areas for tests that call every operation: drawings, spares, first requests that work."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from app.core.ids import new_city_id, new_id

ALL = "/v1/places/{place_id}/service-areas"
TOGETHER = "/v1/places/{place_id}/publish-service-areas"
AREA = f"{ALL}/{{external_id}}"
PLAN = "/v1/merchants/{merchant_id}/service-area-plan"
REVIEWS = "/v1/service-areas/reviews"
Send = Callable[[str, str, Any], tuple[int, Any]]

# What is done with areas: the spare that it is done with first, and the body.
AREA_WRITES: dict[str, tuple[str, Any]] = {
    f"PUT {AREA}": ("draw_area", {"kind": "delivery", "radius_m": 250.0}),
    f"POST {AREA}/publish": ("publish_area", {}),
    f"POST {AREA}/revert": ("revert_area", {"version": 1}),
    f"DELETE {AREA}/draft": ("discard_area", None),
    f"DELETE {AREA}": ("end_area", None),
}
REVIEW_WRITES: dict[str, tuple[str, Any]] = {
    f"POST {AREA}/approve": ("approve_area", {"note": "good"}),
    f"POST {AREA}/reject": ("reject_area", {"note": "draw it anew"}),
}
SQUARE = {
    "type": "Polygon",
    "coordinates": [[[120.1, 30.2], [120.2, 30.2], [120.2, 30.3], [120.1, 30.3], [120.1, 30.2]]],
}
LOOKED_AT = tuple(f"GET {path}" for path in (ALL, AREA, f"{AREA}/versions"))
WRITES = {*AREA_WRITES, *REVIEW_WRITES, f"POST {TOGETHER}", f"PUT {PLAN}"}
ANY_JSON = ("json-number", "json-text", "json-too-deep", "json-too-many-members")
# Well-formed data that the ground, the city's money or the area's history says no to.
SAYS_NO: dict[str, tuple[str, ...]] = {
    # members of one's own may be any JSON, which we read strictly; which cities and places there are
    "service_areas_containing": ("invalid-parameter",),
    "service_areas_check": (*ANY_JSON, "invalid-body"),
    "places_within": (*ANY_JSON, "invalid-body", "invalid-geometry", "geometry-too-large", "conflicting-parameters"),
    "put_service_area": (
        *ANY_JSON,
        *("invalid-body", "invalid-geometry", "geometry-too-large", "area-outside-city", "territory-overlaps"),
        "precondition-required",
    ),
    "publish_service_area": ("no-version-waits", "area-outside-city", "territory-overlaps"),
    "publish_service_areas": ("no-version-waits", "area-outside-city", "territory-overlaps"),
    "revert_service_area": ("version-waits", "area-outside-city", "territory-overlaps"),
    "discard_service_area_draft": ("no-version-waits",),
    "approve_service_area": ("not-in-review", "own-work"),
    "reject_service_area": ("not-in-review", "own-work"),
}


def drawing(radius_m: float = 200.0) -> dict[str, Any]:
    """A circle around the place."""
    return {"kind": "delivery", "radius_m": radius_m}


def make_area(send: Send, place: str, external_id: str, *, published: bool = False) -> str:
    """An area that waits, or is in force."""
    path = f"/v1/places/{place}/service-areas/{external_id}"
    status, answer = send("PUT", path, drawing())
    assert status in (200, 201), answer
    if published:
        status, answer = send("POST", f"{path}/publish", {})
        assert status == 200, answer
    return external_id


def area_spares(send: Send, place: str) -> dict[str, str]:
    """Areas that their owner may draw anew, publish, take back, give up and end."""
    fresh = secrets.token_hex(4)
    found = {
        f"{name}_area": make_area(send, place, f"{name}-{fresh}", published=name in ("revert", "end"))
        for name in ("draw", "publish", "revert", "discard", "end", "all")
    }
    return found | {"area_place": place}


def review_spares(owner: Send, operator: Send, merchant: str, place: str) -> dict[str, str]:
    """Areas that wait for an operator."""
    plan = f"/v1/merchants/{merchant}/service-area-plan"
    fresh, found = secrets.token_hex(4), {}
    assert operator("PUT", plan, {"max_area_km2": 1000, "review": True})[0] == 200
    for name in ("approve", "reject"):
        found[f"{name}_area"] = make_area(owner, place, f"{name}-{fresh}", published=True)
    assert operator("PUT", plan, {"max_area_km2": 1000, "review": False})[0] == 200
    return found | {"area_place": place, "area_merchant": merchant}


def area_questions(point: Sequence[float], city: str) -> dict[str, dict[str, Any]]:
    """First requests of lookups: who serves a point (lat, lon), and what waits in a city."""
    return {
        "POST /v1/service-areas/check": {"body": {"points": [{"lon": point[1], "lat": point[0]}]}},
        f"GET {REVIEWS}": {"query": {"city": city}},
        "POST /v1/places/within": {"body": {"geometry": SQUARE}},
    }


def area_paths(merchant: str, place: str, area: str) -> dict[str, list[dict[str, str]]]:
    """Path values that exist, for who only looks; what would use an area up gets ids of nothing."""
    nothing = [{"place_id": str(new_city_id(2)), "external_id": "nothing"}]
    return {
        ALL: [{"place_id": place}],
        AREA: [{"place_id": place, "external_id": area}],
        f"{AREA}/versions": [{"place_id": place, "external_id": area}],
        PLAN: [{"merchant_id": merchant}],
        f"PUT {PLAN}": [{"merchant_id": str(new_id())}],
        f"POST {TOGETHER}": [{"place_id": str(new_city_id(2))}],
        **dict.fromkeys((*AREA_WRITES, *REVIEW_WRITES), nothing),
    }


def area_first(ids: Mapping[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Path values and first requests by operation, for who has spare areas; empty for everybody else."""
    paths: dict[str, Any] = {}
    first: dict[str, Any] = {}
    for label, (spare, body) in {**AREA_WRITES, **REVIEW_WRITES}.items():
        if spare in ids:
            paths[label] = [{"place_id": ids["area_place"], "external_id": ids[spare]}]
            first[label] = {"headers": _headers(), **({} if body is None else {"body": body})}
    if "approve_area" in ids:
        paths[f"PUT {PLAN}"] = [{"merchant_id": ids["area_merchant"]}]
        first[f"PUT {PLAN}"] = {"body": {"max_area_km2": 1000, "review": False}}
    return paths, first


def own_area_writes(ids: Mapping[str, str]) -> dict[str, tuple[str, str, Any]]:
    """What an owner does with areas, in an order in which each works."""
    place = ids["area_place"]
    found = {}
    for label, (spare, body) in AREA_WRITES.items():
        method, path = label.split(" ")
        found[label] = (method, path.format(place_id=place, external_id=ids[spare]), body)
    found[f"POST {TOGETHER}"] = ("POST", TOGETHER.format(place_id=place), {})
    return found


def foreign_area_writes(place: str, area: str, merchant: str) -> list[tuple[str, Any, Any]]:
    """Who names what is another's, the write that does, and the same with what nobody has."""
    nowhere, nobody = str(new_city_id(2)), str(new_id())
    found = []
    for who, writes in (("owner2", AREA_WRITES), ("operator2", REVIEW_WRITES)):
        for label, (_, body) in writes.items():
            method, path = label.split(" ")
            here, gone = (path.format(place_id=each, external_id=area) for each in (place, nowhere))
            found.append((who, (method, here, body), (method, gone, body)))
    publish = [TOGETHER.format(place_id=each) for each in (place, nowhere)]
    plans = [PLAN.format(merchant_id=each) for each in (merchant, nobody)]
    plan = {"max_area_km2": 1000, "review": False}
    return [
        *found,
        ("owner2", ("POST", publish[0], {}), ("POST", publish[1], {})),
        ("operator2", ("PUT", plans[0], plan), ("PUT", plans[1], plan)),
    ]


def _headers() -> dict[str, str]:
    return {"If-Match": "*", "Idempotency-Key": secrets.token_hex(16)}
