"""Tokens of another issuer: its keys, its outages, and what its tokens can and can't ask for."""

from __future__ import annotations

import base64
import hashlib
import hmac
import ipaddress
import json
import ssl
import threading
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from flask.testing import FlaskClient
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.core.db import Database
from app.core.errors import Unavailable
from app.core.settings import InvalidSettings, Settings
from app.members import oidc
from app.members.oidc import FetchFailed, ForeignIssuer, fetch_https, keys_from
from app.members.principals import MemberPrincipals, create_principals
from app.merchants.queries import employment_of
from tests.app.members.people import PASSWORD, PHONE, People, bearer, small_app, token_for

ISSUER = "https://id.example"
KEYS: dict[str, Any] = {
    "Ed25519": OKPKey.generate_key("Ed25519", {"kid": "ed"}),
    "ES256": ECKey.generate_key("P-256", {"kid": "ec"}),
    "RS256": RSAKey.generate_key(2048, {"kid": "rsa"}),
}


@dataclass
class Provider:
    """The other issuer's side: what it would answer, and what it was asked."""

    keys: list[dict[str, Any]] = field(default_factory=lambda: [key.as_dict(private=False) for key in KEYS.values()])
    discovery: dict[str, Any] = field(default_factory=lambda: {"issuer": ISSUER, "jwks_uri": ISSUER + "/keys"})
    away: bool = False
    asked: list[str] = field(default_factory=list)
    now: float = 1000.0

    def fetch(self, url: str) -> bytes:
        self.asked.append(url)
        if self.away:
            raise FetchFailed("away")
        return json.dumps(self.discovery if "openid" in url else {"keys": self.keys}).encode()

    def issuer(self) -> ForeignIssuer:
        return ForeignIssuer(ISSUER, "fujin", fetch=self.fetch, monotonic=lambda: self.now)


@pytest.fixture
def provider() -> Provider:
    return Provider()


@pytest.fixture
def foreign_client(app_settings: Settings, database: Database, people: People, provider: Provider) -> FlaskClient:
    principals = MemberPrincipals(app_settings, database, employment_of, foreign=provider.issuer())
    return small_app(app_settings, database, principals).test_client()


def foreign_token(
    algorithm: str = "Ed25519", key: Any = None, header: dict[str, Any] | None = None, **more: Any
) -> str:
    at = int(datetime.now(UTC).timestamp())
    claims = {"iss": ISSUER, "aud": "fujin", "sub": "user-7", "iat": at, "exp": at + 300} | more
    signing = key or KEYS[algorithm]
    headers = {"alg": algorithm, "kid": signing.kid, "typ": "at+jwt"} | (header or {})
    return jwt.encode(headers, claims, signing, algorithms=[algorithm])


@pytest.mark.parametrize("algorithm", KEYS)
def test_each_kind_of_key_signs_in_one_and_the_same_member(foreign_client: FlaskClient, algorithm: str) -> None:
    subjects = {
        foreign_client.get("/v1/me", headers=bearer(foreign_token(algorithm, header={"typ": kind}))).json["subject"]
        for kind in ("at+jwt", "JWT", "application/at+jwt")
    }
    assert len(subjects) == 1


def test_first_sight_makes_a_plain_member_bound_to_issuer_and_subject(
    foreign_client: FlaskClient, people: People
) -> None:
    me = foreign_client.get("/v1/me", headers=bearer(foreign_token())).json
    assert me["role"] == "member"
    bound = people.run("SELECT login_norm, member_id FROM login_names").one()
    assert (bound.login_norm, str(bound.member_id)) == ("oidc:https://id.example|user-7", me["subject"])
    foreign_client.get("/v1/me", headers=bearer(foreign_token(sub="user-8")))
    assert people.run("SELECT count(*) FROM members").scalar_one() == 2


@pytest.mark.parametrize("asking", [{"role": "operator"}, {"scope": "openid fujin:operator"}])
def test_role_asked_for_counts_when_it_is_held_here(
    foreign_client: FlaskClient, people: People, asking: dict[str, str]
) -> None:
    headers = bearer(foreign_token(**asking))
    assert foreign_client.get("/v1/me", headers=headers).status_code == 403
    member_id = people.run("SELECT member_id FROM members").scalar_one()
    people.granted(member_id, "operator", people.city(2, "city2"))
    me = foreign_client.get("/v1/me", headers=headers).json
    assert (me["role"], me["cities"]) == ("operator", [2])


