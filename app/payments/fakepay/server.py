"""fakepay over HTTP, on this machine alone: requests on one thread each, notices sent by another."""

from __future__ import annotations

import logging
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from app.payments.fakepay.desk import LOOPBACK, Fakepay
from app.payments.providers.calling import Call

log = logging.getLogger("fujin.fakepay")

MAX_BODY: Final = 64_000
NOTICE_PAUSE_S: Final = 0.1


class NotLoopback(ValueError):
    """An address that others could reach."""


class Server(ThreadingHTTPServer):
    """A listening fakepay; ``ThreadingHTTPServer`` tells its address and port."""

    daemon_threads = True

    def __init__(self, fakepay: Fakepay, host: str, port: int) -> None:
        try:
            loopback = ip_address(host).is_loopback
        except ValueError:
            loopback = False
        if not loopback or ":" in host:
            raise NotLoopback(f"fakepay listens on this machine alone, such as 127.0.0.1, and not on {host}")
        self.fakepay = fakepay
        super().__init__((host, port), _Handler)

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"http://{self.server_address[0]!s}:{self.server_port}"

    def send_notices(self, stopping: threading.Event) -> None:
        """Sends what is due until it is told to stop; for a thread of its own."""
        while not stopping.wait(NOTICE_PAUSE_S):
            try:
                self.fakepay.deliver()
            except Exception:
                log.exception("a notice could not be sent")


class _Handler(BaseHTTPRequestHandler):
    """One request a connection; an answer that is lost is a connection that ends without one."""

    server: Server
    timeout = 30

    def do_GET(self) -> None:
        """A request without a body."""
        self._answer()

    def do_POST(self) -> None:
        """A request with one."""
        self._answer()

    def _answer(self) -> None:
        # A page in a browser must not reach it under a name that somebody pointed at this machine.
        if urlsplit(f"//{self.headers.get('Host', '')}").hostname not in LOOPBACK:
            self.send_error(403, "fakepay answers to 127.0.0.1 and localhost")
            return
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.send_error(413)
            return
        body = self.rfile.read(int(length))
        reply = self.server.fakepay.handle(Call(self.command, self.path, dict(self.headers.items()), body))
        if reply is None:
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body)))
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(reply.body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002 - the base class's
        """To our own log, without the address, in which a request's fields stand."""
        log.debug("asked", extra={"method": self.command, "path": urlsplit(self.path).path})
