"""Things made through HTTP on the seeded server: claims, a group, redemptions, a payment, a refund, endpoints, …"""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any
from uuid import UUID

import sqlalchemy as sa

from app.core.clock import system_clock
from app.core.ids import new_city_id
from tests.factories.worlds import World
from tests.flows.area_cases import area_spares, make_area, review_spares
from tests.flows.coupon_cases import coupon_terms
from tests.flows.geofence_cases import make_fence, member_spares, owner_spares
from tests.flows.partner_cases import publish_spares

Tokens = dict[str, dict[str, str]]

_MANY = """
    SELECT c.coupon_id FROM coupons c JOIN coupon_versions v USING (city_id, coupon_id)
    WHERE c.city_id = 2 AND c.state = 'published' AND v.kind = 'gift' AND v.per_member = 10
"""
_OTHERS = """
    SELECT c.coupon_id FROM coupons c JOIN coupon_versions v USING (city_id, coupon_id)
    WHERE c.city_id = 2 AND v.kind = 'percent_off' AND c.state = 'published' AND c.merchant_id <> :merchant
      AND v.price_minor = 0 AND v.claim_within_m IS NULL AND v.per_device IS NULL ORDER BY 1 LIMIT 2
"""
ORDER = {"gross_minor": 50_000, "currency": "CNY"}
REFUND = {"refund_no": "made-1", "amount": {"amount_minor": 100, "currency": "CNY"}, "reason": "a cold soup"}
HOOK = "https://93.184.215.14/hook"


@dataclass(frozen=True)
class Made:
    """Ids of what one merchant's people and one member made.

    ``coupon`` and ``voucher`` are the merchant's, free and paid for, a hundred a member; ``active_claim`` is another
    merchant's and not used; ``use`` is the request that ``redemption`` came from; ``payment`` and ``refund`` are of the
    redemption, ``claim_payment`` and ``claim_refund`` of ``paid_claim``; ``invite`` lets anybody into ``group``.
    """

    merchant: str
    place: str
    coupon: str
    voucher: str
    many: str
    active_claim: str
    active_code: str
    spare_claim: str
    used_code: str
    redemption: str
    use: dict[str, Any]
    request_no: str
    payment: str
    refund: str
    paid_claim: str
    claim_payment: str
    claim_refund: str
    endpoint: str
    other_endpoint: str
    event: str
    settlement: str
    group: str
    invite: str
    area: str
    fence: str
    fence_event: str


@dataclass(frozen=True)
class Spares:
    """What one principal may use up: ids by what is to happen to them, and codes that are good for one use each."""

    ids: Mapping[str, str]
    codes: Sequence[str] = ()


def send(url: str, method: str, path: str, token: str, body: Any = None, *, match: str | None = "*") -> tuple[int, Any]:
    """Status and JSON of a request with a fresh key, of whatever state unless ``match`` is None."""
    headers = {"Authorization": f"Bearer {token}"}
    if body is not None:
        headers["Content-Type"] = "text/csv" if isinstance(body, bytes) else "application/json"
    if method != "GET" and match is not None:
        headers["If-Match"] = match
    if method == "POST":
        headers["Idempotency-Key"] = secrets.token_hex(12)
    data = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
    call = urllib.request.Request(url + path, data=data, method=method, headers=headers)
    try:
        with urllib.request.urlopen(call, timeout=30) as answer:
            raw = answer.read()
            return answer.status, json.loads(raw) if raw else None
    except urllib.error.HTTPError as refused:
        return refused.code, json.loads(refused.read())


@dataclass(frozen=True)
class Hands:
    """Whoever acts, over HTTP; what they do has to work."""

    url: str
    tokens: Tokens

    def post(self, who: str, path: str, body: Any) -> Any:
        """The answer's JSON."""
        status, found = send(self.url, "POST", path, self.tokens[who]["token"], body)
        assert status in (200, 201, 202), (who, path, status, found)
        return found

    def sends(self, who: str) -> Callable[[str, str, Any], tuple[int, Any]]:
        """Requests of somebody: method, path, body; a PUT makes what is not there yet."""

        def one(method: str, path: str, body: Any) -> tuple[int, Any]:
            match = None if method == "PUT" else "*"
            return send(self.url, method, path, self.tokens[who]["token"], body, match=match)

        return one

    def put(self, who: str, path: str, body: Any) -> Any:
        """The answer's JSON."""
        status, found = send(self.url, "PUT", path, self.tokens[who]["token"], body)
        assert status == 200, (who, path, status, found)
        return found

    def claim(self, member: str, coupon: object) -> str:
        """A claim's id."""
        return str(self.post(member, "/v1/claims", {"coupon_id": str(coupon)})["claim_id"])

    def code(self, member: str, claim_id: str) -> str:
        """A claim's code, as its owner reads it out."""
        status, found = send(self.url, "GET", f"/v1/claims/{claim_id}/code", self.tokens[member]["token"])
        assert status == 200, found
        return str(found["human_code"])

    def use(self, till: str, place: str, code: str, mode: str = "hold") -> tuple[str, dict[str, Any]]:
        """A redemption's id and the request for it."""
        number = f"made-{secrets.token_hex(6)}"
        body = {"codes": [{"code": code}], "place_id": place, "request_no": number, "mode": mode, "order": ORDER}
        return str(self.post(till, "/v1/redemptions", body)["redemption_id"]), body

    def pay(self, who: str, purpose: str, purpose_id: str, outcome: str = "pay") -> str:
        """A payment's id."""
        method = "online" if purpose == "claim" else "user_scans"
        body = {"purpose": purpose, "purpose_id": purpose_id, "provider": "test_wallet", "method": method}
        return str(self.post(who, "/v1/payments", body | {"wallet": {"outcome": outcome}})["payment_id"])

    def group(self, member: str, coupon: UUID) -> tuple[str, str]:
        """A group's id and its invitation."""
        found = self.post(member, "/v1/groups", {"coupon_id": str(coupon)})
        return str(found["group_id"]), str(found["invite"])

    def endpoint(self, owner: str) -> str:
        """A webhook endpoint's id."""
        body = {"merchant_id": self.tokens[owner]["merchant_id"], "url": HOOK, "types": ["*"]}
        return str(self.post(owner, "/v1/webhook-endpoints", body)["endpoint_id"])


