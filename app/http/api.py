"""Routes with a declared policy, parsed input and documented answers and problems; OpenAPI 3.1 from the same words."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO, cast

import flask_smorest
from flask import Flask, Response, request
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge

from app.http.answers import GEOJSON, JSON, Answer
from app.http.auth import FOR_USER, Policy, enforce
from app.http.media import UnsupportedMediaType
from app.http.openapi import Documents, HeaderOf, LaterApi
from app.http.parsing import parser, refuse_unread_body
from app.http.problems import MEDIA_TYPE, PROBLEMS
from app.http.services import services

View = Callable[..., Answer]
_ALWAYS = ("rate-limited", "internal-error", "unavailable", "bad-request", "invalid-parameter", "unknown-parameter")
_WITH_QUERY = ("repeated-parameter", "missing-parameter")
_WITH_BODY = (
    "malformed-json",
    "json-duplicate-member",
    "json-too-deep",
    "json-too-many-members",
    "json-number",
    "json-text",
    "invalid-body",
    "unsupported-media-type",
    "body-too-large",
)
_WITH_FILE = ("unsupported-media-type", "body-too-large")
_NO_FILES = (MEDIA_TYPE, "multipart/form-data", "application/x-www-form-urlencoded")
_WITH_TOKEN = ("invalid-token", "expired-token", "revoked-token", "forbidden")


class FaultPlaceSchema(Schema):
    """A place on the map, in the datum of the request."""

    lon = fields.Float(required=True)
    lat = fields.Float(required=True)


class ProposalSchema(Schema):
    """A drawing that would do in place of the one that was sent."""

    geometry = fields.Dict(required=True)
    point_count = fields.Integer()
    hausdorff_m = fields.Float(metadata={"description": "the largest distance between both outlines"})


class FaultSchema(Schema):
    """One thing wrong with a request."""

    detail = fields.String(required=True)
    parameter = fields.String()
    pointer = fields.String()
    code = fields.String()
    hint = fields.String()
    location = fields.Nested(
        FaultPlaceSchema, metadata={"description": "where a drawing goes wrong, in the datum that it came in"}
    )


class ConflictSchema(Schema):
    """What stood in the way: when it happened and where."""

    at = fields.DateTime(required=True)
    place_id = fields.String(required=True, allow_none=True)


class ProblemSchema(Schema):
    """RFC 9457 problem details, with a stable code."""

    type = fields.String(required=True)
    title = fields.String(required=True)
    status = fields.Integer(required=True)
    detail = fields.String(required=True)
    code = fields.String(required=True)
    errors = fields.List(fields.Nested(FaultSchema), required=True)
    request_id = fields.String(required=True)
    retryable = fields.Boolean(metadata={"description": "the same request with the same key may succeed later"})
    request_no = fields.String(metadata={"description": "the till's number, where one was sent"})
    payment_id = fields.UUID(metadata={"description": "the payment that is under way or done, where one is"})
    geofence_id = fields.UUID(metadata={"description": "the fence that is there already, where one is"})
    verdict = fields.String(
        metadata={"enum": ["challenge", "deny"], "description": "on a position: whether anything would answer it"}
    )
    answer_with = fields.List(
        fields.String(metadata={"enum": ["fresh_fix", "place_code"]}),
        metadata={"description": "what answers a challenge: a position measured anew, the digits of the place's till"},
    )
    group_id = fields.UUID(metadata={"description": "the group that one has a seat in, where one has"})
    conflict = fields.Nested(ConflictSchema)
    version = fields.Integer(metadata={"description": "the dataset version that stands in the way, where one does"})
    version_state = fields.String(metadata={"description": "its state"})
    gate = fields.Dict(metadata={"description": "what a dataset version still needs: verdict and reasons"})
    proposal = fields.Nested(
        ProposalSchema,
        metadata={"description": "on a drawing that is too large: one that would do, where there is one"},
    )


@dataclass(frozen=True, slots=True)
class FileOf:
    """A body that is a file: its media type, how many bytes it may have, and what stands in it.

    ``*/*`` takes every type but forms and problems; ``longest`` None is as long as uploads may be by the settings.
    """

    media_type: str
    longest: int | None
    description: str


class Api(LaterApi):
    """flask-smorest's API with our problems in place of its error shape."""

    ERROR_SCHEMA = ProblemSchema

    def handle_http_exception(self, error: HTTPException) -> Any:
        """Left to http/errors, which is registered for the same exceptions."""
        raise error

    def _register_error_handlers(self) -> None:
        """None here: http/errors registers the one handler."""

    def _register_responses(self) -> None:
        """None here: each operation documents its own problems."""


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A group of operations; each is declared with ``get``, ``post``, ``patch``, ``put`` or ``delete``."""

    def operation(
        self,
        method: str,
        path: str,
        *,
        policy: Policy,
        answer: type[Schema] | None,
        status: int = 200,
        query: type[Schema] | None = None,
        body: type[Schema] | None = None,
        raw_body: int | None = None,
        file: FileOf | None = None,
        media_types: Iterable[str] = (JSON,),
        other_statuses: dict[int, str] | None = None,
        problems: Iterable[str] = (),
        headers: dict[str, str] | None = None,
        takes: Mapping[str, HeaderOf] | None = None,
    ) -> Callable[[View], View]:
        """Registers a view: path arguments by name, then ``query`` and ``body`` when declared; it returns an Answer.

        ``raw_body`` hands the bytes of the body over as they came, at most so many; ``file`` hands over a stream to
        read them from. ``headers`` documents those of the answer, ``takes`` those of the request that the view reads.
        """
        query_schema, body_schema = (query() if query else None), (body() if body else None)

        def declare(view: View) -> View:
            @functools.wraps(view)
            def endpoint(**path_arguments: Any) -> Response:
                enforce(policy)
                given: dict[str, Any] = {}
                if query_schema is not None:
                    given["query"] = parser.parse(query_schema, request, location="query")
                else:
                    refuse_unread_body()
                if body_schema is not None:
                    given["body"] = parser.parse(body_schema, request, location="json")
                if raw_body is not None:
                    given["body"] = _bytes_of_body(raw_body)
                if file is not None:
                    given["body"] = _stream_of_body(file)
                return view(**path_arguments, **given).response()

            named = (*problems, *(_WITH_FILE if file is not None else ()))
            codes = _codes(policy, query is not None, body is not None, named)
            endpoint._apidoc = _document(  # type: ignore[attr-defined]
                view,
                policy,
                answer,
                status,
                query_schema,
                body_schema,
                media_types,
                other_statuses,
                codes,
                headers,
                {**(takes or {}), **(FOR_USER if policy.for_users else {})},
                file,
            )
            endpoint.policy = policy  # type: ignore[attr-defined]
            self.add_url_rule(path, view.__name__, endpoint, methods=[method])
            return view

        return declare

    def _prepare_response_doc(self, doc: dict[str, Any], _doc_info: Any, **_: Any) -> dict[str, Any]:
        """Nothing to add: ``operation`` documents every answer itself, without a catch-all."""
        return doc

    def get(self, path: str, **declared: Any) -> Callable[[View], View]:
        """A read."""
        return self.operation("GET", path, **declared)

    def post(self, path: str, **declared: Any) -> Callable[[View], View]:
        """A creation or an action."""
        return self.operation("POST", path, **declared)

    def patch(self, path: str, **declared: Any) -> Callable[[View], View]:
        """A change of some members."""
        return self.operation("PATCH", path, **declared)

    def put(self, path: str, **declared: Any) -> Callable[[View], View]:
        """A replacement."""
        return self.operation("PUT", path, **declared)

    def delete(self, path: str, **declared: Any) -> Callable[[View], View]:
        """A removal."""
        return self.operation("DELETE", path, **declared)


def _bytes_of_body(longest: int) -> bytes:
    """The body of the request in hand, unparsed; RequestEntityTooLarge."""
    request.max_content_length = min(longest, request.max_content_length or longest)
    return request.get_data(cache=False, parse_form_data=False)


def _stream_of_body(file: FileOf) -> BinaryIO:
    """The body of the request in hand, to be read as it comes; UnsupportedMediaType, RequestEntityTooLarge."""
    if file.media_type == "*/*":
        if request.mimetype in _NO_FILES:
            raise UnsupportedMediaType("send the file's bytes as the body, with Content-Type: application/octet-stream")
    elif request.mimetype != file.media_type:
        raise UnsupportedMediaType(f"send Content-Type: {file.media_type}")
    longest = services().settings.upload_max_bytes if file.longest is None else file.longest
    request.max_content_length = longest
    if (request.content_length or 0) > longest:
        raise RequestEntityTooLarge
    return cast(BinaryIO, request.stream)


