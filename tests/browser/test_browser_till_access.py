"""The till by keyboard alone, for axe, at 360 pixels and with text of twice its size, in both languages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.web.pages import words
from tests.browser import fake_till
from tests.browser.acting import DOUBLE, assert_accessible, assert_fits, at_till, press, tab_to, type_code
from tests.browser.fake_shop import PASSWORD

Fake = Callable[..., Any]


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
    tab_to(visit.page.get_by_role("button", name="Charge ¥108", exact=True))
    keys.press("Enter")
    visit.page.locator(".countdown").wait_for()
    tab_to(visit.page.get_by_role("button", name="Cash received: ¥108", exact=True))
    keys.press("Enter")
    expect(visit.page.locator(".note-good")).to_contain_text("Redeemed")
    tab_to(visit.page.get_by_role("button", name="Undo", exact=True))
    keys.press("Space")
    expect(visit.page.locator("#undo-reason")).to_be_focused()
    tab_to(visit.page.get_by_role("button", name="Undo it now", exact=True))
    keys.press("Enter")
    expect(visit.page.locator(".note").first).to_contain_text("Undone")


@pytest.mark.parametrize(("lang", "dark"), [("zh-CN", False), ("en", True)])
def test_axe_finds_nothing_and_nothing_is_cut_off(fake: Fake, dark: bool, lang: str) -> None:
    t = words(lang)
    visit = fake(dark=dark, locale=lang, width=360)

    def look(where: str) -> None:
        assert_accessible(visit, where)
        assert_fits(visit, where)

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


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_text_of_twice_the_size_reflows(fake: Fake, lang: str) -> None:
    visit = fake(locale=lang, width=360)
    visit.page.add_init_script(DOUBLE)
    at_till(visit, "staff2")
    assert_fits(visit, "entry")
    type_code(visit, fake_till.OFF)
    visit.page.locator("#amount").fill("128")
    visit.page.keyboard.press("Enter")
    visit.page.locator(".bill").wait_for()
    assert_fits(visit, "priced")
    visit.page.locator(".act-deal").click()
    visit.page.locator(".countdown").wait_for()
    assert_fits(visit, "held")
