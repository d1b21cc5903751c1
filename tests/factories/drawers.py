"""Merchants who draw service areas over HTTP: a desk whose city has a boundary, and shapes to draw."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from werkzeug.test import TestResponse

from tests.factories.desks import Desk, Json, made
from tests.factories.loops import CITY, LAT, LON, Loop
from tests.factories.shops import Who

# The city: 0.4° around its middle, some 38 km by 44 km.
WEST, SOUTH, EAST, NORTH = LON - 0.2, LAT - 0.2, LON + 0.2, LAT + 0.2
CITY_WKT = f"POLYGON(({WEST} {SOUTH}, {EAST} {SOUTH}, {EAST} {NORTH}, {WEST} {NORTH}, {WEST} {SOUTH}))"


def square(west: float, south: float, east: float, north: float) -> Json:
    """A box as GeoJSON."""
    west, south, east, north = (round(value, 7) for value in (west, south, east, north))
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Polygon", "coordinates": [ring]}


def around(half: float = 0.02, lon: float = LON, lat: float = LAT) -> Json:
    """A box around a point, so many degrees to each side."""
    return square(lon - half, lat - half, lon + half, lat + half)


class Drawer(Desk):
    """A desk whose owner draws areas around the first place."""

    def __init__(self, loop: Loop, *, bounded: bool = True) -> None:
        super().__init__(loop)
        if bounded and not loop.rows("SELECT 1 FROM active_dataset WHERE city_id = 2 AND kind = 'regions'"):
            loop.world.dataset(CITY, "regions", 1)
            loop.world.region(CITY, 1, CITY_WKT, kind="city", level=4, name="市")
            loop.world.activate(CITY, "regions", 1)
            loop.world.run(
                "UPDATE datasets SET rows_declared = 1, rows_stored = 1 WHERE city_id = 2 AND kind = 'regions'", {}
            )
            loop.world.run("UPDATE active_dataset SET row_count = 1 WHERE city_id = 2 AND kind = 'regions'", {})

    def path(self, external_id: str, place: UUID | None = None) -> str:
        """Where an area is."""
        return f"/v1/places/{place or self.loop.places[0]}/service-areas/{external_id}"

    def draws(
        self,
        external_id: str,
        *,
        place: UUID | None = None,
        by: Who | None = None,
        etag: str | None = None,
        repair: bool = False,
        **given: Any,
    ) -> TestResponse:
        """A drawing, sent; for deliveries, a box unless said otherwise."""
        body = {"kind": "delivery", "names": {"en": "Delivery"}} | given
        if not {"geometry", "radius_m", "travel_minutes"} & body.keys():
            body["geometry"] = around()
        body = {name: value for name, value in body.items() if value is not ...}
        query = "?repair=true" if repair else ""
        return self.send("PUT", self.path(external_id, place) + query, body, by=by, If_Match=etag)

    def drawn(self, external_id: str, **given: Any) -> Json:
        """A drawing that is kept, with its ETag."""
        answer = self.draws(external_id, **given)
        assert answer.status_code in (200, 201), answer.get_json()
        return made(answer, answer.status_code)

    def acts(
        self, area: Json, what: str, body: Json | None = None, *, by: Who | None = None, key: str | None = None
    ) -> TestResponse:
        """publish, revert, approve or reject of an area as it was seen."""
        path = self.path(area["external_id"], UUID(area["place_id"]))
        headers = {"If_Match": area.get("etag")} | ({} if key is None else {"Idempotency_Key": key})
        return self.send("POST", f"{path}/{what}", body or {}, by=by, **headers)

    def acted(self, area: Json, what: str, body: Json | None = None, *, by: Who | None = None) -> Json:
        """The area after it was done."""
        return made(self.acts(area, what, body, by=by), 200)

    def published_area(self, external_id: str, **given: Any) -> Json:
        """An area in force."""
        return self.acted(self.drawn(external_id, **given), "publish", by=given.get("by"))

    def area(self, external_id: str, *, place: UUID | None = None, by: Who | None = None) -> Json:
        """An area as it is now."""
        return made(self.send("GET", self.path(external_id, place), by=by), 200)

    def ends(self, area: Json, what: str = "", *, by: Who | None = None) -> TestResponse:
        """DELETE of an area, or of its draft."""
        path = self.path(area["external_id"], UUID(area["place_id"])) + what
        return self.send("DELETE", path, by=by, If_Match=area.get("etag"))

    def serving(self, lon: float, lat: float, **query: Any) -> list[Json]:
        """Areas that cover a point, as anybody sees them."""
        answer = self.loop.client.get("/v1/service-areas/containing", query_string={"lon": lon, "lat": lat, **query})
        assert answer.status_code == 200, answer.get_json()
        return list(answer.get_json()["items"])

    def told_of(self, area: Json) -> list[tuple[int, str]]:
        """What was told of an area, in order."""
        rows = self.loop.rows(
            "SELECT seq, type FROM outbox_events WHERE aggregate_id = :a ORDER BY seq", a=area["service_area_id"]
        )
        return [(row[0], row[1].removeprefix("fujin.service_area.").removesuffix(".v1")) for row in rows]
