"""One table of states and edges: the page, the constraints, the guards and the events are made from it or agree."""

from __future__ import annotations

import re
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import sqlalchemy as sa

from app.claims import actions as claim_actions
from app.claims import types as claims
from app.core.machines import MACHINES, PAYMENT, REFUND, Machine, page
from app.groups import actions as group_actions
from app.groups import types as groups
from app.payments import actions as payment_actions
from app.payments import rules as payments
from app.redemption import actions as redemption_actions
from app.redemption import types as redemption
from app.settlements import actions as settlement_actions
from app.settlements import rules as settlements
from app.settlements.errors import SettlementOver
from app.tables import metadata
from tests.conftest import NOW, ROOT

ILLEGAL = tuple(actions.IllegalStep for actions in (claim_actions, redemption_actions, payment_actions, group_actions))
NAMES = [machine.thing for machine in MACHINES]


def test_the_page_is_written_from_the_table() -> None:
    assert (ROOT / "docs" / "states.md").read_text() == page(), (
        "write it anew: python -m app.core.machines > docs/states.md"
    )


@pytest.mark.parametrize("machine", MACHINES, ids=NAMES)
def test_the_table_of_each_thing_stores_these_states_and_no_others(machine: Machine) -> None:
    table = metadata.tables[machine.table]
    checks = {str(each.name): str(each.sqltext) for each in table.constraints if isinstance(each, sa.CheckConstraint)}
    states = re.fullmatch(r"state in \((.+)\)", checks[f"{machine.table}_state_ck"])
    assert states is not None
    assert tuple(re.findall(r"'(\w+)'", states[1])) == machine.states


def test_every_guard_asks_this_table() -> None:
    money = (payments.EDGES, payments.REFUND_EDGES, settlements.EDGES)
    guards = (claims.EDGES, redemption.EDGES, *money, groups.EDGES, groups.SEAT_EDGES)
    for machine, guard in zip(MACHINES, guards, strict=True):
        assert guard is machine.edges, machine.thing


@pytest.mark.parametrize("machine", MACHINES, ids=NAMES)
def test_every_state_is_reached_and_every_edge_is_between_states(machine: Machine) -> None:
    assert len(machine.edges) == len(machine.steps)
    assert {state for edge in machine.edges for state in edge} <= set(machine.states)
    reached = set(machine.begins)
    while more := {after for before, after in machine.edges if before in reached} - reached:
        reached |= more
    assert reached == set(machine.states)
    assert {state for _, states in machine.told for state in states} <= set(machine.states)


def test_money_that_came_is_never_taken_back() -> None:
    assert PAYMENT.ends == ("succeeded", "stray")
    assert ("", "succeeded") in PAYMENT.told_pairs
    assert ("pending", "cancelled") in PAYMENT.told_pairs  # through cancelling, which nobody is told of
    assert ("succeeded", "failed") not in PAYMENT.told_pairs
    assert REFUND.told_pairs == {
        *(("", "requested"), ("requested", "succeeded"), ("requested", "failed"), ("failed", "requested")),
    }


def _steps() -> dict[str, Callable[[str, str], object]]:
    """How each thing is moved from a state to another, over no database: an illegal step must not get that far."""

    def thing(state: str) -> Any:
        return SimpleNamespace(state=state, closed_at=None)

    no_conn: Any = None
    return {
        "claim": lambda a, b: claim_actions.move(no_conn, thing(a), b, NOW, None, reason=""),  # type: ignore[arg-type]
        "redemption": lambda a, b: redemption_actions._move(no_conn, thing(a), (), b, thing("")),  # type: ignore[arg-type]
        "payment": lambda a, b: payment_actions.move(no_conn, thing(a), b, NOW, None),  # type: ignore[arg-type]
        "refund": lambda a, b: payment_actions.move_refund(no_conn, thing(a), b, NOW, None),  # type: ignore[arg-type]
        "settlement": lambda a, b: settlement_actions._move(no_conn, thing(a), b, NOW),  # type: ignore[arg-type]
        "group": lambda a, b: group_actions._decide(no_conn, thing(a), b, NOW, None),  # type: ignore[arg-type]
        "seat": lambda a, b: group_actions._move_seat(no_conn, thing(a), b, NOW),  # type: ignore[arg-type]
    }


@pytest.mark.parametrize("machine", MACHINES, ids=NAMES)
def test_every_step_that_is_not_in_the_table_is_refused(machine: Machine) -> None:
    move, refused = _steps()[machine.thing], (*ILLEGAL, SettlementOver)
    for before in machine.states:
        for after in machine.states:
            if (before, after) not in machine.edges:
                with pytest.raises(refused, match="can't go from"):
                    move(before, after)
