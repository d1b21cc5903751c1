"""The page of a group, over the real application: an invitation is opened on a phone, joined, paid, and comes true."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from playwright.sync_api import expect
from werkzeug.serving import make_server

from app.core.settings import Settings
from tests.browser.acting import DOUBLE, FAILED, assert_accessible, assert_fits, new_phone
from tests.conftest import MakeDatabase
from tests.factories.parties import Party, open_party

Visits = Callable[..., Any]


@pytest.fixture(scope="module")
def party(
    make_database: MakeDatabase, migrated_template: str, settings_for: Callable[[str], Settings]
) -> Iterator[Party]:
    url = make_database(migrated_template)
    found, engine = open_party(url, settings_for(url))
    yield found
    found.database.dispose()
    engine.dispose()


@contextmanager
def served(party: Party) -> Iterator[str]:
    """The application on a free port of the loopback."""
    server = make_server("127.0.0.1", 0, party.loop.app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(scope="module")
def address(party: Party) -> Iterator[str]:
    with served(party) as found:
        yield found


def link(group: dict[str, Any]) -> str:
    """The invitation's path and query."""
    return "/group/" + str(group["invite_url"]).partition("/group/")[2]


def sign_in(party: Party, visit: Any) -> None:
    """Fills in the form that is shown, with the code that the stand-in wrote down."""
    phone = new_phone()
    visit.page.locator("#phone").fill(phone)
    visit.page.keyboard.press("Enter")
    visit.page.locator("#otp").wait_for()
    lines = (party.settings.state_dir / "otp.jsonl").read_text().splitlines()
    code = next(json.loads(line)["code"] for line in reversed(lines) if json.loads(line)["phone"] == phone)
    visit.page.locator("#otp").fill(code)


def test_a_friend_opens_the_invitation_joins_pays_and_makes_the_deal(
    party: Party, address: str, visits: Visits
) -> None:
    group, people = party.gathered(2)
    visit = visits(address, width=360)
    visit.expected.append(FAILED)
    visit.go(link(group))
    page = visit.page
    expect(page.locator(".group-said")).to_have_text("2 of 3 have joined")
    expect(page.locator(".group-missing")).to_have_text("1 more person makes the deal")
    assert page.locator("progress").evaluate("(bar) => [bar.value, bar.max]") == [2, 3]
    assert_accessible(visit, "invited")
    assert_fits(visit, "invited")
    page.locator("#join").click()
    sign_in(party, visit)
    page.locator("#pay").wait_for()  # the seat was what they signed in for
    expect(page.locator(".note b")).to_have_text("Your seat is kept for you")
    assert party.seats(group) == ["joined", "joined", "reserved"]
    assert_accessible(visit, "reserved")
    page.locator("#pay").click()
    page.locator(".code-card").wait_for()
    expect(page.locator(".group-said")).to_have_text("3 of 3 have joined")
    expect(page.locator(".note-good b")).to_have_text("The deal is made")
    assert party.state(group) == "succeeded"
    digits = "".join(page.locator(".code-digits span").all_inner_texts())
    assert party.shop.use(digits, order=None).status_code == 201
    expect(page.locator(".note-good p")).to_have_text("Used. Enjoy!", timeout=10_000)
    assert_fits(visit, "made")
    assert len(people) == 2


def test_whoever_is_in_sees_others_come_and_sends_the_link_on(party: Party, address: str, visits: Visits) -> None:
    group, _ = party.gathered(1)
    visit = visits(address, dark=True, locale="zh-CN")
    visit.expected.append(FAILED)
    visit.page.add_init_script("navigator.share = async (what) => { window.shared = what; }")
    visit.go(link(group))
    visit.page.locator("#join").click()
    sign_in(party, visit)
    visit.page.locator("#pay").click()
    visit.page.get_by_role("button", name="邀请好友").wait_for()
    expect(visit.page.locator(".group-missing")).to_have_text("还差 1 人成团")
    assert_accessible(visit, "in it")
    visit.page.get_by_role("button", name="邀请好友").click()
    shared = visit.page.evaluate("window.shared.url")
    assert shared == f"{address}{link(group)}"
    party.paid(party.people(1)[0], group)
    visit.page.locator(".code-card").wait_for(timeout=10_000)  # by itself


def test_what_can_not_be_joined_says_why(party: Party, address: str, visits: Visits) -> None:
    full = party.begun(party.people(1)[0], group_target=2, group_seats=2)
    party.seated(party.people(1)[0], full)
    visit = visits(address, width=360)
    visit.page.add_init_script(DOUBLE)
    visit.go(link(full))
    expect(visit.page.locator(".note b")).to_have_text("Every seat is taken")
    assert visit.page.locator("#join").count() == 0
    assert_fits(visit, "full, in large letters")
    failed, _ = party.gathered(1)
    party.over(failed)
    party.sweep()
    visit.go(link(failed))
    expect(visit.page.locator(".note b")).to_have_text("The group did not come together")
    cut = visits(address)
    cut.expected.append(FAILED)
    cut.go(link(failed)[:-1])
    expect(cut.page.locator(".note b")).to_have_text("This group is not here")
    assert_accessible(cut, "a broken link")


def test_a_group_is_begun_from_the_page_of_its_coupon(party: Party, address: str, visits: Visits) -> None:
    coupon = party.coupon()
    visit = visits(address)
    visit.expected.append(FAILED)
    visit.go(f"/?coupon={coupon}")
    visit.page.locator("#start-group").click()
    sign_in(party, visit)
    visit.page.locator("#pay").wait_for(timeout=15_000)
    assert "/group/" in visit.page.url
    visit.page.locator("#pay").click()
    expect(visit.page.locator(".group-said")).to_have_text("1 of 3 have joined")
    visit.page.get_by_role("link", name="Details, or give the seat back").click()
    visit.page.get_by_text("Waiting for the group").wait_for()
