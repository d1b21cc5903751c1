"""What operators look at: the report, what changes, reviews; by everybody, at every width."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import expect

from app.web.pages import words
from tests.browser.acting import assert_accessible, assert_fits, press
from tests.browser.desks import Desk
from tests.browser.fake_findings import HOSTILE, STATION
from tests.browser.fake_regional import GATES, overlay, review, version


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


def test_what_cannot_be_compared_is_said_on_the_page_of_the_version(desk: Callable[..., Desk]) -> None:
    at = desk().at("#/hangzhou/places/1/changes")
    expect(at.page.locator(".note-wait")).to_contain_text("version 1 of places holds no rows to compare with")
    expect(at.page.locator(".version-tabs")).to_be_visible()


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
    expect(page.locator(".map-canvas")).to_have_attribute("data-middle", re.compile(r"120\.160\d,30\.250\d"))
    pair.locator("input").fill("one kitchen, two doors")
    pair.get_by_role("button", name="They are one: merge").click()
    expect(pair.locator(".note-good")).to_have_text("Decided: mergedone kitchen, two doors")
    pair.get_by_role("button", name="Undo").click()
    expect(pair.get_by_role("button", name="They are two: keep apart")).to_be_visible()
    page.locator("#review-kind").select_option("report")
    expect(page.locator(".review")).to_have_count(1)
    assert page.locator(".review .evidence div").all_inner_texts() == [
        "What about it\nclosed for good", "Reports\n1", "What they say\nyes × 1",
    ]  # fmt: skip
    page.locator("#review-state").select_option("done")
    expect(page.locator(".reviews")).to_contain_text("Nothing waits here.")


def test_corrections_are_listed_and_taken_back(desk: Callable[..., Desk]) -> None:
    at = desk(width=1280).at("#/hangzhou")
    page = at.page
    page.get_by_role("link", name="Corrections What people put right").click()
    expect(page.locator(".review")).to_have_count(2)
    one = page.locator("[data-overlay='o-1']")
    expect(one).to_contain_text("外婆家: telephone")
    expect(one).to_contain_text("somebody was there")
    one.get_by_role("button", name="Take it back").click()
    page.locator("#step-note").fill("it was the old number")
    page.get_by_role("dialog").get_by_role("button", name="Take it back").click()
    expect(page.locator(".review")).to_have_count(1)
    assert at.world.notes[-1] == "withdraw: it was the old number"
    page.locator("#correction-state").select_option("withdrawn")
    expect(page.locator("[data-overlay='o-1']")).to_contain_text("Taken back")


def test_why_is_said_in_the_language_of_the_page(desk: Callable[..., Desk]) -> None:
    at = desk(locale="zh-CN", width=1280)
    reasons = ["name 0.94", "22 m", "same category", "phone equal", "they share a door"]
    values = [{"value": "cafe", "reports": 2}, {"value": "nobody_knows", "reports": 1}]
    at.world.reviews = [
        review(1, "duplicate", evidence={"name": 0.94, "distance_m": 22, "reasons": reasons}),
        review(2, "report", field="category_id", evidence={"reports": 3, "values": values}),
        review(3, "report", field="closed", evidence={"reports": 1, "values": [{"value": True, "reports": 1}]}),
        review(4, "overlay_conflict", field="closed", overlay=overlay(4, "closed", True, reason="reported")),
    ]
    at.world.overlays = [
        overlay(1, "category_id", "cafe", reason="reported"),
        overlay(2, "phone", "1", reason="我去过"),
    ]
    page = at.at("#/hangzhou/reviews").page
    told = [page.locator(f"[data-review='r-{n}'] .evidence div").all_inner_texts() for n in (1, 2, 3, 4)]
    assert told == [
        ["相距（米）\n22", "名称相似度（0 到 1）\n0.94",
         "相似之处\n名称相似度 0.94; 相距 22 米; 分类相同; 电话相同; they share a door"],
        ["关于\n分类编号", "反馈数\n3", "反馈内容\nCafés × 2; nobody_knows × 1"],
        ["关于\n已停业", "反馈数\n1", "反馈内容\n是 × 1"],
        ["已更正：已停业\n是", "原因\n读者反馈"],
    ]  # fmt: skip
    expect(page.locator("[data-review='r-1'] .side").first).to_contain_text("Restaurants")
    at.page.evaluate("location.hash = '#/hangzhou/corrections'")
    expect(page.locator("[data-overlay='o-1']")).to_contain_text("读者反馈")
    expect(page.locator("[data-overlay='o-1']")).to_contain_text("Cafés")
    expect(page.locator("[data-overlay='o-2']")).to_contain_text("我去过")


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
                  "#/hangzhou/places/3/changes", "#/hangzhou/reviews", "#/hangzhou/corrections"):  # fmt: skip
        at.page.evaluate("(where) => { location.hash = where; }", where)
        at.visit.settle()
        assert_accessible(at.visit, where)
        assert_fits(at.visit, where)
    at.page.evaluate("location.hash = '#/hangzhou/places/3'")
    at.visit.settle()
    at.page.get_by_role("button", name=words(lang)["operator.activate"]).click()
    assert_accessible(at.visit, "step")
    assert_fits(at.visit, "step")
