"""Which tokens are let in: forged, foreign, stale and misused ones are refused with the right code."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc import jws, jwt
from joserfc.jwk import ECKey, OctKey, OKPKey, RSAKey

from app.core.ids import new_id
from app.core.settings import Settings, load_settings
from app.http.principals import ExpiredToken, InvalidToken
from app.members.issuer import Issuer
from app.members.verification import Expected, VerificationKey, verified_claims

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
SUBJECT = str(new_id())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return load_settings(
        {
            "DATABASE_URL": "postgresql:///none",
            "FUJIN_SECRET_KEY": "tests-sign-with-this-0123456789abcdef",
            "FUJIN_CODE_PEPPER": "tests-hash-with-this-0123456789abcdef",
            "FUJIN_STATE_DIR": str(tmp_path / "state"),
        }
    )


@pytest.fixture
def issuer(settings: Settings) -> Issuer:
    return Issuer(settings)


def checked(issuer: Issuer, token: str, now: datetime = NOW) -> Any:
    expected = Expected(
        frozenset({issuer.name}), issuer.audience, frozenset({"at+jwt"}), frozenset({"alg", "kid", "typ"})
    )

    def key_of(kid: str) -> VerificationKey | None:
        key = issuer.keys.by_kid(kid)
        return None if key is None else VerificationKey(key, "Ed25519")

    return verified_claims(token, key_of, expected, now)


def claims_of(issuer: Issuer, **changed: Any) -> dict[str, Any]:
    at = int(NOW.timestamp())
    claims = {
        "iss": issuer.name,
        "aud": issuer.audience,
        "sub": SUBJECT,
        "role": "admin",
        "iat": at,
        "nbf": at,
        "exp": at + 900,
        "jti": "1",
    }
    return {name: value for name, value in (claims | changed).items() if value is not None}


def signed(issuer: Issuer, header: dict[str, Any] | None = None, **changed: Any) -> str:
    """A token under the issuer's own key, with header members and claims changed (None leaves one out)."""
    key = issuer.keys.newest()
    headers = {"alg": "Ed25519", "kid": key.kid, "typ": "at+jwt"} | (header or {})
    headers = {name: value for name, value in headers.items() if value is not None}
    assert key.private_key is not None
    return by_hand(headers, claims_of(issuer, **changed), key.private_key.sign)  # type: ignore[union-attr]


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def by_hand(header: dict[str, Any], claims: dict[str, Any], sign: Callable[[bytes], bytes]) -> str:
    text = f"{b64(json.dumps(header).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{text}.{b64(sign(text.encode()))}"


def no_signature(issuer: Issuer) -> str:
    kid = issuer.keys.newest().kid
    return by_hand({"alg": "none", "typ": "at+jwt", "kid": kid}, claims_of(issuer), lambda _: b"")


def hmac_with_public_key(issuer: Issuer) -> str:
    key = issuer.keys.newest()
    secret = base64.urlsafe_b64decode(str(key.as_dict(private=False)["x"]) + "=")
    header = {"alg": "HS256", "typ": "at+jwt", "kid": key.kid}
    return by_hand(header, claims_of(issuer), lambda text: hmac.new(secret, text, hashlib.sha256).digest())


def hmac_with_public_pem(issuer: Issuer) -> str:
    key = issuer.keys.newest()
    pem = key.public_key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    header = {"alg": "HS256", "typ": "at+jwt", "kid": key.kid}
    return by_hand(header, claims_of(issuer), lambda text: hmac.new(pem, text, hashlib.sha256).digest())


def other_key(issuer: Issuer) -> str:
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": issuer.keys.newest().kid}
    return jwt.encode(header, claims_of(issuer), OKPKey.generate_key("Ed25519"), algorithms=["Ed25519"])


def rsa_under_our_kid(issuer: Issuer) -> str:
    header = {"alg": "RS256", "typ": "at+jwt", "kid": issuer.keys.newest().kid}
    return jwt.encode(header, claims_of(issuer), RSAKey.generate_key(2048), algorithms=["RS256"])


def ec_under_our_kid(issuer: Issuer) -> str:
    header = {"alg": "ES256", "typ": "at+jwt", "kid": issuer.keys.newest().kid}
    return jwt.encode(header, claims_of(issuer), ECKey.generate_key("P-256"), algorithms=["ES256"])


def key_in_the_header(issuer: Issuer) -> str:
    mine = OKPKey.generate_key("Ed25519", auto_kid=True)
    header = {"alg": "Ed25519", "typ": "at+jwt", "kid": mine.kid, "jwk": mine.as_dict(private=False)}
    return jwt.encode(header, claims_of(issuer), mine, algorithms=["Ed25519"])


def symmetric_key_in_the_header(issuer: Issuer) -> str:
    mine = OctKey.import_key("0123456789abcdef0123456789abcdef")
    header = {"alg": "HS256", "typ": "at+jwt", "kid": "oct", "jwk": {"kty": "oct", "k": b64(b"0123456789abcdef" * 2)}}
    return jwt.encode(header, claims_of(issuer), mine, algorithms=["HS256"])


def changed_payload(issuer: Issuer) -> str:
    head, _, tail = signed(issuer, role="member").split(".")
    return f"{head}.{b64(json.dumps(claims_of(issuer)).encode())}.{tail}"


def changed_header(issuer: Issuer) -> str:
    _, payload, tail = signed(issuer, {"typ": "jwt"}).split(".")
    kid = issuer.keys.newest().kid
    return f"{b64(json.dumps({'alg': 'Ed25519', 'kid': kid, 'typ': 'at+jwt'}).encode())}.{payload}.{tail}"