def make_things(url: str, engine: sa.Engine, tokens: Tokens, member: str, till: str, owner: str) -> Made:
    """Walks the loop once as ``member`` and ``till``; ``owner`` gives money back and registers endpoints."""
    hands, merchant = Hands(url, tokens), tokens[owner]["merchant_id"]
    with engine.connect() as conn:
        run = "SELECT place_id FROM place_operators WHERE city_id = 2 AND merchant_id = :merchant ORDER BY 1"
        own = [str(row[0]) for row in conn.execute(sa.text(run), {"merchant": merchant})]
        many = conn.execute(sa.text(_MANY)).scalar_one()
        others = conn.execute(sa.text(_OTHERS), {"merchant": merchant}).scalars().all()
    place = next(each for each in tokens[till].get("place_ids") or own if each in own)
    coupon, voucher = _offers(World(engine), UUID(merchant), UUID(place))
    active, spare = (hands.claim(member, other) for other in others)
    used = hands.claim(member, coupon)
    used_code = hands.code(member, used)
    redemption, use = hands.use(till, place, used_code)
    payment = hands.pay(till, "redemption", redemption)
    paid_claim = hands.claim(member, voucher)
    claim_payment = hands.pay(member, "claim", paid_claim)
    group, invite = hands.group(member, _together(World(engine), UUID(merchant), UUID(place)))
    with engine.connect() as conn:
        told = "SELECT event_id FROM outbox_events WHERE city_id = 2 AND aggregate_id = :claim ORDER BY seq LIMIT 1"
        event = conn.execute(sa.text(told), {"claim": used}).scalar_one()
    fence = make_fence(hands.post, hands.put, owner, member, merchant, str(coupon))
    with engine.connect() as conn:
        seen = "SELECT event_id FROM geofence_events WHERE city_id = 2 AND geofence_id = :fence ORDER BY 1 LIMIT 1"
        fence_event = conn.execute(sa.text(seen), {"fence": fence}).scalar_one()
    return Made(
        merchant=merchant,
        place=place,
        coupon=str(coupon),
        voucher=str(voucher),
        many=str(many),
        active_claim=active,
        active_code=hands.code(member, active),
        spare_claim=spare,
        used_code=used_code,
        redemption=redemption,
        use=use,
        request_no=use["request_no"],
        payment=payment,
        refund=hands.post(till, f"/v1/payments/{payment}/refunds", REFUND)["refund_id"],
        paid_claim=paid_claim,
        claim_payment=claim_payment,
        claim_refund=hands.post(owner, f"/v1/payments/{claim_payment}/refunds", REFUND)["refund_id"],
        endpoint=hands.endpoint(owner),
        other_endpoint=hands.endpoint(owner),
        event=str(event),
        settlement=_draft(World(engine), merchant),
        group=group,
        invite=invite,
        area=make_area(hands.sends(owner), place, f"made-{secrets.token_hex(4)}", published=True),
        fence=fence,
        fence_event=str(fence_event),
    )


def _draft(world: World, merchant: str) -> str:
    """A statement of the merchant that waits to be closed: nothing of this run is due before tomorrow."""
    amounts = ", ".join("0" for _ in range(16))
    settlement_id, now = new_city_id(2), system_clock()
    world.run(
        f"INSERT INTO settlements VALUES (2, :id, :merchant, 'CNY', 1, 'draft', :since, :now, {amounts}, 0, NULL, :now,"
        " NULL, NULL, NULL, NULL, NULL, 0)",
        {"id": settlement_id, "merchant": merchant, "since": now - timedelta(days=1), "now": now},
    )
    return str(settlement_id)


