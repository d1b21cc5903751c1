"""What operators run: their territories, and what readers see there."""

from __future__ import annotations

from typing import Any

from flask import request

from app.cities.queries_territories import RunTerritory, territories_open_to
from app.cities.schemas import RunTerritoryListSchema
from app.core.languages import pick_name, preferences
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.transaction import reading

blueprint = Blueprint("territories", __name__, description="The territories that an operator runs.")
_POLICY = allow("operator", "admin", owner="only territories of the operator; an admin has all, and the world's lists")


@blueprint.get("/v1/datasets", policy=_POLICY, answer=RunTerritoryListSchema)
def list_run_territories() -> Answer:
    """The territories of whoever asks, also those without data, with the version of each kind that readers see."""
    principal = signed_in()
    mine = None if principal.role == "admin" else principal.city_ids
    with reading() as conn:
        found = territories_open_to(conn, mine)
    wanted = preferences(request.headers.get("Accept-Language"))
    return Answer({"items": [_json(one, wanted) for one in found]}, headers={"Cache-Control": "private, no-store"})


def _json(found: RunTerritory, wanted: tuple[str, ...]) -> dict[str, Any]:
    territory = found.territory
    name, language = pick_name(territory.names, wanted, territory.default_language)
    return {
        "city": territory.slug,
        "city_id": territory.city_id,
        "kind": territory.kind,
        "name": name,
        "lang": language,
        "centre": {"lon": territory.centre.lon, "lat": territory.centre.lat},
        "zoom": territory.zoom,
        "time_zone": territory.time_zone,
        "active": [
            {
                "kind": one.kind,
                "version": one.version,
                "row_count": one.row_count,
                "activated_at": one.activated_at,
            }
            for one in found.seen
        ],
    }
