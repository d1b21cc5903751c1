"""The wallet: what can be used first, the code for the till, and news that comes by itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.acting import DOUBLE, FAILED, assert_accessible, assert_fits, lose_answers, member_at, sign_in
from tests.browser.fake_api import coupon_detail
from tests.browser.fake_shop import Shop

Fake = Callable[..., Any]


def claimed(shop: Shop, subject: str, number: int, state: str | None = None) -> str:
    """A claim of someone, in a state; returns its id."""
    claim_id: str = shop.grant(subject, coupon_detail(number))["claim_id"]
    if state is not None:
        shop.move(claim_id, state, units_left=0 if state == "redeemed" else None)
    return claim_id


def full_wallet(shop: Shop, subject: str) -> str:
    """One claim of each kind and state; returns the id of a usable one."""
    for state in ("redeemed", "expired", "cancelled", "refunded", "released"):
        claimed(shop, subject, 0, state)
    claimed(shop, subject, 30)
    claimed(shop, subject, 39)
    return claimed(shop, subject, 0)


def test_the_wallet_asks_who_it_is_for_and_then_shows_nothing_yet(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.get_by_role("button", name="My coupons").click()
    visit.settle()
    sign_in(visit)
    assert "No coupons yet" in visit.page.locator("#sheet").inner_text()
    visit.page.get_by_role("link", name="Find deals nearby").click()
    visit.ready()
    assert "tab=deals" in visit.page.url


def test_what_can_be_used_comes_first(fake: Fake, shop: Shop) -> None:
    visit = fake()
    subject = member_at(visit)
    full_wallet(shop, subject)
    visit.go("/?wallet=mine")
    assert visit.page.locator("#sheet-body h3").all_inner_texts() == ["To use", "Used", "Over"]
    stubs = visit.page.locator(".wallet-cards").all()
    assert [each.locator(".ticket").count() for each in stubs] == [3, 1, 4]
    assert stubs[0].locator(".ticket-stub").all_inner_texts() == ["Money off", "Package", "To be paid"]


def test_a_long_wallet_comes_in_pages(fake: Fake, shop: Shop) -> None:
    visit = fake()
    subject = member_at(visit)
    for _ in range(23):
        claimed(shop, subject, 0)
    visit.go("/?wallet=mine")
    assert visit.page.locator(".wallet-cards .ticket").count() == 20
    more = visit.page.locator(".wallet-more button")
    more.click()
    visit.settle()
    assert visit.page.locator(".wallet-cards .ticket").count() == 23
    assert more.count() == 0


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_the_code_is_dark_on_white_in_digits_and_as_a_picture(fake: Fake, shop: Shop, dark: bool) -> None:
    visit = fake(dark=dark)
    subject = member_at(visit)
    claim_id = claimed(shop, subject, 0)
    visit.go(f"/?claim={claim_id}")
    card = visit.page.locator(".code-card")
    assert card.evaluate("(node) => getComputedStyle(node).backgroundColor") == "rgb(255, 255, 255)"
    assert card.locator(".code-digits").get_attribute("aria-label") == "5 7 2 9 4 3 8 1 6 2 5 1"
    picture = card.get_by_alt_text("QR of your coupon code")
    assert picture.get_attribute("src").startswith("data:image/svg+xml,")
    assert picture.evaluate("(node) => node.naturalWidth") > 0
    assert picture.bounding_box()["width"] >= 220
    assert "Use until Feb 6, 2030" in card.inner_text()


def test_times_are_those_of_the_place_and_say_so(fake: Fake, shop: Shop) -> None:
    visit = fake()
    subject = member_at(visit)
    claim_id = claimed(shop, subject, 0)
    shop.claims[claim_id] |= {"time_zone": "Europe/Berlin", "valid_until": "2030-02-07T00:00:00+01:00"}
    visit.go(f"/?claim={claim_id}")
    terms = visit.page.locator("#sheet .terms").inner_text()
    assert "Europe/Berlin" in terms
    assert "Feb 6, 2030" in terms


def test_used_just_now_appears_by_itself(fake: Fake, shop: Shop) -> None:
    visit = fake()
    subject = member_at(visit)
    claim_id = claimed(shop, subject, 0)
    visit.go(f"/?claim={claim_id}")
    visit.page.locator(".code-card").first.wait_for()
    shop.move(claim_id, "redeemed", units_left=0)
    expect(visit.page.locator(".claim-head")).to_contain_text("Used just now", timeout=10_000)
    assert visit.page.locator(".code-card").count() == 0
    assert "Used just now" in visit.page.locator("#live").inner_text()


def test_one_of_five_uses_leaves_the_code_and_counts_down(fake: Fake, shop: Shop) -> None:
    visit = fake()
    subject = member_at(visit)
    claim_id = claimed(shop, subject, 39)
    visit.go(f"/?claim={claim_id}")
    visit.page.locator(".code-card").first.wait_for()
    shop.move(claim_id, "active", units_left=4)
    expect(visit.page.locator(".claim-head")).to_contain_text("4 uses left", timeout=10_000)
    assert "4 of 5 uses left" in visit.page.locator(".code-card").inner_text()


def test_a_page_out_of_sight_asks_nothing_and_catches_up_when_it_is_back(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.page.add_init_script(
        "Object.defineProperty(document, 'visibilityState', {get: () => window.away ? 'hidden' : 'visible'})"
    )
    subject = member_at(visit)
    claim_id = claimed(shop, subject, 0)
    visit.page.clock.install()
    visit.go(f"/?claim={claim_id}")
    visit.page.locator(".code-card").wait_for()
    visit.page.evaluate("window.away = true")
    visit.page.clock.run_for(4_000)
    asked = len(visit.api_calls(f"/v1/claims/{claim_id}"))
    visit.page.clock.run_for(60_000)
    assert len(visit.api_calls(f"/v1/claims/{claim_id}")) == asked
    shop.move(claim_id, "redeemed", units_left=0)
    visit.page.evaluate("window.away = false; document.dispatchEvent(new Event('visibilitychange'))")
    expect(visit.page.locator(".claim-head")).to_contain_text("Used just now")


def test_giving_back_takes_two_steps_and_one_key(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    subject = member_at(visit)
    claim_id = claimed(shop, subject, 0)
    visit.go(f"/?claim={claim_id}")
    visit.page.get_by_role("button", name="Give it back", exact=True).click()
    assert shop.claims[claim_id]["state"] == "active"
    visit.page.get_by_role("button", name="Keep it").click()
    assert shop.claims[claim_id]["state"] == "active"
    visit.page.get_by_role("button", name="Give it back", exact=True).click()
    lose_answers(visit.page, f"**/v1/claims/{claim_id}/cancel")
    visit.page.get_by_role("button", name="Yes, give it back").click()
    expect(visit.page.locator(".claim-over")).to_contain_text("Given back")
    assert shop.claims[claim_id]["state"] == "cancelled"
    assert len({key for path, key in shop.keys_seen if path.endswith(f"{claim_id}/cancel")}) == 1


def test_a_refusal_to_take_it_back_says_why(fake: Fake, shop: Shop) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    subject = member_at(visit)
    claim_id = claimed(shop, subject, 0)
    visit.go(f"/?claim={claim_id}")
    shop.refuse(claim_id, 409, "claim-held")
    visit.page.get_by_role("button", name="Give it back", exact=True).click()
    visit.page.get_by_role("button", name="Yes, give it back").click()
    expect(visit.page.locator(".claim-foot")).to_contain_text("A till is using it at this moment")
    assert shop.claims[claim_id]["state"] == "active"


def test_back_walks_from_the_code_to_the_wallet_to_the_list(fake: Fake, shop: Shop) -> None:
    visit = fake()
    subject = member_at(visit)
    claimed(shop, subject, 0)
    visit.page.locator("#wallet").click()
    visit.settle()
    visit.page.locator(".wallet-cards .ticket").first.click()
    visit.page.locator(".code-card").wait_for()
    visit.page.go_back()
    visit.settle()
    assert visit.page.locator("#sheet-title").inner_text() == "My coupons"
    visit.page.go_back()
    visit.page.wait_for_selector("#sheet", state="hidden")


def test_a_code_opens_from_its_address_after_a_reload(fake: Fake, shop: Shop) -> None:
    visit = fake()
    subject = member_at(visit)
    claim_id = claimed(shop, subject, 0)
    visit.go(f"/?claim={claim_id}")
    visit.page.reload()
    visit.page.locator(".code-card").wait_for()


def test_signing_out_leaves_nothing_of_the_member_behind(fake: Fake, shop: Shop) -> None:
    visit = fake()
    subject = member_at(visit)
    claimed(shop, subject, 0)
    visit.go("/?wallet=mine")
    begun = {"key": "k", "body": {}, "subject": subject}
    visit.page.evaluate("(begun) => localStorage.setItem('fujin.begun.claim.x', JSON.stringify(begun))", begun)
    kept = "Object.keys(localStorage).filter((name) => /member|begun/.test(name)).sort()"
    assert visit.page.evaluate(kept) == ["fujin.begun.claim.x", "fujin.member"]
    visit.page.get_by_role("button", name="Sign out").click()
    visit.page.locator("#phone").wait_for()
    assert visit.page.evaluate(kept) == []


def test_two_tabs_never_refresh_with_one_token(fake: Fake, shop: Shop) -> None:
    visit = fake()
    subject = member_at(visit)
    claimed(shop, subject, 0)
    other = visit.page.context.new_page()
    for page in (visit.page, other):
        page.goto(f"{visit.origin}/?wallet=mine", wait_until="commit")
    for page in (visit.page, other):
        page.locator(".wallet-cards .ticket").first.wait_for()
    assert len([who for who in shop.refresh_tokens.values() if who[0] == subject]) == 1


@pytest.mark.parametrize(("lang", "dark"), [("zh-CN", False), ("en", True)])
def test_axe_finds_nothing_on_the_way_from_coupon_to_code(fake: Fake, shop: Shop, dark: bool, lang: str) -> None:
    visit = fake(dark=dark, locale=lang, width=360)
    visit.go("/?wallet=mine")
    assert_accessible(visit, "sign-in")
    subject = sign_in(visit)
    usable = full_wallet(shop, subject)
    unpaid = claimed(shop, subject, 30)
    for path in ("/?wallet=mine", f"/?claim={usable}", f"/?claim={unpaid}", "/?coupon=coupon-33"):
        visit.go(path)
        visit.page.locator("#sheet-body > *").first.wait_for()
        assert_accessible(visit, path)
        assert_fits(visit, path)


@pytest.mark.parametrize("lang", ["zh-CN", "en"])
def test_text_of_twice_the_size_cuts_nothing_off(fake: Fake, shop: Shop, lang: str) -> None:
    visit = fake(locale=lang, width=360)
    visit.page.add_init_script(DOUBLE)
    subject = member_at(visit)
    usable = full_wallet(shop, subject)
    unpaid = claimed(shop, subject, 30)
    for path in ("/?wallet=mine", f"/?claim={usable}", f"/?claim={unpaid}", "/?coupon=coupon-33", "/?signin=coupon-0"):
        visit.go(path)
        visit.page.locator("#sheet-body > *").first.wait_for()
        assert_fits(visit, path)
