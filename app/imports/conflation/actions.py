"""Conflation in a load, when a version is shown, and by a person's decision; the caller commits."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Final
from uuid import UUID

from sqlalchemy import Connection

from app.cities import queries as cities
from app.imports.conflation import finding, merging, queries
from app.imports.conflation.finding import Judged, Near
from app.imports.conflation.queries import CHUNK, Listed
from app.imports.staging import Target, batches, carry_late
from app.places import queries_edits as edits
from app.places.overlay_fields import imported
from app.places.overlays import apply_overlays, show_version
from app.places.queries import taxonomy
from app.places.queries_edits import Stated
from app.places.queries_overlays import bases_of
from app.places.writing import come, forget, write

log = logging.getLogger("fujin.conflation")
MOST_QUESTIONS: Final = 10_000


@dataclass(slots=True)
class Conflated:
    """What a load came to: pairs looked at, places merged, kept ids over a change of source, questions; seconds."""

    candidates: int = 0
    merged: int = 0
    bridged: int = 0
    asked: int = 0
    corrected: int = 0
    seconds: dict[str, float] = field(default_factory=dict)

    def clock(self, part: str, since: float) -> float:
        """Adds the time since then to a part; the time now."""
        now = time.perf_counter()
        self.seconds[part] = self.seconds.get(part, 0.0) + now - since
        return now


def run(conn: Connection, target: Target) -> Conflated:
    """Makes one place of entries that mean one, in a version of places whose facts are all there.

    Entries that mean one place are merged when the version is shown; until then readers see nothing of it. A new entry
    that takes the place of one that the file no longer has goes by its id from the start. Corrections are applied.
    """
    city_id, version = target.territory.city_id, target.version
    result = Conflated()
    began = time.perf_counter()
    queries.drop_old_plans(conn, city_id)
    if (place := edits.stated(conn, city_id, version)) is not None:
        _rename(conn, place, merging.lonely(conn, city_id, version), target.now)
    result.corrected = apply_overlays(conn, city_id, version, target.now)
    began = result.clock("corrections", began)
    active = cities.active_version(conn, city_id, "places")
    shown = None if active is None or active.version == version else active.version
    found = _near(conn, city_id, version, shown, result)
    began = result.clock("candidates", began)
    known, pairs = _judge(conn, target, shown, found)
    began = result.clock("scores", began)
    if pairs:
        _settle(conn, target, pairs, known, result)
        result.clock("merges", began)
    log.info("conflated", extra={"city_id": city_id, "version": version, "merged": result.merged})
    return result


def show(conn: Connection, city_id: int, version: int, before: int | None, now: datetime) -> int:
    """Corrects a version that is about to be shown and makes its merges; how many places are otherwise than loaded.

    Places that people opened in ``before``, which it takes the place of, come along.
    """
    place = edits.stated(conn, city_id, version)
    done = 0
    if place is not None:
        carried = () if before is None else carry_late(conn, place, before)
        come(conn, place, carried)
        done = len(carried) + len(stand_in(conn, place, now))
    # While the version waited a merchant may have taken a place over, and a person may have merged it.
    queries.ask_of_run(conn, city_id, version)
    queries.lapse_merged(conn, city_id, version)
    done += show_version(conn, city_id, version, now)
    plans = [merging.Merge(*plan) for plan in queries.planned(conn, city_id, version)]
    for part in batches(plans, CHUNK):
        merging.merge(conn, city_id, version, part, "a load", None, now)
    return done + len(plans) + (apply_overlays(conn, city_id, version, now) if plans else 0)


def stand_in(conn: Connection, place: Stated, now: datetime, kept: UUID | None = None) -> tuple[tuple[UUID, UUID], ...]:
    """Gives facts to places that stay where a version states only what was merged into them, search rows too."""
    pairs = merging.lonely(conn, place.city_id, place.version, kept)
    _rename(conn, place, pairs, now)
    if pairs:
        forget(conn, place, [each for _, each in pairs])
        after = edits.facts_of(conn, place.city_id, place.version, [stays for stays, _ in pairs])
        before = {place_id: replace(facts, closed=True) for place_id, facts in after.items()}
        write(conn, place, before, after, now)
    return pairs


def _rename(conn: Connection, place: Stated, pairs: Sequence[tuple[UUID, UUID]], now: datetime) -> None:
    """Gives what the sources say of merged places to those that stay, without what corrections made of it."""
    if bases := bases_of(conn, place.city_id, place.version, [merged for _, merged in pairs]):
        before = edits.facts_of(conn, place.city_id, place.version, bases.keys())
        write(conn, place, before, {each: imported(facts, bases[each]) for each, facts in before.items()}, now)
    merging.stand_in(conn, place.city_id, place.version, pairs)


def _near(conn: Connection, city_id: int, version: int, shown: int | None, result: Conflated) -> list[Near]:
    found = []
    for each in queries.candidates(conn, city_id, version, shown):
        result.candidates += 1
        pair = finding.near(
            each.one_id, each.other_id, each.gone, (each.one_names, each.other_names), (each.one_at, each.other_at)
        )
        if pair is not None:
            found.append(pair)
    return found


def _judge(
    conn: Connection, target: Target, shown: int | None, found: list[Near]
) -> tuple[frozenset[UUID], list[Judged]]:
    """The pairs that come to something, and those of their places that readers know."""
    if not found:
        return frozenset(), []
    city_id, tree = target.territory.city_id, taxonomy(conn, target.world.categories)
    crowd = finding.crowds(found)
    pairs: list[Judged] = []
    known: set[UUID] = set()
    for part in batches(found, CHUNK):
        ids = {pair.one_id for pair in part} | {pair.other_id for pair in part if not pair.gone}
        here = queries.entries(conn, city_id, target.version, ids)
        gone = queries.entries(conn, city_id, shown or 0, {pair.other_id for pair in part if pair.gone})
        known |= queries.stated_in(conn, city_id, shown or 0, ids) | gone.keys()
        pairs += finding.judged(part, here, gone, crowd, tree, target.territory.country_code)
    return frozenset(known), pairs


def _settle(conn: Connection, target: Target, pairs: list[Judged], known: frozenset[UUID], result: Conflated) -> None:
    city_id, version, now = target.territory.city_id, target.version, target.now
    bridges = finding.bridges(pairs, known)
    merges = finding.merges(pairs, known)
    decided = {goes: stays for stays, goes, _ in merges}
    # Readers knew an entry that people corrected: its corrections would go over to what they see now.
    stay = decided.keys() | queries.corrected(conn, city_id, [pair.one.place_id for pair in bridges])
    moved = [(pair.other.place_id, pair.one.place_id, pair) for pair in bridges if pair.one.place_id not in stay]
    decided |= {goes: stays for stays, goes, _ in moved}
    asked = list(finding.questions(pairs, decided.items(), known))[:MOST_QUESTIONS]
    for part in batches(_listed(moved, "open"), CHUNK):
        put = queries.put_pairs(conn, city_id, version, part, now)
        fresh = [merging.Merge(review, kept, merged) for (kept, merged), review in put.items()]
        merging.merge(conn, city_id, version, fresh, "a load", None, now)
        result.bridged += len(fresh)
    for part in batches(_listed(merges, "planned"), CHUNK):
        result.merged += len(queries.put_pairs(conn, city_id, version, part, now))
    for part in batches(_listed(asked, "open"), CHUNK):
        result.asked += len(queries.put_pairs(conn, city_id, version, part, now))
    if moved or merges:
        merging.stand_in(conn, city_id, version, merging.lonely(conn, city_id, version))
        result.corrected += apply_overlays(conn, city_id, version, now)


def _listed(pairs: Iterable[tuple[UUID, UUID, Judged]], state: str) -> Iterable[Listed]:
    for kept, merged, pair in pairs:
        yield Listed(kept, merged, state, pair.verdict.score, finding.evidence(pair))
