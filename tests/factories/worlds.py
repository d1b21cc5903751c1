"""Plants small worlds by plain SQL: cities, versions, places, coupons, areas; every value has a neutral default."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.ids import new_city_id, new_id
from app.coupons.search_rows import put_coupon_lanes
from app.imports.search_rows import build

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
CATEGORIES = (
    ("food", None),
    ("restaurant", "food"),
    ("chinese_restaurant", "restaurant"),
    ("hotpot", "chinese_restaurant"),
    ("cafe", "food"),
    ("shop", None),
    ("bookshop", "shop"),
)


@dataclass
class World:
    """A database being planted; ``plant`` writes nothing by itself, each call is committed."""

    engine: sa.Engine
    versions: dict[tuple[int, str], int] = field(default_factory=dict)
    operators: dict[UUID, UUID] = field(default_factory=dict)

    def run(self, statement: str, rows: dict[str, Any] | Sequence[dict[str, Any]]) -> None:
        """One statement, for one row or many."""
        with self.engine.begin() as conn:
            conn.execute(sa.text(statement), rows)

    def rows(self, statement: str, **values: Any) -> list[Any]:
        """Rows of a plain query."""
        with self.engine.connect() as conn:
            return list(conn.execute(sa.text(statement), values).all())

    def basics(self) -> None:
        """Currencies, the world, its category tree as version 1."""
        self.run(
            "INSERT INTO currencies (currency, exponent) VALUES (:c, :e) ON CONFLICT DO NOTHING",
            [{"c": "CNY", "e": 2}, {"c": "EUR", "e": 2}, {"c": "JPY", "e": 0}],
        )
        self.city(1, "world", kind="world", time_zone="UTC")
        self.dataset(1, "categories", 1)
        depth: dict[str, int] = {}
        for order, (category_id, parent_id) in enumerate(CATEGORIES):
            depth[category_id] = depth[parent_id] + 1 if parent_id else 1
            self.run(
                "INSERT INTO categories (version, category_id, parent_id, names, depth, sort_order)"
                " VALUES (1, :id, :parent, :names, :depth, :sort)",
                {
                    "id": category_id,
                    "parent": parent_id,
                    "names": json.dumps({"en": category_id.capitalize(), "zh-Hans": f"类{order}"}),
                    "depth": depth[category_id],
                    "sort": order,
                },
            )
        self.activate(1, "categories", 1)

    def city(self, city_id: int, slug: str, **given: Any) -> None:
        """A territory; at 0, 0 unless said."""
        values = {
            "kind": "city",
            "language": "zh-Hans",
            "country": "CN",
            "time_zone": "Asia/Shanghai",
            "currency": "CNY",
            "calendar": None,
            "lon": 0.0,
            "lat": 0.0,
        } | given
        self.run(
            "INSERT INTO cities (city_id, slug, kind, names, default_language, country_code, time_zone, currency,"
            " calendar, centre_lon, centre_lat, zoom, created_at) VALUES (:id, :slug, :kind, :names, :language,"
            " :country, :time_zone, :currency, :calendar, :lon, :lat, 12, :now)",
            values | {"id": city_id, "slug": slug, "names": json.dumps({"local": slug}), "now": NOW},
        )

    def dataset(self, city_id: int, kind: str, version: int, stored: int = 0) -> None:
        """A staged version; one that was staged before gives way, since a kind has one at a time."""
        self.run(
            "UPDATE datasets SET state = 'retired' WHERE city_id = :city AND kind = :kind AND state = 'staged'",
            {"city": city_id, "kind": kind},
        )
        self.run(
            "INSERT INTO datasets (city_id, dataset_id, kind, version, state, source_name, source_sha256, licence,"
            " attribution, rows_declared, rows_stored, rows_refused, created_at) VALUES (:city, :id, :kind, :version,"
            " 'staged', 'test', '\\x00', 'CC0-1.0', :attribution, :stored, :stored, 0, :now)",
            {
                "city": city_id,
                "id": new_city_id(city_id),
                "kind": kind,
                "version": version,
                "attribution": f"© {kind} of {city_id}",
                "stored": stored,
                "now": NOW,
            },
        )

    def activate(self, city_id: int, kind: str, version: int) -> None:
        """Points every read at a version; the box of places is worked out from its live rows, over 180° if narrower."""
        box: tuple[float | None, ...] = (None, None, None, None)
        if kind == "places":
            found = self.rows(
                "SELECT ST_X(location::geometry), ST_Y(location::geometry) FROM place_facts"
                " WHERE city_id = :c AND version = :v AND NOT closed",
                c=city_id,
                v=version,
            )
            box = box_of([(row[0], row[1]) for row in found])
            self.run(
                "UPDATE datasets SET rows_declared = :n, rows_stored = :n WHERE city_id = :c AND kind = :k"
                " AND version = :v",
                {"n": len(found), "c": city_id, "k": kind, "v": version},
            )
        self.run(
            "UPDATE datasets SET state = CASE WHEN version = :v THEN 'active' ELSE 'retired' END"
            " WHERE city_id = :c AND kind = :k AND state IN ('staged', 'active', 'retired')",
            {"c": city_id, "k": kind, "v": version},
        )
        self.run(
            "INSERT INTO active_dataset VALUES (:c, :k, :v, :w, :s, :e, :n, 0, :now)"
            " ON CONFLICT (city_id, kind) DO UPDATE SET version = :v, extent_west = :w, extent_south = :s,"
            " extent_east = :e, extent_north = :n",
            dict(zip("wsen", box, strict=True)) | {"c": city_id, "k": kind, "v": version, "now": NOW},
        )
        self.versions[city_id, kind] = version
        if kind in ("places", "categories"):
            for (city, what), number in self.versions.items():
                if what == "places" and city_id in (city, 1):
                    self.search_rows(city, number)
        self.run("UPDATE dataset_epoch SET epoch = epoch + 1", {})

    def search_rows(self, city_id: int, version: int) -> None:
        """The search rows of a version as they are after a load."""
        with self.engine.begin() as conn:
            build(conn, city_id, version, NOW)
            put_coupon_lanes(conn, city_id, version)

    def hours(self, city_id: int, version: int, number: int, text: str, time_zone: str = "Asia/Shanghai") -> int:
        """A pattern of opening hours."""
        self.run(
            "INSERT INTO hours_patterns VALUES (:c, :v, :n, :text, :zone, NULL, false, :parsed)",
            {
                "c": city_id,
                "v": version,
                "n": number,
                "text": text,
                "zone": time_zone,
                "parsed": not text.startswith("?"),
            },
        )
        return number

    def places(self, city_id: int, version: int, wanted: Sequence[dict[str, Any]]) -> list[UUID]:
        """Places with facts; ``lon`` and ``lat`` are needed, ``place_id`` makes a further version of an old one."""
        ids, rows = [], []
        for number, given in enumerate(wanted):
            place_id = given.get("place_id") or new_city_id(city_id)
            ids.append(place_id)
            rows.append(_place_row(city_id, version, place_id, number, given))
        self.run("INSERT INTO places VALUES (:city, :id, :now, NULL) ON CONFLICT DO NOTHING", rows)
        self.run(
            "INSERT INTO place_facts VALUES (:city, :version, :id, ST_SetSRID(ST_MakePoint(:lon, :lat), 4326), :name,"
            " :names, :category, '{}', NULL, :address, :phone, NULL, :hours_no, NULL, '{}', :closed, :key, :datum,"
            " :source_lon, :source_lat)",
            rows,
        )
        if self.versions.get((city_id, "places")) == version:
            self.search_rows(city_id, version)
        return ids

    def merchant(self, city_id: int, name: str = "商户", places: Sequence[UUID] = ()) -> UUID:
        """A business that runs some places."""
        merchant_id = new_id()
        self.run(
            "INSERT INTO merchants VALUES (:id, :names, 'active', :city, :now)",
            {"id": merchant_id, "names": json.dumps({"local": name, "en": f"{name} Ltd"}), "city": city_id, "now": NOW},
        )
        if places:
            self.run(
                "INSERT INTO place_operators VALUES (:city, :place, :id, :now)",
                [{"city": city_id, "place": place, "id": merchant_id, "now": NOW} for place in places],
            )
        return merchant_id

    def coupon(self, city_id: int, merchant_id: UUID, places: Sequence[UUID], **given: Any) -> UUID:
        """A published coupon (¥20 off from ¥100, stock 10) that can be used at some places."""
        values = coupon_values(city_id, merchant_id) | given
        columns = [name for name in values if name not in ("state", "stock", "taken", "scopes", "merchant", "current")]
        self.run(
            "INSERT INTO coupons (city_id, coupon_id, merchant_id, state, current_version, created_at, published_at)"
            " VALUES (:city_id, :coupon_id, :merchant, :state, :current, :created_at, :created_at)",
            values,
        )
        self.run(
            f"INSERT INTO coupon_versions ({', '.join(columns)}) VALUES ({', '.join(f':{name}' for name in columns)})",
            values,
        )
        if values["stock"] is not None:
            self.run(
                "INSERT INTO coupon_stock VALUES (:city_id, :coupon_id, 0, :stock, :taken)",
                values,
            )
        if places:
            there = {"city_id": city_id, "coupon_id": values["coupon_id"]}
            self.run(
                "INSERT INTO coupon_places VALUES (:city_id, :coupon_id, :place, NULL)",
                [there | {"place": place_id} for place_id in places],
            )
            seen = self.rows("SELECT version FROM active_dataset WHERE city_id = :c AND kind = 'places'", c=city_id)
            if seen:
                with self.engine.begin() as conn:
                    put_coupon_lanes(conn, city_id, seen[0].version, places)
        for scope_id in values["scopes"]:
            self.run(
                "INSERT INTO coupon_scopes VALUES (:city_id, :coupon_id, :version, :scope)",
                values | {"scope": scope_id},
            )
        return UUID(str(values["coupon_id"]))

    def region(self, city_id: int, version: int, wkt: str, **given: Any) -> UUID:
        """An area drawn as WKT."""
        region_id = new_city_id(city_id)
        values = {
            "kind": "district",
            "level": 6,
            "code": "1",
            "name": "区",
            "parent": None,
            "region_id": region_id,
        } | given
        self.run(
            "INSERT INTO regions VALUES (:city, :region_id, :now) ON CONFLICT DO NOTHING",
            values | {"city": city_id, "now": NOW},
        )
        self.run(
            "INSERT INTO region_facts VALUES (:city, :version, :region_id, :kind, :level, :code, :names, :parent,"
            " ST_Multi(ST_GeomFromText(:wkt, 4326)), ST_Area(ST_GeomFromText(:wkt, 4326)) * 1e10, 0, NULL, false)",
            values | {"city": city_id, "version": version, "wkt": wkt, "names": json.dumps({"local": values["name"]})},
        )
        return UUID(str(values["region_id"]))

    def service_area(self, city_id: int, place_id: UUID, merchant_id: UUID, wkt: str, **given: Any) -> UUID:
        """A published service area drawn as WKT."""
        values = {
            "area": new_city_id(city_id),
            "kind": "delivery",
            "state": "published",
            "priority": 0,
            "from": NOW - timedelta(days=30),
            "until": None,
            "made": NOW - timedelta(days=40),
        } | given
        values |= {
            "city": city_id,
            "place": place_id,
            "merchant": merchant_id,
            "wkt": wkt,
            "names": json.dumps({"local": "配送"}),
            "external": str(values["area"]),
        }
        self.run(
            "INSERT INTO service_areas VALUES (:city, :area, :place, :merchant, :external, :kind, :made)",
            values,
        )
        self.run(
            "INSERT INTO service_area_versions VALUES (:city, :area, 1, :state, :names,"
            " ST_Multi(ST_GeomFromText(:wkt, 4326)), ST_Area(ST_GeomFromText(:wkt, 4326)) * 1e10, NULL, :priority,"
            " 'CNY', 500, 2000, :from, :until, :made)",
            values,
        )
        self.run(
            "INSERT INTO service_area_extents AS e SELECT :city, ST_XMin(b), ST_YMin(b), ST_XMax(b), ST_YMax(b)"
            " FROM (SELECT ST_GeomFromText(:wkt, 4326) AS b) AS drawn WHERE :state = 'published'"
            " ON CONFLICT (city_id) DO UPDATE SET west = least(e.west, excluded.west),"
            " south = least(e.south, excluded.south), east = greatest(e.east, excluded.east),"
            " north = greatest(e.north, excluded.north)",
            values,
        )
        return UUID(str(values["area"]))


def _place_row(city_id: int, version: int, place_id: UUID, number: int, given: dict[str, Any]) -> dict[str, Any]:
    name = given.get("name", f"place {number}")
    return {
        "city": city_id,
        "version": version,
        "id": place_id,
        "now": NOW,
        "lon": given["lon"],
        "lat": given["lat"],
        "name": name,
        "names": json.dumps(given.get("names", {"local": name})),
        "category": given.get("category", "restaurant"),
        "address": json.dumps(given.get("address", {})),
        "phone": given.get("phone"),
        "hours_no": given.get("hours_no"),
        "closed": given.get("closed", False),
        "key": f"test:{place_id}",
        "datum": given.get("datum", "wgs84"),
        "source_lon": given.get("source_lon", given["lon"]),
        "source_lat": given.get("source_lat", given["lat"]),
    }


def coupon_values(city_id: int, merchant_id: UUID) -> dict[str, Any]:
    """Columns of a published amount_off coupon."""
    return {
        "city_id": city_id,
        "coupon_id": new_city_id(city_id),
        "merchant": merchant_id,
        "state": "published",
        "current": 1,
        "stock": 10,
        "taken": 0,
        "scopes": (),
        "version": 1,
        "kind": "amount_off",
        "titles": json.dumps({"zh-Hans": "满100减20", "en": "20 off"}),
        "summaries": json.dumps({}),
        "currency": "CNY",
        "price_minor": 0,
        "face_value_minor": 2000,
        "min_spend_minor": 10000,
        "percent_off_bp": None,
        "time_zone": "Asia/Shanghai",
        "claim_from": NOW - timedelta(days=10),
        "claim_until": NOW + timedelta(days=10),
        "use_until": NOW + timedelta(days=20),
        "blackout_dates": [],
        "scope_kind": "places",
        "fulfilment": "in_store",
        "quota": 10,
        "per_member": 1,
        "units": 1,
        "group_price_minor": None,
        "group_target": None,
        "group_seats": None,
        "group_deadline_s": None,
        "stacking": "exclusive",
        "reversal_window_s": 0,
        "refund_policy": "unused",
        "refund_below_min_spend": "keep",
        "rounding_rule": "floor",
        "platform_share_bp": 0,
        "commission_bp": 0,
        "code_source": "generated",
        "offline_allowed": False,
        "created_by": new_id(),
        "created_at": NOW - timedelta(days=11),
    }


def box_of(points: Sequence[tuple[float, float]]) -> tuple[float | None, ...]:
    """West, south, east, north of some points; crosses 180° when that is narrower."""
    if not points:
        return (None, None, None, None)
    lats = [lat for _, lat in points]
    lons = sorted(lon for lon, _ in points)
    west, east = lons[0], lons[-1]
    widest = 360 - (east - west)
    for before, after in itertools.pairwise(lons):
        if after - before > widest:
            widest, west, east = after - before, after, before
    return (west, min(lats), east, max(lats))
