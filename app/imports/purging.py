"""Rows of versions that nobody needs any more: which, and how they go."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, select, text, update

from app.cities import queries as cities
from app.cities.tables import active_dataset, datasets
from app.core.paging import CURSOR_LIFETIME_S
from app.imports import queries_jobs
from app.imports.types_jobs import COMMAND_LINE
from app.postings.charts import slot_of
from app.postings.queries import clear_slot, take_slot, version_in_slot

GRACE: Final = timedelta(seconds=2 * CURSOR_LIFETIME_S)
"""How long nothing is removed after an activation: longer than any cursor lives that reads an older version."""
BATCH: Final = 20_000
SWEEPER: Final = "sweeper"

# Tables with a version's rows and the column that names it where that isn't ``version``; those that point first.
_ROWS: Final = {
    "places": (
        "place_regions.places_version",
        "region_link_sets.places_version",
        "place_moves",
        "place_changes",
        "place_bases",
        "place_facts",
        "hours_patterns",
    ),
    "regions": ("place_regions.regions_version", "region_link_sets.regions_version", "region_facts"),
    "basemap": ("basemap_features",),
    "categories": ("category_aliases", "categories"),
    "brands": ("brands",),
    "holidays": ("holidays",),
}
_REFERENCE: Final = frozenset({"category_aliases", "categories", "brands", "holidays"})


def retire_old(conn: Connection, city_id: int, now: datetime, kept: int, grace: timedelta = GRACE) -> int:
    """Marks retired versions beyond the newest ``kept`` as purged, and makes the removal of their rows due."""
    done = 0
    pointers = conn.execute(
        select(active_dataset.c.kind, active_dataset.c.version, active_dataset.c.activated_at)
        .where(active_dataset.c.city_id == city_id)
        .order_by(active_dataset.c.kind)
    ).all()
    for pointer in pointers:
        if pointer.activated_at <= now - grace:
            done += sum(
                purge(conn, city_id, pointer.kind, version, now, SWEEPER)
                for version in _too_old(conn, city_id, pointer.kind, pointer.version, kept)
            )
    return done


def _too_old(conn: Connection, city_id: int, kind: str, active: int, kept: int) -> list[int]:
    """Retired versions but the newest ``kept`` that were shown, the active one, the one before it, and those that
    are about to be shown again."""
    shown = (
        conn.execute(
            select(datasets.c.version)
            .where(
                datasets.c.city_id == city_id,
                datasets.c.kind == kind,
                datasets.c.state.in_(["active", "retired"]),
                datasets.c.purged_at.is_(None),
            )
            .order_by(datasets.c.version.desc())
            .limit(10_000)
        )
        .scalars()
        .all()
    )
    before = next((version for version in shown if version < active), None)
    spared = {*shown[:kept], active, before, *queries_jobs.versions_due(conn, city_id, kind, "activate")}
    return [version for version in shown if version not in spared]


def purge(conn: Connection, city_id: int, kind: str, version: int, now: datetime, actor: str = COMMAND_LINE) -> bool:
    """Marks a retired version as purged and makes the removal of its rows due; False when it is retired no more."""
    row = conn.execute(
        update(datasets)
        .where(
            datasets.c.city_id == city_id,
            datasets.c.kind == kind,
            datasets.c.version == version,
            datasets.c.state == "retired",
            datasets.c.purged_at.is_(None),
        )
        .values(purged_at=now)
        .returning(datasets.c.dataset_id, datasets.c.source_name)
    ).one_or_none()
    if row is None:
        return False
    queries_jobs.adopt(conn, city_id, row.dataset_id, row.source_name)
    # Whoever works on it at this moment loses the lease: it would end the removal with its own work.
    due = {"task": "purge", "run_at": now, "tries": 0, "lease_until": None, "lease_by": None}
    queries_jobs.set_result(conn, city_id, row.dataset_id, **due)
    queries_jobs.add_step(conn, city_id, row.dataset_id, "purged", actor, now)
    return True


_ITEMS: Final = text(f"""
    DELETE FROM dataset_diff_items WHERE city_id = :city AND kind = :kind AND :version IN (version, against)
      AND ctid = ANY (ARRAY(SELECT ctid FROM dataset_diff_items
                            WHERE city_id = :city AND kind = :kind AND :version IN (version, against) LIMIT {BATCH}))
""")


def remove_rows(conn: Connection, city_id: int, kind: str, version: int, step: Callable[[int], None]) -> int:
    """Removes every row of a version, its search rows among them; returns how many, and tells each batch.

    Of its differences the counts stay, and the things that a map drew go.
    """
    removed = 0
    if kind == "places":
        take_slot(conn, city_id, slot_of(version), wait=True)  # nobody fills or empties it meanwhile
        cities.lock_versions(conn, city_id)
        if version_in_slot(conn, city_id, slot_of(version)) == version:
            clear_slot(conn, city_id, slot_of(version))
    for named in _ROWS[kind]:
        table, _, column = named.partition(".")
        owner = "true" if table in _REFERENCE else "city_id = :city"
        whose = f"{owner} AND {column or 'version'} = :version"
        some = f"SELECT ctid FROM {table} WHERE {whose} LIMIT {BATCH}"
        statement = text(f"DELETE FROM {table} WHERE {whose} AND ctid = ANY (ARRAY({some}))")
        if table == "categories":  # parents and children go together
            statement = text(f"DELETE FROM {table} WHERE version = :version")
        while gone := conn.execute(statement, {"city": city_id, "version": version}).rowcount:
            removed += gone
            step(gone)
    while gone := conn.execute(_ITEMS, {"city": city_id, "kind": kind, "version": version}).rowcount:
        removed += gone
        step(gone)
    return removed
