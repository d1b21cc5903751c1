"""What must not be logged is not, whoever logs it."""

from __future__ import annotations

import io
import json
import logging

import pytest

from app.core.logging import JsonHandler, redact

PLANTED = [
    "eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
    "Bearer abc.def-ghi",
    "+86 138 0013 8000",
    "13800138000",
    "4929 1234 5678",
    "30.2512345",
    "-120.1612345",
    "hunter2-password",
]


@pytest.mark.parametrize(
    ("said", "logged"),
    [
        ("at 30.2512345,120.1699999", "at 30.25,120.16"),
        ("phone=+8613800138000", "phone=[redacted]"),
        ("call 13800138000 now", "call [number] now"),
        ("Authorization: Bearer abc.def", "Authorization: [redacted] [token]"),
        ('{"code": "493817", "x": 1}', '{"code": "[redacted]", "x": 1}'),
        ("at 30.2512345E0 and lon120.1699999", "at 30.25E0 and lon120.16"),
        ("POINT(120.1699999m)", "POINT(120.16m)"),
        ('{"password": "correct horse battery", "x": 1}', '{"password": "[redacted]", "x": 1}'),
        ("tel=%2B8613800138000", "tel=[number]"),
        ("to postgresql://fujin:hunter2-password@db/fujin", "to postgresql://[redacted]@db/fujin"),
        ("version 1.14.3 of 10.0.0.1", "version 1.14.3 of 10.0.0.1"),
        ("took 12.5 ms for 84 rows", "took 12.5 ms for 84 rows"),
        ("version 2026-11-22", "version 2026-11-22"),
    ],
)
def test_redactor_takes_out_secrets_and_leaves_the_rest(said: str, logged: str) -> None:
    assert redact(said) == logged


def test_a_record_is_one_json_line_without_any_planted_secret() -> None:
    stream = io.StringIO()
    logger = logging.Logger("fujin.test")
    logger.addHandler(JsonHandler(stream))
    try:
        raise ValueError(f"bad value {PLANTED[3]} at {PLANTED[5]}")
    except ValueError:
        logger.exception(
            "line one\nline two \x1b[31m %s",
            PLANTED[0],
            extra={"position": [30.2512345, "120.1699999"], "phone": PLANTED[2]},
        )
    text = stream.getvalue()
    assert text.count("\n") == 1
    line = json.loads(text)
    assert line["event"].startswith("line one\nline two")
    assert line["position"] == [30.25, "120.16"]
    assert "ValueError" in line["error"]
    for secret in PLANTED[:1] + PLANTED[2:4] + PLANTED[5:6]:
        assert secret not in text
