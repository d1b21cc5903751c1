"""``fujin event-types``, ``conformance`` and ``flow``: the contract as a page, a flow held to it, and our own flow."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click
import orjson
from flask import current_app
from flask.cli import with_appcontext

from app.core.errors import AppError
from app.flow.catalogue import page
from app.flow.conformance.checks import CHECKS, drive, open_run
from app.flow.conformance.report import as_json, as_markdown, as_text
from app.flow.conformance.types import NotDriven
from app.flow.wire import Client

SECRET_VARIABLE = "FUJIN_PARTNER_SECRET"  # noqa: S105 - the name of a variable


@click.command("event-types")
def event_types() -> None:
    """Write the catalogue of events as Markdown: docs/events.md is made so."""
    click.echo(page(), nl=False)


@click.command()
@click.argument("url")
@click.option("--as", "client_id", required=True, metavar="PARTNER", help="The partner's client that drives it.")
@click.option("--secret-file", type=click.Path(exists=True, dir_okay=False, path_type=Path), help="Holds its secret.")
@click.option("--place", "place_id", help="One of its merchants' places; the first one otherwise.")
@click.option("--only", multiple=True, type=click.Choice([name for name, _, _ in CHECKS]), help="Only this check.")
@click.option("--json", "wants_json", is_flag=True, help="The report as a JSON line.")
@click.option("--markdown", type=click.Path(dir_okay=False, writable=True, path_type=Path), help="Write a page there.")
def conformance(
    url: str,
    client_id: str,
    secret_file: Path | None,
    place_id: str | None,
    only: tuple[str, ...],
    wants_json: bool,
    markdown: Path | None,
) -> None:
    """Drive test coupons through the flow at URL and hold it to its contract.

    The secret is read from --secret-file or FUJIN_PARTNER_SECRET. Exit code 1: a promise was broken or not reached.
    """
    if not url.startswith(("http://", "https://")):
        raise click.ClickException("URL begins with https:// (or http:// for a trial on one machine)")
    secret = secret_file.read_text().strip() if secret_file else os.environ.get(SECRET_VARIABLE, "")
    if not secret:
        raise click.ClickException(f"give the client's secret: --secret-file, or {SECRET_VARIABLE} in the environment")
    client = Client(url, client_id, secret)
    try:
        report = drive(open_run(client, place_id), client, only)
    except NotDriven as stuck:
        raise click.ClickException(str(stuck)) from stuck
    click.echo(orjson.dumps(as_json(report)).decode() if wants_json else as_text(report))
    if markdown is not None:
        markdown.write_text(as_markdown(report))
    if not report.green:
        raise SystemExit(1)


@click.command("flow")
@with_appcontext
def flow_command() -> None:
    """Show what the flow behind this installation can do; exit code 1 when it lacks what is needed, 2 in silence."""
    flow = current_app.extensions["fujin_flow"]
    try:
        lacking = flow.lacks()
        can = asdict(flow.capabilities())
    except AppError as silence:
        click.echo(f"the flow does not answer: {silence.detail}", err=True)
        raise SystemExit(2) from silence
    click.echo(orjson.dumps(can | {"lacks": lacking}).decode())
    if lacking:
        raise SystemExit(1)


commands: list[click.Command] = [event_types, conformance, flow_command]
