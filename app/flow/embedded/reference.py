"""Small things that change seldom, kept by each process for a while: terms, offers, names, territories."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Connection

from app.cities.queries import territory_by_id
from app.cities.types import Territory
from app.core.kept import Kept
from app.coupons.queries import TermsCache
from app.merchants.queries import merchants_by_ids

ROOM = 20_000
KEPT_S = 60.0


def for_a_minute() -> Kept[Any, Any]:
    """Room for values that may be a minute old."""
    return Kept(ROOM, KEPT_S)


class Reference:
    """What the parts of the flow look up beside their own rows."""

    def __init__(self) -> None:
        self.terms = TermsCache()
        self._merchants: Kept[UUID, Mapping[str, str] | None] = for_a_minute()
        self._territories: Kept[int, Territory | None] = for_a_minute()

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
