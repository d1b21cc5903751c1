"""The fences of a city in the memory of a process, under an epoch that each request compares; or in the database.

A small city's fences are read at the first request; many are read by a thread while the database's index answers. What
changed since is read by each request that finds a newer epoch, and laid over the tree until there is enough of it to
build the tree anew.
"""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final, Protocol
from uuid import UUID

import shapely
from shapely import STRtree
from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from app.core.db import Database
from app.geofencing import queries_sets
from app.geofencing.sights import outline
from app.geofencing.types import Fence, FenceSet

READ_AT_ONCE: Final = 2_000
PAGE: Final = 5_000

log = logging.getLogger("fujin.fences")


class Fences(Protocol):
    """Who answers which fences of a city fixes meet."""

    def touched(self, ways: Sequence[shapely.Geometry]) -> list[tuple[int, Fence]]:
        """Pairs of a way's number and a fence whose outline it touches."""
        ...

    def by_id(self, geofence_ids: Sequence[UUID]) -> dict[UUID, Fence]:
        """Fences that are there, of those named."""
        ...


@dataclass(frozen=True, slots=True)
class StoredFences:
    """The database answers."""

    conn: Connection
    city_id: int

    def touched(self, ways: Sequence[shapely.Geometry]) -> list[tuple[int, Fence]]:
        """By the database's index."""
        found = queries_sets.touched(self.conn, self.city_id, ways)
        fences = self.by_id(list({geofence_id for _, geofence_id in found}))
        return [(number, fences[geofence_id]) for number, geofence_id in found if geofence_id in fences]

    def by_id(self, geofence_ids: Sequence[UUID]) -> dict[UUID, Fence]:
        """By key."""
        found = queries_sets.fences_by_id(self.conn, self.city_id, geofence_ids)
        return {fence.geofence_id: fence for fence in found}


@dataclass(frozen=True, slots=True)
class KeptFences:
    """A state of a city's fences that never changes: a tree, and what changed since it was built."""

    epoch: int
    base: dict[UUID, Fence]
    order: list[Fence]
    tree: STRtree
    changed: dict[UUID, Fence | None] = field(default_factory=dict)
    fresh: tuple[tuple[Fence, shapely.Geometry], ...] = ()

    def touched(self, ways: Sequence[shapely.Geometry]) -> list[tuple[int, Fence]]:
        """By the tree, but for those that changed since."""
        numbers, places = self.tree.query(list(ways), predicate="intersects")
        found = [(number, self.order[place]) for number, place in zip(numbers.tolist(), places.tolist(), strict=True)]
        if self.changed:
            found = [(number, fence) for number, fence in found if fence.geofence_id not in self.changed]
            for fence, shape in self.fresh:
                hits = shapely.intersects(shape, list(ways)).nonzero()[0].tolist()
                found += [(number, fence) for number in hits]
        return found

    def by_id(self, geofence_ids: Sequence[UUID]) -> dict[UUID, Fence]:
        """What is known now of those named."""
        found: dict[UUID, Fence] = {}
        for geofence_id in geofence_ids:
            fence = self.changed[geofence_id] if geofence_id in self.changed else self.base.get(geofence_id)
            if fence is not None:
                found[geofence_id] = fence
        return found

    def after(self, epoch: int, changes: Iterable[tuple[UUID, Fence | None]]) -> KeptFences:
        """The state with changes laid over it."""
        changed = {**self.changed, **dict(changes)}
        fresh = tuple((fence, outline(fence.shape)) for fence in changed.values() if fence is not None)
        return KeptFences(epoch, self.base, self.order, self.tree, changed, fresh)


def kept(epoch: int, fences: Sequence[Fence]) -> KeptFences:
    """A tree over fences."""
    tree = STRtree([outline(fence.shape) for fence in fences])
    return KeptFences(epoch, {fence.geofence_id: fence for fence in fences}, list(fences), tree)


class FenceMemory:
    """What a process knows of fences, city by city; safe to ask from several threads."""

    def __init__(self, database: Database, *, in_memory: bool = True, read_at_once: int = READ_AT_ONCE) -> None:
        self._database = database
        self._in_memory = in_memory
        self._read_at_once = read_at_once
        self._cities: dict[int, KeptFences] = {}
        self._loading: set[int] = set()
        self._lock = threading.Lock()

    def fences(self, conn: Connection, now: FenceSet) -> Fences:
        """The fences of a city as they were at the epoch of ``now`` or later; asks the database where need be."""
        if not self._in_memory:
            return StoredFences(conn, now.city_id)
        known = self._cities.get(now.city_id)
        if known is not None and known.epoch >= now.epoch:
            return known
        if known is None:
            if now.fence_count <= self._read_at_once:
                return self._keep(now.city_id, self._read(conn, now.city_id, now.epoch))
            self._read_beside(now.city_id)
            return StoredFences(conn, now.city_id)
        changes = queries_sets.changed_since(conn, now.city_id, known.epoch, self._read_at_once + 1)
        if len(changes) + len(known.changed) <= self._read_at_once:
            return self._keep(now.city_id, known.after(now.epoch, changes))
        if now.fence_count <= self._read_at_once:
            return self._keep(now.city_id, self._read(conn, now.city_id, now.epoch))
        self._read_beside(now.city_id)
        return StoredFences(conn, now.city_id)

    def load(self, city_id: int) -> int:
        """Reads a city's fences and waits for it; how many there are."""
        with self._database.read_primary() as conn:
            epoch = next((each.epoch for each in queries_sets.fence_sets(conn) if each.city_id == city_id), 0)
            found = self._read(conn, city_id, epoch)
        self._keep(city_id, found)
        if len(found.order) > READ_AT_ONCE:
            # Hundreds of thousands of objects that stay: the collector would walk over all of them again and again.
            gc.freeze()
        return len(found.order)

    def _keep(self, city_id: int, found: KeptFences) -> KeptFences:
        with self._lock:
            known = self._cities.get(city_id)
            if known is None or known.epoch <= found.epoch:
                self._cities[city_id] = found
        return found

    def _read(self, conn: Connection, city_id: int, epoch: int) -> KeptFences:
        fences: list[Fence] = []
        while page := queries_sets.fences_after(conn, city_id, fences[-1].geofence_id if fences else None, PAGE):
            fences += page
            if len(page) < PAGE:
                break
        return kept(epoch, fences)

    def _read_beside(self, city_id: int) -> None:
        """Reads a city's fences in a thread, unless one is at it."""
        with self._lock:
            if city_id in self._loading:
                return
            self._loading.add(city_id)
        threading.Thread(target=self._read_quietly, args=(city_id,), name=f"fences-{city_id}", daemon=True).start()

    def _read_quietly(self, city_id: int) -> None:
        try:
            count = self.load(city_id)
            log.info("fences read", extra={"city_id": city_id, "count": count})
        except SQLAlchemyError:
            log.warning("fences could not be read", extra={"city_id": city_id})
        finally:
            with self._lock:
                self._loading.discard(city_id)
