"""Statements that note changes of places for those who follow them, and arrivals for those who wait for new ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Connection, text

from geo.coordinates import LonLat

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


# One that moves again before anybody was told came from where it stood first; one that is new stays new.
_ARRIVED = text("""
    INSERT INTO place_arrivals (city_id, place_id, was_lon, was_lat)
    SELECT :city, g.place_id, g.lon, g.lat
    FROM unnest(CAST(:places AS uuid[]), CAST(:lons AS double precision[]), CAST(:lats AS double precision[]))
        AS g (place_id, lon, lat)
    ORDER BY g.place_id
    ON CONFLICT (city_id, place_id) DO NOTHING
""")
_TAKEN = text("DELETE FROM place_arrivals WHERE city_id = :city RETURNING place_id, was_lon, was_lat")


@dataclass(frozen=True, slots=True)
class Arrival:
    """A place that came into sight, and where it stood before; None where it was not to be seen."""

    place_id: UUID
    was: LonLat | None


def note_arrivals(conn: Connection, city_id: int, arrivals: Sequence[Arrival]) -> None:
    """Keeps what members who wait for new places are to be told."""
    if arrivals:
        before = [each.was for each in arrivals]
        given = {
            "city": city_id,
            "places": [each.place_id for each in arrivals],
            "lons": [None if was is None else was.lon for was in before],
            "lats": [None if was is None else was.lat for was in before],
        }
        conn.execute(_ARRIVED, given)


def take_arrivals(conn: Connection, city_id: int) -> tuple[Arrival, ...]:
    """What came into sight in a city and nobody was told of; gone from the list once the transaction ends."""
    return tuple(
        Arrival(place_id, None if lon is None else LonLat(lon, lat))
        for place_id, lon, lat in conn.execute(_TAKEN, {"city": city_id})
    )


def note_changes(conn: Connection, city_id: int, version: int, place_ids: Sequence[UUID]) -> bool:
    """Gives places of a version that readers see or saw the next position; later changes of the city wait for us.

    False where readers never saw the version.
    """
    if not place_ids:
        return False
    position = conn.execute(_POSITION, {"city": city_id, "version": version}).scalar_one_or_none()
    if position is not None:
        given = {"city": city_id, "version": version, "places": list(place_ids), "position": position}
        conn.execute(_NOTE, given)
    return position is not None
