"""The till: signing in, codes typed, orders reckoned, money taken, mistakes undone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.web.pages import words
from tests.browser import fake_till
from tests.browser.acting import FAILED, at_till, bodies, charged, press, type_code
from tests.browser.fake_shop import PASSWORD, Shop

Fake = Callable[..., Any]


# signing in


def test_a_wrong_password_and_a_role_without_a_till_are_told_apart(fake: Fake) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    visit.go("/till")
    visit.page.locator("#login").fill("staff1")
    visit.page.locator("#password").fill("wrong")
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("#password-fault")).to_contain_text("do not match")
    visit.page.locator("#login").fill("operator1")
    visit.page.locator("#password").fill(PASSWORD)
    visit.page.keyboard.press("Enter")
    expect(visit.page.locator("#login-fault")).to_contain_text("staff and owners only")
    assert visit.page.evaluate("sessionStorage.length + Object.keys(localStorage).length") == 0


def test_one_place_needs_no_choice_and_several_do(fake: Fake) -> None:
    one = fake()
    at_till(one)
    assert one.page.locator("#till-place").inner_text() == "外婆家"
    assert one.page.locator("#till-place").is_disabled()
    two = fake()
    at_till(two, "staff2")
    two.page.locator("#till-place").click()
    assert two.page.locator(".till-place").all_inner_texts() == ["外婆家", "知味观"]
    two.page.locator(".till-place").last.click()
    expect(two.page.locator("#till-place")).to_have_text("知味观")
    two.page.reload()
    expect(two.page.locator("#till-place")).to_have_text("知味观")


def test_an_owner_chooses_among_all_places_that_are_run(fake: Fake) -> None:
    visit = fake()
    at_till(visit, "owner1")
    assert visit.api_calls("/v1/merchants/merchant-1/places") == ["limit=100"]


def test_signing_out_ends_the_till(till: Any) -> None:
    press(till, "Sign out")
    till.page.locator("#login").wait_for()
    till.page.reload()
    till.page.locator("#login").wait_for()


# codes


def test_digits_are_grouped_while_they_are_typed_and_the_twelfth_asks(till: Any) -> None:
    sent = bodies(till, "/v1/codes/lookup")
    till.page.locator("#code").press_sequentially(fake_till.GIFT[:9])
    assert till.page.locator("#code").input_value() == "1100 0000 0"
    till.page.locator("#code").press_sequentially(fake_till.GIFT[9:])
    till.page.locator(".note-good").wait_for()
    assert sent == [{"code": fake_till.GIFT, "place_id": "place-0"}]


@pytest.mark.parametrize("written", ["{0} {1} {2}", "{0}-{1}-{2}", " {0}{1}{2}\n"])
def test_a_pasted_code_may_be_written_in_any_way(till: Any, written: str) -> None:
    digits = fake_till.GIFT
    till.page.locator("#code").fill(written.format(digits[:4], digits[4:8], digits[8:]))
    till.page.locator(".note-good").wait_for()


def test_full_width_digits_of_a_chinese_keyboard_count(till: Any) -> None:
    till.page.locator("#code").fill("".join(chr(ord(digit) + 0xFEE0) for digit in fake_till.GIFT))
    till.page.locator(".note-good").wait_for()


# 5724 is the worked example of Damm's scheme; zeros before it change nothing.
@pytest.mark.parametrize(("digits", "good"), [("000000005724", True), ("000000005742", False), ("000000005727", False)])
def test_a_slip_of_the_finger_is_found_before_anyone_is_asked(till: Any, digits: str, good: bool) -> None:
    sent = bodies(till, "/v1/codes/lookup")
    till.page.locator("#code").fill(digits)
    if good:
        till.page.locator(".note-good").wait_for()
        assert len(sent) == 1
        return
    expect(till.page.locator("#code-fault")).to_contain_text("One of the digits is wrong")
    assert sent == []


def test_too_few_digits_say_how_many_there_are(till: Any) -> None:
    till.page.locator("#code").fill("1234 5")
    till.page.keyboard.press("Enter")
    assert till.page.locator("#code-fault").inner_text() == "A code has twelve digits; these are 5."


def test_a_used_code_says_when_and_where_and_offers_nothing(fake: Fake) -> None:
    visit = fake()
    at_till(visit, "staff2")
    type_code(visit, fake_till.USED)
    said = visit.page.locator(".note-bad").inner_text()
    assert said.split("\n")[0] == "Used before"
    assert "That was Nov 22, 12:01, at 知味观." in said
    assert visit.page.get_by_role("button", name="Redeem").count() == 0


def test_a_code_of_another_store_says_where_it_is_good(till: Any) -> None:
    type_code(till, fake_till.ELSEWHERE)
    assert till.page.locator(".note-bad").inner_text().split("\n")[0] == "Good, but not here"
    assert "It is good at: 西湖店, 滨江店" in till.page.locator(".note-bad").inner_text()


def test_an_unknown_code_and_a_locked_till_say_what_to_do(till: Any) -> None:
    type_code(till, fake_till.UNKNOWN)
    assert "There is no such code here" in till.page.locator(".note-bad").inner_text()
    press(till, "Next code")
    type_code(till, fake_till.LOCKED)
    said = till.page.locator(".note-bad").inner_text()
    assert "Too many wrong codes" in said
    assert "Try again at" in said


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_every_reason_why_a_till_is_refused_has_its_words(lang: str) -> None:
    reasons = ["code-unknown", "code-mistyped", "code-revoked", "code-expired", "claim-unpaid", "wrong-store"]
    reasons += ["not-yet-usable", "blackout-time", "min-spend-not-met", "order-needed", "currency-mismatch"]
    reasons += ["not-stackable", "already-redeemed", "unit-exhausted", "hold-by-other", "hold-expired"]
    reasons += ["redemption-over", "already-reversed", "reverse-window-closed", "request-number-reused"]
    reasons += ["staff-locked", "budget-exhausted", "payment-exists", "refund-in-progress"]
    assert [each for each in reasons if f"till.reason.{each}" not in words(lang)] == []


# redeeming


def test_a_gift_is_redeemed_in_one_step_and_can_be_undone(till: Any, shop: Shop) -> None:
    type_code(till, fake_till.GIFT)
    press(till, "Redeem")
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")
    assert "Can be undone for" in till.page.locator("#till-view").inner_text()
    press(till, "Undo")
    till.page.locator("#undo-reason").select_option(label="Wrong code")
    sent = bodies(till, "/reverse")
    press(till, "Undo it now")
    expect(till.page.locator(".note")).to_contain_text("Undone")
    assert sent == [{"reason": "wrong code"}]
    press(till, "Next code")
    expect(till.page.locator(".till-history")).to_contain_text("Undone")


def test_the_order_decides_the_price_and_cash_ends_it(till: Any, shop: Shop) -> None:
    type_code(till, fake_till.OFF)
    assert "the discount depends on the order" in till.page.locator(".note").inner_text()
    assert till.page.get_by_role("button", name="Redeem").count() == 0
    till.page.locator("#amount").fill("12,5")
    till.page.keyboard.press("Enter")
    expect(till.page.locator(".note-bad")).to_contain_text("At least ¥100")
    till.page.locator("#amount").fill("128.00")
    till.page.keyboard.press("Enter")
    expect(till.page.locator(".bill")).to_contain_text("¥108")
    sent = bodies(till, "/v1/payments")
    press(till, "Charge ¥108")
    press(till, "Cash received: ¥108")
    expect(till.page.locator(".note-good")).to_contain_text("¥108 received.")
    assert [(each["provider"], each["method"], each["purpose"]) for each in sent] == [("cash", "cash", "redemption")]


@pytest.mark.parametrize("typed", ["", "abc", "0", "1.234", "-5", "1e3"])
def test_an_amount_that_is_none_is_not_sent(till: Any, typed: str) -> None:
    type_code(till, fake_till.OFF)
    sent = bodies(till, "/v1/codes/lookup")
    till.page.locator("#amount").fill(typed)
    till.page.keyboard.press("Enter")
    expect(till.page.locator("#amount-fault")).to_contain_text("Write an amount")
    assert sent == []


def test_a_wallet_pays_at_the_till(till: Any) -> None:
    charged(till)
    press(till, "Test wallet: ¥108")
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")


def test_only_the_ways_to_pay_that_are_offered_are_shown(
    fake: Fake, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shop, "providers", ["cash", "moonstones"])
    visit = fake()
    at_till(visit)
    charged(visit)
    shown = visit.page.locator("#till-view .act").all_inner_texts()
    assert shown == ["Cash received: ¥108", "Redeem; paid elsewhere", "Let it go"]


def test_a_held_code_can_be_let_go(till: Any, shop: Shop) -> None:
    charged(till)
    press(till, "Let it go")
    expect(till.page.locator(".note")).to_contain_text("The customer keeps the coupon.")
    assert [each["state"] for each in shop.redemptions.values()][-1] == "voided"


def test_a_hold_shows_its_time_and_its_end(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.page.clock.install()
    at_till(visit)
    charged(visit)
    assert visit.page.locator(".countdown").inner_text() in ("3:00", "2:59")
    redemption_id = next(reversed(shop.redemptions))
    shop.redemptions[redemption_id] |= {"state": "voided", "next_actions": [], "ended_at": fake_till.later(0)}
    visit.page.clock.run_for(185_000)
    expect(visit.page.locator(".note")).to_contain_text("Let go")


def test_several_uses_of_one_code_are_taken_at_once(till: Any) -> None:
    type_code(till, fake_till.FIVE)
    assert "4 of 5 uses left" in till.page.locator(".terms").inner_text()
    sent = bodies(till, "/v1/redemptions")
    till.page.locator("#units").select_option("3")
    press(till, "Redeem")
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")
    assert sent[0]["codes"] == [{"code": fake_till.FIVE, "units": 3}]


def test_a_double_tap_redeems_once(till: Any, shop: Shop) -> None:
    before = len(shop.redemptions)
    type_code(till, fake_till.GIFT)
    till.page.get_by_role("button", name="Redeem", exact=True).evaluate("(node) => { node.click(); node.click(); }")
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")
    assert len(shop.redemptions) == before + 1


def test_a_refusal_is_told_and_leaves_nothing_open(till: Any, shop: Shop) -> None:
    type_code(till, fake_till.GIFT)
    shop.refuse(fake_till.GIFT, 409, "hold-by-other")
    press(till, "Redeem")
    expect(till.page.locator(".note-bad")).to_contain_text("Another till holds it")
    assert till.page.evaluate("localStorage.getItem('fujin.till.open')") is None
    press(till, "Next code")
    assert till.page.locator(".till-history").count() == 0


def test_a_code_that_was_used_meanwhile_says_when_and_where(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    at_till(visit, "staff2")
    type_code(visit, fake_till.GIFT)
    conflict = {"at": "2026-11-22T12:01:00+08:00", "place_id": "place-3"}
    shop.refuse(fake_till.GIFT, 409, "already-redeemed", conflict=conflict)
    press(visit, "Redeem")
    expect(visit.page.locator(".note-bad")).to_contain_text("That was Nov 22, 12:01, at 知味观.")
