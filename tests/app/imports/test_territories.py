"""Territories from the command line: added before any data is there, changed in place, refused with what to write."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from click.testing import Result
from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.queries_territories import FIRST_ID, territories_open_to
from tests.app.imports.loadfiles import CITY
from tests.app.imports.test_commands import run  # noqa: F401 - a fixture

Run = Callable[..., Result]
LISBON = ("--name", "pt=Lisboa", "--name", "en=Lisbon", "--language", "pt", "--time-zone", "Europe/Lisbon")
WHERE = ("--lon", "-9.14", "--lat", "38.72")


def test_a_territory_is_added_seen_by_its_operator_and_changed_in_place(
    run: Run,  # noqa: F811 - the fixture
    town: Connection,
) -> None:
    added = run("cities", "add", "lisbon", *LISBON, *WHERE, "--country", "PT", "--currency", "EUR", "--json")
    assert added.exit_code == 0, added.output
    assert json.loads(added.stdout) == {"city": "lisbon", "city_id": FIRST_ID, "outcome": "added"}
    (mine,) = territories_open_to(town, [FIRST_ID])
    assert mine.territory.names == {"local": "Lisboa", "pt": "Lisboa", "en": "Lisbon"}
    assert (mine.territory.centre.lon, mine.territory.centre.lat, mine.seen) == (-9.14, 38.72, ())
    town.rollback()
    changed = run("cities", "add", "lisbon", *LISBON, *WHERE, "--zoom", "11")
    assert f"lisbon: changed, city_id {FIRST_ID}" in changed.stdout
    assert cities.territory_by_slug(town, "lisbon").zoom == 11  # type: ignore[union-attr]
    town.rollback()
    second = run("cities", "add", "porto", *LISBON, *WHERE, "--json")
    assert json.loads(second.stdout)["city_id"] == FIRST_ID + 1
    lines = run("cities", "list").stdout.splitlines()
    assert [line.split() for line in lines if line.startswith("lisbon")] == [
        ["lisbon", str(FIRST_ID), "no", "data", "yet"]
    ]


def test_operators_see_their_own_territories_alone(town: Connection) -> None:
    assert [one.territory.city_id for one in territories_open_to(town, [CITY])] == [CITY]
    assert territories_open_to(town, []) == ()
    assert {CITY, 1} <= {one.territory.city_id for one in territories_open_to(town, None)}


@pytest.mark.parametrize(
    ("slug", "more", "said"),
    [
        ("Lisbon", WHERE, "'Lisbon' is no slug: 2 to 40 of a-z, 0-9 and -, a letter first"),
        ("world", WHERE, "'world' is no slug"),
        ("lisbon", (*WHERE, "--language", "de"), "--language de has no --name: add --name de=…"),
        ("lisbon", (*WHERE, "--name", "Lissabon"), "--name 'Lissabon': write the language first, as en=Lisbon"),
        ("lisbon", (*WHERE, "--time-zone", "Lisbon/Europe"), "'Lisbon/Europe' is no IANA zone"),
        ("lisbon", (*WHERE, "--currency", "euro"), "--currency 'euro' has not the form [A-Z]{3}"),
        ("lisbon", ("--lon", "38.72", "--lat", "-99.14"), "--lon 38.72 --lat -99.14: "),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(
    run: Run,  # noqa: F811 - the fixture
    town: Connection,
    slug: str,
    more: tuple[str, ...],
    said: str,
) -> None:
    refused = run("cities", "add", slug, *LISBON, *more)
    assert refused.exit_code == 1
    assert said in refused.stderr
    assert cities.territory_by_slug(town, "lisbon") is None
