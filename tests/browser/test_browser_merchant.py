"""The merchant's page over the real server: a coupon is written beside its preview, published, paused and ended."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.core.settings import Settings
from app.imports.demo.people import demo_password
from tests.browser.acting import FAILED, press

Live = Callable[..., Any]
TITLE = "Nine off lunch"


@pytest.fixture
def shop(visits: Live, live_server_url: str, seeded_settings: Settings) -> Any:
    """The page with the first merchant's owner signed in at it."""
    visit = visits(live_server_url, width=1280)
    visit.expected.append(FAILED)
    visit.go("/merchant")
    visit.page.locator("#login").fill("owner1")
    visit.page.locator("#password").fill(demo_password(seeded_settings.secret_key, "owner1"))
    visit.page.keyboard.press("Enter")
    visit.page.locator(".shop-row").first.wait_for()
    visit.page.on("dialog", lambda dialog: dialog.accept())
    return visit


def found_nearby(url: str, visit: Any) -> bool:
    """Whether the next search of a phone finds the coupon that the page shows."""
    coupon = visit.page.evaluate("new URL(location.href).searchParams.get('coupon')")
    with urllib.request.urlopen(f"{url}/v1/coupons/{coupon}", timeout=10) as answer:
        where = json.load(answer)["places"][0]["location"]
    query = f"lat={where['lat']}&lon={where['lon']}&radius_m=50&limit=100"
    with urllib.request.urlopen(f"{url}/v1/coupons/nearby?{query}", timeout=10) as answer:
        return coupon in {each["coupon_id"] for each in json.load(answer)["items"]}


def test_a_coupon_is_written_published_paused_and_ended(shop: Any, live_server_url: str) -> None:
    page = shop.page
    press(shop, "New coupon")
    preview = page.locator(".phone")
    page.locator("#titles-en").fill(TITLE)
    page.locator("#face_value_minor").fill("9")
    expect(preview.locator(".ticket h3")).to_have_text(TITLE)
    expect(preview.locator(".ticket-stub b")).to_have_text("−¥9")
    page.locator("#kind").select_option("percent_off")
    page.locator("#percent_off_bp").fill("15")
    expect(preview.locator(".ticket-stub b")).to_have_text("−15%")
    expect(page.locator("#face_value_minor")).to_be_hidden()
    page.locator("#budget_minor").fill("500")
    press(shop, "Save as a draft")  # a percentage with a budget needs a cap
    expect(page.locator("#cap_minor-fault")).to_contain_text("a percentage with a budget has a cap")
    page.locator("#kind").select_option("amount_off")
    page.locator("#quota").fill("many")
    press(shop, "Save as a draft")
    expect(page.locator("#quota-fault")).to_have_text("Write a whole number.")
    page.locator("#quota").fill("120")
    press(shop, "Save as a draft")
    expect(page.locator(".shop-state .state")).to_have_text("Draft")
    press(shop, "Publish")
    expect(page.locator(".shop-state .state")).to_have_text("On offer")
    assert page.locator(".shop-left .terms").inner_text().split("\n")[:6] == [
        "Version", "1", "Claimed", "0 of 120", "Left", "55",
    ]  # fmt: skip
    expect(page.locator(".shop-left .terms")).to_contain_text("the budget")
    assert found_nearby(live_server_url, shop)
    press(shop, "Pause")
    expect(page.locator(".shop-state .state")).to_have_text("Paused")
    assert not found_nearby(live_server_url, shop)
    press(shop, "Offer again")
    expect(page.locator(".shop-state .state")).to_have_text("On offer")
    page.locator("#stock").fill("50")
    press(shop, "Set")
    expect(page.locator(".shop-left .terms")).to_contain_text("0 of 50")
    press(shop, "End for good")
    expect(page.locator(".shop-state .state")).to_have_text("Ended")
    assert not found_nearby(live_server_url, shop)
    press(shop, "All coupons")
    expect(page.locator(".shop-row").first).to_contain_text(TITLE)


def test_own_codes_are_uploaded_and_their_faults_are_shown(shop: Any) -> None:
    page = shop.page
    press(shop, "New coupon")
    page.locator("#titles-en").fill("Our own codes")
    page.locator("#face_value_minor").fill("5")
    page.locator("#code_source").select_option("merchant")
    press(shop, "Save as a draft")
    file = {"name": "codes.csv", "mimeType": "text/csv", "buffer": b"code\nPAGE-0001\nPAGE-0002\nX1\n"}
    page.locator("#codes").set_input_files(file)
    press(shop, "Upload")
    expect(page.locator("#codes-said")).to_contain_text("2 codes taken, 1 rows refused")
    expect(page.locator("#codes-said")).to_contain_text("Row 4: a code has 6 to 32")
    expect(page.locator(".shop-left .terms")).to_contain_text("2 of 2 left")
    press(shop, "Give up the draft")
    page.locator(".shop-row").first.wait_for()
    expect(page.locator(".shop-list")).not_to_contain_text("Our own codes")


def test_whoever_is_signed_in_to_coupons_is_at_the_statements_too(shop: Any) -> None:
    shop.page.get_by_role("link", name="Statements").click()
    expect(shop.page.get_by_role("button", name="Sign out")).to_be_visible()
    assert shop.page.locator("#password").count() == 0