FORGED: dict[str, Callable[[Issuer], str]] = {
    "no signature": no_signature,
    "HMAC keyed with the public key": hmac_with_public_key,
    "HMAC keyed with the public key as PEM": hmac_with_public_pem,
    "signed by another key": other_key,
    "RSA under our key id": rsa_under_our_kid,
    "ECDSA under our key id": ec_under_our_kid,
    "brings its own key": key_in_the_header,
    "brings its own secret": symmetric_key_in_the_header,
    "payload changed": changed_payload,
    "header changed": changed_header,
    "signature cut": lambda issuer: signed(issuer)[:-8],
    "signature missing": lambda issuer: signed(issuer).rpartition(".")[0] + ".",
    "no key id": lambda issuer: signed(issuer, {"kid": None}),
    "no algorithm": lambda issuer: signed(issuer, {"alg": None}),
    "no type": lambda issuer: signed(issuer, {"typ": None}),
    "key id is a path": lambda issuer: signed(issuer, {"kid": "../../../../dev/null"}),
    "key id is SQL": lambda issuer: signed(issuer, {"kid": "' OR 1=1 --"}),
    "key id is a list": lambda issuer: signed(issuer, {"kid": ["a"]}),
    "key id is the file's name": lambda issuer: signed(issuer, {"kid": f"{issuer.keys.newest().kid}.jwk"}),
    "points at a key set": lambda issuer: signed(issuer, {"jku": "https://evil.example/jwks.json"}),
    "points at a certificate": lambda issuer: signed(issuer, {"x5u": "https://evil.example/cert.pem"}),
    "critical extension": lambda issuer: signed(issuer, {"crit": ["exp"], "exp": 1}),
    "payload not encoded": lambda issuer: signed(issuer, {"b64": False, "crit": ["b64"]}),
    "id token": lambda issuer: signed(issuer, {"typ": "JWT"}),
    "refresh token": lambda issuer: signed(issuer, {"typ": "rt+jwt"}),
    "algorithm's old name": lambda issuer: signed(issuer, {"alg": "EdDSA"}),
    "another issuer's name": lambda issuer: signed(issuer, iss="https://evil.example"),
    "issuer's name with a slash": lambda issuer: signed(issuer, iss=issuer.name + "/"),
    "no issuer": lambda issuer: signed(issuer, iss=None),
    "another audience": lambda issuer: signed(issuer, aud="another"),
    "no audience": lambda issuer: signed(issuer, aud=None),
    "several other audiences": lambda issuer: signed(issuer, aud=["a", "b"]),
    "no subject": lambda issuer: signed(issuer, sub=None),
    "subject is a number": lambda issuer: signed(issuer, sub=7),
    "subject with NUL": lambda issuer: signed(issuer, sub="a\x00b"),
    "no expiry": lambda issuer: signed(issuer, exp=None),
    "expiry is text": lambda issuer: signed(issuer, exp="9999999999"),
    "expiry is true": lambda issuer: signed(issuer, exp=True),
    "expiry is far beyond all time": lambda issuer: signed(issuer, exp=10**15),
    "not yet good": lambda issuer: signed(issuer, nbf=int(NOW.timestamp()) + 31),
    "issued in the future": lambda issuer: signed(issuer, iat=int(NOW.timestamp()) + 31),
    "payload is a list": lambda issuer: jws.serialize_compact(
        {"alg": "Ed25519", "kid": issuer.keys.newest().kid, "typ": "at+jwt"},
        b"[1]",
        issuer.keys.newest(),
        algorithms=["Ed25519"],
    ),
    "five parts": lambda issuer: signed(issuer) + ".a.b",
    "not a token": lambda _: "abc",
    "nothing between the dots": lambda _: "..",
    "header is no object": lambda _: f"{b64(b'[]')}.{b64(b'{}')}.{b64(b'x' * 64)}",
    "header nested deep": lambda _: f"{b64(b'[' * 5000)}.{b64(b'{}')}.{b64(b'x' * 64)}",
}


@pytest.mark.parametrize("kind", FORGED)
def test_forged_token_is_invalid(issuer: Issuer, kind: str) -> None:
    with pytest.raises(InvalidToken):
        checked(issuer, FORGED[kind](issuer))


def test_our_own_token_is_good_until_its_very_second(issuer: Issuer) -> None:
    token = issuer.issue(SUBJECT, "member", NOW).token
    assert checked(issuer, token)["sub"] == SUBJECT
    assert checked(issuer, token, NOW + timedelta(seconds=899.9))["role"] == "member"
    with pytest.raises(ExpiredToken):
        checked(issuer, token, NOW + timedelta(seconds=900))


def test_forged_token_that_is_also_expired_stays_invalid(issuer: Issuer) -> None:
    with pytest.raises(InvalidToken):
        checked(issuer, other_key(issuer), NOW + timedelta(days=1))
    with pytest.raises(InvalidToken):
        checked(issuer, signed(issuer, aud="another"), NOW + timedelta(days=1))


def test_clocks_may_differ_by_thirty_seconds_at_the_beginning_alone(issuer: Issuer) -> None:
    token = signed(issuer, nbf=int(NOW.timestamp()) + 30, iat=int(NOW.timestamp()) + 30)
    assert checked(issuer, token)["sub"] == SUBJECT


def test_token_says_who_and_in_which_role_but_not_what_it_reaches(issuer: Issuer) -> None:
    issued = issuer.issue(SUBJECT, "operator", NOW)
    claims = checked(issuer, issued.token)
    assert set(claims) == {"iss", "aud", "sub", "client_id", "role", "iat", "nbf", "exp", "jti"}
    assert claims["exp"] - claims["iat"] == issued.expires_in_s == 900
    assert jws.extract_compact(issued.token.encode()).headers()["typ"] == "at+jwt"
