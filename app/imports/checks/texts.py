"""Whether a name was read in the wrong encoding: pure, and quick for the names that were not."""

from __future__ import annotations

import re
from typing import Final

_LOST: Final = re.compile("[\ufffd\u0080-\u009f\ufffe\uffff]")
_UTF8_AS_LATIN: Final = re.compile(
    "[\u00c2-\u00f4][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc"
    "\u2013\u2014\u2018-\u201a\u201c-\u201e\u2020-\u2022\u2026\u2030\u2039\u203a\u20ac\u2122]+"
)
# Two or more characters of GB 2312 whose bytes were read as Latin-1: pairs of 0xB0–0xF7 and 0xA1–0xFE.
_GBK_AS_LATIN: Final = re.compile("(?<![\u00a1-\u00ff])(?:[\u00b0-\u00f7][\u00a1-\u00fe]){2,}(?![\u00a1-\u00ff])")
_LETTERS_ALONE: Final = 6  # fewer accented letters in a row may be a word: ÄÖÜß
_HAN: Final = re.compile("[\u4e00-\u9fff]")
_KNOWN: Final = ("\u951f\u65a4\u62f7", "\u70eb\u70eb\u70eb", "\u951b")  # 锟斤拷 烫烫烫 锛


def damage_of(text: str) -> str | None:
    """Why a text looks damaged by a wrong encoding; None for one that looks well.

    Finds replacement characters and control characters of the second kind, UTF-8 read as Latin-1 or Windows-1252
    (``CafÃ©``), GBK read as Latin-1 (``º¼ÖÝ`` for 杭州) and UTF-8 read as GBK (``鏉窞``). A name needs two
    damaged characters in a row for the last two, since one alone may be meant.
    """
    if text.isascii():
        return None
    if _LOST.search(text):
        return "holds characters that stand for unreadable bytes"
    if any(known in text for known in _KNOWN):
        return "holds characters that stand for unreadable bytes"
    utf8 = any(_decodes(found[0]) for found in _UTF8_AS_LATIN.finditer(text))
    if _gbk_read_as_latin(text) and not (utf8 and _decodes(text)):
        return "looks like GBK that was read as Latin-1"
    if utf8:
        return "looks like UTF-8 that was read as Latin-1"
    if _utf8_read_as_gbk(text):
        return "looks like UTF-8 that was read as GBK"
    return None


def _decodes(piece: str) -> bool:
    for encoding in ("cp1252", "latin-1"):
        try:
            piece.encode(encoding).decode()
        except UnicodeError:
            continue
        return True
    return False


def _gbk_read_as_latin(text: str) -> bool:
    for found in _GBK_AS_LATIN.finditer(text):
        if found[0].isalpha() and len(found[0]) < _LETTERS_ALONE:
            continue
        try:
            read = found[0].encode("latin-1").decode("gb2312")
        except UnicodeError:
            continue
        if all(_HAN.match(character) for character in read):
            return True
    return False


def _utf8_read_as_gbk(text: str) -> bool:
    """True when every character outside ASCII, as bytes of GB 18030, is UTF-8 of two Chinese characters or more."""
    if not _HAN.search(text):
        return False
    try:
        read = text.encode("gb18030").decode("utf-8")
    except UnicodeError:
        return False
    return len(_HAN.findall(read)) >= 2
