"""Statements that note changes of places for those who follow them."""

from __future__ import annotations

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import Connection, text

# Of versions that readers never saw nobody holds a copy: a load takes no position, and waits for nobody.
_POSITION = text("""
    INSERT INTO change_positions (city_id, position)
    SELECT :city, 1 WHERE EXISTS (
        SELECT 1 FROM datasets d WHERE d.city_id = :city AND d.kind = 'places' AND d.version = :version
          AND d.state IN ('active', 'retired'))
    ON CONFLICT (city_id) DO UPDATE SET position = change_positions.position + 1
    RETURNING position
""")
_NOTE = text("""
    INSERT INTO place_changes (city_id, version, place_id, position)
    SELECT :city, :version, g.place_id, :position FROM unnest(CAST(:places AS uuid[])) AS g (place_id)
    ON CONFLICT (city_id, version, place_id) DO UPDATE SET position = excluded.position
""")


def note_changes(conn: Connection, city_id: int, version: int, place_ids: Sequence[UUID]) -> None:
    """Gives places of a version that readers see or saw the next position; later changes of the city wait for us."""
    if not place_ids:
        return
    position = conn.execute(_POSITION, {"city": city_id, "version": version}).scalar_one_or_none()
    if position is not None:
        given = {"city": city_id, "version": version, "places": list(place_ids), "position": position}
        conn.execute(_NOTE, given)
