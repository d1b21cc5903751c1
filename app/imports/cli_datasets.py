"""``fujin datasets``: versions as their operators run them, by the same actions as over HTTP."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import click
from sqlalchemy import Connection

from app.cities import queries as cities
from app.cities.types import Territory
from app.core.clock import system_clock
from app.core.processes import end_with_parent, give_way
from app.imports import actions, jobs, life, purging, queries_jobs, queries_versions, uploads
from app.imports.checks.limits import limits_of
from app.imports.console import OUR_FAULT, USER_FAULT, Console, connected, guarded, import_engine, settings, work_engine
from app.imports.errors import UnknownTerritory, UnknownVersion, VersionNotOpen
from app.imports.present import version_json
from app.imports.types import Change
from app.imports.types_jobs import COMMAND_LINE, Actor, VersionView
from app.imports.usage import FujinCommand, FujinGroup

_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")
MOST_OF_A_NOTE: Final = 500


def a_note(_context: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """A note of 1 to 500 characters, as over HTTP; for options."""
    if value is not None and not 1 <= len(value.strip()) <= MOST_OF_A_NOTE:
        raise click.BadParameter(f"write 1 to {MOST_OF_A_NOTE} characters")
    return None if value is None else value.strip()


_dry = click.option("--dry-run", is_flag=True, help="Say what would happen, and do nothing.")


def actor_here() -> Actor:
    """Who sits at this terminal."""
    return Actor(f"{COMMAND_LINE}:{getpass.getuser()}")


def territory_of(conn: Connection, slug: str) -> Territory:
    """The territory of that slug; UnknownTerritory."""
    territory = cities.territory_by_slug(conn, slug)
    if territory is None:
        raise UnknownTerritory(f"there is no territory {slug}; fujin datasets list shows those with data")
    return territory


def version_of(conn: Connection, city: str, kind: str, number: int, *, lock: bool = False) -> VersionView:
    """A version by city, kind and number; UnknownVersion."""
    found = queries_versions.version(conn, territory_of(conn, city).city_id, kind, number, lock=lock)
    if found is None:
        raise UnknownVersion(f"there is no version {number} of {kind}; see fujin datasets list --city {city}")
    return found


def activate_now(
    conn: Connection, city: str, kind: str, number: int, override: str | None, note: str | None, now: datetime
) -> VersionView:
    """Shows a version to every reader in this process; ``override`` says why it may be shown whatever it lacks.

    Who may run this command may do so; it stands in the version's history. VersionNotOpen says how to go on here.
    """
    found = version_of(conn, city, kind, number, lock=True)
    if override is None:
        try:
            life.refuse_unless_open(life.judged_again(conn, found), note)
        except VersionNotOpen as refused:
            refused.__dict__["hint"] = _way_on(city, kind, number, refused)
            raise
    actions.activate(conn, found.city_id, kind, number, now)
    if override is not None:
        note = f"what it lacked was overridden: {override}{f' ({note})' if note else ''}"[:500]
    queries_jobs.add_step(conn, found.city_id, found.dataset_id, "activated", actor_here().key, now, note)
    return version_of(conn, city, kind, number)


def _way_on(city: str, kind: str, number: int, refused: VersionNotOpen) -> str:
    """The command that does what a version lacks."""
    where = f"{city} {kind} {number}"
    return {
        "note": f"fujin datasets activate {where} --note 'why it may be shown'",
        "second_person": f"fujin datasets approve {where} --note 'why it may be shown', by somebody else",
        "blocked": f"fujin datasets report {where}, then fujin datasets discard {where}",
    }[refused.extra["gate"]["verdict"]]


def needs_lines(told: Mapping[str, Any]) -> list[str]:
    """What a staged version waits for, as ``version_json`` tells it."""
    return [f"  needs: {told['gate']['verdict']}", *(f"    {each['detail']}" for each in told["gate"]["reasons"])]


@click.group(cls=FujinGroup)
def datasets() -> None:
    """Versions of regional data: list, show, approve, activate, go back, discard, load again, remove old rows."""


@datasets.command("list")
@click.option("--city", help="Only this territory.")
@_json
@guarded
def list_datasets(city: str | None, as_json: bool) -> None:
    """Every version, newest first; the active one is marked."""
    console = Console(as_json)
    with connected(import_engine(settings())) as conn:
        only = territory_of(conn, city).city_id if city else None
        for found in cities.versions_of(conn, only):
            territory = cities.territory_by_id(conn, found.city_id)
            slug = territory.slug if territory else str(found.city_id)
            mark = "*" if found.active else " "
            console.result(
                f"{mark} {slug:12} {found.kind:10} v{found.version:<3} {found.state:10} {found.rows_stored:>9,} rows,"
                f" {found.rows_refused:,} refused  {found.source_name}",
                {
                    "city": slug,
                    "kind": found.kind,
                    "version": found.version,
                    "state": found.state,
                    "active": found.active,
                    "rows_declared": found.rows_declared,
                    "rows_stored": found.rows_stored,
                    "rows_refused": found.rows_refused,
                    "source_name": found.source_name,
                    "sha256": found.source_sha256.hex(),
                },
            )


def _of_version(name: str, **options: Any) -> Callable[[Callable[..., None]], click.Command]:
    """A command on one version: its city, kind and number, and ``--json``."""

    def declare(view: Callable[..., None]) -> click.Command:
        command = guarded(view)
        for argument in (_json, click.argument("version", type=int), click.argument("kind"), click.argument("city")):
            command = argument(command)
        return datasets.command(name, **options)(command)

    return declare


@_of_version("show")
def show_dataset(city: str, kind: str, version: int, as_json: bool) -> None:
    """Everything about VERSION of KIND of CITY: origin, file, counts, progress, what it needs, its history."""
    with connected(import_engine(settings())) as conn:
        found = version_of(conn, city, kind, version)
    Console(as_json).result(_told(found), version_json(found))


def _told(found: VersionView) -> str:
    told = version_json(found)
    counts, progress = told["counts"], told["progress"]
    seen = " (readers see it)" if found.active else ""
    lines = [
        f"{found.city} {found.kind}: version {found.version} is {found.state}{seen}",
        f"  from {found.source_name}, {found.licence}; file {found.file_name}, sha256 {found.sha256.hex()[:16]}…",
        f"  {counts['stored']:,} of {counts['declared']:,} rows stored, {counts['refused']:,} refused",
    ]
    if found.state == "validating":
        lines.append(f"  {progress['stage']}: {progress['done']:,} of {progress['total']:,} {progress['unit']}")
    if found.failure:
        lines.append(f"  {found.failure['detail']}; {found.failure['hint']}")
    if found.state == "staged":
        lines += needs_lines(told)
    lines += [
        f"  {step.at:%Y-%m-%d %H:%M:%S} {step.step} by {step.actor}{f': {step.note}' if step.note else ''}"
        for step in found.steps
    ]
    return "\n".join(lines)


@datasets.command("approve", cls=FujinCommand)
@click.argument("city")
@click.argument("kind")
@click.argument("version", type=int)
@click.option("--note", required=True, callback=a_note, help="Why it may be shown; kept in its history.")
@_json
@guarded
def approve_dataset(city: str, kind: str, version: int, note: str, as_json: bool) -> None:
    """Agree to VERSION; whoever loaded it can't be the second person."""
    with connected(import_engine(settings())) as conn:
        life.approve(conn, version_of(conn, city, kind, version, lock=True), note, actor_here(), system_clock())
        conn.commit()
    facts = {"city": city, "kind": kind, "version": version, "approved": True}
    Console(as_json).result(f"{city} {kind}: version {version} is approved", facts)


