"""Which encoding bytes are in: what is stated, then UTF-8, then GB18030; the sender is told."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterable
from typing import Final

from app.imports.errors import UnreadableFile

UTF8: Final = "UTF-8"
GB18030: Final = "GB18030"
# What GB 18030 contains: whatever is stated as one of these is read as the newest.
_CHINESE: Final = frozenset({"gb2312", "gbk", "cp936", "936", "gb18030", "hz"})
_PAGE: Final = re.compile(r"(?:cp|ansi|windows|ms)?[ _-]?(\d{3,5})", re.I)
_SINGLE: Final = frozenset({"iso8859-1", "iso8859-15", "cp1252", "cp1250", "cp1251", "cp850", "cp437"})


def codec_of(stated: str) -> str:
    """The name of a stated encoding as shown and as Python knows it; UnreadableFile for an unknown one."""
    text = stated.strip().strip("\x00").lower()
    if text in _CHINESE or text.replace("ansi ", "") in _CHINESE:
        return GB18030
    if text in ("65001", "utf8", "utf-8", "utf-8-sig"):
        return UTF8
    text = re.sub(r"^88591(\d?)$", r"iso8859-1\1", text.replace(" ", ""))
    page = _PAGE.fullmatch(text)
    try:
        found = codecs.lookup(f"cp{page[1]}" if page else text)
    except (LookupError, ValueError):
        found = None
    if (
        found is None
        or not getattr(found, "_is_text_encoding", True)
        or found.name.startswith(("utf-7", "idna", "puny"))
    ):
        raise UnreadableFile(
            f"The encoding {stated[:40]!r} is not known.", code="wrong-encoding", hint="Declare UTF-8 or GB18030."
        )
    return UTF8 if found.name == "utf-8" else found.name


def fits(codec: str, samples: Iterable[bytes]) -> bool:
    """True when every sample can be read; an end that is cut within a character is no fault."""
    try:
        for sample in samples:
            decoded(codec, sample)
    except UnicodeDecodeError:
        return False
    return True


def decoded(codec: str, text: bytes) -> str:
    """The text, without a character that its field's width cut in two at the very end."""
    try:
        return text.decode(codec)
    except UnicodeDecodeError as error:
        if codec in (UTF8, GB18030) and error.start >= len(text) - 3 and error.end == len(text):
            return text[: error.start].decode(codec)
        raise


def settle(samples: list[bytes], wished: str | None, stated: str | None, source: str) -> tuple[str, tuple[str, ...]]:
    """The encoding of texts with bytes beyond ASCII, and what its sender should know.

    ``wished`` is declared and has to fit; ``stated`` stands in the file (``source`` says where) and is believed where
    it fits, unless it is one of those that fit everything and the bytes are UTF-8.
    """
    if wished is not None:
        codec = codec_of(wished)
        if not fits(codec, samples):
            raise UnreadableFile(
                f"The texts can't be read as {codec}, which is declared.",
                code="wrong-encoding",
                hint="Leave encoding out to have it found, or declare the right one.",
            )
        return codec, ()
    claimed = _claimed(stated)
    is_utf8 = fits(UTF8, samples)
    if claimed is not None and fits(claimed, samples) and not (claimed in _SINGLE and samples and is_utf8):
        return claimed, ()
    contradiction = f"{source} says {(stated or '').strip()[:40]}, but the texts are " if claimed else ""
    found = UTF8 if is_utf8 else GB18030 if _looks_chinese(samples) else None
    if found is None:
        raise UnreadableFile(
            "The texts are neither UTF-8 nor GB18030" + (f", nor {claimed} as {source} says." if claimed else "."),
            code="wrong-encoding",
            hint="Declare encoding, for example windows-1252.",
        )
    if claimed:
        return found, (contradiction + f"{found} and are read so",)
    return found, ((f"nothing states the encoding; the texts fit {found} and are read so",) if samples else ())


def _claimed(stated: str | None) -> str | None:
    if stated is None or not stated.strip():
        return None
    try:
        return codec_of(stated)
    except UnreadableFile:
        return None


def _looks_chinese(samples: list[bytes]) -> bool:
    """True when the samples are GB 18030 and most of what they spell beyond ASCII are Chinese characters.

    Western texts in single bytes often happen to be valid GB 18030, as rare characters.
    """
    if not fits(GB18030, samples):
        return False
    beyond = [char for sample in samples for char in decoded(GB18030, sample) if char > "\x7f"]
    usual = sum("\u4e00" <= char <= "\u9fff" or char in "（）·—，。、《》！：；“”‘’" for char in beyond)
    common = sum(len(char.encode("gb2312", "ignore")) > 0 for char in beyond)
    return bool(beyond) and usual >= 0.9 * len(beyond) and common >= 0.8 * len(beyond)
