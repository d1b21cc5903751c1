"""How often is too often, and within which time. Pure; each number is a signal to look at, not a proof."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Final

from app.fraud.types import Finding, Rule, Use

# At least so many within so long make a flag.
MOST: Final[dict[Rule, int]] = {"many_reversals": 5, "same_member": 5, "soon_and_far": 1, "out_of_hours": 3}
WITHIN: Final[dict[Rule, timedelta]] = {
    "many_reversals": timedelta(days=1),
    "same_member": timedelta(days=7),
    "soon_and_far": timedelta(days=1),
    "out_of_hours": timedelta(days=1),
}
SOON: Final = timedelta(seconds=120)  # between the claim and its use
FAR_M: Final = 2000  # between where it was claimed and where it was used, at least
RECENT: Final = timedelta(minutes=15)  # accounts that did something since are looked at
SCORE: Final[dict[Rule, int]] = {"many_reversals": 40, "same_member": 50, "soon_and_far": 80, "out_of_hours": 30}


def score(finding: Finding) -> int:
    """1 to 100: the rule's weight, more the further it is beyond its limit."""
    return min(100, SCORE[finding.rule] + 5 * (finding.count - MOST[finding.rule]))


def out_of_hours(uses: Sequence[Use], surely_closed: Callable[[Use], bool]) -> list[Finding]:
    """Accounts that used codes while the place was surely closed; unknown hours close nothing."""
    by_account: dict[tuple[object, str], list[Use]] = {}
    for use in uses:
        if surely_closed(use):
            by_account.setdefault((use.merchant_id, use.staff_id), []).append(use)
    return [
        Finding(
            "out_of_hours",
            found[0].merchant_id,
            found[0].staff_id,
            None,
            found[-1].place_id,
            len(found),
            min(use.committed_at for use in found),
            max(use.committed_at for use in found),
        )
        for found in by_account.values()
        if len(found) >= MOST["out_of_hours"]
    ]
