"""``fujin overlays`` and ``fujin reviews``: what operators do on the first day, from a command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from app.imports.conflation.cli import commands
from app.places.reports import report
from tests.app.places.conftest import CITY, Edited
from tests.factories.worlds import NOW

Run = Callable[..., Result]


@pytest.fixture
def run(edited: Edited, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``fujin …``."""
    for name, value in (
        ("DATABASE_URL", edited.settings.database_url),
        ("DATABASE_IMPORT_URL", edited.settings.database_import_url),
        ("FUJIN_SECRET_KEY", edited.settings.secret_key),
        ("FUJIN_CODE_PEPPER", edited.settings.code_pepper),
    ):
        monkeypatch.setenv(name, value or "")
    group = click.Group("fujin", commands=list(commands))
    return lambda *given: CliRunner().invoke(group, [str(each) for each in given])


def told(done: Result) -> Any:
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_operators_first_day(run: Run, edited: Edited) -> None:
    place, other = edited.ids[0], edited.ids[1]
    add = ("overlays", "add", "--place", place, "--reason", "sign at the door", "--json", "--field")
    hours = told(run(*add, "opening_hours", "--value", '"Mo-Sa 08:00-20:00"'))
    assert (hours["state"], hours["old_value"]) == ("live", "Mo-Su 10:00-22:00")
    assert told(run("overlays", "list", "--city", "city-2", "--json")) == hours
    assert str(place) not in edited.near(10, 50, open_now="true")  # it is Sunday
    line = run("overlays", "list", "--city", "city-2").stdout
    assert 'opening_hours = "Mo-Sa 08:00-20:00"  live  sign at the door' in line
    assert told(run("overlays", "withdraw", hours["overlay_id"], "--json"))["state"] == "withdrawn"
    assert str(place) in edited.near(10, 50, open_now="true")

    twin = told(run(*add, "duplicate_of", "--value", f'"{other}"'))
    assert str(place) not in edited.near(10, 50)
    (done,) = [json.loads(each) for each in run(*LIST, "--state", "done").stdout.splitlines()]
    assert done["decisions"] == ["undo"]
    assert told(run("reviews", "decide", done["review_id"], "undo", "--json"))["decision"] == "apart"
    assert told(run("overlays", "list", "--city", "city-2", "--state", "withdrawn", "--limit", "1", "--json")) == (
        twin | {"state": "withdrawn", "ended_at": told(run(*FIRST))["ended_at"]}
    )
    assert str(place) in edited.near(10, 50)

    with edited.world.engine.begin() as conn:
        report(conn, CITY, place, "closed", True, b"mark", NOW)
    (wrong,) = [json.loads(each) for each in run(*LIST).stdout.splitlines()]
    assert told(run("reviews", "decide", wrong["review_id"], "accept", "--note", "seen", "--json"))["note"] == "seen"
    assert str(place) not in edited.near(10, 50)


LIST = ("reviews", "list", "--city", "city-2", "--json")
FIRST = ("overlays", "list", "--city", "city-2", "--state", "withdrawn", "--limit", "1", "--json")


def test_what_is_wrong_is_told_with_how_to_mend_it(run: Run, edited: Edited) -> None:
    place, nothing = edited.ids[0], "01900000-0000-7000-8000-000000000002"
    add = ("overlays", "add", "--place", place, "--reason", "x", "--field")
    for given, says in (
        ((*add, "phone", "--value", "not json"), "is no JSON; write a text as"),
        ((*add, "closed", "--value", '"yes"'), "closed is true or false"),
        (("overlays", "withdraw", nothing), "see fujin overlays list"),
        (("reviews", "decide", nothing, "merge"), "see fujin reviews list"),
        (("reviews", "list", "--city", "atlantis"), "there is no territory atlantis"),
    ):
        done = run(*given)
        assert (done.exit_code, says in done.stderr) == (1, True), (given, done.output)
    assert edited.world.rows("SELECT 1 FROM place_overlays") == []
