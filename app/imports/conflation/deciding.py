"""What a person decides about reviews, reports and duplicates, at once for readers; the caller commits."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import Connection

from app.core.ids import city_of
from app.coupons.search_rows import follow_places
from app.imports.conflation import actions, merging, queries
from app.places import overlays, queries_overlays, queries_reviews
from app.places import queries_edits as edits
from app.places.errors import BothRun, DecisionNotOffered, InvalidEdit, ReviewOver, UnknownPlace
from app.places.overlay_fields import checked, imported
from app.places.overlays import begin, refresh
from app.places.queries_edits import Author, Stated
from app.places.queries_overlays import Overlay
from app.places.queries_reviews import Review
from app.places.writing import forget, write

OFFERED: Final = {
    ("duplicate", "open"): ("merge", "apart"),
    ("duplicate", "planned"): ("apart",),
    ("duplicate", "done"): ("undo",),
    ("overlay_conflict", "open"): ("keep_overlay", "take_import"),
    ("report", "open"): ("accept", "dismiss"),
}
DECISIONS: Final = ("merge", "apart", "undo", "keep_overlay", "take_import", "accept", "dismiss")


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decides; ``value`` is what a report is accepted with, where it isn't what most reported."""

    decision: str
    note: str | None
    author_id: UUID
    by: str
    value: Any = None


def offered(review: Review) -> tuple[str, ...]:
    """The decisions that a review takes as it is."""
    return OFFERED.get((review.kind, review.state), ())


def decide(conn: Connection, city_id: int, review_id: UUID, given: Decision, now: datetime) -> Review | None:
    """Carries a decision out; the review after it, None for an unknown one.

    Raises ReviewOver, DecisionNotOffered, BothRun, and what corrections raise.
    """
    place = begin(conn, city_id)
    review = queries_reviews.review_by_id(conn, city_id, review_id, lock=True)
    if review is None:
        return None
    if given.decision not in offered(review):
        _refuse(review, given.decision)
    match given.decision:
        case "merge":
            _merge(conn, place, review, given, now)
        case "apart":
            queries_reviews.decide(conn, review, "apart", given.note, given.by, now)
        case "undo":
            _undo(conn, place, review, given, now)
        case "keep_overlay" | "take_import":
            _settle_conflict(conn, place, review, given, now)
        case "accept":
            _accept(conn, place, review, given, now)
        case _:
            queries_reviews.decide(conn, review, "dismiss", given.note, given.by, now)
    return queries_reviews.review_by_id(conn, city_id, review_id)


def mark_duplicate(
    conn: Connection, city_id: int, place_id: UUID, kept: UUID, author: Author, by: str, now: datetime
) -> Overlay:
    """Merges a place into another that a person names; the correction that says so."""
    place = begin(conn, city_id)
    kept = UUID(checked("duplicate_of", str(kept)))
    if kept == place_id:
        raise InvalidEdit("a place is no duplicate of itself")
    if city_of(kept) != city_id:
        raise InvalidEdit(f"place {kept} is in another city; a place stays in its own")
    if missing := {place_id, kept} - edits.lock_places(conn, city_id, [place_id, kept]):
        raise UnknownPlace(f"there is no place {min(missing)}")
    review_id = queries.pair_review(conn, city_id, place_id, kept)
    if review_id is None:
        pair = queries.Listed(kept, place_id, "open", 1.0, {"reasons": [author.reason]})
        (review_id,) = queries.put_pairs(conn, city_id, place.version, [pair], now).values()
    else:
        old = queries_reviews.review_by_id(conn, city_id, review_id, lock=True)
        if old is not None and old.state == "done" and old.decision == "merge":
            raise ReviewOver("the two are one already")
        queries.turn_pair(conn, city_id, review_id, kept, place_id)
    _carry_out(conn, place, merging.Merge(review_id, kept, place_id, author.author_id, author.reason), by, None, now)
    live = queries_overlays.live_overlay(conn, city_id, place_id, "duplicate_of")
    assert live is not None
    return live


def unmark_duplicate(conn: Connection, city_id: int, overlay: Overlay, given: Decision, now: datetime) -> None:
    """Takes the correction ``duplicate_of`` back: undoes its merge."""
    review_id = queries.pair_review(conn, city_id, overlay.place_id, UUID(overlay.value))
    if review_id is None or decide(conn, city_id, review_id, replace(given, decision="undo"), now) is None:
        raise DecisionNotOffered("nothing is known of this merge; it can't be undone")


def _refuse(review: Review, decision: str) -> None:
    can = ", ".join(offered(review))
    if review.state == "done":
        done = f"it was decided: {review.decision}" + (f"; it takes {can}" if can else "")
        raise ReviewOver(done)
    words = f"a review of kind {review.kind} that is {review.state} takes {can}" if can else f"it has {review.state}"
    raise DecisionNotOffered(f"{decision} is not among them: {words}" if can else words)


