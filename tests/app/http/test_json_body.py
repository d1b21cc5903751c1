"""The strict JSON reader lets through what has one meaning."""

from __future__ import annotations

import contextlib
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.http.json_body import UnreadableBody, read_json

REFUSED = [
    (b"", "malformed-json"),
    (b"{", "malformed-json"),
    (b'{"a": 1} trailing', "malformed-json"),
    (b'{"a": 01}', "malformed-json"),
    (b"{'a': 1}", "malformed-json"),
    (b'\xff\xfe{"a": 1}', "malformed-json"),
    (b'{"a": "\xc3"}', "malformed-json"),
    (b'{"a": "x\ny"}', "malformed-json"),
    (b'{"a": 1, "a": 1}', "json-duplicate-member"),
    (b'{"b": {"a": 1, "\\u0061": 2}}', "json-duplicate-member"),
    (b"[" * 17 + b"]" * 17, "json-too-deep"),
    (b"[" * 1000 + b"]" * 1000, "json-too-deep"),
    (b'{"a":' * 100_000, "json-too-deep"),
    (json.dumps({str(n): n for n in range(65)}).encode(), "json-too-many-members"),
    (b'{"a": NaN}', "json-number"),
    (b'{"a": -Infinity}', "json-number"),
    (b'{"a": 1e999}', "json-number"),
    (b'{"a": 123456789012345678901}', "json-number"),
    (b'{"a": 0.123456789012345678901}', "json-number"),
    (b'{"a": ' + b"9" * 5000 + b"}", "json-number"),
    (b'{"a": "\\u0000"}', "json-text"),
    (b'{"a": "\\ud800"}', "json-text"),
    (b'{"\\udc00": 1}', "json-text"),
    (b'["x\\ud83d"]', "json-text"),
]


@pytest.mark.parametrize(("raw", "code"), REFUSED, ids=range(len(REFUSED)))
def test_what_is_refused_says_which_rule_it_breaks(raw: bytes, code: str) -> None:
    with pytest.raises(UnreadableBody) as caught:
        read_json(raw)
    assert [fault.code for fault in caught.value.faults] == [code]


def test_a_byte_order_mark_is_ignored() -> None:
    assert read_json(b'\xef\xbb\xbf{"a": [1, 2.5, "\\ud83d\\ude00", null, true]}') == {"a": [1, 2.5, "😀", None, True]}


def test_brackets_inside_strings_are_not_depth() -> None:
    assert read_json(json.dumps({"a": "[" * 1000 + '\\"{'}).encode()) == {"a": "[" * 1000 + '\\"{'}


def test_sixteen_levels_and_sixty_four_members_are_allowed() -> None:
    assert read_json(b"[" * 16 + b"]" * 16)
    assert len(read_json(json.dumps({str(n): n for n in range(64)}).encode())) == 64


_TEXT = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), max_size=20)
_VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**18), 10**18)
    | st.floats(-1e6, 1e6).map(lambda x: round(x, 3))
    | _TEXT,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(_TEXT, inner, max_size=5),
    max_leaves=20,
)


@given(_VALUES)
def test_it_reads_what_the_standard_library_writes(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(raw: bytes) -> None:
    with contextlib.suppress(UnreadableBody):
        json.dumps(read_json(raw))
