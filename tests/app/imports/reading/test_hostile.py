"""Every hostile file gets the class of answer it has to get, harms nothing and leaves nothing behind.

``./dev campaign uploads`` goes on with thousands of damaged copies of good files.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.imports.reading import hostile
from tests.app.imports.reading.judging import judging


@pytest.mark.timeout(180)
def test_hostile_files_are_answered_and_harm_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    wrong, count = [], 0
    with judging(tmp_path) as judge:
        for case in hostile.corpus(made):
            if case.slow:
                continue
            count += 1
            verdict = judge.verdict(case.content, case.kind, case.wished)
            if verdict.harm or not case.as_expected(verdict.code, verdict.rows, verdict.faults):
                wrong.append(f"{case.name}: {verdict.harm or verdict}")
    assert not wrong, "\n".join(wrong)
    assert count >= 120


def test_damaged_copies_of_good_files_harm_nothing(tmp_path: Path) -> None:
    made = tmp_path / "made"
    made.mkdir()
    harms = []
    with judging(tmp_path) as judge:
        for name, content, kind, wished in hostile.mutations(20261126, 44, made):
            verdict = judge.verdict(content, kind, wished)
            if verdict.harm:
                harms.append(f"{name}: {verdict.harm}")
    assert not harms, "\n".join(harms)