REFUSED: dict[str, dict[str, Any]] = {
    "asks to be a partner": {"role": "partner"},
    "asks for an unknown role": {"role": "root"},
    "role is a list": {"role": ["admin"]},
    "another audience": {"aud": "other"},
    "id token": {"nonce": "n"},
    "id token by claim": {"typ": "ID"},
    "refresh token by claim": {"typ": "Refresh"},
    "subject too long": {"sub": "x" * 256},
    "no expiry": {"exp": None},
}


@pytest.mark.parametrize("kind", REFUSED)
def test_foreign_token_that_is_not_for_us_is_invalid(foreign_client: FlaskClient, people: People, kind: str) -> None:
    answer = foreign_client.get("/v1/me", headers=bearer(foreign_token(**REFUSED[kind])))
    assert (answer.status_code, answer.json["code"]) == (401, "invalid-token")
    assert people.run("SELECT count(*) FROM members").scalar_one() == 0


def test_key_of_one_kind_is_never_used_for_another_algorithm(foreign_client: FlaskClient) -> None:
    head, payload, _ = foreign_token("RS256").split(".")
    head = base64.urlsafe_b64encode(b'{"alg":"HS256","kid":"rsa","typ":"at+jwt"}').rstrip(b"=").decode()
    public = KEYS["RS256"].as_pem(private=False)
    mac = hmac.new(public, f"{head}.{payload}".encode(), hashlib.sha256).digest()
    confused = f"{head}.{payload}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    swapped = foreign_token("ES256", header={"kid": "ed"})
    for token in (confused, swapped):
        assert foreign_client.get("/v1/me", headers=bearer(token)).json["code"] == "invalid-token"


def test_expired_foreign_token_says_so(foreign_client: FlaskClient) -> None:
    at = int(datetime.now(UTC).timestamp())
    answer = foreign_client.get("/v1/me", headers=bearer(foreign_token(exp=at - 1, iat=at - 300)))
    assert answer.json["code"] == "expired-token"


def test_people_no_longer_sign_in_here_but_partners_do(foreign_client: FlaskClient, people: People) -> None:
    member_id = people.member("boss", password=True)
    people.client("shop-system", "s3cret")
    for path, body in (
        ("/v1/auth/otp", {"phone": PHONE}),
        ("/v1/auth/token", {"grant_type": "password", "login": "boss", "password": PASSWORD}),
    ):
        answer = foreign_client.post(path, json=body)
        assert (answer.status_code, answer.json["code"]) == (403, "sign-in-elsewhere")
    assert foreign_client.get("/v1/me", headers=token_for(foreign_client, member_id, "member")).status_code == 401
    body = {"grant_type": "client_credentials", "client_id": "shop-system", "client_secret": "s3cret"}
    got = foreign_client.post("/v1/auth/token", json=body).json
    assert foreign_client.get("/v1/me", headers=bearer(got["access_token"])).json["role"] == "partner"


def test_signed_out_foreign_token_stays_out(foreign_client: FlaskClient) -> None:
    headers = bearer(foreign_token())
    assert foreign_client.delete("/v1/auth/token", headers=headers).status_code == 204
    assert foreign_client.get("/v1/me", headers=headers).json["code"] == "revoked-token"


def test_keys_are_discovered_once_and_kept(provider: Provider) -> None:
    issuer = provider.issuer()
    for _ in range(5):
        assert issuer.key("ed") is not None
    assert provider.asked == [ISSUER + "/.well-known/openid-configuration", ISSUER + "/keys"]


def test_unknown_key_id_leads_to_one_fetch_a_minute(provider: Provider) -> None:
    issuer = provider.issuer()
    issuer.key("ed")
    new = OKPKey.generate_key("Ed25519", {"kid": "new"})
    provider.keys.append(new.as_dict(private=False))
    asked = len(provider.asked)
    assert issuer.key("new") is None, "fetched less than a minute ago"
    assert len(provider.asked) == asked
    provider.now += 60
    assert issuer.key("new") is not None
    for number in range(50):
        issuer.key(f"made-up-{number}")
    assert len(provider.asked) == asked + 2


def test_last_good_keys_stay_while_the_issuer_is_away(provider: Provider) -> None:
    issuer = provider.issuer()
    issuer.key("ed")
    provider.away = True
    provider.now += 10_000
    assert issuer.key("ed") is not None
    provider.away, provider.keys = False, [KEYS["ES256"].as_dict(private=False)]
    provider.now += 60
    assert issuer.key("ed") is None, "a key that the issuer took out stops"


