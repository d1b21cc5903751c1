"""Claiming where the place counts, on a phone that does not know where it is: the till's digits take its place."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from app.core.settings import Settings
from tests.browser.acting import FAILED, assert_accessible, assert_fits
from tests.browser.test_browser_group import link, served, sign_in
from tests.conftest import MakeDatabase
from tests.factories.parties import GROUP, Party, open_party

Visits = Callable[..., Any]


@pytest.fixture(scope="module")
def party(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Party]:
    url = make_database(migrated_template)
    found, engine = open_party(url, settings_for(url))
    yield found
    found.database.dispose()
    engine.dispose()


@pytest.fixture(scope="module")
def address(party: Party) -> Iterator[str]:
    with served(party) as found:
        yield found


def digits(party: Party, place: int = 0) -> str:
    """What the till of a place shows."""
    path = f"/v1/places/{party.loop.places[place]}/presence-code"
    return str(party.loop.get(path, by=party.shop.owner).get_json()["code"])


def test_a_phone_without_a_position_claims_with_the_digits_of_the_till(
    party: Party, address: str, visits: Visits
) -> None:
    coupon = party.loop.coupon(claim_within_m=300, min_spend_minor=0, face_value_minor=1000)
    visit = visits(address, width=360)
    visit.expected.append(FAILED)
    visit.go(f"/?coupon={coupon}")
    page = visit.page
    page.locator("#claim").click()
    sign_in(party, visit)
    page.get_by_role("button", name="Use the till's code").click()
    page.locator("#place-code").fill("12345")
    page.keyboard.press("Enter")
    expect(page.locator("#place-code-fault")).to_have_text("The till's code has six digits.")
    assert_fits(visit, "the till's digits")
    wrong = f"{(int(digits(party, 1)) + 1) % 10**6:06d}"
    page.locator("#place-of-code").select_option(str(party.loop.places[1]))
    page.locator("#place-code").fill(wrong)
    page.keyboard.press("Enter")
    page.get_by_text("Those are not the digits that the till shows now").wait_for()
    page.get_by_role("button", name="Use the till's code").click()
    page.locator("#place-of-code").select_option(str(party.loop.places[1]))
    page.locator("#place-code").fill(digits(party, 1))
    page.keyboard.press("Enter")
    page.locator(".code-card").wait_for(timeout=15_000)
    kept = party.loop.rows("SELECT verdict, code FROM claim_verdicts ORDER BY judged_at")
    assert [tuple(row) for row in kept] == [("challenge", "place-code-wrong"), ("allow", None)]


def test_a_vague_phone_joins_a_group_with_them(party: Party, address: str, visits: Visits) -> None:
    coupon = party.loop.coupon(**GROUP | {"claim_within_m": 300, "places": party.loop.places[:1]})
    given = {"place_id": party.shop.place, "code": digits(party)}
    group = party.start(party.people(1)[0], coupon, place_code=given).get_json()
    vague = {"longitude": 120.16, "latitude": 30.25, "accuracy": 900}
    visit = visits(address, geolocation=vague, permissions=["geolocation"])
    visit.expected.append(FAILED)
    visit.go(link(group))
    visit.page.locator("#join").click()
    sign_in(party, visit)
    visit.page.get_by_text("Your position is too vague").wait_for()
    visit.page.get_by_role("button", name="Use the till's code").click()
    visit.page.locator("#place-code").fill(digits(party))
    assert_accessible(visit, "the till's digits")
    visit.page.keyboard.press("Enter")
    visit.page.locator("#pay").wait_for()
    assert party.seats(group) == ["reserved", "reserved"]


def test_a_till_shows_its_digits(till: Any) -> None:
    till.page.locator("#presence").click()
    expect(till.page.locator(".presence-digits")).to_have_text("042 137")
    assert_accessible(till, "digits for a phone")
    assert_fits(till, "digits for a phone")
    till.page.get_by_role("button", name="Next code").click()
    till.page.locator("#code").wait_for()
