"""Text at twice its size and screens of odd shapes: everything is still there, and nothing scrolls sideways."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from tests.browser.acting import DOUBLE, assert_fits

Fake = Callable[..., Any]
STATES = ["/", "/?tab=deals", "/?place=place-0", "/?coupon=coupon-0", "/?lat=10&lon=10"]
SIDEWAYS = """() => ['html', '#panel', '#sheet', '#sheet-body'].filter((selector) => {
  const node = document.querySelector(selector);
  return node.scrollWidth > node.clientWidth;
})"""


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_text_of_twice_the_size_reflows_on_a_phone(fake: Fake, lang: str) -> None:
    visit = fake(width=360, locale=lang)
    visit.page.add_init_script(DOUBLE)
    for path in STATES:
        visit.go(path)
        assert visit.page.evaluate("getComputedStyle(document.documentElement).fontSize") == "32px"
        assert visit.page.evaluate(SIDEWAYS) == [], path
        assert_fits(visit, path)
    visit.go("/?tab=deals")
    narrow = visit.page.locator("#results h3").evaluate_all("(nodes) => nodes.map((node) => node.clientWidth)")
    assert min(narrow) > 200


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_on_the_narrowest_phone_the_header_stays_one_line(fake: Fake, lang: str) -> None:
    visit = fake(width=320, locale=lang)
    visit.go("/")
    assert visit.page.locator(".language").bounding_box()["height"] == 44
    assert visit.page.locator(".top").bounding_box()["height"] < 60
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 320


def test_on_a_phone_on_its_side_the_list_stands_beside_the_map(fake: Fake) -> None:
    visit = fake(width=844)
    visit.page.set_viewport_size({"width": 844, "height": 390})
    visit.go("/")
    row = visit.page.locator("#results li").first.bounding_box()
    assert row["y"] + row["height"] <= 390
    assert visit.page.locator("#map").bounding_box()["x"] > 300


@pytest.mark.parametrize("size", [(390, 844), (844, 390), (1280, 800)])
def test_the_credits_cover_no_tool_of_the_map(fake: Fake, size: tuple[int, int]) -> None:
    visit = fake()
    visit.page.set_viewport_size({"width": size[0], "height": size[1]})
    visit.go("/")
    visit.page.locator("#map").focus()
    shown = visit.page.locator("#search-here")
    for _ in range(30):  # a press during the last one's glide is lost, so how many it takes depends on the machine
        visit.page.keyboard.press("ArrowRight")
        if shown.is_visible():
            break
        visit.page.wait_for_timeout(150)
    assert shown.is_visible()
    top = visit.page.locator(".attribution").bounding_box()["y"]
    for tool in ("#locate", "#search-here"):
        box = visit.page.locator(tool).bounding_box()
        assert box["y"] + box["height"] <= top