@datasets.command("activate")
@click.argument("city")
@click.argument("kind")
@click.argument("version", type=int)
@click.option(
    "--note", callback=a_note, help="Why it may be shown, where its checks want that said; kept in its history."
)
@click.option("--accept-loss", is_flag=True, help="Show it whatever its checks want; kept in its history.")
@_dry
@_json
@guarded
def activate_dataset(
    city: str, kind: str, version: int, note: str | None, accept_loss: bool, dry_run: bool, as_json: bool
) -> None:
    """Show VERSION of KIND of CITY to every reader."""
    with connected(import_engine(settings())) as conn:
        city_id = territory_of(conn, city).city_id
        before = actions.active_number(conn, city_id, kind)
        override = "--accept-loss" if accept_loss else None
        done = activate_now(conn, city, kind, version, override, note, system_clock())
        change = actions.change_of(conn, city_id, kind, done.version, before)
        conn.rollback() if dry_run else conn.commit()
    facts = {"city": city, "kind": kind, "version": done.version, "active": not dry_run, **counts_of(change)}
    end = " would be active" if dry_run else " is active"
    Console(as_json).result(f"{city} {kind}: version {done.version}{end}; {in_words(change)}", facts)


@datasets.command("rollback")
@click.argument("city")
@click.argument("kind")
@click.option("--note", callback=a_note, help="Why; kept in its history.")
@_dry
@_json
@guarded
def rollback_dataset(city: str, kind: str, note: str | None, dry_run: bool, as_json: bool) -> None:
    """Show the version before the active one again."""
    now = system_clock()
    with connected(import_engine(settings())) as conn:
        city_id = territory_of(conn, city).city_id
        before = actions.active_number(conn, city_id, kind)
        done = actions.rollback(conn, city_id, kind, now)
        queries_jobs.add_step(conn, city_id, done.dataset_id, "rolled_back", actor_here().key, now, note)
        change = actions.change_of(conn, city_id, kind, done.version, before)
        conn.rollback() if dry_run else conn.commit()
    facts = {"city": city, "kind": kind, "version": done.version, "active": not dry_run, **counts_of(change)}
    start = "would go back" if dry_run else "back"
    Console(as_json).result(f"{city} {kind}: {start} to version {done.version}; {in_words(change)}", facts)


