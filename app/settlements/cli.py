"""``fujin settlements``: statements drafted, closed, paid, disputed and listed. A merchant a transaction."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from functools import wraps
from pathlib import Path
from typing import ParamSpec
from uuid import UUID
from zoneinfo import ZoneInfo

import click
import orjson
from flask.cli import with_appcontext
from sqlalchemy import Connection

from app.cities.queries import territory_by_slug
from app.cities.types import Territory
from app.core.errors import AppError, NotFound
from app.core.ids import city_of
from app.http.services import services
from app.settlements import actions, queries, rules
from app.settlements.errors import NothingToSettle
from app.settlements.types import Settlement

P = ParamSpec("P")
STATES = ("draft", "closed", "paid", "disputed")


def _guarded(command: Callable[P, None]) -> Callable[P, None]:
    """A refusal ends the command with 1 and its words."""

    @wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            command(*args, **kwargs)
        except AppError as refusal:
            click.echo(f"error: {refusal.title}: {refusal.detail}", err=True)
            sys.exit(1)

    return run


@contextmanager
def _committing() -> Iterator[Connection]:
    with services().database.write() as conn:
        yield conn
        conn.commit()


def _city(slug: str) -> Territory:
    with services().database.read_primary() as conn:
        found = territory_by_slug(conn, slug)
    if found is None:
        raise NotFound(f"there is no territory {slug!r}; take a slug from /v1/cities")
    return found


def _until(words: str | None, city: Territory, now: datetime) -> datetime:
    """The end of a period: an instant, or the first moment of a day in the city; today's by default."""
    zone = ZoneInfo(city.time_zone)
    if words is None:
        return datetime.combine(now.astimezone(zone).date(), time(), zone)
    try:
        if len(words) == len("2026-11-30"):
            return datetime.combine(date.fromisoformat(words), time(), zone)
        found = datetime.fromisoformat(words)
    except ValueError:
        found = None
    if found is None or found.tzinfo is None:
        raise click.BadParameter("give a day (2026-12-01) or an instant with offset (2026-12-01T00:00:00+08:00)")
    return found


def _say(found: Settlement, as_json: bool) -> None:
    netting = found.netting
    if as_json:
        facts = {
            "settlement": str(found.settlement_id),
            "merchant": str(found.merchant_id),
            "number": found.number,
            "state": found.state,
            "period_from": found.period_from.isoformat(),
            "period_to": found.period_to.isoformat(),
            "currency": found.currency,
            "lines": found.line_count,
            "opening_minor": netting.opening_minor,
            "lines_minor": netting.lines_minor,
            "receivable_minor": netting.receivable_minor,
            "recovered_minor": netting.recovered_minor,
            "payout_minor": netting.payout_minor,
            "carried_minor": netting.carried_minor,
            "file_sha256": None if found.file_sha256 is None else found.file_sha256.hex(),
            "payout_ref": found.payout_ref,
        }
        click.echo(orjson.dumps(facts).decode())
        return
    what = f"{found.settlement_id}  no. {found.number}  {found.state:8}  until {found.period_to.isoformat()}"
    money = f"{found.currency} {found.line_count} lines {netting.lines_minor:+d}, to pay out {netting.payout_minor}"
    more = [
        f"{word} {amount:+d}"
        for word, amount in (
            ("carried on before", netting.opening_minor),
            ("carried on", netting.carried_minor),
            ("receivable", netting.receivable_minor),
            ("recovered", -netting.recovered_minor),
        )
        if amount
    ]
    click.echo("  ".join((what, ", ".join((money, *more)))))


@click.group()
def settlements() -> None:
    """What merchants are owed: draft, close, pay, dispute and list statements."""


