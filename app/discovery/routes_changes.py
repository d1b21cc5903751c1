"""What changed since a copy was last brought up to date."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from marshmallow import Schema, fields

from app.discovery.asking import asking
from app.discovery.changes import changes
from app.discovery.shapes import LonLatSchema
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC
from app.http.caching import NO_STORE
from app.http.fields import Text, WholeNumber

blueprint = Blueprint("changes", __name__, description="Following places and areas")
MOST = 500


class ChangesQuery(Schema):
    """Where the last answer ended; without it everything is told from the beginning."""

    since = Text(longest=4096, metadata={"description": "`next_since` of the last answer to the same `city`"})
    city = Text(longest=100, metadata={"description": "slug or number of one territory; without it all"})
    limit = WholeNumber(low=1, high=MOST, load_default=100)


class CopiedPlaceSchema(Schema):
    """A place as its dataset states it, corrections applied."""

    name = fields.String(required=True)
    names = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    location = fields.Nested(LonLatSchema, required=True)
    category_id = fields.String(required=True)
    alternate_category_ids = fields.List(fields.String(), required=True)
    brand_id = fields.String(required=True, allow_none=True)
    address = fields.Dict(required=True)
    phone = fields.String(required=True, allow_none=True)
    website = fields.String(required=True, allow_none=True)
    opening_hours = fields.String(required=True, allow_none=True)
    price_level = fields.Integer(required=True, allow_none=True)
    attributes = fields.Dict(required=True)


class CopiedRegionSchema(Schema):
    """An area without its drawing, which `GET /v1/regions/{region_id}` gives."""

    kind = fields.String(required=True)
    admin_level = fields.Integer(required=True)
    region_code = fields.String(required=True)
    names = fields.Dict(keys=fields.String(), values=fields.String(), required=True)
    parent_id = fields.UUID(required=True, allow_none=True)
    area_m2 = fields.Float(required=True)
    extend_m = fields.Integer(required=True)
    note = fields.String(required=True, allow_none=True)
    demo = fields.Boolean(required=True)


class ChangeSchema(Schema):
    """Put this into the copy, or take it out; a deletion may name what the copy never held."""

    id = fields.UUID(required=True)
    op = fields.String(required=True, metadata={"enum": ["upsert", "delete"]})
    type = fields.String(required=True, metadata={"enum": ["place", "region"]})
    city = fields.String(required=True)
    city_id = fields.Integer(required=True)
    version = fields.Integer(required=True, metadata={"description": "the dataset version that states it"})
    place = fields.Nested(CopiedPlaceSchema)
    region = fields.Nested(CopiedRegionSchema)
    moved_to = fields.UUID(metadata={"description": "of a place that was merged: into which"})


class ChangesSchema(Schema):
    """Changes in order, and the token to go on from; the next request needs no waiting when `more` is true."""

    items = fields.List(fields.Nested(ChangeSchema), required=True)
    next_since = fields.String(required=True)
    more = fields.Boolean(required=True)


@blueprint.get(
    "/v1/changes",
    policy=PUBLIC,
    query=ChangesQuery,
    answer=ChangesSchema,
    problems=("unknown-city", "invalid-cursor", "expired-cursor"),
)
def list_changes(query: Mapping[str, Any]) -> Answer:
    """Places and areas that readers see otherwise than a copy holds them: upserts and deletions.

    Complete over loads, edits, activations and rollbacks. A token is good as long as the version that the copy holds is
    kept; 410 says that it is gone: drop the copy and begin without `since`.
    """
    with asking() as reading:
        found = changes(reading, query.get("since"), query.get("city"), query["limit"])
    return Answer(found, headers=NO_STORE)
