"""Sends the notices that are due in the test wallet's books to our own door, as a partner would from outside."""

from __future__ import annotations

import http.client
import logging
import ssl
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from app.core.clock import Clock
from app.core.db import Database
from app.core.settings import Settings
from app.payments.providers import wallet_books as book
from app.payments.providers.signing import signed_headers
from app.payments.providers.test_wallet import NAME, TestWallet, notice_secret
from app.payments.providers.wallet_books import DueNotice, books

log = logging.getLogger("fujin.payments")

BATCH: Final = 20
HTTP_TIMEOUT_S: Final = 5.0
LEASE: Final = timedelta(seconds=60)
FIRST_PAUSE: Final = timedelta(seconds=2)

Send = Callable[[Mapping[str, str], bytes], bool]


def send_due_notices(database: Database, settings: Settings, clock: Clock, send: Send | None = None) -> int:
    """Sends up to 20 due notices with all their copies and returns how many were due; to be called in a loop.

    Taking and marking are transactions of the wallet's; none is open while a notice is on its way. What is not taken
    with 2xx is sent again, later each time, at most eight times.
    """
    secret = notice_secret(settings)
    wallet = TestWallet(database, secret, clock)
    deliver = send or _to_door(settings.public_url)
    with books(database) as conn:
        due = book.take_due_notices(conn, clock(), BATCH, LEASE)
    for notice in due:
        if not _still_true(database, wallet, notice):
            taken = True
        else:
            headers = signed_headers(secret, notice.notice_id, clock(), notice.body)
            answers = [deliver(headers, notice.body) for _ in range(notice.copies)]
            taken = all(answers)
        _note(database, notice, taken, clock())
    return len(due)


def _still_true(database: Database, wallet: TestWallet, notice: DueNotice) -> bool:
    """False for the promise of a payment that was closed before its time came."""
    with books(database) as conn:
        trade = book.lock_trade(conn, notice.trade_no)
        return trade is not None and wallet.settled(conn, trade).state != "closed"


def _note(database: Database, notice: DueNotice, taken: bool, now: datetime) -> None:
    with books(database) as conn:
        if taken:
            book.end_notice(conn, notice.notice_id, now)
        else:
            book.put_notice_off(conn, notice.notice_id, now + FIRST_PAUSE * 2**notice.tries)


def _to_door(public_url: str) -> Send:
    """Posts to this installation; follows no redirect and knows no proxy."""
    parts = urlsplit(public_url)
    path = f"{parts.path.rstrip('/')}/v1/providers/{NAME}/notify"
    host = parts.hostname or "127.0.0.1"

    def send(headers: Mapping[str, str], body: bytes) -> bool:
        connection: http.client.HTTPConnection
        if parts.scheme == "https":
            context = ssl.create_default_context()
            connection = http.client.HTTPSConnection(host, parts.port, timeout=HTTP_TIMEOUT_S, context=context)
        else:
            connection = http.client.HTTPConnection(host, parts.port, timeout=HTTP_TIMEOUT_S)
        try:
            connection.request("POST", path, body, {"Content-Type": "application/json", **headers})
            return 200 <= connection.getresponse().status < 300
        except (OSError, http.client.HTTPException) as error:
            log.warning("wallet notice not taken", extra={"reason": type(error).__name__})
            return False
        finally:
            connection.close()

    return send
