"""The process that reads a file: what it says, what ends it, and what a load makes of its end."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.imports import child, frames, reader
from app.imports.child import Bounds
from app.imports.errors import UnreadableFile
from app.imports.frames import BrokenStream, Frame
from app.imports.reader import ReadRequest
from app.imports.reading.limits import Allowance
from tests.app.imports.loadfiles import place, reading_processes

WIDE = Bounds(Allowance(), 60.0)


def asked(path: Path, kind: str = "places") -> ReadRequest:
    return ReadRequest(str(path), path.name, kind, 7, parents={"food": None, "cafe": "food"})


def written(path: Path, rows: int, **properties: Any) -> Path:
    with path.open("w") as file:
        for number in range(rows):
            file.write(json.dumps(place(f"k{number}", 10 + number % 100 / 1000, 50.0, **properties)) + "\n")
    return path


def plain(messages: Iterator[Frame]) -> list[tuple[bytes, Any]]:
    """Messages without what differs from run to run: ids, and how far reading had come when."""
    found: list[tuple[bytes, Any]] = []
    for message in messages:
        if message.kind == frames.ROWS:
            lines = [line.split("\t") for line in message.body.decode().splitlines()]
            found.append((message.kind, [[*cells[:1], *cells[2:-1], sorted(cells[-1])] for cells in lines]))
        elif message.kind != frames.PROGRESS:
            found.append((message.kind, message.content()))
    return found


def test_a_process_of_its_own_says_what_reading_here_says(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.geojsonl", 40, opening_hours="24/7", phone="+3581234567")
    path.write_text(path.read_text() + json.dumps(place("bad", category_id="spaceport")) + "\n[1]\n")
    apart, here = plain(child.messages(asked(path), WIDE)), plain(reader.messages(asked(path)))
    assert apart == here
    assert [kind for kind, _ in apart] == [frames.FACTS, frames.ROWS, frames.FAULTS, frames.END]
    assert len(apart[1][1]) == 40
    faults = {fault[0]: fault[1:4] for fault in apart[2][1]}
    assert faults[41] == ["bad", "unknown-category", "unknown category spaceport"]
    assert faults[42][1:] == ["not-a-feature", "not a JSON object"]
    assert apart[3][1]["declared"] == 42


@pytest.mark.parametrize(
    ("bounds", "code", "word"),
    [
        (Bounds(Allowance(cpu_s=1), 60.0), "reading-limit", "1 seconds of one processor"),
        (Bounds(Allowance(), 0.05), "reading-timeout", "seconds it may take"),
        (Bounds(Allowance(memory_bytes=60_000_000), 60.0), "", "memory|broke off|failed"),
    ],
)
def test_a_process_that_passes_a_limit_makes_the_file_unreadable(
    tmp_path: Path, bounds: Bounds, code: str, word: str
) -> None:
    path = written(tmp_path / "rows.geojsonl", 60_000 if code == "reading-limit" else 2_000)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    with pytest.raises(UnreadableFile, match=word) as refused:
        list(child.messages(asked(path), bounds, scratch))
    assert refused.value.code == code or not code
    assert list(scratch.iterdir()) == []


def test_a_killed_process_makes_the_file_unreadable(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.geojsonl", 50_000)
    said = child.messages(asked(path), WIDE)
    assert next(said).kind == frames.FACTS
    (pid,) = reading_processes()
    os.kill(pid, signal.SIGSEGV)
    with pytest.raises(UnreadableFile, match="broke off"):
        list(said)


def test_nobody_is_left_behind_by_a_load_that_stops_early(tmp_path: Path) -> None:
    said = child.messages(asked(written(tmp_path / "rows.geojsonl", 50_000)), WIDE, tmp_path)
    assert next(said).kind == frames.FACTS
    (pid,) = reading_processes()
    said.close()
    assert not alive(pid)
    assert [found.name for found in tmp_path.iterdir()] == ["rows.geojsonl"]


def test_the_process_dies_with_its_loader(tmp_path: Path) -> None:
    path = written(tmp_path / "rows.geojsonl", 20_000)
    program = (
        "import sys, time\nfrom app.imports import child\nfrom app.imports.reader import ReadRequest\n"
        f"said = child.messages(ReadRequest({str(path)!r}, 'x', 'places', 7, parents={{'cafe': None}}))\n"
        "next(said)\nprint('read', flush=True)\ntime.sleep(60)\n"
    )
    loader = subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE, cwd=child.ROOT)
    assert loader.stdout is not None
    assert loader.stdout.readline() == b"read\n"
    (pid,) = reading_processes(loader.pid)
    loader.kill()
    loader.wait()
    loader.stdout.close()
    deadline = time.monotonic() + 10
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)


def test_the_process_has_neither_network_nor_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    said = child.messages(asked(written(tmp_path / "rows.geojsonl", 50_000)), WIDE)
    assert next(said).kind == frames.FACTS
    (pid,) = reading_processes()
    assert b"secret" not in Path(f"/proc/{pid}/environ").read_bytes()
    devices = [line.split(":")[0].strip() for line in Path(f"/proc/{pid}/net/dev").read_text().splitlines()[2:]]
    said.close()
    if os.geteuid() != 0 and len(devices) > 1:
        pytest.skip("this machine lets nobody but root take a process off the network")
    assert set(devices) <= {"lo"}


@pytest.mark.parametrize(
    "content",
    [b"R", b"Z\x01\x00\x00\x00x", b"R\xff\xff\xff\xff", b"R\x05\x00\x00\x00abc"],
)
def test_what_is_no_message_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "stream"
    path.write_bytes(content)
    with path.open("rb") as file, pytest.raises(BrokenStream):
        frames.take(file)


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
