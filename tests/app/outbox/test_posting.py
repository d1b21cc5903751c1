"""One POST on a real socket: how receivers misbehave, how long and how much of it is borne, and who is talked to."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.outbox import posting
from app.outbox.guard import Place
from app.outbox.posting import post
from app.outbox.types import Outcome

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
NOWHERE = "192.0.2.1"  # RFC 5737: nobody is there
Talk = Callable[[socket.socket], None]
Listen = Callable[..., int]


def asked(wire: socket.socket) -> bytes:
    """The request up to the end of its body, which is the two bytes ``{}``."""
    found = b""
    while not found.endswith(b"\r\n\r\n{}"):
        part = wire.recv(4096)
        if not part:
            break
        found += part
    return found


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Starts servers that talk as told with each caller; returns the port."""
    open_sockets: list[socket.socket] = []
    over = threading.Event()

    def start(talk: Talk, tls: ssl.SSLContext | None = None) -> int:
        server = socket.create_server(("127.0.0.1", 0))
        open_sockets.append(server)

        def serve() -> None:
            while not over.is_set():
                try:
                    wire, _ = server.accept()
                except OSError:
                    return
                threading.Thread(target=one, args=(wire,), daemon=True).start()

        def one(wire: socket.socket) -> None:
            with suppress(OSError):
                inner = tls.wrap_socket(wire, server_side=True) if tls else wire
                with inner:
                    talk(inner)

        threading.Thread(target=serve, daemon=True).start()
        return int(server.getsockname()[1])

    yield start
    over.set()
    for each in open_sockets:
        each.close()


def place(port: int, *addresses: str, host: str = "hooks.example.org", secure: bool = False) -> Place:
    return Place(secure, host, port, "/in?a=1", addresses or ("127.0.0.1",))


def sent(where: Place, tls: ssl.SSLContext | None = None) -> Outcome:
    context = tls or ssl.create_default_context()
    return post(where, {"webhook-id": "e1"}, b"{}", context, NOW)


def answering(words: bytes) -> Talk:
    def talk(wire: socket.socket) -> None:
        asked(wire)
        wire.sendall(words)

    return talk


def test_the_request_names_the_host_of_the_url_and_carries_the_body_as_it_is(listen: Listen) -> None:
    got: list[bytes] = []

    def talk(wire: socket.socket) -> None:
        got.append(asked(wire))
        wire.sendall(b"HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n")

    port = listen(talk)
    outcome = sent(place(port))
    assert (outcome.ok, outcome.status, outcome.error) == (True, 202, None)
    head = got[0].decode().split("\r\n")
    assert head[0] == "POST /in?a=1 HTTP/1.1"
    assert f"Host: hooks.example.org:{port}" in head
    assert {"Connection: close", "Content-Length: 2", "webhook-id: e1"} <= set(head)
    assert not any(line.lower().startswith(("accept-encoding", "cookie", "authorization")) for line in head)


def test_proxies_of_the_environment_are_not_used(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    assert sent(place(listen(answering(b"HTTP/1.1 204 No Content\r\n\r\n")))).ok


@pytest.mark.parametrize(
    ("words", "error"),
    [
        (b"", "the connection was broken"),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 abc\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 200 + b"\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 200 OK\r\nX: " + b"y" * 70_000 + b"\r\n\r\n", "the answer is not HTTP"),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 10_000, "the answer is too large"),
        (b"HTTP/1.1 500 Oh\r\n\r\n", "answered 500"),
        (b"HTTP/1.1 404 Not here\r\nContent-Length: 0\r\n\r\n", "answered 404"),
        (b"HTTP/1.1 301 Moved\r\nLocation: http://127.0.0.1/\r\n\r\n", "redirects are not followed"),
        (b"HTTP/1.1 307 Moved\r\nLocation: /there\r\nContent-Length: 0\r\n\r\n", "redirects are not followed"),
    ],
)
def test_anything_but_2xx_is_a_failure_with_words_for_it(listen: Listen, words: bytes, error: str) -> None:
    outcome = sent(place(listen(answering(words))))
    assert (outcome.ok, outcome.error) == (False, error)


