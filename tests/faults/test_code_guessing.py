"""Guessing codes at ten tills of one merchant, over HTTP on two worker processes: no hit, and the stated limits."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPConnection
from pathlib import Path
from uuid import UUID

import pytest

from app.claims.codes import new_code
from app.core.db import Database
from app.core.settings import Settings
from app.factory import create_app
from tests.factories.loops import Loop
from tests.servers import WebServer

GUESSES = 1_500
TERMINALS = 10
A_TERMINAL, A_MERCHANT = 20, 100


@pytest.fixture
def server(app_settings: Settings, database: Database, loop: Loop, tmp_path: Path) -> Iterator[WebServer]:
    """Two worker processes over the loop's database, whose tokens the loop makes."""
    found = WebServer(app_settings, tmp_path / "web.log", workers=2)
    loop.app = create_app(replace(app_settings, public_url=found.address), database=database)
    found.start()
    yield found
    found.stop()


def guess(port: int, token: str, place: UUID, codes: list[str], seen: list[tuple[int, str, str | None]]) -> None:
    """Looks codes up, one after the other, as one terminal."""
    connection = HTTPConnection("127.0.0.1", port, timeout=30)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    for code in codes:
        for _ in range(10):  # a busy server says 503 and when to ask again; it counts no guess then
            connection.request("POST", "/v1/codes/lookup", json.dumps({"code": code, "place_id": str(place)}), headers)
            answer = connection.getresponse()
            body = json.loads(answer.read())
            if answer.status != 503:
                break
            time.sleep(0.5)
        seen.append((answer.status, body.get("code", "hit"), answer.headers.get("Retry-After")))
    connection.close()


@pytest.mark.timeout(180)
def test_many_codes_with_right_check_digits_hit_nothing_and_lock_the_merchant(loop: Loop, server: WebServer) -> None:
    coupon = loop.coupon(stock=200)
    members = loop.members(20)
    live = {loop.code(loop.claim(coupon, member)["claim_id"], member) for member in members}
    codes = [code for code in (new_code() for _ in range(GUESSES + 100)) if code not in live][:GUESSES]
    seen: list[list[tuple[int, str, str | None]]] = [[] for _ in range(TERMINALS)]
    threads = []
    for number in range(TERMINALS):
        place = loop.places[number % len(loop.places)]
        token = loop.token(loop.employee("staff", loop.merchant, [place]), "staff")
        mine = codes[number::TERMINALS]
        threads.append(threading.Thread(target=guess, args=(server.port, token, place, mine, seen[number])))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    counted = Counter(answer[:2] for answers in seen for answer in answers)
    assert counted == {(404, "code-unknown"): A_MERCHANT, (429, "staff-locked"): GUESSES - A_MERCHANT}
    assert max(sum(answer[0] == 404 for answer in answers) for answers in seen) <= A_TERMINAL
    waits = {int(answer[2] or 0) for answers in seen for answer in answers if answer[0] == 429}
    assert all(86_000 < wait <= 86_400 for wait in waits), waits
    rows = loop.rows("SELECT terminal, wrong_count FROM wrong_codes")
    assert max(row[1] for row in rows if row[0] != "*") <= A_TERMINAL
    assert [row[1] for row in rows if row[0] == "*"] == [A_MERCHANT]


def test_a_right_code_does_not_open_a_locked_terminal_and_another_merchants_tills_go_on(
    loop: Loop, server: WebServer
) -> None:
    member = loop.member()
    code = loop.code(loop.claim(loop.coupon(), member)["claim_id"], member)
    staff = loop.employee("staff", loop.merchant, loop.places[:1])
    seen: list[tuple[int, str, str | None]] = []
    guess(server.port, loop.token(staff, "staff"), loop.places[0], [*(new_code() for _ in range(21)), code], seen)
    assert [answer[0] for answer in seen] == [404] * A_TERMINAL + [429, 429]
    rival = loop.employee("staff", loop.rival, [loop.rival_place])
    theirs: list[tuple[int, str, str | None]] = []
    guess(server.port, loop.token(rival, "staff"), loop.rival_place, [new_code(), code], theirs)
    assert [answer[:2] for answer in theirs] == [(404, "code-unknown")] * 2
    colleague = loop.employee("staff", loop.merchant, loop.places[1:2])
    fresh: list[tuple[int, str, str | None]] = []
    guess(server.port, loop.token(colleague, "staff"), loop.places[1], [code], fresh)
    assert fresh == [(200, "hit", None)]
