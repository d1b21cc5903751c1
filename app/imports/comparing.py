"""What a version would change for readers: rows new, kept and removed against another version."""

from __future__ import annotations

from typing import Any, Final

from sqlalchemy import Connection, Select, Table, func, intersect, or_, select

from app.cities.tables import basemap_features, datasets
from app.cities.types import WORLD_CITY_ID
from app.imports import queries
from app.imports.types import Change
from app.places.tables import brands, categories, holidays, place_facts
from app.regions.tables import region_facts

MAX_LOST_SHARE: Final = 0.2
MAX_LOST_ROWS: Final = 10
# What a row is known by from version to version; what isn't listed has no identity and is only counted.
_IDENTITIES: Final[dict[str, tuple[Table, tuple[str, ...]]]] = {
    "places": (place_facts, ("place_id",)),
    "regions": (region_facts, ("region_id",)),
    "categories": (categories, ("category_id",)),
    "brands": (brands, ("brand_id",)),
    "holidays": (holidays, ("calendar", "on_date")),
}


def compare(conn: Connection, table: Table, city_id: int, kind: str, version: int, against: int | None) -> Change:
    """What readers gain, keep and lose when ``version`` takes the place of ``against`` (None: there is none yet).

    Closed places don't count. Features of the base map have no identity: as many as both hold count as kept.
    """
    if kind not in _IDENTITIES:
        owner = None if city_id == WORLD_CITY_ID else city_id
        after = queries.count_rows(conn, table, version, owner)
        before = 0 if against is None else queries.count_rows(conn, table, against, owner)
        return Change(against, before, after, min(before, after))
    after = _count(conn, _shown(city_id, kind, version))
    if against is None:
        return Change(None, 0, after, 0)
    old, new = _shown(city_id, kind, against), _shown(city_id, kind, version)
    # A set operation, since a join is planned by statistics that know nothing of rows that were just copied in.
    return Change(against, _count(conn, old), after, _count(conn, intersect(old, new)))


def table_of(kind: str) -> Table:
    """The table that holds the rows of a kind."""
    return basemap_features if kind == "basemap" else _IDENTITIES[kind][0]


def rows_of(conn: Connection, city_id: int, kind: str, versions: list[int]) -> int:
    """Rows that some versions of a kind hold by their own account."""
    rows = select(func.coalesce(func.sum(datasets.c.rows_stored), 0)).where(
        datasets.c.city_id == city_id, datasets.c.kind == kind, datasets.c.version == func.any(versions)
    )
    return int(conn.execute(rows).scalar_one())


def without_rows(conn: Connection, city_id: int, kind: str, versions: list[int]) -> list[int]:
    """Which of some versions hold no rows any more, or never did."""
    empty = or_(datasets.c.purged_at.is_not(None), datasets.c.state.in_(("failed", "validating")))
    return list(
        conn.execute(
            select(datasets.c.version)
            .where(datasets.c.city_id == city_id, datasets.c.kind == kind, datasets.c.version.in_(versions), empty)
            .order_by(datasets.c.version)
        ).scalars()
    )


def too_much_lost(change: Change) -> bool:
    """True when more than a fifth of what readers see, and more than ten rows, would vanish."""
    return change.removed > MAX_LOST_ROWS and change.removed > MAX_LOST_SHARE * change.before


def _shown(city_id: int, kind: str, version: int) -> Select[Any]:
    table, identity = _IDENTITIES[kind]
    statement = select(*(table.c[name] for name in identity)).where(table.c.version == version)
    if "city_id" in table.c:
        statement = statement.where(table.c.city_id == city_id)
    if kind == "places":
        statement = statement.where(table.c.closed.is_(False))
    return statement


def _count(conn: Connection, rows: Any) -> int:
    return conn.execute(select(func.count()).select_from(rows.subquery())).scalar_one()
