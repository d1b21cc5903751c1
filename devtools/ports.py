"""Which port to serve on; two copies never choose the same one, not even at the same moment."""

import os
import socket
import sys

from devtools.terminal import Trouble

DEFAULT = 8000
TRIES = 100


def wanted(argument: str | None) -> int | None:
    """Return the port that was asked for by --port or FUJIN_PORT, None when neither was given."""
    text = argument if argument is not None else os.environ.get("FUJIN_PORT", "")
    if not text:
        return None
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 65535:
        raise Trouble(f"{text!r} is not a port.", "give a number from 1 to 65535, for example --port 8080.")
    return int(text)


def is_free(port: int) -> bool:
    """Return whether nothing listens on this port of the loopback address."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError as error:
            raise Trouble(f"This account may not use port {port}.", "choose one from 1024 up: --port 8080") from error
        except OSError:
            return False
    return True


class Reservation:
    """A port that no other ./dev will take while this lives.

    Granian binds with SO_REUSEPORT, so two servers of one account would share a port without a word. An abstract
    socket's name (unix(7), Linux) is the lock: one holder a machine, gone with the process.
    """

    def __init__(self, port: int) -> None:
        self.port = port
        self._lock: socket.socket | None = None

    def hold(self) -> bool:
        """Take the port; False when another copy or program has it."""
        if sys.platform == "linux":
            lock = socket.socket(socket.AF_UNIX)
            try:
                lock.bind(f"\0fujin-port-{self.port}")
            except OSError:
                lock.close()
                return False
            self._lock = lock
        if is_free(self.port):
            return True
        self.release()
        return False

    def release(self) -> None:
        """Let the port go."""
        if self._lock:
            self._lock.close()
            self._lock = None


def reserve(asked: int | None) -> Reservation:
    """Hold the port asked for, or the first free one from 8000 up; one that is taken is a Trouble if asked for."""
    if asked is not None:
        held = Reservation(asked)
        if held.hold():
            return held
        raise Trouble(
            f"Port {asked} is taken by another program.",
            f"choose another (--port {asked + 1 if asked < 65535 else 8080}), or leave --port and FUJIN_PORT away:\n"
            f"then the first free port from {DEFAULT} up is used.",
        )
    for port in range(DEFAULT, DEFAULT + TRIES):
        held = Reservation(port)
        if held.hold():
            return held
    raise Trouble(f"Ports {DEFAULT} to {DEFAULT + TRIES - 1} are all taken.", "choose one yourself: --port N")
