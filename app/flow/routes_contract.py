"""The flow as a contract: what it can do, and the schemas of what it tells."""

from __future__ import annotations

from app.core.errors import NotFound
from app.flow.catalogue import CATALOGUE, index, schema_of
from app.flow.present_claims import flow_json
from app.flow.routes_common import flow
from app.flow.schemas_contract import EventSchemaAnswer, EventTypesAnswer, FlowAnswer
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC
from app.http.caching import tagged
from app.http.services import services
from app.outbox.kinds import SCHEMAS_PATH

blueprint = Blueprint("contract", __name__, description="The shared flow as a contract")

SCHEMA_JSON = "application/schema+json"
_ENDING = ".json"


@blueprint.get("/v1/flow", policy=PUBLIC, answer=FlowAnswer, problems=("flow-unavailable",))
def show_flow() -> Answer:
    """What the redemption and payment flow behind this installation can do, and where its contract stands."""
    installation = services().settings.public_url
    contract = {
        "openapi": f"{installation}/openapi.json",
        "events": {
            "feed": f"{installation}/v1/events",
            "schemas": f"{installation}{SCHEMAS_PATH}",
            "types": list(CATALOGUE),
        },
    }
    return tagged(Answer(flow_json(flow().capabilities()) | contract), max_age_s=60)


@blueprint.get(SCHEMAS_PATH, policy=PUBLIC, answer=EventTypesAnswer)
def event_types() -> Answer:
    """Every type of event, what it is about, and where the schema of its data stands."""
    return tagged(Answer({"items": index(services().settings.public_url)}), max_age_s=60)


@blueprint.get(
    f"{SCHEMAS_PATH}/<string:name>",
    policy=PUBLIC,
    answer=EventSchemaAnswer,
    media_types=(SCHEMA_JSON,),
    problems=("not-found",),
)
def event_schema(name: str) -> Answer:
    """The JSON Schema (2020-12) of the data of a type: `fujin.claim.granted.v1.json`."""
    found = schema_of(name.removesuffix(_ENDING), services().settings.public_url) if name.endswith(_ENDING) else None
    if found is None:
        raise NotFound("no type of event has such a schema; /schemas/events lists them")
    return tagged(Answer(found, media_type=SCHEMA_JSON), max_age_s=3600)
