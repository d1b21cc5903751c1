"""Finding the way: links, history, titles, what lies far away, and how far the near things are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

Fake = Callable[..., Any]
NEARBY = "/v1/places/nearby"


@pytest.mark.parametrize("thing", ["place=place-3", "coupon=coupon-3"])
def test_a_link_without_a_point_searches_around_its_thing(fake: Fake, thing: str) -> None:
    visit = fake()
    visit.go(f"/?{thing}")
    assert visit.api_calls(NEARBY) == ["lat=30.2503&lon=120.1612&radius_m=1000"]
    assert visit.page.get_by_role("dialog").is_visible()


def test_the_tab_is_titled_by_the_open_sheet(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    before = visit.page.title()
    visit.page.locator("#results a").first.click()
    visit.settle()
    assert visit.page.title() == "外婆家 · Fujin"
    visit.page.locator("#sheet .ticket").first.click()
    visit.settle()
    assert visit.page.title() == "满100减20 · Fujin"
    visit.page.get_by_role("button", name="Close").click()
    visit.page.wait_for_selector("#sheet", state="hidden")
    assert visit.page.title() == before


def test_back_returns_to_the_former_search(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.get_by_role("button", name="With deals").click()
    visit.settle()
    visit.page.get_by_label("City").select_option(label="Berlin")
    visit.settle()
    visit.page.go_back()
    visit.settle()
    assert visit.api_calls(NEARBY)[-1] == "lat=30.25&lon=120.16&radius_m=1000&has_coupon=true"
    assert visit.page.get_by_label("City").input_value() == "2"
    visit.page.go_back()
    visit.settle()
    assert visit.api_calls(NEARBY)[-1] == "lat=30.25&lon=120.16&radius_m=1000"
    assert visit.page.get_by_role("button", name="With deals").get_attribute("aria-pressed") == "false"


def test_moving_the_map_leaves_the_history_alone(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    before = visit.page.evaluate("history.length")
    visit.page.locator("#map").focus()
    for _ in range(4):
        visit.page.keyboard.press("ArrowRight")
    visit.page.wait_for_selector("#search-here:not([hidden])")
    assert visit.page.evaluate("history.length") == before
    visit.page.get_by_role("button", name="Search here").click()
    visit.settle()
    assert visit.page.evaluate("history.length") == before + 1


def test_a_tap_beside_a_pin_opens_it(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    box = visit.page.locator("#map").bounding_box()
    # The first pin lies on the point: the middle of the map between the paddings of 64 and 36 pixels.
    visit.page.mouse.click(box["x"] + box["width"] / 2 - 21, box["y"] + (box["height"] + 28) / 2)
    visit.page.wait_for_selector("#sheet[open]")
    visit.settle()
    assert visit.page.locator("#sheet-title").inner_text() == "外婆家"


def test_a_coupons_places_come_nearest_first_with_their_distance(fake: Fake) -> None:
    visit = fake()
    visit.go("/?lat=30.2501&lon=120.1604&coupon=coupon-0")
    rows = visit.page.locator("#sheet .where a").all_inner_texts()
    # Place 1 lies on the point; 0.0004° of longitude at 30.25° is 38.4 m, 0.0001° of latitude 11.1 m: together 40 m.
    assert [row.split("\n")[0] for row in rows] == ["Tent Bar", "外婆家"]
    assert [row.split("\n")[1] for row in rows] == ["0 m · 湖滨路 28 号", "40 m · 湖滨路 28 号"]
    assert visit.page.locator("#sheet .hero b").inner_text() == "¥12.50"


def test_a_place_shows_the_way_and_how_far_it_is(fake: Fake) -> None:
    visit = fake()
    visit.go("/?lat=30.25&lon=120.16&place=place-1")
    link = visit.page.get_by_role("link", name="Directions")
    assert link.get_attribute("href") == "https://www.openstreetmap.org/directions?to=30.2501%2C120.1604"
    assert (link.get_attribute("rel"), link.get_attribute("target")) == ("noopener noreferrer", "_blank")
    assert "40 m from the searched point" in visit.page.locator("#sheet").inner_text()


@pytest.mark.parametrize(("point", "city"), [("lat=52.3&lon=14.2", ""), ("lat=52.5&lon=13.805", "3")])
def test_elsewhere_is_only_where_no_city_is_within_reach(fake: Fake, point: str, city: str) -> None:
    visit = fake()
    visit.go(f"/?{point}")
    assert visit.page.get_by_label("City").input_value() == city


def test_far_from_all_data_the_nearest_city_is_offered(fake: Fake) -> None:
    visit = fake()
    visit.go("/?lat=52.3&lon=14.2")
    message = visit.page.locator(".message-empty")
    assert "No data here. Nearest: Berlin" in message.inner_text()
    message.get_by_role("button", name="Show Berlin").click()
    visit.settle()
    assert visit.api_calls(NEARBY)[-1].startswith("lat=52.52&lon=13.4&")
    assert visit.page.get_by_label("City").input_value() == "3"


def test_a_chosen_language_is_kept_without_a_cookie(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    visit.page.get_by_role("link", name="中文").click()
    visit.ready()
    visit.go("/?lat=30.25&lon=120.16&place=place-1")
    visit.page.wait_for_url("**/?lat=30.25&lon=120.16&place=place-1&lang=zh-CN")
    visit.ready()
    assert visit.page.locator("html").get_attribute("lang") == "zh-CN"
    assert visit.page.context.cookies() == []


def test_the_map_shows_the_keyboards_focus_and_no_ring_after_a_tap(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    ring = "getComputedStyle(document.getElementById('map'), '::after').borderTopWidth"
    visit.page.mouse.click(60, 160)
    visit.settle()
    assert visit.page.evaluate("document.activeElement.id") in ("map", "")
    assert visit.page.evaluate(ring) == "0px"
    visit.page.locator("#language").focus()
    while visit.page.evaluate("document.activeElement.id") != "map":
        visit.page.keyboard.press("Tab")
    assert visit.page.evaluate(ring) == "4px"


def test_a_slow_first_answer_is_awaited_with_a_skeleton(fake: Fake) -> None:
    visit = fake()
    held: list[Route] = []

    def hold(route: Route) -> None:
        held.append(route)

    visit.page.route("**/v1/cities", hold)
    visit.page.goto(visit.origin + "/")
    expect(visit.page.locator(".skeleton").first).to_have_css("opacity", "1")
    held[0].continue_()
    visit.ready()
    assert visit.page.locator(".skeleton").count() == 0