def _codes(policy: Policy, has_query: bool, has_body: bool, named: Iterable[str]) -> list[str]:
    codes = [*_ALWAYS, *_WITH_TOKEN, *named]
    if not policy.anonymous:
        codes += ["missing-token"]
    if policy.for_users:
        codes += ["invalid-parameter", "scope-missing"]
    if has_query:
        codes += _WITH_QUERY
    if has_body:
        codes += _WITH_BODY
    unknown = set(codes) - set(PROBLEMS)
    if unknown:
        raise LookupError(f"these problems are not in the table: {', '.join(sorted(unknown))}")
    return list(dict.fromkeys(codes))


def _document(
    view: View,
    policy: Policy,
    answer: type[Schema] | None,
    status: int,
    query: Schema | None,
    body: Schema | None,
    media_types: Iterable[str],
    other_statuses: dict[int, str] | None,
    codes: list[str],
    headers: dict[str, str] | None,
    takes: Mapping[str, HeaderOf] | None,
    file: FileOf | None,
) -> dict[str, Any]:
    responses: dict[int, Any] = {status: {"description": "As asked"}}
    if answer is not None:
        responses[status]["content"] = {media: {"schema": _shape(answer, media)} for media in media_types}
    elif status not in (204, 304):
        responses[status]["content"] = {media: {} for media in media_types}
    if headers:
        responses[status]["headers"] = {
            name: {"description": text, "schema": {"type": "string"}} for name, text in headers.items()
        }
    for other, text in (other_statuses or {}).items():
        responses[other] = {"description": text}
        if answer is not None and other in (200, 201, 202):
            responses[other]["content"] = {media: {"schema": _shape(answer, media)} for media in media_types}
    for number in sorted({PROBLEMS[code].status for code in codes}):
        named = [code for code in codes if PROBLEMS[code].status == number]
        responses[number] = {
            "description": "; ".join(f"`{code}`: {PROBLEMS[code].title}" for code in named),
            "content": {MEDIA_TYPE: {"schema": ProblemSchema}},
        }
    manual: dict[str, Any] = {
        "operationId": view.__name__,
        "responses": responses,
        "x-owner": policy.owner,
        "x-roles": sorted(policy.roles),
        "security": [{"bearer": []}, {}] if policy.anonymous else [{"bearer": []}],
    }
    document: dict[str, Any] = {"manual_doc": manual}
    parameters: list[dict[str, Any]] = [header.document(name) for name, header in (takes or {}).items()]
    if query is not None:
        parameters.append({"in": "query", "required": True, "schema": query})
    if body is not None:
        manual["requestBody"] = {"required": True, "content": {JSON: {"schema": body}}}
    if file is not None:
        media = "application/octet-stream" if file.media_type == "*/*" else file.media_type
        content = {media: {"schema": {"type": "string", "description": file.description}}}
        manual["requestBody"] = {"required": True, "content": content}
    if parameters:
        document["arguments"] = {"parameters": parameters}
    return document


