"""A merchant as anyone sees it, and its people as its owner sees them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from flask import request

from app.cities.queries import active_datasets
from app.core.errors import NotFound
from app.core.languages import pick_name, preferences
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC, allow, signed_in
from app.http.caching import tagged
from app.http.services import services
from app.http.transaction import reading
from app.members.queries import display_names
from app.merchants import queries
from app.merchants.schemas import MerchantAnswer, PlacesAnswer, PlacesQuery, StaffAnswer, StaffQuery

blueprint = Blueprint("merchants", __name__, description="Merchants and their people")

_STAFF = "merchant_staff"
_PLACES = "merchant_places"


def _missing() -> NotFound:
    return NotFound("there is no such merchant")


@blueprint.get("/v1/merchants/<uuid:merchant_id>", policy=PUBLIC, answer=MerchantAnswer, problems=("not-found",))
def merchant(merchant_id: UUID) -> Answer:
    """A merchant's names, and in which cities it runs how many places."""
    with reading() as conn:
        found = queries.merchant_by_id(conn, merchant_id)
        if found is None:
            raise _missing()
        cities = {city.city_id: city for city in active_datasets(conn)}
        counts = queries.place_counts(conn, merchant_id, list(cities))
    home = cities.get(found.home_city_id)
    wanted = preferences(request.headers.get("Accept-Language"))
    name, lang = pick_name(found.names, wanted, home.default_language if home else "en")
    body = {
        "merchant_id": str(found.merchant_id),
        "name": name,
        "lang": lang,
        "names": dict(found.names),
        "home_city_id": found.home_city_id,
        "place_count": sum(count.place_count for count in counts),
        "place_counts": [{"city_id": count.city_id, "place_count": count.place_count} for count in counts],
    }
    return tagged(Answer(body), max_age_s=60)


@blueprint.get(
    "/v1/merchants/<uuid:merchant_id>/places",
    policy=PUBLIC,
    query=PlacesQuery,
    answer=PlacesAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor"),
)
def merchant_places(merchant_id: UUID, query: dict[str, Any]) -> Answer:
    """Which places a merchant runs, in every city."""
    parts, limit = services(), query["limit"]
    asked, now = {"merchant_id": str(merchant_id)}, parts.clock()
    after = None
    if "cursor" in query:
        after = UUID(parts.cursors.decode(_PLACES, asked, query["cursor"], now))
    with reading() as conn:
        if queries.merchant_by_id(conn, merchant_id) is None:
            raise _missing()
        cities = [city.city_id for city in active_datasets(conn)]
        found = queries.places_run_by(conn, merchant_id, cities, after=after, limit=limit + 1)
        total = sum(count.place_count for count in queries.place_counts(conn, merchant_id, cities))
    page = found[:limit]
    more = len(found) > limit
    body = {
        "items": [{"place_id": str(each.place_id), "city_id": each.city_id} for each in page],
        "next_cursor": parts.cursors.encode(_PLACES, asked, str(page[-1].place_id), now) if more else None,
        "total": {"value": total, "relation": "eq"},
        "applied": {"merchant_id": str(merchant_id), "limit": limit},
    }
    return tagged(Answer(body), max_age_s=60)


@blueprint.get(
    "/v1/merchants/<uuid:merchant_id>/staff",
    policy=allow("owner", "admin", owner="merchant_staff holds the principal as owner of merchant_id"),
    query=StaffQuery,
    answer=StaffAnswer,
    problems=("not-found", "invalid-cursor", "expired-cursor"),
)
def merchant_people(merchant_id: UUID, query: dict[str, Any]) -> Answer:
    """Who works for a merchant; another's merchant answers like a missing one."""
    principal, parts = signed_in(), services()
    owner_id = None if principal.role == "admin" else principal.member_id
    asked, now = {"merchant_id": str(merchant_id)}, parts.clock()
    after = None
    if "cursor" in query:
        after = UUID(parts.cursors.decode(_STAFF, asked, query["cursor"], now))
    limit = query["limit"]
    with parts.database.write() as conn:  # the primary: the people of a merchant are not on replicas' roles
        people = queries.staff_of(conn, merchant_id, owner_id=owner_id, after=after, limit=limit + 1)
        total = queries.count_staff(conn, merchant_id, owner_id=owner_id)
        if total == 0:
            raise _missing()
        names = display_names(conn, [person.member_id for person in people])
    page = people[:limit]
    more = len(people) > limit
    body = {
        "items": [
            {
                "member_id": str(person.member_id),
                "role": person.role,
                "display_name": names.get(person.member_id),
                "place_ids": [str(place_id) for place_id in person.place_ids],
                "created_at": person.created_at,
            }
            for person in page
        ],
        "next_cursor": parts.cursors.encode(_STAFF, asked, str(page[-1].member_id), now) if more else None,
        "total": {"value": total, "relation": "eq"},
        "applied": {"merchant_id": str(merchant_id), "limit": limit},
    }
    return Answer(body, headers={"Cache-Control": "no-store"})
