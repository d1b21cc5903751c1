"""``fujin fraud``: signals of abuse, looked for, listed and settled."""

from __future__ import annotations

import sys
from uuid import UUID

import click
import orjson
from flask.cli import with_appcontext
from sqlalchemy import true

from app.cities.queries import city_ids
from app.core.ids import city_of
from app.fraud import queries
from app.fraud.actions import look
from app.fraud.types import Flag
from app.http.services import services


@click.group()
def fraud() -> None:
    """Signals of abuse by merchants' people: look, list, settle."""


@fraud.command("look")
@with_appcontext
def look_now() -> None:
    """Look at what tills did lately, as the worker does every minute."""
    parts = services()
    with parts.database.read_primary() as conn:
        cities = city_ids(conn)
    new = 0
    for city_id in cities:
        with parts.database.write() as conn:
            new += look(conn, city_id, parts.settings, parts.clock())
            conn.commit()
    click.echo(f"{new} new")


@fraud.command("list")
@click.option("--merchant", type=click.UUID, help="Only of this merchant.")
@click.option("--state", type=click.Choice(["open", "dismissed", "confirmed"]), help="Only those in this state.")
@click.option("--limit", type=click.IntRange(1, 1000), default=100, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
def listed(merchant: UUID | None, state: str | None, limit: int, as_json: bool) -> None:
    """Signals, newest first."""
    reach = true() if merchant is None else queries.of_merchants([merchant])
    with services().database.read_primary() as conn:
        found = queries.flags(conn, reach, state, None, limit)
    for flag in found:
        click.echo(_line(flag, as_json))


@fraud.command("settle")
@click.argument("flag_id", type=click.UUID)
@click.option("--as", "state", type=click.Choice(["dismissed", "confirmed"]), required=True)
@click.option("--by", required=True, help="Who looked.")
@click.option("--note", help="What was found.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
def settle(flag_id: UUID, state: str, by: str, note: str | None, as_json: bool) -> None:
    """Say that somebody has looked."""
    parts = services()
    with parts.database.write() as conn:
        found = queries.settle_flag(
            conn, city_of(flag_id), flag_id, state, by[:200], (note or "")[:500] or None, parts.clock()
        )
        conn.commit()
    if found is None:
        click.echo(f"error: there is no open signal {flag_id}; see fujin fraud list", err=True)
        sys.exit(1)
    click.echo(_line(found, as_json))


def _line(flag: Flag, as_json: bool) -> str:
    told = {
        "flag_id": str(flag.flag_id),
        "rule": flag.rule,
        "merchant_id": str(flag.merchant_id),
        "place_id": str(flag.place_id),
        "staff_id": flag.staff_id,
        "count": flag.count,
        "last_at": flag.last_at.isoformat(),
        "state": flag.state,
    }
    if as_json:
        return orjson.dumps(told).decode()
    who = f"{flag.staff_id} at merchant {flag.merchant_id}"
    return f"{told['last_at']}  {flag.rule} {flag.count}  {who}  {flag.state}  {flag.flag_id}"


commands = (fraud,)
