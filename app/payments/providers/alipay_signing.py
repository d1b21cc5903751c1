"""RSA2, Alipay's signature: RSASSA-PKCS1-v1_5 with SHA-256 over sorted ``name=value`` pairs or over an answer's bytes.

Requests are signed over every parameter that has a value but ``sign``; notices over every parameter but ``sign`` and
``sign_type``; answers over the bytes of their one node as they came, never over JSON that was read and written anew.
Source: Alipay Open Platform, signing and verification of the version 1.0 gateway.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote_to_bytes

from cryptography.exceptions import InvalidSignature as WrongSignature
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    load_der_private_key,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

MIN_KEY_BITS: Final = 2048
MAX_FIELDS: Final = 100
_SPACE: Final = " \t\r\n"
_DECODER: Final = json.JSONDecoder()


class BadKey(ValueError):
    """A key file holds no RSA key of 2048 bits or more in PEM, or in the bare base64 that Alipay's tools write."""


class BadForm(ValueError):
    """A form that is not URL-encoded UTF-8, or that has a field twice."""


def private_key(text: str) -> RSAPrivateKey:
    """The key of an application; BadKey."""
    try:
        if "-----BEGIN" in text:
            found = load_pem_private_key(text.encode(), None)
        else:
            found = load_der_private_key(base64.b64decode("".join(text.split()), validate=True), None)
    except (ValueError, TypeError) as fault:
        raise BadKey("holds no private key in PEM without a password") from fault
    if not isinstance(found, RSAPrivateKey) or found.key_size < MIN_KEY_BITS:
        raise BadKey(f"holds no RSA key of {MIN_KEY_BITS} bits or more")
    return found


def public_key(text: str) -> RSAPublicKey:
    """Alipay's key for an application; BadKey."""
    try:
        if "-----BEGIN" in text:
            found = load_pem_public_key(text.encode())
        else:
            found = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, TypeError) as fault:
        raise BadKey("holds no public key in PEM") from fault
    if not isinstance(found, RSAPublicKey) or found.key_size < MIN_KEY_BITS:
        raise BadKey(f"holds no RSA key of {MIN_KEY_BITS} bits or more")
    return found


def request_text(fields: Mapping[str, str]) -> bytes:
    """What is signed of a request."""
    return _pairs({name: value for name, value in fields.items() if name != "sign" and value != ""})


def notice_text(fields: Mapping[str, str]) -> bytes:
    """What is signed of a notice."""
    return _pairs({name: value for name, value in fields.items() if name not in ("sign", "sign_type")})


def _pairs(fields: Mapping[str, str]) -> bytes:
    return "&".join(f"{name}={fields[name]}" for name in sorted(fields)).encode()


def sign(key: RSAPrivateKey, text: bytes) -> str:
    """The signature in base64."""
    return base64.b64encode(key.sign(text, PKCS1v15(), SHA256())).decode()


def is_signed(key: RSAPublicKey, text: bytes, signature: str) -> bool:
    """True when the signature is good for these very bytes."""
    try:
        key.verify(base64.b64decode(signature, validate=True), text, PKCS1v15(), SHA256())
    except (WrongSignature, binascii.Error, ValueError):
        return False
    return True


def form_of(body: bytes) -> dict[str, str]:
    """The fields of a URL-encoded body; BadForm, also for a field that stands twice."""
    found: dict[str, str] = {}
    pieces = body.split(b"&")
    if len(pieces) > MAX_FIELDS:
        raise BadForm("too many fields")
    for piece in pieces:
        name, equals, value = (_decoded(part) for part in piece.partition(b"="))
        if not name or not equals or name in found:
            raise BadForm("a field is twice there, or has no name or value")
        found[name] = value
    return found


def _decoded(part: bytes) -> str:
    try:
        return unquote_to_bytes(part.replace(b"+", b" ")).decode()
    except UnicodeDecodeError as fault:
        raise BadForm("not UTF-8") from fault


def nodes_of(body: bytes) -> dict[str, str]:
    """The members of an answer, each value as its characters came; ValueError when it is no JSON object.

    ``JSONDecoder.raw_decode`` tells where a value ends, so that the text between is cut out and never written anew.
    """
    text = body.decode()
    found: dict[str, str] = {}
    at = _past(text, 0, "{")
    while True:
        name, at = _DECODER.raw_decode(text, _skip(text, at))
        begin = _skip(text, _past(text, at, ":"))
        _, at = _DECODER.raw_decode(text, begin)
        if not isinstance(name, str) or name in found:
            raise ValueError("a member is twice there")
        found[name] = text[begin:at]
        at = _skip(text, at)
        if text[at : at + 1] != ",":
            break
        at += 1
    if _skip(text, _past(text, at, "}")) != len(text):
        raise ValueError("something follows the object")
    return found


def _skip(text: str, at: int) -> int:
    while at < len(text) and text[at] in _SPACE:
        at += 1
    return at


def _past(text: str, at: int, mark: str) -> int:
    at = _skip(text, at)
    if text[at : at + 1] != mark:
        raise ValueError(f"{mark} is missing")
    return at + 1
