"""Names in the wrong encoding: made by encoding and decoding real ones, and told from names that only look odd."""

from __future__ import annotations

import pytest

from app.imports.checks.texts import damage_of


@pytest.mark.parametrize(
    ("name", "written", "read"),
    [
        ("Café Größenwahn", "utf-8", "cp1252"),
        ("Café Größenwahn", "utf-8", "latin-1"),
        ("杭州市西湖区", "utf-8", "latin-1"),
        ("杭州市", "gbk", "latin-1"),
        ("杭州市", "gbk", "cp1252"),
        ("中国", "gbk", "latin-1"),
        ("杭州", "utf-8", "gb18030"),
        ("Москва", "utf-8", "latin-1"),
    ],
)
def test_a_name_read_in_the_wrong_encoding_is_damaged(name: str, written: str, read: str) -> None:
    assert damage_of(name) is None
    assert damage_of(name.encode(written).decode(read, "replace")) is not None


@pytest.mark.parametrize("text", ["Caf\ufffd", "\x93Quote\x94", "锟斤拷"])
def test_replacement_and_control_characters_are_damage(text: str) -> None:
    assert damage_of(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "Plain",
        "São Paulo",
        "SÃO PAULO",
        "ÄÖÜß",
        "Größe",
        "ÆØÅ",
        "联通",
        "中国联通",
        "ÎLE DE RÉ",
        "Ærø – Årø",
        "Łódź",
        "“北京”",
        "№ 5",
    ],
)
def test_odd_names_are_left_alone(text: str) -> None:
    assert damage_of(text) is None
