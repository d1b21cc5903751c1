"""Small things that change seldom, kept by each process for a while: terms, offers, names, territories."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import Generic, TypeVar
from uuid import UUID

from sqlalchemy import Connection

from app.cities.queries import territory_by_id
from app.cities.types import Territory
from app.coupons.queries import TermsCache
from app.merchants.queries import merchants_by_ids

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

KEPT_S = 60.0


class Kept(Generic[K, V]):
    """Values by key, each good for a minute; all are forgotten when there are too many."""

    def __init__(self, room: int = 20_000, seconds: float = KEPT_S) -> None:
        self._room, self._seconds = room, seconds
        self._known: dict[K, tuple[float, V]] = {}
        self._lock = threading.Lock()

    def get(self, key: K, read: Callable[[], V]) -> V:
        """The value, read when it is not known or too old."""
        found = self._known.get(key)
        if found is not None and found[0] > time.monotonic():
            return found[1]
        value = read()
        with self._lock:
            if len(self._known) >= self._room:
                self._known.clear()
            self._known[key] = (time.monotonic() + self._seconds, value)
        return value

    def forget(self, key: K) -> None:
        """The next look reads again."""
        with self._lock:
            self._known.pop(key, None)


class Reference:
    """What the parts of the flow look up beside their own rows."""

    def __init__(self) -> None:
        self.terms = TermsCache()
        self._merchants: Kept[UUID, Mapping[str, str] | None] = Kept()
        self._territories: Kept[int, Territory | None] = Kept()

    def merchant_names(self, conn: Connection, merchant_id: UUID) -> Mapping[str, str] | None:
        """A merchant's names by language; None when it is suspended or closed."""

        def read() -> Mapping[str, str] | None:
            found = merchants_by_ids(conn, [merchant_id]).get(merchant_id)
            return None if found is None else found.names

        return self._merchants.get(merchant_id, read)

    def territory(self, conn: Connection, city_id: int) -> Territory | None:
        """A city as it is set up."""
        return self._territories.get(city_id, lambda: territory_by_id(conn, city_id))

    def currencies(self, conn: Connection, city_ids: Sequence[int]) -> tuple[str, ...]:
        """The currencies of some cities, each once."""
        found = (self.territory(conn, city_id) for city_id in city_ids)
        return tuple(sorted({each.currency for each in found if each is not None and each.currency}))
