"""The category tree, brands, opening-hours patterns and the calendars behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from uuid import UUID

from sqlalchemy import Connection, and_, select, text

from app.cities.tables import active_dataset
from app.cities.types import WORLD_CITY_ID
from app.places.opening_hours import Calendar, HoursPattern, SpecialDay
from app.places.tables import brands, categories, holidays, hours_patterns, place_facts
from app.places.types import Brand, Category, Taxonomy

MOVED_TOLD = timedelta(days=365)
"""How long an id that was merged into another tells which."""
MAX_CATEGORIES = 10_000
MAX_BRANDS = 200_000
MAX_PATTERNS = 200_000
MAX_HOLIDAYS = 50_000
_WAY = text("""
    WITH RECURSIVE way AS (
        SELECT p.place_id, p.moved_to, p.moved_at, 0 AS steps FROM places p
        WHERE p.city_id = :city AND p.place_id = :place
        UNION ALL
        SELECT p.place_id, p.moved_to, p.moved_at, w.steps + 1 FROM places p
        JOIN way w ON p.city_id = :city AND p.place_id = w.moved_to WHERE w.steps < 20)
    SELECT place_id, moved_at FROM way ORDER BY steps LIMIT 21
""")


def taxonomy(conn: Connection, version: int) -> Taxonomy:
    """The category tree of a version; empty when that version holds none."""
    rows = conn.execute(
        select(categories.c.category_id, categories.c.parent_id, categories.c.names, categories.c.depth)
        .where(categories.c.version == version)
        .order_by(categories.c.depth, categories.c.sort_order, categories.c.category_id)
        .limit(MAX_CATEGORIES)
    ).all()
    nodes = {row.category_id: Category(row.category_id, row.parent_id, row.names, row.depth) for row in rows}
    children: dict[str | None, list[str]] = {}
    for node in nodes.values():
        children.setdefault(node.parent_id, []).append(node.category_id)
    ordered: dict[str, Category] = {}
    waiting = list(reversed(children.get(None, [])))
    while waiting:
        here = waiting.pop()
        ordered[here] = nodes[here]
        waiting.extend(reversed(children.get(here, [])))
    return Taxonomy(version, ordered, {parent: tuple(found) for parent, found in children.items()})


def brand(conn: Connection, version: int, brand_id: str) -> Brand | None:
    """One chain of a version."""
    row = conn.execute(
        select(brands.c.brand_id, brands.c.names).where(brands.c.version == version, brands.c.brand_id == brand_id)
    ).one_or_none()
    return None if row is None else Brand(row.brand_id, row.names)


def brand_ids(conn: Connection, version: int) -> frozenset[str]:
    """Every chain of a version."""
    return frozenset(
        conn.execute(select(brands.c.brand_id).where(brands.c.version == version).limit(MAX_BRANDS)).scalars()
    )


def hours_patterns_of(conn: Connection, city_id: int, version: int) -> tuple[HoursPattern, ...]:
    """The distinct opening hours of a city's version, by number."""
    rows = conn.execute(
        select(
            hours_patterns.c.hours_no,
            hours_patterns.c.opening_hours,
            hours_patterns.c.time_zone,
            hours_patterns.c.calendar,
            hours_patterns.c.workday_calendar,
            hours_patterns.c.parsed,
        )
        .where(hours_patterns.c.city_id == city_id, hours_patterns.c.version == version)
        .order_by(hours_patterns.c.hours_no)
        .limit(MAX_PATTERNS)
    ).all()
    return tuple(HoursPattern(*row) for row in rows)


def calendars(conn: Connection, version: int) -> Mapping[str, Calendar]:
    """Every calendar of a version: its special days by date."""
    rows = conn.execute(
        select(holidays.c.calendar, holidays.c.on_date, holidays.c.kind, holidays.c.as_weekday)
        .where(holidays.c.version == version)
        .order_by(holidays.c.calendar, holidays.c.on_date)
        .limit(MAX_HOLIDAYS)
    ).all()
    found: dict[str, dict[date, SpecialDay]] = {}
    for row in rows:
        found.setdefault(row.calendar, {})[row.on_date] = SpecialDay(row.kind, row.as_weekday)
    return found


def calendar_in_force(conn: Connection, calendar: str) -> Calendar:
    """The special days of one calendar by date, of the active version."""
    rows = conn.execute(
        select(holidays.c.on_date, holidays.c.kind, holidays.c.as_weekday)
        .join(
            active_dataset,
            and_(active_dataset.c.kind == "holidays", active_dataset.c.version == holidays.c.version),
        )
        .where(active_dataset.c.city_id == WORLD_CITY_ID, holidays.c.calendar == calendar)
        .order_by(holidays.c.on_date)
        .limit(MAX_HOLIDAYS)
    ).all()
    return {row.on_date: SpecialDay(row.kind, row.as_weekday) for row in rows}


def names_of(conn: Connection, city_id: int, place_ids: Sequence[UUID]) -> dict[UUID, Mapping[str, str]]:
    """Names by language of some places of the active version; those that are not in it are left out."""
    rows = conn.execute(
        select(place_facts.c.place_id, place_facts.c.names)
        .join(
            active_dataset,
            and_(
                active_dataset.c.city_id == place_facts.c.city_id,
                active_dataset.c.kind == "places",
                active_dataset.c.version == place_facts.c.version,
            ),
        )
        .where(place_facts.c.city_id == city_id, place_facts.c.place_id.in_(list(place_ids)))
    )
    return {row.place_id: row.names for row in rows}


def moved_to(conn: Connection, city_id: int, place_id: UUID, now: datetime) -> tuple[bool, UUID | None]:
    """Whether the place's identity exists, and the one that it was merged into within a year, at the end of all."""
    rows = conn.execute(_WAY, {"city": city_id, "place": place_id}).all()
    if not rows:
        return False, None
    first, last = rows[0], rows[-1]
    late = first.moved_at is not None and first.moved_at <= now - MOVED_TOLD
    return True, None if late or last.place_id == place_id else last.place_id
