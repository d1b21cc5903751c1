"""Statements of the checks: refused rows by check, hours, piles, lost parts, new keys, pairs to compare; reports."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import shapely
from sqlalchemy import (
    ColumnElement,
    Connection,
    Integer,
    Row,
    Subquery,
    Table,
    Text,
    and_,
    cast,
    false,
    func,
    literal,
    or_,
    select,
    type_coerce,
    union_all,
)
from sqlalchemy.dialects.postgresql import insert as upsert
from sqlalchemy.types import NullType

from app.cities.tables import active_dataset
from app.core import spatial
from app.imports.checks.tables import dataset_reports
from app.imports.checks.types import MAX_FIRST, Report, Sample
from app.imports.diff.queries_places import Pairs
from app.imports.tables import dataset_fault_counts, dataset_faults
from app.places.tables import hours_patterns, place_facts
from app.regions.tables import region_facts
from geo.bbox import Bbox
from geo.units import METRES_PER_DEGREE

AnyRow = Row[*tuple[Any, ...]]

CELL_DEG: Final = 0.01
"""Cells in which lost rows are counted, about a kilometre."""
PAIRS: Final = 20_000
MATCHED_M: Final = 3_000.0
"""Places of one name are taken for the same one up to this distance."""
CHURN_M: Final = 100.0


def fault_counts(conn: Connection, city_id: int, kind: str, version: int) -> dict[str, int]:
    """How many rows each check refused or remarked."""
    table = dataset_fault_counts
    rows = conn.execute(
        select(table.c.check_code, table.c.faults).where(
            table.c.city_id == city_id, table.c.kind == kind, table.c.version == version
        )
    )
    return {row.check_code: row.faults for row in rows}


def first_faults(conn: Connection, city_id: int, kind: str, version: int, check: str) -> tuple[Sample, ...]:
    """The first hundred rows of a check, in the order of the file."""
    table = dataset_faults
    rows = conn.execute(
        select(table.c.row_no, table.c.source_key, table.c.reason, table.c.lon, table.c.lat)
        .where(
            table.c.city_id == city_id,
            table.c.kind == kind,
            table.c.version == version,
            table.c.check_code == check,
        )
        .order_by(table.c.fault_no)
        .limit(MAX_FIRST)
    )
    return tuple(Sample(row.reason, row.row_no, row.source_key, None, row.lon, row.lat) for row in rows)


def refused_rows(conn: Connection, city_id: int, kind: str, version: int, limit: int) -> list[AnyRow]:
    """Rows that were refused, as they came, in the order of the file."""
    table = dataset_faults
    return list(
        conn.execute(
            select(
                table.c.row_no, table.c.check_code, table.c.source_key, table.c.reason,
                table.c.lon, table.c.lat, table.c.raw,
            )
            .where(
                table.c.city_id == city_id,
                table.c.kind == kind,
                table.c.version == version,
                table.c.severity == "row",
            )
            .order_by(table.c.fault_no)
            .limit(limit)
        )
    )  # fmt: skip


def _rows_of(city_id: int, version: int) -> ColumnElement[bool]:
    return and_(place_facts.c.city_id == city_id, place_facts.c.version == version)


def hours_readable(conn: Connection, city_id: int, version: int) -> tuple[int, int, tuple[Sample, ...]]:
    """Places with opening hours, those whose hours can't be read, and the first of these."""
    same = and_(
        hours_patterns.c.city_id == place_facts.c.city_id,
        hours_patterns.c.version == place_facts.c.version,
        hours_patterns.c.hours_no == place_facts.c.hours_no,
    )
    total, bad = conn.execute(
        select(func.count(), func.count().filter(hours_patterns.c.parsed.is_(False)))
        .select_from(place_facts.join(hours_patterns, same))
        .where(_rows_of(city_id, version))
    ).one()
    if not bad:
        return total, 0, ()
    rows = conn.execute(
        select(
            place_facts.c.place_id,
            place_facts.c.source_key,
            hours_patterns.c.opening_hours,
            spatial.longitude(place_facts.c.location).label("lon"),
            spatial.latitude(place_facts.c.location).label("lat"),
        )
        .join(hours_patterns, same)
        .where(_rows_of(city_id, version), hours_patterns.c.parsed.is_(False))
        .order_by(place_facts.c.place_id)
        .limit(MAX_FIRST)
    )
    first = (Sample(r.opening_hours[:200], None, r.source_key, r.place_id, r.lon, r.lat) for r in rows)
    return total, bad, tuple(first)


