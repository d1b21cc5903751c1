"""The faults of the proxy are the faults that it says, seen from both sides of it."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.proxy import Cut, FaultProxy, web_proxy
from tests.servers import free_port


class Echo:
    """A server that gives every byte back, and remembers what it was sent."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(near,), daemon=True).start()

    def _serve(self, near: socket.socket) -> None:
        with near:
            try:
                while block := near.recv(4096):
                    self.heard.append(block)
                    near.sendall(block)
            except OSError:
                return

    def close(self) -> None:
        """Accepts no more."""
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()


@contextmanager
def echoing(*cuts: Cut) -> Iterator[tuple[FaultProxy, Echo]]:
    """A proxy before an echo."""
    echo = Echo()
    try:
        with web_proxy(free_port(), echo.port, cuts=cuts, seed=7) as proxy:
            yield proxy, echo
    finally:
        echo.close()


def _client(proxy: FaultProxy, timeout_s: float = 5.0) -> socket.socket:
    assert isinstance(proxy.near, tuple)
    return socket.create_connection(proxy.near, timeout=timeout_s)


def _said(client: socket.socket, words: bytes) -> bytes:
    try:
        client.sendall(words)
        return client.recv(4096)
    except ConnectionError:
        return b""


def _heard(echo: Echo, words: bytes) -> bool:
    """Whether the words arrive within five seconds."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        if words in b"".join(echo.heard):
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("after", ["request", "answer"])
def test_a_cut_lets_the_request_through_and_loses_the_answer(after: str) -> None:
    with echoing(Cut(b"COMMIT", after=after)) as (proxy, echo):  # type: ignore[arg-type]
        with _client(proxy) as client:
            assert _said(client, b"BEGIN") == b"BEGIN"
            assert _said(client, b"COMMIT") == b""
        assert _heard(echo, b"COMMIT")
        assert proxy.cut == {b"COMMIT": 1}


def test_a_pattern_over_two_blocks_is_found() -> None:
    with echoing(Cut(b"COMMIT")) as (proxy, _echo), _client(proxy) as client:
        assert _said(client, b"xxCOM") == b"xxCOM"
        assert _said(client, b"MITxx") == b""


def test_a_share_of_the_requests_is_cut_and_the_seed_says_which() -> None:
    runs = []
    for _ in range(2):
        with echoing(Cut(b"POST", 0.3)) as (proxy, _echo):
            answers = []
            for _number in range(60):
                with _client(proxy) as client:
                    answers.append(_said(client, b"POST"))
            runs.append(answers)
            assert proxy.cut[b"POST"] == answers.count(b"")
    assert runs[0] == runs[1]
    assert 8 <= runs[0].count(b"") <= 30  # 18 expected; five standard deviations of 3.5 either way


def test_silence_holds_bytes_back_and_lost_answers_stay_lost() -> None:
    with echoing() as (proxy, echo), _client(proxy, 0.2) as client:
        proxy.silence()
        client.sendall(b"one")
        with pytest.raises(TimeoutError):
            client.recv(4096)
        assert echo.heard == []
        proxy.speak()
        client.settimeout(5)
        assert client.recv(4096) == b"one"
        proxy.answers_lost = True
        client.sendall(b"two")
        assert _heard(echo, b"two")
        end = time.monotonic() + 5
        while proxy.bytes_lost < 3 and time.monotonic() < end:  # its answer is on its way still
            time.sleep(0.01)
        proxy.speak()
        assert _said(client, b"three") == b"three"


def test_a_reset_ends_connections_and_vanishing_refuses_new_ones() -> None:
    with echoing() as (proxy, _echo):
        with _client(proxy) as client:
            assert _said(client, b"one") == b"one"
            proxy.reset()
            with pytest.raises(ConnectionResetError):
                client.recv(4096)
        with _client(proxy) as client:
            assert _said(client, b"two") == b"two"
            proxy.vanish()
            assert _said(client, b"three") == b""
        with pytest.raises(ConnectionRefusedError):
            _client(proxy)
        proxy.listen()
        with _client(proxy) as client:
            assert _said(client, b"four") == b"four"


def test_delay_and_throttle_take_the_time_that_they_say() -> None:
    with echoing() as (proxy, _echo), _client(proxy) as client:
        proxy.delay_s = 0.05
        began = time.monotonic()
        assert _said(client, b"one") == b"one"
        assert time.monotonic() - began >= 0.1  # there and back
        proxy.delay_s, proxy.bytes_per_s = 0.0, 10_000.0
        began = time.monotonic()
        assert _said(client, b"x" * 1000) != b""
        assert time.monotonic() - began >= 0.1  # a thousand bytes there at ten thousand a second
