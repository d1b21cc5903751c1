"""What a person does on the page: search, filter, look closer, share; over canned answers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs

import pytest
from playwright.sync_api import expect

from tests.browser.fake_api import HOSTILE, NAMES

Fake = Callable[..., Any]


def last_query(visit: Any, path: str = "/v1/places/nearby") -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(visit.api_calls(path)[-1]).items()}


def test_search_shows_the_places_in_the_order_of_the_answer(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    assert visit.names()[:9] == NAMES
    assert len(visit.names()) == 20
    assert visit.page.locator("#total").inner_text() == "27 places within 1 km"
    distances = visit.page.locator("#results .distance").all_inner_texts()
    assert distances[:4] == ["13 m", "50 m", "88 m", "130 m"]


def test_first_search_is_around_the_city_that_shares_the_clock(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    assert last_query(visit) == {"lat": "30.25", "lon": "120.16", "radius_m": "1000"}


def test_more_continues_by_cursor_until_the_end_is_said(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.locator("#more").dispatch_event("click")
    visit.settle()
    assert last_query(visit)["cursor"] == "20"
    assert len(visit.names()) == 27
    assert visit.page.locator(".end").inner_text() == "That is everything within 1 km."


def test_scrolling_to_the_end_continues_by_itself(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.locator("#results-foot").scroll_into_view_if_needed()
    visit.page.locator(".end").wait_for()
    assert len(visit.names()) == 27


def test_each_filter_changes_the_request(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.get_by_role("button", name="Open now").click()
    visit.settle()
    assert last_query(visit)["open_now"] == "true"
    assert {each.split(" ")[0] for each in visit.page.locator("#results .opening b").all_inner_texts()} == {"Open"}
    visit.page.get_by_role("button", name="Unknown hours too").click()
    visit.settle()
    assert last_query(visit)["include_unknown"] == "true"
    visit.page.get_by_role("button", name="Open now").click()
    visit.page.get_by_role("button", name="With deals").click()
    visit.settle()
    assert last_query(visit) == {"lat": "30.25", "lon": "120.16", "radius_m": "1000", "has_coupon": "true"}
    visit.page.get_by_label("Search radius").select_option("300")
    visit.settle()
    assert last_query(visit)["radius_m"] == "300"


def test_categories_open_level_by_level(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.get_by_role("button", name="Food & drink").click()
    visit.settle()
    assert last_query(visit)["category"] == "food"
    visit.page.get_by_role("button", name="Restaurants").click()
    visit.settle()
    assert last_query(visit)["category"] == "restaurant"
    assert visit.page.get_by_role("button", name="Chinese").is_visible()
    visit.page.get_by_role("button", name="Restaurants").click()
    visit.settle()
    assert last_query(visit)["category"] == "food"


def test_another_city_moves_the_search(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.get_by_label("City").select_option(label="Berlin")
    visit.settle()
    assert last_query(visit)["lat"] == "52.52"


def test_deals_are_tickets_with_price_place_and_stock(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.get_by_role("tab", name="Deals").click()
    visit.settle()
    first = visit.page.locator("#results .ticket").first.inner_text()
    assert visit.page.locator("#results .ticket-stub").first.inner_text().split() == ["¥12.50", "3", "people"]
    for words in ("−¥20", "Alone: Free", "满100减20", "外婆家", "13 m", "7 left", "Claim by"):
        assert words in first
    visit.page.get_by_role("button", name="Group deals").click()
    visit.settle()
    assert last_query(visit, "/v1/coupons/nearby") == {
        "lat": "30.25",
        "lon": "120.16",
        "radius_m": "1000",
        "group_deal": "true",
    }


def test_tabs_follow_the_arrow_keys(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.get_by_role("tab", name="Places").focus()
    visit.page.keyboard.press("ArrowRight")
    visit.settle()
    assert visit.page.get_by_role("tab", name="Deals").get_attribute("aria-selected") == "true"
    assert visit.page.evaluate("document.activeElement.id") == "tab-deals"


def test_detail_opens_by_enter_and_closes_by_escape_with_the_focus_back(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    card = visit.page.locator("#results a").first
    card.focus()
    visit.page.keyboard.press("Enter")
    visit.settle()
    dialog = visit.page.get_by_role("dialog", name="外婆家")
    assert dialog.is_visible()
    assert "place=place-0" in visit.page.url
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_selector("#sheet", state="hidden")
    assert "place=" not in visit.page.url
    assert card.evaluate("(node) => node === document.activeElement")


def test_focus_stays_inside_the_open_sheet(fake: Fake) -> None:
    visit = fake()
    visit.go("/?place=place-0")
    for _ in range(25):
        visit.page.keyboard.press("Tab")
        assert visit.page.evaluate(
            "document.activeElement === document.body || !!document.activeElement.closest('dialog')"
        )


def test_back_closes_the_sheet_and_forward_opens_it_again(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.locator("#results a").first.click()
    visit.settle()
    visit.page.locator("#sheet .ticket").first.click()
    visit.settle()
    assert "coupon=coupon-0" in visit.page.url
    assert visit.page.locator("#sheet").get_by_text("Minimum spend").is_visible()
    visit.page.get_by_role("button", name="Back").click()
    visit.settle()
    assert visit.page.get_by_role("dialog", name="外婆家").is_visible()
    visit.page.go_back()
    visit.page.wait_for_selector("#sheet", state="hidden")
    visit.page.go_forward()
    visit.settle()
    assert visit.page.get_by_role("dialog", name="外婆家").is_visible()
    visit.page.get_by_role("button", name="Close").click()
    visit.page.wait_for_selector("#sheet", state="hidden")


def test_detail_shows_hours_contact_areas_and_source(fake: Fake) -> None:
    visit = fake()
    visit.go("/?place=place-0")
    text = visit.page.locator("#sheet").inner_text()
    for words in ("湖滨路 28 号", "11:00–14:00, 17:00–22:00", "all day", "浙江省 › 湖滨商圈 (demo)", "ODbL-1.0"):
        assert words in text
    assert visit.page.locator("#sheet a[href='tel:+8657187101717']").count() == 1
    site = visit.page.locator("#sheet a[href^='https://example.com']")
    assert site.get_attribute("rel") == "noopener noreferrer nofollow"


def test_a_website_that_is_no_web_address_is_not_a_link(fake: Fake) -> None:
    visit = fake()
    visit.go("/?place=place-2")
    assert visit.page.locator("#sheet a[href^='javascript']").count() == 0


def test_hostile_names_are_shown_as_text(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    assert HOSTILE in visit.names()
    visit.go("/?tab=deals")
    assert HOSTILE in visit.names()
    visit.go("/?place=place-2")
    assert visit.page.locator("#sheet-title").inner_text() == HOSTILE
    assert visit.page.locator("main img, dialog img").count() == 0
    assert visit.page.title() != "owned"


def test_shared_link_restores_the_search_and_the_place(fake: Fake) -> None:
    visit = fake()
    visit.go("/?lat=30.25&lon=120.16&radius=300&open=1&category=cafe&place=place-0")
    assert last_query(visit) == {
        "lat": "30.25",
        "lon": "120.16",
        "radius_m": "300",
        "open_now": "true",
        "category": "cafe",
    }
    assert visit.page.get_by_role("dialog", name="外婆家").is_visible()
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_selector("#sheet", state="hidden")
    assert visit.page.get_by_role("button", name="Open now").get_attribute("aria-pressed") == "true"
    assert visit.page.get_by_label("Search radius").input_value() == "300"


def test_a_shared_place_carries_its_own_position_not_the_readers(fake: Fake) -> None:
    visit = fake(permissions=["clipboard-read", "clipboard-write"])
    visit.go("/?lat=30.2491&lon=120.1591&place=place-1")
    visit.page.get_by_role("button", name="Share", exact=True).click()
    visit.page.wait_for_selector("#toast:not([hidden])")
    copied = visit.page.evaluate("navigator.clipboard.readText()")
    assert copied.endswith("/?lat=30.2501&lon=120.1604&place=place-1")


def test_odd_values_in_a_link_fall_back_to_defaults(fake: Fake) -> None:
    visit = fake()
    visit.go("/?lat=NaN&lon=1e400&radius=-1&category=%3Cscript%3E&tab=x&place=../../cities")
    assert last_query(visit) == {"lat": "30.25", "lon": "120.16", "radius_m": "1000"}


def test_position_of_the_device_becomes_the_point(fake: Fake) -> None:
    visit = fake(geolocation={"latitude": 30.2612345, "longitude": 120.17}, permissions=["geolocation"])
    visit.go("/")
    visit.page.get_by_role("button", name="Search around my position").click()
    visit.page.wait_for_url("**lat=30.26123**")
    visit.settle()
    assert last_query(visit)["lat"] == "30.26123"


def test_a_refused_position_says_what_to_do(fake: Fake) -> None:
    visit = fake()
    visit.page.add_init_script(
        "navigator.geolocation.getCurrentPosition = (_, no) => no({code: 1, PERMISSION_DENIED: 1, TIMEOUT: 3})"
    )
    visit.go("/")
    visit.page.get_by_role("button", name="Search around my position").click()
    visit.page.wait_for_selector("#toast:not([hidden])")
    assert "Allow it in the site settings" in visit.page.locator("#toast").inner_text()
    visit.page.get_by_role("button", name="Dismiss").click()
    assert visit.page.locator("#toast").is_hidden()


def test_a_tap_on_the_map_searches_there(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.mouse.click(60, 160)
    visit.page.wait_for_url(lambda url: "lat=30.25&" not in url and "lat=" in url)
    visit.settle()
    assert len(visit.api_calls("/v1/places/nearby")) == 2


def test_moved_by_the_keyboard_the_map_offers_to_search_there(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.locator("#map").focus()
    for _ in range(4):
        visit.page.keyboard.press("ArrowRight")
    visit.page.wait_for_selector("#search-here:not([hidden])")
    visit.page.keyboard.press("Enter")
    visit.settle()
    assert float(last_query(visit)["lon"]) > 120.161


@pytest.mark.parametrize(
    ("locale", "lang", "places"), [("zh-CN", "zh-CN", "27 个地点 1公里以内"), ("de", "en", "27 places within 1 km")]
)
def test_language_follows_the_browser(fake: Fake, locale: str, lang: str, places: str) -> None:
    visit = fake(locale=locale)
    visit.go("/")
    assert visit.page.locator("html").get_attribute("lang") == lang
    assert visit.page.locator("#total").inner_text() == places


def test_language_switch_keeps_the_search(fake: Fake) -> None:
    visit = fake()
    visit.go("/?lat=30.25&lon=120.16&radius=300&deals=1")
    visit.page.get_by_role("link", name="中文").click()
    visit.ready()
    assert visit.page.locator("html").get_attribute("lang") == "zh-CN"
    assert visit.page.get_by_role("button", name="有优惠").get_attribute("aria-pressed") == "true"
    assert last_query(visit)["radius_m"] == "300"
    assert visit.page.context.cookies() == []


@pytest.mark.parametrize(("dark", "ground"), [(False, "rgb(244, 241, 233)"), (True, "rgb(16, 22, 20)")])
def test_colours_of_page_and_map_follow_the_scheme(fake: Fake, dark: bool, ground: str) -> None:
    visit = fake(dark=dark)
    visit.go("/")
    assert visit.page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == ground
    land = visit.page.evaluate("getComputedStyle(document.getElementById('map')).backgroundColor")
    assert land == ("rgb(23, 30, 28)" if dark else "rgb(241, 237, 226)")
    visit.page.emulate_media(color_scheme="light" if dark else "dark")
    expect(visit.page.locator("#map")).not_to_have_css("background-color", land)


def test_attribution_stays_on_the_map_with_what_the_answer_adds(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    assert visit.page.locator(".attribution a").inner_text() == "© OpenStreetMap contributors"
    shown = visit.page.locator("#credits").inner_text().split(" · ")
    assert shown == ["Amt für Statistik Berlin-Brandenburg", "Hangzhou Areas (CC BY 4.0)", "Stadt Hangzhou"]


def test_a_place_with_areas_names_whom_its_city_credits(fake: Fake) -> None:
    visit = fake()
    visit.go("/?place=place-0")
    assert "Hangzhou Areas (CC BY 4.0)" in visit.page.locator("#sheet .rows").inner_text()


def test_api_page_shows_the_document_from_local_files(fake: Fake) -> None:
    visit = fake()
    visit.go("/docs")
    visit.page.get_by_role("heading", name="Fujin 1").wait_for()
