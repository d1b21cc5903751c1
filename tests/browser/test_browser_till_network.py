"""A till whose network fails at the worst moment: what was asked is settled by its number and happens once."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect

from tests.browser import fake_till
from tests.browser.acting import bodies, charged, lose_answers, press, type_code
from tests.browser.fake_shop import Shop


def test_a_lost_answer_is_settled_by_the_request_number(till: Any, shop: Shop) -> None:
    before = len(shop.redemptions)
    type_code(till, fake_till.GIFT)
    sent = bodies(till, "/v1/redemptions")
    lose_answers(till.page, "**/v1/redemptions")
    press(till, "Redeem")
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")
    assert len(sent) == 1
    assert till.api_calls(f"/v1/redemptions/by-request/{sent[0]['request_no']}") == ["place_id=place-0"]
    assert len(shop.redemptions) == before + 1


def test_without_a_network_the_page_says_so_and_settles_when_it_is_back(till: Any, shop: Shop) -> None:
    type_code(till, fake_till.GIFT)
    lose_answers(till.page, "**/v1/redemptions")
    lose_answers(till.page, "**/v1/redemptions/by-request/*", times=1, method="GET", arrives=False)
    press(till, "Redeem")
    expect(till.page.locator(".note")).to_contain_text("Do not redeem it again")
    press(till, "Check now")
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")


def test_what_never_arrived_is_sent_again_under_the_same_number(till: Any, shop: Shop) -> None:
    before = len(shop.redemptions)
    type_code(till, fake_till.GIFT)
    sent = bodies(till, "/v1/redemptions")
    lose_answers(till.page, "**/v1/redemptions", arrives=False)
    press(till, "Redeem")
    expect(till.page.locator(".note-bad")).to_contain_text("nothing was redeemed", timeout=15_000)
    assert len(shop.redemptions) == before
    press(till, "Send it again")
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")
    assert len({each["request_no"] for each in sent}) == 1
    assert len(shop.redemptions) == before + 1


def test_what_never_arrived_can_be_dropped(till: Any, shop: Shop) -> None:
    type_code(till, fake_till.GIFT)
    lose_answers(till.page, "**/v1/redemptions", arrives=False)
    press(till, "Redeem")
    till.page.get_by_role("button", name="Drop it").click(timeout=15_000)
    till.page.locator("#code").wait_for()
    assert till.page.evaluate("localStorage.getItem('fujin.till.open')") is None


def test_after_a_reload_the_open_request_is_found_and_settled(till: Any, shop: Shop) -> None:
    before = len(shop.redemptions)
    type_code(till, fake_till.GIFT)
    lose_answers(till.page, "**/v1/redemptions")
    lose_answers(till.page, "**/v1/redemptions/by-request/*", times=99, method="GET", arrives=False)
    press(till, "Redeem")
    expect(till.page.locator(".note")).to_contain_text("Do not redeem it again")
    till.page.unroute("**/v1/redemptions/by-request/*")
    till.page.reload()
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")
    assert len(shop.redemptions) == before + 1


def test_a_payment_whose_answer_is_lost_is_taken_once(till: Any, shop: Shop) -> None:
    charged(till)
    before = len(shop.payments)
    lose_answers(till.page, "**/v1/payments")
    press(till, "Cash received: ¥108")
    expect(till.page.locator(".note-good")).to_contain_text("¥108 received.")
    assert len(shop.payments) == before + 1


def test_an_undo_whose_answer_is_lost_happens_once(till: Any, shop: Shop) -> None:
    type_code(till, fake_till.GIFT)
    press(till, "Redeem")
    press(till, "Undo")
    since = len(shop.keys_seen)
    lose_answers(till.page, "**/reverse")
    press(till, "Undo it now")
    expect(till.page.locator(".note").first).to_contain_text("Undone")
    keys = [key for path, key in shop.keys_seen[since:] if path.endswith("/reverse")]
    assert (len(keys), len(set(keys))) == (2, 1)


def test_the_history_is_read_from_the_server_again(till: Any, shop: Shop) -> None:
    type_code(till, fake_till.GIFT)
    press(till, "Redeem")
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")
    redemption_id = next(reversed(shop.redemptions))
    shop.redemptions[redemption_id] |= {"state": "reversed", "next_actions": [], "ended_at": fake_till.later(0)}
    till.page.reload()
    line = till.page.locator(".till-history button").first
    expect(line).to_contain_text("到店小礼")
    expect(line).to_contain_text("Undone")
    line.click()
    expect(till.page.locator(".note")).to_contain_text("The coupon is good again")
