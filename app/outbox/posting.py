"""One POST to a checked address, within time and size; redirects and proxies are not followed.

``http.client`` is given a socket that is connected to the address that was checked; name and certificate are checked
against the host of the URL. Each wait has a limit, and the whole has one, so that a receiver that answers a byte a
second holds nobody up for longer.
"""

from __future__ import annotations

import io
import socket
import ssl
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.client import HTTPConnection, HTTPException, HTTPResponse
from typing import Any, Final

from app.outbox.guard import Place
from app.outbox.types import Outcome

CONNECT_S: Final = 3.0
READ_S: Final = 10.0
TOTAL_S: Final = 15.0
MAX_BODY: Final = 64_000
MAX_ANSWER: Final = 128_000  # head and body
MAX_RETRY_AFTER_S: Final = 86_400.0


class _TooMuch(OSError):
    """The answer is larger than anything that is read."""


class _Bounded(io.RawIOBase):
    """Reads a socket until the end of the time or of what is read at most."""

    def __init__(self, inner: socket.socket, end: float) -> None:
        self._inner, self._end, self._left = inner, end, MAX_ANSWER

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As io.RawIOBase; TimeoutError, _TooMuch."""
        left_s = self._end - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        self._inner.settimeout(min(READ_S, left_s))
        count = self._inner.recv_into(buffer)
        self._left -= count
        if self._left < 0:
            raise _TooMuch
        return count


class _Wire:
    """What http.client asks of a socket, with the limits above."""

    def __init__(self, inner: socket.socket, end: float) -> None:
        self._inner, self._end = inner, end

    def sendall(self, data: bytes) -> None:
        """Sends everything in what is left of the time."""
        self._inner.settimeout(max(0.001, min(READ_S, self._end - time.monotonic())))
        self._inner.sendall(data)

    def makefile(self, _mode: str) -> io.BufferedReader:
        """A reader of the answer."""
        return io.BufferedReader(_Bounded(self._inner, self._end))

    def close(self) -> None:
        """Nothing yet: http.client says so before the body is read."""

    def end(self) -> None:
        """Closes the socket."""
        self._inner.close()


def post(place: Place, headers: Mapping[str, str], body: bytes, tls: ssl.SSLContext, now: datetime) -> Outcome:
    """What came of it; never raises for what the other side does."""
    began = time.monotonic()
    status, error, retry_after_s = None, None, None
    try:
        status, retry_after_s = _exchange(place, headers, body, tls, began + TOTAL_S, now)
    except TimeoutError:
        error = "no answer in time"
    except _TooMuch:
        error = "the answer is too large"
    except ssl.SSLCertVerificationError as fault:
        error = f"the certificate is not good: {fault.verify_message}"
    except ssl.SSLError:
        error = "no secure connection"
    except ConnectionRefusedError:
        error = "the connection was refused"
    except ConnectionError:
        error = "the connection was broken"
    except HTTPException:
        error = "the answer is not HTTP"
    except OSError:
        error = "no connection"
    ok = status is not None and 200 <= status < 300
    if status is not None and not ok:
        error = "redirects are not followed" if 300 <= status < 400 else f"answered {status}"
    return Outcome(ok, status, error, int((time.monotonic() - began) * 1000), retry_after_s)


def _exchange(
    place: Place, headers: Mapping[str, str], body: bytes, tls: ssl.SSLContext, end: float, now: datetime
) -> tuple[int, float | None]:
    """Status and Retry-After in seconds."""
    wire = _Wire(_connected(place, tls, end), end)
    connection = HTTPConnection(place.host, place.port)
    connection.sock = wire
    try:
        connection.putrequest("POST", place.path, skip_host=True, skip_accept_encoding=True)
        given = {"Host": place.authority, "Connection": "close", "Content-Length": str(len(body)), **headers}
        for name, value in given.items():
            connection.putheader(name, value)
        connection.endheaders(body)
        answer = connection.getresponse()
        while 100 <= answer.status < 200:  # http.client skips 100 alone; the real answer follows these (RFC 9110, 15.2)
            answer.headers = None  # type: ignore[assignment]
            answer.begin()
        with suppress(OSError, HTTPException):  # the status has decided; what follows is read out of politeness
            answer.read(MAX_BODY)
        return answer.status, _retry_after(answer, now)
    finally:
        wire.end()


def _connected(place: Place, tls: ssl.SSLContext, end: float) -> socket.socket:
    """A socket to the first of the checked addresses that takes a connection."""
    by = min(end, time.monotonic() + CONNECT_S)
    fault: OSError = OSError("no address")
    for address in place.addresses:
        left_s = by - time.monotonic()
        if left_s <= 0:
            break
        try:
            found = socket.create_connection((address, place.port), timeout=left_s)
        except OSError as error:
            fault = error
            continue
        found.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # the body goes out without waiting for the head
        if not place.secure:
            return found
        try:
            found.settimeout(max(0.001, by + CONNECT_S - time.monotonic()))
            return tls.wrap_socket(found, server_hostname=place.host)
        except BaseException:
            found.close()
            raise
    raise fault


def _retry_after(answer: HTTPResponse, now: datetime) -> float | None:
    """RFC 9110 10.2.3: seconds or a date; None when there is none that can be read."""
    value = (answer.getheader("Retry-After") or "").strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER_S)
    try:
        until = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    seconds = ((until if until.tzinfo else until.replace(tzinfo=UTC)) - now).total_seconds()
    return min(max(0.0, seconds), MAX_RETRY_AFTER_S)
