"""Values of a conformance run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

Verdict = Literal["held", "broken", "not offered", "not driven"]


class Broken(AssertionError):
    """A promise that was not kept; the words say which answer shows it."""


class NotOffered(Exception):
    """What a check needs is not among the flow's capabilities, and the contract lets it be left out."""


class NotDriven(Exception):
    """The run could not get as far as the promise: no answer, no access, a refusal of what has to work."""


def expect(true: object, words: str) -> None:
    """Broken with these words, unless it is true."""
    if not true:
        raise Broken(words)


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    name: str
    promise: str
    verdict: Verdict
    words: str
    requests: int
    took_s: float


@dataclass(frozen=True, slots=True)
class Unseen:
    """A promise that nobody can see from outside, and why."""

    name: str
    promise: str
    why: str


@dataclass(frozen=True, slots=True)
class Report:
    """A whole run."""

    url: str
    client_id: str
    version: str
    began_at: str
    run: str
    capabilities: dict[str, object]
    findings: Sequence[Finding]
    unseen: Sequence[Unseen] = field(default_factory=tuple)
    silences: int = 0

    @property
    def green(self) -> bool:
        """True when no promise was broken and every check got as far as its promise."""
        return all(found.verdict in ("held", "not offered") for found in self.findings)
