"""Another issuer's keys: discovered and fetched over https, kept, and kept on when that issuer is away.

Which role a token asks for: the claim ``role``, else a scope ``fujin:<role>``, else member. Asking gives nothing: what
the member holds here decides.
"""

from __future__ import annotations

import http.client
import logging
import ssl
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import urlsplit

import orjson
from joserfc.errors import JoseError
from joserfc.jwk import ECKey, OKPKey, RSAKey, import_key

from app.core.errors import Unavailable
from app.http.principals import InvalidToken, Role
from app.members.rules import known_role
from app.members.verification import Expected, VerificationKey

log = logging.getLogger("fujin.oidc")

TIMEOUT_S = 3.0
MAX_BYTES = 64_000
MAX_KEYS = 32
REFETCH_AFTER_S = 60.0  # between two attempts, whatever unknown key ids arrive
STALE_AFTER_S = 900.0  # a key taken out by its issuer stops here at the latest after this
_FOREIGN_TYPES = frozenset({"at+jwt", "jwt"})

Fetch = Callable[[str], bytes]


class FetchFailed(Exception):
    """The other side did not answer as it should."""


def fetch_https(url: str) -> bytes:
    """The body of a GET over verified https: no redirects, no proxies, at most 64 kB within three seconds a wait."""
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or parts.username is not None:
        raise FetchFailed("only plain https addresses are fetched")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    connection = http.client.HTTPSConnection(
        parts.hostname, parts.port, timeout=TIMEOUT_S, context=ssl.create_default_context()
    )
    end = time.monotonic() + 2 * TIMEOUT_S
    try:
        connection.request("GET", target, headers={"Accept": "application/json", "User-Agent": "fujin"})
        response = connection.getresponse()
        if response.status != 200:
            raise FetchFailed(f"status {response.status}")
        body = b""
        while chunk := response.read1(16_384):
            body += chunk
            if len(body) > MAX_BYTES or time.monotonic() > end:
                raise FetchFailed("too long")
        return body
    except (OSError, http.client.HTTPException) as error:
        raise FetchFailed(type(error).__name__) from error
    finally:
        connection.close()


def algorithm_for(key: object) -> str | None:
    """The one algorithm a public key is good for, None for keys we do not take."""
    if isinstance(key, OKPKey) and key.curve_name == "Ed25519":
        return "Ed25519"
    if isinstance(key, ECKey) and key.curve_name == "P-256":
        return "ES256"
    if isinstance(key, RSAKey) and 2048 <= key.public_key.key_size <= 8192:
        return "RS256"
    return None


def keys_from(document: bytes) -> dict[str, VerificationKey]:
    """The usable signing keys of a JWK set by their ids; keys of other uses, kinds or algorithms are left out."""
    try:
        listed = orjson.loads(document)["keys"]
    except (ValueError, TypeError, KeyError):
        raise FetchFailed("no key set") from None
    if not isinstance(listed, list):
        raise FetchFailed("no key set")
    found: dict[str, VerificationKey] = {}
    for entry in listed[:MAX_KEYS]:
        if not isinstance(entry, dict) or not isinstance(entry.get("kid"), str) or entry.get("use", "sig") != "sig":
            continue
        if entry.get("kty") not in ("OKP", "EC", "RSA"):
            continue
        try:
            # Only the public members are read, so that a private key published by mistake is not kept.
            key = import_key({name: entry[name] for name in ("kty", "crv", "x", "y", "n", "e") if name in entry})
        except (JoseError, ValueError, TypeError, KeyError):
            continue
        algorithm = algorithm_for(key)
        if algorithm is not None and entry.get("alg", algorithm) in (algorithm, "EdDSA"):
            found[entry["kid"]] = VerificationKey(key, algorithm)  # type: ignore[arg-type]
    if not found:
        raise FetchFailed("no key that we take")
    return found


class ForeignIssuer:
    """One other issuer and its keys."""

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        jwks_url: str | None = None,
        fetch: Fetch = fetch_https,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.name = issuer
        self.expected = Expected(frozenset({issuer, issuer + "/"}), audience, _FOREIGN_TYPES)
        self._jwks_url = jwks_url
        self._fetch = fetch
        self._monotonic = monotonic
        self._lock = threading.Lock()
        self._keys: Mapping[str, VerificationKey] = {}
        self._fetched_at: float | None = None
        self._tried_at: float | None = None

    def key(self, kid: str) -> VerificationKey | None:
        """The key of that id; fetches when it is unknown or the set is old, at most once a minute."""
        if kid not in self._keys or self._is_stale():
            self._refresh()
        if self._fetched_at is None:
            raise Unavailable("the issuer of tokens does not answer; try again shortly", retry_after_s=5)
        return self._keys.get(kid)

    def _is_stale(self) -> bool:
        return self._fetched_at is None or self._monotonic() - self._fetched_at > STALE_AFTER_S

    def _refresh(self) -> None:
        # Whoever finds the lock taken goes on with the keys at hand, except before the first set.
        if not self._lock.acquire(blocking=self._fetched_at is None):
            return
        try:
            now = self._monotonic()
            wait = REFETCH_AFTER_S if self._fetched_at is not None else 2.0
            if self._tried_at is not None and now - self._tried_at < wait:
                return
            try:
                self._keys = keys_from(self._fetch(self._key_set_url()))
                self._fetched_at = now
            except FetchFailed as error:
                log.warning("key set not fetched; the last good one stays", extra={"reason": str(error)})
            finally:
                # At its end: who queued behind a try that hung must not hang in another of their own.
                self._tried_at = self._monotonic()
        finally:
            self._lock.release()

    def _key_set_url(self) -> str:
        if self._jwks_url is not None:
            return self._jwks_url
        try:
            document = orjson.loads(self._fetch(self.name + "/.well-known/openid-configuration"))
            said, url = document["issuer"], document["jwks_uri"]
        except (ValueError, TypeError, KeyError):
            raise FetchFailed("no discovery document") from None
        if said not in self.expected.issuers or not isinstance(url, str):
            raise FetchFailed("the discovery document speaks of another issuer")
        return url


def refuse_other_kinds(claims: Mapping[str, Any]) -> None:
    """InvalidToken for id tokens and refresh tokens, which some issuers sign with the same key and type."""
    if claims.get("typ") in ("ID", "Refresh", "Offline", "Logout") or any(
        name in claims for name in ("nonce", "at_hash", "c_hash", "events")
    ):
        raise InvalidToken("send the access token")


def role_asked(claims: Mapping[str, Any]) -> Role:
    """The role a foreign token asks for; a partner's is never taken from outside."""
    named = claims.get("role")
    if named is None:
        scopes = claims.get("scope")
        words = scopes.split() if isinstance(scopes, str) else []
        named = next((word.removeprefix("fujin:") for word in words if word.startswith("fujin:")), "member")
    role = known_role(named)
    if role is None or role == "partner":
        raise InvalidToken("the token asks for a role that is not known here")
    return role
