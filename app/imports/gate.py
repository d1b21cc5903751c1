"""Whether a staged version may be shown: open, with a note, after a second person's approval, or not at all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal

from sqlalchemy import Connection

from app.imports.comparing import MAX_LOST_SHARE, compare, too_much_lost
from app.imports.fact_tables import FACTS

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
    """What a whole version needs before readers may see it in the place of ``against``."""
    change = compare(conn, FACTS[kind], city_id, kind, version, against)
    reasons = []
    if too_much_lost(change):
        lost = (
            f"{change.removed:,} of the {change.before:,} {kind} that readers see would vanish,"
            f" more than {MAX_LOST_SHARE:.0%}"
        )
        reasons.append(Reason("many-removed", lost))
    return Gate("second_person" if reasons else "open", tuple(reasons), against)


def read(kept: Mapping[str, Any] | None) -> Gate:
    """A gate as it was kept; versions from before there were gates are open."""
    if kept is None:
        return Gate("open")
    reasons = tuple(Reason(each["code"], each["detail"]) for each in kept["reasons"])
    return Gate(kept["verdict"], reasons, kept.get("against"))
