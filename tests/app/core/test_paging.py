"""Cursors can't be made, edited, moved to another query or kept for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.core.paging import CursorCodec, ExpiredCursor, InvalidCursor

NOW = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
CODEC = CursorCodec(b"k" * 32)
QUERY = {"lat": 30.25, "category": ["food"]}
POSITION = {"after": [412337, "0198"], "versions": {"2": 1}}
CURSOR = CODEC.encode("places", QUERY, POSITION, NOW)


def test_a_cursor_gives_its_position_back() -> None:
    assert CODEC.decode("places", dict(reversed(QUERY.items())), CURSOR, NOW) == POSITION


def test_it_lives_fifteen_minutes() -> None:
    assert CODEC.decode("places", QUERY, CURSOR, NOW + timedelta(seconds=899)) == POSITION
    with pytest.raises(ExpiredCursor):
        CODEC.decode("places", QUERY, CURSOR, NOW + timedelta(seconds=900))


@pytest.mark.parametrize(
    ("codec", "scope", "query"),
    [
        (CODEC, "coupons", QUERY),
        (CODEC, "places", {**QUERY, "lat": 30.26}),
        (CursorCodec(b"other" * 7), "places", QUERY),
    ],
)
def test_another_list_query_or_key_refuses_it(codec: CursorCodec, scope: str, query: dict[str, object]) -> None:
    with pytest.raises(InvalidCursor):
        codec.decode(scope, query, CURSOR, NOW)


@given(st.integers(0, len(CURSOR) - 1), st.sampled_from("ABCabc019-_=é\x00 "))
def test_any_edited_character_is_noticed(position: int, char: str) -> None:
    edited = CURSOR[:position] + char + CURSOR[position + 1 :]
    if edited != CURSOR:
        with pytest.raises(InvalidCursor):
            CODEC.decode("places", QUERY, edited, NOW)


@given(st.text(max_size=200))
def test_any_other_text_is_refused_and_not_an_error_of_ours(text: str) -> None:
    with pytest.raises(InvalidCursor):
        CODEC.decode("places", QUERY, text, NOW)
