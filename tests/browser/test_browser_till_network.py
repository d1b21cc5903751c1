"""A till whose network fails at the worst moment: what was asked is settled by its number and happens once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser import fake_till
from tests.browser.acting import FAILED, at_till, bodies, charged, lose_answers, press, staff_signs_in, type_code
from tests.browser.fake_shop import Shop

Fake = Callable[..., Any]
BY_REQUEST = "**/v1/redemptions/by-request/*"
OPEN = "localStorage.getItem('fujin.till.open')"


@pytest.mark.parametrize("path", ["/v1/me", "/v1/places/place-0", "/v1/cities", "/v1/flow"])
def test_a_till_that_can_not_open_says_why_and_opens_when_it_is_asked_again(fake: Fake, path: str) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    visit.go("/till")
    lose_answers(visit.page, f"**{path}", method="GET", arrives=False)
    staff_signs_in(visit, "staff1")
    expect(visit.page.locator(".note-bad")).to_contain_text("could not be reached")
    press(visit, "Try again")
    visit.page.locator("#code").wait_for()
    assert len(visit.api_calls(path)) == 2


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
    lose_answers(till.page, BY_REQUEST, method="GET", arrives=False)
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
    assert till.page.evaluate(OPEN) is None


def test_after_a_reload_the_open_request_is_found_and_settled(till: Any, shop: Shop) -> None:
    before = len(shop.redemptions)
    type_code(till, fake_till.GIFT)
    lose_answers(till.page, "**/v1/redemptions")
    lose_answers(till.page, BY_REQUEST, times=99, method="GET", arrives=False)
    press(till, "Redeem")
    expect(till.page.locator(".note")).to_contain_text("Do not redeem it again")
    till.page.unroute(BY_REQUEST)
    till.page.reload()
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")
    assert len(shop.redemptions) == before + 1


def test_whoever_is_signed_out_meanwhile_learns_of_it_after_signing_in(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    at_till(visit, "staff-7")
    type_code(visit, fake_till.GIFT)
    lose_answers(visit.page, "**/v1/redemptions")
    lose_answers(visit.page, BY_REQUEST, method="GET", arrives=False)
    press(visit, "Redeem")
    expect(visit.page.locator(".note")).to_contain_text("Do not redeem it again")
    shop.end_session("login:staff-7")
    press(visit, "Check now")
    visit.page.locator("#login").wait_for()
    asked = [url for url in visit.requests if "/by-request/" in url]
    assert len(asked) == 2
    assert visit.page.evaluate(OPEN) is not None
    staff_signs_in(visit, "staff-7")
    expect(visit.page.locator(".note-good")).to_contain_text("Redeemed")
    assert visit.page.evaluate(OPEN) is None


def test_a_refusal_to_tell_what_became_of_it_keeps_the_request(till: Any) -> None:
    def refuse(route: Route) -> None:
        route.fulfill(status=403, content_type="application/problem+json", body='{"code": "forbidden"}')

    type_code(till, fake_till.GIFT)
    lose_answers(till.page, "**/v1/redemptions")
    till.page.route(BY_REQUEST, refuse)
    press(till, "Redeem")
    till.page.locator(".note-bad").wait_for()
    assert till.page.evaluate(OPEN) is not None
    till.page.unroute(BY_REQUEST)
    till.page.reload()
    expect(till.page.locator(".note-good")).to_contain_text("Redeemed")


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
