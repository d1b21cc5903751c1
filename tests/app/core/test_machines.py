"""One table of states and edges: the page, the constraints, the guards and the events are made from it or agree."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa

from app.claims import types as claims
from app.core.machines import MACHINES, PAYMENT, REFUND, Machine, page
from app.groups import types as groups
from app.payments import rules as payments
from app.redemption import types as redemption
from app.settlements import rules as settlements
from app.tables import metadata
from tests.conftest import ROOT

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
