"""What is told of service areas; never their drawings."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final, Literal

from app.outbox.kinds import COUNT, ID, TIME, EventKind, Shape, nullable, one_of, said
from app.outbox.types import Event
from app.service_areas.types import KINDS as AREA_KINDS
from app.service_areas.types import Area

What = Literal["submitted", "published", "withdrawn", "rejected", "archived"]

_OF_ALL: Final[dict[str, Shape]] = {
    "service_area_id": ID,
    "place_id": ID,
    "merchant_id": ID,
    "external_id": said({"type": "string"}, "the merchant's own id of the area"),
    "kind": one_of(*AREA_KINDS),
    "version": said(COUNT, "which drawing it is about"),
    "occurred_at": TIME,
}


def _kind(what: What, says: str, **more: Shape) -> EventKind:
    return EventKind(f"fujin.service_area.{what}.v1", "service_area_id", says, {**_OF_ALL, **more})


KINDS: Final = (
    _kind("submitted", "A drawing waits for an operator's review; the one before stays in force."),
    _kind(
        "published",
        "A drawing came into force in place of the one before, or will at `effective_from`.",
        effective_from=TIME,
        effective_until=said(nullable(TIME), "the first instant at which it is not in force any more"),
        replaces=said(nullable(COUNT), "the version that is in force until then"),
    ),
    _kind("withdrawn", "A drawing that was to come into force later will not; the one in force stays."),
    _kind("rejected", "An operator did not let a drawing pass; the one before stays in force."),
    _kind("archived", "The area serves nobody any more; its drawings are kept."),
)


def told(area: Area, what: What, version: int, now: datetime, trace: str | None, **data: Any) -> Event:
    """The event of a step that is taken: ``area`` is what it is after it."""
    return Event(
        city_id=area.city_id,
        aggregate_id=area.service_area_id,
        seq=area.seq,
        type=f"fujin.service_area.{what}.v1",
        merchant_id=area.merchant_id,
        data={
            "service_area_id": str(area.service_area_id),
            "place_id": str(area.place_id),
            "merchant_id": str(area.merchant_id),
            "external_id": area.external_id,
            "kind": area.kind,
            "version": version,
            "occurred_at": now.isoformat(),
            **data,
        },
        occurred_at=now,
        trace=trace,
    )
