"""Vector tiles and their TileJSON."""

from __future__ import annotations

from app.discovery import tiles
from app.discovery.asking import asking
from app.discovery.routes_details import TAGGED
from app.discovery.shapes_details import TileJsonSchema
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC
from app.http.caching import holds, tagged
from app.http.services import services

blueprint = Blueprint("tiles", __name__, description="Vector tiles")
MVT = "application/vnd.mapbox-vector-tile"
MAX_AGE_S = 60
_LAYER = "<any(places, regions, areas, basemap):layer>"


@blueprint.get(
    f"/v1/tiles/{_LAYER}/<int:z>/<int:x>/<int:y>.mvt",
    policy=PUBLIC,
    answer=None,
    media_types=(MVT,),
    other_statuses={204: "Nothing lies in this tile", 304: "The caller holds this already"},
    problems=("tile-out-of-range", "no-such-route"),
    headers=TAGGED,
)
def tile(layer: str, z: int, x: int, y: int) -> Answer:
    """One tile of a layer: 4096 units a side, at most 10,000 features.

    `z` is the zoom (0 to 18), `x` the column from the west, `y` the row from the north, 2^z of each:
    `/v1/tiles/places/14/13660/6746.mvt` lies in Hangzhou.
    """
    asked = tiles.checked_tile(z, x, y)
    with asking() as reading:
        versions = tiles.active_for(reading, layer, asked)
        tag = tiles.tag_of(layer, asked, versions)
        if tag is not None and holds(tag):
            return Answer(b"", 304, _headers(tag), MVT)
        body = tiles.draw(reading, layer, asked, versions)
    if not body:
        return Answer(b"", 204, {"Cache-Control": f"public, max-age={MAX_AGE_S}"}, MVT)
    if tag is not None:
        return Answer(body, 200, _headers(tag), MVT)
    return tagged(Answer(body, media_type=MVT), max_age_s=MAX_AGE_S)


def _headers(tag: str) -> dict[str, str]:
    return {"ETag": tag, "Cache-Control": f"public, max-age={MAX_AGE_S}"}


@blueprint.get(
    f"/v1/tiles/{_LAYER}.json",
    policy=PUBLIC,
    answer=TileJsonSchema,
    other_statuses={304: "The caller holds this already"},
    problems=("no-such-route",),
    headers=TAGGED,
)
def tilejson(layer: str) -> Answer:
    """TileJSON 3.0 of a layer."""
    with asking() as reading:
        found = tiles.tilejson(reading, layer, services().settings.public_url)
    return tagged(Answer(found), max_age_s=MAX_AGE_S)
