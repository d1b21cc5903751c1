"""How a type of event is described: its subject, and the JSON Schema (2020-12) of its data.

Each module tells its own kinds in ``events.py``; ``flow/catalogue`` gathers them. A member may be added to a type,
and a receiver passes over what it does not know; a member that goes, or means something else, makes the next version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

Shape = Mapping[str, Any]

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
SCHEMAS_PATH: Final = "/schemas/events"

ID: Final[Shape] = {"type": "string", "format": "uuid"}
TIME: Final[Shape] = {"type": "string", "format": "date-time"}
TEXT: Final[Shape] = {"type": "string"}
FLAG: Final[Shape] = {"type": "boolean"}
MINOR: Final[Shape] = {"type": "integer", "minimum": 0}
COUNT: Final[Shape] = {"type": "integer", "minimum": 1}
CURRENCY: Final[Shape] = {"type": "string", "pattern": "^[A-Z]{3}$"}


def said(shape: Shape, description: str) -> Shape:
    """The shape with words."""
    return {**shape, "description": description}


def nullable(shape: Shape) -> Shape:
    """The shape, or null."""
    return {**shape, "type": [shape["type"], "null"]}


def one_of(*values: str) -> Shape:
    """One of some words; a single one is a constant."""
    return {"type": "string", "const": values[0]} if len(values) == 1 else {"type": "string", "enum": list(values)}


@dataclass(frozen=True, slots=True)
class EventKind:
    """A type of event: ``subject`` names the member of its data that the event is about; None: it is about itself."""

    type: str
    subject: str | None
    says: str
    members: Mapping[str, Shape]
    optional: Mapping[str, Shape] | None = None

    def schema(self, installation: str) -> dict[str, Any]:
        """The JSON Schema of the data; receivers pass over members that they do not know."""
        return {
            "$schema": DIALECT,
            "$id": schema_address(installation, self.type),
            "title": self.type,
            "description": self.says,
            "type": "object",
            "required": sorted(self.members),
            "properties": {**self.members, **(self.optional or {})},
        }


def schema_address(installation: str, event_type: str) -> str:
    """Where an installation serves the schema of a type: the ``dataschema`` of its events."""
    return f"{installation}{SCHEMAS_PATH}/{event_type}.json"
