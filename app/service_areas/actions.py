"""How merchants run their areas: draw, publish, go back, archive; and how operators review what waits.

Each call is one transaction of the caller's, who commits. Edits of one area take turns. Locks are taken in one order:
the area (those of a place by id), the city's search rows, the brand's territories.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from app.core.errors import Fault, InvalidBody, NotFound, PreconditionFailed
from app.core.ids import new_city_id
from app.outbox.queries import append
from app.postings.queries import hold_rows
from app.service_areas import checks, queries_owned
from app.service_areas.drafts import Draft
from app.service_areas.errors import ExternalIdTaken, NothingWaits, NotInReview, OwnWork, VersionWaits
from app.service_areas.events import told
from app.service_areas.shapes import Shape
from app.service_areas.succession import Author, into_force, move, placed, step, versions_of, withdraw
from app.service_areas.types import EDGES, WAITING, Area, PlaceRun, State, Version
from geo.grid_shift import Datum

Expected = Callable[[Area], bool]
"""Whether an area is still as the caller saw it."""


@dataclass(frozen=True, slots=True)
class Saved:
    """An area after an edit, whether it is new, and what still stands against what waits."""

    area: Area
    fresh: bool
    faults: tuple[Fault, ...]


@dataclass(frozen=True, slots=True)
class Drawn:
    """A draft with its boundary, and how the boundary was said where nobody drew it."""

    draft: Draft
    shape: Shape
    outline: dict[str, Any] | None
    currency: str


def save(
    conn: Connection, place: PlaceRun, external_id: str, drawn: Drawn, expected: Expected | None, by: Author
) -> Saved:
    """Keeps a drawing as the version that waits, in place of the one before; what is in force stays.

    ``expected`` None: the area must not be there yet. PreconditionFailed, ExternalIdTaken, InvalidBody, and what
    ``checks`` refuses, unless the draft is unfinished: then it is kept with its faults.
    """
    area, fresh = _area_to_edit(conn, place, external_id, drawn.draft.kind, expected, by)
    waiting = _waiting(conn, area)
    number = waiting.version if waiting else queries_owned.last_version(conn, place.city_id, area.service_area_id) + 1
    version = _version_of(area, place, drawn, number, by)
    published = versions_of(conn, [area], ("published",))
    faults = checks.faults_of(conn, area, placed(published, version, by), drawn.draft.datum)
    if faults and not drawn.draft.unfinished:
        checks.refuse(faults)
    version = replace(version, state="draft" if drawn.draft.unfinished else "validated")
    if waiting is None:
        queries_owned.insert_version(conn, place.city_id, version)
    elif not _edge(waiting.state, version.state) or not queries_owned.replace_waiting(conn, place.city_id, version):
        raise PreconditionFailed("somebody changed it meanwhile; read it again")
    changed = area if fresh else step(conn, area, told_count=0)
    return Saved(changed, fresh, faults.told)


def publish(conn: Connection, place: PlaceRun, external_id: str, expected: Expected, by: Author) -> Area:
    """What waits comes into force, or, where the merchant's plan wants it, before an operator.

    NotFound, PreconditionFailed, NothingWaits, and what ``checks`` refuses.
    """
    area = _locked(conn, place, external_id, expected)
    hold_rows(conn, place.city_id)
    return _publish(conn, [area], by)[0]


def publish_all(
    conn: Connection, place: PlaceRun, expected: Callable[[Sequence[Area]], bool], by: Author
) -> list[Area]:
    """Everything that waits at a place, at once or not at all: borders between its areas can move so."""
    areas = [
        area
        for area in queries_owned.areas_of_place(conn, place.city_id, place.place_id, lock=True)
        if area.merchant_id == place.merchant_id
    ]
    if not expected(areas):
        raise PreconditionFailed("an area of the place changed meanwhile; read them again")
    waiting = {each.service_area_id for each in versions_of(conn, areas, WAITING)}
    ready = [area for area in areas if area.service_area_id in waiting]
    if not ready:
        raise NothingWaits("no area of the place has a drawing that waits; save one first")
    hold_rows(conn, place.city_id)
    return _publish(conn, ready, by)


def revert(conn: Connection, place: PlaceRun, external_id: str, to: int, expected: Expected, by: Author) -> Area:
    """An earlier version comes into force again, as the next one; VersionWaits where that would lose one that waits."""
    area = _locked(conn, place, external_id, expected)
    if _waiting(conn, area) is not None:
        raise VersionWaits("give the version that waits up first: DELETE its draft")
    earlier = queries_owned.version_no(conn, place.city_id, area.service_area_id, to)
    if earlier is None:
        raise NotFound("the area has no such version")
    last = queries_owned.last_version(conn, place.city_id, area.service_area_id)
    again = replace(
        earlier,
        version=last + 1,
        state="validated",
        based_on=to,
        brand_key=place.brand_key if area.kind == "territory" else None,
        effective_from=by.now if earlier.said_until is None else earlier.effective_from,
        effective_until=earlier.said_until,
        followed_by=None,
        declared_until=None,
        created_at=by.now,
        edited_by=by.member_id,
        edited_at=by.now,
        published_at=None,
        ended_at=None,
        reviewed_by=None,
        reviewed_at=None,
        review_note=None,
    )
    queries_owned.insert_version(conn, place.city_id, again)
    hold_rows(conn, place.city_id)
    return _publish(conn, [area], by)[0]


def discard(conn: Connection, place: PlaceRun, external_id: str, expected: Expected, by: Author) -> Area:
    """Gives up the version that waits, else the one that is to begin later; both stay in the history. NothingWaits.

    What is in force stays so, for as long as it would be without the other.
    """
    area = _locked(conn, place, external_id, expected)
    waiting = _waiting(conn, area)
    if waiting is not None:
        move(conn, area, waiting, "archived", ended_at=by.now)
        return step(conn, area, told_count=0)
    return withdraw(conn, area, by)


def archive(conn: Connection, place: PlaceRun, external_id: str, expected: Expected, by: Author) -> Area:
    """The area serves nobody any more; everything of it is kept. Again is as good as once."""
    area = _locked(conn, place, external_id, expected)
    ending = versions_of(conn, [area], (*WAITING, "published"))
    if not ending:
        return area
    hold_rows(conn, place.city_id)
    for version in ending:
        move(conn, area, version, "archived", ended_at=by.now)
    gone = next((version for version in reversed(ending) if version.state == "published"), None)
    changed = step(conn, area, told_count=1 if gone else 0)
    if gone is not None:
        append(conn, told(changed, "archived", gone.version, by.now, by.trace))
        by.follow(conn, area.city_id, [area.service_area_id])
    return changed


def approve(conn: Connection, area: Area, note: str | None, expected: Expected, by: Author) -> Area:
    """An operator lets a drawing pass, and it comes into force; NotInReview, OwnWork, and what ``checks`` refuses."""
    held, version = _reviewed(conn, area, expected, by)
    hold_rows(conn, area.city_id)
    review = {"reviewed_by": by.member_id, "reviewed_at": by.now, "review_note": note}
    return into_force(conn, [(held, version)], by, **review)[0]


def reject(conn: Connection, area: Area, note: str, expected: Expected, by: Author) -> Area:
    """An operator sends a drawing back to its merchant with a note; NotInReview, OwnWork."""
    held, version = _reviewed(conn, area, expected, by)
    review = {"reviewed_by": by.member_id, "reviewed_at": by.now, "review_note": note}
    move(conn, held, version, "draft", **review)
    changed = step(conn, held, told_count=1)
    append(conn, told(changed, "rejected", version.version, by.now, by.trace))
    return changed


# what these share


def _publish(conn: Connection, areas: Sequence[Area], by: Author) -> list[Area]:
    """What waits of some areas of one merchant; the search rows are held."""
    waiting = {each.service_area_id: each for each in versions_of(conn, areas, WAITING)}
    missing = [area.external_id for area in areas if area.service_area_id not in waiting]
    if missing:
        raise NothingWaits(f"{missing[0]} has no drawing that waits; save one first")
    pairs = [(area, waiting[area.service_area_id]) for area in areas]
    if not queries_owned.plan_of(conn, areas[0].merchant_id).review:
        return into_force(conn, pairs, by)
    submitted = []
    for area, version in pairs:
        published = versions_of(conn, [area], ("published",))
        checks.refuse(checks.faults_of(conn, area, placed(published, version, by), Datum(version.source_datum)))
        if version.state != "pending_review":
            move(conn, area, version, "pending_review")
            sent = step(conn, area, told_count=1)
            append(conn, told(sent, "submitted", version.version, by.now, by.trace))
            submitted.append(sent)
        else:
            submitted.append(area)
    return submitted


def _area_to_edit(
    conn: Connection, place: PlaceRun, external_id: str, kind: str, expected: Expected | None, by: Author
) -> tuple[Area, bool]:
    if expected is None:
        there = queries_owned.areas_of_place(conn, place.city_id, place.place_id)
        if len(there) >= queries_owned.MOST_AREAS and all(each.external_id != external_id for each in there):
            said = (
                f"a place has at most {queries_owned.MOST_AREAS} areas, archived ones included; use one of them again"
            )
            raise InvalidBody(said, faults=[Fault(said, pointer="")])
        area_id = new_city_id(place.city_id)
        fresh = Area(
            place.city_id, area_id, place.place_id, place.merchant_id, external_id, kind, by.now, revision=1, seq=0
        )
        if queries_owned.insert_area(conn, fresh):
            return fresh, True
        held = queries_owned.area_of(conn, place.city_id, place.place_id, external_id)
        if held is not None and held.merchant_id != place.merchant_id:
            raise ExternalIdTaken("choose another id")
        raise PreconditionFailed("the area is there already; read it and send If-Match with its ETag")
    if queries_owned.area_of(conn, place.city_id, place.place_id, external_id) is None:
        raise PreconditionFailed("the area is not there; leave If-Match out to make it")
    area = _locked(conn, place, external_id, expected)
    if area.kind != kind:
        said = f"the area is one of kind {area.kind}, which stays; use another id for another kind"
        raise InvalidBody(f"/kind: {said}", faults=[Fault(said, pointer="/kind")])
    return area, False


def _locked(conn: Connection, place: PlaceRun, external_id: str, expected: Expected) -> Area:
    area = queries_owned.area_of(conn, place.city_id, place.place_id, external_id, lock=True)
    if area is None:
        raise NotFound("there is no such area")
    if area.merchant_id != place.merchant_id:
        raise ExternalIdTaken("choose another id")
    if not expected(area):
        raise PreconditionFailed("somebody changed it meanwhile; read it again")
    return area


def _reviewed(conn: Connection, area: Area, expected: Expected, by: Author) -> tuple[Area, Version]:
    held = queries_owned.area_of(conn, area.city_id, area.place_id, area.external_id, lock=True)
    if held is None:
        raise NotFound("there is no such area")
    if not expected(held):
        raise PreconditionFailed("somebody changed it meanwhile; read it again")
    waiting = _waiting(conn, held)
    if waiting is None or waiting.state != "pending_review":
        raise NotInReview("nothing of it waits for a review")
    if waiting.edited_by == by.member_id:
        raise OwnWork("you drew this yourself; another operator has to look at it")
    return held, waiting


def _waiting(conn: Connection, area: Area) -> Version | None:
    return next(iter(versions_of(conn, [area], WAITING)), None)


def _edge(before: State, after: State) -> bool:
    return before == after or (before, after) in EDGES


def _version_of(area: Area, place: PlaceRun, drawn: Drawn, number: int, by: Author) -> Version:
    draft = drawn.draft
    return Version(
        service_area_id=area.service_area_id,
        version=number,
        state="validated",
        names=draft.names,
        boundary=drawn.shape.boundary,
        area_m2=drawn.shape.area_m2,
        schedule=draft.schedule,
        priority=draft.priority,
        currency=drawn.currency,
        fee_minor=draft.fee_minor,
        min_order_minor=draft.min_order_minor,
        effective_from=draft.effective_from or by.now,
        effective_until=draft.effective_until,
        created_at=by.now,
        tags=draft.tags,
        metadata=draft.metadata,
        outline=drawn.outline,
        source_datum=draft.datum.value,
        brand_key=place.brand_key if area.kind == "territory" else None,
        based_on=None,
        edited_by=by.member_id,
        edited_at=by.now,
        published_at=None,
        ended_at=None,
        reviewed_by=None,
        reviewed_at=None,
        review_note=None,
    )
