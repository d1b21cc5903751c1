"""Commands of the demo alone: its own receiver of webhooks, and the passwords of those who work there."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click
from flask.cli import with_appcontext
from sqlalchemy import Connection

from app.core.errors import AppError
from app.http.services import services
from app.imports.demo.people import MERCHANT_1, PEOPLE, demo_password
from app.outbox import actions, queries_endpoints
from app.outbox.guard import checked_for_caller
from app.outbox.signing import endpoint_secrets
from app.outbox.types import Endpoint

DESCRIPTION = "the demo's own receiver"


@click.command("demo-endpoint")
@click.option("--url", required=True, help="Where the receiver listens.")
@click.option("--secret-file", required=True, type=click.Path(dir_okay=False, path_type=Path))
@with_appcontext
def demo_endpoint(url: str, secret_file: Path) -> None:
    """Send the first merchant's events to a receiver (demo only); its fresh secret goes to a private file."""
    parts = services()
    _demo_alone()
    try:
        checked_for_caller(url, parts.settings.webhook_allow)
        with parts.database.write() as conn:
            made = _endpoint(conn, url)
            secrets = endpoint_secrets(parts.settings.secret_key)
            _write(secret_file, secrets.reveal(made.endpoint_id, made.secret_sealed))
            conn.commit()
    except AppError as error:
        click.echo(f"error: {error.detail}", err=True)
        sys.exit(1)


@click.command()
@with_appcontext
def passwords() -> None:
    """Print login names and passwords of those who work in the demo (demo only), one a line."""
    _demo_alone()
    for person in PEOPLE:
        if person.has_password:
            click.echo(f"{person.login:<12} {demo_password(services().settings.secret_key, person.login)}")


def _demo_alone() -> None:
    if not services().settings.demo:
        raise click.ClickException("this is for the demo alone: set FUJIN_DEMO=1")


def _endpoint(conn: Connection, url: str) -> Endpoint:
    """The one endpoint of the demo: an earlier start listened on another port and knew another secret."""
    parts = services()
    secrets, now = endpoint_secrets(parts.settings.secret_key), parts.clock()
    for found in queries_endpoints.endpoints_of(conn, [MERCHANT_1]):
        if found.description == DESCRIPTION:
            moved = actions.change_endpoint(conn, found, {"url": url, "state": "enabled"})
            return actions.rotate_secret(conn, moved, secrets, now)
    wanted = actions.NewEndpoint(MERCHANT_1, url, ("*",), DESCRIPTION)
    return actions.create_endpoint(conn, wanted, secrets, "fujin demo-endpoint", now)


def _write(path: Path, secret: str) -> None:
    fresh = path.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(secret + "\n")
    fresh.replace(path)
