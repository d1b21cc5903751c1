"""Where others join the road of a load: after its rows are stored, before anybody sees them.

Each is called in the load's transaction, conflation and links before the checks; what it writes is taken back with the
load when that fails.
"""

from __future__ import annotations

from dataclasses import replace

from sqlalchemy import Connection

from app.imports.checks import actions as checks
from app.imports.checks.actions import Checked
from app.imports.conflation import actions as conflation
from app.imports.reading.types import SourceFacts
from app.imports.tally import Tally, Target
from app.imports.types import LoadRequest
from app.places.queries_links import active_pair, build_links


def check(conn: Connection, request: LoadRequest, target: Target, facts: SourceFacts | None, tally: Tally) -> Checked:
    """Checks the version as a whole and keeps the report, which says whether the version may be shown."""
    limits = replace(request.limits, refused_share=request.max_refused_share)
    return checks.check_version(conn, target, facts, tally, kind=request.kind, limits=limits)


def keep(conn: Connection, checked: Checked) -> None:
    """Keeps the report of a version whose rows were taken back, and of a dry run also the difference it would make."""
    checks.keep_again(conn, checked)


def conflate(conn: Connection, target: Target) -> None:
    """One place of entries that mean one; corrections are applied on the way."""
    conflation.run(conn, target)


def link(conn: Connection, target: Target, kind: str) -> None:
    """Which areas each place lies in: of the new places in the areas that readers see, or the other way round."""
    places, regions = active_pair(conn, target.city_id)
    if kind == "places":
        build_links(conn, target.city_id, target.version, regions, target.now)
    elif kind == "regions":
        build_links(conn, target.city_id, places, target.version, target.now)