@settlements.command("list")
@click.option("--city", required=True, help="Slug of the territory.")
@click.option("--state", type=click.Choice(STATES), help="Only statements in this state.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
@_guarded
def list_settlements(city: str, state: str | None, as_json: bool) -> None:
    """The latest statements of a city, newest first; of drafts what they would come to if they were closed now."""
    territory = _city(city)
    with services().database.read_primary() as conn:
        for found in queries.city_settlements(conn, territory.city_id, state):
            _say(actions.foreseen(conn, found, services().settings.settlement_floor_minor), as_json)


@settlements.command()
@click.option("--city", required=True, help="Slug of the territory.")
@click.option("--until", help="End of the period: a day of the city, or an instant; this day's beginning by default.")
@click.option("--merchant", type=click.UUID, help="This merchant alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
@_guarded
def draft(city: str, until: str | None, merchant: UUID | None, as_json: bool) -> None:
    """Begin a statement for each merchant with lines that are due, or move the end of the draft that it has."""
    for found in _drafted(city, until, merchant):
        _say(found, as_json)


@settlements.command()
@click.argument("settlement_ids", nargs=-1, type=click.UUID)
@click.option("--city", help="Instead of ids: every merchant of this territory (slug) with lines that are due.")
@click.option("--until", help="With --city: end of the period, as for draft.")
@click.option("--merchant", type=click.UUID, help="With --city: this merchant alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
@_guarded
def close(
    settlement_ids: tuple[UUID, ...], city: str | None, until: str | None, merchant: UUID | None, as_json: bool
) -> None:
    """Fix statements: lines, file and amounts never change again. Drafts by their ids, or a city's whole period."""
    if bool(settlement_ids) == (city is not None):
        raise click.UsageError("name drafts by their ids, or a city with --city")
    wanted = settlement_ids or tuple(found.settlement_id for found in _drafted(city or "", until, merchant))
    floor = services().settings.settlement_floor_minor
    for settlement_id in wanted:
        try:
            with _committing() as conn:
                closed = actions.close(conn, settlement_id, floor, services().clock())
        except NothingToSettle:
            if settlement_ids:
                raise
            continue  # a draft of the city whose lines were reversed into another period waits on
        _say(closed, as_json)


def _drafted(city: str, until: str | None, merchant: UUID | None) -> Iterator[Settlement]:
    territory, now = _city(city), services().clock()
    cut = _until(until, territory, now)
    with services().database.read_primary() as conn:
        due = actions.due_merchants(conn, territory.city_id, cut)
    for merchant_id, currency in due:
        if merchant in (None, merchant_id):
            with _committing() as conn:
                found = actions.draft(conn, territory.city_id, merchant_id, currency, cut, now)
                shown = actions.foreseen(conn, found, services().settings.settlement_floor_minor)
            yield shown


@settlements.command()
@click.argument("settlement_id", type=click.UUID)
@click.option("--reference", required=True, help="Under which the bank knows the payout.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
@_guarded
def paid(settlement_id: UUID, reference: str, as_json: bool) -> None:
    """Say that the payout of a closed statement left; the same again changes nothing."""
    if not 1 <= len(reference) <= 100 or not reference.isprintable():
        raise click.BadParameter("a reference has 1 to 100 printable characters")
    with _committing() as conn:
        found = actions.pay(conn, settlement_id, reference, services().clock())
    _say(found, as_json)


@settlements.command()
@click.argument("settlement_id", type=click.UUID)
@click.option("--reason", required=True, help="What the merchant says.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
@_guarded
def dispute(settlement_id: UUID, reason: str, as_json: bool) -> None:
    """Hold a statement up: it is not paid before the dispute is resolved."""
    with _committing() as conn:
        found = actions.dispute(conn, settlement_id, reason[:500], services().clock())
    _say(found, as_json)


@settlements.command()
@click.argument("settlement_id", type=click.UUID)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
@_guarded
def resolve(settlement_id: UUID, as_json: bool) -> None:
    """End a dispute: the statement is as it was before, and what was wrong goes into a later one."""
    with _committing() as conn:
        found = actions.resolve(conn, settlement_id, services().clock())
    _say(found, as_json)


@settlements.command("file")
@click.argument("settlement_id", type=click.UUID)
@click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="Write it there; standard output else.")
@with_appcontext
@_guarded
def write_file(settlement_id: UUID, out: Path | None) -> None:
    """Write the lines of a statement as CSV, the file whose hash was told when it was closed."""
    with services().database.read_primary() as conn:
        found = queries.read_settlement(conn, city_of(settlement_id), settlement_id)
        if found is None:
            raise NotFound("there is no such settlement")
        content = rules.file_of(found.currency, actions.lines_shown(conn, found))
    if out is None:
        click.echo(content.decode(), nl=False)
    else:
        out.write_bytes(content)
        click.echo(f"{out}: {len(content)} bytes, SHA-256 {rules.hash_of(content).hex()}")


commands: list[click.Command] = [settlements]
