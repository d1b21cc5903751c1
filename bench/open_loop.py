"""Requests that come at their own times, whether or not the earlier ones are answered.

A closed loop of clients slows down with the server and hides how long a caller would have waited; here each request
has a moment at which it is due, and its latency counts from there.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field


@dataclass(slots=True)
class Offered:
    """What came of an offered load: latencies in milliseconds, statuses, and how long it took."""

    latencies_ms: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    took_s: float = 0.0

    def percentile_ms(self, share: float) -> float:
        """The latency that this share of the requests stays within."""
        ordered = sorted(self.latencies_ms)
        return ordered[min(len(ordered) - 1, int(len(ordered) * share))]


async def _ask(port: int, idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]], request: bytes) -> int:
    reader, writer = idle.pop() if idle else await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    head = await reader.readuntil(b"\r\n\r\n")
    length = int(head.lower().split(b"content-length:")[1].split(b"\r\n")[0])
    await reader.readexactly(length)
    idle.append((reader, writer))
    return int(head[9:12])


async def _offer(port: int, requests: Iterator[bytes], rate: float, seconds: float, seed: int) -> Offered:
    found, idle, chance = Offered(), [], random.Random(seed)  # type: ignore[var-annotated]
    running: set[asyncio.Task[None]] = set()
    began = time.perf_counter()

    async def one(request: bytes, due: float) -> None:
        status = await _ask(port, idle, request)
        found.latencies_ms.append((time.perf_counter() - due) * 1000)
        found.statuses[status] += 1

    due = began
    while due < began + seconds:
        due += chance.expovariate(rate)  # as independent callers come
        wait_s = due - time.perf_counter()
        if wait_s > 0:
            await asyncio.sleep(wait_s)
        task = asyncio.ensure_future(one(next(requests), due))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    found.took_s = time.perf_counter() - began
    for _, writer in idle:
        writer.close()
    return found


def offer(port: int, requests: Iterator[bytes], *, rate: float, seconds: float, seed: int = 1) -> Offered:
    """Sends requests, whole as bytes, at random times with a mean rate a second; connections are kept open."""
    return asyncio.run(_offer(port, requests, rate, seconds, seed))


def post(path: str, token: str, key: str, body: bytes) -> bytes:
    """A POST of JSON under a token and a key, as bytes."""
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nAuthorization: Bearer {token}\r\nIdempotency-Key: {key}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body
