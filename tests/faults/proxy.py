"""A proxy that hurts what passes through it: between the web and its database, or between callers and the web.

Listens on a unix socket or a loopback port, one event loop in one thread. Every fault is off until it is asked for;
what is left to chance comes from a seeded generator.
"""

from __future__ import annotations

import asyncio
import random
import shutil
import socket
import struct
import tempfile
import threading
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from sqlalchemy.engine import URL, make_url

T = TypeVar("T")
Address = Path | tuple[str, int]

BLOCK = 65_536
PORT = 54399  # only the name of a socket file in a folder of our own
COMMIT = b"Q\x00\x00\x00\x0bCOMMIT\x00"  # the whole message with which psycopg2 commits
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER of no time: close sends RST


@dataclass(frozen=True, slots=True)
class Cut:
    """Ends a connection whose client's bytes hold ``pattern``, with a probability for each time.

    ``request``: the bytes go on and the connection ends at once, so that the server may still be at work;
    ``answer``: it ends when the answer begins to come, so that the server has done everything.
    """

    pattern: bytes
    probability: float = 1.0
    after: Literal["request", "answer"] = "answer"


@dataclass(eq=False, slots=True)
class _Link:
    """One connection from a client to the server behind the proxy."""

    near: asyncio.StreamWriter
    far: asyncio.StreamWriter
    doomed: bool = False
    tail: bytes = b""  # the client's last bytes, for patterns that lie across two blocks


class FaultProxy:
    """Passes bytes both ways. ``cut`` counts the connections that each pattern has ended."""

    def __init__(self, near: Address, far: Address, *, cuts: Sequence[Cut] = (), seed: int = 0) -> None:
        self.near, self.far, self.cuts = near, far, tuple(cuts)
        self.delay_s = 0.0  # before each block is passed on
        self.bytes_per_s: float | None = None
        self.answers_lost = False
        self.bytes_lost = 0  # of answers
        self.cut: Counter[bytes] = Counter()
        self._chance = random.Random(seed)
        self._links: set[_Link] = set()
        self._server: asyncio.Server | None = None
        self._loop = asyncio.new_event_loop()
        self._loud = asyncio.Event()
        self._loud.set()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    def listen(self) -> None:
        """Accepts connections from now on, as after a restart of the server behind."""
        self._run(self._listen)

    def silence(self) -> None:
        """Nothing arrives any more and nothing ends, as on a network that drops packets while TCP stays up."""
        self._loop.call_soon_threadsafe(self._loud.clear)

    def speak(self) -> None:
        """Bytes move again, also those that were held back; answers that were lost stay lost."""
        self.answers_lost = False
        self._loop.call_soon_threadsafe(self._loud.set)

    def reset(self) -> None:
        """Ends every connection with RST; new ones are welcome."""
        self._run(self._reset)

    def vanish(self) -> None:
        """Ends every connection and refuses new ones, as when the server behind is killed."""
        self._run(self._vanish)
        self.speak()

    def close(self) -> None:
        """Vanishes for good."""
        self.vanish()
        self._run(self._cancel)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def _run(self, work: Callable[[], Awaitable[T]]) -> T:
        async def started() -> T:
            return await work()

        return asyncio.run_coroutine_threadsafe(started(), self._loop).result(10)

    async def _listen(self) -> None:
        self._loud.set()
        if isinstance(self.near, Path):
            self.near.unlink(missing_ok=True)
            self._server = await asyncio.start_unix_server(self._pass, self.near, backlog=128)
        else:
            self._server = await asyncio.start_server(self._pass, *self.near, backlog=1024)

    async def _reset(self) -> None:
        for link in list(self._links):
            _end(link)

    async def _vanish(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        if isinstance(self.near, Path):
            self.near.unlink(missing_ok=True)
        await self._reset()

    async def _cancel(self) -> None:
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def _pass(self, near_reader: asyncio.StreamReader, near: asyncio.StreamWriter) -> None:
        try:
            far_reader, far = await self._connected()
        except OSError:
            near.transport.abort()
            return
        link = _Link(near, far)
        self._links.add(link)
        ways = [
            asyncio.ensure_future(self._requests(link, near_reader)),
            asyncio.ensure_future(self._answers(link, far_reader)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._links.discard(link)
            near.transport.abort()
            far.close()  # what is already on its way still arrives

    async def _connected(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if isinstance(self.far, Path):
            return await asyncio.open_unix_connection(self.far)
        return await asyncio.open_connection(*self.far)

    async def _requests(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while block := await reader.read(BLOCK):
            await self._travel(len(block))
            cut = self._cut_of(link, block)
            link.far.write(block)
            await link.far.drain()
            if cut is not None and cut.after == "request":
                return
            link.doomed = link.doomed or cut is not None

    async def _answers(self, link: _Link, reader: asyncio.StreamReader) -> None:
        while block := await reader.read(BLOCK):
            await self._travel(len(block))
            if link.doomed:
                return
            if self.answers_lost:
                self.bytes_lost += len(block)
                continue
            link.near.write(block)
            await link.near.drain()

    async def _travel(self, size: int) -> None:
        await self._loud.wait()
        wait_s = self.delay_s + (size / self.bytes_per_s if self.bytes_per_s else 0.0)
        if wait_s:
            await asyncio.sleep(wait_s)

    def _cut_of(self, link: _Link, block: bytes) -> Cut | None:
        """The cut that these bytes bring about; a pattern counts once, in the block where it ends."""
        for cut in self.cuts:
            seen = link.tail[-(len(cut.pattern) - 1) :] + block if len(cut.pattern) > 1 else block
            if cut.pattern in seen and self._chance.random() < cut.probability:
                self.cut[cut.pattern] += 1
                return cut
        link.tail = (link.tail + block)[-256:] if self.cuts else b""
        return None


def _end(link: _Link) -> None:
    for end in (link.near, link.far):
        with suppress(OSError):  # not every socket has the option, and a closed one has none
            end.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        end.transport.abort()


@contextmanager
def database_proxy(target: URL, *, cuts: Sequence[Cut] = (), seed: int = 0) -> Iterator[FaultProxy]:
    """A proxy in front of a cluster, in a folder whose name is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="fujin-"))
    host = str(target.query.get("host") or target.host or "127.0.0.1")
    port = int(str(target.query.get("port") or target.port or 5432))
    far: Address = Path(f"{host}/.s.PGSQL.{port}") if host.startswith("/") else (host, port)
    proxy = FaultProxy(folder / f".s.PGSQL.{PORT}", far, cuts=cuts, seed=seed)
    proxy.listen()
    try:
        yield proxy
    finally:
        proxy.close()
        shutil.rmtree(folder)


def url_through(proxy: FaultProxy, url: str) -> str:
    """The same database and role, reached through a database's proxy."""
    assert isinstance(proxy.near, Path)
    query = {"host": str(proxy.near.parent), "port": str(PORT)}
    return make_url(url).set(host=None, port=None, query=query).render_as_string(hide_password=False)


@contextmanager
def web_proxy(near_port: int, far_port: int, *, cuts: Sequence[Cut] = (), seed: int = 0) -> Iterator[FaultProxy]:
    """A proxy in front of a web server on the loopback."""
    proxy = FaultProxy(("127.0.0.1", near_port), ("127.0.0.1", far_port), cuts=cuts, seed=seed)
    proxy.listen()
    try:
        yield proxy
    finally:
        proxy.close()
