"""The page of statements: every cent has its words, the file comes down, and it can be read by anyone."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from app.web.pages import words
from tests.browser.acting import FAILED, assert_accessible, assert_fits
from tests.browser.fake_shop import PASSWORD

Fake = Callable[..., Any]


def signed_in(visit: Any, name: str = "owner1") -> Any:
    visit.go("/statements")
    visit.page.locator("#login").fill(name)
    visit.page.locator("#password").fill(PASSWORD)
    visit.page.keyboard.press("Enter")
    return visit


def bill(visit: Any, number: int) -> list[str]:
    """Name and amount of each line of a bill."""
    found = visit.page.locator(".bill").nth(number).locator(".bill-line").all_inner_texts()
    return [" ".join(text.split()) for text in found]


def test_a_statement_explains_every_cent_and_its_file_comes_down(fake: Fake, tmp_path: Path) -> None:
    visit = signed_in(fake())
    visit.page.locator(".statement").nth(1).click()
    visit.page.locator(".line").nth(1).wait_for()
    assert bill(visit, 0) == ["All lines of this period ¥48", "Paid out to you ¥48"]
    assert bill(visit, 1) == [
        "Rung up ¥100",
        "Discount that you gave −¥10",
        "Discount that the platform gave −¥10",
        "Paid by your customers ¥80",
        "Of it taken at your own till −¥40",
        "Discount that the platform gave ¥10",
        "The platform's commission −¥2",
        "Owed to you ¥48",
    ]
    said = ["Oct 1, 2026 to Oct 31, 2026", "Paid on Nov 3, 2026, reference bank-7"]
    expect(visit.page.locator(".summary")).to_have_text(said)
    visit.page.locator(".line summary").first.click()
    assert bill(visit, 2)[-1] == "Owed to you ¥44"
    expect(visit.page.locator(".line .aside").first).to_have_text("Order T7")
    with visit.page.expect_download() as coming:
        visit.page.get_by_role("button", name="Download all lines (CSV)").click()
    target = tmp_path / "lines.csv"
    coming.value.save_as(target)
    assert coming.value.suggested_filename == "settlement-2026-11-01-1.csv"
    assert target.read_bytes() == b"line_no,net_minor\r\n1,0\r\n2,0\r\n"


def test_what_is_carried_on_is_said_and_the_way_back_leads_to_the_list(fake: Fake) -> None:
    visit = signed_in(fake())
    expect(visit.page.locator(".statement .sum").first).to_have_text("−¥15")
    visit.page.locator(".statement").first.click()
    visit.page.locator(".line").wait_for()
    assert bill(visit, 0) == ["All lines of this period −¥15", "Carried on to the next statement −¥15"]
    visit.page.locator("#back").click()
    expect(visit.page.locator(".statement")).to_have_count(2)


def test_staff_are_turned_away(fake: Fake) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    signed_in(visit, "staff1")
    expect(visit.page.locator("#login-fault")).to_contain_text("owners only")


@pytest.mark.parametrize(("lang", "dark"), [("en", False), ("zh-CN", True)])
def test_axe_finds_nothing_and_nothing_is_cut_off(fake: Fake, lang: str, dark: bool) -> None:
    visit = fake(dark=dark, locale=lang, width=360)
    visit.go("/statements")
    assert_accessible(visit, "sign-in")
    signed_in(visit)
    visit.page.locator(".statement").nth(1).wait_for()
    assert_accessible(visit, "list")
    assert_fits(visit, "list")
    visit.page.locator(".statement").nth(1).click()
    visit.page.locator(".line summary").first.click()
    assert_accessible(visit, "statement")
    assert_fits(visit, "statement")
    assert words(lang)["statements.who"] in visit.page.content()
