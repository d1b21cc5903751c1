"""The catalogue of events: every type that this code writes, gathered from the modules that tell them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from app.claims import events as of_claims
from app.coupons import events as of_coupons
from app.fraud import events as of_fraud
from app.geofencing import events as of_geofences
from app.groups import events as of_groups
from app.outbox import events as of_outbox
from app.outbox.kinds import EventKind, Shape, schema_address
from app.payments import events as of_payments
from app.redemption import events as of_redemption
from app.service_areas import events as of_areas
from app.settlements import events as of_settlements

CATALOGUE: Final[Mapping[str, EventKind]] = {
    kind.type: kind
    for kinds in (
        of_coupons,
        of_areas,
        of_claims,
        of_groups,
        of_redemption,
        of_payments,
        of_settlements,
        of_fraud,
        of_geofences,
        of_outbox,
    )
    for kind in kinds.KINDS
}
_ANYWHERE: Final = "https://<installation>"
_HEAD: Final = """# Events

What is told of coupons, service areas, claims, groups, redemptions, payments, refunds, settlements and geofences, as
[webhooks and as a feed](webhooks.md). This page is written from the code by `fujin event-types`; an installation shows
the same list at `GET /schemas/events`.

- The `data` of each type are described by a JSON Schema (2020-12) at `{address}`,
  which is what `dataschema` of an event says.
- `subject` is the thing that the event is about; `sequence` counts its events from 1. Dedupe by `id`; apply an event
  only when its `sequence` is above the last one applied to its subject; after a gap, read the thing itself.
- A type only grows: members are added, none goes and none changes its meaning. Pass over members that you do not know.
  A change that would break this makes a new type (`.v2`), and both are told for half a year at least.
- No event carries a code, a token, a phone or a position.
"""


def schema_of(event_type: str, installation: str) -> dict[str, Any] | None:
    """The JSON Schema of a type's data; None when there is no such type."""
    kind = CATALOGUE.get(event_type)
    return None if kind is None else kind.schema(installation)


def index(installation: str) -> list[dict[str, str | None]]:
    """Every type with its subject and where its schema is."""
    return [
        {
            "type": kind.type,
            "subject": kind.subject,
            "says": kind.says,
            "dataschema": schema_address(installation, kind.type),
        }
        for kind in CATALOGUE.values()
    ]


def page() -> str:
    """docs/events.md."""
    parts = [_HEAD.format(address=schema_address(_ANYWHERE, "<type>"))]
    for kind in CATALOGUE.values():
        rows = [f"| `{name}` | {_words(shape)} | {shape.get('description', '')} |" for name, shape in _members(kind)]
        table = "\n".join(["| member | is | |", "|---|---|---|", *rows])
        about = f"Its subject is `{kind.subject}`." if kind.subject else "Its subject is itself."
        parts.append(f"## {kind.type}\n\n{kind.says} {about}\n\n{table}\n")
    return "\n".join(parts)


def _members(kind: EventKind) -> list[tuple[str, Shape]]:
    optional = ((f"{name}?", shape) for name, shape in (kind.optional or {}).items())
    return [*kind.members.items(), *optional]


def _words(shape: Shape) -> str:
    if "const" in shape:
        return f"`{shape['const']}`"
    if "enum" in shape:
        return " or ".join(f"`{word}`" for word in shape["enum"])
    kinds = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    named = {"uuid": "id", "date-time": "time"}.get(shape.get("format", ""))
    words = [named if named and kind == "string" else {"string": "text"}.get(kind, kind) for kind in kinds]
    return " or ".join(str(word) for word in words)
