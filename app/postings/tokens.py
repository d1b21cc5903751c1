"""Words of names and of queries: what is stored as a facet and what is asked for; pure.

Latin and the like: letters and digits, folded (case, width, accents), a word a facet; a query's word finds every word
that begins with it. Chinese, Japanese and Korean have no spaces: each character with its follower is a facet, the last
one alone; a query's run is asked pair by pair, its last character as a beginning. A whole name is a facet as well,
with what stands in brackets at its end, a branch as a rule, and without.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

MAX_WORD: Final = 40
MAX_TOKENS: Final = 12
MAX_NAME: Final = 120

_CJK: Final = (
    "\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3040-\u30ff\u3130-\u318f\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003ffff"
)
_PIECES = re.compile(rf"(?P<run>[{_CJK}]+)|(?P<word>[^\W_{_CJK}]+(?:['’][^\W_{_CJK}]+)*)")


_BRANCH = re.compile(r"[(（][^()（）]*[)）]\s*$")


@dataclass(frozen=True, slots=True)
class Asked:
    """A token of a query: a facet's key, or the beginning of one."""

    key: str
    beginning: bool


def folded(text: str) -> str:
    """Text without differences that nobody means: case, width, accents, apostrophes."""
    if text.isascii():
        return text.casefold().replace("'", "")
    plain = unicodedata.normalize("NFKD", text)
    plain = "".join(character for character in plain if not unicodedata.combining(character))
    return unicodedata.normalize("NFC", plain.casefold()).replace("'", "").replace("’", "")


def words_of(names: Iterable[str]) -> frozenset[str]:
    """The keys under which a place is found by its names."""
    found: set[str] = set()
    for name in names:
        for run, word in _pieces(name):
            if word:
                found.add(word[:MAX_WORD])
            else:
                found |= {run[at : at + 2] for at in range(len(run))}
    return frozenset(found)


def asked_of(query: str) -> tuple[Asked, ...]:
    """The tokens that a name must all have; empty for a query without a letter or digit.

    A one-letter Latin word asks for that very word.
    """
    found: dict[Asked, None] = {}
    for run, word in _pieces(query):
        if word:
            found[Asked(word[:MAX_WORD], len(word) > 1)] = None
        else:
            for at in range(len(run) - 1):
                found[Asked(run[at : at + 2], False)] = None
            if len(run) == 1:
                found[Asked(run, True)] = None
    return tuple(found)[:MAX_TOKENS]


def name_key(name: str) -> str:
    """What a whole name is compared by: its words alone; empty for a name without a letter or digit."""
    return " ".join(run or word for run, word in _pieces(name))[:MAX_NAME]


def name_keys(names: Iterable[str]) -> frozenset[str]:
    """The keys under which whole names are found, with the branch in brackets and without."""
    parts = {part for name in names for part in (name, _BRANCH.sub("", name))}
    return frozenset({name_key(part) for part in parts} - {""})


@lru_cache(256)  # a place's names are taken apart for their words and as wholes, one after the other
def _pieces(text: str) -> tuple[tuple[str, str], ...]:
    return tuple((piece["run"] or "", piece["word"] or "") for piece in _PIECES.finditer(folded(text)))