@_of_version("discard")
def discard_dataset(city: str, kind: str, version: int, as_json: bool) -> None:
    """Give up VERSION, which nobody sees yet, with its rows; its file is kept for a while."""
    chosen = settings()
    with connected(import_engine(chosen)) as conn:
        found = version_of(conn, city, kind, version, lock=True)
        keep = timedelta(hours=chosen.upload_kept_h)
        life.discard(conn, found, actor_here(), system_clock(), keep)
        conn.commit()
    _work_here(found)
    facts = {"city": city, "kind": kind, "version": version, "state": "discarded"}
    Console(as_json).result(f"{city} {kind}: version {version} is discarded", facts)


@datasets.command("reload", cls=FujinCommand)
@click.argument("city")
@click.argument("kind")
@click.argument("version", type=int)
@click.option("--datum", type=click.Choice(["wgs84", "gcj02", "bd09"]), help="What the points are shifted by.")
@click.option("--crs", help="Reference system, such as EPSG:4490.")
@click.option("--encoding", help="Of its text, such as GB18030.")
@click.option("--layer", help="Which table of a file with several.")
@click.option("--map", "mapping", multiple=True, help="property=column; again for each.")
@_json
@guarded
def reload_dataset(
    city: str, kind: str, version: int, mapping: tuple[str, ...], as_json: bool, **declared: Any
) -> None:
    """Load the kept file of VERSION anew with other declarations, as the next version."""
    changed = {name: value for name, value in declared.items() if value is not None}
    if mapping:
        changed["mapping"] = mapping_of(mapping)
    chosen = settings()
    with connected(import_engine(chosen)) as conn:
        found = version_of(conn, city, kind, version, lock=True)
        keep = timedelta(hours=chosen.upload_kept_h)
        opened = life.reload(conn, found, changed, actor_here(), system_clock(), keep)
        conn.commit()
    after = found if opened.unchanged else _work_here_on(found, opened.dataset_id, opened.version)
    Console(as_json).result(_told(after), version_json(after))
    if after.state == "failed":
        sys.exit(USER_FAULT)


