"""The page over the real server and the seeded cities; what is expected comes from the API itself or from the seeds."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Response

from tests.browser.acting import assert_accessible, assert_fits

Live = Callable[..., Any]
HELSINKI = "lat=60.17&lon=24.941"


@pytest.fixture
def live(visits: Live, live_server_url: str) -> Live:
    """Opens watched pages over the real server."""
    return lambda **options: visits(live_server_url, **options)


def answer_of(url: str, language: str = "en") -> dict[str, Any]:
    """The JSON that the server gives to others."""
    request = urllib.request.Request(url, headers={"Accept-Language": language})
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, Any] = json.load(answer)
    return found


def asked_again(visit: Any, path: str, language: str = "en") -> dict[str, Any]:
    """The answer to the page's last request to ``path``."""
    return answer_of(f"{visit.origin}{path}?{visit.api_calls(path)[-1]}", language)


def test_the_list_is_the_answer_in_its_order(live: Live) -> None:
    visit = live(locale="zh-CN")
    visit.go("/")
    answer = asked_again(visit, "/v1/places/nearby", "zh-CN")
    assert len(answer["items"]) > 0
    assert visit.names() == [each["name"] for each in answer["items"]]
    distances = [each["distance_m"] for each in answer["items"]]
    assert distances == sorted(distances)
    shown = visit.page.locator("#total b").inner_text().replace(",", "")
    assert shown.startswith(str(answer["total"]["value"]))


def test_the_four_cities_can_be_chosen(live: Live) -> None:
    visit = live()
    visit.go("/")
    names = visit.page.locator("#city option").all_inner_texts()
    assert {"Hangzhou", "Berlin", "Helsinki", "Andorra"} <= {name.split(" ")[0] for name in names}


def test_the_map_draws_our_own_tiles(live: Live) -> None:
    visit = live()
    answers: dict[str, set[int]] = {}

    def note(answer: Response) -> None:
        layer = "/".join(urlsplit(answer.url).path.split("/")[:4])
        answers.setdefault(layer, set()).add(answer.status)

    visit.page.on("response", note)
    visit.go(f"/?{HELSINKI}&radius=500")
    for layer in ("basemap", "places", "regions"):
        assert 200 in answers[f"/v1/tiles/{layer}"]
        assert answers[f"/v1/tiles/{layer}"] <= {200, 204}


def test_open_now_keeps_only_what_is_open(live: Live) -> None:
    visit = live()
    visit.go(f"/?{HELSINKI}&radius=5000&open=1")
    answer = asked_again(visit, "/v1/places/nearby")
    assert {each["hours"]["state"] for each in answer["items"]} <= {"open"}
    assert visit.names() == [each["name"] for each in answer["items"]]


def test_a_category_narrows_the_answer(live: Live) -> None:
    visit = live()
    visit.go(f"/?{HELSINKI}")
    before = asked_again(visit, "/v1/places/nearby")["total"]["value"]
    visit.page.locator("#chips [data-chip='food']").click()
    visit.settle()
    after = asked_again(visit, "/v1/places/nearby")
    assert 0 < after["total"]["value"] < before
    assert visit.page.locator("#chips [data-chip='restaurant']").is_visible()


def test_walking_on_shows_each_place_once(live: Live) -> None:
    visit = live()
    visit.go(f"/?{HELSINKI}&radius=300")
    for _ in range(3):
        visit.page.locator("#more").dispatch_event("click")
        visit.settle()
    keys = visit.page.locator("#results a").evaluate_all("(nodes) => nodes.map((node) => node.dataset.key)")
    assert len(keys) >= 60
    assert len(set(keys)) == len(keys)


def test_a_place_with_a_deal_leads_to_its_terms_and_back(live: Live) -> None:
    visit = live(locale="zh-CN")
    visit.go("/?deals=1&radius=5000")
    answer = asked_again(visit, "/v1/places/nearby", "zh-CN")
    visit.page.locator("#results a").first.click()
    visit.settle()
    assert visit.page.locator("#sheet-title").inner_text() == answer["items"][0]["name"]
    assert visit.page.locator("#sheet .rows").count() == 1
    visit.page.locator("#sheet .ticket").first.click()
    visit.settle()
    assert visit.page.locator("#sheet .terms .term").count() >= 4
    assert visit.page.locator("#sheet .where li").count() >= 1
    visit.page.go_back()
    visit.settle()
    assert visit.page.locator("#sheet-title").inner_text() == answer["items"][0]["name"]


