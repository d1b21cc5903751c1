"""What the stand-in's checks found, and what its versions change: a report, a difference and its layers."""

from __future__ import annotations

from typing import Any

JSON = dict[str, Any]
HOSTILE = "<img src=x onerror=\"document.title='owned'\">"
WEST_LAKE = (120.13, 30.245)
STATION = (120.2127, 30.2451)


def first(row: int, reason: str, at: tuple[float, float] | None, key: str | None = None) -> JSON:
    lon, lat = at or (None, None)
    return {"row": row, "source_key": key or f"node/{row}", "id": None, "reason": reason, "lon": lon, "lat": lat}


REPORT: JSON = {
    "verdict": "blocked",
    "counts": {"declared": 1210, "stored": 1204, "refused": 6},
    "checks": [
        {
            "check": "datum-suspicion",
            "severity": "file",
            "count": 1204,
            "title": "The data lie shifted in one direction, as another datum shifts them",
            "hint": "Load the file again with the datum it is really in (wgs84, gcj02 or bd09).",
            "first": [first(1, "540 m from the same place in the reference", WEST_LAKE)],
        },
        {
            "check": "unknown-category",
            "severity": "row",
            "count": 6,
            "title": "A category isn't in the active list",
            "hint": "Use an id of GET /v1/categories, or load the list first.",
            "first": [
                first(17, "unknown category spaceport", STATION),
                first(21, f"unknown category {HOSTILE}", (120.17, 30.26), HOSTILE),
                first(30, "unknown category", None),
            ],
        },
        {
            "check": "piled-points",
            "severity": "warning",
            "count": 40,
            "title": "Many places lie at one point",
            "hint": "Look whether the source knows their addresses.",
            "first": [first(90, "40 places at one point", (120.155, 30.252))],
        },
        {"check": "rings-closed", "severity": "info", "count": 0, "title": "none", "hint": None, "first": []},
    ],
}


def item(number: int, name: str, at: tuple[float, float], **more: Any) -> JSON:
    return {"id": f"p-{number}", "source_key": f"node/{number}", "name": name, "lon": at[0], "lat": at[1], **more}


DIFF: JSON = {
    "from": 2,
    "to": 3,
    "counts": {"added": 12, "removed": 3, "kept": 1180, "moved": 5, "renamed": 1, "reshaped": 0, "changed": 3},
    "moved_histogram": [
        {"from_m": 1, "to_m": 10, "count": 3},
        {"from_m": 10, "to_m": 50, "count": 1},
        {"from_m": 50, "to_m": 200, "count": 0},
        {"from_m": 2000, "to_m": None, "count": 1},
    ],
    "thresholds": [
        {"code": "many-removed", "value": 0.0025, "limit": 0.2, "exceeded": False, "needs": "second_person"},
        {
            "code": "far-moves",
            "value": 0.08,
            "limit": 0.05,
            "exceeded": True,
            "needs": "second_person",
            "detail": "94 of the 1,180 places that stay move by more than 50 m",
        },
    ],
    "first": {
        "added": [item(1, "新开的茶馆", WEST_LAKE), item(2, HOSTILE, STATION)],
        "removed": [item(3, "Closed Bar", (120.18, 30.27))],
        "moved": [item(4, "楼外楼", (120.14, 30.25), distance_m=2310.0)],
        "renamed": [item(5, "New Name", (120.15, 30.24), old_name="Old Name")],
        "reshaped": [],
    },
    "impact": {"places": 0, "service_areas": 1, "coupons": 4, "members": 21},
}


def layer(name: str) -> JSON:
    """A layer of the difference; moves are lines from the old place to the new one."""
    west, south = WEST_LAKE
    shapes: dict[str, JSON] = {
        "moved": {"type": "LineString", "coordinates": [[west, south], [west + 0.02, south + 0.01]]},
        "reshaped": {
            "type": "Polygon",
            "coordinates": [[[west, south], [west + 0.1, south], [west, 30.3], [west, south]]],
        },
    }
    shape = shapes.get(name, {"type": "Point", "coordinates": [west, south]})
    feature = {"type": "Feature", "id": f"{name}-1", "geometry": shape, "properties": {"name": name}}
    return {"type": "FeatureCollection", "features": [feature]}
