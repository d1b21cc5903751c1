"""How a walk goes: weighted choices by a seed; and what to make of one that strays: as few steps as still go wrong."""

from __future__ import annotations

from random import Random
from typing import Any

from tests.factories.flow_site import OFFERS, FlowSite
from tests.factories.flow_things import Claim
from tests.factories.flow_walks import Step, Walk


def drawn(walk: Walk, dice: Random) -> Step:
    """The next step of a walk: weighted, and about things that are there, the newest most often."""
    model = walk.model
    outside = [payment for payment in model.payments if not payment.cash]
    gathering = [group for group in model.groups if group.state in ("open", "succeeded") and group.taken < 3]
    choices: list[tuple[int, str, bool]] = [
        (10, "claim", True),
        (11, "pay_claim", any(claim.offer.price for claim in model.claims)),
        (12, "redeem", bool(model.claims)),
        (10, "pay_till", bool(model.redemptions)),
        (10, "step", bool(model.redemptions)),
        (5, "give_back", bool(model.claims)),
        (8, "payment", bool(outside)),
        (8, "refund", bool(model.payments)),
        (4, "bank", True),
        (8, "time", True),
        (3, "settle", True),
        (1 if gathering else 4, "start", True),
        (9 if gathering else 1, "join", bool(model.groups)),
        (1, "deadline", bool(model.groups)),
    ]
    there = [(weight, name) for weight, name, possible in choices if possible]
    name = dice.choices([each for _, each in there], [weight for weight, _ in there])[0]

    def about(things: list[Any]) -> int:
        return min(int(dice.expovariate(0.6)), len(things) - 1)

    waits = [claim for claim in model.claims if claim.state == "pending_payment"]
    held = [red for red in model.redemptions if red.state == "held"]
    how = dice.choices(["pay", "wait", "decline", "missing"], [6, 3, 1, 1])[0]
    if name == "claim":
        return name, (dice.choices(OFFERS, [3, 3, 3, 1])[0], dice.randrange(3))
    if name == "start":
        return name, (dice.randrange(4),)
    if name == "join":
        group = dice.choice(gathering) if gathering and dice.random() < 0.9 else dice.choice(model.groups)
        others = [member for member in range(4) if member not in group.seats]
        member = dice.choice(others) if others and dice.random() < 0.8 else dice.randrange(4)
        return name, (place(model.groups, group), member)
    if name == "deadline":
        return name, (about(model.groups), dice.choice([-1, 0, 0, 299, 300, 600]))
    if name == "pay_claim":
        seats = [claim for claim in waits if claim.group is not None]
        waits = seats if seats and dice.random() < 0.6 else waits
        wanted = dice.choice(waits) if waits and dice.random() < 0.9 else dice.choice(model.claims)
        return name, (place(model.claims, wanted), how)
    if name == "pay_till":
        till = dice.choice(held) if held and dice.random() < 0.9 else dice.choice(model.redemptions)
        return name, (place(model.redemptions, till), "cash" if dice.random() < 0.25 else how)
    if name == "redeem":
        usable = [claim for claim in model.claims if claim.state == "active"]
        first = dice.choice(usable) if usable and dice.random() < 0.85 else dice.choice(model.claims)
        second = about(model.claims)
        return name, (place(model.claims, first), second, dice.randint(1, 2), dice.random() < 0.3, dice.random() < 0.6)
    if name == "step":
        return name, (about(model.redemptions), dice.choice(["commit", "commit", "void", "reverse", "reverse"]))
    if name == "payment":
        return name, (about(outside), dice.choice(["cancel", "resolve", "payer", "payer", "late"]), dice.random() < 0.7)
    if name == "refund":
        good = [payment for payment in model.payments if isinstance(payment.of, Claim) and payment.of.state == "active"]
        gift = place(model.payments, dice.choice(good)) if good and dice.random() < 0.6 else about(model.payments)
        return name, (gift, dice.choice([1, 2, 3, 3, 10]))
    if name == "bank":
        return name, (dice.choice(["up", "up", "down", "lossy"]),)
    if name == "time":
        return name, (dice.choices([5, 30, 100, 200, 1000, 4000, 40_000], [4, 4, 4, 3, 2, 2, 1])[0],)
    return name, (about(model.claims),) if name == "give_back" else ()


def place(things: list[Any], wanted: Any) -> int:
    """Where a thing stands, counted from the newest."""
    return next(back for back, each in enumerate(reversed(things)) if each is wanted)


class Strayed(AssertionError):
    """A walk on which flow and model, or a predicate, disagree; its steps are shortened as far as they stay wrong."""


def walk_once(site: FlowSite, seed: int, length: int, *, tries: int = 150) -> Walk:
    """A walk of so many steps by a seed; Strayed, with as few steps as so many tries find."""
    dice = Random(seed)
    with site.run():
        walk = Walk(site)
        try:
            for _ in range(length):
                walk.take(drawn(walk, dice))
            walk.finish()
        except Exception as error:  # whatever the flow raised is a fault of it
            first = error
        else:
            return walk
    steps = shortened(site, walk.steps, tries)
    words = "\n  ".join(f"{name}{arguments}" for name, arguments in steps)
    raise Strayed(f"seed {seed}, {len(steps)} steps:\n  {words}\n{type(first).__name__}: {first}") from first


def walked(site: FlowSite, steps: list[Step]) -> Exception | None:
    """What goes wrong when these steps are taken again; steps about things that are not there are left out."""
    with site.run():
        walk = Walk(site)
        try:
            for step in steps:
                try:
                    walk.take(step)
                except IndexError:
                    continue
            walk.finish()
        except Exception as error:
            return error
    return None


def shortened(site: FlowSite, steps: list[Step], tries: int) -> list[Step]:
    """Fewer steps that still go wrong."""
    size = max(1, len(steps) // 2)
    while size and tries:
        for first in range(0, len(steps), size):
            fewer = steps[:first] + steps[first + size :]
            tries -= 1
            if fewer != steps and walked(site, fewer) is not None:
                steps = fewer
                break
            if not tries:
                break
        else:
            size //= 2
    return steps
