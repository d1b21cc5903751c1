"""fakepay in this process or on a socket, and the product's two adapters in front of it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from app.payments.fakepay.desk import Fakepay, Keys
from app.payments.fakepay.keys import APP_ID, SELLER_ID, keys_in, settings_of
from app.payments.fakepay.scenario import Scenario, Step
from app.payments.fakepay.server import Server
from app.payments.providers.alipay import Alipay, AlipayAccount
from app.payments.providers.alipay_signing import private_key
from app.payments.providers.calling import Call, CallFailed, Reply
from app.payments.providers.stripe import Stripe, StripeAccount
from app.payments.types import Asked, PayOrder, RefundOrder

AUTH_CODE = "280000000000000001"
CARD = "pm_card_visa"


def now() -> datetime:
    return datetime.now(UTC)


@dataclass
class Bench:
    """fakepay with its keys and both adapters; ``calls`` are the requests that came, in order."""

    folder: Path
    keys: Keys
    fakepay: Fakepay
    calls: list[Call] = field(default_factory=list)
    slept: list[float] = field(default_factory=list)
    goes_on: bool = False

    def __post_init__(self) -> None:
        key = private_key((self.folder / "app_private_key.pem").read_text())
        account = AlipayAccount(
            APP_ID,
            SELLER_ID,
            key,
            self.keys.alipay.key.public_key(),
            "http://127.0.0.1/gateway.do",
            "http://127.0.0.1/n",
        )
        self.alipay = Alipay(account, now, self.call)
        secret = self.keys.stripe.webhook_secret
        self.stripe = Stripe(
            StripeAccount(self.keys.stripe.key, secret, "http://127.0.0.1", "http://127.0.0.1"), self.call
        )

    def call(self, call: Call, timeout_s: float) -> Reply:
        """The wire, without a socket."""
        self.calls.append(call)
        awake = len(self.slept)
        reply = self.fakepay.handle(call)
        if reply is None or sum(self.slept[awake:]) > timeout_s:
            raise CallFailed("no answer in time")
        return reply

    def play(self, *steps: Step, seed: int = 0, reorder: bool = False) -> None:
        """Begins anew with these steps, also with its numbers unless it stands behind a database that keeps them."""
        self.fakepay.play(Scenario(seed, reorder, steps), first=None if self.goes_on else 0)
        self.slept.clear()
        self.calls.clear()

    def settings(self, url: str) -> dict[str, str]:
        """The product's settings for fakepay at an address."""
        return settings_of(self.folder, self.keys, url)


def bench_in(folder: Path, webhook_url: str | None = None) -> Bench:
    """A bench with keys of its own; nothing sleeps."""
    keys = keys_in(folder, webhook_url)
    slept: list[float] = []
    return Bench(folder, keys, Fakepay(keys, sleep=slept.append), slept=slept)


@contextmanager
def listening(fakepay: Fakepay) -> Iterator[str]:
    """The address of a fakepay on a socket of this machine."""
    server = Server(fakepay, "127.0.0.1", 0)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.url
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def order(number: str = "o1", amount: int = 4000, method: str = "merchant_scans", **more: Any) -> PayOrder:
    """What is asked of a provider: Alipay with a scanned code unless said otherwise."""
    currency, code = ("EUR", CARD) if method == "online" else ("CNY", AUTH_CODE)
    code = None if method == "user_scans" else code
    given = {"auth_code": code, **more}
    return PayOrder(number, amount, currency, method, now() + timedelta(minutes=5), **given)


def asked(number: str = "o1", amount: int = 4000, method: str = "merchant_scans", known: str | None = None) -> Asked:
    """A trade as its provider is asked about it."""
    return Asked(number, amount, "EUR" if method == "online" else "CNY", method, known)


def back(number: str, amount: int, trade: str = "o1", known: str | None = None, currency: str = "CNY") -> RefundOrder:
    """What is to go back."""
    return RefundOrder(number, trade, amount, currency, "凉了", known)


def small(call: Call) -> dict[str, str]:
    """Headers as the door hands them on."""
    return {name.lower(): value for name, value in call.headers.items()}
