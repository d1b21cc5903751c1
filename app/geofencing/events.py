"""What merchants are told of their fences: no position, no member; a pair is named by an id of its own."""

from __future__ import annotations

from math import ceil
from typing import Any, Final, get_args

from app.geofencing.types import Cause, Confidence, Told, What
from app.outbox.kinds import COUNT, FLAG, ID, TEXT, TIME, EventKind, Shape, nullable, one_of, said
from app.outbox.types import Event

ACCURACY_STEPS_M: Final = (10, 25, 50, 100, 200, 500, 1000)
_SAYS: Final[dict[What, str]] = {
    "entered": "A subject came into a fence and stayed as long as its rules want.",
    "dwelled": "A subject has been in a fence for one of its dwell times.",
    "exited": "A subject left a fence, or the fence is no longer there for it; `cause` says which.",
    "crossed": "A subject's way between two fixes cut a fence, with neither fix in it.",
}
_MEMBERS: Final[dict[str, Shape]] = {
    "pair_id": said(ID, "one subject and one fence; another fence has another id for the same subject"),
    "geofence_id": ID,
    "external_id": said(TEXT, "the merchant's own name of the fence"),
    "geofence_version": said(COUNT, "the version of the fence that the fix met"),
    "merchant_id": ID,
    "cause": one_of(*get_args(Cause)),
    "confidence": said(one_of(*get_args(Confidence)), "the accuracy of the fix against its distance to the border"),
    "late": said(FLAG, "it was known only a minute or more after it could have been"),
    "replayed": said(FLAG, "the app had kept the fix and sent it later"),
    "occurred_at": said(TIME, "when it happened, by the fix or the timer"),
    "detected_at": said(TIME, "when it was found"),
    "fix_at": said(nullable(TIME), "the time of the fix that it is known by"),
    "fix_accuracy_m": said(nullable(COUNT), "its accuracy, rounded up to one of a few steps"),
}


def _kind(what: What, **more: Shape) -> EventKind:
    return EventKind(f"fujin.geofence.{what}.v1", "pair_id", _SAYS[what], {**_MEMBERS, **more})


KINDS: Final = (
    _kind("entered"),
    _kind("dwelled", dwell_s=said(COUNT, "the dwell time that has passed")),
    _kind("exited"),
    _kind("crossed"),
)


def coarse_accuracy_m(accuracy_m: float | None) -> int | None:
    """An accuracy as it is told and kept: a step that is not below it."""
    if accuracy_m is None:
        return None
    return next((step for step in ACCURACY_STEPS_M if accuracy_m <= step), ceil(accuracy_m))


def told_event(told: Told, trace: str | None) -> Event:
    """The event of a happening."""
    happening, fence = told.happening, told.fence
    data: dict[str, Any] = {
        "pair_id": str(told.pair_id),
        "geofence_id": str(fence.geofence_id),
        "external_id": fence.external_id,
        "geofence_version": fence.version,
        "merchant_id": str(fence.merchant_id),
        "cause": happening.cause,
        "confidence": told.confidence,
        "late": told.late,
        "replayed": told.replayed,
        "occurred_at": happening.at.isoformat(),
        "detected_at": told.detected_at.isoformat(),
        "fix_at": None if happening.fix_at is None else happening.fix_at.isoformat(),
        "fix_accuracy_m": coarse_accuracy_m(happening.accuracy_m),
    }
    if happening.dwell_s is not None:
        data["dwell_s"] = happening.dwell_s
    return Event(
        city_id=fence.city_id,
        aggregate_id=told.pair_id,
        seq=happening.seq,
        type=f"fujin.geofence.{happening.what}.v1",
        merchant_id=fence.merchant_id,
        data=data,
        occurred_at=happening.at,
        trace=trace,
        event_id=told.event_id,
    )
