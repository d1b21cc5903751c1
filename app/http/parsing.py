"""The door: query strings and JSON bodies become typed values once; unknown and repeated names are refused."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NoReturn, cast

from flask import Request, request
from marshmallow import RAISE, Schema, ValidationError, fields
from webargs.flaskparser import FlaskParser

from app.core.errors import Fault, InvalidBody, InvalidParameter
from app.http.answers import JSON
from app.http.json_body import read_json
from app.http.media import UnsupportedMediaType

_UNKNOWN = "Unknown field."
_MISSING = "Missing data for required field."


class StrictParser(FlaskParser):
    """Parses with our JSON reader, refuses what a schema does not name, and speaks in our faults."""

    DEFAULT_UNKNOWN_BY_LOCATION = {"query": RAISE, "json": RAISE, "json_or_form": RAISE}  # noqa: RUF012 - as in webargs

    def load_querystring(self, req: Request, schema: Schema) -> Any:
        """The query string; a name that takes one value must not stand twice."""
        several = {
            field.data_key or name for name, field in schema.load_fields.items() if isinstance(field, fields.List)
        }
        faults = [
            Fault("give this once", parameter=name, code="repeated-parameter")
            for name, values in req.args.lists()
            if len(values) > 1 and name not in several and not name.startswith(getattr(schema, "repeatable", ()))
        ]
        given = super().load_querystring(req, schema)
        if faults:
            try:
                schema.load(given, unknown=RAISE)
            except ValidationError as error:
                faults += _query_faults(cast(Mapping[str, Any], error.messages))
            raise InvalidParameter(_told(faults), faults=faults)
        return given

    def load_json(self, req: Request, schema: Schema) -> Any:  # noqa: ARG002 - the parent's signature
        """The JSON body, read strictly."""
        if req.mimetype != JSON:
            raise UnsupportedMediaType("send Content-Type: application/json")
        value = read_json(req.get_data(cache=True))
        if not isinstance(value, dict):
            raise InvalidBody("the body must be an object", faults=[Fault("send a JSON object", pointer="")])
        return value

    def handle_error(
        self,
        error: ValidationError,
        req: Request,  # noqa: ARG002 - the parent's signature
        schema: Schema,  # noqa: ARG002
        *,
        error_status_code: int | None,  # noqa: ARG002
        error_headers: Any,  # noqa: ARG002
    ) -> NoReturn:
        """Turns marshmallow's messages into faults with a parameter or a pointer."""
        messages: Any = error.messages
        for location, tree in messages.items():
            if location in ("json", "json_or_form"):
                faults = list(_body_faults(tree))
                raise InvalidBody(_told(faults), faults=faults)
            faults = list(_query_faults(tree))
            raise InvalidParameter(_told(faults), faults=faults)
        raise InvalidParameter("the request is not valid")


def _told(faults: Sequence[Fault]) -> str:
    """The first fault in one line, and how many more there are."""
    first = faults[0]
    where = first.parameter or first.pointer
    rest = f" (and {len(faults) - 1} more)" if len(faults) > 1 else ""
    return f"{where}: {first.detail}{rest}" if where else f"{first.detail}{rest}"


def _code_of(message: str, given: str | None) -> str | None:
    if message == _UNKNOWN:
        return "unknown-parameter"
    if message == _MISSING:
        return "missing-parameter"
    return given


def _query_faults(tree: Mapping[str, Any]) -> Iterator[Fault]:
    for name, found in tree.items():
        for message, code, hint in _leaves(found):
            detail = {_UNKNOWN: "this route does not know this parameter", _MISSING: "this parameter is required"}.get(
                message, message
            )
            parameter = None if name == "_schema" else name
            yield Fault(detail, parameter=parameter, code=_code_of(message, code), hint=hint)


def _leaves(found: Any) -> Iterator[tuple[str, str | None, str | None]]:
    if isinstance(found, Mapping):
        if "detail" in found:
            yield str(found["detail"]), found.get("code"), found.get("hint")
        else:
            for inner in found.values():
                yield from _leaves(inner)
    elif isinstance(found, list):
        for inner in found:
            yield from _leaves(inner)
    else:
        yield str(found), None, None


def _body_faults(tree: Any, pointer: str = "") -> Iterator[Fault]:
    if isinstance(tree, Mapping) and "detail" not in tree:
        for name, found in tree.items():
            step = "" if name == "_schema" else "/" + str(name).replace("~", "~0").replace("/", "~1")
            yield from _body_faults(found, pointer + step)
        return
    for message, code, hint in _leaves(tree):
        detail = {_UNKNOWN: "this member is not known here", _MISSING: "this member is required"}.get(message, message)
        yield Fault(detail, pointer=pointer, code=None if code == "invalid-parameter" else code, hint=hint)


def refuse_unread_body() -> None:
    """A GET or DELETE with a query that the route does not declare is refused, like every unknown parameter."""
    if request.args:
        faults = [
            Fault("this route takes no parameters", parameter=name, code="unknown-parameter") for name in request.args
        ]
        raise InvalidParameter("this route takes no parameters", faults=faults)


parser = StrictParser()
