"""Regional data on the stand-in: each login has a world of its own, and a file's name says what becomes of its load."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from flask import Flask, Response, jsonify, request

from tests.browser.fake_findings import DIFF, HOSTILE, REPORT, layer
from tests.browser.fake_shop import Shop, problem

JSON = dict[str, Any]
Answer = Any
STAGES = ("reading", "checking", "linking", "search_rows")
COLUMNS = ["id", "naam", "soort", "lng", "lat", "opmerking"]
TERRITORY: JSON = {
    "city": "hangzhou",
    "city_id": 2,
    "kind": "city",
    "name": "Hangzhou",
    "lang": "en",
    "centre": {"lon": 120.16, "lat": 30.25},
    "zoom": 12,
    "time_zone": "Asia/Shanghai",
    "active": [{"kind": "places", "version": 2, "row_count": 1204, "activated_at": "2026-11-02T09:00:00+08:00"}],
}
GATES: dict[str, JSON] = {
    "open": {"verdict": "open", "reasons": []},
    "note": {
        "verdict": "note",
        "reasons": [{"code": "count-change", "detail": "1,204 places before, 1,102 now: 8.5 % less"}],
    },
    "second": {
        "verdict": "second_person",
        "reasons": [{"code": "many-removed", "detail": "402 of the 1,204 places would vanish, more than 20 %"}],
    },
    "blocked": {
        "verdict": "blocked",
        "reasons": [{"code": "datum-suspicion", "detail": "places lie 540 m south-east of the reference"}],
    },
}


def origin(name: str = "OpenStreetMap") -> JSON:
    return {
        "source_name": name,
        "licence": "ODbL-1.0",
        "attribution": "© OpenStreetMap contributors",
        "source_url": "https://www.openstreetmap.org/",
        "retrieved_on": "2026-11-01",
    }


def version(number: int, state: str, **more: Any) -> JSON:
    """A version of the places of Hangzhou."""
    return {
        "city": "hangzhou",
        "kind": "places",
        "version": number,
        "state": state,
        "active": state == "active",
        "outcome": None,
        "origin": origin(),
        "file": {
            "name": "places.csv",
            "bytes": 123456,
            "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
            "format": "csv",
            "encoding": "utf-8",
            "crs": None,
            "datum": "wgs84",
            "layer": None,
        },
        "mapping": {
            "columns": COLUMNS,
            "used": {"source_key": "id", "name": "naam", "category_id": "soort", "lon": "lng", "lat": "lat"},
            "guessed": ["source_key", "name", "category_id", "lat"],
            "unused": ["opmerking"],
        },
        "counts": {"declared": 1210, "stored": 1204, "refused": 6, "created": 12},
        "progress": {"stage": "done", "done": 1210, "total": 1210, "unit": "rows"},
        "failure": None,
        "gate": GATES["open"],
        "approvals": [],
        "dry_run": False,
        "created_at": "2026-11-25T10:00:00+08:00",
        "activated_at": "2026-11-02T09:00:00+08:00" if state in ("active", "retired") else None,
        **more,
    }


def review(number: int, kind: str, **more: Any) -> JSON:
    place = {"place_id": f"p-{number}", "name": "外婆家", "location": {"lon": 120.16, "lat": 30.25}, "phone": "0571-1"}
    place |= {"category": "restaurant", "address": {"street": "湖滨路 28"}}
    other = {**place, "place_id": f"q-{number}", "name": HOSTILE, "location": {"lon": 120.1602, "lat": 30.2501}}
    return {
        "review_id": f"r-{number}",
        "kind": kind,
        "state": "open",
        "priority": 1,
        "score": 0.94 if kind == "duplicate" else None,
        "place": place,
        "other": other if kind == "duplicate" else None,
        "evidence": {"distance_m": 22} if kind == "duplicate" else {},
        "decision": None,
        "note": None,
        "created_at": "2026-11-25T10:00:00+08:00",
        **more,
    }


def overlay(number: int, field: str, value: Any, **more: Any) -> JSON:
    return {
        "overlay_id": f"o-{number}",
        "place_id": f"p-{number}",
        "place_name": "外婆家",
        "field": field,
        "value": value,
        "old_value": None,
        "reason": "somebody was there",
        "evidence": None,
        "author_id": "m-1",
        "created_at": "2026-11-25T10:00:00+08:00",
        "expires_at": None,
        "state": "live",
        "ended_at": None,
        **more,
    }


REPORTED = review(3, "report", field="closed", evidence={"reports": 1, "values": [{"value": True, "reports": 1}]})


class World:
    """What one operator sees and does."""

    def __init__(self) -> None:
        self.versions = [version(2, "active"), version(1, "retired", activated_at="2026-10-01T09:00:00+08:00")]
        self.overlays = [overlay(1, "phone", "0571-2"), overlay(2, "closed", True, place_name=HOSTILE)]
        self.reviews = [review(1, "duplicate"), review(2, "overlay_conflict", field="phone"), REPORTED]
        self.bodies: list[bytes] = []
        self.uploads: list[JSON] = []
        self.notes: list[str] = []
        self.differs: JSON = {}
        self.looks = 0

    def find(self, number: int) -> JSON | None:
        return next((each for each in self.versions if each["version"] == number), None)

    def under_way(self) -> JSON | None:
        return next((each for each in self.versions if each["state"] in ("validating", "staged")), None)

    def begin(self, name: str, **more: Any) -> JSON:
        """A version whose end its file's name says."""
        progress = {"stage": "receiving", "done": 0, "total": 1210, "unit": "rows"}
        made = version(self.versions[0]["version"] + 1, "validating", progress=progress, gate=None, **more)
        made["file"] = {**made["file"], "name": name}
        self.versions.insert(0, made)
        self.looks = 0
        return made

    def step(self, seen: JSON) -> None:
        """One stage further; the fifth look finds the end of a load, the first that of an activation."""
        if seen["progress"].get("task") == "activate":
            seen["progress"] = {"stage": "done", "done": 1204, "total": 1204, "unit": "rows", "task": None}
            self.show(seen["version"])
            return
        if seen["state"] != "validating" or "endless" in seen["file"]["name"]:
            return
        if self.looks < len(STAGES):
            seen["progress"] = {"stage": STAGES[self.looks], "done": 300 * self.looks, "total": 1210, "unit": "rows"}
            self.looks += 1
            return
        name = seen["file"]["name"]
        if "broken" in name:
            hint = 'Say which column holds the longitude: mapping={"lon": …}.'
            seen |= {
                "state": "failed",
                "failure": {
                    "code": "unreadable-file",
                    "detail": "no column of places.csv holds a position",
                    "hint": hint,
                },
            }
            return
        if "picture" in name:
            failure = {"code": "unsupported-format", "detail": "The file is a picture.", "hint": "Save it as GeoJSON."}
            seen |= {"state": "failed", "failure": failure, "mapping": {"columns": [], "used": {}, "unused": []}}
            return
        gate = next((gate for word, gate in GATES.items() if word in name), GATES["open"])
        trial = {"state": "discarded", "outcome": "dry_run"} if seen["dry_run"] else {"state": "staged"}
        seen |= {
            **trial,
            "gate": gate,
            "progress": {"stage": "done", "done": 1210, "total": 1210, "unit": "rows"},
        }

    def show(self, number: int) -> None:
        """Moves the pointer."""
        for each in self.versions:
            if each["active"]:
                each |= {"active": False, "state": "retired"}
        shown = self.find(number)
        assert shown is not None
        shown |= {"active": True, "state": "active", "activated_at": "2026-11-26T10:00:00+08:00"}


