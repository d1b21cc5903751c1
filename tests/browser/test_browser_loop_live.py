"""The whole loop over the real server and the demo's data: claim, code, till, payment, undo, each page on its own."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.core.settings import Settings
from app.imports.demo.people import demo_password
from tests.browser.acting import FAILED, lose_answers, new_phone, press
from tests.servers import fujin

Live = Callable[..., Any]
Coupon = dict[str, Any]


@pytest.fixture
def live(visits: Live, live_server_url: str) -> Live:
    """Opens watched pages over the real server."""
    return lambda **options: visits(live_server_url, **options)


def answer_of(url: str, token: str | None = None) -> dict[str, Any]:
    """The JSON that the server gives to whoever holds the token."""
    headers = {"Accept-Language": "en"} | ({"Authorization": f"Bearer {token}"} if token else {})
    with urllib.request.urlopen(urllib.request.Request(url, headers=headers), timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def places_of(url: str, who: dict[str, str]) -> list[str]:
    """Where someone stands at a till."""
    mine = answer_of(f"{url}/v1/me", who["token"])
    if mine["places"]:
        return list(mine["places"])
    found = answer_of(f"{url}/v1/merchants/{mine['merchants'][0]}/places?limit=100")
    return [each["place_id"] for each in found["items"]]


def coupon_for(url: str, who: dict[str, str], fits: Callable[[Coupon], bool]) -> tuple[str, Coupon]:
    """A place of someone's and a coupon that is good there at any hour."""
    for place_id in places_of(url, who):
        place = answer_of(f"{url}/v1/places/{place_id}")
        for brief in place["coupons"]:
            coupon = answer_of(f"{url}/v1/coupons/{brief['coupon_id']}")
            terms = coupon["terms"]
            at_any_time = terms["use_hours"] is None and not terms["blackout_dates"]
            if coupon["state"] == "published" and at_any_time and terms["claim_within_m"] is None and fits(coupon):
                return place["name"], coupon
    pytest.fail("the demo has no such coupon")


def member_with(live: Live, settings: Settings, coupon: Coupon) -> Any:
    """A member's phone at a coupon that they have just signed in to claim."""
    visit = live()
    visit.expected.append(FAILED)
    phone = new_phone()
    visit.go(f"/?coupon={coupon['coupon_id']}")
    visit.page.locator("#claim").click()
    visit.page.locator("#phone").fill(phone)
    visit.page.keyboard.press("Enter")
    visit.page.locator("#otp").wait_for()
    visit.page.locator("#otp").fill(fujin(settings, "otp", "--phone", phone).strip())
    return visit


def till_of(live: Live, settings: Settings, login: str, place: str) -> Any:
    """A till at a place, with someone of the demo signed in."""
    visit = live()
    visit.expected.append(FAILED)
    visit.go("/till")
    visit.page.locator("#login").fill(login)
    visit.page.locator("#password").fill(demo_password(settings.secret_key, login))
    visit.page.keyboard.press("Enter")
    visit.page.locator("#code, .till-place").first.wait_for()
    if visit.page.locator("#code").count() == 0:
        visit.page.locator(".till-place", has_text=place).first.click()
    visit.page.locator("#code").wait_for()
    return visit


def code_on(phone: Any) -> str:
    """The digits that the phone shows."""
    phone.page.locator(".code-card").wait_for(timeout=15_000)
    return "".join(phone.page.locator(".code-digits span").all_inner_texts())


@pytest.mark.parametrize("way", ["Cash received", "Test wallet"])
def test_claim_code_till_payment_and_undo(
    live: Live, live_server_url: str, demo_tokens: dict[str, dict[str, str]], seeded_settings: Settings, way: str
) -> None:
    place, coupon = coupon_for(
        live_server_url,
        demo_tokens["staff1"],
        lambda each: each["kind"] == "amount_off" and not each["terms"]["per_device"],
    )
    phone = member_with(live, seeded_settings, coupon)
    digits = code_on(phone)
    till = till_of(live, seeded_settings, "staff1", place)
    till.page.locator("#code").press_sequentially(digits)
    till.page.locator("#amount").fill("500")
    till.page.keyboard.press("Enter")
    till.page.locator(".act-deal").wait_for()
    till.page.locator(".act-deal").click()
    till.page.get_by_role("button", name=way).click()
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed", timeout=20_000)
    expect(phone.page.locator(".claim-head")).to_contain_text("Used just now", timeout=15_000)
    press(till, "Undo")
    press(till, "Undo it now")
    expect(till.page.locator(".note").first).to_contain_text("Undone", timeout=20_000)
    expect(phone.page.locator(".claim-head")).to_contain_text("took its use back", timeout=15_000)
    assert code_on(phone) == digits


def test_a_paid_pass_is_paid_once_and_used_once(
    live: Live, live_server_url: str, demo_tokens: dict[str, dict[str, str]], seeded_settings: Settings
) -> None:
    place, coupon = coupon_for(
        live_server_url,
        demo_tokens["owner2"],
        lambda each: each["terms"]["units"] > 1 and each["price"]["amount_minor"] > 0,
    )
    phone = member_with(live, seeded_settings, coupon)
    phone.page.locator("#pay").wait_for()
    lose_answers(phone.page, "**/v1/payments")
    phone.page.locator("#pay").click()
    digits = code_on(phone)
    till = till_of(live, seeded_settings, "owner2", place)
    till.page.locator("#code").press_sequentially(digits)
    till.page.get_by_role("button", name="Redeem", exact=True).wait_for()
    lose_answers(till.page, "**/v1/redemptions")
    press(till, "Redeem")
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed", timeout=20_000)
    expect(phone.page.locator(".claim-head")).to_contain_text("uses left", timeout=15_000)
    till.page.reload()
    expect(till.page.locator(".till-history button").first).to_contain_text("Redeemed")
    assert till.page.locator(".till-history button").count() == 1


def test_a_free_coupon_is_given_back(
    live: Live, live_server_url: str, demo_tokens: dict[str, dict[str, str]], seeded_settings: Settings
) -> None:
    _, coupon = coupon_for(live_server_url, demo_tokens["staff1"], lambda each: each["price"]["amount_minor"] == 0)
    phone = member_with(live, seeded_settings, coupon)
    code_on(phone)
    press(phone, "Give it back")
    press(phone, "Yes, give it back")
    expect(phone.page.locator(".claim-over")).to_contain_text("Given back")


def test_a_wrong_code_at_the_real_till_is_told_in_words(
    live: Live, live_server_url: str, demo_tokens: dict[str, dict[str, str]], seeded_settings: Settings
) -> None:
    till = till_of(live, seeded_settings, "staff1", "")
    till.page.locator("#code").fill("000000005724")
    expect(till.page.locator(".note-bad")).to_contain_text("There is no such code here")
