"""Whether two entries mean one place: names without their branch, telephone, address, category, brand, distance; pure.

A score of ``MERGE`` or more merges by itself, one of ``REVIEW`` or more is left to a person, less keeps them apart.
Names alone never merge: something else has to agree too, and nothing may contradict.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

from app.places.phones import phone_keys
from app.places.types import Taxonomy
from app.postings.tokens import folded, name_key
from geo.coordinates import LonLat
from geo.distance import distance_m

WITHIN_M: Final = 150.0
ALIKE: Final = 0.6
MERGE: Final = 0.9
REVIEW: Final = 0.6
SAME_SPOT_M: Final = 25.0
CROWD: Final = 2
"""More than so many others of one name nearby are things of a kind: parking spaces, gates, canteens."""
# What is many of a kind side by side: two entrances, two stops, two docks, two stands of one name are two things.
MANY_OF_A_KIND: Final = frozenset({
    "transport", "public_transport", "bus_station", "ferry_terminal", "taxi_stand", "parking", "car_park", "atm",
    "charging_station", "parcel_locker", "pitch", "picnic_site", "playground", "vehicle_rental", "viewpoint",
})  # fmt: skip
# Top categories of what is visited for itself; another kind of thing beside it may bear its name.
VENUES: Final = frozenset({"transport", "sights", "worship", "public", "education"})

_BRACKETS = re.compile(r"[(（【\[][^()（）【】\[\]]*[)）】\]]\s*$")
_NUMBER = re.compile(r"[\s,–—-]*\b(?:store|shop|branch|outlet|unit|no\.?|nr\.?)?\s*#?\s*\d{1,5}\s*$", re.IGNORECASE)
_BRANCH = re.compile(r"[\s,]*[–—|·-]\s*[^–—|·-]*\b(?:branch|store|shop|outlet|filiale)\s*$", re.IGNORECASE)
_NUMERALS = re.compile(r"\d+|[一二三四五六七八九十]+(?=[号院中小])")
_HOUSE = re.compile(r"\d+\s*[a-z]?(?:\s*[-/]\s*\d+\s*[a-z]?)?", re.IGNORECASE)

_REMEMBERED: Final = 1 << 15  # names: each is compared with all of its neighbours


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry as a source states it.

    ``run`` when a merchant runs it, ``crowd`` how many others nearby bear its very name.
    """

    place_id: UUID
    location: LonLat
    names: Mapping[str, str]
    category_id: str
    alternate_category_ids: tuple[str, ...]
    brand_id: str | None
    phone: str | None
    address: Mapping[str, Any]
    run: bool = False
    crowd: int = 0


@dataclass(frozen=True, slots=True)
class Verdict:
    """How surely two entries mean one place, and by what."""

    score: float
    name: float
    distance_m: float
    reasons: tuple[str, ...]

    @property
    def merges(self) -> bool:
        """Sure enough to be merged without a person."""
        return self.score >= MERGE

    @property
    def asks(self) -> bool:
        """Worth a person's look."""
        return REVIEW <= self.score < MERGE


@lru_cache(_REMEMBERED)
def without_branch(name: str) -> tuple[str, str]:
    """A name without what tells its branches apart, and that: 「(…店)」, Store #12, – Downtown branch."""
    core = name
    for ending in (_BRACKETS, _BRANCH, _NUMBER):
        shorter = ending.sub("", core).strip()
        if len(name_key(shorter)) >= 2:
            core = shorter
    return core, name_key(name[len(core) :])


def name_likeness(one: Mapping[str, str], other: Mapping[str, str]) -> float:
    """The best Dice coefficient of two names' pairs of neighbouring characters, branches left out: 0 to 1."""
    ones, others = _cores(one), _cores(other)
    return max((_dice(a, b) for a in ones for b in others), default=0.0)


def verdict_of(one: Entry, other: Entry, tree: Taxonomy, country: str | None) -> Verdict:
    """How surely two entries mean one place."""
    name = name_likeness(one.names, other.names)
    away = distance_m(one.location, other.location)
    if name < ALIKE or away > WITHIN_M:
        return Verdict(0.0, name, away, ())
    phone, house = _phones(one, other, country), _addresses(one, other)
    kind, kind_why = _kinds(one, other, tree)
    score = 0.45 + 0.25 * (name - ALIKE) / (1 - ALIKE) + kind
    score += 0.12 * (1 - away / WITHIN_M) if away > SAME_SPOT_M else 0.12
    score += {1: 0.18, 0: 0.0, -1: -0.12}[phone]
    score += {1: 0.12 if name >= 0.8 else 0.02, 0: 0.0, -1: -0.15}[house]
    if one.brand_id is not None and other.brand_id is not None:
        score += 0.02 if one.brand_id == other.brand_id else -0.2
    caps = list(_caps(one, other, name, away, phone, house, kind))
    limit, why = min(caps, default=(1.0, ""))
    reasons = [f"name {name:.2f}", f"{away:.0f} m", kind_why]
    reasons += {1: ["phone equal"], 0: [], -1: ["phone differs"]}[phone]
    reasons += {1: ["address equal"], 0: [], -1: ["address differs"]}[house]
    reasons += [why] if why and limit < score else []
    return Verdict(round(max(0.0, min(score, limit)), 3), name, away, tuple(reasons))


