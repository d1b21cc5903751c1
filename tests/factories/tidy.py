"""A tiny world in two cities that keeps every invariant: something in each table that the audit reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from app.core.ids import new_city_id, new_id
from app.places.queries_links import show_links
from tests.factories.tidy_loop import CODED_TERMS, GROUP_TERMS, PAID_TERMS, plant_tidy_loop
from tests.factories.worlds import NOW, World

HERE, THERE = 2, 3
AREA = "POLYGON((120.1 30.2, 120.3 30.2, 120.3 30.4, 120.1 30.4, 120.1 30.2))"
_ROWS = """
    SELECT city_id, 'places' AS kind, version, count(*) AS n, count(*) FILTER (WHERE closed IS false) AS live
    FROM place_facts GROUP BY city_id, version
    UNION ALL SELECT city_id, 'regions', version, count(*), count(*) FROM region_facts GROUP BY city_id, version
    UNION ALL SELECT 1, 'categories', version, count(*), count(*) FROM categories GROUP BY version
"""


@dataclass(frozen=True)
class Tidy:
    """Ids of the world's things; the first city has four places, one of them closed, the second city one."""

    places: tuple[UUID, ...]
    far_place: UUID
    merchant: UUID
    member: UUID
    region: UUID
    service_area: UUID
    coupon: UUID
    area_coupon: UUID
    region_coupon: UUID
    paid_coupon: UUID
    loop: Mapping[str, UUID]


def plant_tidy_world(engine: sa.Engine) -> Tidy:
    """Plants the world over an empty migrated database."""
    world = World(engine)
    world.basics()
    world.city(HERE, "here", lon=120.2, lat=30.3)
    world.city(THERE, "there", lon=13.4, lat=52.5, time_zone="Europe/Berlin", currency="EUR")
    for city_id in (HERE, THERE):
        world.dataset(city_id, "places", 1)
        world.dataset(city_id, "regions", 1)
        world.hours(city_id, 1, 1, "Mo-Su 10:00-22:00")
    points = [(120.15, 30.25), (120.2, 30.3), (120.25, 30.35), (120.28, 30.38)]
    wanted = [{"lon": lon, "lat": lat, "hours_no": 1, "closed": lat == 30.38} for lon, lat in points]
    places = world.places(HERE, 1, wanted)
    far = world.places(THERE, 1, [{"lon": 13.4, "lat": 52.5}])[0]
    region = world.region(HERE, 1, AREA)
    world.region(HERE, 1, AREA, parent=region, kind="neighbourhood", level=9)
    world.region(THERE, 1, "POLYGON((13 52, 14 52, 14 53, 13 53, 13 52))")
    merchant = world.merchant(HERE, places=places)
    area = world.service_area(HERE, places[0], merchant, AREA)
    coupon = world.coupon(HERE, merchant, places[:2], scopes=places[:2], taken=4)
    area_coupon = world.coupon(HERE, merchant, places[:1], scopes=[area], scope_kind="service_areas", **CODED_TERMS)
    region_coupon = world.coupon(HERE, merchant, places[:3], scopes=[region], scope_kind="regions")
    paid_coupon = world.coupon(HERE, merchant, places[:2], scopes=places[:2], **PAID_TERMS)
    group_coupon = world.coupon(HERE, merchant, places[:2], scopes=places[:2], **GROUP_TERMS)
    world.run(
        "UPDATE coupon_places SET service_area_id = :area WHERE city_id = :city AND coupon_id = :coupon",
        {"area": area, "city": HERE, "coupon": area_coupon},
    )
    for city_id in (HERE, THERE):
        world.activate(city_id, "places", 1)
        world.activate(city_id, "regions", 1)
    with engine.begin() as conn:
        show_links(conn, HERE, NOW)
    count_rows(world)
    _merge(world, places[3], places[0])
    member = _plant_people(world, merchant, places[0])
    loop = plant_tidy_loop(engine, HERE, merchant, places[0], coupon, paid_coupon, group_coupon, area_coupon)
    return Tidy(
        tuple(places), far, merchant, member, region, area, coupon, area_coupon, region_coupon, paid_coupon, loop
    )


def count_rows(world: World) -> None:
    """Writes into each dataset and pointer how many rows there are."""
    world.run(
        f"UPDATE datasets d SET rows_declared = r.n, rows_stored = r.n FROM ({_ROWS}) r"
        " WHERE (r.city_id, r.kind, r.version) = (d.city_id, d.kind, d.version)",
        {},
    )
    world.run(
        f"UPDATE active_dataset a SET row_count = r.live FROM ({_ROWS}) r"
        " WHERE (r.city_id, r.kind, r.version) = (a.city_id, a.kind, a.version)",
        {},
    )


def _merge(world: World, closed: UUID, kept: UUID) -> None:
    """The closed place was merged into another one, whose key its own is a name of."""
    ids = {"city": HERE, "closed": closed, "kept": kept, "overlay": new_city_id(HERE), "now": NOW}
    for statement in (
        "UPDATE places SET moved_to = :kept, moved_at = :now WHERE city_id = :city AND place_id = :closed",
        "INSERT INTO place_sources VALUES (:city, 'tidy:0', :kept, NULL), (:city, 'tidy:3', :kept, :closed)",
        "INSERT INTO place_bases VALUES (:city, 1, :closed, 'closed', 'false')",
        "INSERT INTO place_overlays (city_id, overlay_id, place_id, field, value, reason, author_id, created_at, state)"
        " VALUES (:city, :overlay, :closed, 'duplicate_of', to_jsonb(CAST(:kept AS text)), 'x', :kept, :now, 'live')",
    ):
        world.run(statement, ids)


def _plant_people(world: World, merchant: UUID, place: UUID) -> UUID:
    member = new_id()
    values = {"member": member, "merchant": merchant, "place": place, "city": HERE, "now": NOW}
    for statement in (
        "INSERT INTO members (member_id, state, row_version, created_at) VALUES (:member, 'active', 1, :now)",
        "INSERT INTO login_names (login_norm, member_id, created_at) VALUES ('name:someone', :member, :now)",
        "INSERT INTO merchant_staff (merchant_id, member_id, role, created_at) "
        " VALUES (:merchant, :member, 'staff', :now)",
        "INSERT INTO staff_places (merchant_id, member_id, place_id) VALUES (:merchant, :member, :place)",
        "INSERT INTO api_clients (client_id, secret_hash, name, scopes, merchant_ids, enabled, created_at)"
        " VALUES ('partner', '\\x00', 'Partner', '{}', ARRAY[CAST(:merchant AS uuid)], true, :now)",
        "INSERT INTO idempotency_keys (city_id, principal, operation, key, request_hash, state, locked_until,"
        " created_at, expires_at) VALUES (:city, 'm', 'claim', 'k', '\\x00', 'running', '2126-01-01Z', :now, :now)",
    ):
        world.run(statement, values)
    return member
