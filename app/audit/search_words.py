"""Lanes of words, names, numbers, brands and attributes, and bits of rows, compared with what the writing code says."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Final
from uuid import UUID

from sqlalchemy import Connection, text

from app.cities import queries as cities
from app.places.queries import taxonomy
from app.places.search_rows import live_places
from app.postings.charts import slot_of
from app.postings.queries import facets_by_key
from app.postings.types import FacetKey, Listed, signature

_KINDS: Final = ("word", "brand", "attribute", "name", "phone")
_ACTUAL = text("""
    SELECT p.place_id, array_agg(DISTINCT p.signature) AS signatures,
           array_agg(DISTINCT ARRAY[f.kind, f.key]) FILTER (WHERE f.kind = ANY (:kinds)) AS lanes
    FROM postings p LEFT JOIN search_facets f ON f.city_id = :city AND f.facet = p.facet
    WHERE p.city_id = :city AND p.slot = :slot AND p.place_id = ANY (CAST(:places AS uuid[]))
    GROUP BY p.place_id
""")


def differing_places(conn: Connection, limit: int) -> list[tuple[str, str]]:
    """At most ``limit`` (thing, detail) of places of what readers see whose rows differ from their text."""
    return list(islice(_differing(conn), limit))


def _differing(conn: Connection) -> Iterator[tuple[str, str]]:
    tree = taxonomy(conn, cities.world_versions(conn).categories)
    for city in cities.active_datasets(conn):
        if city.places_version is None:
            continue
        for batch in live_places(conn, city.city_id, city.places_version, tree):
            numbers = facets_by_key(conn, city.city_id, {key for place in batch for key in place.facets})
            rows = conn.execute(
                _ACTUAL,
                {
                    "city": city.city_id,
                    "slot": slot_of(city.places_version),
                    "places": [place.place_id for place in batch],
                    "kinds": list(_KINDS),
                },
            )
            actual = {row.place_id: (row.signatures, frozenset(map(tuple, row.lanes or ()))) for row in rows}
            for place in batch:
                if wrong := _wrong(place, numbers, actual):
                    yield f"place {place.place_id} of city {city.city_id}", wrong


def _wrong(
    place: Listed, numbers: dict[FacetKey, int], actual: dict[UUID, tuple[list[int], frozenset[FacetKey]]]
) -> str:
    """What differs, in words; empty when nothing does, or when the place has no rows, which another rule tells."""
    if place.place_id not in actual:
        return ""
    signatures, lanes = actual[place.place_id]
    wanted = {key for key in place.facets if key[0] in _KINDS}
    faults = [f"it lacks the lane of {kind} {key!r}" for kind, key in sorted(wanted - lanes)]
    faults += [f"it stands in the lane of {kind} {key!r}" for kind, key in sorted(lanes - wanted)]
    known = place.facets <= numbers.keys()
    if not faults and known and signatures != [signature(numbers[key] for key in place.facets)]:
        faults = ["its rows carry other bits than those of its lanes"]
    return "; ".join(faults)
