"""Entity tags: what a caller already has is not sent again."""

from __future__ import annotations

import hashlib

from flask import request

from app.http.answers import Answer

NO_STORE = {"Cache-Control": "no-store"}


def entity_tag(*parts: object) -> str:
    """A strong tag made of whatever decides the bytes of an answer."""
    joined = "\x1f".join(str(part) for part in parts).encode()
    return f'"{hashlib.sha256(joined).hexdigest()[:24]}"'


def tagged(answer: Answer, *, max_age_s: int, private: bool = False) -> Answer:
    """The answer with an ETag of its bytes, or 304 when the caller has them."""
    body = answer.encoded()
    tag = entity_tag(answer.media_type, hashlib.sha256(body).hexdigest())
    scope = "private" if private else "public"
    headers = {
        **answer.headers,
        "ETag": tag,
        "Cache-Control": f"{scope}, max-age={max_age_s}",
        "Vary": "Accept, Accept-Language, Authorization",
    }
    if holds(tag):
        return Answer(b"", 304, headers, answer.media_type)
    return Answer(body, answer.status, headers, answer.media_type)


def holds(tag: str) -> bool:
    """True when If-None-Match names the tag."""
    return request.if_none_match.contains_weak(tag.strip('"')) if request.if_none_match else False