def test_deals_are_listed_by_distance(live: Live) -> None:
    visit = live(locale="zh-CN")
    visit.go("/?tab=deals&radius=5000")
    answer = asked_again(visit, "/v1/coupons/nearby", "zh-CN")
    assert len(answer["items"]) > 0
    assert visit.names() == [each["title"] for each in answer["items"]]
    for query in ("group=1", "serves=1"):
        visit.go(f"/?tab=deals&radius=5000&{query}")
        answer = asked_again(visit, "/v1/coupons/nearby", "zh-CN")
        assert visit.names() == [each["title"] for each in answer["items"]]


def test_places_are_kept_to_those_that_serve_where_one_stands(live: Live) -> None:
    visit = live(width=1280)
    visit.go("/?radius=5000")
    everywhere = visit.names()
    visit.page.get_by_role("button", name="Serves this point").click()
    visit.settle()
    answer = asked_again(visit, "/v1/places/nearby")
    assert answer["applied"]["serves"] == {
        "lat": answer["applied"]["lat"],
        "lon": answer["applied"]["lon"],
        "kinds": [],
    }
    assert answer["items"]
    assert visit.names() == [each["name"] for each in answer["items"]] != everywhere


def test_a_shared_place_opens_for_someone_else(live: Live) -> None:
    first = live(permissions=["clipboard-read", "clipboard-write"])
    first.go(f"/?{HELSINKI}")
    first.page.locator("#results a").first.click()
    first.settle()
    title = first.page.locator("#sheet-title").inner_text()
    first.page.get_by_role("button", name="Share", exact=True).click()
    first.page.wait_for_selector("#toast:not([hidden])")
    link = first.page.evaluate("navigator.clipboard.readText()")
    second = live()
    second.go(link.removeprefix(second.origin))
    assert second.page.locator("#sheet-title").inner_text() == title


def test_the_attribution_of_the_data_is_on_the_map(live: Live) -> None:
    visit = live()
    visit.go(f"/?{HELSINKI}")
    shown = visit.page.locator(".attribution").inner_text()
    for line in asked_again(visit, "/v1/places/nearby")["applied"]["attribution"]:
        assert line in shown


def test_the_source_of_the_drawn_areas_is_on_the_map(live: Live) -> None:
    visit = live()
    visit.go("/?lat=52.52&lon=13.4")
    shown = visit.page.locator(".attribution").inner_text()
    assert "Amt für Statistik" in shown
    for line in answer_of(f"{visit.origin}/v1/tiles/regions.json")["attribution"].split(" · "):
        assert line in shown


def test_the_api_page_lists_the_operations(live: Live) -> None:
    visit = live()
    visit.go("/docs")
    document = answer_of(f"{visit.origin}/openapi.json")
    visit.page.locator(".opblock").first.wait_for()
    operations = sum(len({"get", "post", "put", "patch", "delete"} & set(path)) for path in document["paths"].values())
    met: set[str] = set()
    for _ in range(300):  # of a long list the page keeps what is near the window alone
        met |= set(visit.page.locator(".opblock").evaluate_all("blocks => blocks.map(block => block.id)"))
        if len(met) == operations:
            break
        visit.page.mouse.wheel(0, 400)
        visit.page.wait_for_timeout(50)
    assert len(met) == operations


@pytest.mark.parametrize(("lang", "dark"), [("zh-CN", False), ("en", True)])
def test_axe_finds_nothing_on_real_data(live: Live, dark: bool, lang: str) -> None:
    visit = live(dark=dark, locale=lang, width=360)
    for path in ("/", "/?tab=deals&radius=5000", f"/?{HELSINKI}&deals=1"):
        visit.go(path)
        visit.page.locator("#results a").first.click()
        visit.settle()
        assert_accessible(visit, path)
        visit.page.keyboard.press("Escape")
        visit.page.wait_for_selector("#sheet", state="hidden")
        assert_accessible(visit, f"{path} behind the sheet")
        assert_fits(visit, path)
