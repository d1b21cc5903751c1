"""Commands: seed, import, datasets."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

import click
from sqlalchemy import Connection, text

from app.cities import queries as cities
from app.cities.types import Origin
from app.core.clock import system_clock
from app.core.settings import Settings
from app.imports import actions, search_rows, seeding
from app.imports.checks.limits import limits_of
from app.imports.cli_datasets import (
    a_note,
    activate_now,
    actor_here,
    counts_of,
    datasets,
    in_words,
    mapping_of,
    needs_lines,
    territory_of,
    version_of,
)
from app.imports.cli_look import declaring, look
from app.imports.cli_report import diff_of_dataset, report_of_dataset  # noqa: F401  (commands of the group)
from app.imports.comparing import MAX_LOST_SHARE, too_much_lost
from app.imports.console import (
    USER_FAULT,
    Console,
    connected,
    guarded,
    import_engine,
    owner_engine,
    settings,
)
from app.imports.demo.cli import demo_endpoint, passwords
from app.imports.edits.cli import places
from app.imports.errors import UnreadableFile, VersionNotOpen
from app.imports.fact_tables import CITY_KINDS, WORLD_KINDS
from app.imports.present import version_json
from app.imports.seeded_ids import seeded_city_id
from app.imports.territories.cli import cities as territories
from app.imports.types import Change, LoadReport, LoadRequest
from app.imports.usage import FujinCommand, PlainFile
from geo.errors import UnknownDatum
from geo.grid_shift import Datum, parse_datum

_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")


@click.command(cls=FujinCommand)
@click.option("--scale", type=click.IntRange(1, 20_000_000), help="Adds this many synthetic places in six territories.")
@click.option("--seed", "number", type=int, default=7, show_default=True, help="Two runs with one number agree.")
@_json
@guarded
def seed(scale: int | None, number: int, as_json: bool) -> None:
    """Load the seed territories and, for a demo, merchants, coupons and people; a second run changes nothing."""
    console = Console(as_json)
    chosen = settings()
    now = system_clock()
    with connected(owner_engine(chosen)) as conn:
        if scale is not None:
            _scale(conn, console, scale, number, now)
            return
        changed = _seed_territories(conn, console, now)
        if chosen.demo:
            changed |= _seed_demo(conn, console, number, now, chosen)
        changed |= search_rows.rebuild_all(conn, now, only_missing=True) > 0
        conn.commit()
        if changed:
            conn.execute(text("ANALYZE"))
            conn.commit()


@click.command("search-rows", cls=FujinCommand)
@click.option("--city", help="Slug of one territory; every one without it.")
@click.option("--missing", is_flag=True, help="Only where the version that readers see has none.")
@_json
@guarded
def build_search_rows(city: str | None, missing: bool, as_json: bool) -> None:
    """Write the search rows of the places that readers see anew; readers go on with the old ones meanwhile."""
    console = Console(as_json)
    with connected(import_engine(settings())) as conn:
        only = None if city is None else territory_of(conn, city).city_id
        started = time.monotonic()
        done = search_rows.rebuild_all(conn, system_clock(), only_missing=missing, city_id=only)
        conn.commit()
        took = time.monotonic() - started
        console.result(f"search rows of {done} cities written in {took:.1f} s", {"cities": done, "seconds": took})


def _seed_territories(conn: Connection, console: Console, now: datetime) -> bool:
    changed = False
    seeds = seeding.read_seeds()
    seeding.put_territories(conn, seeds, now)
    conn.commit()
    for entry in seeds:
        for request in entry.loads:
            report = _loaded(conn, console, request, now)
            if report.outcome == "staged":
                actions.activate(conn, request.city_id, request.kind, report.version, now)
            conn.commit()
            _tell(console, report, entry.territory.slug)
            if report.outcome == "failed":
                sys.exit(USER_FAULT)
            changed |= report.outcome == "staged"
    return changed


def _seed_demo(conn: Connection, console: Console, number: int, now: datetime, chosen: Settings) -> bool:
    from app.imports.demo.actions import put_demo

    started = time.monotonic()
    with console.progress("demo", 0):
        counts = put_demo(conn, number, now, chosen.secret_key, chosen.code_pepper)
    conn.commit()
    if counts is None:
        console.result("demo: already there", {"demo": "unchanged"})
        return False
    told = ", ".join(f"{count} {name}" for name, count in counts.items())
    console.result(f"demo: {told} ({time.monotonic() - started:.1f} s)", {"demo": "added", **counts})
    return True


def _scale(conn: Connection, console: Console, count: int, number: int, now: datetime) -> None:
    from app.imports.scale import put_scale

    if not cities.world_versions(conn).categories:
        _seed_territories(conn, console, now)
    started = time.monotonic()
    with console.progress(f"{count:,} places", count) as progress:
        rows = put_scale(conn, count, number, now, progress)
    conn.commit()
    if not rows:
        console.result(f"{count:,} places: already there", {"places": 0})
        return
    loaded = time.monotonic() - started
    conn.execute(text("ANALYZE"))
    conn.commit()
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    console.result(
        f"{rows:,} places in {loaded:.1f} s ({rows / loaded:,.0f} a second), {memory} MB of memory",
        {"places": rows, "seconds": round(loaded, 1), "rows_per_s": round(rows / loaded), "memory_mb": memory},
    )


@click.command("import", cls=FujinCommand)
@click.argument("file", type=PlainFile())
@click.option("--city", required=True, help="Slug of the territory; world for categories, holidays, brands.")
@click.option("--kind", required=True, type=click.Choice([*CITY_KINDS, *WORLD_KINDS]))
@click.option("--source-name", required=True, help="Who made the data.")
@click.option("--source-url", help="Where it came from.")
@click.option("--licence", required=True, help="On what terms it may be used.")
@click.option("--attribution", required=True, help="What has to be shown to readers.")
@click.option("--retrieved-on", type=click.DateTime(["%Y-%m-%d"]), help="The day it was fetched.")
@click.option("--datum", default="wgs84", show_default=True, help="Datum of the points: wgs84, gcj02 or bd09.")
@declaring
@click.option("--dry-run", is_flag=True, help="Go the whole way and roll back.")
@click.option("--activate", "then_activate", is_flag=True, help="Show the version to readers when it is staged.")
@click.option("--accept-refused", is_flag=True, help="Keep the good rows, however many others were refused.")
@click.option("--note", callback=a_note, help="With --activate: why it may be shown, where its checks want that said.")
@click.option("--accept-loss", is_flag=True, help="Activate even when many rows that readers see would vanish.")
@_json
@guarded
def import_file(
    file: Path,
    city: str,
    kind: str,
    source_name: str,
    source_url: str | None,
    licence: str,
    attribution: str,
    retrieved_on: datetime | None,
    datum: str,
    crs: str | None,
    encoding: str | None,
    layer: str | None,
    mapping: tuple[str, ...],
    dry_run: bool,
    then_activate: bool,
    accept_refused: bool,
    note: str | None,
    accept_loss: bool,
    as_json: bool,
) -> None:
    """Load FILE as the next version of one kind of data of a territory."""
    if note is not None and not then_activate:
        raise click.BadParameter("--note goes with --activate", param_hint="--note")
    console, now = Console(as_json), system_clock()
    with connected(import_engine(settings())) as conn:
        territory = territory_of(conn, city)
        origin = Origin(source_name, licence, attribution, source_url, retrieved_on.date() if retrieved_on else None)
        share = 1.0 if accept_refused else None
        declared: dict[str, Any] = {"crs": crs, "encoding": encoding, "layer": layer, "mapping": mapping_of(mapping)}
        declared["limits"] = limits_of(settings())
        request = LoadRequest(territory.city_id, kind, file, origin, _datum(datum), share, **declared)
        try:
            report = _loaded(conn, console, request, now)
        except UnreadableFile:
            if not dry_run:
                conn.commit()
            raise
        change = _against_active(conn, report)
        lossy = change is not None and too_much_lost(change) and not accept_loss
        told = None if report.outcome != "staged" else version_json(version_of(conn, city, kind, report.version))
        lacking: VersionNotOpen | None = None
        if report.outcome == "staged" and then_activate and not lossy:
            try:
                activate_now(conn, city, kind, report.version, "--accept-loss" if accept_loss else None, note, now)
            except VersionNotOpen as refused:
                lacking = refused
        conn.rollback() if dry_run else conn.commit()
        shown = then_activate and not lossy and lacking is None
        _tell(console, report, city, activated=shown, dry_run=dry_run, change=change, staged=told)
        if report.outcome == "failed":
            _tell_failed(report, accept_refused)
            sys.exit(USER_FAULT)
        if lacking is not None:
            _tell_lacking(report, lacking, dry_run)
        if change is not None and lossy:
            _tell_loss(report, city, change, then_activate, dry_run)


def _against_active(conn: Connection, report: LoadReport) -> Change | None:
    if report.outcome != "staged":
        return None
    against = actions.active_number(conn, report.city_id, report.kind)
    return actions.change_of(conn, report.city_id, report.kind, report.version, against)


def _tell_loss(report: LoadReport, city: str, change: Change, then_activate: bool, dry_run: bool) -> None:
    """Warns of a loss, and ends with 1 when it kept the version from being activated."""
    loss = (
        f"{change.removed:,} of the {change.before:,} {report.kind} that readers see would vanish,"
        f" more than {MAX_LOST_SHARE:.0%}"
    )
    if not then_activate:
        click.echo(f"warning: {loss}", err=True)
        return
    show = f"show it with: fujin datasets activate {city} {report.kind} {report.version} --accept-loss"
    end = "nothing was kept" if dry_run else f"version {report.version} stays staged; {show}"
    click.echo(f"error: {loss}, and --accept-loss was not given; {end}", err=True)
    sys.exit(USER_FAULT)


def _tell_lacking(report: LoadReport, lacking: VersionNotOpen, dry_run: bool) -> None:
    """Ends with 1: the checks of the version kept it from being activated."""
    end = "nothing was kept" if dry_run else f"version {report.version} stays staged"
    click.echo(f"error: {end}: {lacking}", err=True)
    click.echo(f"hint: {lacking.__dict__['hint']}", err=True)
    sys.exit(USER_FAULT)


def _tell_failed(report: LoadReport, accept_refused: bool) -> None:
    mend = (
        ""
        if accept_refused or report.refused == report.declared
        else ", or give --accept-refused to keep the good ones"
    )
    click.echo(f"error: {report.blocked}; nothing of the file was kept. Mend the file{mend}.", err=True)


def _datum(name: str) -> Datum:
    try:
        return parse_datum(name)
    except UnknownDatum as error:
        raise click.BadParameter(error.detail, param_hint="--datum") from error


def _loaded(conn: Connection, console: Console, request: LoadRequest, now: datetime) -> LoadReport:
    size = request.path.stat().st_size if request.path.exists() else 0
    make_id = seeded_city_id if request.path.is_relative_to(seeding.SEEDS) else actions.random_id
    with console.progress(f"{request.path.name}", size) as progress:
        return actions.load(conn, request, now, make_id=make_id, progress=progress, by=actor_here().key)


def _tell(
    console: Console,
    report: LoadReport,
    slug: str,
    *,
    activated: bool = True,
    dry_run: bool = False,
    change: Change | None = None,
    staged: Mapping[str, Any] | None = None,
) -> None:
    where = f"{slug} {report.kind}"
    if report.outcome == "unchanged":
        sentence = f"{where}: unchanged, version {report.version} is this file"
    else:
        end = report.outcome if report.outcome == "failed" or not activated else "active"
        sentence = (
            f"{where}: version {report.version} {end}, {report.stored:,} of {report.declared:,} rows stored,"
            f" {report.refused:,} refused{' (dry run: nothing was kept)' if dry_run else ''}"
        )
        if report.unreadable_hours:
            sentence += f", {report.unreadable_hours:,} with hours that can't be read"
    facts = {
        "city": slug,
        "kind": report.kind,
        "version": report.version,
        "outcome": report.outcome,
        "declared": report.declared,
        "stored": report.stored,
        "refused": report.refused,
        "dry_run": dry_run,
        "unreadable_hours": report.unreadable_hours,
        "blocked": report.blocked,
        "remarks": list(report.remarks),
        **(counts_of(change) if change else {}),
        **({"gate": staged["gate"]} if staged else {}),
        "faults": [{"row": f.row, "source_key": f.source_key, "reason": f.reason} for f in report.faults],
    }
    console.result(sentence, facts)
    if change is not None:
        console.say(f"  {in_words(change)}")
    for line in needs_lines(staged) if staged and staged["gate"]["verdict"] != "open" else ():
        console.say(line)
    for remark in report.remarks:
        console.say(f"  note: {remark}")
    for line in actions.report_faults(report):
        console.say(f"  {line}")


commands: list[click.Command] = [
    *(seed, import_file, look, datasets, build_search_rows, places, territories, demo_endpoint, passwords),
]
