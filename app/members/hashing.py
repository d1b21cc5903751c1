"""How secrets and phones are stored: keyed hashes for what can be guessed, plain SHA-256 for 256 random bits."""

from __future__ import annotations

import hashlib
import hmac
import unicodedata
from dataclasses import dataclass
from uuid import UUID

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

# OWASP's floor for argon2id: 19 MiB, two passes, one lane
_HASHER = PasswordHasher(time_cost=2, memory_cost=19_456, parallelism=1)
# The hash of a random password that nobody knows: verifying against it takes as long as against a real one.
_NOBODY = _HASHER.hash("pTn1mJ0cRkzv4c8qk2u7n5Qx0yWbL9sG3hA6dE1fI8o")


def hash_password(password: str) -> str:
    """The argon2id hash in PHC form."""
    return _HASHER.hash(unicodedata.normalize("NFKC", password))


def password_matches(password_hash: str | None, password: str) -> bool:
    """True when it matches; None (no such login) takes the same time and never matches."""
    try:
        _HASHER.verify(password_hash or _NOBODY, unicodedata.normalize("NFKC", password))
    except (Argon2Error, InvalidHashError):
        return False
    return password_hash is not None


def client_secret_hash(secret: str) -> bytes:
    """SHA-256 of a partner's secret, which is 256 random bits and so needs no slow hash."""
    return hashlib.sha256(secret.encode()).digest()


def secrets_equal(stored: bytes | None, offered: bytes) -> bool:
    """Compares hashes in constant time; None (no such client) takes the same time and is never equal."""
    return hmac.compare_digest(stored or bytes(32), offered) and stored is not None


def name_login(login: str) -> str:
    """The directory's form of a login name: one spelling, whatever the case or width typed."""
    return "name:" + unicodedata.normalize("NFKC", login).strip().casefold()


def oidc_login(issuer: str, subject: str) -> str:
    """The directory's form of a subject of another issuer."""
    return f"oidc:{issuer}|{subject}"


def partner_login(client_id: str, user_ref: str) -> str:
    """The login of a partner's user: the client vouches for it as an issuer does; no issuer's name begins so."""
    return oidc_login(f"partner:{client_id}", user_ref)


@dataclass(frozen=True, slots=True, repr=False)
class Pepper:
    """HMAC-SHA-256 under a key that stands outside the database; each use has its own prefix."""

    key: bytes

    def _keyed(self, use: str, text: str) -> bytes:
        return hmac.new(self.key, f"{use}\x1f{text}".encode(), hashlib.sha256).digest()

    def phone_key(self, phone: str) -> str:
        """A phone (E.164) as the database knows it."""
        return self._keyed("phone", phone).hex()

    def phone_login(self, phone: str) -> str:
        """The directory's form of a phone."""
        return "phone:" + self.phone_key(phone)

    def code_hash(self, phone_key: str, code: str) -> bytes:
        """A one-time code, bound to its phone."""
        return self._keyed("otp", f"{phone_key}\x1f{code}")

    def login_key(self, login_norm: str) -> str:
        """A login name typed by anyone, for counting tries."""
        return self._keyed("login", login_norm).hex()

    def refresh_hash(self, member_id: UUID, secret: str) -> bytes:
        """A refresh token's secret part, bound to its member."""
        return self._keyed("refresh", f"{member_id}\x1f{secret}")
