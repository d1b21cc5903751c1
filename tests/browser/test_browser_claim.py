"""Claiming and paying on the phone page: terms first, one key for one claim, refusals in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.web.pages import words
from tests.browser.acting import FAILED, bodies, lose_answers, member_at, new_phone, sign_in, tab_to
from tests.browser.fake_shop import Shop

Fake = Callable[..., Any]
HERE = {"geolocation": {"longitude": 120.16, "latitude": 30.25, "accuracy": 12}, "permissions": ["geolocation"]}


def keys_of(shop: Shop, path: str, since: int = 0) -> list[str]:
    """The keys that came with the requests to ``path``, in order."""
    return [key for seen, key in shop.keys_seen[since:] if seen == path]


def claims_of(shop: Shop, subject: str) -> list[dict[str, Any]]:
    return [claim for claim_id, claim in shop.claims.items() if shop.owners[claim_id] == subject]


def test_price_time_limits_and_refund_stand_beside_the_button(fake: Fake) -> None:
    visit = fake()
    visit.go("/?coupon=coupon-30")
    facts = visit.page.locator(".claim-facts li").all_inner_texts()
    assert facts == [
        "Costs ¥40, paid online after claiming",
        "Use until Feb 6, 2030",
        "5 per person",
        "Money back while unused, and when it expires",
    ]
    assert visit.page.locator("#claim").inner_text() == "Claim for ¥40"


def test_what_is_gone_can_not_be_asked_for(fake: Fake) -> None:
    visit = fake()
    visit.go("/?coupon=coupon-36")
    assert visit.page.locator("#claim").is_hidden()
    assert "All gone" in visit.page.locator(".claim-panel").inner_text()


def test_sign_in_comes_between_and_the_claim_goes_on(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.go("/?tab=deals")
    visit.page.locator("#results a").first.click()
    visit.settle()
    visit.page.locator("#claim").click()
    visit.settle()
    subject = sign_in(visit)
    visit.page.locator(".code-card").wait_for()
    assert visit.page.locator(".code-digits span").all_inner_texts() == ["5729", "4381", "6251"]
    assert len(claims_of(shop, subject)) == 1
    visit.page.go_back()
    visit.settle()
    assert visit.page.locator("#claim").is_visible()
    assert len(claims_of(shop, subject)) == 1
    visit.page.get_by_role("button", name="Close").click()
    visit.page.wait_for_selector("#sheet", state="hidden")


def test_from_a_shared_link_sign_in_leads_back_to_the_coupon_and_close_to_the_list(fake: Fake) -> None:
    visit = fake()
    visit.go("/?coupon=coupon-0")
    visit.page.locator("#claim").click()
    visit.settle()
    visit.page.get_by_role("button", name="Back").click()
    visit.settle()
    assert visit.page.locator("#claim").is_visible()
    visit.page.locator("#claim").click()
    visit.settle()
    sign_in(visit)
    visit.page.locator(".code-card").wait_for()
    visit.page.get_by_role("button", name="Close").click()
    visit.page.wait_for_selector("#sheet", state="hidden")
    assert "coupon" not in visit.page.url


def test_a_phone_and_a_code_that_can_not_be_right_are_not_sent(fake: Fake) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    visit.go("/?wallet=mine")
    visit.page.locator("#phone").fill("12345")
    visit.page.keyboard.press("Enter")
    assert "country code" in visit.page.locator("#phone-fault").inner_text()
    assert visit.api_calls("/v1/auth/otp") == []
    visit.page.locator("#phone").fill(new_phone())
    visit.page.keyboard.press("Enter")
    visit.page.locator("#otp").fill("24681")
    visit.page.keyboard.press("Enter")
    assert visit.page.locator("#otp-fault").inner_text() == "The code has six digits."
    assert visit.api_calls("/v1/auth/token") == []
    visit.page.locator("#otp").fill("000000")
    expect(visit.page.locator("#otp-fault")).to_contain_text("That is not the code")
    assert "./dev otp" in visit.page.locator(".signin").inner_text()


def test_chinese_readers_may_leave_the_country_out(fake: Fake) -> None:
    visit = fake(locale="zh-CN")
    visit.go("/?wallet=mine")
    sent = bodies(visit, "/v1/auth/otp")
    visit.page.locator("#phone").fill("138 0013 8000")
    visit.page.keyboard.press("Enter")
    visit.page.locator("#otp").wait_for()
    assert sent == [{"phone": "+8613800138000"}]


@pytest.mark.parametrize("arrives", [True, False], ids=["after it was carried out", "before it arrived"])
def test_a_lost_answer_is_asked_for_again_under_the_same_key(fake: Fake, shop: Shop, arrives: bool) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    subject = member_at(visit, "/?coupon=coupon-0")
    before = len(shop.keys_seen)
    lose_answers(visit.page, "**/v1/claims", arrives=arrives)
    visit.page.locator("#claim").click()
    expect(visit.page.locator(".claim-said")).to_contain_text("We are checking whether it went through")
    visit.page.locator(".code-card").wait_for()
    assert len(set(keys_of(shop, "/v1/claims", before))) == 1
    assert len(claims_of(shop, subject)) == 1


def test_the_key_is_kept_before_anything_is_sent_and_survives_a_reload(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    subject = member_at(visit, "/?coupon=coupon-0")
    lose_answers(visit.page, "**/v1/claims", times=1)
    visit.page.locator("#claim").click()
    expect(visit.page.locator(".claim-said")).to_contain_text("We are checking")
    visit.page.unroute("**/v1/claims")
    visit.go("/?coupon=coupon-0")
    visit.page.locator(".code-card").wait_for()
    assert len(claims_of(shop, subject)) == 1


def test_claiming_goes_by_keyboard_alone(fake: Fake) -> None:
    visit = fake()
    keys = visit.page.keyboard
    visit.go("/?coupon=coupon-0")
    tab_to(visit.page.locator("#claim"))
    keys.press("Enter")
    expect(visit.page.locator("#phone")).to_be_focused()
    keys.type(new_phone())
    keys.press("Enter")
    expect(visit.page.locator("#otp")).to_be_focused()
    keys.type("246810")
    visit.page.locator(".code-card").wait_for()
    tab_to(visit.page.locator("#sheet-close"))
    keys.press("Enter")
    visit.page.wait_for_selector("#sheet", state="hidden")
    tab_to(visit.page.locator("#wallet"))
    keys.press("Enter")
    visit.page.locator(".wallet-cards .ticket").wait_for()
    tab_to(visit.page.locator(".wallet-cards .ticket"))
    keys.press("Enter")
    visit.page.locator(".code-card").wait_for()


def test_a_double_tap_claims_once(fake: Fake, shop: Shop) -> None:
    visit = fake()
    subject = member_at(visit, "/?coupon=coupon-0")
    visit.page.locator("#claim").evaluate("(node) => { node.click(); node.click(); }")
    visit.page.locator(".code-card").wait_for()
    assert len(claims_of(shop, subject)) == 1


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_every_refusal_has_its_words_and_takes_a_new_key_next_time(fake: Fake, shop: Shop, lang: str) -> None:
    visit = fake(locale=lang)
    visit.expected.append(FAILED)
    member_at(visit, "/?coupon=coupon-0")
    since = len(shop.keys_seen)
    codes = ["claim-not-started", "claim-window-closed", "sold-out", "user-limit", "day-limit", "device-limit"]
    codes += ["location-needed", "outside-geofence", "location-stale", "location-inaccurate", "location-suspect"]
    for code in codes:
        shop.refuse("coupon-0", 409, code, detail="the server's words")
        visit.page.locator("#claim").click()
        expect(visit.page.locator(".claim-said")).to_contain_text(words(lang)[f"problem.{code}"])
    keys = keys_of(shop, "/v1/claims", since)
    assert len(set(keys)) == len(codes)


def test_a_refusal_without_words_of_its_own_shows_the_servers(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    member_at(visit, "/?coupon=coupon-0")
    shop.refuse("coupon-0", 409, "moon-too-full", detail="come back when the moon is new")
    visit.page.locator("#claim").click()
    expect(visit.page.locator(".claim-said")).to_contain_text("come back when the moon is new")


def test_a_coupon_of_a_place_sends_where_the_phone_is(fake: Fake, shop: Shop) -> None:
    visit = fake(**HERE)
    visit.expected.append(FAILED)
    member_at(visit, "/?coupon=coupon-33")
    sent = bodies(visit, "/v1/claims")
    shop.refuse("coupon-33", 403, "outside-geofence")
    visit.page.locator("#claim").click()
    said = visit.page.locator(".claim-said")
    expect(said).to_contain_text("You are too far away")
    said.get_by_role("button", name="Try again with a new position").click()
    visit.page.locator(".code-card").wait_for()
    assert [(each["location"]["lat"], each["location"]["lon"]) for each in sent] == [(30.25, 120.16)] * 2
    assert {each["location"]["accuracy_m"] for each in sent} == {12}
    assert all(each["location"]["at"].endswith("Z") for each in sent)


def test_a_position_that_is_not_allowed_is_explained_and_nothing_is_sent(fake: Fake) -> None:
    visit = fake()
    member_at(visit, "/?coupon=coupon-33")
    sent = bodies(visit, "/v1/claims")
    visit.page.locator("#claim").click()
    expect(visit.page.locator(".claim-said")).to_contain_text("site settings")
    assert sent == []


def test_the_device_is_named_only_where_devices_are_counted(fake: Fake) -> None:
    visit = fake()
    member_at(visit, "/?coupon=coupon-0")
    sent = bodies(visit, "/v1/claims")
    for number in (0, 42, 42):
        visit.go(f"/?coupon=coupon-{number}")
        visit.page.locator("#claim").click()
        visit.page.locator(".code-card").wait_for()
    assert [set(each) for each in sent] == [{"coupon_id"}, {"coupon_id", "device_id"}, {"coupon_id", "device_id"}]
    assert sent[1]["device_id"] == sent[2]["device_id"]


def test_an_old_access_token_is_renewed_once_and_nobody_notices(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    subject = member_at(visit, "/?coupon=coupon-0")
    visit.page.locator("#claim").click()
    visit.page.locator(".code-card").wait_for()
    shop.age_tokens(subject)
    visit.page.get_by_role("button", name="Close").click()
    visit.page.locator("#wallet").click()
    visit.settle()
    assert visit.page.locator(".wallet-cards .ticket").count() == 1


def test_a_session_that_has_ended_asks_to_sign_in_and_keeps_the_key(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    phone = new_phone()
    visit.go("/?wallet=mine")
    subject = sign_in(visit, phone)
    visit.go("/?coupon=coupon-0")
    lose_answers(visit.page, "**/v1/claims")
    visit.page.locator("#claim").click()
    expect(visit.page.locator(".claim-said")).to_contain_text("We are checking")
    shop.end_session(subject)
    visit.page.locator("#phone").wait_for()
    sign_in(visit, phone)
    visit.page.locator(".code-card").wait_for()
    assert len(claims_of(shop, subject)) == 1


def bought(fake: Fake, wallet: str) -> Any:
    """A visit at the pay step of a claim of coupon 30, with what the test wallet shall do chosen."""
    visit = fake()
    visit.expected.append(FAILED)
    member_at(visit, "/?coupon=coupon-30")
    visit.page.locator("#claim").click()
    visit.page.locator("#pay").wait_for()
    visit.settle()
    visit.page.locator("#wallet-does").select_option(wallet)
    return visit


def test_where_nothing_can_be_paid_the_page_says_so_first(
    fake: Fake, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "providers", ["cash"])
    visit = bought(fake, "pay")
    expect(visit.page.locator("#pay")).to_be_disabled()
    assert "No way of paying" in visit.page.locator(".pay-step").inner_text()


def test_a_paid_coupon_is_paid_once_however_often_the_button_is_hit(fake: Fake, shop: Shop) -> None:
    visit = bought(fake, "pay")
    before = len(shop.payments)
    visit.page.locator("#pay").evaluate("(node) => { node.click(); node.click(); }")
    visit.page.locator(".code-card").wait_for()
    assert len(shop.payments) == before + 1
    assert "Paid. The coupon is yours." in visit.page.locator(".claim-head").inner_text()


@pytest.mark.parametrize(
    ("wallet", "said"), [("slow", "The wallet has not decided yet"), ("lost", "The outcome is not known yet")]
)
def test_an_open_payment_says_so_and_ends_by_itself(fake: Fake, wallet: str, said: str) -> None:
    visit = bought(fake, wallet)
    visit.page.locator("#pay").click()
    expect(visit.page.locator(".pay-step")).to_contain_text(said)
    expect(visit.page.locator("#pay")).to_be_disabled()
    visit.page.locator(".code-card").wait_for()


def test_a_declined_payment_can_be_tried_again_under_a_new_key(fake: Fake, shop: Shop) -> None:
    visit = bought(fake, "decline")
    since = len(shop.keys_seen)
    visit.page.locator("#pay").click()
    expect(visit.page.locator(".pay-step")).to_contain_text("The wallet declined. Nothing was charged.")
    visit.page.locator("#wallet-does").select_option("pay")
    visit.page.locator("#pay").click()
    visit.page.locator(".code-card").wait_for()
    assert len(set(keys_of(shop, "/v1/payments", since))) == 2


def test_a_payment_whose_answer_is_lost_is_not_made_twice(fake: Fake, shop: Shop) -> None:
    visit = bought(fake, "pay")
    before, since = len(shop.payments), len(shop.keys_seen)
    lose_answers(visit.page, "**/v1/payments")
    visit.page.locator("#pay").click()
    expect(visit.page.locator(".pay-step")).to_contain_text("You will not be charged twice.")
    visit.page.locator(".code-card").wait_for()
    assert len(shop.payments) == before + 1
    assert len(set(keys_of(shop, "/v1/payments", since))) == 1


def test_a_begun_payment_goes_on_after_a_reload(fake: Fake, shop: Shop) -> None:
    visit = bought(fake, "pay")
    before = len(shop.payments)
    lose_answers(visit.page, "**/v1/payments", arrives=False)
    visit.page.locator("#pay").click()
    expect(visit.page.locator(".pay-step")).to_contain_text("No answer yet")
    visit.page.reload()
    visit.page.locator(".code-card").wait_for()
    assert len(shop.payments) == before + 1
