"""The till by keyboard alone, for axe, at 360 pixels and with text of twice its size, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from app.web.pages import words
from tests.browser import fake_till
from tests.browser.acting import DOUBLE, at_till, press, type_code
from tests.browser.fake_shop import PASSWORD

Fake = Callable[..., Any]
LEVELS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
CUT_OFF = """() => [...document.querySelectorAll('button, select, a, h1, h2, h3, dd, input, .note')]
  .filter((node) => node.checkVisibility())
  .filter((node) => { const box = node.getBoundingClientRect(); return box.left < -1 || box.right > innerWidth + 1; })
  .map((node) => node.outerHTML.slice(0, 80))"""


def test_the_whole_day_of_a_till_goes_by_keyboard_alone(fake: Fake) -> None:
    visit = fake()
    keys = visit.page.keyboard
    visit.go("/till")
    keys.type("staff1")
    keys.press("Tab")
    keys.type(PASSWORD)
    keys.press("Enter")
    visit.page.locator("#code").wait_for()
    expect(visit.page.locator("#code")).to_be_focused()
    keys.type(fake_till.OFF)
    expect(visit.page.locator("#amount")).to_be_focused()
    keys.type("128")
    keys.press("Enter")
    visit.page.locator(".bill").wait_for()

    def tab_to(name: str) -> None:
        goal = visit.page.get_by_role("button", name=name, exact=True)
        for _ in range(20):
            if goal.evaluate("(node) => node === document.activeElement"):
                return
            keys.press("Tab")
        pytest.fail(f"the keyboard does not reach {name}")

    tab_to("Charge ¥108")
    keys.press("Enter")
    visit.page.locator(".countdown").wait_for()
    tab_to("Cash received: ¥108")
    keys.press("Enter")
    expect(visit.page.locator(".note-good")).to_contain_text("Redeemed")
    tab_to("Undo")
    keys.press("Space")
    expect(visit.page.locator("#undo-reason")).to_be_focused()
    tab_to("Undo it now")
    keys.press("Enter")
    expect(visit.page.locator(".note").first).to_contain_text("Undone")


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_axe_finds_nothing_and_nothing_is_cut_off(fake: Fake, dark: bool, lang: str) -> None:
    t = words(lang)
    visit = fake(dark=dark, locale=lang, width=360)
    seen: list[tuple[str, str]] = []

    def look(where: str) -> None:
        found = Axe().run(visit.page, options=LEVELS)
        if found.violations_count:
            seen.append((where, found.generate_report()))
        assert visit.page.evaluate(CUT_OFF) == [], where
        assert visit.page.evaluate("document.documentElement.scrollWidth") == 360, where

    visit.go("/till")
    look("sign-in")
    at_till(visit, "staff2")
    look("entry")
    visit.page.locator("#code").fill("123456789012")
    look("mistyped")
    visit.page.locator("#code").fill("")
    type_code(visit, fake_till.ELSEWHERE)
    look("elsewhere")
    press(visit, t["till.next"])
    type_code(visit, fake_till.OFF)
    visit.page.locator("#amount").fill("128")
    visit.page.keyboard.press("Enter")
    visit.page.locator(".bill").wait_for()
    look("priced")
    visit.page.locator(".act-deal").click()
    visit.page.locator(".countdown").wait_for()
    look("held")
    visit.page.locator(".act-deal").click()
    visit.page.locator(".note-good").wait_for()
    look("done")
    press(visit, t["till.undo"])
    look("undo")
    assert seen == []


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_text_of_twice_the_size_reflows(fake: Fake, lang: str) -> None:
    visit = fake(locale=lang, width=360)
    visit.page.add_init_script(DOUBLE)
    at_till(visit, "staff2")
    assert visit.page.evaluate(CUT_OFF) == []
    type_code(visit, fake_till.OFF)
    visit.page.locator("#amount").fill("128")
    visit.page.keyboard.press("Enter")
    visit.page.locator(".bill").wait_for()
    assert visit.page.evaluate(CUT_OFF) == []
    visit.page.locator(".act-deal").click()
    visit.page.locator(".countdown").wait_for()
    assert visit.page.evaluate(CUT_OFF) == []
    assert visit.page.evaluate("document.documentElement.scrollWidth") == 360