@pytest.mark.parametrize(
    "words",
    [
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nnonsense",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort",
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 10_000_000,
        b"HTTP/1.0 204\r\n\r\n",
        b"HTTP/1.1 103 Early\r\n\r\nHTTP/1.1 102 Wait\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ],
)
def test_what_stands_around_a_2xx_does_not_matter(listen: Listen, words: bytes) -> None:
    assert sent(place(listen(answering(words)))).ok


def test_nobody_listening_and_a_reset_are_told_apart(listen: Listen) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = int(closed.getsockname()[1])
    assert sent(place(port)).error == "the connection was refused"

    def reset(wire: socket.socket) -> None:
        asked(wire)
        wire.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")

    assert sent(place(listen(reset))).error == "the connection was broken"


def test_a_receiver_that_drips_is_borne_no_longer_than_the_whole_time(
    listen: Listen, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each byte comes within the limit of a read; the limit of the whole ends it."""
    monkeypatch.setattr(posting, "READ_S", 0.5)
    monkeypatch.setattr(posting, "TOTAL_S", 1.0)

    def drip(first: bytes) -> Talk:
        def talk(wire: socket.socket) -> None:
            asked(wire)
            wire.sendall(first)
            while True:
                wire.sendall(b"a")
                time.sleep(0.05)  # what a dripping receiver does

        return talk

    in_head = sent(place(listen(drip(b"HTTP/1.1 200 OK\r\nX: "))))
    assert (in_head.ok, in_head.error) == (False, "no answer in time")
    in_body = sent(place(listen(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n"))))
    assert (in_body.ok, in_body.status) == (True, 200)
    assert all(900 <= each.took_ms < 3_000 for each in (in_head, in_body))


def test_a_silent_receiver_is_borne_no_longer_than_a_read(listen: Listen, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "READ_S", 0.3)
    over = threading.Event()
    outcome = sent(place(listen(lambda _wire: over.wait(10) and None)))
    over.set()
    assert (outcome.error, outcome.took_ms < 3_000) == ("no answer in time", True)


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0.0),
        ("120", 120.0),
        ("999999999999", 86_400.0),
        ("Sun, 22 Nov 2026 09:40:00 GMT", 600.0),
        ("Sun, 22 Nov 2020 09:40:00 GMT", 0.0),
        ("-5", None),
        ("soon", None),
        ("1.5", None),
        ("", None),
    ],
)
def test_retry_after_is_seconds_or_a_date_and_a_day_at_most(listen: Listen, value: str, seconds: float | None) -> None:
    words = f"HTTP/1.1 503 Busy\r\nRetry-After: {value}\r\nContent-Length: 0\r\n\r\n".encode()
    assert sent(place(listen(answering(words)))).retry_after_s == seconds


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for hooks.example.org and 127.0.0.1, and that of a client that trusts it."""
    folder: Path = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "hooks.example.org")])
    names = [x509.DNSName("hooks.example.org"), x509.IPAddress(ip_address("127.0.0.1"))]
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "server.pem"
    pem.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=made.public_bytes(serialization.Encoding.PEM).decode())


def test_the_connection_goes_to_the_checked_address_and_the_certificate_is_the_names(
    listen: Listen, certified: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    """No resolver knows the name; the address alone leads there, and the name alone is verified."""
    server, client = certified
    said: list[str | None] = []
    server.sni_callback = lambda _wire, name, _context: said.append(name)
    port = listen(answering(b"HTTP/1.1 204 No Content\r\n\r\n"), server)
    assert sent(place(port, secure=True), client).ok
    assert said == ["hooks.example.org"]
    assert sent(place(port, secure=True, host="127.0.0.1"), client).ok
    other = sent(place(port, secure=True, host="other.example.org"), client)
    assert other.error is not None
    assert other.error.startswith("the certificate is not good: Hostname mismatch")
    stranger = sent(place(port, secure=True))
    assert stranger.error == "the certificate is not good: self-signed certificate"


def test_a_receiver_without_tls_behind_https_is_a_failure(
    listen: Listen, certified: tuple[ssl.SSLContext, ssl.SSLContext]
) -> None:
    port = listen(lambda wire: wire.sendall(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert sent(place(port, secure=True), certified[1]).error == "no secure connection"


def test_the_next_checked_address_is_tried_when_one_takes_no_connection(listen: Listen) -> None:
    """On 127.0.0.2 nobody listens on this port."""
    port = listen(answering(b"HTTP/1.1 204 No Content\r\n\r\n"))
    assert sent(place(port, "127.0.0.2", "127.0.0.1")).ok


def test_connecting_has_a_limit_whatever_addresses_there_are(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[tuple[str, float]] = []

    def slow(address: tuple[str, int], timeout: float) -> socket.socket:
        tried.append((address[0], timeout))
        clock[0] += timeout
        raise TimeoutError

    clock = [time.monotonic()]
    monkeypatch.setattr(posting.time, "monotonic", lambda: clock[0])
    monkeypatch.setattr(posting.socket, "create_connection", slow)
    outcome = sent(place(443, NOWHERE, NOWHERE, NOWHERE))
    assert (outcome.error, len(tried)) == ("no answer in time", 1)
    assert tried[0][1] == pytest.approx(posting.CONNECT_S)
