"""The operator's page over canned answers: a load from the file to its readers, and everything that gets in its way."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from tests.browser.acting import press
from tests.browser.desks import CONTENT, Desk
from tests.browser.fake_regional import version


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
    expect(at.page.locator("#upload-said")).to_contain_text("Send it again: the same file is one load")
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
    # What was declared before and what was changed; what was guessed is guessed again, and "=" stands for no column.
    assert at.world.uploads[-1] == {
        "mapping": {"lon": "lng", "website": "opmerking", "category_id": "=", "category": "=cafe"},
    }


def test_a_reading_that_is_not_changed_is_not_declared(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.sends("blocked.csv")
    # What mends it is open before one's eyes.
    expect(at.page.locator("#reload-datum")).to_be_visible()
    at.page.locator("#reload-datum").select_option("gcj02")
    press(at, "Load again like this")
    at.heading("Hangzhou: Places, version 4")
    assert at.world.uploads[-1] == {"datum": "gcj02"}


def test_a_position_in_one_column_can_be_told(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.sends("broken.csv")
    at.page.locator("#map-lon").select_option("")
    at.page.locator("#map-latlon").select_option("opmerking")
    press(at, "Load again like this")
    at.heading("Hangzhou: Places, version 4")
    assert at.world.uploads[-1] == {"mapping": {"latlon": "opmerking"}}


def test_what_no_other_reading_helps_is_not_offered_one_and_its_report_says_why(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.sends("picture.png")
    expect(at.page.locator(".note-bad")).to_contain_text("Save it as GeoJSON")
    assert at.page.locator("#mapping-form").count() == 0
    at.page.get_by_role("link", name="Report", exact=True).click()
    at.heading("Hangzhou: Places, version 3: report")
    expect(at.page.locator(".note-bad")).to_contain_text("The file is a picture.")
    assert at.page.locator(".note-good").count() == 0


def test_a_trial_says_what_it_would_have_come_to(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places")
    at.page.get_by_text("What the file doesn't say itself").click()
    at.page.locator("#dry_run").check()
    at.sends("second.csv")
    said = at.page.locator(".note-wait")
    expect(said).to_contain_text("A trial: everything was checked")
    expect(said).to_contain_text("A second person has to approve")
    expect(said).to_contain_text("402 of the 1,204 places would vanish")


def test_a_first_version_promises_no_way_back(desk: Callable[..., Desk]) -> None:
    at = desk()
    at.world.differs = {"from": None}
    at.world.versions = [version(3, "staged")]
    at.at("#/hangzhou/places/3")
    press(at, "Show it to readers")
    expect(at.page.locator(".step-lines")).to_contain_text("Nothing of this kind was shown before")
    expect(at.page.locator(".step-lines")).not_to_contain_text("go back to it")


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
