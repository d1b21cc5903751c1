"""The house's own rules: policies, documented problems and settings, file sizes and names, commits, clocks."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.core.settings import Settings
from app.factory import create_app
from app.http.api import undeclared_routes
from app.http.auth import Policy
from app.http.problems import MEDIA_TYPE
from tests.conftest import ROOT

METHODS = ("get", "post", "put", "patch", "delete")
SOURCES = ("app", "geo", "migrations", "devtools", "seeds", "tests", "bench")
MADE = ("node_modules", "static", "__pycache__")
FORBIDDEN_NAMES = {"utils", "util", "helpers", "helper", "common", "manager", "base", "service", "misc"}
MAY_COMMIT = (
    *("app/http/transaction.py", "app/http/steps.py", "app/worker.py", "app/outbox/relay.py", "app/outbox/sender.py"),
    # the test wallet stands for a partner's system: its books are its own
    *("app/payments/providers/test_wallet.py", "app/payments/providers/wallet_notices.py"),
    "app/payments/providers/wallet_books.py",
    # work on versions: the worker marks what is due, a process of its own does it under a lease
    *("app/imports/loaders.py", "app/imports/jobs.py"),
)
MAX_LINES = 400
DATABASE_CLOCK = re.compile(r"\b(now\(\)|current_timestamp|current_date|localtimestamp|clock_timestamp\(\))", re.I)


def sources(*endings: str, under: tuple[str, ...] = SOURCES) -> Iterator[Path]:
    """Files that people wrote, by ending."""
    for folder in under:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.suffix in endings and not set(MADE) & set(path.parts):
                yield path


def shown(path: Path) -> str:
    """A path from the root of the checkout."""
    return str(path.relative_to(ROOT))


@pytest.fixture(scope="module")
def built(settings_for: Callable[[str], Settings]) -> Flask:
    """The application, over a database that nothing asks."""
    return create_app(settings_for("postgresql+psycopg2://fujin_owner@/none"))


@pytest.fixture(scope="module")
def operations(built: Flask) -> list[tuple[str, dict[str, Any]]]:
    """Every operation of the API document, with its name."""
    document = built.test_client().get("/openapi.json").get_json()
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in document["paths"].items()
        for method, operation in methods.items()
        if method in METHODS
    ]


def page_endpoints(built: Flask) -> set[str]:
    """Endpoints of plain pages: the one blueprint that needs no policy."""
    return {name for name in built.view_functions if name.startswith(f"{built.config['PAGES']}.")}


def test_every_route_has_a_policy_or_is_a_page(built: Flask) -> None:
    assert undeclared_routes(built) == []
    pages = page_endpoints(built)
    declared = {rule.endpoint for rule in built.url_map.iter_rules()} - pages
    assert pages
    assert declared
    without = {name for name in declared if not isinstance(getattr(built.view_functions[name], "policy", None), Policy)}
    assert without == set()


def test_application_with_an_undeclared_route_is_told_of(settings_for: Callable[[str], Settings]) -> None:
    app = create_app(settings_for("postgresql+psycopg2://fujin_owner@/none"))
    app.add_url_rule("/v1/back-door", "back_door", lambda: "open", methods=["GET"])
    assert undeclared_routes(app) == ["GET,HEAD,OPTIONS /v1/back-door (back_door)"]


def test_pages_only_read(built: Flask) -> None:
    pages = page_endpoints(built)
    for rule in built.url_map.iter_rules():
        if rule.endpoint in pages:
            assert (rule.methods or set()) <= {"GET", "HEAD", "OPTIONS"}, rule.rule


def test_every_operation_documents_its_problems(operations: list[tuple[str, dict[str, Any]]]) -> None:
    assert operations
    for name, operation in operations:
        responses = operation["responses"]
        problems = {int(status) for status in responses if int(status) >= 400}
        assert {400, 429, 500, 503} <= problems, name
        if {} not in operation["security"]:
            assert {401, 403} <= problems, name
        if "requestBody" in operation:
            assert {413, 415, 422} <= problems, name
        if "{" in name:
            assert 404 in problems, name
        for status in problems:
            assert set(responses[str(status)]["content"]) == {MEDIA_TYPE}, (name, status)
            assert re.search(r"`[a-z-]+`: ", responses[str(status)]["description"]), (name, status)


def test_every_operation_says_what_it_is_and_who_may(operations: list[tuple[str, dict[str, Any]]]) -> None:
    for name, operation in operations:
        assert operation["operationId"], name
        assert operation.get("summary") or operation.get("description"), name
        assert operation["x-owner"], name
        assert operation["x-roles"], name
    names = [operation["operationId"] for _, operation in operations]
    assert len(names) == len(set(names))


def test_every_setting_is_documented_with_its_default() -> None:
    rows = settings_table()
    for item in fields(Settings):
        variable = item.metadata["variable"]
        assert variable in rows, f"docs/settings.md has no row for {variable}"
        default = rows[variable]
        if item.default is MISSING:
            assert default == "required", variable
        elif item.default in (None, ()):
            assert default in ("none", "`DATABASE_URL`", "the owner's"), variable
        else:
            assert default == f"`{_written(item.default)}`", variable


def test_every_setting_is_used() -> None:
    words = " ".join(path.read_text() for path in sources(".py", under=("app",)) if path.name != "settings.py")
    assert [item.name for item in fields(Settings) if not re.search(rf"\.{item.name}\b", words)] == []


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "1" if value else "0"
    if isinstance(value, tuple):
        return ",".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)


def settings_table() -> dict[str, str]:
    """Default by variable, from the page."""
    page = (ROOT / "docs" / "settings.md").read_text()
    rows = re.findall(r"^\| `([A-Z_]+)` \| (.+?) \| (.+?) \|$", page, re.M)
    assert len(rows) == len({variable for variable, _, _ in rows})
    return {variable: default for variable, default, _ in rows}


def test_every_variable_of_ours_that_a_program_names_is_documented() -> None:
    known = set(settings_table())
    files = [*sources(".py", under=("app", "devtools", "migrations")), ROOT / "dev", ROOT / "gunicorn.conf.py"]
    named = {word for path in files for word in re.findall(r"\b(?:FUJIN|DATABASE)_[A-Z_]*[A-Z]\b", path.read_text())}
    named -= {"FUJIN_DATABASE_URL"}  # another name of DATABASE_URL, said in its row
    undocumented = {word for word in named if f'"{word}"' in "".join(path.read_text() for path in files)} - known
    assert undocumented == set()


def test_no_file_over_400_lines_without_a_reason_in_its_first_line() -> None:
    long = []
    for path in sources(".py", ".ts"):
        lines = path.read_text().splitlines()
        if len(lines) > MAX_LINES and "400 lines" not in lines[0]:
            long.append(f"{shown(path)}: {len(lines)} lines")
    assert long == []


def test_no_file_has_a_name_that_says_nothing() -> None:
    assert [shown(path) for path in sources(".py", ".ts") if path.stem in FORBIDDEN_NAMES] == []


def test_every_module_begins_with_a_docstring() -> None:
    bare = [shown(path) for path in sources(".py", under=("app", "geo", "migrations")) if not _docstring(path)]
    assert bare == []


def _docstring(path: Path) -> str | None:
    return ast.get_docstring(ast.parse(path.read_text()))


def test_commits_stand_at_the_edge() -> None:
    found = []
    for path in sources(".py", under=("app",)):
        name = shown(path)
        if name in MAY_COMMIT or path.name == "cli.py" or path.name.startswith("cli_"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "commit":
                if node.args:  # a redemption's commit names what it commits; a connection's takes nothing
                    continue
                receiver = ast.unparse(node.func.value)
                if "savepoint" not in receiver and "nested" not in receiver:
                    found.append(f"{name}:{node.lineno} {receiver}.commit()")
    assert found == []


def test_no_statement_of_the_application_reads_the_databases_clock() -> None:
    """core/clock alone asks for it, to compare; the audit's lint names the words it looks for."""
    allowed = {"app/core/clock.py", "app/audit/shape_rules.py"}
    found = []
    for path in sources(".py", under=("app",)):
        if shown(path) in allowed:
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and DATABASE_CLOCK.search(node.value):
                found.append(f"{shown(path)}:{node.lineno}")
            if isinstance(node, ast.Attribute) and ast.unparse(node) in ("func.now", "func.current_timestamp"):
                found.append(f"{shown(path)}:{node.lineno}")
    assert found == []
