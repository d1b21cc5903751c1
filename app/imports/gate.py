"""Whether a staged version may be shown: open, with a note, after a second person's approval, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection

from app.imports.checks import actions as checks
from app.imports.checks.types import Gate as Judged

Verdict = Literal["open", "note", "second_person", "blocked"]
SEVERITY: Final[tuple[Verdict, ...]] = ("open", "note", "second_person", "blocked")


@dataclass(frozen=True, slots=True)
class Reason:
    """One finding that bears on the verdict."""

    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Gate:
    """A verdict with its reasons, worked out against the version that readers saw at that moment (None: none)."""

    verdict: Verdict
    reasons: tuple[Reason, ...] = ()
    against: int | None = None

    def stored(self) -> dict[str, Any]:
        """As it is kept and told."""
        reasons = [{"code": reason.code, "detail": reason.detail} for reason in self.reasons]
        return {"verdict": self.verdict, "reasons": reasons, "against": self.against}


def judge(conn: Connection, city_id: int, kind: str, version: int, against: int | None) -> Gate:
    """What a version needs before readers may see it in the place of ``against``, which they see now."""
    return of(checks.gate_of(conn, city_id, kind, version), against)


def of(judged: Judged, against: int | None) -> Gate:
    """A verdict of the checks as it is kept with the load."""
    reasons = tuple(Reason(reason.code, reason.detail) for reason in judged.reasons)
    return Gate(judged.verdict, reasons, against)


def read(kept: Mapping[str, Any] | None) -> Gate:
    """A gate as it was kept; versions from before there were gates are open."""
    if kept is None:
        return Gate("open")
    reasons = tuple(Reason(each["code"], each["detail"]) for each in kept["reasons"])
    return Gate(kept["verdict"], reasons, kept.get("against"))
