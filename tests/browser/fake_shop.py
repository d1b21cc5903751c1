"""A stand-in for the flow: members, claims, codes and payments in memory, for states the real one can't be asked for.

Tests reach into it to make a till use a code, to end sessions, or to prepare a refusal.
"""

from __future__ import annotations

import base64
import io
import json
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import segno
from flask import Flask, Response, jsonify, request

JSON = dict[str, Any]
Answer = tuple[Response, int] | Response
OTP = "246810"
PASSWORD = "correct horse battery"
FUTURE = "2030-02-07T00:00:00+08:00"
CITY = "Asia/Shanghai"
CNY = "CNY"
GROUPS = {"usable": ("pending_payment", "active"), "used": ("redeemed",)}
# Twelve digits that end in their Damm digit.
CODES = ["572943816251", "572943816267"]


def money(amount_minor: int) -> JSON:
    """Yuan."""
    return {"amount_minor": amount_minor, "currency": CNY}


def problem(status: int, code: str, detail: str = "no", **more: Any) -> Answer:
    """A refusal as RFC 9457 has it; ``retry_after`` becomes a header."""
    headers = {"Retry-After": str(more.pop("retry_after"))} if "retry_after" in more else {}
    body = {"type": f"/problems#{code}", "title": "No", "status": status, "code": code, "detail": detail}
    answer = jsonify(**body, request_id="r-77", errors=[], **more)
    answer.status_code = status
    answer.mimetype = "application/problem+json"
    answer.headers.extend(headers)
    return answer


@dataclass
class Shop:
    """What the stand-in knows; one lock keeps the server's threads apart."""

    lock: threading.RLock = field(default_factory=threading.RLock)
    tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    refresh_tokens: dict[str, tuple[str, str]] = field(default_factory=dict)
    answers: dict[tuple[str, str], tuple[int, JSON]] = field(default_factory=dict)
    claims: dict[str, JSON] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    payments: dict[str, JSON] = field(default_factory=dict)
    redemptions: dict[str, JSON] = field(default_factory=dict)
    refusals: dict[str, list[tuple[int, str, JSON]]] = field(default_factory=dict)
    providers: list[str] = field(default_factory=lambda: ["cash", "test_wallet"])
    keys_seen: list[tuple[str, str]] = field(default_factory=list)

    def issue(self, subject: str, role: str) -> JSON:
        """A pair of tokens; the access token has the shape of a JWT."""
        payload = base64.urlsafe_b64encode(json.dumps({"sub": subject}).encode()).decode().rstrip("=")
        access, refresh = f"e30.{payload}.{uuid.uuid4().hex}", uuid.uuid4().hex
        with self.lock:
            self.tokens[access] = (subject, role)
            self.refresh_tokens[refresh] = (subject, role)
        return {
            "access_token": access,
            "token_type": "Bearer",
            "expires_in": 900,
            "refresh_token": refresh,
            "role": role,
        }

    def age_tokens(self, subject: str) -> None:
        """Ends the access tokens of someone; their refresh token stays good."""
        with self.lock:
            self.tokens = {token: who for token, who in self.tokens.items() if who[0] != subject}

    def end_session(self, subject: str) -> None:
        """Ends everything that someone is signed in with."""
        with self.lock:
            self.age_tokens(subject)
            self.refresh_tokens = {token: who for token, who in self.refresh_tokens.items() if who[0] != subject}

    def who(self) -> tuple[str, str] | None:
        """Subject and role of the request in hand."""
        return self.tokens.get(request.headers.get("Authorization", "").removeprefix("Bearer "))

    def refuse(self, what: str, status: int, code: str, **more: Any) -> None:
        """Makes the next writing request about ``what`` (a coupon, claim or redemption id) a refusal."""
        self.refusals.setdefault(what, []).append((status, code, more))

    def once(self, what: str, run: Callable[[], tuple[int, JSON]]) -> Answer:
        """Carries out a writing request, or gives the answer that its key got before."""
        who = self.who()
        key = request.headers.get("Idempotency-Key")
        if who is None:
            return problem(401, "expired-token")
        if key is None:
            return problem(400, "idempotency-key-missing")
        with self.lock:
            self.keys_seen.append((request.path, key))
            known = self.answers.get((who[0], key))
            if known is None:
                waiting = self.refusals.get(what, [])
                if waiting:
                    status, code, more = waiting.pop(0)
                    return problem(status, code, **more)
                known = run()
                self.answers[who[0], key] = known
        answer = jsonify(known[1])
        answer.status_code = known[0]
        return answer

    def grant(self, subject: str, coupon: JSON) -> JSON:
        """A new claim of a coupon."""
        claim_id = str(uuid.uuid4())
        priced = coupon["price"]["amount_minor"] > 0
        units = coupon.get("terms", {}).get("units", 1)
        claim = {
            "claim_id": claim_id,
            "city_id": 2,
            "coupon_id": coupon["coupon_id"],
            "coupon_version": 1,
            "merchant": coupon["merchant"],
            "title": coupon["title"],
            "lang": coupon["lang"],
            "kind": coupon["kind"],
            "state": "pending_payment" if priced else "active",
            "units": units,
            "units_left": units,
            "price": coupon["price"],
            "code_tail": CODES[0][-4:],
            "claimed_at": "2026-11-22T10:00:00+08:00",
            "valid_from": "2026-11-22T10:00:00+08:00",
            "valid_until": FUTURE,
            "time_zone": CITY,
            "pay_until": "2030-01-01T10:15:00+08:00" if priced else None,
            "use_hours": "Mo-Fr 11:00-14:00" if units > 1 else None,
            "blackout_dates": [],
            "refund_policy": coupon.get("terms", {}).get("refund_policy", "none"),
            "distance_m": None,
            "next_actions": ["pay", "cancel"] if priced else ["show_code", "cancel"],
        }
        with self.lock:
            self.claims[claim_id] = claim
            self.owners[claim_id] = subject
        return claim

    def move(self, claim_id: str, state: str, *, units_left: int | None = None) -> None:
        """What a till or a payment does to a claim."""
        with self.lock:
            claim = self.claims[claim_id]
            left = claim["units_left"] if units_left is None else units_left
            actions = {"active": ["show_code"] if left < claim["units"] else ["show_code", "cancel"]}
            self.claims[claim_id] = {
                **claim,
                "state": state,
                "units_left": left,
                "next_actions": actions.get(state, []),
            }


