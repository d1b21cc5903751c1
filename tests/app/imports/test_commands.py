"""The commands as people and scripts run them."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result
from sqlalchemy import Connection

from app.cities import queries as cities
from app.imports import frames
from app.imports.cli import commands
from app.imports.demo import people
from app.imports.frames import Frame
from tests.app.imports.loadfiles import CITY, only_row, place
from tests.conftest import as_role

Run = Callable[..., Result]
ORIGIN = ("--source-name", "A survey", "--licence", "CC0-1.0", "--attribution", "© A survey")


@pytest.fixture
def run(town: Connection, database_url: str, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs ``fujin …`` against the town's database, loads through the importing role."""
    environment = {
        "DATABASE_URL": as_role(database_url, "fujin_app"),
        "DATABASE_OWNER_URL": database_url,
        "DATABASE_IMPORT_URL": as_role(database_url, "fujin_import"),
        "FUJIN_SECRET_KEY": "tests-sign-with-this-0123456789abcdef",
        "FUJIN_CODE_PEPPER": "tests-hash-with-this-0123456789abcdef",
        "FUJIN_DEMO": "0",
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    group = click.Group("fujin", commands=commands)
    return lambda *arguments: CliRunner().invoke(group, [str(argument) for argument in arguments])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Three places, the second of an unknown category."""
    path = tmp_path / "places.geojsonl"
    rows = [place("a"), place("b", category_id="spaceport"), *(place(f"p{n}") for n in range(300))]
    path.write_text("\n".join(json.dumps(row) for row in rows))
    return path


def test_a_file_is_imported_activated_listed_and_taken_back(run: Run, town: Connection, file: Path) -> None:
    arguments = ("import", file, "--city", "town", "--kind", "places", *ORIGIN)
    first = run(*arguments, "--activate", "--json")
    assert first.exit_code == 0, first.output
    told = json.loads(first.stdout)
    assert (told["outcome"], told["stored"], told["refused"]) == ("staged", 301, 1)
    assert told["faults"] == [{"row": 2, "source_key": "b", "reason": "unknown category spaceport"}]
    assert cities.active_version(town, CITY, "places").version == 1  # type: ignore[union-attr]
    again = run(*arguments)
    assert "unchanged" in again.stdout
    file.write_text(json.dumps(place("a")))
    assert run(*arguments).exit_code == 0
    assert run("datasets", "activate", "town", "places", 2, "--accept-loss").exit_code == 0
    listed = [json.loads(line) for line in run("datasets", "list", "--city", "town", "--json").stdout.splitlines()]
    assert [(row["version"], row["state"], row["active"]) for row in listed] == [
        (2, "active", True),
        (1, "retired", False),
    ]
    told_back = run("datasets", "rollback", "town", "places").stdout
    assert "back to version 1; against version 2: 300 new, 1 kept, 0 removed" in told_back


def test_a_dry_run_goes_the_whole_way_and_keeps_nothing(run: Run, town: Connection, file: Path) -> None:
    result = run("import", file, "--city", "town", "--kind", "places", *ORIGIN, "--activate", "--dry-run")
    assert result.exit_code == 0, result.output
    assert "301 of 302 rows stored, 1 refused (dry run: nothing was kept)" in result.stdout
    assert "row 2 (b): unknown category spaceport" in result.stdout
    assert only_row(town, "SELECT count(*) FROM places")[0] == 0
    assert only_row(town, "SELECT count(*) FROM datasets WHERE city_id = 7")[0] == 0


def test_a_version_that_loses_many_places_is_shown_only_when_that_is_accepted(
    run: Run, town: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "places.geojsonl"

    def write(*keys: str) -> None:
        path.write_text("\n".join(json.dumps(place(key)) for key in keys))

    arguments = ("import", path, "--city", "town", "--kind", "places", *ORIGIN)
    write(*(f"p{n}" for n in range(50)))
    assert "no version was active: 50 new, 0 kept, 0 removed" in run(*arguments, "--activate").stdout
    write("new", *(f"p{n}" for n in range(39)))
    tried = run(*arguments, "--activate", "--dry-run")
    assert (tried.exit_code, "nothing was kept" in tried.stderr) == (1, True)
    refused = run(*arguments, "--activate")
    assert refused.exit_code == 1
    assert "version 2 staged" in refused.stdout
    assert "against version 1: 1 new, 39 kept, 11 removed" in refused.stdout
    assert "error: 11 of the 50 places that readers see would vanish, more than 20%" in refused.stderr
    assert "fujin datasets activate town places 2 --accept-loss" in refused.stderr
    waiting = run(*arguments)
    assert waiting.exit_code == 1
    assert "version 2 of places is staged; activate it or discard it (fujin datasets discard town places 2)" in (
        waiting.stderr
    )
    lacking = run("datasets", "activate", "town", "places", 2)
    assert (lacking.exit_code, "another operator has to approve it first" in lacking.stderr) == (1, True)
    own = run("datasets", "approve", "town", "places", 2, "--note", "mine")
    assert (own.exit_code, "can't be its second person" in own.stderr) == (1, True)
    assert run("datasets", "discard", "town", "places", 2).exit_code == 0
    assert only_row(town, "SELECT count(*) FROM place_facts WHERE version = 2")[0] == 0
    assert cities.active_version(town, CITY, "places").version == 1  # type: ignore[union-attr]
    warned = run(*arguments)
    assert (warned.exit_code, warned.stderr.startswith("warning: 11 of the 50")) == (0, True)
    assert run("datasets", "discard", "town", "places", 3).exit_code == 0
    told = json.loads(run(*arguments, "--activate", "--accept-loss", "--json").stdout)
    assert (told["version"], told["new"], told["kept"], told["removed"]) == (4, 1, 39, 11)
    assert cities.active_version(town, CITY, "places").version == 4  # type: ignore[union-attr]
    shown = run("datasets", "activate", "town", "places", 1).stdout
    assert "version 1 is active; against version 4: 11 new, 39 kept, 1 removed" in shown


def test_a_version_that_wants_a_note_stays_staged_until_one_is_given(
    run: Run, town: Connection, tmp_path: Path
) -> None:
    path = tmp_path / "places.geojsonl"
    path.write_text("\n".join(json.dumps(place(f"p{n}", opening_hours="when we like")) for n in range(20)))
    arguments = ("import", path, "--city", "town", "--kind", "places", *ORIGIN)
    tried = run(*arguments, "--dry-run", "--json")
    assert tried.exit_code == 0, tried.output
    gate = json.loads(tried.stdout)["gate"]
    assert (gate["verdict"], [reason["code"] for reason in gate["reasons"]]) == ("note", ["hours-unreadable"])
    stopped = run(*arguments, "--activate")
    assert stopped.exit_code == 1
    assert "version 1 staged, 20 of 20 rows stored" in stopped.stdout
    assert "  needs: note\n    20 of 20 places with opening hours have some that can't be read" in stopped.stdout
    assert "error: version 1 stays staged: say in a note why it may be shown" in stopped.stderr
    assert "fujin datasets activate town places 1 --note" in stopped.stderr
    assert only_row(town, "SELECT state FROM datasets WHERE city_id = 7")[0] == "staged"
    assert cities.active_version(town, CITY, "places") is None
    lacking = run("datasets", "activate", "town", "places", 1)
    assert (lacking.exit_code, "hint: fujin datasets activate town places 1 --note" in lacking.stderr) == (1, True)
    assert run("datasets", "activate", "town", "places", 1, "--note", "they say so").exit_code == 0
    assert cities.active_version(town, CITY, "places").version == 1  # type: ignore[union-attr]
    history = json.loads(run("datasets", "show", "town", "places", 1, "--json").stdout)["history"]
    assert [(step["step"], step["note"]) for step in history] == [
        ("loaded", None),
        ("staged", None),
        ("activated", "they say so"),
    ]


def test_a_note_given_with_the_load_shows_its_version_at_once(run: Run, town: Connection, tmp_path: Path) -> None:
    path = tmp_path / "places.geojsonl"
    path.write_text("\n".join(json.dumps(place(f"p{n}", opening_hours="when we like")) for n in range(20)))
    arguments = ("import", path, "--city", "town", "--kind", "places", *ORIGIN)
    useless = run(*arguments, "--note", "why")
    assert (useless.exit_code, "--note goes with --activate" in useless.stderr) == (1, True)
    assert run(*arguments, "--activate", "--note", "they say so").exit_code == 0
    assert cities.active_version(town, CITY, "places").version == 1  # type: ignore[union-attr]


def test_a_dry_run_with_activate_ends_as_the_load_would(run: Run, town: Connection, tmp_path: Path) -> None:
    path = tmp_path / "places.geojsonl"
    path.write_text("\n".join(json.dumps(place(f"p{n}", opening_hours="when we like")) for n in range(20)))
    tried = run("import", path, "--city", "town", "--kind", "places", *ORIGIN, "--activate", "--dry-run")
    assert (tried.exit_code, "error: nothing was kept: say in a note" in tried.stderr) == (1, True)
    assert only_row(town, "SELECT count(*) FROM datasets WHERE city_id = 7")[0] == 0


def test_a_blocked_file_ends_with_one_and_is_kept_as_failed(run: Run, town: Connection, tmp_path: Path) -> None:
    path = tmp_path / "bad.geojsonl"
    path.write_text(json.dumps(place("a", category_id="spaceport")))
    result = run("import", path, "--city", "town", "--kind", "places", *ORIGIN)
    assert result.exit_code == 1
    assert "error: every row was refused (1); nothing of the file was kept. Mend the file.\n" in result.stderr
    assert only_row(town, "SELECT state FROM datasets WHERE city_id = 7")[0] == "failed"


def test_too_many_refused_rows_are_not_shown_until_that_is_accepted(run: Run, town: Connection, tmp_path: Path) -> None:
    path = tmp_path / "half.geojsonl"
    path.write_text("\n".join(json.dumps(row) for row in (place("a"), place("b", category_id="spaceport"))))
    arguments = ("import", path, "--city", "town", "--kind", "places", *ORIGIN, "--activate")
    refused = run(*arguments)
    assert refused.exit_code == 1
    assert "error: 1 of 2 rows were refused, more than 0.5% of them; nothing of the file was kept." in refused.stderr
    assert "--accept-refused" in refused.stderr
    assert cities.active_version(town, CITY, "places") is None
    accepted = run(*arguments, "--accept-refused")
    assert accepted.exit_code == 0, accepted.output
    assert "version 2 active, 1 of 2 rows stored, 1 refused" in accepted.stdout
    assert "note: town has no regions yet" in accepted.stdout


@pytest.mark.parametrize(("content", "said"), [("", "is empty"), ("\n\n", "holds nothing but blanks")])
def test_an_empty_file_says_that_it_is_empty(run: Run, tmp_path: Path, content: str, said: str) -> None:
    for name in ("empty.geojsonl", "empty.geojson"):
        path = tmp_path / name
        path.write_text(content)
        result = run("import", path, "--city", "town", "--kind", "places", *ORIGIN)
        assert result.exit_code == 1
        assert f"The file {said}" in result.stderr
    path.write_text('{"type": "FeatureCollection", "features": []}')
    assert "The file holds no rows" in run("import", path, "--city", "town", "--kind", "places", *ORIGIN).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("datasets", "rollback", "nowhere", "places"), "there is no territory nowhere"),
        (("datasets", "rollback", "town", "places"), "no earlier version"),
        (("datasets", "activate", "town", "places", "9"), "there is no version 9"),
        (("datasets", "approve", "town", "places", "1", "--note", " "), "write 1 to 500 characters"),
        (("datasets", "rollback", "town", "places", "--note", "n" * 501), "write 1 to 500 characters"),
    ],
)
def test_a_callers_fault_ends_with_one_and_says_so(run: Run, arguments: tuple[str, ...], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert message in result.stderr


def test_a_database_that_does_not_answer_ends_with_two(
    run: Run, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_IMPORT_URL", as_role(database_url, "nobody_of_that_name"))
    result = run("datasets", "list")
    assert result.exit_code == 2
    assert "the database refused" in result.stderr


def test_an_unknown_datum_is_a_wrong_argument(run: Run, file: Path) -> None:
    result = run("import", file, "--city", "town", "--kind", "places", *ORIGIN, "--datum", "mars")
    assert result.exit_code == 1
    assert "wgs84, gcj02 and bd09" in result.stderr


def test_a_load_that_is_stopped_from_the_keyboard_says_so_and_leaves_nothing(
    run: Run, town: Connection, file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: Any) -> Iterator[Frame]:
        yield Frame.of(frames.FACTS, {})
        raise KeyboardInterrupt

    monkeypatch.setattr("app.imports.child.messages", stopped)
    result = run("import", file, "--city", "town", "--kind", "places", *ORIGIN)
    assert (result.exit_code, result.stderr) == (130, "error: stopped; what it had begun was taken back\n")
    assert only_row(town, "SELECT count(*) FROM datasets WHERE city_id = 7")[0] == 0


@pytest.mark.parametrize("command", ["import", "look"])
def test_what_is_no_plain_file_is_refused_with_what_to_do(run: Run, tmp_path: Path, command: str) -> None:
    pipe, more = tmp_path / "pipe", ("--city", "town", *ORIGIN) if command == "import" else ()
    os.mkfifo(pipe)
    for given, said in (("-", "'-' is no plain file"), (pipe, "is no plain file"), (tmp_path, "is a directory")):
        result = run(command, given, "--kind", "places", *more)
        assert (result.exit_code, said in result.stderr) == (1, True), result.output
    assert "write what comes from it to a file first" in run(command, "-", "--kind", "places", *more).stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("import",), "Missing FILE, --city, --kind, --source-name, --licence, --attribution."),
        (("import", "pyproject.toml", "--city", "town", *ORIGIN), "Missing --kind."),
        (("import", "nowhere.geojson", "--city", "town", "--kind", "places", *ORIGIN), "'nowhere.geojson' does not"),
        (("import", "pyproject.toml", "--kind", "shops"), "'shops' is not one of"),
        (("import", "pyproject.toml", "--fly"), "No such option '--fly'"),
        (("datasets", "activate", "town"), "Missing KIND, VERSION."),
        (("datasets", "forget"), "No such command 'forget'"),
    ],
)
def test_a_wrong_call_ends_with_one_and_shows_the_usage(arguments: tuple[str, ...], message: str) -> None:
    # Below another program, as below flask's own.
    outer = click.Group("flask", commands=[click.Group("fujin", commands=commands)])
    result = CliRunner().invoke(outer, ["fujin", *arguments])
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stderr.startswith(f"Usage: fujin {arguments[0]} ")


def test_a_refused_file_is_told_with_its_code_and_to_scripts_as_json(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "shops.csv"
    path.write_text("id,name\n1,Shop\n")
    arguments = ("import", path, "--city", "town", "--kind", "places", *ORIGIN)
    assert "error: No column says where the rows are. (no-position)" in run(*arguments).stderr
    told = run(*arguments, "--json")
    assert told.exit_code == 1
    error = json.loads(told.stdout)["error"]
    assert (error["code"], error["detail"]) == ("no-position", "No column says where the rows are.")
    assert error["hint"].startswith("Declare lon and lat")
    missing = run("datasets", "show", "town", "places", 9, "--json")
    assert (missing.exit_code, json.loads(missing.stdout)["error"]["code"]) == (1, "unknown-version")


def test_seeding_tells_what_it_did_and_then_that_nothing_changed(
    run: Run, owner: sa.Engine, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The town's world holds other categories; the seeds' own become the next version.
    bare = run("seed", "--json")
    assert bare.exit_code == 0, bare.output
    assert {line["outcome"] for line in map(json.loads, bare.stdout.splitlines()) if "outcome" in line} == {"staged"}
    with owner.connect() as conn:
        assert only_row(conn, "SELECT count(*) FROM members")[0] == 0, "without the demo no people are made"
        assert only_row(conn, "SELECT count(*) FROM coupons")[0] == 0
    monkeypatch.setenv("FUJIN_DEMO", "1")
    first = run("seed", "--json")
    assert first.exit_code == 0, first.output
    told = [json.loads(line) for line in first.stdout.splitlines()]
    assert {line["outcome"] for line in told if "outcome" in line} == {"unchanged"}
    assert told[-1]["demo"] == "added"
    assert told[-1]["coupons"] >= 60
    with owner.connect() as conn:
        for login in ("owner1", "admin"):
            assert people.demo_password(os.environ["FUJIN_SECRET_KEY"], login) not in first.output
        assert only_row(conn, "SELECT count(*) FROM credentials")[0] > 0
    second = run("seed")
    assert second.exit_code == 0
    assert second.stdout.splitlines()[-1] == "demo: already there"
    assert all("unchanged" in line for line in second.stdout.splitlines()[:-1])
