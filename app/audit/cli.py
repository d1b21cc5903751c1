"""``fujin audit``: one line a violation; exit code 1 when there is any, 2 when the database can't be asked."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack

import click

from app.audit.actions import audit_data
from app.audit.cli_ledger import ledger
from app.audit.console import FOUND, json_line, snapshot, told, urls_of
from app.audit.schema_lint import lint_schema
from app.audit.types import RuleResult
from app.core.clock import system_clock
from app.core.settings import load_settings


@click.command()
@click.option("--schema", "schema_only", is_flag=True, help="Look at the catalogue (keys, names, groups), not at rows.")
@click.option("--verbose", is_flag=True, help="One line a rule too, with the rows it read.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")
@click.option("--allow-unsafe", is_flag=True, help="Accept a server whose settings may lose acknowledged work.")
@click.option("--rule", "only", multiple=True, metavar="NAME", help="Only rules whose names begin so; may be repeated.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="Violations shown a rule.")
def audit(
    schema_only: bool, verbose: bool, as_json: bool, allow_unsafe: bool, only: tuple[str, ...], limit: int
) -> None:
    """Check that what the database holds is true: stock, claims, money, events, loads, references, ids, settings."""
    with told(), ExitStack() as open_connections:
        urls = urls_of(load_settings())
        conn = open_connections.enter_context(snapshot(urls[0]))
        if schema_only:
            results = lint_schema(conn)
        else:
            logins = [open_connections.enter_context(snapshot(url)) for url in urls[1:]]
            now = system_clock()
            results = audit_data(
                conn, now, logins=logins, allow_unsafe=allow_unsafe, count=verbose, limit=limit, only=only
            )
            if not results:
                raise click.ClickException(f"no rule is called {' or '.join(only)}: --verbose lists them all")
    for line in _json_lines(results, verbose) if as_json else _sentences(results, verbose):
        click.echo(line)
    if any(result.violations for result in results):
        sys.exit(FOUND)


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
            yield json_line(facts | {"thing": violation.thing, "detail": violation.detail})
        if verbose:
            state = "skipped" if result.skipped else "broken" if result.violations else "holds"
            yield json_line({"rule": result.rule, "state": state, "rows_read": result.rows_read, "more": result.more})
    yield json_line({"rules": rules, "violations": found})


commands: list[click.Command] = [audit, ledger]
