"""Signed cursors: opaque to callers, bound to their query, good for fifteen minutes unless they are to last."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

import orjson

from app.core.errors import AppError, Fault

CURSOR_LIFETIME_S = 900
_MAC_BYTES = 16


class InvalidCursor(AppError):
    """A cursor that we did not make, or that belongs to another query."""

    code: ClassVar[str] = "invalid-cursor"
    title: ClassVar[str] = "The cursor is not valid for this query"


class ExpiredCursor(AppError):
    """A cursor past its fifteen minutes."""

    code: ClassVar[str] = "expired-cursor"
    title: ClassVar[str] = "The cursor has expired; start again from the first page"


@dataclass(frozen=True, slots=True)
class CursorCodec:
    """Encodes and checks cursors under one key."""

    key: bytes

    def encode(self, scope: str, query: Any, position: Any, now: datetime, *, lasting: bool = False) -> str:
        """A cursor for ``position`` in the list that ``query`` (any JSON value) asked of ``scope``."""
        payload = orjson.dumps(
            {
                "v": 1,
                "s": scope,
                "q": fingerprint(query),
                "p": position,
                "e": None if lasting else int(now.timestamp()) + CURSOR_LIFETIME_S,
            }
        )
        return base64.urlsafe_b64encode(self._mac(payload) + payload).rstrip(b"=").decode()

    def decode(self, scope: str, query: Any, cursor: str, now: datetime, *, parameter: str = "cursor") -> Any:
        """The position, or InvalidCursor (edited, foreign, another query) or ExpiredCursor."""
        refused = InvalidCursor(
            faults=[Fault("take the cursor from the answer to the same query, unchanged", parameter=parameter)]
        )
        if len(cursor) > 4096 or not cursor.isascii():
            raise refused
        try:
            raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            raise refused from None
        mac, payload = raw[:_MAC_BYTES], raw[_MAC_BYTES:]
        if base64.urlsafe_b64encode(raw).rstrip(b"=").decode() != cursor:
            raise refused
        if not hmac.compare_digest(mac, self._mac(payload)):
            raise refused
        content = orjson.loads(payload)
        if content["s"] != scope or content["q"] != fingerprint(query):
            raise refused
        if content["e"] is not None and content["e"] <= now.timestamp():
            raise ExpiredCursor(faults=[Fault("ask for the first page again", parameter=parameter)])
        return content["p"]

    def _mac(self, payload: bytes) -> bytes:
        return hmac.new(self.key, b"cursor:" + payload, hashlib.sha256).digest()[:_MAC_BYTES]


def fingerprint(query: Any) -> str:
    """A short hash of a query's filters, so that a cursor can't be used with others."""
    return hashlib.sha256(orjson.dumps(query, option=orjson.OPT_SORT_KEYS)).hexdigest()[:16]