def _caps(
    one: Entry, other: Entry, name: float, away: float, phone: int, house: int, kind: float
) -> Iterable[tuple[float, str]]:
    """What keeps a score down, whatever else agrees."""
    sure = phone == 1 or house == 1
    below = MERGE - 0.01
    branches, others = _branches(one.names), _branches(other.names)
    if branches and others and not branches & others:
        yield (below, "branches differ") if phone == 1 else (REVIEW - 0.01, "branches differ")
    if bool(branches) != bool(others) and phone != 1:
        yield below, "one names a branch"
    if name < 1.0 and _numbered(one.names) != _numbered(other.names):
        yield (below, "numbers in the names differ") if sure else (REVIEW - 0.01, "numbers in the names differ")
    if kind < 0:
        yield below, "another kind of thing"
    if one.category_id in MANY_OF_A_KIND or other.category_id in MANY_OF_A_KIND:
        yield (below, "many of a kind") if sure or away <= 5.0 else (REVIEW - 0.01, "many of a kind")
    if one.brand_id is not None and not sure and away > SAME_SPOT_M:
        yield (REVIEW - 0.01, "branches of a chain") if away > 60.0 else (below, "branches of a chain")
    if max(one.crowd, other.crowd) > CROWD and not sure:
        yield REVIEW - 0.01, "many of one name"
    if (phone == -1 and house != 1) or house == -1:
        yield below, "phone or address differs"
    if name < (0.75 if phone == 1 else 0.9):
        yield below, "names differ"
    exact = name == 1.0 and away <= SAME_SPOT_M and kind > 0.0
    if not sure and not exact:
        yield below, "nothing but the name agrees"
    if one.run and other.run:
        yield below, "a merchant runs each"


def _branches(names: Mapping[str, str]) -> frozenset[str]:
    return frozenset(branch for text in names.values() if (branch := without_branch(text)[1]))


def _numbered(names: Mapping[str, str]) -> frozenset[str]:
    """Numbers inside names, which tell gates, schools and platforms apart; those of branches are left out."""
    cores = (without_branch(text)[0] for text in names.values())
    return frozenset(number for core in cores for number in _NUMERALS.findall(core))


def _cores(names: Mapping[str, str]) -> frozenset[str]:
    return frozenset(core for text in names.values() if (core := _core(text)))


@lru_cache(_REMEMBERED)
def _core(text: str) -> str:
    """What a name is compared by."""
    return name_key(without_branch(text)[0]).replace(" ", "")


def _dice(one: str, other: str) -> float:
    """2 × shared pairs / all pairs, each counted as often as it stands; one character is its own pair."""
    if one == other:
        return 1.0
    a, b = _pairs(one), _pairs(other)
    shared = sum(min(count, b[pair]) for pair, count in a.items() if pair in b)
    return 2.0 * shared / (a.total() + b.total())


@lru_cache(_REMEMBERED)
def _pairs(text: str) -> Counter[str]:
    return Counter(text[at : at + 2] for at in range(max(1, len(text) - 1)))


def _phones(one: Entry, other: Entry, country: str | None) -> int:
    """1 when a number agrees, -1 when both have numbers and none agrees, 0 when nobody knows."""
    if one.phone is None or other.phone is None:
        return 0
    ones, others = phone_keys(one.phone, country), phone_keys(other.phone, country)
    if not ones or not others:
        return 0
    return 1 if ones & others else -1


def _addresses(one: Entry, other: Entry) -> int:
    """1 when street and number agree, -1 when they contradict each other, 0 when too little is known."""
    (street, house), (other_street, other_house) = _address(one.address), _address(other.address)
    if not house or not other_house:
        return 0
    streets_alike = not street or not other_street or _dice(street, other_street) >= 0.75
    if house != other_house or not streets_alike:
        return -1 if street and other_street else 0
    return 1 if street and other_street else 0


def _address(address: Mapping[str, Any]) -> tuple[str, str]:
    street = name_key(str(address.get("street") or "")).replace(" ", "")
    found = _HOUSE.search(folded(str(address.get("house_number") or "")))
    return street, found.group().replace(" ", "") if found else ""


def _kinds(one: Entry, other: Entry, tree: Taxonomy) -> tuple[float, str]:
    """What categories say: the same, near, far, or a venue beside a stop."""
    ones = {one.category_id, *one.alternate_category_ids}
    others = {other.category_id, *other.alternate_category_ids}
    if one.category_id == other.category_id or one.category_id in others or other.category_id in ones:
        return 0.08, "same category"
    chain = [node.category_id for node in tree.chain(one.category_id)]
    other_chain = [node.category_id for node in tree.chain(other.category_id)]
    if not chain or not other_chain or "uncategorised" in (chain[0], other_chain[0]):
        return 0.0, "category unknown"
    shared = len([1 for a, b in zip(chain, other_chain, strict=False) if a == b])
    if shared >= 2:
        return 0.06, "near category"
    if chain[0] in VENUES or other_chain[0] in VENUES:
        return -0.15, "another kind of thing"
    return (0.03, "near category") if shared == 1 else (-0.06, "other category")
