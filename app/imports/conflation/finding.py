"""What candidates come to: pairs that merge, pairs for a person to look at, which place of each stays; pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final
from uuid import UUID

from app.imports.conflation.rules import ALIKE, WITHIN_M, Entry, Verdict, name_likeness, verdict_of
from app.places.types import Taxonomy
from geo.coordinates import LonLat
from geo.distance import distance_m

MOST_TOGETHER: Final = 6
"""More entries than so many are never merged into one by themselves."""


@dataclass(frozen=True, slots=True)
class Near:
    """A pair with names alike and near each other; ``gone`` when the other is not in the version."""

    one_id: UUID
    other_id: UUID
    gone: bool
    exact: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A pair with its verdict, as the two entries were."""

    one: Entry
    other: Entry
    gone: bool
    verdict: Verdict


def near(
    one_id: UUID,
    other_id: UUID,
    gone: bool,
    names: tuple[Mapping[str, str], Mapping[str, str]],
    at: tuple[LonLat, LonLat],
) -> Near | None:
    """The pair, if it is worth a closer look."""
    if distance_m(*at) > WITHIN_M:
        return None
    alike = name_likeness(*names)
    return Near(one_id, other_id, gone, alike == 1.0) if alike >= ALIKE else None


def crowds(found: Iterable[Near]) -> Counter[UUID]:
    """How many others near a place bear its very name."""
    counts: Counter[UUID] = Counter()
    for pair in found:
        if pair.exact:
            counts[pair.one_id] += 1
            counts[pair.other_id] += 1
    return counts


def judged(
    found: Iterable[Near],
    here: Mapping[UUID, Entry],
    gone: Mapping[UUID, Entry],
    crowd: Mapping[UUID, int],
    tree: Taxonomy,
    country: str | None,
) -> Iterator[Judged]:
    """Pairs that merge or that a person should see; those that stay apart are left out."""
    for pair in found:
        one = replace(here[pair.one_id], crowd=crowd[pair.one_id])
        other = replace((gone if pair.gone else here)[pair.other_id], crowd=crowd[pair.other_id])
        verdict = verdict_of(one, other, tree, country)
        if verdict.merges or verdict.asks:
            yield Judged(one, other, pair.gone, verdict)


def bridges(found: Iterable[Judged], known: frozenset[UUID]) -> list[Judged]:
    """New entries that take the place of one that the version no longer states, the surest first, each once."""
    taken: set[UUID] = set()
    chosen = []
    for pair in sorted(found, key=_surest):
        ids = {pair.one.place_id, pair.other.place_id}
        if pair.gone and pair.verdict.merges and pair.one.place_id not in known and not ids & taken:
            taken |= ids
            chosen.append(pair)
    return chosen


def merges(found: Iterable[Judged], known: frozenset[UUID]) -> list[tuple[UUID, UUID, Judged]]:
    """Places of the version that are one: the one that stays, the one that goes, the surest pair that says so.

    A place that a merchant runs stays before others, then one that readers know, then the older one.
    """
    pairs = [pair for pair in sorted(found, key=_surest) if not pair.gone and pair.verdict.merges]
    root: dict[UUID, UUID] = {}
    entries: dict[UUID, Entry] = {}

    def top(place_id: UUID) -> UUID:
        while root.get(place_id, place_id) != place_id:
            place_id = root[place_id]
        return place_id

    groups: dict[UUID, list[UUID]] = {}
    why: dict[UUID, Judged] = {}
    for pair in pairs:
        for entry in (pair.one, pair.other):
            entries[entry.place_id] = entry
            groups.setdefault(top(entry.place_id), [entry.place_id])
            why.setdefault(entry.place_id, pair)
        one, other = top(pair.one.place_id), top(pair.other.place_id)
        together = groups[one] + groups[other]
        if one == other or len(together) > MOST_TOGETHER or sum(entries[each].run for each in together) > 1:
            continue
        root[other] = one
        groups[one] = together
        del groups[other]
    found_merges = []
    for members in groups.values():
        kept = min(members, key=lambda each: (not entries[each].run, each not in known, each))
        found_merges += [(kept, each, why[each]) for each in members if each != kept]
    return found_merges


def questions(
    found: Iterable[Judged], decided: Iterable[tuple[UUID, UUID]], known: frozenset[UUID]
) -> Iterator[tuple[UUID, UUID, Judged]]:
    """Pairs for a person, the likeliest first: the one that would stay, the other one.

    Pairs whose places are merged anyway, or stand for each other already, are no question.
    """
    merged: dict[UUID, UUID] = dict(decided)
    stay = set(merged.values())
    for pair in sorted(found, key=_surest):
        one, other = pair.one.place_id, pair.other.place_id
        if one in merged or other in merged or (pair.gone and other in stay):
            continue
        if pair.gone and one in known:
            continue
        ranked = sorted(
            (pair.one, pair.other), key=lambda each: (not each.run, each.place_id not in known, each.place_id)
        )
        yield (other, one, pair) if pair.gone else (ranked[0].place_id, ranked[1].place_id, pair)


def evidence(pair: Judged) -> dict[str, Any]:
    """What a person is shown of a pair."""
    return {
        "name": round(pair.verdict.name, 3),
        "distance_m": round(pair.verdict.distance_m, 1),
        "reasons": list(pair.verdict.reasons),
    }


def _surest(pair: Judged) -> tuple[float, UUID, UUID]:
    return (-pair.verdict.score, pair.one.place_id, pair.other.place_id)
