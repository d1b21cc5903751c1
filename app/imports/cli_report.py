"""``fujin datasets report`` and ``diff``: what checks found in a version, and what it changes."""

from __future__ import annotations

from pathlib import Path

import click

from app.cities import queries as cities
from app.core.clock import system_clock
from app.imports.checks import actions as checks
from app.imports.checks import queries
from app.imports.checks.limits import limits_of
from app.imports.checks.refused import refused_csv
from app.imports.checks.words import report_lines
from app.imports.cli_datasets import datasets, version_of
from app.imports.console import Console, connected, guarded, import_engine, settings
from app.imports.diff import actions as differences
from app.imports.diff.words import diff_lines

MAX_REFUSED = 50_000
_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")


@datasets.command("report")
@click.argument("city")
@click.argument("kind")
@click.argument("version", type=int)
@click.option("--refused", type=click.Path(dir_okay=False, path_type=Path), help="Write the refused rows here, as CSV.")
@_json
@guarded
def report_of_dataset(city: str, kind: str, version: int, refused: Path | None, as_json: bool) -> None:
    """What checks found in VERSION of KIND of CITY, how to mend it, and what the version waits for."""
    with connected(import_engine(settings())) as conn:
        found = version_of(conn, city, kind, version)
        report = checks.kept_report(conn, found.city_id, kind, version) or checks.no_report(found)
        if refused is not None:
            refused.write_bytes(refused_csv(queries.refused_rows(conn, found.city_id, kind, version, MAX_REFUSED)))
    Console(as_json).result("\n".join(report_lines(report)), report)


@datasets.command("diff")
@click.argument("city")
@click.argument("kind")
@click.argument("version", type=int)
@click.option("--against", type=int, help="The version to compare with; the active one when left out.")
@_json
@guarded
def diff_of_dataset(city: str, kind: str, version: int, against: int | None, as_json: bool) -> None:
    """What VERSION of KIND of CITY changes against another; worked out anew and kept, so that the page shows it."""
    chosen = settings()
    with connected(import_engine(chosen)) as conn:
        found = version_of(conn, city, kind, version)
        if against is None:
            active = cities.active_version(conn, found.city_id, kind)
            against = None if active is None or active.version == version else active.version
        elif against != version:
            version_of(conn, city, kind, against)
        now, limits = system_clock(), limits_of(chosen)
        diff = differences.diff_of(conn, found.city_id, kind, version, against, now, limits).as_json()
        conn.commit()
    Console(as_json).result("\n".join(diff_lines(diff)), diff)