def piles(conn: Connection, city_id: int, version: int, at_least: int) -> list[AnyRow]:
    """Points at which at least so many live places lie, the highest pile first."""
    point = spatial.as_geometry(place_facts.c.location)
    heaps = (
        select(type_coerce(point, NullType).label("point"), func.count().label("places"))
        .where(_rows_of(city_id, version), place_facts.c.closed.is_(False))
        .group_by(point)
        .having(func.count() >= at_least)
        .subquery("heaps")
    )
    lon, lat = spatial.longitude(heaps.c.point).label("lon"), spatial.latitude(heaps.c.point).label("lat")
    return list(
        conn.execute(select(lon, lat, heaps.c.places).order_by(heaps.c.places.desc(), lon, lat).limit(MAX_FIRST))
    )


def lost_cells(conn: Connection, city_id: int, version: int, against: int, at_least: int) -> list[AnyRow]:
    """Cells of 0.01° that held at least so many live places and hold a tenth of them or fewer, fullest first."""

    def side(number: int) -> Any:
        lon, lat = spatial.longitude(place_facts.c.location), spatial.latitude(place_facts.c.location)
        return select(
            cast(func.floor(lon / CELL_DEG), Integer).label("x"),
            cast(func.floor(lat / CELL_DEG), Integer).label("y"),
            literal(number == against).label("old"),
        ).where(_rows_of(city_id, number), place_facts.c.closed.is_(False))

    both = union_all(side(against), side(version)).subquery("both")
    before = func.count().filter(both.c.old)
    after = func.count().filter(~both.c.old)
    return list(
        conn.execute(
            select(both.c.x, both.c.y, before.label("before"), after.label("after"))
            .group_by(both.c.x, both.c.y)
            .having(and_(before >= at_least, after * 10 <= before))
            .order_by(before.desc(), both.c.x, both.c.y)
            .limit(10_000)
        )
    )


