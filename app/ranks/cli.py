"""``fujin ranks``: what popularity orders by, worked out now."""

from __future__ import annotations

import sys

import click
import orjson
from flask.cli import with_appcontext

from app.cities.queries import city_ids, territory_by_slug
from app.http.services import services
from app.ranks.actions import take_snapshot


@click.command()
@click.option("--city", help="Slug of one territory; every one without it.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")
@with_appcontext
def ranks(city: str | None, as_json: bool) -> None:
    """Take a rank snapshot: how popular each place is by the redemptions of thirty days; the worker does so nightly."""
    parts = services()
    with parts.database.read_primary() as conn:
        if city is None:
            wanted = city_ids(conn)
        else:
            territory = territory_by_slug(conn, city)
            if territory is None:
                click.echo(f"error: there is no territory {city!r}; take a slug from /v1/cities", err=True)
                sys.exit(1)
            wanted = (territory.city_id,)
    for city_id in wanted:
        with parts.database.write() as conn:
            taken = take_snapshot(conn, city_id, parts.clock())
            conn.commit()
        told = {"city": city_id, "snapshot": str(taken.snapshot_id), "ranked": taken.ranked, "p99": taken.p99}
        if as_json:
            click.echo(orjson.dumps(told).decode())
        else:
            click.echo(f"city {city_id}: {taken.ranked} places ranked; {taken.p99} redemptions count fully")


commands = (ranks,)
