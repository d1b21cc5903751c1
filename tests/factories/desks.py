"""A merchant's desk: coupons run over HTTP, by owner, staff, rival and operator, over a small world of its own."""

from __future__ import annotations

import secrets
from datetime import timedelta
from typing import Any

from werkzeug.test import TestResponse

from app.worker import Worker
from tests.factories.loops import LAT, LON, Loop
from tests.factories.shops import Shop, Who

Json = dict[str, Any]


class Desk(Shop):
    """A shop whose owner makes coupons; each call sends what the routes want beside its body."""

    def __init__(self, loop: Loop) -> None:
        super().__init__(loop)
        self.operator: Who = (loop.member(), "operator")
        self.foreign_operator: Who = (loop.member(), "operator")
        grant = "INSERT INTO role_grants (member_id, role, city_id, granted_at) VALUES (:m, 'operator', :c, :now)"
        for who, city in ((self.operator, 2), (self.foreign_operator, 1)):
            loop.world.run(grant, {"m": who[0], "c": city, "now": loop.now})

    def terms(self, **given: Any) -> Json:
        """10.00 off any order, for a week."""
        values: Json = {
            "kind": "amount_off",
            "titles": {"en": "Ten off", "zh-Hans": "减十元"},
            "claim_from": (self.loop.now - timedelta(days=1)).isoformat(),
            "claim_until": (self.loop.now + timedelta(days=7)).isoformat(),
            "use_until": (self.loop.now + timedelta(days=14)).isoformat(),
            "quota": 100,
            "face_value_minor": 1000,
            "per_member": 50,
        } | given
        return {name: value for name, value in values.items() if value is not ...}

    def send(
        self, method: str, path: str, body: Any = None, *, by: Who | None = None, **headers: str | None
    ) -> TestResponse:
        """A request by the owner unless said otherwise, with a fresh key."""
        sent = {
            "Authorization": f"Bearer {self.loop.token(*(by or self.owner))}",
            "Idempotency-Key": secrets.token_hex(8),
        }
        sent |= {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
        return self.loop.client.open(path, method=method, json=body, headers=sent)

    def creates(self, *, by: Who | None = None, key: str | None = None, **given: Any) -> TestResponse:
        """A draft, asked for."""
        return self.send("POST", "/v1/coupons", self.terms(**given), by=by, Idempotency_Key=key or secrets.token_hex(8))

    def draft(self, **given: Any) -> Json:
        """A draft that is made, with its ETag."""
        return made(self.creates(**given), 201)

    def does(self, coupon: Json, what: str, body: Json | None = None, *, by: Who | None = None) -> TestResponse:
        """publish, pause, resume, end, stock or platform-terms, of the coupon as it was seen."""
        method = "PUT" if what in ("stock", "platform-terms") else "POST"
        path = f"/v1/coupons/{coupon['coupon_id']}/{what}"
        return self.send(method, path, body or {}, by=by, If_Match=coupon.get("etag"))

    def done(self, coupon: Json, what: str, body: Json | None = None, *, by: Who | None = None) -> Json:
        """The coupon after it was done."""
        return made(self.does(coupon, what, body, by=by), 200)

    def edits(self, coupon: Json, *, by: Who | None = None, **given: Any) -> TestResponse:
        """Other terms, asked for."""
        path = f"/v1/coupons/{coupon['coupon_id']}"
        return self.send("PATCH", path, given, by=by, If_Match=coupon.get("etag"))

    def published(self, **given: Any) -> Json:
        """A coupon on offer."""
        return self.done(self.draft(**given), "publish")

    def renewed(self, coupon: Json, **given: Any) -> Json:
        """A coupon under new terms."""
        return self.done(made(self.edits(coupon, **given), 200), "publish")

    def seen(self, coupon: Json, *, by: Who | None = None) -> Json:
        """A coupon as it is now."""
        return made(self.send("GET", f"/v1/coupons/{coupon['coupon_id']}/management", by=by), 200)

    def nearby(self, kind: str | None = None) -> set[str]:
        """What the next search of a phone finds."""
        more = "" if kind is None else f"&kind={kind}"
        answer = self.loop.client.get(f"/v1/coupons/nearby?lat={LAT}&lon={LON}&radius_m=5000&limit=100{more}")
        assert answer.status_code == 200, answer.get_json()
        return {str(each["coupon_id"]) for each in answer.get_json()["items"]}

    def claims(self, coupon: Json, by: Who | None = None) -> TestResponse:
        """A claim, asked for, by somebody new unless said otherwise."""
        who = by or (self.loop.member(), "member")
        return self.loop.post("/v1/claims", {"coupon_id": coupon["coupon_id"]}, by=who)

    def claimed(self, coupon: Json) -> tuple[str, str]:
        """A claim of the member, and its code as it is shown."""
        answer = self.claims(coupon, self.member)
        assert answer.status_code == 201, answer.get_json()
        claim_id = str(answer.get_json()["claim_id"])
        shown = self.loop.get(f"/v1/claims/{claim_id}/code", by=self.member).get_json()
        return claim_id, str(shown["human_code"])

    def uploads(
        self, coupon: Json, text: str | bytes, *, key: str | None = None, by: Who | None = None, query: str = ""
    ) -> TestResponse:
        """A file of codes."""
        headers = {
            "Authorization": f"Bearer {self.loop.token(*(by or self.owner))}",
            "Idempotency-Key": key or secrets.token_hex(8),
        }
        path = f"/v1/coupons/{coupon['coupon_id']}/codes{query}"
        return self.loop.client.post(path, data=text, content_type="text/csv", headers=headers)

    def work(self) -> None:
        """What a worker does of the work on stock, at once."""
        self.write("UPDATE jobs SET run_at = run_at - interval '5 seconds' WHERE kind = 'coupon.stock'")
        with self.loop.app.app_context():
            Worker(self.loop.app).run_jobs()

    def told(self, coupon: Json) -> list[tuple[int, str]]:
        """What was told of a coupon, in order."""
        statement = "SELECT seq, type FROM outbox_events WHERE aggregate_id = :c ORDER BY seq"
        return [
            (row[0], row[1].removeprefix("fujin.coupon.").removesuffix(".v1"))
            for row in self.loop.rows(statement, c=coupon["coupon_id"])
        ]


def made(answer: TestResponse, status: int) -> Json:
    """The coupon of an answer, with its ETag."""
    assert answer.status_code == status, answer.get_json()
    return dict(answer.get_json()) | {"etag": answer.headers["ETag"]}


def fault_of(answer: TestResponse) -> tuple[int, list[str]]:
    """Status and the pointers of what was wrong."""
    return answer.status_code, [each.get("pointer") for each in answer.get_json()["errors"]]


def code_of(answer: TestResponse) -> tuple[int, str]:
    """Status and code of a refusal."""
    return answer.status_code, str(answer.get_json().get("code"))
