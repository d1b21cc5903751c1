"""The demo's receiver of webhooks: what it takes, what it refuses, and what it notes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from standardwebhooks.webhooks import Webhook

from devtools import hooks

SECRET = "whsec_" + base64.b64encode(bytes(range(32))).decode()
OTHER = "whsec_" + base64.b64encode(bytes(range(1, 33))).decode()
BODY = json.dumps(
    {"type": "fujin.claim.granted.v1", "subject": "c-1", "sequence": "1", "data": {"name": "面馆"}}
).encode()


def signed(
    webhook_id: str = "e-1", *, secret: str = SECRET, at: float | None = None, body: bytes = BODY
) -> dict[str, str]:
    """Headers as Standard Webhooks 1.0 writes them, worked out by hand."""
    sent = str(int(time.time() if at is None else at))
    key = base64.b64decode(secret.removeprefix("whsec_"))
    digest = hmac.new(key, f"{webhook_id}.{sent}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": sent,
        "webhook-signature": "v1," + base64.b64encode(digest).decode(),
    }


class Demo:
    """A receiver that listens, with its secret file and journal."""

    def __init__(self, folder: Path) -> None:
        self.secret, self.journal = folder / "hooks.secret", folder / "hooks.jsonl"
        self.secret.write_text(SECRET + "\n")
        self.server = hooks.receiver(0, self.secret, hooks.Journal(self.journal))
        self.thread = threading.Thread(target=self.server.serve_forever, daemon=True)
        self.thread.start()

    def post(self, headers: dict[str, str], body: bytes = BODY) -> int:
        connection = http.client.HTTPConnection("127.0.0.1", self.server.server_port, timeout=10)
        try:
            connection.request("POST", "/hooks", body, headers)
            return connection.getresponse().status
        finally:
            connection.close()

    def noted(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.journal.read_text().splitlines()]

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(10)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[[], Demo]]:
    """Starts receivers over the same files, one after another."""
    started: list[Demo] = []

    def begin() -> Demo:
        if started:
            started[-1].close()
        started.append(Demo(tmp_path))
        return started[-1]

    yield begin
    if started:
        started[-1].close()


def test_a_signature_made_by_hand_is_taken_and_the_event_noted(start: Callable[[], Demo]) -> None:
    demo = start()
    assert demo.post(signed()) == 204
    (entry,) = demo.noted()
    del entry["received_at"]
    assert entry == {
        "webhook_id": "e-1",
        "verified": True,
        "duplicate": False,
        "type": "fujin.claim.granted.v1",
        "subject": "c-1",
        "sequence": "1",
        "data": {"name": "面馆"},
    }


def test_hand_and_the_published_library_agree_on_a_signature() -> None:
    Webhook(SECRET).verify(BODY, signed())


def test_one_good_signature_of_several_is_enough(start: Callable[[], Demo]) -> None:
    headers = signed()
    others = ["v1a,AAAA", signed(secret=OTHER)["webhook-signature"]]
    headers["webhook-signature"] = " ".join([*others, headers["webhook-signature"]])
    assert start().post(headers) == 204


@pytest.mark.parametrize("seconds", [-290, 290])
def test_a_clock_that_is_less_than_five_minutes_off_is_taken(start: Callable[[], Demo], seconds: int) -> None:
    assert start().post(signed(at=time.time() + seconds)) == 204


@pytest.mark.parametrize(
    "made",
    [
        pytest.param(lambda: signed(secret=OTHER), id="another secret"),
        pytest.param(lambda: signed("e-1") | {"webhook-id": "e-2"}, id="another id"),
        pytest.param(lambda: signed(body=b"{}"), id="another body"),
        pytest.param(lambda: signed(at=time.time() - 900), id="old"),
        pytest.param(lambda: signed(at=time.time() + 900), id="from the future"),
        pytest.param(lambda: signed() | {"webhook-timestamp": "soon"}, id="no time"),
        pytest.param(lambda: signed() | {"webhook-signature": "v1,"}, id="empty signature"),
        pytest.param(lambda: {"webhook-id": "e-1"}, id="unsigned"),
        pytest.param(dict, id="no headers"),
    ],
)
def test_what_is_not_rightly_signed_is_refused_and_its_body_is_not_kept(
    start: Callable[[], Demo], made: Callable[[], dict[str, str]]
) -> None:
    """Headers are made when they are sent: a time of the collection would be an old one by then."""
    demo = start()
    assert demo.post(made()) == 401
    (entry,) = demo.noted()
    assert (entry["verified"], entry["duplicate"], entry["type"], entry["data"]) == (False, False, None, None)
    assert hooks.shown(entry).endswith("REFUSED: its signature is not good")


@pytest.mark.parametrize("words", ["", "whsec_", "whsec_AAAA", "whsec_no base64!"])
def test_with_a_blank_or_short_secret_nothing_is_taken(start: Callable[[], Demo], words: str) -> None:
    demo = start()
    demo.secret.write_text(words)
    for secret in ("whsec_", "whsec_AAAA"):
        assert demo.post(signed(secret=secret)) == 401


def test_without_a_secret_file_nothing_is_taken(start: Callable[[], Demo]) -> None:
    demo = start()
    demo.secret.unlink()
    assert demo.post(signed()) == 401


def test_a_rotated_secret_counts_from_the_next_webhook_on(start: Callable[[], Demo]) -> None:
    demo = start()
    demo.secret.write_text(OTHER)
    assert [demo.post(signed()), demo.post(signed(secret=OTHER))] == [401, 204]


def test_an_event_that_comes_twice_is_noted_as_such_also_after_a_restart(start: Callable[[], Demo]) -> None:
    demo = start()
    assert [demo.post(signed()), demo.post(signed())] == [204, 204]
    demo = start()
    assert demo.post(signed()) == 204
    assert [entry["duplicate"] for entry in demo.noted()] == [False, True, True]


def test_a_forged_id_makes_no_duplicate_of_the_genuine_event_also_after_a_restart(start: Callable[[], Demo]) -> None:
    assert start().post(signed(secret=OTHER)) == 401
    demo = start()
    assert demo.post(signed()) == 204
    assert [(entry["verified"], entry["duplicate"]) for entry in demo.noted()] == [(False, False), (True, False)]


def test_a_body_that_is_too_long_or_has_no_length_is_refused_unread(start: Callable[[], Demo]) -> None:
    demo = start()
    assert demo.post(signed() | {"Content-Length": "64001"}, b"") == 413
    assert demo.post(signed() | {"Content-Length": "²"}, b"") == 413
    assert not demo.journal.exists()


def test_the_journal_keeps_the_last_thousand(tmp_path: Path) -> None:
    path = tmp_path / "hooks.jsonl"
    line = {
        "received_at": "",
        "verified": True,
        "duplicate": False,
        "type": "",
        "subject": "",
        "sequence": "",
        "data": {},
    }
    path.write_text("".join(json.dumps(line | {"webhook_id": f"e-{n}"}) + "\n" for n in range(1_000)))
    hooks.Journal(path).note("e-1000", True, BODY)
    kept = [json.loads(each)["webhook_id"] for each in path.read_text().splitlines()]
    assert (len(kept), kept[0], kept[-1]) == (1_000, "e-1", "e-1000")


def test_the_journal_is_shown_as_lines_and_as_json(
    start: Callable[[], Demo], capsys: pytest.CaptureFixture[str]
) -> None:
    demo = start()
    demo.post(signed())
    demo.post(signed())
    assert hooks.show(demo.journal, []) == 0
    first, second = capsys.readouterr().out.splitlines()
    assert "fujin.claim.granted.v1" in first
    assert first.endswith("c-1 #1  signature verified")
    assert second.endswith("signature verified  (again)")
    assert hooks.show(demo.journal, ["--json"]) == 0
    assert [json.loads(line) for line in capsys.readouterr().out.splitlines()] == demo.noted()
