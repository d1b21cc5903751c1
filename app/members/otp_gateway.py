"""Where one-time codes leave: a gateway protocol, and the stand-in that writes them to a private file."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

import orjson

from app.members.errors import GatewayFailed

KEPT_LINES = 100


@dataclass(frozen=True, slots=True, repr=False)
class OtpMessage:
    """What a phone gets; has no repr, so that it can't slip into a log."""

    phone: str
    code: str
    sent_at: datetime
    expires_at: datetime


class OtpGateway(Protocol):
    """Takes a message for a phone."""

    def send(self, message: OtpMessage) -> None:
        """Returns when the message was taken, raises GatewayFailed otherwise."""
        ...


class FileGateway:
    """Keeps the last 100 messages in ``otp.jsonl``, readable by this user alone; stands in for a provider of texts."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "otp.jsonl"

    def send(self, message: OtpMessage) -> None:
        """Adds a line; the file is replaced as a whole, so a reader never sees half of it."""
        line = orjson.dumps(
            {"phone": message.phone, "code": message.code, "at": message.sent_at, "expires_at": message.expires_at}
        )
        try:
            with self._alone():
                lines = [*self._lines()[-(KEPT_LINES - 1) :], line]
                draft = self._path.with_suffix(".part")
                handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
                with os.fdopen(handle, "wb") as file:
                    file.write(b"\n".join(lines) + b"\n")
                draft.replace(self._path)
        except OSError as error:
            raise GatewayFailed("the message could not be handed over; try again shortly") from error

    def last(self, phone: str | None = None) -> dict[str, str] | None:
        """The last message, or the last to one phone."""
        for line in reversed(self._lines()):
            message: dict[str, str] = orjson.loads(line)
            if phone is None or message["phone"] == phone:
                return message
        return None

    def _lines(self) -> list[bytes]:
        try:
            return [line for line in self._path.read_bytes().split(b"\n") if line]
        except FileNotFoundError:
            return []

    @contextmanager
    def _alone(self) -> Iterator[None]:
        self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            yield
        finally:
            os.close(handle)
