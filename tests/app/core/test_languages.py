"""Names are picked as RFC 4647 looks them up."""

from __future__ import annotations

import pytest

from app.core.languages import pick_name, preferences

NAMES = {"local": "外婆家", "zh-Hans": "外婆家", "en": "Grandma's Home", "zh-Hant": "外婆家(繁)"}


def test_weights_order_the_ranges_and_rubbish_is_left_out() -> None:
    assert preferences("de;q=0.5, en-GB;q=0.8, zh-CN, *;q=0.1, x;q=bad, fr;q=0") == ("zh-cn", "en-gb", "de")


@pytest.mark.parametrize("header", [None, "", ",,,", ";q=1", "\x00"])
def test_no_usable_header_means_no_preference(header: str | None) -> None:
    assert preferences(header) == ()


@pytest.mark.parametrize(
    ("wanted", "tag"),
    [("en-GB", "en"), ("zh-CN", "zh-Hans"), ("zh-TW", "zh-Hant"), ("zh", "zh-Hans"), ("zh-Hans-CN", "zh-Hans")],
)
def test_a_longer_range_falls_back_to_a_shorter_tag(wanted: str, tag: str) -> None:
    assert pick_name(NAMES, preferences(wanted), "zh-Hans") == (NAMES[tag], tag)


def test_without_a_match_the_city_decides_then_the_sign_on_the_door() -> None:
    assert pick_name({"fi": "Kauppa", "sv": "Butik"}, preferences("ko"), "fi") == ("Kauppa", "fi")
    assert pick_name({"local": "Kauppa", "sv": "Butik"}, preferences("ko"), "fi") == ("Kauppa", "fi")
    assert pick_name({"sv": "Butik"}, (), "fi") == ("Butik", "sv")
