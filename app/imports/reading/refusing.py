"""Refusals that more than one format speaks, in one wording each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from app.imports.errors import UnreadableFile

AGAIN = "Make or fetch the file again."


def damaged(what: str) -> UnreadableFile:
    """A file or archive that breaks off or contradicts itself."""
    return UnreadableFile(what, code="damaged-file", hint=AGAIN)


def said(error: BaseException | str) -> str:
    """The first line of a parser's words, short, without line ends and without the paths of our copies."""
    lines = str(error).splitlines()
    words = " ".join(word for word in (lines[0] if lines else "").split() if "/fujin-reading-" not in word)
    return words[:160].rstrip(". ") or type(error).__name__


@contextmanager
def whole(what: str) -> Iterator[None]:
    """Around a library's own reading: whatever it says against a file makes the file a damaged one.

    Libraries meet forged files with every kind of exception, an index out of range among them.
    """
    try:
        yield
    except (UnreadableFile, MemoryError, RecursionError):
        raise
    except Exception as error:
        raise damaged(f"{what} is not sound: {said(error)}.") from error


def missing_crs(where: str) -> UnreadableFile:
    """No reference system stated; guessing would move things."""
    return UnreadableFile(
        f"{where} says in which reference system the coordinates are.",
        code="missing-crs",
        hint="Declare it as crs, for example EPSG:4326 for longitude and latitude or EPSG:4490 for CGCS2000.",
    )


def several(what: str, names: Iterable[str]) -> UnreadableFile:
    """A file that holds several things of which one is wanted."""
    listed = [name[:80] for name in names]
    shown = ", ".join(listed[:20]) + (", …" if len(listed) > 20 else "")
    return UnreadableFile(
        f"The file holds {len(listed)} {what}: {shown}.",
        code="several-layers",
        hint="Say with layer which one to read.",
    )


def unknown_layer(wanted: str, names: Iterable[str]) -> UnreadableFile:
    """A layer that the file does not hold."""
    listed = ", ".join(name[:80] for name in list(names)[:20])
    return UnreadableFile(
        f"The file holds no {wanted[:80]!r}; it holds {listed or 'nothing'}.",
        code="unknown-layer",
        hint="Give one of these as layer, or none when there is only one.",
    )
