"""``fujin ledger``: derives the ledger again and compares, and shows what stands on its accounts."""

from __future__ import annotations

import sys

import click

from app.audit import queries
from app.audit.console import FOUND, json_line, snapshot, told, urls_of
from app.core.settings import load_settings
from app.ledger.queries import balances


@click.group()
def ledger() -> None:
    """Look at the ledger; nothing is written."""


@ledger.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")
@click.option("--limit", default=1000, show_default=True, type=click.IntRange(1), help="Differences shown.")
def check(as_json: bool, limit: int) -> None:
    """Derive the ledger again from payments, refunds, redemptions and budgets, and compare it with the stored one.

    One line a difference (missing, extra, another amount or account); exit code 1 when there is any.
    """
    with told(), snapshot(urls_of(load_settings())[0]) as conn:
        found = queries.ledger_differences(conn, limit + 1)
        compared = queries.count_transfers(conn)
    shown, more = found[:limit], len(found) > limit
    for difference in shown:
        if as_json:
            click.echo(json_line(difference._asdict()))
        else:
            click.echo(
                f"city {difference.city_id}: {difference.kind} of {difference.ref_type} {difference.ref_id}:"
                f" {difference.wrong}"
            )
    if as_json:
        click.echo(json_line({"transfers": compared, "differences": len(shown), "more": more}))
    else:
        count = f"{len(shown)} difference{'' if len(shown) == 1 else 's'}"
        click.echo(f"{compared} transfers, {'more than ' if more else ''}{count}")
    if found:
        sys.exit(FOUND)


@ledger.command("balances")
@click.option("--city", "slug", help="One city, by its short name; all that have accounts otherwise.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")
def show_balances(slug: str | None, as_json: bool) -> None:
    """Show the balance of each kind of account, by city and currency; debits are positive, the sum is 0."""
    with told(), snapshot(urls_of(load_settings())[0]) as conn:
        books = [book for book in queries.books(conn) if slug in (None, book.slug)]
        found = [(book, balances(conn, book.city_id, book.currency)) for book in books]
    if slug is not None and not books:
        click.echo(f"error: no city called {slug} has accounts", err=True)
        sys.exit(FOUND)
    for book, by_kind in found:
        total = sum(by_kind.values())
        if as_json:
            facts = {"city": book.slug, "city_id": book.city_id, "currency": book.currency}
            click.echo(json_line(facts | {"balances": by_kind, "sum": total}))
            continue
        for kind, balance_minor in by_kind.items():
            click.echo(f"{book.slug} {book.currency} {kind} {balance_minor:+d}")
        click.echo(f"{book.slug} {book.currency} sum {total:+d}")
