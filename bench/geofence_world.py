"""A city of 200,000 fences and 100,000 members who are followed, and batches of fixes as their phones send them."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Sequence
from datetime import timedelta
from math import cos, pi, radians, sin
from pathlib import Path
from uuid import UUID

import shapely
import sqlalchemy as sa

from app.core.clock import system_clock
from app.core.ids import new_city_id
from tests.factories.worlds import World
from tests.faults.claim_world import CITY, plant_claim_world

WEST, SOUTH, WIDE, HIGH = 119.9, 30.05, 0.6, 0.5
FIXES = 100

_FENCES = """
    INSERT INTO geofences (city_id, geofence_id, merchant_id, external_id, state, current_version, revision, epoch,
                           source, outline, created_at, changed_at)
    SELECT :city, id, :merchant, 'f' || id, 'active', 1, 1, 1, 'drawn', st_geomfromwkb(outline, 4326), :now, :now
    FROM unnest(CAST(:ids AS uuid[]), CAST(:outlines AS bytea[])) AS f (id, outline)
"""
_VERSIONS = """
    INSERT INTO geofence_versions (city_id, geofence_id, version, name, boundary, enter_after_s, dwell_s, exit_after_s,
        exit_buffer_m, max_accuracy_m, cooldown_s, reorder_s, time_zone, tags, created_by, created_at)
    SELECT :city, geofence_id, 1, 'fence', outline, 0, '{60}', 0, 20, 100, 0, 0, 'Asia/Shanghai', '{}', 'bench', :now
    FROM geofences
"""
_CHOICES = """
    INSERT INTO location_choices (member_id, positions_at, time_zone, cities, row_version, changed_at)
    SELECT member_id, :now, 'Asia/Shanghai', ARRAY[:city], 1, :now FROM members
"""
_LANES = """
    INSERT INTO followed_lanes (city_id, subject_id, reorder_s, member_id, seen_at)
    SELECT :city, member_id, 0, member_id, :now FROM members
"""


def plant(world: World, fences: int, members: int, draw: random.Random) -> tuple[UUID, ...]:
    """Fences of 30 to 150 m across, five to twelve corners each, so that about one covers any point; the members."""
    planted = plant_claim_world(world, coupons=[], members=members, per_member=1)
    now = system_clock()
    for start in range(0, fences, 10_000):
        ids = [new_city_id(CITY) for _ in range(min(10_000, fences - start))]
        outlines = [shapely.to_wkb(shapely.MultiPolygon([_blob(draw)])) for _ in ids]
        world.run(
            _FENCES,
            {
                "city": CITY,
                "merchant": planted.merchant_id,
                "now": now,
                "ids": list(map(str, ids)),
                "outlines": outlines,
            },
        )
    world.run(_VERSIONS, {"city": CITY, "now": now})
    world.run(_CHOICES, {"city": CITY, "now": now})
    world.run(_LANES, {"city": CITY, "now": now})
    world.run(
        "INSERT INTO geofence_sets SELECT :city, 1, count(*), min(st_xmin(outline)), min(st_ymin(outline)),"
        " max(st_xmax(outline)), max(st_ymax(outline)), '{0}' FROM geofences",
        {"city": CITY},
    )
    with world.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as conn:
        conn.execute(sa.text("VACUUM ANALYZE"))
    return planted.members


def _blob(draw: random.Random) -> shapely.Polygon:
    lon, lat = draw.uniform(WEST, WEST + WIDE), draw.uniform(SOUTH, SOUTH + HIGH)
    reach, corners = draw.uniform(30, 150) / 111_195, draw.randint(5, 12)
    turns = [2 * pi * (corner + draw.uniform(0, 0.7)) / corners for corner in range(corners)]
    stretch = cos(radians(lat))
    return shapely.Polygon([(lon + reach * cos(turn) / stretch, lat + reach * sin(turn)) for turn in turns])


def batch(draw: random.Random) -> list[dict[str, object]]:
    """A hundred fixes of one member, one a second until now."""
    lon, lat = draw.uniform(WEST, WEST + WIDE), draw.uniform(SOUTH, SOUTH + HIGH)
    speed = draw.choices((0.0, 1.3, 12.0), (0.6, 0.3, 0.1))[0] / 111_195
    turn, end = draw.uniform(0, 2 * pi), system_clock()
    found: list[dict[str, object]] = []
    for number in range(FIXES):
        turn += draw.gauss(0, 0.1)
        lon, lat = lon + speed * cos(turn) / 0.86, lat + speed * sin(turn)
        off = 5 / 111_195
        found.append(
            {
                "at": (end - timedelta(seconds=FIXES - number)).isoformat(),
                "lon": round(lon + draw.gauss(0, off), 7),
                "lat": round(lat + draw.gauss(0, off), 7),
                "accuracy_m": 10,
            }
        )
    return found


def cpu_s(pids: Sequence[int]) -> float:
    """Processor time of processes until now."""
    total = 0
    for pid in pids:
        try:
            words = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        except OSError:
            continue
        total += int(words[11]) + int(words[12])
    return total / os.sysconf("SC_CLK_TCK")


def until_idle(pids: Sequence[int], most_s: float) -> None:
    """Until processes do nothing, so that nobody reads fences any more."""
    end, before, quiet = time.monotonic() + most_s, cpu_s(pids), 0
    while time.monotonic() < end and quiet < 2:
        time.sleep(1.5)
        now = cpu_s(pids)
        quiet = quiet + 1 if now - before < 0.15 else 0
        before = now
    if quiet < 2:
        raise SystemExit(f"bench: the fences were not read within {most_s} s")
