"""The states of the flow's things and the legal edges between them: the one table that everything else is made from.

A state changes by one guarded UPDATE from a state that leads to the next. A message that asks for another edge, because
it is late, doubled or out of turn, is kept where it came in and changes nothing. docs/states.md is written from this
table by ``python -m app.core.machines``; the constraints of the tables and the audit's rules name the same states.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Final


@dataclass(frozen=True, slots=True)
class Edge:
    """A legal step, and what brings it about."""

    before: str
    after: str
    when: str
    silent: bool = False  # tells nothing, though the state has a word


@dataclass(frozen=True)
class Machine:
    """One kind of thing: its states in the order in which they come, where it begins, and how it goes on.

    ``told`` maps each event's word to the states that it may have told; steps to other states tell nothing.
    ``opening`` are words of the beginning alone, where it has its own; ``repeated`` those that may be told any number
    of times in some states, without a step.
    """

    thing: str
    table: str
    states: tuple[str, ...]
    begins: tuple[str, ...]
    steps: tuple[Edge, ...]
    told: tuple[tuple[str, tuple[str, ...]], ...]
    opening: tuple[str, ...] = ()
    repeated: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @cached_property
    def edges(self) -> frozenset[tuple[str, str]]:
        """Pairs of states that a thing may step between."""
        return frozenset((step.before, step.after) for step in self.steps)

    @cached_property
    def ends(self) -> tuple[str, ...]:
        """States that nothing leads out of."""
        return tuple(state for state in self.states if not any(before == state for before, _ in self.edges))

    @cached_property
    def told_pairs(self) -> frozenset[tuple[str, str]]:
        """Words of events that may follow each other; an empty first word stands for the beginning."""
        words = dict(self.told)
        loud = {state for states in words.values() for state in states}

        def reached(states: tuple[str, ...]) -> set[str]:
            """States that may be told next, passing through steps that tell nothing."""
            found: set[str] = set()
            seen: set[str] = set()
            todo = list(states)
            while todo:
                here = todo.pop()
                for step in self.steps:
                    if step.before != here:
                        continue
                    if step.after in loud and not step.silent:
                        found.add(step.after)
                    elif step.after not in seen:
                        seen.add(step.after)
                        todo.append(step.after)
            return found

        begun = {state for state in self.begins if state in loud}
        first = begun | reached(tuple(state for state in self.begins if state not in loud))
        pairs = {("", word) for word in self.opening or words if first & set(words[word])}
        later = {word: states for word, states in words.items() if word not in self.opening}
        for word, states in words.items():
            onward = reached(states)
            pairs |= {(word, other) for other, others in later.items() if onward & set(others)}
        for word, states in self.repeated:
            onward = reached(states)
            pairs |= {("", word), (word, word)}
            pairs |= {(other, word) for other, others in words.items() if set(others) & set(states)}
            pairs |= {(word, other) for other, others in later.items() if onward & set(others)}
        return frozenset(pairs)


CLAIM: Final = Machine(
    "claim",
    "claims",
    ("pending_payment", "active", "redeemed", "released", "cancelled", "expired", "refunded"),
    ("pending_payment", "active"),
    (
        Edge("pending_payment", "active", "its payment succeeded"),
        Edge("pending_payment", "released", "not paid in time, or given up, while no payment is under way"),
        Edge("active", "redeemed", "its last unit was committed"),
        Edge("active", "cancelled", "given back, it was free"),
        Edge("active", "expired", "its time is over and no till holds it"),
        Edge("active", "refunded", "given back, or its whole price was refunded"),
        Edge("redeemed", "active", "a use was reversed within its time"),
        Edge("redeemed", "expired", "a use was reversed after its time"),
        Edge("redeemed", "refunded", "refunded after it was used"),
        Edge("expired", "refunded", "the terms promise money for what was not used"),
    ),
    (
        ("granted", ("pending_payment", "active")),
        ("activated", ("active",)),
        *((state, (state,)) for state in ("redeemed", "released", "cancelled", "expired", "refunded")),
    ),
    opening=("granted",),
)
REDEMPTION: Final = Machine(
    "redemption",
    "redemptions",
    ("held", "committed", "voided", "reversed"),
    ("held", "committed"),
    (
        Edge("held", "committed", "the till commits within the lease, or the payment succeeded"),
        Edge("held", "voided", "the till gives it up, or its lease ends and no money may come"),
        Edge("committed", "reversed", "undone within its window; a payment is refunded first"),
    ),
    tuple((state, (state,)) for state in ("held", "committed", "voided", "reversed")),
)
# Money that came is never taken back by a message: nothing leads out of succeeded and stray.
PAYMENT: Final = Machine(
    "payment",
    "payments",
    ("created", "pending", "unknown", "succeeded", "failed", "cancelling", "cancelled", "stray"),
    ("created",),
    (
        Edge("created", "pending", "the payer has to act"),
        Edge("created", "unknown", "no answer"),
        Edge("created", "succeeded", "the money is there and what it pays for waits for it"),
        Edge("created", "failed", "the provider says no, or never heard of it"),
        Edge("created", "cancelling", "its time is over, or somebody cancels"),
        Edge("created", "stray", "the money is there, what it pays for is over"),
        Edge("pending", "succeeded", "as above"),
        Edge("pending", "failed", "as above"),
        Edge("pending", "cancelling", "as above"),
        Edge("pending", "stray", "as above"),
        Edge("unknown", "pending", "the provider answers again: the payer has to act"),
        Edge("unknown", "succeeded", "as above"),
        Edge("unknown", "failed", "as above"),
        Edge("unknown", "cancelling", "as above"),
        Edge("unknown", "stray", "as above"),
        Edge("cancelling", "cancelled", "the provider says that it is closed"),
        Edge("cancelling", "succeeded", "the money was faster"),
        Edge("cancelling", "stray", "the money was faster, what it pays for is over"),
        Edge("cancelled", "succeeded", "late money, what it pays for still waits"),
        Edge("cancelled", "stray", "late money, what it pays for is over or paid otherwise"),
        Edge("failed", "succeeded", "late money, what it pays for still waits"),
        Edge("failed", "stray", "late money, what it pays for is over or paid otherwise"),
    ),
    tuple((state, (state,)) for state in ("pending", "unknown", "succeeded", "failed", "cancelled", "stray")),
)
# A refund that failed is set up anew under its number, for the provider to be asked once more.
REFUND: Final = Machine(
    "refund",
    "refunds",
    ("requested", "pending", "succeeded", "failed"),
    ("requested",),
    (
        Edge("requested", "pending", "the provider works on it"),
        Edge("requested", "succeeded", "the money went back"),
        Edge("requested", "failed", "the provider will not pay"),
        Edge("pending", "succeeded", "the money went back"),
        Edge("pending", "failed", "the provider will not pay"),
        Edge("failed", "requested", "asked for again under the same number"),
    ),
    tuple((state, (state,)) for state in ("requested", "succeeded", "failed")),
)
SETTLEMENT: Final = Machine(
    "settlement",
    "settlements",
    ("draft", "closed", "paid", "disputed"),
    ("draft",),
    (
        Edge("draft", "closed", "an operator closes the period: lines, file and amounts are fixed"),
        Edge("closed", "paid", "its payout left"),
        Edge("closed", "disputed", "the merchant disputes it before it is paid"),
        Edge("paid", "disputed", "the merchant disputes it after it was paid"),
        Edge("disputed", "closed", "the dispute is over, and it was not paid before", silent=True),
        Edge("disputed", "paid", "the dispute is over, and it was paid before", silent=True),
    ),
    (("closed", ("closed",)), ("paid", ("paid",))),
)
GROUP: Final = Machine(
    "group",
    "deal_groups",
    ("open", "succeeded", "failed", "closed"),
    ("open",),
    (
        Edge("open", "succeeded", "a payment made the seat that was missing, in its transaction; seats may be left"),
        Edge("open", "failed", "its deadline is over and no money that is under way can come in time"),
        Edge("failed", "closed", "everything that was paid in it went back"),
    ),
    tuple((state, (state,)) for state in ("succeeded", "failed", "closed")),
    repeated=(("joined", ("open", "succeeded")),),
)
SEAT: Final = Machine(
    "seat",
    "group_seats",
    ("reserved", "joined", "left", "refunding", "refunded"),
    ("reserved",),
    (
        Edge("reserved", "joined", "its claim was paid for, or costs nothing"),
        Edge("reserved", "left", "its claim was not paid in time, or given up"),
        Edge("joined", "left", "its claim was given back or refunded"),
        Edge("left", "reserved", "the member came again, with a new claim"),
        Edge("joined", "refunding", "the group failed, its refund was begun"),
        Edge("joined", "refunded", "the group failed, and nothing was left to give back"),
        Edge("refunding", "refunded", "its money went back"),
        Edge("refunding", "joined", "the provider will not pay; it is asked again later"),
    ),
    (),
)
MACHINES: Final = (CLAIM, REDEMPTION, PAYMENT, REFUND, SETTLEMENT, GROUP, SEAT)


def page() -> str:
    """docs/states.md."""
    return "\n".join(_page_lines()) + "\n"


def _page_lines() -> Iterator[str]:
    yield "# States and edges"
    yield ""
    yield "Each thing of the flow is in one state and changes it by one guarded update, together with its event and its"
    yield "transfers. The steps below are the legal ones. What asks for another, because it is late, doubled or out of"
    yield "turn, changes nothing: a message of a provider stays in `provider_events` with its outcome, a caller gets"
    yield "the problem that says what the thing is now."
    yield ""
    yield "Written from `app/core/machines.py` by `python -m app.core.machines > docs/states.md`."
    for machine in MACHINES:
        yield ""
        yield f"## {machine.thing.capitalize()}"
        yield ""
        ends = ", ".join(f"`{state}`" for state in machine.ends)
        ended = f"Ends for good: {ends}." if machine.ends else "No state is the last for good."
        yield f"Begins: {', '.join(f'`{state}`' for state in machine.begins)}. {ended}"
        yield ""
        yield "| From | To | When |"
        yield "|---|---|---|"
        for step in machine.steps:
            yield f"| `{step.before}` | `{step.after}` | {step.when} |"
        words = ", ".join(f"`fujin.{machine.thing}.{word}.v1`" for word, _ in (*machine.told, *machine.repeated))
        yield ""
        yield f"Told as: {words}."


if __name__ == "__main__":
    sys.stdout.write(page())