def mapping_of(words: tuple[str, ...]) -> dict[str, str]:
    """Columns by property, from words such as ``name=shop_name``."""
    found = {}
    for word in words:
        name, sign, column = word.partition("=")
        if not sign or not name or not column:
            raise click.BadParameter(f"{word!r} is not of the form property=column", param_hint="--map")
        found[name] = column
    return found


@datasets.command("prune")
@click.option("--city", help="Only this territory.")
@click.option("--keep", type=click.IntRange(3), help="Versions to keep of each kind; default: as the settings say.")
@_dry
@_json
@guarded
def prune_datasets(city: str | None, keep: int | None, dry_run: bool, as_json: bool) -> None:
    """Remove the rows of old versions that no page still reads; never the active one nor the one before it."""
    chosen, console, now = settings(), Console(as_json), system_clock()
    kept = keep or chosen.versions_kept
    engine = import_engine(chosen)
    with connected(engine) as conn:
        ids = [territory_of(conn, city).city_id] if city else queries_jobs.cities_with_loads(conn, 10_000)
        marked = {city_id: purging.retire_old(conn, city_id, now, kept) for city_id in ids}
        conn.rollback() if dry_run else conn.commit()
    total = sum(marked.values())
    if not dry_run:
        _work_here(None)
    end = "would be removed" if dry_run else "were removed"
    console.result(f"rows of {total} old versions {end}", {"versions": total, "dry_run": dry_run})


def _work_here_on(found: VersionView, dataset_id: UUID, number: int) -> VersionView:
    _work_here(None, (found.city_id, dataset_id))
    with connected(import_engine(settings())) as conn:
        return version_of(conn, found.city, found.kind, number)


def _work_here(found: VersionView | None, one: tuple[int, UUID] | None = None) -> None:
    """Does due work in this process: that of one version, or every removal of rows."""
    chosen = settings()
    engine = work_engine(chosen)
    try:
        chosen_ones = [(found.city_id, found.dataset_id)] if found else [one] if one else None
        if chosen_ones is None:
            with engine.connect() as conn:
                chosen_ones = list(queries_jobs.due_work(conn, ("purge",), system_clock(), limit=1000))
        for city_id, dataset_id in chosen_ones:
            jobs.work(engine, city_id, dataset_id, actor_here().key, system_clock, uploads.folder_of(chosen),
                      timedelta(hours=chosen.upload_kept_h), limits_of(chosen))  # fmt: skip
    finally:
        engine.dispose()


@datasets.command("work", hidden=True)
@click.argument("city_id", type=int)
@click.argument("dataset_id", type=click.UUID)
@click.option("--by", required=True, help="Under whose lease.")
@click.option("--gives-way", is_flag=True, help="Let searches go first.")
@guarded
def work_on_dataset(city_id: int, dataset_id: UUID, by: str, gives_way: bool) -> None:
    """Do what is due for one version, under a lease; workers call this."""
    end_with_parent()
    if gives_way:
        give_way()
    chosen = settings()
    engine = work_engine(chosen)
    try:
        kept = timedelta(hours=chosen.upload_kept_h)
        folder = uploads.folder_of(chosen)
        state = jobs.work(engine, city_id, dataset_id, by, system_clock, folder, kept, limits_of(chosen))
    finally:
        engine.dispose()
    click.echo(state)
    if state == "will be tried again":
        sys.exit(OUR_FAULT)


def counts_of(change: Change) -> dict[str, int]:
    """What readers gain, keep and lose, as JSON."""
    return {"new": change.new, "kept": change.kept, "removed": change.removed}


def in_words(change: Change) -> str:
    """The same in words."""
    against = "no version was active" if change.against is None else f"against version {change.against}"
    return f"{against}: {change.new:,} new, {change.kept:,} kept, {change.removed:,} removed"