def _shape(answer: type[Schema], media: str) -> Any:
    if media == GEOJSON:
        return {"$ref": "#/components/schemas/GeoJson"}
    return answer


GEOJSON_SCHEMA = {
    "type": "object",
    "required": ["type"],
    "properties": {
        "type": {"enum": ["Feature", "FeatureCollection"]},
        "features": {"type": "array", "items": {"type": "object"}},
        "geometry": {"type": ["object", "null"]},
        "properties": {"type": ["object", "null"]},
    },
    "description": "An RFC 7946 Feature or FeatureCollection; the list's other members stand beside `features`.",
}


def create_api(app: Flask, version: str) -> Api:
    """The API object; modules register their blueprints on it."""
    app.config.update(
        API_TITLE="Fujin",
        API_VERSION=version,
        OPENAPI_VERSION="3.1.0",
        OPENAPI_URL_PREFIX=None,
    )
    api = Api(
        app,
        spec_kwargs={
            "marshmallow_plugin": Documents(),
            "info": {
                "description": "Nearby merchants and coupons by geofence and distance.",
                "license": {"name": "Data: © OpenStreetMap contributors, ODbL 1.0, and others; see /v1/cities"},
            },
        },
    )
    api.spec.components.security_scheme("bearer", {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"})
    api.spec.components.schema("GeoJson", GEOJSON_SCHEMA)
    return api


def undeclared_routes(app: Flask) -> list[str]:
    """Routes without a policy; the factory refuses to start with any."""
    pages = f"{app.config.get('PAGES', '')}."  # plain pages: open to all, and they show nothing but the API's answers
    missing = []
    for rule in app.url_map.iter_rules():
        view = app.view_functions[rule.endpoint]
        if not rule.endpoint.startswith(pages) and not hasattr(view, "policy"):
            missing.append(f"{','.join(sorted(rule.methods or ()))} {rule.rule} ({rule.endpoint})")
    return sorted(missing)
