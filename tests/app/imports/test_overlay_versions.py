"""Corrections through the versions of a source: applied again, retired, contradicted, and back with a roll-back."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy import Connection

from app.coupons.search_rows import follow_places
from app.imports import actions
from app.imports.types import LoadReport
from app.places import overlays
from app.places.queries_edits import Author
from tests.app.imports.loadfiles import CITY, LATER, NOW, place

Load = Callable[..., LoadReport]
AUTHOR = Author(UUID(int=9), "seen on the spot")


def said(town: Connection, version: int) -> tuple[Any, ...]:
    """Phone, closed, name of place a as readers see it in a version."""
    row = town.execute(
        sa.text("SELECT phone, closed, name FROM place_facts WHERE version = :v AND source_key = 'a'"), {"v": version}
    ).one()
    return tuple(row)


def states(town: Connection) -> dict[str, str]:
    rows = town.execute(sa.text("SELECT field, state FROM place_overlays WHERE state <> 'replaced'"))
    return {row.field: row.state for row in rows}


def conflicts(town: Connection) -> list[tuple[str, str, Any, Any]]:
    rows = town.execute(
        sa.text("SELECT field, state, evidence FROM reviews WHERE kind = 'overlay_conflict' ORDER BY created_at, field")
    )
    return [(row.field, row.state, row.evidence["correction"], row.evidence["source_now"]) for row in rows]


def test_corrections_through_three_versions_and_back(town: Connection, load: Load) -> None:
    """Of three corrections the second version knows nothing; the third agrees with one and contradicts another.

    ``closed`` is listed as soon as a release says open again (T20), and wins.
    """
    load([place("a", phone="1"), place("b")], activate=True)
    (target,) = town.execute(sa.text("SELECT place_id FROM place_facts WHERE source_key = 'a'")).one()
    for field, value in (("phone", "2"), ("closed", True), ("names", {"local": "Right"})):
        overlays.correct(town, CITY, target, field, value, AUTHOR, NOW, follow_places)
    town.commit()
    assert said(town, 1) == ("2", True, "Right")
    assert conflicts(town) == []

    load([place("a", phone="1"), place("b"), place("c")], activate=True, now=LATER)
    assert said(town, 2) == ("2", True, "Right")
    assert states(town) == {"phone": "live", "closed": "live", "names": "live"}
    assert conflicts(town) == [("closed", "open", True, False)]

    load([place("a", phone="3", name="Right"), place("b")], activate=True, now=LATER)
    assert said(town, 3) == ("2", True, "Right")
    assert states(town) == {"phone": "live", "closed": "live", "names": "retired"}
    assert sorted(conflicts(town)) == [("closed", "open", True, False), ("phone", "open", "2", "3")]

    actions.rollback(town, CITY, "places", LATER)
    town.commit()
    assert said(town, 2) == ("2", True, "Right")
    assert states(town) == {"phone": "live", "closed": "live", "names": "live"}
    assert sorted(conflicts(town)) == [("closed", "open", True, False), ("phone", "lapsed", "2", "3")]


def test_staged_version_gets_what_was_corrected_or_taken_back_since(town: Connection, load: Load) -> None:
    load([place("a", phone="1")], activate=True)
    (target,) = town.execute(sa.text("SELECT place_id FROM place_facts WHERE source_key = 'a'")).one()
    phone = overlays.correct(town, CITY, target, "phone", "2", AUTHOR, NOW, follow_places)
    town.commit()
    load([place("a", phone="1", name="New")], now=LATER)
    assert said(town, 2) == ("2", False, "New")
    overlays.withdraw(town, CITY, phone.overlay_id, LATER, follow_places)
    overlays.correct(town, CITY, target, "hide", True, AUTHOR, LATER, follow_places)
    actions.activate(town, CITY, "places", 2, LATER)
    town.commit()
    assert said(town, 2) == ("1", True, "New")
    rows = town.execute(sa.text("SELECT count(*) FROM postings WHERE slot = 2 AND place_id = :p"), {"p": target})
    assert rows.scalar_one() == 0
