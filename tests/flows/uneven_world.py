"""An uneven world to search in: dense centres side by side, ±180°, both poles, ties, places strewn over the globe.

Everything is drawn from one seed and loaded by COPY; what the reference needs is read back by plain SQL.
"""

from __future__ import annotations

import io
import json
import random
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg2
import sqlalchemy as sa

from tests.factories.worlds import NOW, World

# Text of a pattern and what it says at (weekday from Monday 0, minute of the day), worked out by reading it.
PATTERNS: list[tuple[str, Callable[[int, int], str]]] = [
    ("24/7", lambda day, minute: "open"),
    ("Mo-Fr 09:00-18:00", lambda day, minute: "open" if day < 5 and 540 <= minute < 1080 else "closed"),
    ("Sa-Su 10:00-17:30", lambda day, minute: "open" if day >= 5 and 600 <= minute < 1050 else "closed"),
    ("Mo-Su 20:00-02:00", lambda day, minute: "open" if minute >= 1200 or minute < 120 else "closed"),
    ("Mo-Su 10:30-22:00", lambda day, minute: "open" if 630 <= minute < 1320 else "closed"),
    ("? by whim", lambda day, minute: "unknown"),
]
ZONES = {2: "Asia/Shanghai", 3: "Asia/Shanghai", 4: "Pacific/Fiji", 5: "UTC", 6: "UTC", 7: "Europe/Berlin", 8: "UTC"}
Point = tuple[float, float]


def drawn_id(draw: random.Random, city_id: int) -> UUID:
    """A UUIDv7 of a city, as random as the seed: two runs agree."""
    return UUID(
        int=0x019AA6 << 104 | draw.getrandbits(24) << 80 | 7 << 76 | 0b10 << 62 | draw.getrandbits(42) << 20 | city_id
    )


def _around(draw: random.Random, count: int, lon: float, lat: float, wide: float, high: float) -> list[Point]:
    found = []
    for _ in range(count):
        x, y = draw.gauss(lon, wide), max(-90.0, min(90.0, draw.gauss(lat, high)))
        found.append((round((x + 180) % 360 - 180, 7), round(y, 7)))
    return found


def _cap(draw: random.Random, count: int, pole: float) -> list[Point]:
    found = [(round(draw.uniform(-180, 180), 7), pole) for _ in range(5)]
    while len(found) < count:
        off = abs(draw.gauss(0, 0.15))
        found.append((round(draw.uniform(-180, 180), 7), round(pole - off if pole > 0 else pole + off, 7)))
    return found


def draw_points(draw: random.Random) -> dict[int, list[Point]]:
    """Places by city; a tenth of the first two stands exactly where others stand."""
    points = {
        2: _around(draw, 5000, 120.16, 30.25, 0.03, 0.025),
        3: _around(draw, 3000, 120.25, 30.28, 0.04, 0.03),
        4: [*_around(draw, 2500, 180.0, -17.0, 0.05, 0.05), (180.0, -17.0), (-180.0, -17.0), (-180.0, -17.01)],
        5: _cap(draw, 1500, 90.0),
        6: _cap(draw, 700, -90.0),
        7: _around(draw, 2500, 13.4, 52.52, 0.05, 0.03) + _around(draw, 600, 15.6, 78.22, 0.1, 0.02),
        8: [(round(draw.uniform(-180, 180), 7), round(draw.uniform(-89, 89), 7)) for _ in range(1500)],
    }
    points[2] += draw.choices(points[2], k=500)
    points[3] += draw.choices(points[2], k=300)
    points[4] += draw.choices(points[4], k=250)
    points[5] += draw.choices(points[5], k=150)
    return points


def draw_tree(draw: random.Random) -> dict[str, str | None]:
    """Parent by category: four levels, five branches."""
    tree: dict[str, str | None] = {}
    for a in range(5):
        tree[f"c{a}"] = None
        for b in range(draw.randrange(2, 5)):
            tree[f"c{a}_{b}"] = f"c{a}"
            for c in range(draw.randrange(3)):
                tree[f"c{a}_{b}_{c}"] = f"c{a}_{b}"
                if draw.random() < 0.3:
                    tree[f"c{a}_{b}_{c}_x"] = f"c{a}_{b}_{c}"
    return tree


