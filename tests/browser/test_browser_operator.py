"""The operator's page over canned answers: a load from the file to its readers, and everything that gets in its way."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from playwright.sync_api import Route, expect

from app.web.pages import words
from tests.browser.acting import FAILED, assert_accessible, assert_fits, press
from tests.browser.fake_regional import GATES, HOSTILE, STATION, World, version
from tests.browser.fake_shop import PASSWORD

Fake = Callable[..., Any]
CONTENT = b'{"type": "FeatureCollection", "features": []}'
_numbers = count(1)


class Desk:
    """An operator at the page, and the world that they alone see."""

    def __init__(self, visit: Any, stand_in: Flask) -> None:
        self.visit, self.page = visit, visit.page
        self.login = f"operator-{next(_numbers)}"
        self.world: World = stand_in.extensions["regional"].of(self.login)
        visit.expected.append(FAILED)

    def signs_in(self, login: str | None = None) -> None:
        self.page.locator("#login").fill(login or self.login)
        self.page.locator("#password").fill(PASSWORD)
        self.page.keyboard.press("Enter")

    def at(self, hash_: str = "") -> Desk:
        """Signs in, then goes to what stands after the #."""
        self.visit.go("/operator")
        self.signs_in()
        self.page.locator("#desk-out").wait_for()
        self.visit.settle()
        if hash_:
            self.page.evaluate("(where) => { location.hash = where; }", hash_)
            self.visit.settle()
        return self

    def sends(self, name: str = "places.geojson") -> None:
        """Chooses a file of that name and sends it as the last one was."""
        self.page.locator("#file").set_input_files({"name": name, "mimeType": "application/json", "buffer": CONTENT})
        press(self, "Send and check")

    def heading(self, text: str) -> None:
        expect(self.page.locator("#desk-heading")).to_have_text(text)


@pytest.fixture
def desk(fake: Fake, stand_in: Flask) -> Callable[..., Desk]:
    """Opens the page; nobody is signed in yet."""
    return lambda **options: Desk(fake(**options), stand_in)


