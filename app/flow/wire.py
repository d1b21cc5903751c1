"""HTTP to a flow that stands elsewhere, as one of its partners' clients.

A write carries the caller's number (Idempotency-Key), so that whatever is lost on the way is asked for again under the
same number; nothing is ever repeated under another one. Waits are bounded: to connect, for each read, and in all.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

import orjson
import urllib3

CONNECT_S: Final = 2.0
MAX_ANSWER: Final = 4_000_000
FRESH_FOR_S: Final = 30.0  # a token that ends sooner is fetched anew
_BUSY: Final = frozenset({502, 503, 504})


class NoAnswer(Exception):
    """The other side did not answer in time, or not in HTTP: what it did is not known."""


class NotAdmitted(Exception):
    """The other side does not take our client's secret."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer as it came; names of headers in small letters."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> Any:
        """The body; NoAnswer when it is no JSON, since then it is not the flow that answers."""
        try:
            return orjson.loads(self.body) if self.body else None
        except orjson.JSONDecodeError:
            raise NoAnswer(f"status {self.status} without JSON") from None

    @property
    def code(self) -> str | None:
        """The code of a problem document; None for a success."""
        found = self.json() if self.status >= 400 else None
        return found.get("code") if isinstance(found, dict) else None


class Transport(Protocol):
    """Sends one request; NoAnswer."""

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Reply: ...


class Pool:
    """Connections that are kept, over HTTP; redirects are not followed and nothing is repeated here."""

    def __init__(self, connections: int = 16) -> None:
        self._http = urllib3.PoolManager(maxsize=connections, block=False, retries=False)

    def __call__(
        self, method: str, url: str, headers: Mapping[str, str], body: bytes | None, timeout_s: float
    ) -> Reply:
        """The answer; NoAnswer."""
        ends = time.monotonic() + timeout_s
        limits = urllib3.Timeout(connect=min(CONNECT_S, timeout_s), read=timeout_s)
        try:
            answer = self._http.request(
                method, url, headers=dict(headers), body=body, timeout=limits, redirect=False, preload_content=False
            )
            try:
                read = _all_of(answer, ends)
            except BaseException:
                answer.close()
                raise
            answer.release_conn()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise NoAnswer(type(error).__name__) from error
        return Reply(answer.status, {name.lower(): value for name, value in answer.headers.items()}, read)


def _all_of(answer: urllib3.BaseHTTPResponse, ends: float) -> bytes:
    parts: list[bytes] = []
    size = 0
    for part in answer.stream(65_536):
        size += len(part)
        if size > MAX_ANSWER:
            raise NoAnswer("the answer is too large")
        if time.monotonic() > ends:
            raise NoAnswer("the answer took too long")
        parts.append(part)
    return b"".join(parts)


class Client:
    """One partner's client at one flow; safe to be used by several threads."""

    def __init__(
        self,
        base_url: str,
        client_id: str,
        secret: str,
        *,
        transport: Transport | None = None,
        timeout_s: float = 5.0,
        tries: int = 1,
        pause_s: float = 0.1,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.base_url, self.client_id = base_url.rstrip("/"), client_id
        self._secret, self._send, self._timeout_s = secret, transport or Pool(), timeout_s
        self._tries, self._pause_s, self._sleep = tries, pause_s, sleep
        self._token: tuple[str, float] | None = None
        self._fetching = threading.Lock()

    def ask(
        self,
        method: str,
        path: str,
        *,
        body: Any = None,
        key: str | None = None,
        user: str | None = None,
        headers: Mapping[str, str] | None = None,
        tries: int | None = None,
        public: bool = False,
    ) -> Reply:
        """The answer to a request, asked for again under the same number while none comes or the flow is busy.

        NoAnswer after the last try; NotAdmitted.
        """
        sent = {"Accept": "application/json", **(headers or {})}
        if body is not None:
            sent["Content-Type"] = "application/json"
        if key is not None:
            sent["Idempotency-Key"] = key
        if user is not None:
            sent["Fujin-User"] = user
        raw = None if body is None else orjson.dumps(body)
        last = max(1, tries or self._tries)
        for attempt in range(1, last + 1):
            try:
                reply = self._once(method, path, sent, raw, public)
            except NoAnswer:
                if attempt == last:
                    raise
            else:
                if attempt == last or not self._again(reply):
                    return reply
            self._sleep(self._pause_s * attempt)
        raise AssertionError("unreachable")

    def _again(self, reply: Reply) -> bool:
        if reply.status in _BUSY:
            return True
        return reply.code == "idempotency-key-in-flight"

    def _once(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None, public: bool) -> Reply:
        url = self.base_url + path
        if public:
            return self._send(method, url, headers, body, self._timeout_s)
        token = self._bearer()
        reply = self._send(method, url, {**headers, "Authorization": f"Bearer {token}"}, body, self._timeout_s)
        if reply.status == 401 and reply.code in ("expired-token", "revoked-token", "invalid-token"):
            self._forget(token)
            token = self._bearer()
            reply = self._send(method, url, {**headers, "Authorization": f"Bearer {token}"}, body, self._timeout_s)
        return reply

    def _forget(self, token: str) -> None:
        with self._fetching:
            if self._token is not None and self._token[0] == token:
                self._token = None

    def _bearer(self) -> str:
        with self._fetching:
            if self._token is None or self._token[1] <= time.monotonic():
                self._token = self._fetched()
            return self._token[0]

    def _fetched(self) -> tuple[str, float]:
        asked = {"grant_type": "client_credentials", "client_id": self.client_id, "client_secret": self._secret}
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        began = time.monotonic()
        reply = self._send("POST", f"{self.base_url}/v1/auth/token", headers, orjson.dumps(asked), self._timeout_s)
        if reply.status in (400, 401, 403, 422):
            raise NotAdmitted(f"{self.client_id} was refused a token ({reply.code})")
        if reply.status != 200:
            raise NoAnswer(f"no token: status {reply.status}")
        found = reply.json()
        return str(found["access_token"]), began + max(1.0, float(found["expires_in"]) - FRESH_FOR_S)
