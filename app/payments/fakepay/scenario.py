"""What fakepay is told to do wrong: steps that wait for an operation, drawn with a seed, so that runs repeat."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

import orjson

# What a provider is asked for, whatever it calls that.
OPERATIONS: Final = ("open", "pay", "query", "cancel", "refund", "refund_query")
# answer: as it should. drop: nothing is done, no answer. lose: done, no answer. fail: nothing is done, the answer is an
# error of the provider's own. doubt: done, and the same answer. retry: nothing is done, asked to come again (Alipay's
# cancel). The rest is done and answered wrongly.
WAYS: Final = ("answer", "drop", "lose", "fail", "doubt", "retry", "garble", "forge", "strange", "wrong_amount")
OUTCOMES: Final = ("pay", "wait", "decline")
REFUNDS: Final = ("done", "pending", "fail")
MAX_STEPS: Final = 1_000


class BadScenario(ValueError):
    """The scenario can't be read; the text says where and what would be right."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing to do when an operation comes; ``times`` 0 stands for always.

    ``outcome``, ``settles_after_s`` and ``refund`` say what becomes of the money, the rest what is answered and told.
    """

    on: str = "pay"
    dialect: str | None = None
    amount_minor: int | None = None
    times: int = 1
    chance: float = 1.0
    do: str = "answer"
    delay_s: float = 0.0
    outcome: str | None = None
    settles_after_s: float | None = None
    refund: str = "done"
    copies: int = 1
    notice_delay_s: float = 0.0
    notice_wrong_amount: bool = False


NOTHING_SPECIAL: Final = Step()


@dataclass(frozen=True, slots=True)
class Scenario:
    """Steps in their order, the seed of everything that is drawn, and whether notices go out in a drawn order."""

    seed: int = 0
    reorder: bool = False
    steps: tuple[Step, ...] = field(default=())


_BOUNDS: Final[Mapping[str, tuple[float, float]]] = {
    "amount_minor": (0, 10**15),
    "times": (0, 1_000_000),
    "chance": (0, 1),
    "delay_s": (0, 120),
    "settles_after_s": (0, 86_400),
    "copies": (0, 100),
    "notice_delay_s": (0, 86_400),
}
_WORDS: Final[Mapping[str, tuple[str, ...]]] = {
    "on": OPERATIONS,
    "dialect": ("alipay", "stripe"),
    "do": WAYS,
    "outcome": OUTCOMES,
    "refund": REFUNDS,
}


def scenario_of(text: bytes) -> Scenario:
    """The scenario in a JSON document; BadScenario."""
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError as fault:
        raise BadScenario(f"the scenario is no JSON: {fault}") from None
    if not isinstance(found, dict):
        raise BadScenario('the scenario must be an object, such as {"seed": 1, "steps": []}')
    _refuse_unknown("the scenario", found, {"seed", "reorder", "steps"})
    seed, reorder, steps = found.get("seed", 0), found.get("reorder", False), found.get("steps", [])
    if type(seed) is not int:
        raise BadScenario("seed must be a whole number")
    if type(reorder) is not bool:
        raise BadScenario("reorder must be true or false")
    if not isinstance(steps, list) or len(steps) > MAX_STEPS:
        raise BadScenario(f"steps must be a list of at most {MAX_STEPS}")
    return Scenario(seed, reorder, tuple(_step(f"steps/{number}", each) for number, each in enumerate(steps)))


def _step(where: str, given: object) -> Step:
    if not isinstance(given, dict):
        raise BadScenario(f"{where} must be an object")
    _refuse_unknown(where, given, {each.name for each in fields(Step)})
    for name, value in given.items():
        _refuse_value(f"{where}/{name}", name, value)
    return Step(**given)


def _refuse_value(where: str, name: str, value: Any) -> None:
    if name in _WORDS:
        if value not in _WORDS[name]:
            raise BadScenario(f"{where} must be one of {', '.join(_WORDS[name])}")
    elif name == "notice_wrong_amount":
        if type(value) is not bool:
            raise BadScenario(f"{where} must be true or false")
    else:
        low, high = _BOUNDS[name]
        whole = name in ("amount_minor", "times", "copies")
        if type(value) not in ((int,) if whole else (int, float)) or not low <= value <= high:
            raise BadScenario(f"{where} must be a {'whole ' if whole else ''}number from {low:g} to {high:g}")


def _refuse_unknown(where: str, given: Mapping[str, Any], known: set[str]) -> None:
    unknown = sorted(set(given) - known)
    if unknown:
        raise BadScenario(f"{where} has no member {unknown[0]!r}; it knows {', '.join(sorted(known))}")


class Script:
    """A scenario as it is played: which steps are left, and the one source of what is drawn."""

    def __init__(self, scenario: Scenario) -> None:
        self.scenario = scenario
        self.drawn = random.Random(scenario.seed)  # noqa: S311 - it is to repeat, not to be unguessable
        self._used = [0] * len(scenario.steps)

    def step(self, operation: str, dialect: str, amount_minor: int | None) -> Step:
        """The first step that waits for this; a chance is drawn each time that a step comes into question."""
        for number, step in enumerate(self.scenario.steps):
            fits = step.on == operation and step.dialect in (None, dialect)
            fits = fits and step.amount_minor in (None, amount_minor)
            if not fits or (step.times and self._used[number] >= step.times):
                continue
            if step.chance < 1 and self.drawn.random() >= step.chance:
                continue
            self._used[number] += 1
            return step
        return NOTHING_SPECIAL
