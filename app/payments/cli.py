"""``fujin fakepay``: a provider for trying out. ``fujin payments``: notices that did not fit our books."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path
from typing import Any

import click
import orjson
from flask.cli import with_appcontext

from app.http.services import services
from app.payments import queries
from app.payments.fakepay.desk import Fakepay
from app.payments.fakepay.keys import keys_in, settings_of, write_settings
from app.payments.fakepay.scenario import BadScenario, Scenario, scenario_of
from app.payments.fakepay.server import NotLoopback, Server
from app.payments.providers.alipay_signing import BadKey
from app.payments.types import Parked


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="An address of this machine alone.")
@click.option("--port", default=8090, show_default=True, type=click.IntRange(0, 65_535), help="0 takes a free one.")
@click.option(
    "--dir", "folder", default="var/fakepay", show_default=True, type=click.Path(path_type=Path), help="Keys."
)
@click.option("--scenario", "file", type=click.Path(path_type=Path), help="What goes wrong, as JSON.")
@click.option("--seed", type=int, help="In place of the scenario's.")
@click.option("--webhook-url", help="Where Stripe's events go; default: this product's own door.")
@click.option("--keys-only", is_flag=True, help="Write keys and settings, and end.")
@with_appcontext
def fakepay(
    host: str, port: int, folder: Path, file: Path | None, seed: int | None, webhook_url: str | None, keys_only: bool
) -> None:
    """A payment provider that speaks as Alipay and as Stripe and misbehaves as a scenario says.

    Writes keys and settings into a private folder and prints where it answers. No money moves, and nobody outside this
    machine reaches it or is told anything by it.
    """
    try:
        played = Scenario() if file is None else scenario_of(file.read_bytes())
        if seed is not None:
            played = Scenario(seed, played.reorder, played.steps)
        folder = folder.resolve()
        door = webhook_url or f"{services().settings.public_url}/v1/providers/stripe/notify"
        keys = keys_in(folder, door)
        # Its books end with it, those of its callers do not: no number of an earlier run comes again.
        server = Server(Fakepay(keys, played, first=int(time.time()) * 1000), host, port)
    except (BadKey, BadScenario, NotLoopback, OSError) as fault:
        click.echo(f"error: {fault}", err=True)
        sys.exit(1)
    settings = write_settings(folder, settings_of(folder, keys, server.url))
    if keys_only:
        server.server_close()
        click.echo(f"settings for a fakepay at {server.url}: {settings}")
        return
    click.echo(f"fakepay answers at {server.url}; settings for it: {settings}")
    stopping = threading.Event()
    sender = threading.Thread(target=server.send_notices, args=(stopping,), daemon=True)
    sender.start()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        click.echo("fakepay has ended")
    finally:
        stopping.set()
        server.server_close()


@click.group(help="Payments: what needs a person to look at it.")
def payments() -> None:
    """The group."""


@payments.command()
@click.option("--limit", default=100, show_default=True, type=click.IntRange(1, 10_000))
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
def parked(limit: int, as_json: bool) -> None:
    """Notices that were rightly signed and did not fit our books, the latest first; nothing moved for them."""
    with services().database.read_primary() as conn:
        found = queries.parked_notices(conn, limit)
    _print((_told(each) for each in found), as_json)


def _told(notice: Parked) -> dict[str, Any]:
    return {
        "at": notice.received_at,
        "provider": notice.provider,
        "reason": notice.outcome,
        "trade_no": notice.trade_no or None,
        "event_key": notice.event_key,
        "bytes": notice.size,
    }


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


commands = (fakepay, payments)
