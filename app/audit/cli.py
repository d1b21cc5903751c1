"""``fujin audit``: one line a violation; exit code 1 when there is any, 2 when the database can't be asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

import click
import orjson
from sqlalchemy import Connection, create_engine
from sqlalchemy.exc import SQLAlchemyError

from app.audit.actions import audit_data
from app.audit.schema_lint import lint_schema
from app.audit.types import RuleResult
from app.core.clock import system_clock
from app.core.db import normalised_url
from app.core.settings import InvalidSettings, Settings, load_settings

FOUND = 1
OUR_FAULT = 2


@click.command()
@click.option("--schema", "schema_only", is_flag=True, help="Look at the catalogue (keys, names, groups), not at rows.")
@click.option("--verbose", is_flag=True, help="One line a rule too, with the rows it read.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")
@click.option("--allow-unsafe", is_flag=True, help="Accept a server whose settings may lose acknowledged work.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="Violations shown a rule.")
def audit(schema_only: bool, verbose: bool, as_json: bool, allow_unsafe: bool, limit: int) -> None:
    """Check that what the database holds is true: stock, loads, references, ids, shapes, settings."""
    try:
        settings = load_settings()
        with ExitStack() as open_connections:
            urls = _urls(settings)
            conn = open_connections.enter_context(_snapshot(urls[0]))
            if schema_only:
                results = lint_schema(conn)
            else:
                logins = [open_connections.enter_context(_snapshot(url)) for url in urls[1:]]
                now = system_clock()
                results = audit_data(conn, now, logins=logins, allow_unsafe=allow_unsafe, count=verbose, limit=limit)
    except InvalidSettings as error:
        click.echo(f"error: {error}", err=True)
        sys.exit(FOUND)
    except SQLAlchemyError as error:
        click.echo(f"error: the database refused: {getattr(error, 'orig', None) or error}", err=True)
        sys.exit(OUR_FAULT)
    for line in _json_lines(results, verbose) if as_json else _sentences(results, verbose):
        click.echo(line)
    if any(result.violations for result in results):
        sys.exit(FOUND)


def _urls(settings: Settings) -> list[str]:
    """The owner's URL first, then those of the other roles; each once."""
    named = (
        settings.database_owner_url or settings.database_url,
        settings.database_url,
        settings.database_read_url,
        settings.database_import_url,
    )
    return list(dict.fromkeys(normalised_url(url) for url in named if url))


@contextmanager
def _snapshot(url: str) -> Iterator[Connection]:
    """A connection that reads one instant and writes nothing."""
    engine = create_engine(
        url,
        isolation_level="REPEATABLE READ",
        pool_size=1,
        max_overflow=0,
        connect_args={"connect_timeout": 5, "application_name": "fujin audit"},
    )
    try:
        with engine.connect() as conn:
            conn.exec_driver_sql("SET TRANSACTION READ ONLY")
            yield conn
            conn.rollback()
    finally:
        engine.dispose()


def _sentences(results: Iterable[RuleResult], verbose: bool) -> Iterator[str]:
    rules = found = 0
    for result in results:
        rules += not result.skipped
        found += len(result.violations)
        for violation in result.violations:
            yield f"{violation.rule} ({violation.source}): {violation.thing}: {violation.detail}"
        if result.more:
            yield f"{result.rule} ({result.source}): and more; see --limit"
        if verbose:
            yield _of_rule(result)
    yield f"{rules} rules, {found} violation{'' if found == 1 else 's'}"


def _of_rule(result: RuleResult) -> str:
    if result.skipped:
        return f"-  {result.rule} ({result.source}): its tables don't exist"
    read = "" if result.rows_read is None else f", {result.rows_read:,} rows read"
    words = f"{len(result.violations)} violations" if result.violations else "holds"
    return f"{'!!' if result.violations else 'ok'} {result.rule} ({result.source}): {result.title}: {words}{read}"


def _json_lines(results: Iterable[RuleResult], verbose: bool) -> Iterator[str]:
    rules = found = 0
    for result in results:
        rules += not result.skipped
        found += len(result.violations)
        for violation in result.violations:
            facts = {"rule": violation.rule, "source": violation.source}
            yield _json(facts | {"thing": violation.thing, "detail": violation.detail})
        if verbose:
            state = "skipped" if result.skipped else "broken" if result.violations else "holds"
            yield _json({"rule": result.rule, "state": state, "rows_read": result.rows_read, "more": result.more})
    yield _json({"rules": rules, "violations": found})


def _json(facts: object) -> str:
    return orjson.dumps(facts).decode()


commands = [audit]