def pairs_by_id(conn: Connection, city_id: int, version: int, against: int, moved: int) -> list[AnyRow]:
    """Positions in two versions of the same places where they differ, about PAIRS of ``moved``, spread over all ids."""
    pairs = Pairs(city_id, version, against)
    every = max(1, moved // PAIRS)
    new, old = pairs.new.c, pairs.old.c
    return list(
        conn.execute(
            select(new.lon, new.lat, old.lon.label("old_lon"), old.lat.label("old_lat"))
            .select_from(pairs.new.join(pairs.old, new.place_id == old.place_id))
            .where(
                ~spatial.same_point(new.location, old.location),
                func.mod(func.abs(func.hashtext(cast(new.place_id, Text))), every) == 0,
            )
            .order_by(new.place_id)
            .limit(2 * PAIRS)
        )
    )


def pairs_by_name(conn: Connection, city_id: int, version: int, against: int) -> list[AnyRow]:
    """Positions in two versions of places whose name is theirs alone in both, at most 3 km apart."""
    new, old = (_by_name(city_id, number, name) for number, name in ((version, "n"), (against, "o")))
    east = (new.c.lon - old.c.lon) * func.cos(func.radians(old.c.lat)) * METRES_PER_DEGREE
    north = (new.c.lat - old.c.lat) * METRES_PER_DEGREE
    return list(
        conn.execute(
            select(new.c.lon, new.c.lat, old.c.lon.label("old_lon"), old.c.lat.label("old_lat"))
            .join(old, new.c.name == old.c.name)
            .where(func.abs(east) < MATCHED_M, func.abs(north) < MATCHED_M)
            .order_by(new.c.name)
            .limit(PAIRS)
        )
    )


def _by_name(city_id: int, version: int, name: str) -> Subquery:
    """Names that one live place of a version bears alone, in lower case, with its position."""
    lower = func.lower(place_facts.c.name)
    lon, lat = spatial.longitude(place_facts.c.location), spatial.latitude(place_facts.c.location)
    return (
        select(lower.label("name"), func.min(lon).label("lon"), func.min(lat).label("lat"))
        .where(_rows_of(city_id, version), place_facts.c.closed.is_(False))
        .group_by(lower)
        .having(func.count() == 1)
        .subquery(name)
    )


def renumbered(conn: Connection, city_id: int, version: int, against: int) -> tuple[int, list[AnyRow]]:
    """Places that are gone while one of the same name came within 100 m; how many, and the first of them."""
    pairs = Pairs(city_id, version, against)
    gone = (
        select(pairs.old.c.place_id, pairs.old.c.source_key, pairs.old.c.name, pairs.old.c.lon, pairs.old.c.lat)
        .select_from(pairs.joined)
        .where(pairs.removed)
        .cte("gone")
    )
    came = (
        select(pairs.new.c.source_key, pairs.new.c.name, pairs.new.c.lon, pairs.new.c.lat)
        .select_from(pairs.joined)
        .where(pairs.added)
        .cte("came")
    )
    east = (came.c.lon - gone.c.lon) * func.cos(func.radians(gone.c.lat)) * METRES_PER_DEGREE
    north = (came.c.lat - gone.c.lat) * METRES_PER_DEGREE
    met = (
        select(
            gone.c.place_id, gone.c.source_key, gone.c.name, gone.c.lon, gone.c.lat,
            func.min(came.c.source_key).label("new_key"),
        )
        .join(came, func.lower(came.c.name) == func.lower(gone.c.name))
        .where(func.abs(east) < CHURN_M, func.abs(north) < CHURN_M)
        .group_by(gone.c.place_id, gone.c.source_key, gone.c.name, gone.c.lon, gone.c.lat)
        .subquery("met")
    )  # fmt: skip
    rows = conn.execute(
        select(*met.c, func.count().over().label("found")).order_by(met.c.place_id).limit(MAX_FIRST)
    ).all()
    return (rows[0].found if rows else 0), list(rows)


def middle_of_places(conn: Connection, city_id: int, version: int) -> tuple[float, float] | None:
    """Median longitude and latitude of the live places of a version."""
    parts = (spatial.longitude(place_facts.c.location), spatial.latitude(place_facts.c.location))
    middle = [func.percentile_cont(0.5).within_group(part) for part in parts]
    row = conn.execute(select(*middle).where(_rows_of(city_id, version), place_facts.c.closed.is_(False))).one()
    return None if row[0] is None else (float(row[0]), float(row[1]))


def neighbours(conn: Connection, city_id: int, box: Bbox) -> list[Any]:
    """Outlines of other territories' areas, as readers see them, that a box meets; cross-city."""
    boxes = [
        spatial.touches_box(region_facts.c.boundary, spatial.degrees_box(part.west, part.south, part.east, part.north))
        for part in box.parts()
    ]
    rows = conn.execute(
        select(spatial.as_wkb(region_facts.c.boundary))
        .prefix_with("/* cross-city: what lies beside a territory */")
        .join(
            active_dataset,
            and_(
                active_dataset.c.city_id == region_facts.c.city_id,
                active_dataset.c.kind == "regions",
                active_dataset.c.version == region_facts.c.version,
            ),
        )
        .where(
            region_facts.c.city_id != city_id,
            region_facts.c.kind.not_in(("business_district", "extract", "neighbourhood")),
            or_(false(), *boxes),
        )
        .order_by(region_facts.c.city_id, region_facts.c.region_id)
        .limit(500)
    ).scalars()
    return [shapely.from_wkb(bytes(row)) for row in rows]


def places_still_with(conn: Connection, column: str, values: Iterable[str]) -> list[AnyRow]:
    """How many live places that readers see have each of some categories or brands; cross-city."""
    wanted = place_facts.c[column]
    return list(
        conn.execute(
            select(wanted.label("value"), func.count().label("places"))
            .prefix_with("/* cross-city: a list of the world loses a word */")
            .join(
                active_dataset,
                and_(
                    active_dataset.c.city_id == place_facts.c.city_id,
                    active_dataset.c.kind == "places",
                    active_dataset.c.version == place_facts.c.version,
                ),
            )
            .where(wanted == func.any(list(values)), place_facts.c.closed.is_(False))
            .group_by(wanted)
            .order_by(wanted)
            .limit(MAX_FIRST)
        )
    )


def keep_report(conn: Connection, report: Report, body: dict[str, Any]) -> None:
    """Writes a report down, in the place of an older one of the version."""
    row: dict[str, Any] = {
        "against": report.against,
        "verdict": report.verdict,
        "report": body,
        "made_at": report.made_at,
    }
    statement = upsert(dataset_reports).values(city_id=report.city_id, kind=report.kind, version=report.version, **row)
    conn.execute(statement.on_conflict_do_update(index_elements=["city_id", "kind", "version"], set_=row))


def kept_report(conn: Connection, city_id: int, kind: str, version: int) -> AnyRow | None:
    """The report of a version: what it was held against, and its body."""
    table: Table = dataset_reports
    return conn.execute(
        select(table.c.against, table.c.verdict, table.c.report, table.c.made_at).where(
            table.c.city_id == city_id, table.c.kind == kind, table.c.version == version
        )
    ).one_or_none()
