"""Searches at half of the greatest rate, at rest and while a load goes on."""

from __future__ import annotations

import itertools
import random
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final
from urllib.request import urlopen

from app.core.settings import Settings
from bench.open_loop import Offered, offer
from tests.servers import running_server

CLIENTS: Final = 4
SECONDS: Final = 8.0
GOAL: Final = 2.0


def searches_meanwhile(settings: Settings, load: Callable[[], Any]) -> bool:
    """Offers searches over a seeded town at rest and beside a load; prints both, tells whether the goal is met."""
    with tempfile.TemporaryDirectory() as folder, running_server(settings, Path(folder) / "server.log") as url:
        port = int(url.rsplit(":", 1)[1])
        most = _greatest_rate(port)
        rate = most / 2
        offer(port, _questions(), rate=rate, seconds=2.0)
        rest = offer(port, _questions(), rate=rate, seconds=SECONDS)
        done: list[Any] = []
        worker = threading.Thread(target=lambda: done.append(load()))
        began = time.perf_counter()
        worker.start()
        parts: list[Offered] = []
        while worker.is_alive():
            parts.append(offer(port, _questions(), rate=rate, seconds=2.0))
        worker.join()
        took = time.perf_counter() - began
    busy = Offered([ms for part in parts for ms in part.latencies_ms], sum((p.statuses for p in parts), rest.statuses))
    busy.statuses.subtract(rest.statuses)
    print(
        f"\nsearches: {most:,.0f}/s at most with {CLIENTS} clients, {rate:,.0f}/s offered; the load took {took:.0f} s"
    )
    print("| | p50 ms | p99 ms | answers |\n|---|---|---|---|")
    for name, found in (("at rest", rest), ("beside a load", busy)):
        answers = ", ".join(f"{count:,} × {status}" for status, count in sorted(found.statuses.items()) if count)
        print(f"| {name} | {found.percentile_ms(0.5):.1f} | {found.percentile_ms(0.99):.1f} | {answers} |")
    failed = sum(count for status, count in (busy.statuses + rest.statuses).items() if status != 200)
    ratio = busy.percentile_ms(0.99) / rest.percentile_ms(0.99)
    print(f"p99 beside a load: {ratio:.1f} × that at rest; {failed} failed")
    return ratio <= GOAL and failed == 0


def _paths(seed: int) -> Iterator[str]:
    draw = random.Random(seed)
    while True:
        lon, lat = draw.gauss(24.94, 0.02), draw.gauss(60.17, 0.01)
        yield f"/v1/places/nearby?lat={lat:.6f}&lon={lon:.6f}&radius_m=1000&limit=20"


def _questions() -> Iterator[bytes]:
    for path in _paths(3):
        yield f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n".encode()


def _greatest_rate(port: int, seconds: float = 4.0) -> float:
    """Answers a second to clients that ask as soon as they are answered."""
    counts = [0] * CLIENTS
    end = time.perf_counter() + seconds

    def ask(number: int) -> None:
        for path in itertools.islice(_paths(number), 1_000_000):
            if time.perf_counter() >= end:
                return
            with urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
                answer.read()
            counts[number] += 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(CLIENTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return sum(counts) / seconds
