"""Redis as a peer: an index in memory, spoken to over bare sockets; it answers ids, and no place's facts.

A key for all places, one for each category and one for places with a coupon that can be claimed at the time of the
load. It keeps positions in 52 bits (to about 60 cm), measures on a sphere of its own, and takes no latitude beyond
85.05°. What is open now, and more than one filter, it can't say.
"""

from __future__ import annotations

import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import chain, islice
from pathlib import Path

from app.core.processes import end_with_parent
from bench.peers_load import Load
from bench.peers_questions import Question
from bench.peers_servers import Missing
from bench.peers_world import SHOWN, World
from tests.servers import end, free_port

MAX_LAT = 85.05112878
ALL, WITH_COUPON = "places", "places:coupon"


class Redis:
    """One redis-server that writes nothing to disk."""

    def __init__(self, program: Path, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self.command = [
            *(str(program), "--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"),
            *("--dir", str(folder), "--daemonize", "no"),
        ]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts it and waits until it listens."""
        with (self.folder / "redis.log").open("ab") as output:
            self.process = subprocess.Popen(
                self.command,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent,  # noqa: PLW1509 - no threads run while servers are started
            )
        until = time.monotonic() + 20
        while time.monotonic() < until and self.process.poll() is None:
            try:
                self.connect().close()
                return
            except OSError:
                time.sleep(0.05)
        self.stop()
        raise Missing("redis-server did not start")

    def stop(self) -> None:
        """Stops it; what it held is gone."""
        if self.process is not None:
            end(self.process)
            self.process = None

    def connect(self) -> socket.socket:
        """A connection that sends at once."""
        made = socket.create_connection(("127.0.0.1", self.port), timeout=60)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return made

    def fill(self, world: World) -> None:
        """Puts every place that it takes under its keys."""
        with_coupon = world.with_coupon(datetime.now(UTC))
        rows = zip(
            world.ids.tolist(),
            world.lons.tolist(),
            world.lats.tolist(),
            world.categories.tolist(),
            with_coupon.tolist(),
            strict=True,
        )
        members: dict[str, list[tuple[str, str, str]]] = {}
        for place_id, lon, lat, category, coupon in rows:
            if abs(lat) <= MAX_LAT:
                for key in (ALL, f"{ALL}:{category}", *([WITH_COUPON] if coupon else [])):
                    members.setdefault(key, []).append((repr(lon), repr(lat), place_id))
        with self.connect() as connection:
            for key, places in members.items():
                parts = iter(places)
                while some := list(islice(parts, 1000)):
                    connection.sendall(command("GEOADD", key, *chain.from_iterable(some)))
                    if not (said := read_reply(connection)).startswith(b":"):
                        raise SystemExit(f"bench: redis refused places: {said!r}")


def command(*words: str) -> bytes:
    """A command in Redis' protocol."""
    parts = [word.encode() for word in words]
    return b"*%d\r\n" % len(parts) + b"".join(b"$%d\r\n%s\r\n" % (len(part), part) for part in parts)


def search(asked: Question) -> bytes:
    """The twenty nearest in the key that serves a question best."""
    key = ALL
    if asked.category is not None:
        key = f"{ALL}:{asked.category}"
    elif asked.has_coupon:
        key = WITH_COUPON
    at, radius = (repr(asked.at.lon), repr(asked.at.lat)), (str(asked.radius_m), "m")
    return command("GEOSEARCH", key, "FROMLONLAT", *at, "BYRADIUS", *radius, "ASC", "COUNT", str(SHOWN))


def says(asked: Question) -> bool:
    """Whether Redis can express a question."""
    return not asked.open_now and not (asked.category is not None and asked.has_coupon)


def whole(reply: bytes) -> bool:
    """Whether a reply (an integer, an error or a list of strings) has come to its end."""
    if not reply.endswith(b"\r\n"):
        return False
    if not reply.startswith(b"*"):
        return True
    return reply.count(b"\r\n") == 1 + 2 * int(reply[1 : reply.index(b"\r\n")])


def read_reply(connection: socket.socket) -> bytes:
    """The next reply of a connection."""
    reply = b""
    while not whole(reply):
        got = connection.recv(65536)
        if not got:
            raise SystemExit("bench: redis closed a connection")
        reply += got
    return reply


def ids_of(reply: bytes) -> list[str]:
    """The strings of a list."""
    return [line.decode() for line in reply.split(b"\r\n")[2::2]]


def ask_redis(redis: Redis, asked: Iterable[Question]) -> Iterator[list[str] | None]:
    """The answers to questions, one after the other; None for a refusal."""
    with redis.connect() as connection:
        for question in asked:
            connection.sendall(search(question))
            reply = read_reply(connection)
            yield None if reply.startswith(b"-") else ids_of(reply)


def loop_load(redis: Redis, commands: Sequence[bytes], clients: int, seconds: float) -> Load:
    """A closed loop of clients in one thread that waits for all of their sockets."""
    waits: list[float] = []
    with selectors.DefaultSelector() as waiting:
        sockets = [redis.connect() for _ in range(clients)]
        begun, replies, at = {}, {}, 0
        for connection in sockets:
            waiting.register(connection, selectors.EVENT_READ)
            replies[connection], begun[connection] = b"", time.perf_counter()
            connection.sendall(commands[at % len(commands)])
            at += 1
        start = time.perf_counter()
        while (now := time.perf_counter()) - start < seconds:
            for ready, _ in waiting.select(0.1):
                connection: socket.socket = ready.fileobj  # type: ignore[assignment]
                replies[connection] += connection.recv(65536)
                if whole(replies[connection]):
                    now = time.perf_counter()
                    waits.append(now - begun[connection])
                    replies[connection], begun[connection] = b"", now
                    connection.sendall(commands[at % len(commands)])
                    at += 1
        took = now - start
        for connection in sockets:
            connection.close()
    return _of(waits, took)


def threads_load(redis: Redis, commands: Sequence[bytes], clients: int, seconds: float) -> Load:
    """The same with a thread a client."""
    waits: list[list[float]] = [[] for _ in range(clients)]
    start = time.perf_counter()

    def one(number: int) -> None:
        at = number * len(commands) // clients
        with redis.connect() as connection:
            while (now := time.perf_counter()) - start < seconds:
                connection.sendall(commands[at % len(commands)])
                read_reply(connection)
                waits[number].append(time.perf_counter() - now)
                at += 1

    threads = [threading.Thread(target=one, args=(number,), daemon=True) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return _of(list(chain.from_iterable(waits)), time.perf_counter() - start)


def _of(waits: list[float], took: float) -> Load:
    waits.sort()
    p50, p99 = (waits[min(len(waits) - 1, int(len(waits) * share))] * 1000 for share in (0.5, 0.99))
    return Load(len(waits) / took, p50, p99, 0.0)
