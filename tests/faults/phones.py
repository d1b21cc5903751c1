"""Single callers for tests: one request on a connection of its own, and what came back."""

from __future__ import annotations

import http.client
import json
import time
import uuid
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from uuid import UUID

import sqlalchemy as sa

from app.core.settings import Settings
from tests.faults.claim_world import Tokens

LOST = 0
# When a test gives up; how soon it is told, and back, are figures of `./dev campaign claims`.
ENDED_S = 15.0
BACK_S = 30.0


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, and after how long; status LOST when nothing did."""

    status: int
    retry_after: str | None
    body: bytes
    replayed: bool
    took_s: float

    @property
    def code(self) -> str | None:
        """The problem's code, None for what went well."""
        found: str | None = json.loads(self.body).get("code") if self.status >= 400 else None
        return found

    @property
    def claim_id(self) -> str:
        """The claim that was granted."""
        return str(json.loads(self.body)["claim_id"])


@dataclass(frozen=True, slots=True)
class Ask:
    """A claim asked for under a key."""

    member_id: UUID
    coupon_id: UUID
    key: str

    @classmethod
    def of(cls, member_id: UUID, coupon_id: UUID) -> Ask:
        """One with a fresh key."""
        return cls(member_id, coupon_id, str(uuid.uuid4()))


class Phones:
    """Members' phones before one address; ``settings`` are those of the server, whose keys sign the tokens."""

    def __init__(self, port: int, settings: Settings) -> None:
        self.port = port
        self.tokens = Tokens(settings)

    def claim(self, ask: Ask, timeout_s: float = 20.0) -> Reply:
        """One request to claim."""
        body = json.dumps({"coupon_id": str(ask.coupon_id)}).encode()
        headers = {"Content-Type": "application/json", "Idempotency-Key": ask.key}
        return self.send("POST", "/v1/claims", ask.member_id, body, headers, timeout_s)

    def send(
        self,
        method: str,
        path: str,
        member_id: UUID,
        body: bytes | None = None,
        headers: dict[str, str] | None = None,
        timeout_s: float = 20.0,
    ) -> Reply:
        """One request of a member."""
        signed = {"Authorization": f"Bearer {self.tokens.of(member_id)}", **(headers or {})}
        began = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=timeout_s)
        try:
            connection.request(method, path, body, signed)
            answer = connection.getresponse()
            raw = answer.read()
        except (OSError, http.client.HTTPException):
            return Reply(LOST, None, b"", False, time.monotonic() - began)
        finally:
            connection.close()
        replayed = answer.getheader("Idempotency-Replayed") == "true"
        return Reply(answer.status, answer.getheader("Retry-After"), raw, replayed, time.monotonic() - began)

    def claims_at_once(self, asks: Sequence[Ask]) -> list[Reply]:
        """Claims side by side, a thread each."""
        with ThreadPoolExecutor(len(asks)) as pool:
            return list(pool.map(self.claim, asks))

    def until_granted(self, ask: Ask, within_s: float = BACK_S) -> tuple[Reply, float]:
        """The first good answer to a key that is asked with again and again, and the seconds until it came."""
        began = time.monotonic()
        while time.monotonic() - began < within_s:
            reply = self.claim(ask)
            if reply.status == 201:
                return reply, time.monotonic() - began
            assert reply.status in (LOST, 503, 409), reply
            time.sleep(0.05)
        raise AssertionError(f"no claim succeeded within {within_s} s")


@dataclass(frozen=True, slots=True)
class Stock:
    """What the database holds of a coupon."""

    claims: int
    taken: int


def stock_of(owner: sa.Engine, coupon_id: UUID) -> Stock:
    """Live claims of a coupon and what its buckets count."""
    with owner.connect() as conn:
        claims = conn.execute(
            sa.text("SELECT count(*) FROM claims WHERE coupon_id = :c AND state NOT IN ('released', 'cancelled')"),
            {"c": coupon_id},
        ).scalar_one()
        taken = conn.execute(
            sa.text("SELECT sum(taken) FROM coupon_stock WHERE coupon_id = :c"), {"c": coupon_id}
        ).scalar_one()
    return Stock(claims, taken)


def wait_until(holds: Callable[[], bool], within_s: float, what: str) -> float:
    """Waits for a condition and returns the seconds that it took."""
    began = time.monotonic()
    while time.monotonic() - began < within_s:
        if holds():
            return time.monotonic() - began
        time.sleep(0.02)
    raise AssertionError(f"not within {within_s} s: {what}")


def is_unavailable(reply: Reply, within_s: float = ENDED_S) -> None:
    """Asserts a 503 that says when to ask again, and that did not hang."""
    assert (reply.status, reply.code) == (503, "unavailable"), reply
    assert int(reply.retry_after or 0) >= 1
    assert reply.took_s < within_s