def _offers(world: World, merchant: UUID, place: UUID) -> tuple[UUID, UUID]:
    """A coupon of 10.00 off any order, and a voucher of 10.00 for 8.00: far more than the tests ask for."""
    plenty = _plenty(place)
    free = world.coupon(2, merchant, [place], **plenty)
    return free, world.coupon(2, merchant, [place], **plenty | {"kind": "voucher", "price_minor": 800})


def _together(world: World, merchant: UUID, place: UUID) -> UUID:
    """A voucher of 10.00 for 6.00 where two hundred come together, who never do."""
    deal = {"group_price_minor": 600, "group_target": 200, "group_seats": 200, "group_deadline_s": 2_592_000}
    return world.coupon(2, merchant, [place], **_plenty(place) | {"kind": "voucher", "price_minor": 800} | deal)


def _plenty(place: UUID) -> dict[str, Any]:
    now = system_clock()
    return {
        "claim_from": now - timedelta(days=1),
        "claim_until": now + timedelta(days=30),
        "use_until": now + timedelta(days=60),
        "created_at": now - timedelta(days=2),
        "stock": 5000,
        "quota": 5000,
        "per_member": 100,
        "min_spend_minor": 0,
        "face_value_minor": 1000,
        "reversal_window_s": 86_400,
        "scopes": [place],
    }


def make_spares(
    url: str, engine: sa.Engine, tokens: Tokens, made: Made, who: str, *, place: str | None = None
) -> Spares:
    """What ``who`` may pay for, cancel, commit, void, reverse and delete; holds are good for three minutes only."""
    hands = Hands(url, tokens)
    if who in ("operator1", "admin"):
        reviewer = hands.sends("operator1")
        return Spares(review_spares(hands.sends("owner1"), reviewer, made.merchant, place or made.place))
    if who not in ("member1", "staff1", "owner1", "partner1"):
        return Spares({})
    coupon, voucher = _offers(World(engine), UUID(made.merchant), UUID(place or made.place))
    if who == "member1":
        vouchers = [hands.claim(who, voucher) for _ in range(2)]
        waiting = hands.pay(who, "claim", vouchers[1], "wait")
        spot = UUID(place or made.place)
        deal, other = (_together(World(engine), UUID(made.merchant), spot) for _ in range(2))
        group, invite = hands.group("member2", deal)
        ids = {"pay": vouchers[0], "cancel": waiting, "cancel_claim": hands.claim(who, coupon)}
        ids |= member_spares(hands.put)
        return Spares(ids | {"start": str(other), "join": group, "invite": invite})
    codes = [hands.code("member1", hands.claim("member1", coupon)) for _ in range(8)]
    ids = {step: hands.use(who, place or made.place, codes.pop())[0] for step in ("pay", "commit", "void")}
    ids["reverse"] = hands.use(who, place or made.place, codes.pop(), "redeem")[0]
    ids["cancel"] = hands.pay(who, "redemption", hands.use(who, place or made.place, codes.pop())[0], "wait")
    if who != "staff1":
        ids["delete"] = hands.endpoint("owner1")
        ids |= owner_spares(hands.post, hands.put, made.merchant, made.coupon)
    if who == "owner1":
        ids |= _own_coupons(hands, made.merchant) | area_spares(hands.sends("owner1"), place or made.place)
    if who == "partner1":
        ids |= publish_spares(partial(_put_as_partner, url, tokens), made.merchant, made.place)
    return Spares(ids, codes)


def _own_coupons(hands: Hands, merchant: str) -> dict[str, str]:
    """Coupons that their owner may edit, publish, give up, end and bring codes for."""
    found = {
        f"{name}_coupon": str(hands.post("owner1", "/v1/coupons", coupon_terms(merchant))["coupon_id"])
        for name in ("publish", "discard", "live", "end")
    }
    coded = coupon_terms(merchant, code_source="merchant")
    found["coded_coupon"] = str(hands.post("owner1", "/v1/coupons", coded)["coupon_id"])
    for name in ("live_coupon", "end_coupon"):
        hands.post("owner1", f"/v1/coupons/{found[name]}/publish", {})
    return found


def _put_as_partner(url: str, tokens: Tokens, path: str, body: Any) -> tuple[int, Any]:
    return send(url, "PUT", path, tokens["partner1"]["token"], body)


def make_room(engine: sa.Engine, *made: Made) -> None:
    """For the next run: a merchant has ten endpoints at most, and a till twenty wrong codes a day."""
    kept = [UUID(each) for one in made for each in (one.endpoint, one.other_endpoint)]
    statement = "UPDATE webhook_endpoints SET state = 'deleted', slot = NULL WHERE endpoint_id <> ALL (:kept)"
    with engine.begin() as conn:
        conn.execute(sa.text(statement), {"kept": kept})
        conn.execute(sa.text("DELETE FROM wrong_codes"))