def test_without_any_keys_the_answer_is_later(provider: Provider) -> None:
    provider.away = True
    with pytest.raises(Unavailable):
        provider.issuer().key("ed")


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.example", "jwks_uri": ISSUER + "/keys"},
        {"issuer": ISSUER},
        {"issuer": ISSUER, "jwks_uri": 7},
    ],
)
def test_discovery_of_another_issuer_is_not_followed(provider: Provider, discovery: dict[str, Any]) -> None:
    provider.discovery = discovery
    with pytest.raises(Unavailable):
        provider.issuer().key("ed")
    assert len(provider.asked) == 1


def test_keys_of_other_kinds_uses_and_sizes_are_left_out() -> None:
    good = KEYS["ES256"].as_dict(private=False)
    offered = [
        good,
        {**good, "kid": "enc", "use": "enc"},
        {**good, "kid": "alg", "alg": "ES512"},
        {**KEYS["RS256"].as_dict(private=False), "kid": None},
        {"kty": "oct", "kid": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0"},
        {**ECKey.generate_key("P-384").as_dict(private=False), "kid": "p384"},
        {"kty": "RSA", "kid": "broken", "n": "!!", "e": "AQAB"},
        {"kty": "ML-DSA", "kid": "later"},
        "text",
    ]
    assert set(keys_from(json.dumps({"keys": offered}).encode())) == {"ec"}
    for document in (b"", b"[]", b"{}", b'{"keys": 1}', b'{"keys": []}'):
        with pytest.raises(FetchFailed):
            keys_from(document)


@pytest.mark.parametrize(
    "url", ["http://id.example/keys", "file:///etc/passwd", "https://user@id.example/", "https:///x"]
)
def test_only_plain_https_is_fetched(url: str) -> None:
    with pytest.raises(FetchFailed):
        fetch_https(url)


@pytest.mark.parametrize("name", ["oidc_issuer", "oidc_jwks_url"])
def test_issuer_without_https_does_not_start(app_settings: Settings, database: Database, name: str) -> None:
    settings = replace(app_settings, oidc_issuer=ISSUER)
    with pytest.raises(InvalidSettings, match="https"):
        create_principals(replace(settings, **{name: "http://id.example"}), database, employment_of)
    assert create_principals(settings, database, employment_of).foreign is not None


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        status, headers, body = {
            "/small": (200, {}, b"x" * 1000),
            "/large": (200, {}, b"x" * 70_000),
            "/moved": (302, {"Location": "/small"}, b""),
            "/missing": (404, {}, b""),
        }[self.path]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


def test_fetch_follows_no_redirect_and_stops_at_64_kb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate, key = _certificate(tmp_path)
    server = HTTPServer(("127.0.0.1", 0), _Handler)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    base = f"https://127.0.0.1:{server.server_port}"
    try:
        with pytest.raises(FetchFailed):
            fetch_https(base + "/small")  # nobody we trust signed its certificate
        trusting = ssl.create_default_context(cafile=str(certificate))
        monkeypatch.setattr(oidc.ssl, "create_default_context", lambda: trusting)
        assert fetch_https(base + "/small") == b"x" * 1000
        for path in ("/large", "/moved", "/missing"):
            with pytest.raises(FetchFailed):
                fetch_https(base + path)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _certificate(folder: Path) -> tuple[Path, Path]:
    private = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(private.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False)
        .sign(private, hashes.SHA256())
    )
    certificate, key = folder / "cert.pem", folder / "key.pem"
    certificate.write_bytes(built.public_bytes(serialization.Encoding.PEM))
    key.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return certificate, key


def test_a_hanging_issuer_is_waited_for_once_by_all_who_queue_behind_the_first() -> None:
    now, asked = [0.0], []

    def hang(url: str) -> bytes:
        asked.append(url)
        now[0] += 15.0
        raise FetchFailed("too long")

    foreign = ForeignIssuer(ISSUER, "fujin", jwks_url=f"{ISSUER}/keys", fetch=hang, monotonic=lambda: now[0])
    for _ in range(3):  # as those who were let in one after the other when the first had given up
        with pytest.raises(Unavailable):
            foreign.key("ed")
    assert len(asked) == 1
