"""Reports, refused rows and differences of dataset versions, for their operators."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection

from app.cities import queries as cities
from app.http.answers import GEOJSON, Answer
from app.http.api import Blueprint
from app.http.transaction import reading
from app.imports.checks import actions as checks
from app.imports.checks import queries
from app.imports.checks.refused import refused_csv
from app.imports.diff.reading import layer_features, shown_diff
from app.imports.life import own_version
from app.imports.routes import POLICY, PRIVATE, VERSION, actor
from app.imports.schemas_report import DiffLayerQuery, DiffQuery, VersionDiffSchema, VersionReportSchema
from app.imports.types_jobs import VersionView

CSV: Final = "text/csv"
MAX_REFUSED: Final = 50_000

blueprint = Blueprint("reports", __name__, description="What checks found in a city's regional data, and what changes.")


@blueprint.get(f"{VERSION}/report", policy=POLICY, answer=VersionReportSchema, problems=["not-found"])
def get_version_report(city: str, kind: str, version: int) -> Answer:
    """What the checks of a version found, how to mend it, and what the version waits for."""
    with reading() as conn:
        found = _found(conn, city, kind, version)
        report = checks.kept_report(conn, found.city_id, kind, version)
    return Answer(report or checks.no_report(found), headers=PRIVATE)


@blueprint.get(
    f"{VERSION}/refused.csv",
    policy=POLICY,
    answer=None,
    media_types=(CSV,),
    problems=["not-found"],
    headers={"Content-Disposition": "the file's name"},
)
def get_refused_rows(city: str, kind: str, version: int) -> Answer:
    """The rows that were refused, each with what was wrong, in the form that loads read; the first 50,000."""
    with reading() as conn:
        city_id = _found(conn, city, kind, version).city_id
        content = refused_csv(queries.refused_rows(conn, city_id, kind, version, MAX_REFUSED))
    name = f'attachment; filename="{city}-{kind}-{version}-refused.csv"'
    return Answer(content, headers={**PRIVATE, "Content-Disposition": name}, media_type=CSV)


@blueprint.get(
    f"{VERSION}/diff",
    policy=POLICY,
    query=DiffQuery,
    answer=VersionDiffSchema,
    problems=["not-found", "diff-not-ready"],
)
def get_version_diff(city: str, kind: str, version: int, query: dict[str, Any]) -> Answer:
    """What changes for readers when the version takes the place of another: counts, moves, what is touched."""
    with reading() as conn:
        city_id, against = _pair(conn, city, kind, version, query["against"])
        found = shown_diff(conn, city_id, kind, version, against)
    return Answer(found, headers=PRIVATE)


@blueprint.get(
    f"{VERSION}/diff.geojson",
    policy=POLICY,
    query=DiffLayerQuery,
    answer=None,
    media_types=(GEOJSON,),
    problems=["not-found", "diff-not-ready"],
)
def get_version_diff_layer(city: str, kind: str, version: int, query: dict[str, Any]) -> Answer:
    """A layer of the difference for a map: at most 5,000 points, lines from old to new, outlines before and after."""
    with reading() as conn:
        city_id, against = _pair(conn, city, kind, version, query["against"])
        features = layer_features(conn, city_id, kind, version, against, query["layer"])
    body = {"type": "FeatureCollection", "features": features}
    return Answer(body, headers=PRIVATE, media_type=GEOJSON)


def _found(conn: Connection, city: str, kind: str, version: int) -> VersionView:
    """A version of the caller's; NotFound for a foreign one exactly as for a missing one."""
    return own_version(conn, city, kind, version, actor())


def _pair(conn: Connection, city: str, kind: str, version: int, against: int | None) -> tuple[int, int | None]:
    """The territory, and the version to hold against: the one asked for, else the one that readers see."""
    city_id = _found(conn, city, kind, version).city_id
    if against is None:
        active = cities.active_version(conn, city_id, kind)
        return city_id, None if active is None else active.version
    if against != version:
        _found(conn, city, kind, against)
    return city_id, against
