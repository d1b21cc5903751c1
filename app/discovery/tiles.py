"""Which tile to draw from which versions, and what TileJSON says of a layer."""

from __future__ import annotations

from app.cities.queries import everything_active
from app.cities.types import ActiveCity, ActiveDatasets
from app.discovery.catalogue import attributions
from app.discovery.errors import TileOutOfRange
from app.discovery.present import Json
from app.discovery.queries_tiles import tile_of, windows_of
from app.discovery.search import Reading
from app.http.caching import entity_tag
from geo.bbox import Bbox
from geo.tiles import Tile
from geo.units import MAX_MERCATOR_LAT

MAX_ZOOM = 18

# Of each layer: the kind of data behind it, the zooms worth asking, and its attributes.
_ZOOMS = {"places": (8, 16), "regions": (0, 14), "areas": (6, 14), "basemap": (5, 15)}
_KINDS = {"places": "places", "regions": "regions", "areas": "places", "basemap": "basemap"}
_ATTRIBUTES: dict[str, dict[str, str]] = {
    "places": {
        "place_id": "id for /v1/places",
        "name": "the name on the sign",
        "category_id": "id in /v1/categories",
        "coupon_count": "coupons that can be claimed now",
    },
    "regions": {
        "region_id": "id for /v1/regions",
        "kind": "country, city, district, business_district and others",
        "admin_level": "as in OpenStreetMap",
        "name": "the local name",
        "names_it": "true in the one tile that writes the name",
    },
    "areas": {
        "service_area_id": "id of the area",
        "place_id": "id for /v1/places",
        "kind": "delivery, visit, pickup or territory",
        "priority": "the highest serves",
        "name": "the local name",
    },
    "basemap": {"layer": "road, water or green", "class": "what it is in particular", "name": "the local name"},
}
_ABOUT = {
    "places": "Live places",
    "regions": "Administrative areas and business districts",
    "areas": "Published service areas",
    "basemap": "Roads, water and green",
}


def checked_tile(z: int, x: int, y: int) -> Tile:
    """A tile of the pyramid; raises TileOutOfRange."""
    if z > MAX_ZOOM or not (0 <= x < 1 << z and 0 <= y < 1 << z):
        raise TileOutOfRange(f"zooms are 0 to {MAX_ZOOM}, columns and rows 0 to 2^z - 1")
    return Tile(z, x, y)


def versions_for(active: ActiveDatasets, layer: str, tile: Tile) -> dict[int, int]:
    """Versions by city of a layer's data; of places only the cities whose box meets the tile."""
    kind = _KINDS[layer]
    return {
        city.city_id: city.versions[kind]
        for city in active.cities
        if kind in city.versions and (layer != "places" or _meets(city, tile))
    }


def _meets(city: ActiveCity, tile: Tile) -> bool:
    if city.places_extent is None:
        return False
    south, north, windows = windows_of(tile)
    parts = [Bbox(window.west, max(-90.0, south), window.east, min(90.0, north)) for window in windows]
    return any(city.places_extent.intersects(part) for part in parts)


def tag_of(layer: str, tile: Tile, versions: dict[int, int]) -> str | None:
    """The entity tag where versions decide the bytes; None where coupons and the time count too."""
    if layer in ("places", "areas"):
        return None
    return entity_tag(layer, tile.z, tile.x, tile.y, sorted(versions.items()))


def active_for(reading: Reading, layer: str, tile: Tile) -> dict[int, int]:
    """Versions by city that a tile is drawn from."""
    return versions_for(everything_active(reading.conn), layer, tile)


def draw(reading: Reading, layer: str, tile: Tile, versions: dict[int, int]) -> bytes:
    """The encoded tile; empty when there is nothing to show."""
    return tile_of(reading.conn, layer, tile, versions, reading.now)


def tilejson(reading: Reading, layer: str, public_url: str) -> Json:
    """TileJSON 3.0 of a layer."""
    active = everything_active(reading.conn)
    kind = _KINDS[layer]
    cities = [city for city in active.cities if kind in city.versions]
    boxes = [city.places_extent for city in cities if city.places_extent is not None]
    low, high = _ZOOMS[layer]
    world = [-180.0, -MAX_MERCATOR_LAT, 180.0, MAX_MERCATOR_LAT]
    return {
        "tilejson": "3.0.0",
        "name": _ABOUT[layer],
        "tiles": [f"{public_url}/v1/tiles/{layer}/{{z}}/{{x}}/{{y}}.mvt"],
        "scheme": "xyz",
        "minzoom": low,
        "maxzoom": high,
        "bounds": world if layer != "places" or not boxes else _bounds(boxes),
        "attribution": " · ".join(attributions(cities, (kind,))),
        "version": "1.0.0",
        "vector_layers": [{"id": layer, "description": _ABOUT[layer], "fields": _ATTRIBUTES[layer]}],
    }


def _bounds(boxes: list[Bbox]) -> list[float]:
    """One box of all; TileJSON knows none that crosses 180°, so such a one is drawn over all longitudes."""
    box = boxes[0]
    for other in boxes[1:]:
        box = box.union(other)
    if box.crosses_antimeridian:
        return [-180.0, box.south, 180.0, box.north]
    return box.as_list()
