"""What a process keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from app.core.kept import Kept


class Emptied(dict[str, tuple[float, int]]):
    """Loses an entry between two looks at it, as when another thread makes room."""

    def __contains__(self, key: object) -> bool:
        found = super().__contains__(key)
        self.pop(str(key), None)
        return found


def test_an_entry_that_goes_while_it_is_read_is_made_anew() -> None:
    kept: Kept[str, int] = Kept(2)
    kept._known = Emptied(a=(float("inf"), 1))
    assert kept.get("a", lambda: 2) in (1, 2)


def test_values_are_read_once_until_they_are_too_old_or_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("app.core.kept.time.monotonic", lambda: now[0])
    kept: Kept[str, int | None] = Kept(10, 60.0)
    assert kept.get("a", lambda: None) is None
    now[0] = 159.9
    assert kept.get("a", lambda: 2) is None
    now[0] = 160.0
    assert kept.get("a", lambda: 3) == 3
    kept.forget("a")
    assert kept.get("a", lambda: 4) == 4


def test_the_oldest_go_when_there_is_no_room() -> None:
    kept: Kept[str, int] = Kept(2)
    for key, value in (("a", 1), ("b", 2), ("a", 9), ("c", 3)):
        kept.get(key, lambda value=value: value)
    assert [kept.get(key, lambda: 0) for key in ("b", "c", "a")] == [2, 3, 0]


def test_many_are_read_at_once_and_what_is_not_there_is_left_out() -> None:
    kept: Kept[str, int] = Kept(10)
    asked: list[list[str]] = []

    def read(missing: Sequence[str]) -> Mapping[str, int]:
        asked.append(list(missing))
        return {key: ord(key) for key in missing if key != "x"}

    assert kept.many(["a", "x", "a"], read) == {"a": 97}
    assert kept.many(["a", "b"], read) == {"a": 97, "b": 98}
    assert asked == [["a", "x"], ["b"]]
