"""Verdicts on pairs: cases drawn by hand, and 341 real pairs that a person looked at (tests/data/conflation)."""

from __future__ import annotations

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from app.imports.conflation import finding
from app.imports.conflation.finding import Judged
from app.imports.conflation.rules import Entry, Verdict, name_likeness, verdict_of, without_branch
from app.places.types import Category, Taxonomy
from geo.coordinates import LonLat

ROOT = Path(__file__).parents[4]
METRE = 1 / 111_194.9  # degrees of latitude on our sphere
COUNTRY = {"helsinki": "FI", "hangzhou": "CN", "melbourne": "AU"}


def tree() -> Taxonomy:
    rows = {row["category_id"]: row for row in json.loads((ROOT / "seeds/categories.json").read_text())}

    def depth(name: str) -> int:
        parent = rows[name]["parent_id"]
        return 1 if parent is None else depth(parent) + 1

    nodes = {name: Category(name, row["parent_id"], row["names"], depth(name)) for name, row in rows.items()}
    return Taxonomy(1, nodes, {})


TREE = tree()


def entry(name: str = "知味观", metres: float = 0.0, number: int = 1, **more: Any) -> Entry:
    given: dict[str, Any] = {
        "category_id": "restaurant", "alternate_category_ids": (), "brand_id": None, "phone": None, "address": {},
    } | more  # fmt: skip
    return Entry(UUID(int=number), LonLat(120.2, 30.2 + metres * METRE), {"local": name}, **given)


def verdict(one: Entry, other: Entry) -> Verdict:
    assert verdict_of(one, other, TREE, "CN").score == verdict_of(other, one, TREE, "CN").score
    return verdict_of(one, other, TREE, "CN")


def outcome(found: Verdict) -> str:
    return "merges" if found.merges else "asks" if found.asks else "apart"


HOME = {"street": "仁和路", "house_number": "83号"}


@pytest.mark.parametrize(
    ("name", "core"),
    [
        ("星巴克（武林店）", "星巴克"),
        ("Starbucks (West Lake)", "Starbucks"),
        ("Starbucks Store #12", "Starbucks"),
        ("Boots No. 4", "Boots"),
        ("Costa – Station branch", "Costa"),
        ("（店）", "（店）"),
        ("No. 1", "No. 1"),
        ("Studio 54", "Studio"),
    ],
)
def test_branch_is_left_out_of_a_name(name: str, core: str) -> None:
    assert without_branch(name)[0] == core


def test_likeness_is_that_of_neighbouring_characters() -> None:
    """星巴克 has 2 pairs, 星巴克咖啡 4, of which 2 are shared: 2·2/6."""
    assert name_likeness({"local": "星巴克"}, {"local": "星巴克咖啡"}) == pytest.approx(2 / 3)
    assert name_likeness({"local": "麦当劳"}, {"zh": "肯德基", "en": "麦当劳"}) == 1.0


@pytest.mark.parametrize(
    ("one", "other", "comes_to"),
    [
        # the same telephone, written otherwise
        (entry(phone="0571-87065871"), entry("知味观·味庄", 60, phone="+86 571 8706 5871"), "asks"),
        (entry(phone="0571-87065871"), entry("知味观", 60, phone="+86 571 8706 5871"), "merges"),
        (entry(address=HOME), entry("知味观（湖滨店）", 5, address=HOME, phone="87065871"), "asks"),
        (entry(address=HOME), entry("知味观楼", 5, address=HOME), "asks"),
        (entry(address=HOME), entry("知味观", 100, address=HOME), "merges"),
        # the very name on one spot
        (entry(), entry(metres=20), "merges"),
        (entry(), entry(metres=40), "asks"),
        (entry(), entry(metres=151), "apart"),
        # two branches of one chain
        (entry("星巴克（武林店）"), entry("星巴克（银泰店）", 5), "apart"),
        (entry("星巴克", brand_id="starbucks"), entry("星巴克", 80, brand_id="starbucks"), "apart"),
        (entry("星巴克", brand_id="starbucks", phone="87065871"), entry("星巴克", 80, phone="87065871"), "merges"),
        (entry("7-Eleven Store #12", phone="1234567"), entry("7-Eleven Store #13", 10, phone="7654321"), "apart"),
        # a statue and a bus stop of its name; two entrances; a restaurant in a museum
        (entry("岳王庙", category_id="historic_site"), entry("岳王庙", 3, category_id="bus_station"), "asks"),
        (entry("地铁口", category_id="public_transport"), entry("地铁口", 30, category_id="public_transport"), "apart"),
        (entry("丝绸博物馆", category_id="museum"), entry("丝绸博物馆", 5, category_id="restaurant"), "asks"),
        # contradictions
        (entry(phone="0571-87065871"), entry(phone="0571-87065872"), "asks"),
        (entry(address=HOME), entry(address=HOME | {"house_number": "85"}), "asks"),
        (entry("8号楼食堂"), entry("9号楼食堂", 5), "apart"),
        (entry("杭州市景华中学"), entry("杭州市景华小学", 5), "asks"),
        (entry("丁蕙第二小学"), entry("丁蕙第三小学", 5), "apart"),
        # many of one name; a merchant runs each
        (entry(crowd=9), entry(metres=3, crowd=9), "apart"),
        (entry(run=True, address=HOME), entry(run=True, address=HOME), "asks"),
    ],
)
def test_verdict(one: Entry, other: Entry, comes_to: str) -> None:
    found = verdict(one, other)
    assert outcome(found) == comes_to, found