class Worlds:
    """A world a login."""

    def __init__(self, shop: Shop) -> None:
        self.shop = shop
        self.known: dict[str, World] = {}

    def of(self, login: str) -> World:
        return self.known.setdefault(f"login:{login}", World())

    def mine(self) -> World | None:
        who = self.shop.who()
        return None if who is None else self.known.setdefault(who[0], World())


def add_regional(app: Flask, shop: Shop) -> Worlds:
    """The routes of the operator's page."""
    worlds = Worlds(shop)
    path = "/v1/datasets/<city>/<kind>/versions"

    def signed(view: Callable[..., Answer]) -> Callable[..., Answer]:
        def run(**given: Any) -> Answer:
            world = worlds.mine()
            if world is None:
                return problem(401, "expired-token")
            if given.get("city", "hangzhou") != "hangzhou":
                return problem(404, "not-found")
            if "number" in given and world.find(given["number"]) is None:
                return problem(404, "not-found")
            return view(world, **{name: value for name, value in given.items() if name not in ("city", "kind")})

        return run

    def listed(world: World) -> Answer:
        return jsonify(items=world.versions)

    def upload(world: World) -> Answer:
        world.bodies.append(request.get_data())
        world.uploads.append({**request.args, "key": request.headers.get("Idempotency-Key")})
        name = request.args["filename"]
        waiting = world.under_way()
        if "huge" in name:
            return problem(413, "body-too-large", "a file has at most 1 GB")
        if "wrong" in name:
            fault = {"parameter": "licence", "detail": "at least 3 characters"}
            return jsonify(code="invalid-parameter", title="No", status=400, detail="1 fault", errors=[fault]), 400
        if waiting is not None:
            return problem(409, "load-in-progress", f"version {waiting['version']} waits", version=waiting["version"])
        if "same" in name:
            return jsonify({**world.versions[0], "outcome": "unchanged"})
        dry_run = request.args.get("dry_run") == "true"
        made = world.begin(
            name, dry_run=dry_run, origin={**origin(), **{k: v for k, v in request.args.items() if k in origin()}}
        )
        answer = jsonify(made)
        answer.headers["Retry-After"] = "0"
        return answer, 202

    def one(world: World, number: int) -> Answer:
        found = world.find(number)
        assert found is not None
        world.step(found)
        answer = jsonify(found)
        if found["state"] == "validating":
            answer.headers["Retry-After"] = "0"
        return answer

    def act(world: World, number: int, what: str) -> Answer:
        found = world.find(number)
        assert found is not None
        note = (request.json or {}).get("note", "")
        world.notes.append(f"{what}: {note}")
        if what == "approve":
            if found["gate"]["verdict"] == "second_person" and note == "myself":
                return problem(409, "second-person-needed", "operator1 loaded this version")
            found["approvals"].append({"by": "operator2", "note": note, "at": "2026-11-26T10:00:00+08:00"})
        elif what == "activate":
            if found["gate"]["verdict"] != "open" and not found["approvals"]:
                return problem(409, "approval-needed", "402 of the 1,204 places would vanish")
            found["progress"] = {"stage": "search_rows", "done": 0, "total": 1204, "unit": "rows", "task": "activate"}
            return jsonify(found), 202
        elif what == "discard":
            world.versions.remove(found)
        else:
            name = found["file"]["name"].replace("broken", "mended")
            if found["state"] != "failed":
                found["state"] = "discarded"
            world.uploads.append(dict(request.json or {}))
            return jsonify(world.begin(name)), 202
        return jsonify(found)

    def back(world: World) -> Answer:
        world.notes.append(f"rollback: {(request.json or {}).get('note', '')}")
        now = next(each for each in world.versions if each["active"])
        before = max(each["version"] for each in world.versions if each["version"] < now["version"])
        return act(world, before, "activate")

    def reported(world: World, number: int) -> Answer:
        found = world.find(number)
        assert found is not None
        unread = {"verdict": "blocked", "checks": [], "counts": {"declared": 0, "stored": 0, "refused": 0}}
        return jsonify(REPORT if found["state"] != "failed" else unread)

    def refused(world: World, number: int) -> Answer:
        return Response("row,source_key,reason\r\n17,node/17,unknown category spaceport\r\n", mimetype="text/csv")

    def difference(world: World, number: int) -> Answer:
        if number == 1 and "against" not in request.args:
            return problem(409, "diff-not-ready", "version 1 of places holds no rows to compare with")
        return jsonify({**DIFF, "to": number, **world.differs})

    def reviews(world: World) -> Answer:
        state, kind = request.args.get("state"), request.args.get("kind")
        found = [each for each in world.reviews if each["state"] == state and kind in (None, each["kind"])]
        return jsonify(items=found, next_cursor=None, total=None)

    def decide(world: World, review_id: str) -> Answer:
        found = next(each for each in world.reviews if each["review_id"] == review_id)
        body = request.json or {}
        undo = body["decision"] == "undo"
        found |= {
            "state": "open" if undo else "done",
            "decision": None if undo else body["decision"],
            "note": body.get("note"),
        }
        return jsonify(found)

    def overlays(world: World) -> Answer:
        state = request.args.get("state")
        return jsonify(items=[each for each in world.overlays if state in (None, each["state"])], next_cursor=None)

    def withdraw(world: World, overlay_id: str) -> Answer:
        found = next(each for each in world.overlays if each["overlay_id"] == overlay_id)
        found |= {"state": "withdrawn", "ended_at": "2026-11-25T11:00:00+08:00"}
        world.notes.append(f"withdraw: {(request.json or {}).get('note', '')}")
        return jsonify(found)

    routes: dict[str, tuple[Callable[..., Answer], str]] = {
        "/v1/datasets": (lambda world: jsonify(items=[TERRITORY]), "GET"),
        path: (listed, "GET"),
        f"{path} ": (upload, "POST"),
        f"{path}/<int:number>": (one, "GET"),
        f"{path}/<int:number>/report": (reported, "GET"),
        f"{path}/<int:number>/refused.csv": (refused, "GET"),
        f"{path}/<int:number>/diff": (difference, "GET"),
        f"{path}/<int:number>/diff.geojson": (lambda world, number: jsonify(layer(request.args["layer"])), "GET"),
        f"{path}/<int:number>/<any(approve,activate,discard,reload):what>": (act, "POST"),
        "/v1/datasets/<city>/<kind>/rollback": (back, "POST"),
        "/v1/reviews": (reviews, "GET"),
        "/v1/reviews/<review_id>": (decide, "POST"),
        "/v1/overlays": (overlays, "GET"),
        "/v1/overlays/<overlay_id>/withdraw": (withdraw, "POST"),
    }
    for rule, (view, method) in routes.items():
        app.add_url_rule(rule.strip(), endpoint=f"regional {rule}", view_func=signed(view), methods=[method])
    return worlds
