"""Checks of a token that need no database: signature under a fixed key, type, issuer, audience, times.

The algorithm comes from the key, never from the token. Keys come from a fixed set, found by ``kid`` as plain text; a
key or an address inside a token's header is never followed.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson
from joserfc import jws
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey

from app.http.principals import ExpiredToken, InvalidToken

LEEWAY_S = 30
_REFUSED = "sign in again"


@dataclass(frozen=True, slots=True)
class VerificationKey:
    """A public key with the one algorithm that it is good for."""

    key: OKPKey | ECKey | RSAKey
    algorithm: str


@dataclass(frozen=True, slots=True)
class Expected:
    """What a token of one issuer must say of itself; ``types`` are accepted ``typ`` headers, lower case."""

    issuers: frozenset[str]
    audience: str
    types: frozenset[str]
    headers: frozenset[str] | None = None  # when given, any other header is refused


def issuer_said(token: str) -> str | None:
    """The issuer a token claims, unverified: good only for choosing whose keys to check it with."""
    try:
        claims = orjson.loads(jws.extract_compact(token.encode()).payload or b"")
    except (JoseError, ValueError, TypeError):
        return None
    said = claims.get("iss") if isinstance(claims, dict) else None
    return said if isinstance(said, str) else None


def verified_claims(
    token: str, key_of: Callable[[str], VerificationKey | None], expected: Expected, now: datetime
) -> Mapping[str, Any]:
    """The claims of a good token; InvalidToken, or ExpiredToken when time is all that is wrong."""
    try:
        signed = jws.extract_compact(token.encode())
        headers = dict(signed.headers())
        payload = signed.payload
    except (JoseError, ValueError, TypeError, KeyError):
        raise InvalidToken(_REFUSED) from None
    _check_headers(headers, expected)
    kid = headers["kid"]
    found = key_of(kid)
    if found is None or headers["alg"] != found.algorithm:
        raise InvalidToken(_REFUSED)
    registry = jws.JWSRegistry(algorithms=[found.algorithm], strict_check_header=False)
    try:
        good = jws.validate_compact(signed, found.key, registry=registry)
        claims = orjson.loads(payload or b"")
    except (JoseError, ValueError, TypeError, KeyError):
        raise InvalidToken(_REFUSED) from None
    if not good or not isinstance(claims, dict):
        raise InvalidToken(_REFUSED)
    _check_claims(claims, expected, now.timestamp())
    return claims


def _check_headers(headers: Mapping[str, Any], expected: Expected) -> None:
    if not isinstance(headers.get("kid"), str) or not isinstance(headers.get("alg"), str):
        raise InvalidToken(_REFUSED)
    if "crit" in headers or "b64" in headers:
        raise InvalidToken(_REFUSED)
    if str(headers.get("typ", "")).lower().removeprefix("application/") not in expected.types:
        raise InvalidToken(_REFUSED)
    if expected.headers is not None and not set(headers) <= expected.headers:
        raise InvalidToken(_REFUSED)


def _check_claims(claims: Mapping[str, Any], expected: Expected, now_s: float) -> None:
    audience = claims.get("aud")
    named = audience if isinstance(audience, list) else [audience]
    subject = claims.get("sub")
    if claims.get("iss") not in expected.issuers or expected.audience not in named:
        raise InvalidToken(_REFUSED)
    if not isinstance(subject, str) or not 1 <= len(subject) <= 255 or not subject.isprintable():
        raise InvalidToken(_REFUSED)
    expires = _instant(claims.get("exp"))
    if expires is None:
        raise InvalidToken(_REFUSED)
    for name in ("nbf", "iat"):
        if name in claims:
            instant = _instant(claims[name])
            if instant is None or instant > now_s + LEEWAY_S:
                raise InvalidToken(_REFUSED)
    if expires <= now_s:
        raise ExpiredToken("fetch a new one with the refresh token, or sign in again")


def _instant(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return float(value) if math.isfinite(value) and 0 <= value < 1e11 else None
