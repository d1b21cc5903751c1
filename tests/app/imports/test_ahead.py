"""Messages taken ahead of need: in order, bounded, with whatever ended them."""

from __future__ import annotations

import threading
from collections.abc import Callable

import pytest

from app.imports import frames
from app.imports.ahead import Ahead
from app.imports.frames import Frame


def numbered(count: int) -> Callable[[], Frame | None]:
    """Messages of ten bytes, then none."""
    left = iter(range(count))
    return lambda: next((Frame(frames.ROWS, b"%010d" % number) for number in left), None)


def test_messages_come_in_their_order_and_none_is_the_last() -> None:
    ahead = Ahead(numbered(1_000), most_bytes=50)
    assert [ahead.next_one(5.0) for _ in range(1_002)] == [
        *(Frame(frames.ROWS, b"%010d" % number) for number in range(1_000)), None, None,
    ]  # fmt: skip
    ahead.close()


def test_no_more_is_taken_than_may_wait() -> None:
    taken: list[int] = []
    enough = threading.Event()

    def take() -> Frame:
        taken.append(1)
        if len(taken) == 4:
            enough.set()
        return Frame(frames.ROWS, b"x" * 10)

    ahead = Ahead(take, most_bytes=25)
    assert enough.wait(5.0)  # three wait, the fourth is in hand
    assert len(taken) == 4
    ahead.close()
    assert len(taken) == 4


def test_who_waits_too_long_is_told() -> None:
    gate, nothing = threading.Event(), numbered(0)

    def take() -> Frame | None:
        gate.wait(5.0)
        return nothing()

    ahead = Ahead(take)
    with pytest.raises(TimeoutError):
        ahead.next_one(0.01)
    gate.set()
    assert ahead.next_one(5.0) is None
    ahead.close()


def test_what_went_wrong_while_taking_is_raised_after_what_was_taken_before() -> None:
    messages = numbered(1)

    def take() -> Frame | None:
        message = messages()
        if message is None:
            raise MemoryError("too long")
        return message

    ahead = Ahead(take)
    assert ahead.next_one(5.0) == Frame(frames.ROWS, b"0000000000")
    for _ in range(2):
        with pytest.raises(MemoryError):
            ahead.next_one(5.0)
    ahead.close()
