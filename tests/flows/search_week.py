"""A week of a small city at 180°: places are edited, versions come and go, coupons are published, sold out and expire.

At random instants answers are compared with brute force over the rows as plain SQL reads them; every day, and in the
end, the audit has to find nothing wrong with search rows. ``test_search_week`` runs a short week, ``./dev campaign
week`` long ones. The reference shares no code with the product: its own haversine, tree, hours and coupon windows.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import numpy as np
import sqlalchemy as sa
from flask import Flask

from app.audit.actions import audit_data
from app.core.ids import new_city_id
from app.coupons.search_rows import follow_places, put_coupon_lanes
from app.imports import actions as loads
from app.places import edits
from app.places.actions import apply
from app.places.queries_edits import Author
from geo.coordinates import LonLat
from tests.factories.worlds import CATEGORIES, World
from tests.flows.uneven_world import PATTERNS

CITY = 2
ZONE = "Pacific/Fiji"
START = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
AUTHOR = Author(UUID(int=7), "a test")
PARENTS = dict(CATEGORIES)
LEAVES = ("hotpot", "cafe", "bookshop", "restaurant", "shop")
WORDS = ("blue moon", "red sun", "green star", "old inn", "蓝月亮")
COPIED = (
    "place_id, name, names, category_id, alternate_category_ids, brand_id, address, phone, website, hours_no,"
    " price_level, attributes, closed, source_key, source_datum, source_lon, source_lat"
)


@dataclass
class Week:
    """The city, its clock, and how many answers were compared."""

    world: World
    writer: sa.Engine
    app: Flask
    clock: list[datetime]
    draw: random.Random
    merchant: UUID = field(init=False)
    coupons: list[UUID] = field(default_factory=list)
    last_version: int = 1
    compared: int = 0
    done: dict[str, int] = field(default_factory=dict)

    def plant(self, count: int) -> None:
        """The city as it is on the first day."""
        world = self.world
        world.basics()
        world.city(CITY, "city-2", time_zone=ZONE, lon=180.0, lat=-17.0)
        world.dataset(CITY, "places", 1)
        for number, (text, _) in enumerate(PATTERNS, 1):
            world.hours(CITY, 1, number, text, ZONE)
        numbers = [*range(1, len(PATTERNS) + 1), None]
        places = []
        for _ in range(count):
            lon, lat = self.point()
            facts = {"name": self.draw.choice(WORDS), "category": self.draw.choice(LEAVES)}
            places.append({"lon": lon, "lat": lat, "hours_no": self.draw.choice(numbers), **facts})
        ids = world.places(CITY, 1, places)
        world.activate(CITY, "places", 1)
        world.run("UPDATE datasets SET activated_at = created_at WHERE kind = 'places'", {})
        world.run("UPDATE active_dataset SET row_count = :n WHERE kind = 'places'", {"n": count})
        self.merchant = world.merchant(CITY, places=ids)
        for _ in range(5):
            self.publish()

    def point(self) -> tuple[float, float]:
        """Around 180°, on either side."""
        lon = (180 + self.draw.gauss(0, 0.02) + 180) % 360 - 180
        return round(lon, 7), round(self.draw.gauss(-17, 0.02), 7)

    def active(self) -> int:
        """The version that readers see."""
        found = self.world.rows("SELECT version FROM active_dataset WHERE city_id = 2 AND kind = 'places'")
        return int(found[0][0])

    def standing(self, *, closed: bool = False) -> list[UUID]:
        """Places of the version that readers see."""
        rows = self.world.rows(
            "SELECT place_id FROM place_facts WHERE city_id = 2 AND version = :v AND closed = :closed"
            " ORDER BY place_id",
            v=self.active(),
            closed=closed,
        )
        return [row[0] for row in rows]

    def step(self) -> None:
        """Something happens, a while later."""
        self.clock[0] += timedelta(minutes=self.draw.randrange(20, 240))
        kinds = (
            self.edit,
            self.edit,
            self.edit,
            self.publish,
            self.pause_or_resume,
            self.sell,
            self.load,
            self.go_back,
        )
        kind = self.draw.choice(kinds)
        kind()
        self.done[kind.__name__] = self.done.get(kind.__name__, 0) + 1

    def edit(self) -> None:
        """A batch of edits of places."""
        live, closed = self.standing(), self.standing(closed=True)
        wanted: list[edits.Edit] = []
        for place in self.draw.sample(live, min(len(live) - 20, self.draw.randrange(1, 12))):
            wanted.append(self.one_edit(place))
        wanted += [edits.Reopen(place) for place in closed if self.draw.random() < 0.3]
        if self.draw.random() < 0.5:
            new = new_city_id(CITY)
            names = {"local": self.draw.choice(WORDS)}
            wanted.append(edits.Open(new, LonLat(*self.point()), names, "cafe", opening_hours=PATTERNS[0][0]))
        if wanted:
            with self.writer.begin() as conn:
                apply(conn, CITY, wanted[:100], AUTHOR, self.clock[0], follow=follow_places)

    def one_edit(self, place: UUID) -> edits.Edit:
        """A move, other hours, another category or name, or a closing."""
        kind = self.draw.randrange(5)
        if kind == 0:
            return edits.Move(place, LonLat(*self.point()))
        if kind == 1:
            return edits.ChangeHours(place, self.draw.choice([text for text, _ in PATTERNS[:-1]] + [None]))
        if kind == 2:
            others = tuple(self.draw.sample(LEAVES, self.draw.randrange(3)))
            return edits.Change(place, category_id=self.draw.choice(LEAVES), alternate_category_ids=others)
        if kind == 3:
            return edits.Change(place, names={"local": self.draw.choice(WORDS)})
        return edits.Close(place)

    def publish(self) -> None:
        """A coupon at some places, for some hours."""
        places = self.draw.sample(self.standing(), 6)
        start = self.clock[0] + timedelta(hours=self.draw.uniform(-3, 5))
        given = {
            "scopes": places,
            "kind": "amount_off",
            "claim_from": start,
            "claim_until": start + timedelta(hours=self.draw.uniform(1, 40)),
            "use_until": start + timedelta(days=9),
        }
        self.coupons.append(self.world.coupon(CITY, self.merchant, places, **given))
        with self.world.engine.begin() as conn:
            put_coupon_lanes(conn, CITY, self.active(), places)

    def pause_or_resume(self) -> None:
        """Another state of a coupon; its places follow in the same transaction."""
        coupon = self.draw.choice(self.coupons)
        with self.world.engine.begin() as conn:
            conn.execute(
                sa.text(
                    "UPDATE coupons SET state = CASE state WHEN 'paused' THEN 'published' ELSE 'paused' END"
                    " WHERE coupon_id = :c"
                ),
                {"c": coupon},
            )
            there = sa.text("SELECT place_id FROM coupon_places WHERE coupon_id = :c")
            places = conn.execute(there, {"c": coupon}).scalars().all()
            put_coupon_lanes(conn, CITY, self.active(), places)

    def sell(self) -> None:
        """Stock that runs out, or comes back."""
        taken = self.draw.choice((0, 3, 10))
        self.world.run(
            "UPDATE coupon_stock SET taken = :n WHERE coupon_id = :c", {"n": taken, "c": self.draw.choice(self.coupons)}
        )

    def load(self) -> None:
        """The next version: a tenth of the places left out, a tenth elsewhere; shown to readers."""
        old, self.last_version = self.active(), self.last_version + 1
        new = self.last_version
        self.world.dataset(CITY, "places", new)
        self.world.run(
            "INSERT INTO hours_patterns SELECT city_id, :new, hours_no, opening_hours, time_zone, calendar,"
            " workday_calendar, parsed FROM hours_patterns WHERE city_id = 2 AND version = :old",
            {"new": new, "old": old},
        )
        self.world.run(
            f"INSERT INTO place_facts (city_id, version, location, {COPIED}) SELECT 2, :new,"
            " CASE WHEN abs(hashtext(place_id::text || :new)) % 10 = 0 THEN ST_SetSRID(ST_MakePoint("
            " ST_X(location::geometry), round((ST_Y(location::geometry) + 0.01)::numeric, 7)), 4326)::geography"
            f" ELSE location END, {COPIED} FROM place_facts WHERE city_id = 2 AND version = :old"
            " AND abs(hashtext(place_id::text || :new)) % 10 <> 1",
            {"new": new, "old": old},
        )
        with self.writer.begin() as conn:
            loads.activate(conn, CITY, "places", new, self.clock[0])

    def go_back(self) -> None:
        """The version before, with what was corrected since."""
        rows = self.world.rows(
            "SELECT 1 FROM datasets WHERE kind = 'places' AND state = 'retired' AND version < :v", v=self.active()
        )
        if rows:
            with self.writer.begin() as conn:
                loads.rollback(conn, CITY, "places", self.clock[0])

    def broken(self) -> list[str]:
        """What the audit finds wrong with search rows, extents and counts of what readers see."""
        with self.world.engine.connect() as conn:
            ours = ("search-", "extent-", "active-row-count", "coupon-places", "hours-resolve")
            results = audit_data(conn, self.clock[0], allow_unsafe=True, only=ours)
        mine = [v for r in results for v in r.violations]
        return [
            f"{v.rule}: {v.thing}: {v.detail}" for v in mine if "regions" not in v.thing and "categor" not in v.thing
        ]

    def wrong(self) -> str | None:
        """Compares a few answers of this instant with brute force; the first difference in words."""
        places, coupons = self.read()
        lon, lat = self.point()
        at = {"lon": lon, "lat": lat, "radius_m": self.draw.choice((500, 2000, 8000))}
        far = {one["id"]: metres(lon, lat, one["lon"], one["lat"]) for one in places}
        served = {place for coupon in coupons for place in coupon["places"]}
        category, word = self.draw.choice(list(PARENTS)), self.draw.choice(WORDS)
        questions: list[tuple[dict[str, Any], Any]] = [
            ({}, lambda _: True),
            ({"category": category}, lambda one: any(within(own, category) for own in one["categories"])),
            ({"open_now": "true"}, lambda one: one["state"] == "open"),
            ({"has_coupon": "true"}, lambda one: one["id"] in served),
            ({"q": word, "open_now": "true"}, lambda one: one["name"] == word and one["state"] == "open"),
        ]
        for query, kept in questions:
            expected = sorted((round(far[one["id"]] * 1000), one["id"]) for one in places if kept(one))
            wanted = [thing for mm, thing in expected if mm <= at["radius_m"] * 1000]
            got = [item["place_id"] for item in self.walk("places", at | query)]
            self.compared += 1
            if got != wanted:
                return f"{self.clock[0]} {at | query}: {got} is not {wanted}"
        pairs = [(min((far[p] for p in coupon["places"] if p in far), default=9e9), coupon["id"]) for coupon in coupons]
        wanted = [thing for mm, thing in sorted((round(m * 1000), c) for m, c in pairs) if mm <= at["radius_m"] * 1000]
        got = [item["coupon_id"] for item in self.walk("coupons", at)]
        return None if got == wanted else f"{self.clock[0]} coupons {at}: {got} is not {wanted}"

    def walk(self, path: str, query: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """All items of all pages."""
        cursor: dict[str, str] = {}
        client = self.app.test_client()
        while True:
            answer = client.get(f"/v1/{path}/nearby", query_string={**query, "limit": 40, **cursor})
            assert answer.status_code == 200, answer.text
            page = json.loads(answer.data)
            yield from page["items"]
            if not page["next_cursor"]:
                return
            cursor = {"cursor": page["next_cursor"]}

    def read(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Live places and coupons that can be claimed, by plain SQL."""
        local = self.clock[0].astimezone(ZoneInfo(ZONE))
        hours = {text: says(local.weekday(), local.hour * 60 + local.minute) for text, says in PATTERNS}
        rows = self.world.rows(
            "SELECT f.place_id::text AS id, ST_X(f.location::geometry) AS lon, ST_Y(f.location::geometry) AS lat,"
            " f.name, array_prepend(f.category_id, f.alternate_category_ids) AS categories, h.opening_hours"
            " FROM place_facts f"
            " LEFT JOIN hours_patterns h USING (city_id, version, hours_no)"
            " WHERE f.city_id = 2 AND f.version = :v AND NOT f.closed",
            v=self.active(),
        )
        places = [dict(row._mapping) | {"state": hours.get(row.opening_hours, "unknown")} for row in rows]
        coupons = self.world.rows(
            "SELECT c.coupon_id::text AS id, array_agg(p.place_id::text) AS places FROM coupons c"
            " JOIN coupon_versions v USING (city_id, coupon_id) JOIN coupon_places p USING (city_id, coupon_id)"
            " JOIN coupon_stock s USING (city_id, coupon_id) WHERE c.state = 'published' AND s.taken < s.quota"
            " AND v.claim_from <= :now AND v.claim_until > :now GROUP BY 1",
            now=self.clock[0],
        )
        return places, [dict(row._mapping) for row in coupons]


def within(category: str | None, wanted: str) -> bool:
    """Whether a category is another or lies beneath it."""
    while category is not None and category != wanted:
        category = PARENTS[category]
    return category == wanted


def metres(lon: float, lat: float, there_lon: float, there_lat: float) -> float:
    """Haversine on the sphere of 6 371 008.7714150598 m."""
    phi, there = np.radians(lat), np.radians(there_lat)
    part = np.sin((there - phi) / 2) ** 2 + np.cos(phi) * np.cos(there) * np.sin(np.radians(there_lon - lon) / 2) ** 2
    return float(2 * 6371008.7714150598 * np.arcsin(np.sqrt(part)))


def live_through(week: Week, days: float, every: int) -> list[str]:
    """Lets the days pass; compares after every so many steps, audits each midnight; what was wrong."""
    troubles: list[str] = []
    end, steps = week.clock[0] + timedelta(days=days), 0
    while week.clock[0] < end and not troubles:
        today = week.clock[0].date()
        week.step()
        steps += 1
        if steps % every == 0 and (found := week.wrong()):
            troubles.append(found)
        if week.clock[0].date() != today:
            troubles += week.broken()
    return troubles or week.broken()
