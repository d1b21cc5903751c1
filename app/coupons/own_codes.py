"""Codes that a merchant brings: how they are read, found again and kept. Pure.

A code belongs to its merchant: two merchants may bring the same one, and neither learns of the other's.
"""

from __future__ import annotations

import csv
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from app.core.sealing import Keyed, Sealer, derived_key

SHORTEST: Final = 6
LONGEST: Final = 32
MOST_DIGITS: Final = 11  # of a code without a letter: the platform's own have twelve
LONGEST_LINE: Final = 200
_SEPARATORS: Final = str.maketrans("", "", " \u00a0\u2009\u202f.-_/")
_ALPHABET: Final = frozenset("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")


class NoCode(ValueError):
    """The text can't be a code; the message says why."""


def normal(text: str) -> str:
    """A code without what does not matter: case, width, spaces, dots, dashes, strokes; NoCode."""
    found = unicodedata.normalize("NFKC", text).translate(_SEPARATORS).upper()
    if not found:
        raise NoCode("there is no code")
    if not _ALPHABET.issuperset(found):
        raise NoCode("a code has letters A to Z and digits only")
    if found.isdigit() and len(found) > MOST_DIGITS:
        raise NoCode(f"more than {MOST_DIGITS} digits without a letter are taken for a code of the platform")
    if not SHORTEST <= len(found) <= LONGEST:
        raise NoCode(f"a code has {SHORTEST} to {LONGEST} letters and digits, this one has {len(found)}")
    return found


def printed(text: str) -> str:
    """A code as its merchant wrote it, to be shown and read out."""
    return " ".join(unicodedata.normalize("NFKC", text).split())


@dataclass(frozen=True, slots=True, repr=False)
class OwnCodeKeys:
    """The keys of merchants' own codes: one finds them, one seals them."""

    lookup: Keyed
    sealer: Sealer

    def key_of(self, city_id: int, merchant_id: UUID, code: str) -> bytes:
        """What a code, in its normal form, is found by."""
        return self.lookup.of(f"{city_id}:{merchant_id}:{code}")

    def seal(self, code_id: UUID, code: str) -> bytes:
        """A code as it was written, until it is handed out."""
        return self.sealer.seal(code.encode(), code_id.bytes)

    def unseal(self, code_id: UUID, sealed: bytes) -> str:
        """A code as it was written; Unsealable."""
        return self.sealer.unseal(sealed, code_id.bytes).decode()


def own_code_keys(code_pepper: str, secret_key: str) -> OwnCodeKeys:
    """The keys of an installation."""
    return OwnCodeKeys(
        lookup=Keyed(derived_key(code_pepper, "merchant code")),
        sealer=Sealer(derived_key(secret_key, "merchant code sealed")),
    )


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a file: the code, or why there is none."""

    number: int
    code: str | None
    reason: str | None


class NoCodeColumn(ValueError):
    """The file has several columns, and none is called code."""


def lines_of(chunks: Iterable[bytes]) -> Iterator[Line]:
    """The rows of a CSV file, which is read as it comes; NoCodeColumn.

    One column, or the one whose heading is ``code``; separated by commas, semicolons or tabs. Empty rows count for
    nothing. UTF-8, with or without a byte-order mark.
    """
    column: int | None = None
    for number, raw in enumerate(_split(chunks), 1):
        if len(raw) > LONGEST_LINE:
            yield Line(number, None, f"the row has more than {LONGEST_LINE} bytes")
            continue
        try:
            text = raw.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n")
        except UnicodeDecodeError:
            yield Line(number, None, "the row is not UTF-8")
            continue
        cells = [] if not text.strip() else next(csv.reader([text], delimiter=_delimiter(text)))
        if not any(cell.strip() for cell in cells):
            continue
        if column is None:
            headings = [cell.strip().lower() for cell in cells]
            column = headings.index("code") if "code" in headings else 0
            if "code" in headings:
                continue
            if len(cells) > 1:
                raise NoCodeColumn("head the column of the codes with the word code, or send that column alone")
        if column >= len(cells):
            yield Line(number, None, "the row ends before the column of the codes")
            continue
        try:
            normal(cells[column])
        except NoCode as error:
            yield Line(number, None, str(error))
            continue
        yield Line(number, cells[column], None)


def _delimiter(text: str) -> str:
    return next((each for each in (",", ";", "\t") if each in text), ",")


def _split(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Rows without their ends; what is longer than a row may be is cut, so that memory stays small."""
    rest = b""
    for chunk in chunks:
        *whole, rest = (rest + chunk).split(b"\n")
        yield from whole
        rest = rest[: LONGEST_LINE + 1]
    if rest:
        yield rest
