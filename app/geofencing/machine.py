"""The life of a pair of subject and fence: out → pending_in → in → pending_out. Pure: sights and time in, events out.

A fix says where the subject was; between two fixes time passes, and what was waiting for it happens. Both come in the
order of their times. Time that has run out at the instant of a fix counts before the fix, so that it makes no
difference whether a timer spoke first or the fix came first.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

from app.geofencing.types import Cause, Confidence, Happening, Pair, Phase, Rules, Sight, What

OpenAt = Callable[[datetime], bool]
"""Whether a fence lets anybody in at an instant; who is inside is let out at any time."""


def always(_at: datetime) -> bool:
    """A fence without a schedule."""
    return True


def due_at(pair: Pair, rules: Rules) -> datetime | None:
    """When something happens to the pair by time alone; None: never."""
    if pair.phase == "pending_in" and pair.since_at is not None:
        return pair.since_at + timedelta(seconds=rules.enter_after_s)
    if pair.phase == "pending_out" and pair.since_at is not None:
        return pair.since_at + timedelta(seconds=rules.exit_after_s)
    if pair.phase == "in" and pair.entered_at is not None and pair.dwelt < len(rules.dwell_s):
        return pair.entered_at + timedelta(seconds=rules.dwell_s[pair.dwelt])
    return None


def advance(pair: Pair, rules: Rules, now: datetime, open_at: OpenAt = always) -> tuple[Pair, list[Happening]]:
    """The pair at ``now``, if no fix came since, and what happened until then, in order."""
    told: list[Happening] = []
    while (due := due_at(pair, rules)) is not None and due <= now:
        if pair.phase == "pending_in":
            pair = _entered(pair, "timer", told)
        elif pair.phase == "pending_out":
            pair = _exited(pair, "timer", told)
        else:
            pair = _dwelled(pair, rules, due, open_at, told)
    return pair, told


def see(pair: Pair, rules: Rules, sight: Sight, open_at: OpenAt = always) -> tuple[Pair, list[Happening]]:
    """The pair after a fix, and what happened until then and by it; sights come in the order of their times."""
    pair, told = advance(pair, rules, sight.at, open_at)
    if pair.phase == "out":
        return _outside(pair, rules, sight, open_at, told), told
    if pair.phase == "pending_in":
        return (pair if sight.side == "inside" else replace(pair, phase="out", since_at=None)), told
    if sight.side != "outside":
        if pair.phase == "pending_out":
            pair = replace(pair, phase="in", since_at=pair.entered_at)
            pair, more = advance(pair, rules, sight.at, open_at)
            told += more
        return pair, told
    if pair.phase == "in":
        pair = _begun(pair, sight, phase="pending_out")
        if rules.exit_after_s == 0:
            pair = _exited(pair, "fix", told)
    return pair, told


def end(pair: Pair, at: datetime, cause: Cause) -> tuple[Pair, list[Happening]]:
    """The pair when its fence is no longer there for it: whoever is in has left at ``at``, whoever waits never came."""
    if pair.phase in ("out", "pending_in"):
        return replace(pair, phase="out", since_at=None), []
    seq = pair.seq + 1
    told = Happening("exited", seq, at, cause, pair.entered_at, pair.entered_border_m, pair.entered_accuracy_m)
    return replace(pair, phase="out", since_at=None, exited_at=at, dwelt=0, seq=seq), [told]


def confidence_of(border_m: float | None, accuracy_m: float | None) -> Confidence:
    """How sure a fix is about the side of the border that it is on: its accuracy against its distance."""
    if border_m is None or accuracy_m is None or accuracy_m >= abs(border_m):
        return "low"
    return "medium" if accuracy_m * 2 >= abs(border_m) else "high"


def _outside(pair: Pair, rules: Rules, sight: Sight, open_at: OpenAt, told: list[Happening]) -> Pair:
    resting = pair.exited_at is not None and sight.at < pair.exited_at + timedelta(seconds=rules.cooldown_s)
    if (sight.side != "inside" and not sight.crossed) or resting or not open_at(sight.at):
        return pair
    if sight.side != "inside":
        pair = replace(pair, seq=pair.seq + 1, exited_at=sight.at)
        told.append(_by_fix("crossed", pair.seq, sight))
        return pair
    pair = _begun(pair, sight, phase="pending_in")
    return _entered(pair, "fix", told) if rules.enter_after_s == 0 else pair


def _begun(pair: Pair, sight: Sight, *, phase: Phase) -> Pair:
    return replace(
        pair,
        phase=phase,
        since_at=sight.at,
        since_border_m=sight.border_m,
        since_accuracy_m=sight.accuracy_m,
    )


def _by_fix(what: What, seq: int, sight: Sight) -> Happening:
    return Happening(what, seq, sight.at, "fix", sight.at, sight.border_m, sight.accuracy_m)


def _entered(pair: Pair, cause: Cause, told: list[Happening]) -> Pair:
    """In since the first fix inside, however long it took to be sure."""
    assert pair.since_at is not None
    seq = pair.seq + 1
    told.append(
        Happening("entered", seq, pair.since_at, cause, pair.since_at, pair.since_border_m, pair.since_accuracy_m)
    )
    return replace(
        pair,
        phase="in",
        entered_at=pair.since_at,
        entered_border_m=pair.since_border_m,
        entered_accuracy_m=pair.since_accuracy_m,
        dwelt=0,
        seq=seq,
    )


def _exited(pair: Pair, cause: Cause, told: list[Happening]) -> Pair:
    """Out since the first fix outside."""
    assert pair.since_at is not None
    seq = pair.seq + 1
    told.append(
        Happening("exited", seq, pair.since_at, cause, pair.since_at, pair.since_border_m, pair.since_accuracy_m)
    )
    return replace(pair, phase="out", exited_at=pair.since_at, since_at=None, dwelt=0, seq=seq)


def _dwelled(pair: Pair, rules: Rules, due: datetime, open_at: OpenAt, told: list[Happening]) -> Pair:
    """A dwell time has passed; outside the fence's schedule that is not told."""
    seconds = rules.dwell_s[pair.dwelt]
    if not open_at(due):
        return replace(pair, dwelt=pair.dwelt + 1)
    seq = pair.seq + 1
    fix = (pair.entered_at, pair.entered_border_m, pair.entered_accuracy_m)
    told.append(Happening("dwelled", seq, due, "timer", *fix, dwell_s=seconds))
    return replace(pair, dwelt=pair.dwelt + 1, seq=seq)
