"""Loads by a real worker and processes of its own, uploads to a real server: kills, and files that break off."""

from __future__ import annotations

import json
import secrets
import socket
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from app.factory import create_app
from app.imports.uploads import folder_of
from tests.app.imports.loadfiles import place
from tests.factories.loads import KIND, Town, lines_of
from tests.servers import running_server, until


def rows_left(town: Town) -> int:
    """Rows of versions that are neither shown nor staged."""
    return int(town.rows("""SELECT count(*) FROM place_facts f JOIN datasets d
        ON (d.city_id, d.version) = (f.city_id, f.version) AND d.kind = 'places'
        WHERE d.state IN ('validating', 'failed', 'discarded')""")[0][0])  # fmt: skip


def test_work_that_never_ends_is_given_up_and_its_file_is_kept(town: Town) -> None:
    sent = town.send(lines_of([place("never")])).get_json()
    town.run("UPDATE import_jobs SET tries = 3 WHERE task = 'load'")  # begun three times, and killed each time
    assert town.work() == ["failed"]
    failed = town.version(sent["version"])
    assert (failed["state"], failed["failure"]["code"], failed["file"]["kept"]) == ("failed", "gave-up", True)
    again = town.post(f"{KIND}/versions/{sent['version']}/reload")
    assert again.status_code == 202
    assert town.work() == ["staged"]


def test_whoever_lost_the_lease_writes_nothing(town: Town) -> None:
    sent = town.send(lines_of([place("lost")])).get_json()
    gone = town.post(f"{KIND}/versions/{sent['version']}/discard")
    assert gone.status_code == 200
    town.work()
    assert town.version(sent["version"])["state"] == "discarded"
    assert rows_left(town) == 0


def raw_upload(address: str, town: Town, *, declared: int, sent: bytes) -> bytes:
    """Sends the head of an upload and some of its bytes, then hangs up; what came back."""
    there = create_app(replace(town.settings, public_url=address), database=town.app.extensions["fujin"].database)
    token = replace(town, app=there).token(town.operator)  # the server names itself by its own address
    host, port = urlsplit(address).hostname, urlsplit(address).port
    assert host is not None
    assert port is not None
    query = "filename=a.geojsonl&source_name=x&licence=x&attribution=x"
    head = (
        f"POST {KIND}/versions?{query} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {declared}\r\n"
        f"Authorization: Bearer {token}\r\nIdempotency-Key: {secrets.token_hex(8)}\r\n"
        "Content-Type: application/octet-stream\r\nConnection: close\r\n\r\n"
    )
    with socket.create_connection((host, port), timeout=10) as line:
        line.sendall(head.encode() + sent)
        if declared > len(sent) + 1:
            line.shutdown(socket.SHUT_WR)
        back = b""
        try:
            while chunk := line.recv(65536):
                back += chunk
        except ConnectionResetError:
            pass
    return back


@pytest.mark.parametrize("server", ["granian", "gunicorn"])
def test_an_upload_that_breaks_off_or_is_too_long_leaves_nothing(town: Town, tmp_path: Path, server: str) -> None:
    folder = folder_of(town.settings)
    folder.mkdir(parents=True, exist_ok=True)
    before = sorted(path.name for path in folder.iterdir())
    loads = town.rows("SELECT count(*) FROM datasets")[0][0]
    with running_server(
        town.settings, tmp_path / "server.log", server=server, FUJIN_UPLOAD_MAX_BYTES="3000000"
    ) as address:
        raw_upload(address, town, declared=2_000_000, sent=b"{" + b" " * 1_500_000)
        until(lambda: sorted(path.name for path in folder.iterdir()) == before, 10)
        long = raw_upload(address, town, declared=5_000_000, sent=b" " * 100)
        assert long.startswith(b"HTTP/1.1 413"), long[:300]
        whole = raw_upload(address, town, declared=2_500_000, sent=b" " * 2_499_999 + b"x")
        assert whole.startswith(b"HTTP/1.1 202"), whole[:300]
        told = json.loads(whole.split(b"\r\n\r\n", 1)[1])
        assert told["file"]["bytes"] == 2_500_000
    assert town.rows("SELECT count(*) FROM datasets")[0][0] == loads + 1