def _copy(engine: sa.Engine, table: str, columns: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    buffer = io.StringIO()
    for row in rows:
        buffer.write("\t".join("\\N" if value is None else str(value) for value in row) + "\n")
    buffer.seek(0)
    conn = psycopg2.connect(engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    with conn, conn.cursor() as cursor:
        cursor.copy_expert(f"COPY {table} ({', '.join(columns)}) FROM STDIN", buffer)
    conn.close()


FACTS = (
    *("city_id", "version", "place_id", "location", "name", "names", "category_id", "alternate_category_ids"),
    *("address", "hours_no", "attributes", "closed", "source_key", "source_datum", "source_lon", "source_lat"),
)


def plant_places(world: World, draw: random.Random, tree: dict[str, str | None]) -> dict[int, list[UUID]]:
    """Cities with a retired version that nobody may see and the active one; ids by city."""
    names = json.dumps({"local": "店"})
    leaves = list(tree)
    ids: dict[int, list[UUID]] = {}
    for city_id, points in draw_points(draw).items():
        world.city(city_id, f"city-{city_id}", time_zone=ZONES[city_id])
        ids[city_id] = [drawn_id(draw, city_id) for _ in points]
        draw.shuffle(ids[city_id])
        _copy(world.engine, "places", ("city_id", "place_id", "created_at"), [(city_id, i, NOW) for i in ids[city_id]])
        for version in (1, 2):
            world.dataset(city_id, "places", version)
            for number, (text, _) in enumerate(PATTERNS, 1):
                world.hours(city_id, version, number, text, ZONES[city_id])
            rows = []
            for place_id, point in zip(ids[city_id], points, strict=True):
                lon, lat = point if version == 2 else (round(point[0] * 0.999, 7), round(point[1] * 0.999, 7))
                where = f"SRID=4326;POINT({lon!r} {lat!r})"
                hours = draw.choice([*range(1, len(PATTERNS) + 1), None])
                others = "{" + ",".join(draw.sample(leaves, draw.choice((0, 0, 0, 1, 2)))) + "}"
                stated = (where, "店", names, draw.choice(leaves), others, "{}", hours, "{}", draw.random() < 0.03)
                rows.append((city_id, version, place_id, *stated, str(place_id), "wgs84", lon, lat))
            _copy(world.engine, "place_facts", FACTS, rows)
        world.activate(city_id, "places", 2)
    return ids


def plant_tree(world: World, tree: dict[str, str | None]) -> None:
    """The tree as version 2 of the taxonomy, which is the active one."""
    world.dataset(1, "categories", 2)
    for category_id, parent_id in tree.items():
        world.run(
            "INSERT INTO categories VALUES (2, :id, :parent, :names, :depth, 0)",
            {"id": category_id, "parent": parent_id, "names": '{"en": "x"}', "depth": category_id.count("_") + 1},
        )
    world.activate(1, "categories", 2)


def plant_regions(world: World, draw: random.Random) -> None:
    """Areas of the active version: over two cities, with a hole, on the exact columns of places, over 180°, a cap."""
    (edge,) = world.rows(
        "SELECT percentile_disc(0.3) WITHIN GROUP (ORDER BY ST_X(location::geometry)) AS west,"
        " percentile_disc(0.7) WITHIN GROUP (ORDER BY ST_X(location::geometry)) AS east,"
        " percentile_disc(0.3) WITHIN GROUP (ORDER BY ST_Y(location::geometry)) AS south,"
        " percentile_disc(0.7) WITHIN GROUP (ORDER BY ST_Y(location::geometry)) AS north"
        " FROM place_facts WHERE city_id = 2 AND version = 2"
    )
    w, e, s, n = edge
    drawn = {
        2: [
            f"POLYGON(({w} {s}, {e} {s}, {e} {n}, {w} {n}, {w} {s}))",
            "POLYGON((120.05 30.1, 120.4 30.15, 120.35 30.4, 120.2 30.3, 120.05 30.1))",
            "POLYGON((120 30, 120.5 30, 120.5 30.5, 120 30.5, 120 30),"
            " (120.1 30.2, 120.2 30.2, 120.2 30.3, 120.1 30.3, 120.1 30.2))",
        ],
        4: [
            "MULTIPOLYGON(((179.9 -17.1, 180 -17.1, 180 -16.9, 179.9 -17.1)),"
            " ((-180 -17.1, -179.9 -17.1, -180 -16.9, -180 -17.1)))"
        ],
        5: ["POLYGON((-180 89.9, 90 89.9, 90 90, -180 90, -180 89.9))"],
        7: ["POLYGON((13.35 52.45, 13.5 52.5, 13.4 52.6, 13.35 52.45))"],
    }
    for city_id, shapes in drawn.items():
        for version in (1, 2):
            world.dataset(city_id, "regions", version, stored=len(shapes))
        for number, wkt in enumerate(shapes):
            region_id = drawn_id(draw, city_id)
            world.region(city_id, 2, wkt, code=str(number), region_id=region_id)
            world.region(city_id, 1, "POLYGON((0 0, 1 0, 1 1, 0 0))", code=str(number), region_id=region_id)
        world.activate(city_id, "regions", 2)


def plant_coupons(world: World, draw: random.Random, places: dict[int, list[UUID]]) -> None:
    """Coupons in every state, at one to forty places, some by the service areas of their city."""
    for city_id in (2, 3, 4, 5, 7):
        merchant = world.merchant(city_id)
        areas = [
            world.service_area(city_id, draw.choice(places[city_id]), merchant, wkt, state=state, until=until)
            for wkt in AREAS[city_id]
            for state, until in (("published", None), ("draft", None), ("published", NOW))
        ]
        for number in range(70):
            values = _drawn_coupon(draw, city_id, number, areas)
            chosen = draw.sample(places[city_id], draw.choice((1, 2, 9, 40)))
            world.coupon(city_id, merchant, chosen, **values)


AREAS = {
    2: [
        "POLYGON((120.1 30.2, 120.2 30.2, 120.2 30.3, 120.1 30.2))",
        "POLYGON((120.1 30.2, 120.3 30.2, 120.3 30.35, 120.1 30.35, 120.1 30.2))",
    ],
    3: ["POLYGON((120.2 30.2, 120.3 30.2, 120.3 30.35, 120.2 30.35, 120.2 30.2))"],
    4: ["POLYGON((179.9 -17.1, 180 -17.1, 180 -16.9, 179.9 -16.9, 179.9 -17.1))"],
    5: ["POLYGON((0 89.8, 10 89.8, 10 90, 0 90, 0 89.8))"],
    7: ["POLYGON((13.3 52.4, 13.5 52.4, 13.5 52.6, 13.3 52.4))"],
}


def _drawn_coupon(draw: random.Random, city_id: int, number: int, areas: list[UUID]) -> dict[str, Any]:
    values: dict[str, Any] = {"coupon_id": drawn_id(draw, city_id)}
    values["state"] = draw.choices(("published", "draft", "paused", "ended"), (8, 1, 1, 1))[0]
    values["taken"] = draw.choices((0, 9, 10), (6, 2, 1))[0]
    if draw.random() < 0.1:
        values["claim_until"] = NOW
    elif draw.random() < 0.1:
        values["claim_from"] = NOW + timedelta(seconds=draw.choice((0, 1)))
    kind = ("amount_off", "percent_off", "voucher", "package", "gift")[number % 5]
    values["kind"] = kind
    if kind not in ("amount_off", "voucher"):
        values["face_value_minor"] = None
    if kind == "percent_off":
        values["percent_off_bp"] = 1500
    if kind == "package":
        values |= {"group_price_minor": 1, "group_target": 2, "group_seats": 3, "group_deadline_s": 60}
    if draw.random() < 0.5:
        values |= {"scope_kind": "service_areas", "scopes": draw.sample(areas, 2)}
    return values
