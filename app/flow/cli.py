"""``fujin event-types``: the catalogue of events as docs/events.md."""

from __future__ import annotations

import click

from app.flow.catalogue import page


@click.command("event-types")
def event_types() -> None:
    """Write the catalogue of events as Markdown: docs/events.md is made so."""
    click.echo(page(), nl=False)


commands: list[click.Command] = [event_types]
