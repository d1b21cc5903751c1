"""A run: who drives, at which place, and everything that was asked and answered."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeVar
from urllib.parse import urlencode
from uuid import UUID

from app.core.ids import city_of, new_city_id
from app.flow.conformance.types import NotDriven, NotOffered
from app.flow.wire import Client, NoAnswer, NotAdmitted, Reply

T = TypeVar("T")

TRIES: Final = 12  # of one request whose answer is lost, under one number
POLL_S: Final = 0.1


@dataclass(frozen=True, slots=True)
class Asked:
    """A write as it was sent, and its answer."""

    path: str
    body: Any
    key: str
    user: str | None
    reply: Reply


@dataclass(frozen=True, slots=True)
class Held:
    """A claim with its owner and coupon."""

    claim_id: str
    user: str
    coupon_id: str
    answer: Mapping[str, Any]


@dataclass
class Run:
    """Asks as a partner's client; ``journal`` keeps each write once, with its final answer."""

    client: Client
    place_id: str
    merchant_id: str
    currency: str
    flow: Mapping[str, Any]
    number: str = field(default_factory=lambda: secrets.token_hex(4))
    sleep: Callable[[float], None] = time.sleep
    settles_s: float = 20.0  # until what goes on by itself has ended
    journal: list[Asked] = field(default_factory=list)
    requests: int = 0
    coupons: list[str] = field(default_factory=list)
    cursor: str | None = None
    events: list[dict[str, Any]] = field(default_factory=list)
    began: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        self._lock, self._reading = threading.Lock(), threading.Lock()
        self._counter = 0

    # asking

    def fresh(self, what: str) -> str:
        """A number that nothing had before."""
        with self._lock:
            self._counter += 1
            return f"conf-{self.number}-{what}-{self._counter}"

    def ask(self, method: str, path: str, **more: Any) -> Reply:
        """An answer, whatever it says; NotDriven when none comes in all tries."""
        with self._lock:
            self.requests += 1
        try:
            return self.client.ask(method, path, tries=TRIES, **more)
        except NoAnswer as silence:
            raise NotDriven(f"{method} {path} is not answered ({silence})") from silence
        except NotAdmitted as refusal:
            raise NotDriven(str(refusal)) from refusal

    def get(self, path: str, *, user: str | None = None) -> Any:
        """What a read gives, which has to work."""
        return _good("GET", path, self.ask("GET", path, user=user))

    def post(self, path: str, body: Any, *, user: str | None = None, key: str | None = None) -> Reply:
        """The answer to a write under a fresh number, kept in the journal."""
        number = key or self.fresh("key")
        reply = self.ask("POST", path, body=body, key=number, user=user)
        with self._lock:
            self.journal.append(Asked(path, body, number, user, reply))
        return reply

    def done(self, path: str, body: Any, *, user: str | None = None) -> Any:
        """What a write gives that has to work."""
        return _good("POST", path, self.post(path, body, user=user))

    def at_once(self, *works: Callable[[], T]) -> list[T]:
        """Results of works that run at the same time."""
        with ThreadPoolExecutor(len(works)) as pool:
            return [each.result() for each in [pool.submit(work) for work in works]]

    def until(self, look: Callable[[], T], true: Callable[[T], object], what: str) -> T:
        """What is seen once it is true; NotDriven when it does not become so in time."""
        ends = time.monotonic() + self.settles_s
        while True:
            seen = look()
            if true(seen):
                return seen
            if time.monotonic() > ends:
                raise NotDriven(f"{what} did not come true in {self.settles_s:g} s; seen last: {str(seen)[:300]}")
            self.sleep(POLL_S)

    # what a run makes

    def coupon(self, **terms: Any) -> str:
        """A coupon of the partner's, on offer; its id at the flow."""
        if not self.flow["capabilities"].get("partner_coupons"):
            raise NotOffered("the flow takes no coupons of partners, so that there is nothing to drive")
        external_id = self.fresh("coupon")
        body = {
            "merchant_id": self.merchant_id,
            "place_ids": [self.place_id],
            "kind": "amount_off",
            "titles": {"en": "Conformance test coupon"},
            "currency": self.currency,
            "price_minor": 0,
            "face_value_minor": 1000,
            "min_spend_minor": 0,
            "claim_from": _at(-1),
            "claim_until": _at(2),
            "use_until": _at(3),
            "quota": 20,
            "per_member": 1,
            "units": 1,
            "reversal_window_s": 3600,
            "refund_policy": "unused",
        } | terms
        path = f"/v1/flow/coupons/{external_id}/versions/1"
        found = _good("PUT", path, self.ask("PUT", path, body=body, key=external_id))
        with self._lock:
            self.coupons.append(external_id)
        return str(found["coupon_id"])

    def user(self) -> str:
        """A user of the partner's whom nobody saw before."""
        return self.fresh("user")

    def try_claim(self, coupon_id: str, user: str, *, key: str | None = None) -> Reply:
        """The answer to a claim under an id of our own."""
        claim_id = new_city_id(city_of(UUID(coupon_id)))
        body = {"coupon_id": coupon_id, "claim_id": str(claim_id)}
        return self.post("/v1/claims", body, user=user, key=key)

    def claim(self, coupon_id: str, user: str | None = None) -> Held:
        """A claim that is granted."""
        who = user or self.user()
        found = _good("POST", "/v1/claims", self.try_claim(coupon_id, who))
        return Held(found["claim_id"], who, coupon_id, found)

    def see(self, held: Held) -> Any:
        """The claim as it is now."""
        return self.get(f"/v1/claims/{held.claim_id}", user=held.user)

    def code(self, held: Held) -> str:
        """Its twelve digits."""
        return str(self.get(f"/v1/claims/{held.claim_id}/code", user=held.user)["human_code"]).replace(" ", "")

    def try_redeem(
        self, *codes: tuple[str, int], mode: str = "redeem", gross: int = 5000, number: str | None = None
    ) -> Reply:
        """The answer to a till's request."""
        body = {
            "codes": [{"code": code, "units": units} for code, units in codes],
            "place_id": self.place_id,
            "request_no": number or self.fresh("till"),
            "mode": mode,
            "order": {"gross_minor": gross, "currency": self.currency},
        }
        return self.post("/v1/redemptions", body)

    def redeem(self, *codes: tuple[str, int], mode: str = "redeem", gross: int = 5000) -> Any:
        """A redemption that is made."""
        return _good("POST", "/v1/redemptions", self.try_redeem(*codes, mode=mode, gross=gross))

    def try_pay(self, purpose: str, thing: str, user: str | None = None, **wallet: Any) -> Reply:
        """The answer to a payment through the provider that does what it is told."""
        provider = self.flow["capabilities"].get("test_provider")
        if not provider:
            raise NotOffered("the flow offers no test provider")
        method = "online" if purpose == "claim" else "user_scans"
        body: dict[str, Any] = {"purpose": purpose, "purpose_id": thing, "provider": provider, "method": method}
        if wallet:
            body["wallet"] = wallet
        return self.post("/v1/payments", body, user=user)

    def pay(self, purpose: str, thing: str, user: str | None = None, **wallet: Any) -> Any:
        """A payment that is begun."""
        return _good("POST", "/v1/payments", self.try_pay(purpose, thing, user, **wallet))

    def payment(self, payment_id: str) -> Any:
        """A payment as it is now, seen as the merchant's side."""
        return self.get(f"/v1/payments/{payment_id}")

    def ended(self, payment_id: str) -> Any:
        """A payment once its money can't be in doubt any more."""

        def look() -> Any:
            self.post(f"/v1/payments/{payment_id}/resolve", {})
            return self.payment(payment_id)

        over = ("succeeded", "failed", "cancelled", "stray")
        return self.until(look, lambda seen: seen["state"] in over, f"the end of payment {payment_id}")

    def try_refund(self, payment_id: str, minor: int, number: str | None = None) -> Reply:
        """The answer to a refund."""
        body = {
            "refund_no": number or self.fresh("refund"),
            "amount": {"amount_minor": minor, "currency": self.currency},
            "reason": "conformance test",
        }
        return self.post(f"/v1/payments/{payment_id}/refunds", body)

    # what is told

    def read_on(self) -> list[dict[str, Any]]:
        """Everything told since the run began, read on from where the last look ended."""
        with self._reading:
            more = True
            while more:
                asked = {"limit": 100} | ({"after": self.cursor} if self.cursor else {})
                page = self.get(f"/v1/events?{urlencode(asked)}")
                self.events += page["items"]
                self.cursor, more = page["next_cursor"], page["has_more"]
            return list(self.events)

    def told(self, subject: str) -> list[dict[str, Any]]:
        """The events of one thing, as they were told."""
        return [event for event in self.read_on() if event["subject"] == subject]

    def told_once(self, subject: str, kind: str) -> list[dict[str, Any]]:
        """The events of a thing, once one of a kind is among them."""
        named = f"fujin.{kind}.v1"
        return self.until(
            lambda: self.told(subject),
            lambda seen: any(event["type"] == named for event in seen),
            f"the event {named} of {subject}",
        )

    def every(self, path: str, **asked: Any) -> Iterator[Mapping[str, Any]]:
        """The items of all pages of a list."""
        while True:
            page = self.get(f"{path}?{urlencode({'limit': 100} | asked)}")
            yield from page["items"]
            if page["next_cursor"] is None:
                return
            asked["cursor"] = page["next_cursor"]

    def lines(self) -> Sequence[Mapping[str, Any]]:
        """The merchant's ledger lines since the run began."""
        found: list[Mapping[str, Any]] = []
        for line in self.every("/v1/ledger", merchant_id=self.merchant_id):
            if datetime.fromisoformat(line["posted_at"]) < self.began:
                break
            found.append(line)
        return found


def _good(method: str, path: str, reply: Reply) -> Any:
    if reply.status >= 300:
        raise NotDriven(f"{method} {path} should work and answers {reply.status} {reply.code}: {reply.body[:300]!r}")
    return reply.json()


def _at(days: int) -> str:
    return (datetime.now(UTC) + timedelta(days=days)).isoformat(timespec="seconds")
