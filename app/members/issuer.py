"""The embedded issuer: Ed25519 keys in a private folder, access tokens of at most fifteen minutes (RFC 9068).

Every key in the folder verifies, the newest signs. Rotation is: put a new key in, wait fifteen minutes, take the old
one out; processes notice by the folder's time stamp.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
from joserfc import jwt
from joserfc.jwk import OKPKey

from app.core.ids import new_id
from app.core.settings import Settings
from app.http.principals import Role
from app.members.types import AccessToken

ALGORITHM = "Ed25519"  # RFC 9864: one fully specified name, not EdDSA
TOKEN_TYPE = "at+jwt"  # noqa: S105 - RFC 9068's media type
ACCESS_LIFETIME = timedelta(minutes=15)
CLIENT_OF_PEOPLE = "fujin"


class KeyFolderError(RuntimeError):
    """The folder of signing keys can be read by others, or holds something else."""


class SigningKeys:
    """The keys of one folder, read again when the folder changes."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = threading.Lock()
        self._keys: list[OKPKey] = []
        self._seen_ns = -1

    def all(self) -> list[OKPKey]:
        """Every key, oldest first; makes the first one when there is none."""
        with self._lock:
            if not self._keys or self._changed_ns() != self._seen_ns:
                self._load()
            return list(self._keys)

    def newest(self) -> OKPKey:
        """The key that signs."""
        return self.all()[-1]

    def by_kid(self, kid: str) -> OKPKey | None:
        """The key of that id."""
        return next((key for key in self.all() if key.kid == kid), None)

    def rotate(self) -> OKPKey:
        """Adds a key, which signs from now on."""
        with self._lock, self._alone():
            self._write(_new_key())
        return self.newest()

    def _changed_ns(self) -> int:
        try:
            return self._folder.stat().st_mtime_ns
        except FileNotFoundError:
            return -1

    def _load(self) -> None:
        with self._alone():
            if not self._files():
                self._write(_new_key())
            # The stamp is taken before reading: a key added meanwhile leads to another read, never to a missed one.
            seen_ns = self._changed_ns()
            keys = [_read_key(path) for path in self._files()]
        self._keys, self._seen_ns = keys, seen_ns

    def _files(self) -> list[Path]:
        return sorted(self._folder.glob("*.jwk"))

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Holds the folder's lock, so that two processes starting at once make one key."""
        self._folder.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._folder.mkdir(mode=0o700, exist_ok=True)
        self._folder.chmod(0o700)
        # The lock stands beside the folder: a file made inside would change the folder's stamp.
        handle = os.open(self._folder.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)

    def _write(self, key: OKPKey) -> None:
        name = f"{time.time_ns():020d}-{key.kid}"
        draft = self._folder / f".{name}.part"
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(handle, "wb") as file:
            file.write(orjson.dumps(key.as_dict(private=True)))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(self._folder / f"{name}.jwk")


def _new_key() -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"use": "sig", "alg": ALGORITHM}, auto_kid=True)


def _read_key(path: Path) -> OKPKey:
    if path.stat().st_mode & 0o077:
        raise KeyFolderError(f"{path} can be read by others; run: chmod 600 {path}")
    try:
        key = OKPKey.import_key(orjson.loads(path.read_bytes()))
    except Exception as error:
        raise KeyFolderError(f"{path} holds no Ed25519 key") from error
    if key.curve_name != "Ed25519" or not key.is_private or key.kid != key.thumbprint():
        raise KeyFolderError(f"{path} holds no Ed25519 key under its own thumbprint")
    return key


class Issuer:
    """Signs access tokens under one name for one audience."""

    def __init__(self, settings: Settings) -> None:
        self.name = settings.public_url
        self.audience = settings.oidc_audience
        self.keys = SigningKeys(settings.state_dir / "keys")

    def issue(
        self, subject: str, role: Role, now: datetime, *, session_id: UUID | None = None, client_id: str | None = None
    ) -> AccessToken:
        """A token for a subject in a role; what the role reaches is never written into it."""
        key = self.keys.newest()
        token_id = f"{new_id()}{secrets.token_hex(4)}"
        issued = int(now.timestamp())
        expires = issued + int(ACCESS_LIFETIME.total_seconds())
        claims: dict[str, Any] = {
            "iss": self.name,
            "aud": self.audience,
            "sub": subject,
            "client_id": client_id or CLIENT_OF_PEOPLE,
            "role": role,
            "iat": issued,
            "nbf": issued,
            "exp": expires,
            "jti": token_id,
        }
        if session_id is not None:
            claims["sid"] = str(session_id)
        header = {"alg": ALGORITHM, "kid": key.kid, "typ": TOKEN_TYPE}
        token = jwt.encode(header, claims, key, algorithms=[ALGORITHM])
        return AccessToken(token, token_id, datetime.fromtimestamp(expires, now.tzinfo), expires - issued)

    def key_set(self) -> dict[str, Any]:
        """The public keys, as RFC 7517 writes them."""
        return {"keys": [key.as_dict(private=False) for key in self.keys.all()]}
