"""Which areas followed which: what a file says, and what earlier versions said already."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from sqlalchemy import Connection, func, select

from app.imports.queries import active_version_of
from app.regions.tables import region_facts


class Heirs:
    """Lines of succession of a territory, told on from the version that readers see to the next.

    An area follows those its file names, those that these followed, and those it followed before.
    """

    def __init__(self, conn: Connection, city_id: int, ids: Mapping[str, UUID]) -> None:
        self._ids = ids
        version = active_version_of(conn, city_id, "regions")
        rows = conn.execute(
            select(region_facts.c.region_id, region_facts.c.successor_of).where(
                region_facts.c.city_id == city_id,
                region_facts.c.version == (version or 0),
                func.cardinality(region_facts.c.successor_of) > 0,
            )
        )
        self._before: dict[UUID, list[UUID]] = {row.region_id: row.successor_of for row in rows}

    def of(self, region_id: UUID, named: Iterable[str]) -> list[UUID]:
        """Every area that this one followed, in order of id."""
        stated = {self._ids[key] for key in named if key in self._ids}
        told = {earlier for known in (region_id, *stated) for earlier in self._before.get(known, ())}
        return sorted((stated | told) - {region_id})
