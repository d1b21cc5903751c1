"""Made-up members who hold what is taken of the demo's coupons; nobody can sign in as one of them."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from app.claims.codes import DIGITS, CodeKeys, code_keys, damm
from app.imports.demo import people
from app.imports.seeded_ids import seeded_city_id

SIZE: Final = 12


@dataclass(frozen=True, slots=True)
class Crowd:
    """Claims by the crowd, under the keys of the installation."""

    keys: CodeKeys
    code_pepper: str
    now: datetime

    def members(self) -> Iterator[dict[str, Any]]:
        """Rows of ``members``."""
        for number in range(1, SIZE + 1):
            yield {
                "member_id": _member(number),
                "display_name": None,
                "language": "en",
                "state": "active",
                "marketing_consent_at": None,
                "row_version": 1,
                "created_at": self.now,
            }

    def claim(
        self, city_id: int, coupon_id: UUID, merchant_id: UUID, terms: dict[str, Any], number: int, bucket: int
    ) -> dict[str, Any]:
        """A row of ``claims``: a free claim of version 1 by the member of that number, made now."""
        claim_id = seeded_city_id(city_id, "claim", coupon_id, number)
        code = self._code(claim_id)
        return {
            "city_id": city_id,
            "claim_id": claim_id,
            "coupon_id": coupon_id,
            "coupon_version": 1,
            "merchant_id": merchant_id,
            "member_id": _member(number),
            "state": "active",
            "bucket": bucket,
            "member_no": 1,
            "claimed_on": self.now.astimezone(ZoneInfo(terms["time_zone"])).date(),
            "day_limited": False,
            "units": terms["units"],
            "price_minor": terms["price_minor"],
            "currency": terms["currency"],
            "valid_from": max(terms["use_from"], self.now),
            "valid_until": terms["use_until"],
            "code_key": self.keys.key_of(city_id, code),
            "code_sealed": self.keys.seal(claim_id, code),
            "code_tail": code[-4:],
            "seq": 1,
            "claimed_at": self.now,
        }

    def brought_codes(self, city_id: int, coupon_id: UUID, merchant_id: UUID, count: int) -> Iterator[dict[str, Any]]:
        """Rows of ``coupon_codes``: codes that a merchant is made up to have brought, which nobody has yet."""
        for number in range(1, count + 1):
            code_id = seeded_city_id(city_id, "brought code", coupon_id, number)
            code = f"FJ{code_id.hex[17:27].upper()}"
            yield {
                "city_id": city_id,
                "code_id": code_id,
                "coupon_id": coupon_id,
                "merchant_id": merchant_id,
                "code_key": self.keys.own.key_of(city_id, merchant_id, code),
                "code_sealed": self.keys.own.seal(code_id, code),
                "code_tail": code[-4:],
                "uploaded_at": self.now,
            }

    def event(self, claim: dict[str, Any], position: int) -> dict[str, Any]:
        """The row of ``outbox_events`` that tells of a claim; nobody listened yet, so it is done."""
        return {
            "city_id": claim["city_id"],
            "event_id": seeded_city_id(claim["city_id"], "event", claim["claim_id"], 1),
            "aggregate_id": claim["claim_id"],
            "seq": 1,
            "type": "fujin.claim.granted.v1",
            "merchant_id": claim["merchant_id"],
            "data": {
                "claim_id": str(claim["claim_id"]),
                "coupon_id": str(claim["coupon_id"]),
                "coupon_version": claim["coupon_version"],
                "merchant_id": str(claim["merchant_id"]),
                "units": claim["units"],
                "state": claim["state"],
                "price_minor": claim["price_minor"],
                "currency": claim["currency"],
                "valid_until": claim["valid_until"].isoformat(),
                "code_tail": claim["code_tail"],
                "occurred_at": self.now.isoformat(),
            },
            "occurred_at": self.now,
            "position": position,
            "done_at": self.now,
        }

    def _code(self, claim_id: UUID) -> str:
        """The same in every seeding of this installation, unknown without its pepper."""
        digest = hmac.new(self.code_pepper.encode(), b"demo claim" + claim_id.bytes, hashlib.sha256).digest()
        body = f"{int.from_bytes(digest[:8], 'big') % 10 ** (DIGITS - 1):0{DIGITS - 1}d}"
        return f"{body}{damm(body)}"


def gather(code_pepper: str, secret_key: str, now: datetime) -> Crowd:
    """The crowd of an installation."""
    return Crowd(code_keys(code_pepper, secret_key), code_pepper, now)


def _member(number: int) -> UUID:
    return people.member_id(f"crowd-{number}")
