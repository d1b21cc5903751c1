"""Synthetic places for measurements: six uneven territories, made from a seed and copied in, in constant memory.

Drawn with numpy in chunks, so that a million places need no more memory than twenty thousand. Two runs with one seed
and count agree in ids, positions and terms.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import Origin, Territory
from app.core.ids import new_city_id
from app.core.money import exponent_of
from app.imports import actions, queries
from app.imports.copying import copy_rows, copy_text_lines
from app.imports.errors import VersionNotReady
from app.imports.scale_coupons import COUPON_TABLES, put_coupons
from app.imports.scale_lines import PlaceLines, place_ids
from app.imports.staging import HOURS, PLACE_FACTS
from app.imports.types import Progress
from app.places.opening_hours import parse_ok
from app.places.tables import hours_patterns, place_facts, place_sources, places
from geo.coordinates import LonLat

Floats = NDArray[np.float64]

CHUNK: Final = 20_000
TIES_SHARE: Final = 0.01
_ORIGIN: Final = Origin("Fujin synthetic places", "CC0-1.0", "Synthetic data, no real places")
HOURS_MIX: Final = (
    "24/7", "Mo-Su 08:00-22:00", "Mo-Fr 09:00-18:00", "Mo-Fr 09:00-18:00; Sa 10:00-14:00; PH off",
    "Mo-Sa 10:00-20:00; PH off", "Mo-Th 18:00-01:00; Fr-Sa 18:00-03:00", "Tu-Su 11:30-14:30,17:30-22:00",
    "Mo-Su 22:00-04:00", "Mo-Su 06:00-11:00", "Mo-Fr 07:30-16:00; SH off", "Sa-Su 10:00-17:00", "Mo-Su 17:00+",
    "call us first", *(f"Mo-Su {opens:02d}:00-{opens + 9:02d}:30" for opens in range(6, 14)),
    *(f"Mo-Fr {opens:02d}:30-{opens + 8:02d}:00; Sa {opens + 2:02d}:00-13:00" for opens in range(6, 10)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Cluster:
    """A part of a territory's places: a normal spread in degrees around a centre."""

    share: float
    lon: float
    lat: float
    spread_lon: float
    spread_lat: float


@dataclass(frozen=True, slots=True)
class Plan:
    """A synthetic territory: its share of all places, and how they lie."""

    territory: Territory
    share: float
    clusters: tuple[Cluster, ...]
    fixed: tuple[tuple[float, float], ...] = ()


def _territory(city_id: int, slug: str, english: str, zone: str, currency: str, lon: float, lat: float) -> Territory:
    names = {"en": english, "local": english}
    return Territory(city_id, slug, "city", names, "en", None, zone, currency, None, LonLat(lon, lat), 12)


PLANS: Final = (
    Plan(
        _territory(101, "scale-metropolis", "Metropolis", "Asia/Shanghai", "CNY", 121.47, 31.23),
        0.46,
        (
            Cluster(0.55, 121.47, 31.23, 0.03, 0.025),
            Cluster(0.25, 121.40, 31.18, 0.12, 0.1),
            Cluster(0.2, 121.5, 31.2, 0.35, 0.3),
        ),
    ),
    Plan(
        _territory(102, "scale-suburbs", "Suburbs", "Europe/Paris", "EUR", 2.35, 48.86),
        0.25,
        (Cluster(0.3, 2.35, 48.86, 0.05, 0.04), Cluster(0.7, 2.4, 48.8, 0.4, 0.3)),
    ),
    Plan(
        _territory(103, "scale-plains", "Empty plains", "America/Chicago", "USD", -99.5, 41.0),
        0.1,
        (
            Cluster(0.5, -99.5, 41.0, 3.5, 2.5),
            Cluster(0.3, -96.7, 40.81, 0.08, 0.06),
            Cluster(0.2, -103.66, 41.87, 0.03, 0.02),
        ),
    ),
    Plan(
        _territory(104, "scale-islands", "Islands at 180°", "Pacific/Fiji", "FJD", 180.0, -17.0),
        0.09,
        (
            Cluster(0.5, 180.0, -16.9, 0.05, 0.08),
            Cluster(0.3, 178.44, -18.13, 0.05, 0.04),
            Cluster(0.2, 180, -17, 1, 1),
        ),
        ((180.0, -16.5), (-180.0, -16.5), (179.9999999, -17.0), (-179.9999999, -17.0)),
    ),
    Plan(
        _territory(105, "scale-north", "High north", "Arctic/Longyearbyen", "NOK", 15.63, 78.22),
        0.08,
        (Cluster(0.8, 15.63, 78.22, 0.15, 0.03), Cluster(0.2, 20.0, 79.0, 8.0, 0.8)),
        ((0.0, 90.0), (0.0, 89.99), (180.0, 89.99), (-90.0, 89.95), (120.0, 89.9)),
    ),
    Plan(
        _territory(106, "scale-old-town", "Old town", "Europe/Berlin", "EUR", 11.08, 49.45),
        0.02,
        (Cluster(1.0, 11.08, 49.45, 0.006, 0.004),),
    ),
)


