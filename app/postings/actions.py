"""Search rows follow the places: put and remove, in the transaction of the writer, who shares the city's rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Connection

from app.postings import queries
from app.postings.types import Listed


def put(conn: Connection, city_id: int, version: int, places: Sequence[Listed]) -> None:
    """Makes the search rows of some live places, each given once, what they should be, whatever they were before.

    In lanes of coupons the places stay where they stand; those lanes follow coupons, not places.
    """
    numbers = queries.number_facets(conn, city_id, {key for place in places for key in place.facets})
    queries.put_rows(conn, city_id, version, places, numbers)


def remove(conn: Connection, city_id: int, version: int, place_ids: Iterable[UUID]) -> None:
    """Takes places out of every search."""
    queries.delete_rows(conn, city_id, version, list(place_ids))
