"""Our evaluator against the reference's answers of `tests/data/opening_hours`, written by the campaign of hours.

The counts are exact: a change of one answer shows. Each class and its reason stand in `docs/opening-hours.md`.
"""

from __future__ import annotations

import pytest

from tests.app.places.hours_agreement import NIGHT, OPEN_END, compared, ours
from tests.app.places.hours_vectors import FOLDER, read
from tests.app.places.reference_evaluator import Answer

SCHOOL, FALLBACK = "school holidays (SH)", "fallback (||)"
SAMPLE_DIFFERENCES = {(OPEN_END, "uc"): 2, (FALLBACK, "oc"): 1, (NIGHT, "oc"): 1}
FOOD_DIFFERENCES = {  # of 23,100: the choice of texts holds rare features far over their share
    (OPEN_END, "uc"): 56,
    (FALLBACK, "ou"): 2,
    (FALLBACK, "uc"): 7,
    (FALLBACK, "uo"): 2,
    (SCHOOL, "uc"): 194,
    (SCHOOL, "uo"): 174,
    (NIGHT, "oc"): 62,
    (NIGHT, "uc"): 4,
}


@pytest.mark.parametrize(
    ("name", "read_by_both", "differences"),
    [("sample", 169, SAMPLE_DIFFERENCES), ("food", 388, FOOD_DIFFERENCES)],
)
def test_answers_are_the_reference_s_but_for_known_classes(
    name: str, read_by_both: int, differences: dict[tuple[str, str], int]
) -> None:
    vectors = read(FOLDER / f"{name}.jsonl")
    texts = [text for text, _ in vectors.cases]
    theirs = [Answer(states, None if states else "can't be read") for _, states in vectors.cases]
    found = compared(texts, vectors.instants, ours(texts, vectors.instants, vectors.calendar), theirs)
    assert len(vectors.instants) == 60
    assert {kind: texts.total() for kind, texts in found.classes.items()} == differences
    assert found.read_by_both == read_by_both
    assert found.of_both_when_sure >= 0.99


def test_the_vectors_hold_both_states_and_doubt() -> None:
    letters = "".join(states or "" for _, states in read(FOLDER / "food.jsonl").cases)
    assert letters.count("o") > 5000
    assert letters.count("c") > 5000
    assert letters.count("u") > 100
