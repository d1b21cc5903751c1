"""Codes: Damm's published vectors, every single mistake found, keys that tell nothing, marks nobody else can make."""

from __future__ import annotations

import itertools
from uuid import UUID

import pytest

from app.claims.codes import code_keys, damm, grouped, new_code, parse_code
from app.claims.errors import CodeMistyped
from app.core.ids import new_city_id
from app.core.sealing import Unsealable

CLAIM = UUID("01a21423-6b3d-7213-b02a-7fdf6a000002")
KEYS = code_keys("pepper-0123456789abcdef0123456789", "secret-0123456789abcdef0123456789")


# 572 → 4 is the example of Damm's thesis as Wikipedia gives it, 11294 → 6 and 43881234567 → 9 those of other
# implementations; a number followed by its check digit checks to 0.
@pytest.mark.parametrize(("digits", "check"), [("572", 4), ("11294", 6), ("43881234567", 9), ("0", 0), ("", 0)])
def test_check_digits_are_those_that_were_published(digits: str, check: int) -> None:
    assert damm(digits) == check
    assert damm(f"{digits}{check}") == 0


def test_every_wrong_digit_and_every_swap_of_neighbours_is_found() -> None:
    for _ in range(50):
        code = new_code()
        for at, digit in itertools.product(range(12), "0123456789"):
            if code[at] != digit:
                with pytest.raises(CodeMistyped):
                    parse_code(code[:at] + digit + code[at + 1 :])
        for at in range(11):
            if code[at] != code[at + 1]:
                with pytest.raises(CodeMistyped):
                    parse_code(code[:at] + code[at + 1] + code[at] + code[at + 2 :])


def test_codes_are_read_however_they_are_typed() -> None:
    code = new_code()
    spaced = grouped(code)
    wide = "".join(chr(ord("０") + int(digit)) for digit in code)
    for typed in (code, spaced, spaced.replace(" ", "-"), f"  {spaced} ", spaced.replace(" ", "\u00a0"), wide):
        assert parse_code(typed) == code


@pytest.mark.parametrize("typed", ["", "1234", "1" * 13, "12345678901a", "１２", "\u0661" * 12, "1234567890 1;"])
def test_what_can_be_no_code_is_refused(typed: str) -> None:
    with pytest.raises(CodeMistyped):
        parse_code(typed)


def test_codes_spread_over_all_digits() -> None:
    """4,000 codes: no repetition is likely (4000²/2 in 10¹¹), each leading digit comes about 400 times."""
    codes = [new_code() for _ in range(4000)]
    assert len(set(codes)) == 4000
    counts = [sum(code[0] == digit for code in codes) for digit in "0123456789"]
    assert min(counts) > 280
    assert max(counts) < 530


def test_a_code_is_found_by_a_key_that_differs_by_city_and_installation() -> None:
    other = code_keys("pepper-0123456789abcdef0123456780", "secret-0123456789abcdef0123456789")
    found = {KEYS.key_of(2, "123456789015"), KEYS.key_of(3, "123456789015"), other.key_of(2, "123456789015")}
    assert len(found) == 3
    assert all(len(key) == 32 for key in found)


def test_a_sealed_code_opens_for_its_claim_alone() -> None:
    sealed = KEYS.seal(CLAIM, "123456789015")
    assert KEYS.unseal(CLAIM, sealed) == "123456789015"
    assert KEYS.seal(CLAIM, "123456789015") != sealed
    for claim, bytes_ in ((new_city_id(2), sealed), (CLAIM, sealed[:-1] + b"\0"), (CLAIM, b"\2" + sealed[1:])):
        with pytest.raises(Unsealable):
            KEYS.unseal(claim, bytes_)


def test_a_qr_names_its_claim_and_bears_a_mark() -> None:
    payload = KEYS.qr_payload(CLAIM)
    assert payload.startswith("LS0:01A21423-6B3D-7213-B02A-7FDF6A000002:")
    assert KEYS.claim_of_qr(payload) == CLAIM
    assert KEYS.claim_of_qr(payload.lower()) == CLAIM
    forged = payload[:-1] + ("0" if payload[-1] != "0" else "1")
    assert KEYS.claim_of_qr(forged) is None
    assert KEYS.claim_of_qr(payload.replace("01A2", "01A3")) is None
    with pytest.raises(CodeMistyped):
        KEYS.claim_of_qr("https://example.org/")
