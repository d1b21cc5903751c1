"""axe-core at levels A and AA in both languages and both schemes, and the narrowest phone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.acting import assert_accessible

Fake = Callable[..., Any]
STATES = ["/", "/?tab=deals", "/?place=place-0", "/?coupon=coupon-0", "/?category=shop"]


@pytest.mark.parametrize(("lang", "dark"), [("zh-CN", False), ("en", True)])
def test_axe_finds_nothing(fake: Fake, dark: bool, lang: str) -> None:
    visit = fake(dark=dark, locale=lang)
    for path in STATES:
        visit.go(path)
        assert_accessible(visit, path)


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_a_phone_of_360_pixels_does_not_scroll_sideways(fake: Fake, lang: str) -> None:
    visit = fake(width=360, locale=lang)
    for path in STATES:
        visit.go(path)
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
        sheet = visit.page.evaluate(
            "(({scrollWidth, clientWidth}) => scrollWidth - clientWidth)(document.getElementById('sheet-body'))"
        )
        assert sheet == 0


def test_targets_are_large_enough_for_a_thumb(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    small = visit.page.evaluate(
        "[...document.querySelectorAll('button, select, a.card, a.language')]"
        ".filter((node) => node.checkVisibility() && node.getBoundingClientRect().height < 40)"
        ".map((node) => node.outerHTML.slice(0, 80))"
    )
    assert small == []
