"""``fujin outbox``: what waits, what was given up, and trying it again."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from datetime import datetime
from typing import Any
from uuid import UUID

import click
import orjson
from flask.cli import with_appcontext

from app.core.errors import AppError
from app.http.services import services
from app.outbox import actions, queries_backlog


def _print(rows: Iterable[dict[str, Any]], as_json: bool) -> None:
    for row in rows:
        if as_json:
            click.echo(orjson.dumps(row).decode())
        else:
            click.echo("  ".join(f"{name} {_word(value)}" for name, value in row.items()))


def _word(value: Any) -> str:
    if isinstance(value, datetime):
        return value.isoformat(timespec="seconds")
    return "-" if value is None else str(value)


@click.group(help="Events and webhooks: what waits, what was given up, trying it again.")
def outbox() -> None:
    """The group."""


@outbox.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
def status(as_json: bool) -> None:
    """One line a city: its last position, what waits and since when, what is dead."""
    with services().database.read_primary() as conn:
        found = queries_backlog.backlog(conn)
    _print(
        (
            {
                "city": each.city_id,
                "position": each.position,
                "waiting": each.waiting,
                "waiting_since": each.waiting_since,
                "due": each.due,
                "due_since": each.due_since,
                "dead_events": each.dead_events,
                "dead_deliveries": each.dead_deliveries,
            }
            for each in found
        ),
        as_json,
    )


@outbox.command()
@click.option("--city", type=int, help="Of this city alone (its number).")
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
def dead(city: int | None, limit: int, as_json: bool) -> None:
    """Events that could not be told and deliveries that were given up, the latest first, with their reasons."""
    with services().database.read_primary() as conn:
        found = queries_backlog.dead_letters(conn, city, limit)
    _print(
        (
            {
                "event": str(each.event_id),
                "endpoint": None if each.endpoint_id is None else str(each.endpoint_id),
                "type": each.type,
                "city": each.city_id,
                "since": each.since,
                "reason": each.reason,
            }
            for each in found
        ),
        as_json,
    )


@outbox.command()
@click.argument("event_id", type=click.UUID)
@click.option("--endpoint", type=click.UUID, help="Its delivery to this endpoint alone.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
def requeue(event_id: UUID, endpoint: UUID | None, as_json: bool) -> None:
    """Try a dead event, or its dead deliveries, again."""
    try:
        with services().database.write() as conn:
            again = actions.requeue(conn, event_id, endpoint, services().clock())
            conn.commit()
    except AppError as error:
        click.echo(f"error: {error.detail}", err=True)
        sys.exit(1)
    _print([{"event": str(event_id), "due_again": len(again)}], as_json)


commands = (outbox,)
