"""Codes that people read out and machines scan: 12 digits with a check digit, and the QR payload.

The check digit is Damm's (H. M. Damm, Total anti-symmetrische Quasigruppen, 2004): it finds every wrong digit and
every swap of neighbours. A code stands in the database as a keyed hash, to be found by, and sealed, to be shown to its
owner again.
"""

from __future__ import annotations

import hmac
import re
import secrets
from dataclasses import dataclass
from uuid import UUID

from app.claims.errors import CodeMistyped
from app.core.sealing import Keyed, Sealer, derived_key
from app.coupons.own_codes import OwnCodeKeys, own_code_keys

# The totally anti-symmetric quasigroup of order 10 that Damm gives.
_DAMM = (
    (0, 3, 1, 7, 5, 9, 8, 6, 4, 2),
    (7, 0, 9, 2, 1, 5, 4, 8, 6, 3),
    (4, 2, 0, 6, 8, 7, 1, 3, 5, 9),
    (1, 7, 5, 0, 9, 8, 3, 4, 2, 6),
    (6, 1, 2, 3, 0, 4, 5, 9, 7, 8),
    (3, 6, 7, 4, 2, 0, 9, 5, 8, 1),
    (5, 8, 6, 9, 7, 2, 0, 1, 3, 4),
    (8, 9, 4, 5, 3, 6, 2, 0, 1, 7),
    (9, 4, 3, 8, 6, 1, 7, 2, 0, 5),
    (2, 5, 8, 1, 4, 3, 6, 7, 9, 0),
)
DIGITS = 12
_SEPARATORS = re.compile(r"[ \u00a0\u2009\u202f.-]")
_WIDE = {ord("０") + n: ord("0") + n for n in range(10)}  # full-width digits, as Chinese keyboards write them
_QR = re.compile(r"LS0:([0-9A-F]{8}(?:-[0-9A-F]{4}){3}-[0-9A-F]{12}):([0-9A-F]{16})")


def damm(digits: str) -> int:
    """The check digit of some digits; 0 for digits that end in theirs."""
    interim = 0
    for digit in digits:
        interim = _DAMM[interim][int(digit)]
    return interim


def new_code() -> str:
    """Twelve digits: eleven random ones and their check digit."""
    body = f"{secrets.randbelow(10 ** (DIGITS - 1)):0{DIGITS - 1}d}"
    return f"{body}{damm(body)}"


def grouped(code: str) -> str:
    """A code as it is read out: 4-4-4; one that its merchant brought as the merchant wrote it."""
    if len(code) != DIGITS or not code.isdigit():
        return code
    return " ".join(code[at : at + 4] for at in range(0, DIGITS, 4))


def parse_code(text: str) -> str:
    """The twelve digits of a code as typed; CodeMistyped. Spaces, dots and dashes do not matter."""
    digits = _SEPARATORS.sub("", text.translate(_WIDE).strip())
    if len(digits) != DIGITS or not (digits.isascii() and digits.isdigit()):
        raise CodeMistyped(f"a code has {DIGITS} digits")
    if damm(digits) != 0:
        raise CodeMistyped("one of the digits is wrong; read the code again")
    return digits


@dataclass(frozen=True, slots=True, repr=False)
class CodeKeys:
    """The keys of codes: one finds them, one seals them, one marks QR payloads; merchants' own codes have others."""

    lookup: Keyed
    sealer: Sealer
    marker: Keyed
    own: OwnCodeKeys

    def key_of(self, city_id: int, code: str) -> bytes:
        """What a code is found by."""
        return self.lookup.of(f"{city_id}:{code}")

    def seal(self, claim_id: UUID, code: str) -> bytes:
        """A code, for its owner to see again."""
        return self.sealer.seal(code.encode(), claim_id.bytes)

    def unseal(self, claim_id: UUID, sealed: bytes) -> str:
        """The code of a claim; Unsealable."""
        return self.sealer.unseal(sealed, claim_id.bytes).decode()

    def qr_payload(self, claim_id: UUID) -> str:
        """What a QR says: capital letters and digits alone, so that it fits the alphanumeric mode."""
        return f"LS0:{str(claim_id).upper()}:{self._mark(claim_id)}"

    def claim_of_qr(self, payload: str) -> UUID | None:
        """The claim of a payload that we made, None for one with another mark; CodeMistyped when it is none of ours."""
        found = _QR.fullmatch(payload.strip().upper())
        if found is None:
            raise CodeMistyped("this QR is not a code of ours")
        claim_id = UUID(found[1])
        return claim_id if hmac.compare_digest(found[2], self._mark(claim_id)) else None

    def _mark(self, claim_id: UUID) -> str:
        return self.marker.of(str(claim_id))[:8].hex().upper()


def code_keys(code_pepper: str, secret_key: str) -> CodeKeys:
    """The keys of an installation's codes."""
    return CodeKeys(
        lookup=Keyed(derived_key(code_pepper, "claim code")),
        sealer=Sealer(derived_key(secret_key, "claim code sealed")),
        marker=Keyed(derived_key(code_pepper, "claim qr")),
        own=own_code_keys(code_pepper, secret_key),
    )