def _merge(conn: Connection, place: Stated, review: Review, given: Decision, now: datetime) -> None:
    assert review.other_id is not None
    ids = (review.place_id, review.other_id)
    run = queries.run_by(conn, place.city_id, ids)
    kept, merged = sorted(ids, key=lambda each: (each not in run, each != review.place_id))
    if kept != review.place_id:
        queries.turn_pair(conn, place.city_id, review.review_id, kept, merged)
    reason = given.note or "one place listed twice"
    merge = merging.Merge(review.review_id, kept, merged, given.author_id, reason)
    _carry_out(conn, place, merge, given.by, given.note, now)


def _carry_out(conn: Connection, place: Stated, merge: merging.Merge, by: str, note: str | None, now: datetime) -> None:
    """Merges two places for readers, at once."""
    city_id, ids = place.city_id, [merge.kept, merge.merged]
    edits.lock_places(conn, city_id, ids)
    run = queries.run_by(conn, city_id, ids)
    if len(run) == 2:
        raise BothRun("a merchant runs each of the two, or serves from it; one of them has to be given up first")
    if merge.merged in run:
        raise BothRun(f"a merchant runs place {merge.merged}; it is the one that stays: say it the other way round")
    for each in ids:
        if merging.final_place(conn, city_id, each) != each:
            raise DecisionNotOffered(
                f"place {each} was merged into another; undo that first, or name the one that stays"
            )
    before = _live(conn, place, ids)
    merging.merge(conn, city_id, place.version, [merge], by, note, now)
    _follow(conn, place, actions.stand_in(conn, place, now, merge.kept), now)
    edits.count_live(conn, city_id, _live(conn, place, ids) - before)
    refresh(conn, place, ids, now, follow_places)


def _live(conn: Connection, place: Stated, place_ids: Collection[UUID]) -> int:
    """How many of some places readers see."""
    return sum(not facts.closed for facts in edits.facts_of(conn, place.city_id, place.version, place_ids).values())


def _undo(conn: Connection, place: Stated, review: Review, given: Decision, now: datetime) -> None:
    if review.decision == "apart":
        queries.reopen(conn, place.city_id, review.review_id)
        return
    assert review.other_id is not None
    city_id, kept, merged = place.city_id, review.place_id, review.other_id
    undo = review.undo or {"key": None, "overlays": [], "lapsed": []}
    stays = merging.final_place(conn, city_id, kept) or kept
    edits.lock_places(conn, city_id, sorted({kept, merged, stays}))
    standing = merging.versions_standing_in(conn, city_id, stays, merged, undo["key"])
    merging.part(conn, city_id, merged, undo, now)
    queries_reviews.decide(conn, review, "apart", given.note, given.by, now)
    for version in standing:
        more = _give_back(conn, city_id, version, stays, merged, now)
        if version == place.version:
            edits.count_live(conn, city_id, more)
            _follow(conn, place, ((merged, stays),), now)
    refresh(conn, place, sorted({kept, merged, stays}), now, follow_places)


def _give_back(conn: Connection, city_id: int, version: int, stays: UUID, merged: UUID, now: datetime) -> int:
    """What a version states by the name of the place that stayed goes by its own again; how many more are live."""
    place = edits.stated(conn, city_id, version)
    assert place is not None
    facts = edits.facts_of(conn, city_id, version, [stays])[stays]
    source = imported(facts, queries_overlays.bases_of(conn, city_id, version, [stays]).get(stays, {}))
    merging.rename(conn, city_id, version, stays, merged)
    forget(conn, place, [stays])
    before = replace(edits.facts_of(conn, city_id, version, [merged])[merged], closed=True)
    write(conn, place, {merged: before}, {merged: replace(source, place_id=merged)}, now)
    return facts.closed - source.closed


def _follow(conn: Connection, place: Stated, pairs: Collection[tuple[UUID, UUID]], now: datetime) -> None:
    """What readers and coupons are told when facts change their name: (new name, old name) pairs."""
    if not pairs:
        return
    edits.note_moves(conn, place, sorted(old for _, old in pairs), now)
    follow_places(conn, place.city_id, place.version, [], [new for new, _ in pairs])


def _settle_conflict(conn: Connection, place: Stated, review: Review, given: Decision, now: datetime) -> None:
    assert review.overlay_id is not None
    queries_reviews.decide(conn, review, given.decision, given.note, given.by, now)
    if given.decision == "take_import":
        overlays.withdraw(conn, place.city_id, review.overlay_id, now, follow_places)
        return
    base = queries_overlays.base_beneath(conn, place.city_id, place.version, review.overlay_id)
    if base is not None:
        queries_overlays.settle(conn, place.city_id, review.overlay_id, base[0])


def _accept(conn: Connection, place: Stated, review: Review, given: Decision, now: datetime) -> None:
    assert review.field is not None
    values = review.evidence.get("values") or []
    value = given.value if given.value is not None else (values[0]["value"] if values else None)
    author = Author(given.author_id, given.note or "reported")
    queries_reviews.decide(conn, review, "accept", given.note, given.by, now)
    if review.field == "duplicate_of":
        mark_duplicate(
            conn, place.city_id, review.place_id, UUID(checked("duplicate_of", value)), author, given.by, now
        )
    else:
        overlays.correct(conn, place.city_id, review.place_id, review.field, value, author, now, follow_places)