def add_shop(app: Flask, shop: Shop, coupon_of: Callable[[str], JSON]) -> None:
    """The routes of members: sign-in, claims, codes and payments."""

    def otp() -> Answer:
        return jsonify(expires_in=300, resend_after_s=30), 202

    def token() -> Answer:
        if request.method == "DELETE":
            return Response(status=204)
        body: JSON = request.json or {}
        grant = body["grant_type"]
        if grant == "otp" and body["code"] == OTP:
            return jsonify(shop.issue(f"member:{body['phone']}", "member"))
        if grant == "password" and body["password"] == PASSWORD:
            role = "operator" if body["login"].startswith("operator") else body["login"].rstrip("0123456789-")
            return jsonify(shop.issue(f"login:{body['login']}", role))
        if grant == "refresh_token":
            with shop.lock:
                who = shop.refresh_tokens.pop(body["refresh_token"], None)
            if who is not None:
                return jsonify(shop.issue(*who))
        return problem(401, "invalid-grant", "the sign-in does not match")

    def claims() -> Answer:
        who = shop.who()
        if who is None:
            return problem(401, "expired-token")
        if request.method == "POST":
            return shop.once((request.json or {})["coupon_id"], lambda: claim(who[0]))
        state = request.args.get("state")
        mine = [each for key, each in shop.claims.items() if shop.owners[key] == who[0]]
        ended = ("released", "cancelled", "expired", "refunded")
        found = [each for each in reversed(mine) if state is None or each["state"] in GROUPS.get(state, ended)]
        first = int(request.args.get("cursor", "0"))
        more = str(first + 20) if len(found) > first + 20 else None
        total = {"value": len(found), "relation": "eq"}
        return jsonify(items=found[first : first + 20], next_cursor=more, total=total, applied={})

    def claim(subject: str) -> tuple[int, JSON]:
        coupon = coupon_of((request.json or {})["coupon_id"])
        return 201, shop.grant(subject, coupon)

    def one(claim_id: str) -> Answer:
        who = shop.who()
        if who is None:
            return problem(401, "expired-token")
        found = shop.claims.get(claim_id)
        return problem(404, "not-found") if found is None else jsonify(found)

    def cancel(claim_id: str) -> Answer:
        def run() -> tuple[int, JSON]:
            shop.move(claim_id, "cancelled")
            return 200, shop.claims[claim_id]

        return shop.once(claim_id, run)

    def code(claim_id: str) -> Answer:
        refused = not_shown(claim_id)
        text = " ".join(CODES[0][at : at + 4] for at in (0, 4, 8))
        return refused or jsonify(
            claim_id=claim_id,
            human_code=text,
            qr_payload=payload(claim_id),
            valid_until=FUTURE,
            rotates_every_s=None,
            state=shop.claims[claim_id]["state"],
        )

    def qr(claim_id: str) -> Answer:
        refused = not_shown(claim_id)
        if refused:
            return refused
        picture = io.BytesIO()
        segno.make_qr(payload(claim_id), error="m").save(picture, kind="svg", border=4, light="#fff", omitsize=True)
        return Response(picture.getvalue(), mimetype="image/svg+xml")

    def not_shown(claim_id: str) -> Answer | None:
        if shop.who() is None:
            return problem(401, "expired-token")
        return None if "show_code" in shop.claims[claim_id]["next_actions"] else problem(410, "code-revoked")

    routes: dict[str, tuple[Any, list[str]]] = {
        "/v1/auth/otp": (otp, ["POST"]),
        "/v1/auth/token": (token, ["POST", "DELETE"]),
        "/v1/claims": (claims, ["GET", "POST"]),
        "/v1/claims/<claim_id>": (one, ["GET"]),
        "/v1/claims/<claim_id>/cancel": (cancel, ["POST"]),
        "/v1/claims/<claim_id>/code": (code, ["GET"]),
        "/v1/claims/<claim_id>/qr.svg": (qr, ["GET"]),
    }
    for rule, (view, methods) in routes.items():
        app.add_url_rule(rule, endpoint=f"shop {rule}", view_func=view, methods=methods)


def payload(claim_id: str) -> str:
    """What the QR of a claim says."""
    return f"LS0:{claim_id.upper()}:0123456789ABCDEF"
