"""Places of merchants all of whose places in a city lie in drawn shapes."""

from __future__ import annotations

from functools import partial

from app.discovery.merge import merge
from app.discovery.queries_near import NearPlace
from app.discovery.queries_within import places_of_whole_merchants
from app.discovery.search import Found, Reading, found_page, place_hits, settle
from app.discovery.search_text import SCOPE, asked_within, first_of_area
from app.discovery.types import CityPage, PlaceHit, Reach, TextSearch
from geo.bbox import Bbox
from geo.coordinates import LonLat, wrap_lon
from geo.distance import distance_m


def search_whole(reading: Reading, search: TextSearch) -> Found[PlaceHit]:
    """A page of places of merchants all of whose places in a city lie in the shapes."""
    assert search.area is not None
    drawn = search.area
    settled = settle(
        reading, SCOPE, search, asked_within(search) | {"mode": "all"}, first=partial(first_of_area, reading, search)
    )
    frozen, around = settled.frozen, (search.origin, _radius_m(search.origin, drawn.bbox))

    def ask(reach: Reach) -> CityPage[NearPlace]:
        return places_of_whole_merchants(reading.conn, reach, drawn.boundary, around, frozen.after, search.limit + 1)

    merged = merge(frozen.reaches, search.limit, frozen.total is None, ask)
    hits, merchants = place_hits(reading, frozen, merged.hits)
    return found_page(reading, settled, search, merged, hits, merchants)


def _radius_m(middle: LonLat, box: Bbox) -> float:
    """Metres from the middle of a box that reach all of it: its border is looked at in 64 places."""
    steps = [n / 16 for n in range(17)]
    places = [(box.west + share * box.width_deg, lat) for share in steps for lat in (box.south, box.north)] + [
        (lon, box.south + share * (box.north - box.south)) for share in steps for lon in (box.west, box.east)
    ]
    return 1.02 * max(distance_m(middle, LonLat(wrap_lon(lon), lat)) for lon, lat in places) + 10.0
