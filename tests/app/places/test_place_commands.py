"""``fujin places``: single places are edited from a command line."""

from __future__ import annotations

import json
from collections.abc import Callable
from uuid import uuid4

import click
import pytest
from click.testing import CliRunner, Result

from app.audit.actions import audit_data
from app.imports.edits.cli import places
from tests.app.places.conftest import Edited
from tests.factories.tidy import count_rows
from tests.factories.worlds import NOW

Run = Callable[..., Result]


@pytest.fixture
def run(edited: Edited, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``fujin places … --city city-2``."""
    for name, value in (
        ("DATABASE_URL", edited.settings.database_url),
        ("DATABASE_IMPORT_URL", edited.settings.database_import_url),
        ("FUJIN_SECRET_KEY", edited.settings.secret_key),
        ("FUJIN_CODE_PEPPER", edited.settings.code_pepper),
    ):
        monkeypatch.setenv(name, value or "")
    group = click.Group("fujin", commands=[places])
    return lambda *given: CliRunner().invoke(group, ["places", given[0], "--city", "city-2", *map(str, given[1:])])


def test_a_place_is_opened_changed_moved_closed_and_reopened(run: Run, edited: Edited) -> None:
    done = run(
        *("open", "--lon", "10.004", "--lat", "50", "--name", "小店", "--name", "en=Small Shop", "--category", "shop"),
        *("--attribute", "takeaway=true", "--price-level", "2", "--hours", "24/7", "--json"),
    )
    assert done.exit_code == 0, done.output
    told = json.loads(done.stdout)
    place = told["place_id"]
    assert told == {"city": "city-2", "place_id": place, "version": 1, "changed": True}
    assert edited.near(10.004, 50, q="small", open_now="true", price_max=2) == [place]
    assert run("change", "--id", place, "--category", "bookshop", "--without", "price-level").exit_code == 0
    assert place in edited.near(10, 50, category="bookshop")
    assert edited.near(10, 50, price_max=4) == []
    assert run("move", "--id", place, "--lon", "10.3", "--lat", "50.1").exit_code == 0
    assert run("hours", "--id", place, "--unknown").exit_code == 0
    assert edited.near(10.3, 50.1, open_now="true") == []
    assert edited.near(10.3, 50.1) == [place]
    assert run("close", "--id", place, "--reason", "gone").stdout == f"city-2: place {place} closed\n"
    assert run("close", "--id", place).stdout == f"city-2: place {place} was so already\n"
    assert edited.near(10.3, 50.1) == []
    assert run("reopen", "--id", place).exit_code == 0
    assert edited.near(10.3, 50.1) == [place]
    count_rows(edited.world)
    edited.world.run("UPDATE datasets SET rows_declared = 4, rows_stored = 4 WHERE city_id = 2 AND kind = 'places'", {})
    with edited.world.engine.connect() as conn:
        found = [v for r in audit_data(conn, NOW, allow_unsafe=True) for v in r.violations]
    assert found == []


@pytest.mark.parametrize(
    ("given", "says"),
    [
        (("close", "--id", uuid4()), "is not among the places that readers see"),
        (("move", "--id", "{0}", "--lon", "50", "--lat", "100"), "--lon 50 --lat 100"),
        (("move", "--id", "{0}", "--lon", "50", "--lat", "1", "--datum", "mars"), "--datum"),
        (("change", "--id", "{0}"), "give at least one new value"),
        (("change", "--id", "{0}", "--phone", "1", "--without", "phone"), "leave out one of them"),
        (("change", "--id", "{0}", "--attribute", "takeaway=yes"), "is no JSON"),
        (("change", "--id", "{0}", "--name", "12345=x"), "no language tag"),
        (("change", "--id", "{0}", "--category", "moon_base"), "no category is called moon_base"),
        (("hours", "--id", "{0}"), "Give either --hours or --unknown"),
        (("hours", "--id", "{0}", "--hours", "whenever"), "can't be read"),
        (("open", "--lon", "1"), "Missing"),
    ],
)
def test_wrong_calls_end_with_1_and_say_why(run: Run, edited: Edited, given: tuple[object, ...], says: str) -> None:
    done = run(*(str(word).format(edited.ids[0]) for word in given))
    assert done.exit_code == 1, done.output
    assert says in done.output
