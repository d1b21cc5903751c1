"""What members and cashiers do on the pages, and how their network fails them."""

from __future__ import annotations

from itertools import count
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Request, Route

from tests.browser import fake_till
from tests.browser.fake_shop import OTP, PASSWORD

FAILED = "Failed to load resource"
# Text at twice its size, as a reader's settings make it.
DOUBLE = "addEventListener('DOMContentLoaded', () => document.documentElement.style.setProperty('font-size', '200%'))"
LEVELS = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
# What reaches beyond the screen, the row of chips apart: it is made to be pushed along.
CUT_OFF = """() => [...document.querySelectorAll(
    'button, select, a, h1, h2, h3, dd, input, img, .note, .opening, .tabs, .radius, .code-digits')]
  .filter((node) => node.checkVisibility({visibilityProperty: true}) && !node.closest('.chips, .skip'))
  .filter((node) => { const box = node.getBoundingClientRect(); return box.left < -1 || box.right > innerWidth + 1; })
  .map((node) => node.outerHTML.slice(0, 80))"""
_numbers = count(1)


def assert_accessible(visit: Any, where: str) -> None:
    """Fails when axe-core finds anything at levels A and AA on what is shown."""
    found = Axe().run(visit.page, options=LEVELS)
    assert found.violations_count == 0, f"{where}: {found.generate_report()}"


def assert_fits(visit: Any, where: str) -> None:
    """Fails when something reaches beyond the screen, or the page scrolls sideways."""
    cut_off = visit.page.evaluate(CUT_OFF)
    assert cut_off == [], f"{where}: {cut_off}"
    assert visit.page.evaluate("document.documentElement.scrollWidth - innerWidth") == 0, where


def tab_to(goal: Locator) -> None:
    """Presses Tab until it has the keyboard."""
    for _ in range(30):
        if goal.evaluate_all("(nodes) => nodes.includes(document.activeElement)"):
            return
        goal.page.keyboard.press("Tab")
    pytest.fail(f"the keyboard does not reach {goal}")


def new_phone() -> str:
    """A phone that no other test has."""
    return f"+86138{next(_numbers):08}"


def sign_in(visit: Any, phone: str | None = None) -> str:
    """Fills in the form that is shown; returns who is signed in."""
    number = phone or new_phone()
    visit.page.locator("#phone").fill(number)
    visit.page.keyboard.press("Enter")
    visit.page.locator("#otp").wait_for()
    visit.page.locator("#otp").fill(OTP)
    visit.page.locator(".signin").wait_for(state="detached")
    visit.settle()
    return f"member:{number}"


def member_at(visit: Any, path: str = "/") -> str:
    """Signs in at the wallet, then opens ``path``."""
    visit.go("/?wallet=mine")
    subject = sign_in(visit)
    visit.go(path)
    return subject


def staff_signs_in(visit: Any, login: str) -> None:
    """Fills in the till's form that is shown."""
    visit.page.locator("#login").fill(login)
    visit.page.locator("#password").fill(PASSWORD)
    visit.page.keyboard.press("Enter")


def at_till(visit: Any, login: str = "staff1", query: str = "") -> None:
    """Signs in at a till whose staff works at one place, or chooses the first of several."""
    visit.go(f"/till{query}")
    staff_signs_in(visit, login)
    if login != "staff1":
        visit.page.locator(".till-place").first.click()
    visit.page.locator("#code").wait_for()
    visit.settle()


def type_code(visit: Any, digits: str) -> None:
    """Types a code digit by digit; the twelfth asks."""
    visit.page.locator("#code").press_sequentially(digits)
    visit.page.locator("#code").wait_for(state="detached")
    visit.settle()


def press(visit: Any, name: str) -> None:
    """Presses the button of that name."""
    visit.page.get_by_role("button", name=name, exact=True).click()


def charged(visit: Any) -> None:
    """Holds an order of ¥128 with its discount of ¥20 at the till."""
    type_code(visit, fake_till.OFF)
    visit.page.locator("#amount").fill("128")
    visit.page.keyboard.press("Enter")
    visit.page.locator(".bill").wait_for()
    press(visit, "Charge ¥108")
    visit.page.locator(".countdown").wait_for()
    visit.settle()


def lose_answers(page: Page, pattern: str, times: int = 1, *, arrives: bool = True, method: str = "POST") -> None:
    """Breaks the connection of the next requests, after the server has carried them out or before they reach it."""
    left = [times]

    def handle(route: Route) -> None:
        if route.request.method != method or left[0] == 0:
            route.continue_()
            return
        left[0] -= 1
        if arrives:
            route.fetch()
        route.abort("connectionreset")

    page.route(pattern, handle)


def bodies(visit: Any, path: str) -> list[dict[str, Any]]:
    """Collects the JSON that is sent to ``path`` from now on."""
    found: list[dict[str, Any]] = []

    def note(request: Request) -> None:
        if request.method == "POST" and request.url.partition("?")[0].endswith(path):
            found.append(request.post_data_json)

    visit.page.on("request", note)
    return found
