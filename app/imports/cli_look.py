"""``fujin look``: what a file is and what would come of its rows, without loading anything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import click

from app.cities import queries as cities
from app.cities.types import WORLD_CITY_ID
from app.imports import child, frames
from app.imports.cli_datasets import mapping_of
from app.imports.console import Console, connected, guarded, import_engine, settings
from app.imports.errors import UnreadableFile
from app.imports.pipeline import vocabulary
from app.imports.reader import ReadRequest
from app.imports.types import MAX_SHOWN_FAULTS
from app.imports.usage import FujinCommand, PlainFile

View = Callable[..., None]
_OPTIONS = (
    click.option("--crs", help="Reference system of a file that states none, such as EPSG:4490."),
    click.option("--encoding", help="Of its text, such as GB18030; found out without it."),
    click.option("--layer", help="Which table of a file with several, or which file of an archive."),
    click.option("--map", "mapping", multiple=True, help="property=column, or property==text; again for each."),
)


def declaring(view: View) -> View:
    """Adds the options by which a file's sender declares what it doesn't say itself."""
    for option in reversed(_OPTIONS):
        view = option(view)
    return view


@click.command("look", cls=FujinCommand)
@click.argument("file", type=PlainFile())
@click.option("--kind", required=True, type=click.Choice(["places", "regions", "basemap"]))
@click.option("--datum", type=click.Choice(["wgs84", "gcj02", "bd09"]), help="What the points are shifted by.")
@declaring
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line, for scripts.")
@guarded
def look(
    file: Path,
    kind: str,
    datum: str | None,
    crs: str | None,
    encoding: str | None,
    layer: str | None,
    mapping: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what FILE is, which columns are read, and which rows would be refused; nothing is loaded.

    Whether rows lie in a territory, and are there once only, is found out by a load.
    """
    with connected(import_engine(settings())) as conn:
        known: dict[str, Any] = vocabulary(conn, cities.world_versions(conn)) if kind == "places" else {}
    declared: dict[str, Any] = {"datum": datum, "crs": crs, "encoding": encoding, "layer": layer}
    request = ReadRequest(
        str(file.absolute()), file.name, kind, WORLD_CITY_ID, mapping=mapping_of(mapping), **declared, **known
    )
    _tell(Console(as_json), file.name, _seen(request))


def _seen(request: ReadRequest) -> dict[str, Any]:
    """Facts, counts and the first refused rows."""
    seen: dict[str, Any] = {"facts": {}, "faults": [], "refused": 0, "rows": 0}
    for message in child.messages(request):
        if message.kind == frames.FACTS:
            seen["facts"] = message.content()
        elif message.kind == frames.FAULTS:
            faults = message.content()
            seen["refused"] += len(faults)
            shown = faults[: MAX_SHOWN_FAULTS - len(seen["faults"])]
            seen["faults"] += [{"row": each[0], "source_key": each[1], "reason": each[3]} for each in shown]
        elif message.kind == frames.END:
            end = message.content()
            seen |= {"facts": end["facts"], "rows": end["declared"], "unknown": end["unknown"]}
        elif message.kind == frames.FAILURE:
            said = message.content()
            raise UnreadableFile(said["detail"], code=said["code"], hint=said["hint"])
    return seen


def _tell(console: Console, name: str, seen: Mapping[str, Any]) -> None:
    facts = seen["facts"]
    told = [facts["format"], facts["layout"], facts["layer"], facts["encoding"], facts["crs"], facts["datum"]]
    good = seen["rows"] - seen["refused"]
    console.result(
        f"{name}: {', '.join(word for word in told if word)}\n  {good:,} of {seen['rows']:,} rows can be loaded", seen
    )
    for name_of_ours, column in sorted(facts["used"].items()):
        console.say(f"  {name_of_ours} <- {column}{' (guessed)' if name_of_ours in facts['guessed'] else ''}")
    if facts["unused"]:
        console.say(f"  not used: {', '.join(facts['unused'][:40])}")
    for remark in (*facts["remarks"], *seen["unknown"]):
        console.say(f"  note: {remark}")
    for fault in seen["faults"][:10]:
        console.say(f"  row {fault['row']:,}: {fault['reason']}")
