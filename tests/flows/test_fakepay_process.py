"""fakepay as people start it: a process on a socket, whose settings the product takes, and whose notices arrive."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import sqlalchemy as sa
from werkzeug.serving import make_server

from app.core.db import Database
from app.core.settings import Settings, load_settings
from app.factory import create_app
from tests.factories.loops import Loop, plant_loop
from tests.factories.provider_site import ASKS_THE_PAYER, METHOD, PRICE
from tests.servers import environment, free_port


@contextmanager
def fakepay_process(settings: Settings, folder: Path, *words: str) -> Iterator[str]:
    """The address of a fakepay that runs; ended by its own pid."""
    argv = [sys.executable, "-m", "flask", "--app", "wsgi", "fujin", "fakepay", "--port", "0", "--dir", str(folder)]
    with subprocess.Popen(
        [*argv, *words],
        env=environment(settings),
        cwd=Path(__file__).parents[2],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:
        try:
            assert process.stdout is not None
            words_of_start = "fakepay answers at http://127.0.0.1:"
            line = next((each for each in process.stdout if each.startswith(words_of_start)), None)
            assert line is not None, "it ended without a word"
            yield line.split()[3].rstrip(";")
        finally:
            process.terminate()


def until(true: Callable[[], bool]) -> None:
    end = time.monotonic() + 20
    while not true():
        assert time.monotonic() < end, "it did not come true in time"
        time.sleep(0.05)


def is_active(loop: Loop, claim_id: UUID) -> bool:
    return bool(loop.one("SELECT state = 'active' FROM claims WHERE claim_id = :id", id=claim_id))


def test_a_whole_payment_with_both_providers_over_sockets(
    app_settings: Settings, database: Database, owner: sa.Engine, tmp_path: Path
) -> None:
    port = free_port()
    settings = replace(app_settings, public_url=f"http://127.0.0.1:{port}")
    file = tmp_path / "troubles.json"
    file.write_text('{"steps": [{"on": "refund", "times": 0, "copies": 2}]}')
    folder = tmp_path / "keys"
    with fakepay_process(settings, folder, "--scenario", str(file)) as url:
        given = dict(line.split("=", 1) for line in (folder / "settings.env").read_text().splitlines())
        full = load_settings({**environment(settings), **given, "FUJIN_DATABASE_DEADLINE_S": "0"})
        assert (full.providers, full.stripe_url) == (("cash", "test_wallet", "alipay", "stripe"), url)
        app = create_app(full, database=database)
        loop = plant_loop(app, owner)
        door = make_server("127.0.0.1", port, app, threaded=True)
        thread = threading.Thread(target=door.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            for provider in ("alipay", "stripe"):
                coupon, member = loop.coupon(price_minor=PRICE, list_price_minor=2 * PRICE), loop.member()
                claim_id = UUID(loop.claim(coupon, member)["claim_id"])
                body: dict[str, Any] = {"purpose": "claim", "purpose_id": str(claim_id)}
                body |= {"provider": provider, "method": METHOD[provider]}
                body |= {"auth_code": ASKS_THE_PAYER[provider]} if ASKS_THE_PAYER[provider] else {}
                payment = loop.post("/v1/payments", body, by=(member, "member")).get_json()
                assert payment["state"] == "pending", payment
                act = json.dumps({"trade": payment["trade_no"], "do": "pay"}).encode()
                with urllib.request.urlopen(f"{url}/_fakepay/act", act, timeout=5) as answer:
                    assert json.load(answer)["state"] == "paid"
                until(partial(is_active, loop, claim_id))
                refund = {"refund_no": "r", "amount": {"amount_minor": PRICE, "currency": "CNY"}, "reason": "凉了"}
                by = (loop.employee("owner", loop.merchant), "owner")
                path = f"/v1/payments/{payment['payment_id']}/refunds"
                assert loop.post(path, refund, by=by).get_json()["state"] == "succeeded"
            # Of each refund two copies of a notice come by themselves; one is kept.
            kept = "SELECT count(*) FROM provider_events WHERE applied"
            until(lambda: loop.one(kept) == 4)
        finally:
            door.shutdown()
            thread.join()
            door.server_close()


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--host", "0.0.0.0"), "this machine alone"),
        (("--scenario", "/nowhere.json"), "No such file"),
    ],
)
def test_it_says_what_is_wrong_and_ends(
    app_settings: Settings, database: Database, tmp_path: Path, words: tuple[str, ...], says: str
) -> None:
    app = create_app(app_settings, database=database)
    done = app.test_cli_runner().invoke(args=["fujin", "fakepay", "--dir", str(tmp_path), "--port", "0", *words])
    assert (done.exit_code, says in done.output) == (1, True), done.output
