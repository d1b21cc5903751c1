"""How schemas are written into the API document where marshmallow's words and JSON Schema's differ."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from threading import Lock
from typing import Any

import flask_smorest
from apispec.ext.marshmallow import MarshmallowPlugin
from apispec.ext.marshmallow.common import resolve_schema_instance
from apispec.ext.marshmallow.openapi import OpenAPIConverter


@dataclass(frozen=True, slots=True)
class HeaderOf:
    """A header that an operation reads: what to put there, and whether the operation refuses without."""

    text: str
    required: bool = False
    pattern: str | None = None

    def document(self, name: str) -> dict[str, Any]:
        """The OpenAPI parameter."""
        schema: dict[str, Any] = {"type": "string", "minLength": 1}
        if self.pattern is not None:
            schema["pattern"] = self.pattern
        return {"in": "header", "name": name, "required": self.required, "description": self.text, "schema": schema}


class Converter(OpenAPIConverter):
    """apispec's converter; a query string can't say null, and a body may come in several shapes."""

    def _field2parameter(self, field: Any, *, name: str, location: str) -> dict[str, Any]:
        documented: dict[str, Any] = super()._field2parameter(field, name=name, location=location)
        schema = documented["schema"]
        if isinstance(schema.get("type"), list):
            schema["type"] = next(kind for kind in schema["type"] if kind != "null")
        if "default" in schema and schema["default"] is None:
            del schema["default"]
        if "enum" in schema:
            schema["enum"] = [value for value in schema["enum"] if value is not None]
        return documented

    def schema2jsonschema(self, schema: Any) -> dict[str, Any]:
        """An object's JSON Schema; a schema with ``SHAPES`` (its required and optional members by the value of one
        deciding member) becomes the ``oneOf`` of these, one with ``EXACTLY_ONE`` (names of members) that of a shape for
        each; one with ``NOT_EMPTY`` wants a member at least."""
        whole: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        made = resolve_schema_instance(schema)
        shapes, exclusive = getattr(made, "SHAPES", None), getattr(made, "EXACTLY_ONE", None)
        if getattr(made, "NOT_EMPTY", False):
            whole["minProperties"] = 1
        if exclusive is not None:
            return {"oneOf": [_with_one(whole, name, exclusive) for name in exclusive]}
        if shapes is None:
            return whole
        deciding, members = shapes
        return {"oneOf": [_shape(whole, deciding, value, *of_value) for value, of_value in members.items()]}


def _shape(whole: dict[str, Any], deciding: str, value: str, needed: set[str], optional: set[str]) -> dict[str, Any]:
    properties = {name: whole["properties"][name] for name in sorted(needed | optional)}
    return {
        "type": "object",
        "title": value,
        "properties": {deciding: {"type": "string", "const": value}, **properties},
        "required": [deciding, *sorted(needed)],
        "additionalProperties": False,
    }


def _with_one(whole: dict[str, Any], chosen: str, exclusive: Collection[str]) -> dict[str, Any]:
    """The object with one of the members that exclude each other, which it then has to have."""
    others = {name: value for name, value in whole["properties"].items() if name == chosen or name not in exclusive}
    return {
        **whole,
        "title": f"by {chosen}",
        "properties": others,
        "required": sorted({*whole.get("required", ()), chosen}),
        "additionalProperties": False,
    }


class Documents(MarshmallowPlugin):
    """apispec's plugin with our converter."""

    Converter = Converter


class LaterApi(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest's API; its document is written when first asked for, since that takes longer than all the rest."""

    def __init__(self, *given: Any, **options: Any) -> None:
        self._waiting: list[tuple[flask_smorest.Blueprint, str, list[Any] | None]] = []
        self._lock = Lock()
        super().__init__(*given, **options)

    def register_blueprint(
        self, blp: flask_smorest.Blueprint, *, parameters: list[Any] | None = None, **options: Any
    ) -> None:
        """Registers the routes now, and notes their documentation for later."""
        app, name = self._app, options.get("name", blp.name)
        app.extensions["flask-smorest"]["blp_name_to_api"][name] = self
        app.register_blueprint(blp, **options)
        self._waiting.append((blp, name, parameters))

    def document(self) -> dict[str, Any]:
        """The API document."""
        with self._lock:
            while self._waiting:
                blueprint, name, parameters = self._waiting.pop(0)
                blueprint.register_views_in_doc(self, self._app, self.spec, name=name, parameters=parameters)
                self.spec.tag({"name": name, "description": blueprint.description})
            whole: dict[str, Any] = self.spec.to_dict()
        return open_answers(whole)


def open_answers(document: dict[str, Any]) -> dict[str, Any]:
    """The document with answers that may grow: members can be added to them without breaking a generated client.

    Bodies stay closed, since unknown members are refused there.
    """
    schemas = document["components"]["schemas"]
    waiting = [
        operation["responses"]
        for path in document["paths"].values()
        for method, operation in path.items()
        if method != "parameters"
    ]
    seen: set[str] = set()
    while waiting:
        for name in _named(waiting.pop()) - seen:
            seen.add(name)
            waiting.append(schemas[name])
    closed = {name for name in seen if schemas[name].get("additionalProperties") is False}
    opened = {
        name: {word: value for word, value in schemas[name].items() if word != "additionalProperties"}
        for name in closed
    }
    return {**document, "components": {**document["components"], "schemas": {**schemas, **opened}}}


def _named(part: Any) -> set[str]:
    """Names of the schemas that a part of the document points at."""
    if isinstance(part, dict):
        pointed = {part["$ref"].rsplit("/", 1)[1]} if "$ref" in part else set()
        return pointed.union(*(_named(inner) for inner in part.values()))
    if isinstance(part, list):
        return set().union(*(_named(inner) for inner in part))
    return set()
