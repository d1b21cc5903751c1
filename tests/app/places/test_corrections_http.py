"""Corrections, reviews and reports over HTTP: an operator's day, as the application's own database role."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from app.core.clock import SkewWatch
from app.core.ids import new_city_id
from app.factory import create_app
from app.http.principals import Principal
from app.worker import Worker
from tests.app.places.conftest import CITY, Edited
from tests.factories.worlds import NOW

WHO = "01900000-0000-7000-8000-00000000000a"


@dataclass
class Desk:
    """The application with operators of city 2 and 3, an admin and a member; a token is a role and the city."""

    edited: Edited
    app: Any

    def send(
        self, method: str, path: str, body: Any = None, who: str | None = "operator-2", **more: Any
    ) -> tuple[int, Any]:
        headers = {"Idempotency-Key": more.pop("key", None) or str(uuid.uuid4())}
        if who is not None:
            headers["Authorization"] = f"Bearer {who}"
        address = more.pop("address", "192.0.2.1")
        answer = self.app.test_client().open(
            path, method=method, json=body, headers=headers, query_string=more, environ_base={"REMOTE_ADDR": address}
        )
        return answer.status_code, answer.get_json()

    def post(self, path: str, body: Any, **more: Any) -> tuple[int, Any]:
        return self.send("POST", path, body, **more)

    def get(self, path: str, **more: Any) -> tuple[int, Any]:
        return self.send("GET", path, **more)


@pytest.fixture
def desk(edited: Edited, monkeypatch: pytest.MonkeyPatch) -> Desk:
    edited.world.city(3, "city-3")

    def of_token(_self: Any, token: str, _now: datetime) -> Principal:
        role, _, city = token.partition("-")
        cities = (int(city),) if city else ()
        until = datetime(2030, 1, 1, tzinfo=UTC)
        return Principal(WHO, role, uuid.UUID(WHO), cities, (), (), (), "t", until)  # type: ignore[arg-type]

    monkeypatch.setattr(type(edited.app.extensions["fujin"].principals), "of_token", of_token)
    monkeypatch.setattr(SkewWatch, "skew_s", lambda *_: 0.0)  # the world's day is long past
    return Desk(edited, edited.app)


def test_correction_is_made_seen_listed_and_taken_back(desk: Desk) -> None:
    edited, place = desk.edited, str(desk.edited.ids[0])
    body = {"place_id": place, "field": "names", "value": {"local": "Silver Fish"}, "reason": "new owner"}
    status, made = desk.post("/v1/overlays", body, key="k")
    assert status == 201
    assert (made["state"], made["author_id"], made["old_value"]) == ("live", WHO, {"local": "Blue Moon"})
    assert desk.post("/v1/overlays", body, key="k")[1] == made
    assert edited.near(10, 50, q="silver") == [place]
    listed = desk.get("/v1/overlays", city="city-2", state="live")[1]["items"]
    assert listed == [made | {"place_name": "Silver Fish"}]
    assert desk.get("/v1/overlays", city="city-2", place_id=str(edited.ids[1]))[1]["items"] == []
    status, after = desk.post(f"/v1/overlays/{made['overlay_id']}/withdraw", {"note": "it was a joke"})
    assert (status, after["state"]) == (200, "withdrawn")
    assert edited.near(10, 50, q="silver") == []
    assert desk.post(f"/v1/overlays/{made['overlay_id']}/withdraw", {})[1]["code"] == "overlay-over"


def test_lists_go_page_by_page(desk: Desk) -> None:
    place = str(desk.edited.ids[0])
    made = [
        desk.post("/v1/overlays", {"place_id": place, "field": name, "value": value, "reason": "x"})[1]["overlay_id"]
        for name, value in (("phone", "1234567"), ("price_level", 2), ("website", "https://example.test"))
    ]
    first = desk.get("/v1/overlays", city="city-2", limit=2)[1]
    second = desk.get("/v1/overlays", city="city-2", limit=2, cursor=first["next_cursor"])[1]
    assert [each["overlay_id"] for each in first["items"] + second["items"]] == made[::-1]
    assert second["next_cursor"] is None


UNTRUE = (
    ({"value": "whenever", "field": "opening_hours"}, "/value"),
    ({"value": "moon_base", "field": "category_id"}, "/value"),
    ({"value": "x", "field": "duplicate_of"}, "/value"),
    ({"field": "colour"}, "/field"),
    ({"expires_at": "2026-01-01T00:00:00Z"}, "/expires_at"),
    ({"author_id": WHO}, "/author_id"),
    ({"reason": None}, "/reason"),
)


def test_untrue_correction_is_refused_with_the_place_of_the_fault(desk: Desk) -> None:
    before = desk.edited.rows_written()
    for change, pointer in UNTRUE:
        body = {"place_id": str(desk.edited.ids[0]), "field": "phone", "value": "1234567", "reason": "x"} | change
        status, problem = desk.post("/v1/overlays", body)
        assert (status, problem["errors"][0]["pointer"]) == (422, pointer), change
    assert desk.edited.rows_written() == before
    assert desk.edited.world.rows("SELECT 1 FROM place_overlays") == []


def test_other_cities_and_roles_see_nothing(desk: Desk) -> None:
    place = str(desk.edited.ids[0])
    body = {"place_id": place, "field": "phone", "value": "1234567", "reason": "x"}
    overlay = desk.post("/v1/overlays", body)[1]["overlay_id"]
    desk.post(f"/v1/places/{place}/reports", {"field": "closed", "value": True}, who=None)
    (review,) = desk.get("/v1/reviews", city="city-2")[1]["items"]

    def told(answer: tuple[int, Any]) -> Any:
        return answer[0], {name: value for name, value in answer[1].items() if name != "request_id"}

    for path, sent, missing in (
        (f"/v1/overlays/{overlay}/withdraw", {}, f"/v1/overlays/{new_city_id(3)}/withdraw"),
        (f"/v1/reviews/{review['review_id']}", {"decision": "dismiss"}, f"/v1/reviews/{new_city_id(3)}"),
    ):
        assert told(desk.post(path, sent, who="operator-3")) == told(desk.post(missing, sent, who="operator-3"))
        assert desk.post(path, sent, who="operator-3")[0] == 404
        assert desk.post(path, sent, who="member")[0] == 403
    assert desk.post("/v1/overlays", body, who="operator-3")[0] == 404
    for path in ("/v1/reviews", "/v1/overlays"):
        assert desk.get(path, who="operator-3", city="city-2")[0] == 404
        assert desk.get(path, who="member", city="city-2")[0] == 403
        assert desk.get(path, who="admin", city="city-2")[0] == 200
        assert desk.get(path)[0] == 400


def test_reports_of_three_people_are_urgent_and_one_decision_makes_them_a_correction(desk: Desk) -> None:
    edited, place = desk.edited, str(desk.edited.ids[0])
    path, said = f"/v1/places/{place}/reports", {"field": "closed", "value": True}

    def queue() -> list[tuple[str, int, int]]:
        items = desk.get("/v1/reviews", city="city-2", kind="report")[1]["items"]
        return [(each["field"], each["priority"], each["evidence"]["reports"]) for each in items]

    status, report = desk.post(path, said, who=None, key="a")
    assert (status, report["field"], report["value"]) == (201, "closed", True)
    assert desk.post(path, said, who=None, key="a")[1] == report
    assert desk.post(path, said, who=None, key="b")[1] == report  # the same person again
    assert queue() == [("closed", 0, 1)]
    desk.post(path, said, who=None, address="2001:db8:1:2:3::1")
    desk.post(path, said, who=None, address="2001:db8:1:2:9::7")  # the same network
    assert queue() == [("closed", 0, 2)]
    desk.post(path, {"field": "phone", "value": "030 1234567"}, who=None, address="192.0.2.9")
    desk.post(path, said, who="member")
    assert queue() == [("closed", 2, 3), ("phone", 0, 1)]
    (first, _) = desk.get("/v1/reviews", city="city-2")[1]["items"]
    assert (first["place"]["name"], first["decisions"]) == ("Blue Moon", ["accept", "dismiss"])
    status, done = desk.post(f"/v1/reviews/{first['review_id']}", {"decision": "accept", "note": "seen"})
    assert (status, done["state"], done["decision"], done["note"]) == (200, "done", "accept", "seen")
    assert place not in edited.near(10, 50)
    assert desk.get("/v1/overlays", city="city-2")[1]["items"][0]["reason"] == "seen"
    assert edited.one("SELECT count(mark) FROM place_reports WHERE field = 'closed'")[0] == 0
    assert desk.post(f"/v1/reviews/{first['review_id']}", {"decision": "dismiss"})[1]["code"] == "review-decided"
    assert queue() == [("phone", 0, 1)]


def test_report_that_says_nothing_new_or_of_nothing_is_refused(desk: Desk) -> None:
    place = desk.edited.ids[0]
    status, problem = desk.post(f"/v1/places/{place}/reports", {"field": "closed", "value": False}, who=None)
    assert (status, problem["errors"][0]["pointer"]) == (422, "/value")
    assert desk.post(f"/v1/places/{new_city_id(CITY)}/reports", {"field": "closed", "value": True}, who=None)[0] == 404
    assert (
        desk.post(f"/v1/places/{place}/reports", {"field": "closed", "value": True, "name": "me"}, who=None)[0] == 422
    )
    assert desk.edited.world.rows("SELECT 1 FROM place_reports") == []


def test_duplicate_is_merged_found_by_its_old_id_and_parted_again(desk: Desk) -> None:
    edited = desk.edited
    gone, stays, other = str(edited.ids[0]), str(edited.ids[1]), str(edited.ids[2])
    before = edited.rows_written()
    body = {"place_id": gone, "field": "duplicate_of", "value": stays, "reason": "the same door"}
    status, made = desk.post("/v1/overlays", body)
    assert status == 201
    assert edited.near(10, 50) == [stays, other]
    assert desk.get(f"/v1/places/{gone}", who=None)[1] == {"moved_to": stays}
    (review,) = desk.get("/v1/reviews", city="city-2", state="done")[1]["items"]
    assert (review["place"]["place_id"], review["other"]["place_id"], review["decisions"]) == (stays, gone, ["undo"])
    status, after = desk.post(f"/v1/overlays/{made['overlay_id']}/withdraw", {})
    assert (status, after["state"]) == (200, "withdrawn")
    assert edited.rows_written() == before
    assert desk.get(f"/v1/places/{gone}", who=None)[1]["name"] == "Blue Moon"
    run = {"place_id": other, "field": "duplicate_of", "value": stays, "reason": "x"}
    assert desk.post("/v1/overlays", run)[1]["code"] == "both-run"
    assert desk.post("/v1/overlays", body | {"expires_at": "2027-01-01T00:00:00Z"})[0] == 422


def test_moved_place_is_gone_after_a_year(desk: Desk) -> None:
    edited = desk.edited
    gone, stays = str(edited.ids[0]), str(edited.ids[1])
    desk.post("/v1/overlays", {"place_id": gone, "field": "duplicate_of", "value": stays, "reason": "x"})
    for after, status in ((timedelta(days=364), 200), (timedelta(days=366), 410)):
        clock = NOW + after
        app = create_app(edited.settings, clock=lambda: clock, database=edited.app.extensions["fujin"].database)  # noqa: B023
        assert app.test_client().get(f"/v1/places/{gone}").status_code == status


def test_worker_ends_a_correction_in_its_time(desk: Desk) -> None:
    edited = desk.edited
    place = str(edited.ids[0])
    body = {"place_id": place, "field": "closed", "value": True, "reason": "x", "expires_at": "2026-11-23T00:00:00Z"}
    desk.post("/v1/overlays", body)
    for now, seen in ((NOW, False), (datetime(2026, 11, 23, tzinfo=UTC), True)):
        database = edited.app.extensions["fujin"].database
        Worker(create_app(edited.settings, clock=lambda: now, database=database)).end_corrections()  # noqa: B023
        assert (place in edited.near(10, 50)) is seen


def test_one_person_in_three_roles_reports_once(desk: Desk) -> None:
    path = f"/v1/places/{desk.edited.ids[0]}/reports"
    for who in ("member", "operator-2", "admin", "owner"):
        assert desk.post(path, {"field": "closed", "value": True}, who=who)[0] == 201
    (review,) = desk.get("/v1/reviews", city="city-2")[1]["items"]
    assert (review["priority"], review["evidence"]["reports"]) == (0, 1)
