"""Keys derived from the installation's secrets, one a use, and sealing of what its owner must see again.

Sources: RFC 5869 (HKDF), NIST SP 800-38D (AES-GCM; 96 random bits of nonce, far fewer than 2^32 seals a key).
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_NONCE_BYTES = 12
_VERSION = b"\x01"  # of the sealed form; a later key or cipher takes another number


class Unsealable(ValueError):
    """The bytes were sealed under another key, for another thing, or were changed."""


def derived_key(secret: str, use: str) -> bytes:
    """32 bytes for one use; keys of two uses tell nothing of one another."""
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=f"fujin:{use}".encode()).derive(secret.encode())


@dataclass(frozen=True, slots=True, repr=False)
class Sealer:
    """AES-256-GCM under one key; ``about`` names the row, so that sealed bytes can't be moved to another one."""

    key: bytes

    def seal(self, plain: bytes, about: bytes) -> bytes:
        """Version, nonce, ciphertext and tag."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return _VERSION + nonce + AESGCM(self.key).encrypt(nonce, plain, about)

    def unseal(self, sealed: bytes, about: bytes) -> bytes:
        """What was sealed; Unsealable."""
        if sealed[:1] != _VERSION:
            raise Unsealable("an unknown form")
        nonce, rest = sealed[1 : 1 + _NONCE_BYTES], sealed[1 + _NONCE_BYTES :]
        try:
            return AESGCM(self.key).decrypt(nonce, rest, about)
        except (InvalidTag, ValueError):
            raise Unsealable("not sealed under this key for this thing") from None


@dataclass(frozen=True, slots=True, repr=False)
class Keyed:
    """HMAC-SHA-256 under one key, for look-ups by value and for marks that nobody else can make."""

    key: bytes

    def of(self, text: str) -> bytes:
        """32 bytes."""
        return hmac.new(self.key, text.encode(), hashlib.sha256).digest()
