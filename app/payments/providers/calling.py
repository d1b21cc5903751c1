"""One HTTP request to a provider that ends within its time, whatever the other side does.

Each wait has a limit and so has the whole, so that an answer of a byte a second holds nobody up. Redirects and proxies
are not followed, certificates are checked. Whether a request failed before or after it reached the provider makes no
difference: both are silence.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from typing import Any, Final
from urllib.parse import urlsplit

from app.outbox.guard import impatient_lookup

CONNECT_S: Final = 3.0
MAX_ANSWER: Final = 1_000_000  # head and body


class CallFailed(Exception):
    """There is no answer that can be read; the text says why and holds nothing secret."""


@dataclass(frozen=True, slots=True)
class Call:
    """A request as it goes out."""

    method: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; names of headers are in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes


Caller = Callable[[Call, float], Reply]


class _Bounded(io.RawIOBase):
    """Reads a socket until the end of the time or of what is read at most."""

    def __init__(self, inner: socket.socket, end: float) -> None:
        self._inner, self._end, self._left = inner, end, MAX_ANSWER

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As io.RawIOBase; TimeoutError, CallFailed."""
        self._inner.settimeout(_left_s(self._end))
        count = self._inner.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise CallFailed("the answer is too large")
        return count


class _Wire:
    """What http.client asks of a socket, with the limits above."""

    def __init__(self, inner: socket.socket, end: float) -> None:
        self._inner, self._end = inner, end

    def sendall(self, data: bytes) -> None:
        """Sends everything in what is left of the time."""
        self._inner.settimeout(_left_s(self._end))
        self._inner.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A reader of the answer."""
        return io.BufferedReader(_Bounded(self._inner, self._end))

    def close(self) -> None:
        """Nothing yet: http.client says so before the body is read."""


def over_http(call: Call, timeout_s: float) -> Reply:
    """The answer to a request, after at most ``timeout_s``; CallFailed."""
    end = time.monotonic() + timeout_s
    try:
        return _exchange(call, end)
    except CallFailed:
        raise
    except TimeoutError:
        raise CallFailed("no answer in time") from None
    except ssl.SSLCertVerificationError as fault:
        raise CallFailed(f"the certificate is not good: {fault.verify_message}") from None
    except (OSError, HTTPException, ValueError) as fault:
        raise CallFailed(f"no answer ({type(fault).__name__})") from None


def _exchange(call: Call, end: float) -> Reply:
    parts = urlsplit(call.url)
    secure, host = parts.scheme == "https", parts.hostname or ""
    port = parts.port or (443 if secure else 80)
    inner = _connected(host, port, end)
    try:
        if secure:
            inner.settimeout(_left_s(end))
            inner = ssl.create_default_context().wrap_socket(inner, server_hostname=host)
        connection = HTTPConnection(host, port)
        connection.sock = _Wire(inner, end)
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        connection.request(call.method, path, call.body, {"Connection": "close", **call.headers})
        answer = connection.getresponse()
        headers = {name.lower(): value for name, value in answer.getheaders()}
        return Reply(answer.status, headers, answer.read())
    finally:
        inner.close()


def _connected(host: str, port: int, end: float) -> socket.socket:
    """A socket to the first address of a host that takes a connection; a silent name server has its limit too."""
    fault: OSError = OSError("no address")
    for address in impatient_lookup(host, port):
        try:
            found = socket.create_connection((address, port), timeout=min(CONNECT_S, _left_s(end)))
        except OSError as error:
            fault = error
        else:
            found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the body does not wait for the head
            return found
    raise fault


def _left_s(end: float) -> float:
    left = end - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
