"""One JSON line an event, UTC, with a redactor on the handler: no codes, tokens, phones, fine positions."""

from __future__ import annotations

import logging
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import Any

import orjson

_JWT = re.compile(r"\beyJ[\w-]{5,}\.[\w-]+\.[\w-]*")
_BEARER = re.compile(r"(?i)\b(bearer|basic)\s+[\w.~+/=-]+")
_SECRET_MEMBER = re.compile(
    r"(?i)([\"']?\b(?:password|secret|token|refresh_token|access_token|code|otp|phone|client_secret|authorization)\b[\"']?"
    r"\s*[:=]\s*)(?:(\")[^\"]*|(')[^']*|[^\s\"',&}]+)"
)
_URL_USER = re.compile(r"://[^\s/@]+@")
_PHONE = re.compile(r"(?:(?<![\w.-])|%2B)(?!\d{4}-\d\d-\d\d(?!\d))\+?\d(?:[ -]?\d){7,14}(?![\w-])")
_FINE = re.compile(r"(?<![\d.])(\d{1,3}\.\d{2})\d+")
_STANDARD = set(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName"}


def redact(text: str) -> str:
    """The text without tokens, secrets, phones and codes, and with decimals cut to two places."""
    text = _JWT.sub("[token]", text)
    text = _BEARER.sub(r"\1 [token]", text)
    text = _SECRET_MEMBER.sub(r"\1\2\3[redacted]", text)
    text = _URL_USER.sub("://[redacted]@", text)
    text = _FINE.sub(r"\1", text)
    return _PHONE.sub("[number]", text)


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    if isinstance(value, float):
        return round(value, 2)
    if isinstance(value, dict):
        return {str(name): _clean(inner) for name, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_clean(inner) for inner in value]
    if isinstance(value, (int, bool)) or value is None:
        return value
    return redact(str(value))


class JsonHandler(logging.StreamHandler[Any]):
    """Writes records as JSON lines; CR and LF are escaped by JSON itself."""

    def format(self, record: logging.LogRecord) -> str:
        """One line."""
        line: dict[str, Any] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": redact(record.getMessage()),
        }
        for name, value in record.__dict__.items():
            if name not in _STANDARD:
                line[name] = value if name == "request_id" else _clean(value)
        if record.exc_info and record.exc_info[0] is not None:
            line["error"] = redact("".join(traceback.format_exception(*record.exc_info)))[-8000:]
        return orjson.dumps(line, default=str).decode()


def configure_logging(level: str) -> None:
    """JSON lines on standard error for the loggers of this product and for warnings of others."""
    handler = JsonHandler(sys.stderr)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.WARNING)
    logging.getLogger("fujin").setLevel(level)