def test_only_operators_come_in_and_who_runs_one_city_is_at_it(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.visit.go("/operator")
    press(at, "Sign in")
    expect(at.page.locator("#login-fault")).to_have_text("Fill this in.")
    at.signs_in("staff1")
    expect(at.page.locator("#login-fault")).to_contain_text("operators and admins only")
    at.signs_in()
    at.heading("Hangzhou")
    expect(at.page.locator(".row-link").nth(1)).to_contain_text("Version 2, 1,204 rows, since")
    at.page.get_by_role("link", name="Places").click()
    at.heading("Hangzhou: Places")
    rows = at.page.locator("tbody tr")
    expect(rows).to_have_count(2)
    assert rows.nth(0).inner_text().split("\t")[:2] == ["Version 2", "Shown"]


def test_a_file_is_sent_followed_looked_at_shown_and_taken_back(desk: Callable[..., Desk]) -> None:
    at = desk(width=1280).at("#/hangzhou/places")
    page = at.page
    assert page.locator("#licence").input_value() == "ODbL-1.0"  # as the last one
    page.locator("#attribution").fill("")
    press(at, "Send and check")
    expect(page.locator("#file-fault")).to_have_text("Choose the file first.")
    expect(page.locator("#attribution-fault")).to_contain_text("has to be filled in")
    page.locator("#attribution").fill("© a survey")
    page.get_by_text("What the file doesn't say itself").click()
    page.locator("#datum").select_option("gcj02")
    at.sends()
    at.heading("Hangzhou: Places, version 3")
    expect(page.locator(".note-good")).to_contain_text("Nothing stands in the way")
    sent = at.world.uploads[0]
    assert (sent["filename"], sent["attribution"], sent["datum"]) == ("places.geojson", "© a survey", "gcj02")
    assert "dry_run" not in sent
    assert at.world.bodies == [CONTENT]
    expect(page.locator("#desk-view")).to_contain_text("6")
    press(at, "Show it to readers")
    expect(page.locator(".step-lines")).to_contain_text("Added: 12 · Removed: 3 · Moved: 5")
    expect(page.locator(".step-lines")).to_contain_text("Coupons: 4 · Members: 21")
    page.locator(".step").get_by_role("button", name="Show it to readers").click()
    expect(page.locator(".note-good")).to_contain_text("Readers see this version")
    assert [each["active"] for each in at.world.versions] == [True, False, False]
    page.get_by_role("link", name="Places").click()
    press(at, "Go back to version 2")
    expect(page.locator(".step-lines")).to_contain_text("Readers see version 3 now. They will see version 2 again")
    step = page.locator(".step").get_by_role("button", name="Go back to version 2")
    step.click()
    expect(page.locator("#step-note-fault")).to_contain_text("Write a note")
    page.locator("#step-note").fill("the survey was a draft")
    step.click()
    at.heading("Hangzhou: Places, version 2")
    expect(page.locator(".note-good")).to_contain_text("Readers see this version")
    assert [each["version"] for each in at.world.versions if each["active"]] == [2]
    assert at.world.notes[-2] == "rollback: the survey was a draft"


def test_stages_are_told_as_the_server_tells_them_and_nothing_sooner(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.sends("endless.csv")
    expect(at.page.locator(".bar b")).to_have_text("Receiving the file")
    expect(at.page.locator(".note-good")).to_have_count(0)
    loading = at.world.find(3)
    assert loading is not None
    loading["progress"] = {"stage": "checking", "done": 605, "total": 1210, "unit": "rows"}
    expect(at.page.locator(".bar b")).to_have_text("Checking")
    expect(at.page.locator(".bar-words")).to_have_text("605 / 1,210 rows")
    assert at.page.locator("progress").evaluate("(bar) => bar.value") == 0.5
    press(at, "Stop this load")
    at.page.locator(".step").get_by_role("button", name="Stop this load").click()
    at.heading("Hangzhou: Places")
    expect(at.page.locator("tbody tr")).to_have_count(2)


def test_a_load_that_is_dropped_onto_the_page_is_sent(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.page.locator(".drop").evaluate(
        """(zone) => {
          const dragged = new DataTransfer();
          dragged.items.add(new File(["a,b"], "dragged.csv"));
          zone.dispatchEvent(new DragEvent("drop", { dataTransfer: dragged, bubbles: true, cancelable: true }));
        }"""
    )
    expect(at.page.locator("#file-name")).to_have_text("dragged.csv, 3 byte")
    press(at, "Send and check")
    at.heading("Hangzhou: Places, version 3")
    assert at.world.bodies == [b"a,b"]


def test_no_answer_is_said_and_the_load_is_found_again(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.sends("endless.csv")
    at.page.locator(".bar b").wait_for()

    def fail(route: Route) -> None:
        route.fulfill(status=503, headers={"Retry-After": "0"}, content_type="application/problem+json", body="{}")

    at.page.route("**/versions/3", fail)
    expect(at.page.locator("#poll-trouble")).to_contain_text("The load goes on at the server")
    at.page.unroute("**/versions/3")
    expect(at.page.locator("#poll-trouble")).to_be_empty()


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("huge.csv", "a file has at most 1 GB"),
        ("same.csv", "This is the file that readers see already (version 2)"),
        ("wrong.csv", "licence: at least 3 characters"),
    ],
)
def test_what_the_server_refuses_is_told_where_it_was_asked(desk: Callable[..., Desk], name: str, said: str) -> None:
    at = desk().at("#/hangzhou/places")
    at.sends(name)
    expect(at.page.locator("#upload-said")).to_contain_text(said)
    if name == "wrong.csv":
        expect(at.page.locator("#licence-fault")).to_have_text("at least 3 characters")
    at.heading("Hangzhou: Places")


def test_somebody_elses_load_is_named_and_a_lost_answer_makes_no_second_load(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    lost = [True]

    def lose(route: Route) -> None:
        if route.request.method != "POST" or not lost.pop():
            route.continue_()
            return
        lost.append(False)
        route.abort("connectionreset")

    at.page.route("**/versions?*", lose)
    at.sends()
    expect(at.page.locator("#upload-said")).to_contain_text("could not be reached")
    at.world.begin("endless.csv")
    press(at, "Send and check")
    expect(at.page.locator("#upload-said")).to_contain_text("version 3 waits")
    at.page.get_by_role("link", name="Open version 3").click()
    at.heading("Hangzhou: Places, version 3")
    at.page.get_by_role("link", name="Places").click()
    expect(at.page.locator(".note-wait")).to_contain_text("Version 3 is being loaded")
    assert at.page.locator("#upload-form").count() == 0


def test_sending_can_be_stopped(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.page.route("**/versions?*", lambda route: None)  # never answered
    at.page.locator("#file").set_input_files({"name": "slow.csv", "mimeType": "text/csv", "buffer": CONTENT})
    at.page.locator("#upload-form .act").click()
    press(at, "Stop sending")
    expect(at.page.locator("#upload-said")).to_contain_text("Nothing was loaded")
    assert at.world.bodies == []


def test_a_file_that_was_read_wrongly_is_read_again_with_other_columns(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.sends("broken.csv")
    expect(at.page.locator(".note-bad")).to_contain_text("no column of places.csv holds a position")
    expect(at.page.locator(".note-bad")).to_contain_text("Say which column holds the longitude")
    assert at.page.locator("#map-lon").input_value() == "lng"
    assert at.page.locator("#map-website").input_value() == ""
    expect(at.page.locator("#mapping-form")).to_contain_text("nothing was read from: opmerking")
    at.page.locator("#map-website").select_option("opmerking")
    at.page.locator("#map-category_id").select_option("")
    at.page.locator("#map-category").select_option(label="= the same for every row")
    at.page.get_by_label("Value for every row: category, in words").fill("cafe")
    press(at, "Load again like this")
    at.heading("Hangzhou: Places, version 4")
    assert at.world.uploads[-1] == {
        "mapping": {
            "source_key": "id",
            "name": "naam",
            "lon": "lng",
            "lat": "lat",
            "website": "opmerking",
            "category": "=cafe",
        },
        "datum": "wgs84",
        "encoding": "utf-8",
    }


def test_a_blocked_version_offers_no_way_to_readers(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.sends("blocked.csv")
    expect(at.page.locator(".note-bad")).to_contain_text("540 m south-east of the reference")
    names = at.page.locator(".actions .act").all_inner_texts()
    assert names == ["See the report", "Discard it"]


def test_a_second_person_is_asked_for_and_their_word_opens_the_way(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.sends("second.csv")
    expect(at.page.locator(".note-wait")).to_contain_text("A second person has to approve")
    step = at.page.locator(".step")
    press(at, "Show it to readers")
    step.get_by_role("button", name="Show it to readers").click()
    expect(step.locator(".note-bad")).to_contain_text("402 of the 1,204 places would vanish")
    step.get_by_role("button", name="Leave it as it is").click()
    press(at, "Approve with a note")
    at.page.locator("#step-note").fill("myself")
    step.get_by_role("button", name="Approve with a note").click()
    expect(step.locator(".note-bad")).to_contain_text("operator1 loaded this version")
    at.page.locator("#step-note").fill("the market hall is closed")
    step.get_by_role("button", name="Approve with a note").click()
    expect(step).to_have_count(0)
    expect(at.page.locator(".history")).to_contain_text("the market hall is closed")
    press(at, "Show it to readers")
    step.get_by_role("button", name="Show it to readers").click()
    expect(at.page.locator(".note-good")).to_contain_text("Readers see this version")


def test_the_report_has_its_verdict_first_and_its_rows_on_the_map(desk: Callable[..., Desk], tmp_path: Path) -> None:
    at = desk(width=1280)
    at.world.versions.insert(0, version(3, "staged"))
    at.at("#/hangzhou/places/3/report")
    page = at.page
    expect(page.locator(".two-left .note").first).to_contain_text("This version can't be shown")
    assert page.locator(".check summary span").all_inner_texts() == [
        "The data lie shifted in one direction, as another datum shifts them",
        "A category isn't in the active list",
        "Many places lie at one point",
    ]
    assert page.locator(".check .count").all_inner_texts() == ["1,204", "6", "40"]
    refused = page.locator("[data-check='unknown-category']")
    expect(refused).to_contain_text("Row 17 · node/17")
    expect(refused).to_contain_text(HOSTILE)
    assert page.title() != "owned"
    assert refused.locator(".small").count() == 2  # the third has no place
    refused.locator(".small").first.click()
    expect(page.locator(".map-canvas")).to_have_attribute("data-middle", f"{STATION[0]:.4f},{STATION[1]:.4f}")
    expect(page.locator(".first.chosen")).to_contain_text("spaceport")
    at.visit.settle()
    box = page.locator(".map-canvas").bounding_box()
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    expect(refused.locator(".small").first).to_be_focused()
    with page.expect_download() as coming:
        press(at, "Refused rows (CSV)")
    assert coming.value.suggested_filename == "hangzhou-places-3-refused.csv"
    coming.value.save_as(tmp_path / "refused.csv")
    assert (tmp_path / "refused.csv").read_text().splitlines()[1] == "17,node/17,unknown category spaceport"
    page.emulate_media(media="print")
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    assert page.locator("details:not([open])").count() == 0
    assert not page.locator(".small").first.is_visible()
    assert page.locator(".fact-map").is_visible()


def test_what_changes_is_counted_measured_and_drawn_in_layers(desk: Callable[..., Desk]) -> None:
    at = desk(width=1280)
    at.world.versions.insert(0, version(3, "staged"))
    at.at("#/hangzhou/places/3/changes")
    page = at.page
    assert page.locator(".histogram-row").all_inner_texts() == [
        "1 to 10 m\n3", "10 to 50 m\n1", "50 to 200 m\n0", "over 2,000 m\n1",
    ]  # fmt: skip
    assert page.locator("tbody tr").nth(1).locator("td").all_inner_texts()[1:] == ["8%", "5%", "A second person"]
    expect(page.locator("tbody tr").nth(1)).to_contain_text("94 of the 1,180 places that stay move by more than 50 m")
    expect(page.locator("#desk-view")).to_contain_text("was called Old Name")
    expect(page.locator("#desk-view")).to_contain_text("node/4 · 2.3 km")
    boxes = {each: page.locator(f"#layer-{each}") for each in ("added", "removed", "moved", "reshaped")}
    assert [box.is_checked() for box in boxes.values()] == [True, True, True, False]
    assert boxes["reshaped"].is_disabled()
    asked = at.visit.api_calls("/v1/datasets/hangzhou/places/versions/3/diff.geojson")
    assert sorted(asked) == ["layer=added", "layer=moved", "layer=removed"]
    boxes["moved"].uncheck()
    boxes["moved"].check()
    at.visit.settle()
    assert len(at.visit.api_calls("/v1/datasets/hangzhou/places/versions/3/diff.geojson")) == 3
    page.get_by_role("button", name="Show on the map: Closed Bar").click()
    expect(page.locator(".map-canvas")).to_have_attribute("data-middle", "120.1800,30.2700")


def test_reviews_are_decided_and_undone(desk: Callable[..., Desk]) -> None:
    at = desk(width=1280).at("#/hangzhou/reviews")
    page = at.page
    expect(page.locator(".review")).to_have_count(3)
    pair = page.locator("[data-review='r-1']")
    expect(pair).to_contain_text("alike: 94%")
    expect(pair.locator(".side")).to_have_count(2)
    expect(pair.locator(".side").first).to_contain_text("湖滨路 28")
    pair.locator(".small").click()
    at.visit.settle()
    expect(page.locator(".map-canvas")).to_have_attribute("data-middle", "120.1601,30.2501")
    pair.locator("input").fill("one kitchen, two doors")
    pair.get_by_role("button", name="They are one: merge").click()
    expect(pair.locator(".note-good")).to_have_text("Decided: mergedone kitchen, two doors")
    pair.get_by_role("button", name="Undo").click()
    expect(pair.get_by_role("button", name="They are two: keep apart")).to_be_visible()
    page.locator("#review-kind").select_option("report")
    expect(page.locator(".review")).to_have_count(1)
    page.locator("#review-state").select_option("done")
    expect(page.locator(".reviews")).to_contain_text("Nothing waits here.")


def test_a_sign_in_that_ends_on_the_way_leads_back_to_where_one_was(desk: Callable[..., Desk], shop: Any) -> None:
    at = desk().at("#/hangzhou/places")
    shop.end_session(f"login:{at.login}")
    at.page.get_by_role("link", name="Version 1", exact=True).click()
    expect(at.page.locator(".note-wait")).to_contain_text("Your sign-in has ended")
    at.signs_in()
    at.heading("Hangzhou: Places, version 1")


def test_what_is_not_there_is_said(desk: Callable[..., Desk]) -> None:
    at = desk().at()
    wrong = ["#/berlin/places", "#/hangzhou/places/99", "#/hangzhou/nothing", "#/hangzhou/places/x", "#/%E0%A4%A"]
    for where in wrong:
        at.page.evaluate("location.hash = '#/hangzhou'")
        at.heading("Hangzhou")
        at.page.evaluate("(where) => { location.hash = where; }", where)
        at.heading("There is no such thing here")


def test_the_other_language_opens_at_the_same_place(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places/2")
    at.page.locator("a.language").click()
    at.visit.ready()
    at.heading("Hangzhou：地点，版本 2")


def test_the_whole_way_goes_by_keyboard(desk: Callable[..., Desk]) -> None:
    at = desk(width=1280)
    at.world.versions.insert(0, version(3, "staged"))
    at.at("#/hangzhou/places/3")
    page = at.page
    assert page.evaluate("document.activeElement.id") == "desk-heading"
    activate = page.get_by_role("button", name="Show it to readers")
    for _ in range(12):
        page.keyboard.press("Tab")
        if activate.evaluate("(node) => node === document.activeElement"):
            break
    page.keyboard.press("Enter")
    expect(page.locator(".step")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.locator(".step")).to_have_count(0)
    assert activate.evaluate("(node) => node === document.activeElement")
    page.keyboard.press("Enter")
    page.locator("#step-note").press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator(".note-good")).to_contain_text("Readers see this version")


@pytest.mark.parametrize(("lang", "dark", "width"), [("zh-CN", False, 390), ("en", True, 1280)])
def test_axe_finds_nothing_and_nothing_is_cut_off(desk: Callable[..., Desk], lang: str, dark: bool, width: int) -> None:
    at = desk(dark=dark, locale=lang, width=width)
    at.visit.go("/operator")
    assert_accessible(at.visit, "sign-in")
    at.at("#/hangzhou/places")
    at.page.locator(".more summary").click()
    assert_accessible(at.visit, "upload")
    assert_fits(at.visit, "upload")
    at.world.versions.insert(0, version(3, "staged", gate=GATES["note"]))
    for where in ("#/hangzhou", "#/hangzhou/places", "#/hangzhou/places/3", "#/hangzhou/places/3/report",
                  "#/hangzhou/places/3/changes", "#/hangzhou/reviews"):  # fmt: skip
        at.page.evaluate("(where) => { location.hash = where; }", where)
        at.visit.settle()
        assert_accessible(at.visit, where)
        assert_fits(at.visit, where)
    at.page.evaluate("location.hash = '#/hangzhou/places/3'")
    at.visit.settle()
    at.page.get_by_role("button", name=words(lang)["operator.activate"]).click()
    assert_accessible(at.visit, "step")
    assert_fits(at.visit, "step")
