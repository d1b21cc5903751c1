"""What the comparison measures of a server: its answers one by one, and what it bears of a closed loop of clients."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from bench.server import milliseconds

SCRIPT = Path(__file__).parent / "peers" / "questions.lua"


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, the document (None when it was no JSON), and when it was asked and answered."""

    status: int
    document: Any
    asked_at: datetime
    answered_at: datetime


@dataclass(frozen=True, slots=True)
class Load:
    """Requests a second, p50 and p99 in milliseconds, and which share of the answers were refusals."""

    rate: float
    p50_ms: float
    p99_ms: float
    refused: float


def ask(port: int, paths: Sequence[str]) -> list[Answer]:
    """Each path once, over one connection."""
    connection = HTTPConnection("127.0.0.1", port, timeout=60)
    found = []
    for path in paths:
        asked_at = datetime.now(UTC)
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read()
        try:
            document = json.loads(body)
        except ValueError:
            document = None
        found.append(Answer(response.status, document, asked_at, datetime.now(UTC)))
    connection.close()
    return found


def load(port: int, paths: Sequence[str], folder: Path, clients: int, seconds: int) -> Load:
    """A closed loop of clients by wrk, one thread, all questions in turn."""
    listed = folder / "paths"
    listed.write_text("".join(f"{path}\n" for path in paths))
    said = subprocess.run(
        [
            *("wrk", "-t1", f"-c{clients}", f"-d{seconds}s", "--latency", "--timeout", "30s", "-s", str(SCRIPT)),
            *(f"http://127.0.0.1:{port}", "--", str(listed)),
        ],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    found = {words[0]: words for words in map(str.split, said.splitlines()) if words}
    if "Socket" in found and any(int(part.rstrip(",")) for part in found["Socket"][3::2]):
        raise SystemExit(f"bench: some requests were not answered\n{said}")
    total = next(int(words[0]) for words in map(str.split, said.splitlines()) if words[1:3] == ["requests", "in"])
    refused = int(found["Non-2xx"][-1]) if "Non-2xx" in found else 0
    rate = float(found["Requests/sec:"][1])
    return Load(rate, milliseconds(found["50%"][1]), milliseconds(found["99%"][1]), refused / max(1, total))