def put_scale(conn: Connection, count: int, number: int, now: datetime, progress: Progress) -> int:
    """Loads ``count`` places over the territories of PLANS as active versions; returns how many were added.

    Needs categories (VersionNotReady). A territory that holds this very load already is left alone. The caller commits.
    """
    world = cities.world_versions(conn)
    categories = sorted(queries.category_ids(conn, world.categories))
    if not categories:
        raise VersionNotReady("there are no categories yet; run fujin seed first")
    cities.put_currencies(conn, {str(p.territory.currency): exponent_of(str(p.territory.currency)) for p in PLANS})
    added = 0
    for plan, places_count in zip(PLANS, _counts(count), strict=True):
        cities.put_territory(conn, plan.territory, now)
        cities.lock_versions(conn, plan.territory.city_id)
        sha256 = hashlib.sha256(f"scale {number} {count} {plan.territory.slug}".encode()).digest()
        active = cities.active_version(conn, plan.territory.city_id, "places")
        if places_count and (active is None or active.source_sha256 != sha256):
            added += _put_territory(conn, plan, places_count, number, categories, sha256, now, progress)
    return added


def _counts(count: int) -> list[int]:
    """Places of each territory; the largest takes what rounding leaves."""
    counts = [int(count * plan.share) for plan in PLANS]
    counts[0] += count - sum(counts)
    return counts


def _put_territory(
    conn: Connection,
    plan: Plan,
    count: int,
    number: int,
    categories: Sequence[str],
    sha256: bytes,
    now: datetime,
    progress: Progress,
) -> int:
    city_id = plan.territory.city_id
    version = cities.next_version(conn, city_id, "places")
    cities.insert_version(
        conn,
        city_id=city_id,
        dataset_id=new_city_id(city_id),
        kind="places",
        version=version,
        origin=_ORIGIN,
        sha256=sha256,
        now=now,
    )
    _put_hours(conn, plan.territory, version)
    chance = np.random.default_rng([number, city_id])
    weights = _category_weights(chance, len(categories))
    done = 0
    while done < count:
        size = min(CHUNK, count - done)
        ids = place_ids(city_id, version, done, size, number)
        lons, lats = _positions(plan, chance, size, first=done == 0)
        lines = PlaceLines(city_id, version, now, done, ids, lons, lats)
        chosen = chance.choice(len(categories), size, p=weights)
        hours = chance.integers(0, len(HOURS_MIX) + len(HOURS_MIX) // 2, size)
        closed = chance.random(size) < 0.01
        names = chance.integers(0, 1 << 31, size)
        copy_text_lines(conn, places, ("city_id", "place_id", "created_at"), lines.identities())
        copy_text_lines(conn, place_sources, ("city_id", "source_key", "place_id"), lines.sources())
        facts = lines.facts([categories[index] for index in chosen], hours, len(HOURS_MIX), closed, names)
        copy_text_lines(conn, place_facts, PLACE_FACTS, facts)
        put_coupons(conn, plan.territory, done, ids, chance, now)
        done += size
        progress(size)
    counts = (count, count, 0)
    cities.set_state(conn, city_id, "places", version, state="staged", only_from=("validating",), counts=counts)
    queries.refresh_statistics(conn, place_facts, *COUPON_TABLES)
    actions.activate(conn, city_id, "places", version, now)
    return count


def _put_hours(conn: Connection, territory: Territory, version: int) -> None:
    def rows() -> Iterator[tuple[Any, ...]]:
        for hours_no, text in enumerate(HOURS_MIX, 1):
            yield (
                territory.city_id, version, hours_no, text, territory.time_zone, None, False, parse_ok(text),
            )  # fmt: skip

    copy_rows(conn, hours_patterns, HOURS, rows())


def _category_weights(chance: np.random.Generator, count: int) -> Floats:
    """A few categories hold most places; the rarest are one in tens of thousands."""
    ranks = chance.permutation(count) + 1.0
    weights = ranks**-1.6
    return np.asarray(weights / weights.sum(), dtype=np.float64)


def _positions(plan: Plan, chance: np.random.Generator, size: int, *, first: bool) -> tuple[Floats, Floats]:
    """Positions of a chunk with seven decimals, neighbours near each other; some on the very same spot."""
    shares = np.array([cluster.share for cluster in plan.clusters])
    of = chance.choice(len(plan.clusters), size, p=shares / shares.sum())
    centre_lon, centre_lat, spread_lon, spread_lat = (
        np.array([getattr(cluster, name) for cluster in plan.clusters])[of]
        for name in ("lon", "lat", "spread_lon", "spread_lat")
    )
    lons = centre_lon + spread_lon * chance.standard_normal(size)
    lats = np.clip(centre_lat + spread_lat * chance.standard_normal(size), -89.9, 89.9)
    order = np.lexsort((lats, np.floor(lons * 200)))
    lons, lats = lons[order], lats[order]
    ties = np.flatnonzero(chance.random(size) < TIES_SHARE)
    ties = ties[ties > 0]
    lons[ties], lats[ties] = lons[ties - 1], lats[ties - 1]
    if first:
        fixed = plan.fixed[:size]
        for index, (lon, lat) in enumerate(fixed):
            lons[index], lats[index] = lon, lat
    wrapped = np.where(np.abs(lons) > 180.0, (lons + 180.0) % 360.0 - 180.0, lons)
    return np.asarray(np.round(wrapped, 7), dtype=np.float64), np.asarray(np.round(lats, 7), dtype=np.float64)
