"""A proxy between the application and the test cluster's socket that can go silent or go away."""

from __future__ import annotations

import os
import select
import shutil
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.engine import URL, make_url

PORT = 54399  # only the name of a socket file in a folder of our own


class DatabaseProxy:
    """Passes bytes both ways; ``silence`` keeps every connection open and moves nothing, ``vanish`` cuts them all."""

    def __init__(self, folder: Path, target: URL) -> None:
        self._path = folder / f".s.PGSQL.{PORT}"
        self._target = target
        self._loud = threading.Event()
        self._loud.set()
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._listener: socket.socket | None = None

    def url_through(self, url: str) -> str:
        """The same database and role, reached through this proxy."""
        query = {"host": str(self._path.parent), "port": str(PORT)}
        return make_url(url).set(host=None, port=None, query=query).render_as_string(hide_password=False)

    def listen(self) -> None:
        """Accepts connections from now on, as after a restart of the database."""
        self._loud.set()
        self._path.unlink(missing_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(str(self._path))
        listener.listen(64)
        self._listener = listener
        threading.Thread(target=self._accept, args=(listener,), daemon=True).start()

    def silence(self) -> None:
        """Nothing arrives any more, as on a network that drops packets while TCP stays up."""
        self._loud.clear()

    def speak(self) -> None:
        """Bytes move again, also those that were held back."""
        self._loud.set()

    def vanish(self) -> None:
        """Ends every connection and refuses new ones, as when the database is killed."""
        if self._listener is not None:
            # shutdown wakes the thread in accept(), close alone does not
            self._listener.shutdown(socket.SHUT_RDWR)
            self._listener.close()
            self._listener = None
        self._path.unlink(missing_ok=True)
        with self._lock:
            ends, self._open = self._open, set()
        for end in ends:
            with _already_closed_is_fine():
                end.shutdown(socket.SHUT_RDWR)
        self._loud.set()

    def _accept(self, listener: socket.socket) -> None:
        while True:
            try:
                near, _ = listener.accept()
            except OSError:
                return
            far = self._connected()
            with self._lock:
                self._open |= {near, far}
            threading.Thread(target=self._pass, args=(near, far), daemon=True).start()

    def _connected(self) -> socket.socket:
        host = str(self._target.query.get("host") or self._target.host or "127.0.0.1")
        port = int(str(self._target.query.get("port") or self._target.port or 5432))
        if not host.startswith("/"):
            return socket.create_connection((host, port))
        far = socket.socket(socket.AF_UNIX)
        far.connect(f"{host}/.s.PGSQL.{port}")
        return far

    def _pass(self, near: socket.socket, far: socket.socket) -> None:
        with near, far, _already_closed_is_fine():
            while True:
                for end in select.select([near, far], [], [])[0]:
                    block = end.recv(65_536)
                    self._loud.wait()
                    if not block:
                        return
                    (far if end is near else near).sendall(block)


@contextmanager
def _already_closed_is_fine() -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError):
        return


@contextmanager
def database_proxy(target: URL) -> Iterator[DatabaseProxy]:
    """A proxy in front of a cluster, in a folder whose name is short enough for a socket."""
    folder = Path(tempfile.mkdtemp(prefix="fujin-"))
    proxy = DatabaseProxy(folder, target)
    proxy.listen()
    try:
        yield proxy
    finally:
        proxy.vanish()
        shutil.rmtree(folder, ignore_errors=True)
        assert not os.path.exists(folder)
