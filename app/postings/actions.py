"""Search rows follow the places: put, remove, and set the facets of one kind; in the transaction of the writer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from uuid import UUID

from sqlalchemy import Connection

from app.postings import queries
from app.postings.types import Listed


def put(conn: Connection, city_id: int, version: int, places: Sequence[Listed]) -> None:
    """Writes the search rows of some live places anew, whatever they were before."""
    queries.delete_rows(conn, city_id, version, [place.place_id for place in places])
    numbers = queries.number_facets(conn, city_id, {key for place in places for key in place.facets})
    queries.insert_rows(conn, [row for place in places for row in queries.rows_of(city_id, version, place, numbers)])


def remove(conn: Connection, city_id: int, version: int, place_ids: Iterable[UUID]) -> None:
    """Takes places out of every search."""
    queries.delete_rows(conn, city_id, version, list(place_ids))
