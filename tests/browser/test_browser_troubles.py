"""States that are rare on a good day: empty, refused, slow, offline, an aged list; each says what to do."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route

Fake = Callable[..., Any]
NEARBY = "**/v1/places/nearby*"
FAILED = "Failed to load resource"


def refuse(status: int, code: str, detail: str, **headers: str) -> Callable[[Route], None]:
    problem = {
        "type": f"/problems/{code}",
        "title": "No",
        "status": status,
        "code": code,
        "detail": detail,
        "request_id": "r-77",
    }
    return lambda route: route.fulfill(
        status=status, content_type="application/problem+json", body=json.dumps(problem), headers=headers
    )


def test_nothing_found_offers_what_to_change(fake: Fake) -> None:
    visit = fake()
    visit.go("/?category=shop&open=1")
    message = visit.page.locator(".message-empty")
    assert "No places here match" in message.inner_text()
    buttons = message.get_by_role("button").all_inner_texts()
    assert buttons == ["Search within 2 km", "All categories", "Unknown hours too", "Closed places too"]
    message.get_by_role("button", name="All categories").click()
    visit.settle()
    assert len(visit.names()) > 0
    assert "category" not in visit.page.url


def test_nothing_found_without_filters_can_only_widen(fake: Fake) -> None:
    visit = fake()
    visit.go("/?lat=52.52&lon=13.4&radius=50000")
    assert "Try another city" in visit.page.locator(".message-empty").inner_text()


def test_a_refusal_shows_its_detail_and_reference_and_can_be_retried(fake: Fake) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    visit.page.route(NEARBY, refuse(400, "invalid-parameter", "radius_m must be at most 50000"))
    visit.go("/")
    alert = visit.page.get_by_role("alert").filter(has_text="That did not work")
    assert "radius_m must be at most 50000" in alert.inner_text()
    assert "Reference: r-77" in alert.inner_text()
    visit.page.unroute(NEARBY)
    alert.get_by_role("button", name="Try again").click()
    visit.settle()
    assert len(visit.names()) == 20


def test_too_many_requests_say_how_long_to_wait(fake: Fake) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    visit.page.route(NEARBY, refuse(429, "too-many-requests", "slow down", **{"Retry-After": "7"}))
    visit.go("/")
    assert "Try again in 7 s" in visit.page.locator(".message-error").inner_text()


def test_an_answer_that_is_no_json_is_explained(fake: Fake) -> None:
    visit = fake()
    visit.page.route(NEARBY, lambda route: route.fulfill(status=200, body="<html>proxy</html>"))
    visit.go("/")
    assert "could not be read" in visit.page.locator(".message-error").inner_text()


def test_offline_says_so_and_searches_again_when_back(fake: Fake) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    visit.go("/")
    visit.page.context.set_offline(True)
    visit.page.get_by_role("button", name="With deals").click()
    visit.settle()
    assert "You are offline" in visit.page.locator(".message-error").inner_text()
    visit.page.context.set_offline(False)
    visit.page.locator("#results li").first.wait_for()
    visit.settle()
    assert visit.page.locator(".message-error").count() == 0


def test_no_cities_leave_a_retry(fake: Fake) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    visit.page.route("**/v1/cities", refuse(503, "unavailable", "The database is starting"))
    visit.go("/")
    assert "The database is starting" in visit.page.locator(".message-error").inner_text()
    visit.page.unroute("**/v1/cities")
    visit.page.get_by_role("button", name="Try again").click()
    visit.settle()
    assert len(visit.names()) == 20


def test_a_slow_answer_shows_a_skeleton_and_a_newer_search_wins(fake: Fake) -> None:
    visit = fake()
    held: list[Route] = []
    seen = threading.Event()

    def hold(route: Route) -> None:
        held.append(route)
        seen.set()

    visit.page.route("**/v1/places/nearby*has_coupon*", hold)
    visit.go("/")
    visit.page.get_by_role("button", name="With deals").click()
    visit.page.locator(".skeleton").first.wait_for()
    assert visit.page.locator("#results").get_attribute("aria-busy") == "true"
    assert visit.page.locator("#live").inner_text() == "Searching…"
    visit.page.get_by_role("button", name="With deals").click()
    visit.settle()
    assert seen.is_set()
    assert visit.page.locator(".skeleton").count() == 0
    assert len(visit.names()) == 20
    assert visit.page.locator("#results").get_attribute("aria-busy") == "false"


def test_an_aged_list_offers_to_search_again_and_keeps_what_is_shown(fake: Fake) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    visit.go("/")
    visit.page.route("**/v1/places/nearby*cursor=*", refuse(400, "invalid-cursor", "the cursor has expired"))
    visit.page.locator("#more").dispatch_event("click")
    visit.settle()
    assert "grown old" in visit.page.locator(".message-error").inner_text()
    assert len(visit.names()) == 20
    visit.page.unroute("**/v1/places/nearby*cursor=*")
    visit.page.get_by_role("button", name="Search again").click()
    visit.settle()
    assert visit.page.locator(".message-error").count() == 0


def test_a_place_that_is_gone_says_so_in_the_sheet(fake: Fake) -> None:
    visit = fake()
    visit.expected.append(FAILED)
    visit.page.route("**/v1/places/place-0", refuse(410, "gone", "closed"))
    visit.go("/?place=place-0")
    said = visit.page.locator("#sheet").inner_text()
    assert "no longer here" in said
    assert "Try again" not in said
    assert "did not work" not in said
    visit.page.keyboard.press("Escape")
    visit.page.wait_for_selector("#sheet", state="hidden")


def test_a_place_that_moved_is_followed(fake: Fake) -> None:
    visit = fake()
    visit.page.route("**/v1/places/old-id", lambda route: route.fulfill(json={"moved_to": "place-1"}))
    visit.go("/?place=old-id")
    assert visit.page.locator("#sheet-title").inner_text() == "Tent Bar"


@pytest.mark.parametrize(
    ("lat", "lon"), [("0", "180"), ("0", "-179.9999"), ("90", "0"), ("-90", "12"), ("89.9", "179.9")]
)
def test_the_edges_of_the_world_are_searched_like_any_point(fake: Fake, lat: str, lon: str) -> None:
    visit = fake()
    visit.go(f"/?lat={lat}&lon={lon}&radius=50000")
    assert visit.api_calls("/v1/places/nearby") == [f"lat={lat}&lon={lon}&radius_m=50000"]
    assert len(visit.names()) == 20
    assert len([url for url in visit.requests if url.endswith(".mvt")]) < 100


def test_results_are_announced_to_screen_readers(fake: Fake) -> None:
    visit = fake()
    visit.go("/")
    assert visit.page.locator("#live").inner_text() == "27 places within 1 km"
