"""How schemas are written into the API document where marshmallow's words and JSON Schema's differ."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
        deciding member) becomes the ``oneOf`` of these."""
        whole: dict[str, Any] = super().schema2jsonschema(schema)  # type: ignore[no-untyped-call]
        shapes = getattr(resolve_schema_instance(schema), "SHAPES", None)
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


class Documents(MarshmallowPlugin):
    """apispec's plugin with our converter."""

    Converter = Converter
