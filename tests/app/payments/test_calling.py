"""The wire to a provider: whose certificate it takes, and what it makes of answers that are none."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from app.payments.providers.calling import MAX_ANSWER, Call, CallFailed, over_http

Listen = Callable[..., str]


@pytest.fixture
def listen() -> Iterator[Listen]:
    """Starts servers of one answer; each takes one connection."""
    stops: list[Callable[[], None]] = []

    def start(answer: bytes, tls: ssl.SSLContext | None = None) -> str:
        listener = socket.create_server(("127.0.0.1", 0))

        def serve() -> None:
            wire = listener.accept()[0]
            try:
                wire = tls.wrap_socket(wire, server_side=True) if tls else wire
                wire.recv(10_000)
                wire.sendall(answer)
            except OSError:
                pass  # the other side has had enough
            finally:
                wire.close()

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        stops.extend((listener.close, thread.join))
        return f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}/v1"

    yield start
    for stop in stops:
        stop()


@pytest.fixture(scope="module")
def certified(tmp_path_factory: pytest.TempPathFactory) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for 127.0.0.1, and that of a client that trusts it."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "provider.example")])
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(datetime.now(UTC) - timedelta(days=1))
        .not_valid_after(datetime.now(UTC) + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    public = made.public_bytes(Encoding.PEM)
    pem.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()) + public)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(pem)
    return server, ssl.create_default_context(cadata=public.decode())


OK = b"HTTP/1.1 200 OK\r\nX-Kind: Good\r\nContent-Length: 2\r\n\r\nok"


def get(url: str) -> Call:
    return Call("GET", url, {}, b"")


def test_an_answer_is_status_headers_in_small_letters_and_body(listen: Listen) -> None:
    reply = over_http(get(listen(OK)), 5)
    assert (reply.status, reply.headers["x-kind"], reply.body) == (200, "Good", b"ok")


def test_a_stranger_with_a_certificate_of_its_own_is_not_the_provider(
    listen: Listen, certified: tuple[ssl.SSLContext, ssl.SSLContext], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, client = certified
    with pytest.raises(CallFailed, match="the certificate is not good: self-signed certificate"):
        over_http(get(listen(OK, server)), 5)
    monkeypatch.setattr("app.payments.providers.calling.ssl.create_default_context", lambda: client)
    assert over_http(get(listen(OK, server)), 5).body == b"ok"
    with pytest.raises(CallFailed, match="the certificate is not good: Hostname mismatch"):
        over_http(get(listen(OK, server).replace("127.0.0.1", "localhost")), 5)


@pytest.mark.parametrize(
    "answer",
    [b"", b"\x00\x01", b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort", b"SSH-2.0-x\r\n"],
)
def test_what_is_no_answer_is_silence(listen: Listen, answer: bytes) -> None:
    with pytest.raises(CallFailed):
        over_http(get(listen(answer)), 5)


def test_an_answer_without_end_is_left(listen: Listen) -> None:
    with pytest.raises(CallFailed, match="too large"):
        over_http(get(listen(b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * (MAX_ANSWER + 1))), 5)


def test_a_redirect_is_an_answer_and_not_followed(listen: Listen) -> None:
    elsewhere = b"HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
    assert over_http(get(listen(elsewhere)), 5).status == 302
