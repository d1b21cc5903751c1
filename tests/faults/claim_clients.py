"""Callers who claim, cancel and look at codes through a faulty network, and write down every answer.

A program of its own, so that its threads do not hold up the proxies: ``python -m tests.faults.claim_clients`` reads an
``Order`` as JSON from standard input. Each try keeps its key until an answer is final, as a careful phone does.
"""

from __future__ import annotations

import http.client
import json
import random
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TextIO
from uuid import UUID

from app.core.settings import load_settings
from tests.faults.claim_world import Tokens

GIVEN_UP_AFTER_S = 90.0
ANSWERED_WITHIN_S = 15.0
LOST = 0  # the status of an answer that never came


@dataclass(frozen=True, slots=True)
class Order:
    """What one process of callers does; ``tries`` keys, shared among its threads."""

    port: int
    seed: int
    threads: int
    tries: int
    coupons: Sequence[str]
    members: Sequence[str]
    journal: str
    cancels: float = 0.08
    looks: float = 0.05
    asked_again: float = 0.1  # how often a key is used once more after its final answer


@dataclass(frozen=True, slots=True)
class Line:
    """One request and what came of it; ``at`` is the monotonic clock, which all processes of a machine share."""

    key: str
    operation: str
    member: str
    thing: str
    at: float
    took_s: float
    status: int
    retry_after: str | None
    body: str

    @property
    def final(self) -> bool:
        """True for an answer that the same key has to give for ever."""
        if self.status == 409:
            return json.loads(self.body)["code"] != "idempotency-key-in-flight"
        return 200 <= self.status < 500 and self.status not in (401, 429)

    @property
    def good(self) -> bool:
        """True when what was asked for was done."""
        return 200 <= self.status < 300


@dataclass(slots=True)
class Journal:
    """Lines of many threads in one file, each written at once."""

    file: TextIO
    lock: threading.Lock = field(default_factory=threading.Lock)

    def write(self, line: Line) -> None:
        """Adds a line."""
        text = json.dumps(asdict(line)) + "\n"
        with self.lock:
            self.file.write(text)


def lines_of(journals: Sequence[Path]) -> Iterator[Line]:
    """Every line of some journals."""
    for path in journals:
        with path.open() as file:
            for text in file:
                yield Line(**json.loads(text))


class Caller:
    """One phone: asks until it knows."""

    def __init__(self, order: Order, tokens: Tokens, journal: Journal, seed: int) -> None:
        self._order, self._tokens, self._journal = order, tokens, journal
        self._chance = random.Random(seed)
        self._connection: http.client.HTTPConnection | None = None
        self._mine: list[tuple[str, str]] = []  # claims with their members, not cancelled yet

    def try_something(self) -> None:
        """One try: a claim, or with a claim of one's own a cancel or a look at its code."""
        drawn = self._chance.random()
        if self._mine and drawn < self._order.cancels:
            member, claim_id = self._mine.pop(self._chance.randrange(len(self._mine)))
            self._until_final("cancel", member, claim_id)
        elif self._mine and drawn < self._order.cancels + self._order.looks:
            self._until_final("code", *self._chance.choice(self._mine))
        else:
            member, coupon = self._chance.choice(self._order.members), self._chance.choice(self._order.coupons)
            line = self._until_final("claim", member, coupon)
            if line is not None and line.good:
                self._mine.append((member, json.loads(line.body)["claim_id"]))

    def _until_final(self, operation: str, member: str, thing: str) -> Line | None:
        key, end = str(uuid.uuid4()), time.monotonic() + GIVEN_UP_AFTER_S
        while time.monotonic() < end:
            line = self._ask(key, operation, member, thing)
            if line.final:
                if self._chance.random() < self._order.asked_again:
                    self._ask(key, operation, member, thing)
                return line
            wait_s = min(float(line.retry_after or 0), 1.0)
            time.sleep(wait_s * self._chance.uniform(0.3, 1.0) + self._chance.uniform(0.01, 0.05))
        return None

    def _ask(self, key: str, operation: str, member: str, thing: str) -> Line:
        began = time.monotonic()
        try:
            status, retry_after, body = self._exchange(key, operation, member, thing)
        except (OSError, http.client.HTTPException) as error:
            self._hang_up()
            status, retry_after, body = LOST, None, repr(error)
        line = Line(key, operation, member, thing, began, time.monotonic() - began, status, retry_after, body)
        self._journal.write(line)
        return line

    def _exchange(self, key: str, operation: str, member: str, thing: str) -> tuple[int, str | None, str]:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self._order.port, timeout=ANSWERED_WITHIN_S)
        headers = {"Authorization": f"Bearer {self._tokens.of(UUID(member))}", "Content-Type": "application/json"}
        if operation == "code":
            del headers["Content-Type"]
            self._connection.request("GET", f"/v1/claims/{thing}/code", headers=headers)
        elif operation == "cancel":
            headers["Idempotency-Key"] = key
            self._connection.request("POST", f"/v1/claims/{thing}/cancel", b"{}", headers)
        else:
            headers["Idempotency-Key"] = key
            self._connection.request("POST", "/v1/claims", json.dumps({"coupon_id": thing}).encode(), headers)
        answer = self._connection.getresponse()
        return answer.status, answer.getheader("Retry-After"), answer.read().decode()

    def _hang_up(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


def call(order: Order, tokens: Tokens) -> None:
    """Runs an order to its end."""
    left = iter(range(order.tries))
    lock = threading.Lock()

    def work(seed: int) -> None:
        caller = Caller(order, tokens, journal, seed)
        while True:
            with lock:
                if next(left, None) is None:
                    return
            caller.try_something()

    with open(order.journal, "w", buffering=1) as file:
        journal = Journal(file)
        threads = [threading.Thread(target=work, args=(order.seed + n,)) for n in range(order.threads)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


if __name__ == "__main__":
    call(Order(**json.load(sys.stdin)), Tokens(load_settings()))