def real_pairs() -> list[tuple[str, str, Entry, Entry]]:
    found = []
    with (ROOT / "tests/data/conflation/pairs.csv").open(newline="") as file:
        for number, row in enumerate(csv.DictReader(file)):
            one, other = (
                Entry(
                    UUID(int=2 * number + side + 1),
                    LonLat(float(row[f"{name}_lon"]), float(row[f"{name}_lat"])),
                    json.loads(row[f"{name}_names"]),
                    row[f"{name}_category_id"],
                    (),
                    row[f"{name}_brand_id"] or None,
                    row[f"{name}_phone"] or None,
                    json.loads(row[f"{name}_address"]),
                    crowd=int(row[f"{name}_crowd"]),
                )
                for side, name in enumerate("ab")
            )
            found.append((row["set"], row["label"], one, other))
    return found


def test_real_pairs_that_are_two_places_never_merge_and_most_that_are_one_do() -> None:
    """What docs/corrections.md says of precision and recall."""
    counts: Counter[tuple[str, str]] = Counter()
    wrong = []
    for where, label, one, other in real_pairs():
        found = verdict_of(one, other, TREE, COUNTRY[where])
        comes_to = outcome(found)
        counts[label, comes_to] += 1
        if (label, comes_to) in (("other", "merges"), ("same", "apart")):
            wrong.append((where, comes_to, one.names, other.names, found))
    assert counts["other", "merges"] == 0, wrong
    assert (counts["same", "merges"], counts["same", "asks"], counts["same", "apart"]) == (54, 25, 3), wrong
    assert (counts["other", "asks"], counts["other", "apart"]) == (55, 126)


def judged(one: int, other: int, score: float, gone: bool = False, **run: bool) -> Judged:
    ones = entry(number=one, run=run.get(f"run{one}", False)), entry(number=other, run=run.get(f"run{other}", False))
    return Judged(*ones, gone, Verdict(score, 1.0, 1.0, ()))


def told(pairs: list[tuple[UUID, UUID, Judged]]) -> set[tuple[int, int]]:
    return {(kept.int, goes.int) for kept, goes, _ in pairs}


def test_the_place_that_is_run_then_known_then_older_stays() -> None:
    known = frozenset({UUID(int=3)})
    assert told(finding.merges([judged(1, 2, 0.95)], frozenset())) == {(1, 2)}
    assert told(finding.merges([judged(1, 3, 0.95)], known)) == {(3, 1)}
    assert told(finding.merges([judged(2, 3, 0.95, run2=True)], known)) == {(2, 3)}
    assert told(finding.merges([judged(1, 2, 0.95), judged(2, 3, 0.92)], frozenset())) == {(1, 2), (1, 3)}
    assert told(finding.merges([judged(1, 2, 0.89)], frozenset())) == set()
    both = [judged(1, 2, 0.95, run1=True), judged(2, 3, 0.92, run3=True)]
    assert told(finding.merges(both, frozenset())) == {(1, 2)}
    ring = [judged(at, at + 1, 0.95) for at in range(1, 12)]
    assert max(Counter(kept for kept, _ in told(finding.merges(ring, frozenset()))).values()) < finding.MOST_TOGETHER


def test_a_new_entry_takes_the_place_of_one_that_has_gone_once() -> None:
    pairs = [judged(1, 9, 0.95, gone=True), judged(2, 9, 0.97, gone=True), judged(3, 8, 0.95, gone=True)]
    chosen = finding.bridges(pairs, frozenset({UUID(int=3)}))
    assert [(pair.one.place_id.int, pair.other.place_id.int) for pair in chosen] == [(2, 9)]


def test_questions_leave_out_what_is_decided() -> None:
    pairs = [judged(1, 2, 0.8), judged(2, 3, 0.95), judged(4, 9, 0.7, gone=True), judged(5, 9, 0.7, gone=True)]
    decided = [(UUID(int=3), UUID(int=2))]
    asked = finding.questions(pairs, decided, frozenset({UUID(int=5), UUID(int=2)}))
    assert told(list(asked)) == {(2, 1), (9, 4)}
