"""A new city from file to live and back, over the real server and its worker: OpenStreetMap's Andorra anew."""

from __future__ import annotations

import gzip
import json
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from app.cities import queries
from app.cities.types import Origin, Territory
from app.core.ids import new_id
from app.core.settings import Settings
from app.imports import actions
from app.imports.types import LoadRequest
from app.members import queries as members
from app.members.hashing import hash_password, name_login
from geo.coordinates import LonLat
from tests.app.imports.loadfiles import NOW, WORLD
from tests.browser.acting import FAILED, assert_accessible, assert_fits, press
from tests.conftest import MakeDatabase
from tests.servers import ROOT, Worker, running_server

SEEDS = ROOT / "seeds"
PASSWORD = "a valley of eight parishes"
ORIGIN = Origin("OpenStreetMap", "ODbL-1.0", "© OpenStreetMap contributors")
NAMES = {"ca": "Valls del Nord", "en": "Northern valleys"}
VALLEY = Territory(
    1000, "valls", "city", NAMES, "ca", "AD", "Europe/Andorra", "EUR", None, LonLat(1.53, 42.57), 11
)  # fmt: skip


def features(name: str) -> list[dict[str, Any]]:
    """Features of a seed of Andorra; those drawn for the demo are left out."""
    text = gzip.decompress((SEEDS / "andorra" / name).read_bytes()).decode()
    found = json.loads(text)["features"] if name.endswith(".geojson.gz") else map(json.loads, text.splitlines())
    return [each for each in found if not each["properties"].get("demo")]


REGIONS = features("regions.geojson.gz")
PLACES = features("places.geojsonl.gz")[:300]
WANTED = PLACES[1]["properties"]["name"]
WRONG = {"row": 3, "at": PLACES[2]["geometry"]["coordinates"]}


@pytest.fixture(scope="module")
def valley(
    make_database: MakeDatabase,
    migrated_template: str,
    settings_for: Callable[[str], Settings],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[str]:
    """Address of a server over a territory with two operators and its areas, and no place yet."""
    url = make_database(migrated_template)
    settings = settings_for(url)
    engine = sa.create_engine(url)
    folder = tmp_path_factory.mktemp("valley")
    (folder / "regions.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": REGIONS}))
    with engine.begin() as conn:
        queries.put_currencies(conn, {"EUR": 2})
        for territory in (WORLD, VALLEY):
            queries.put_territory(conn, territory, NOW)
        for city_id, kind, path in (
            (WORLD.city_id, "categories", SEEDS / "categories.json"),
            (WORLD.city_id, "brands", SEEDS / "brands.json"),
            (VALLEY.city_id, "regions", folder / "regions.geojson"),
        ):
            report = actions.load(conn, LoadRequest(city_id, kind, path, ORIGIN, trusted=True), NOW)
            assert report.outcome == "staged", report
            actions.activate(conn, city_id, kind, report.version, NOW)
        for login in ("anna", "bernat"):
            member_id = members.insert_member(conn, new_id(), name_login(login), NOW)
            members.put_password(conn, member_id, hash_password(PASSWORD), NOW)
            members.put_grant(conn, member_id, "operator", VALLEY.city_id, NOW)
    engine.dispose()
    worker = Worker(settings, folder / "worker.log", folder / "worker.pid")
    with running_server(settings, folder / "server.log") as address:
        worker.start()
        yield address
        worker.stop()


class Operator:
    """Someone at the page."""

    def __init__(self, visit: Any, login: str) -> None:
        self.visit, self.page = visit, visit.page
        visit.expected.append(FAILED)
        visit.go("/operator")
        self.page.locator("#login").fill(login)
        self.page.locator("#password").fill(PASSWORD)
        self.page.keyboard.press("Enter")
        self.heading("Northern valleys")

    def heading(self, text: str) -> None:
        expect(self.page.locator("#desk-heading")).to_have_text(text, timeout=30_000)

    def goes(self, where: str) -> None:
        self.page.evaluate("(where) => { location.hash = where; }", where)
        self.visit.settle()

    def sends(self, kind: str, name: str, found: list[dict[str, Any]], version: int) -> None:
        """Sends features as a file and waits until the checks have ended."""
        self.goes(f"#/valls/{kind}")
        content = json.dumps({"type": "FeatureCollection", "features": found}).encode()
        self.page.locator("#file").set_input_files({"name": name, "mimeType": "application/json", "buffer": content})
        for field in ("source_name", "licence", "attribution"):
            self.page.locator(f"#{field}").fill(getattr(ORIGIN, field))
        press(self, "Send and check")
        self.heading(f"Northern valleys: {kind.capitalize()}, version {version}")
        self.page.locator(".version-tabs").wait_for(timeout=60_000)

    def shows(self, note: str = "looked through") -> None:
        """Shows the version to readers and waits until the server says that they see it."""
        press(self, "Show it to readers")
        self.page.locator("#step-note").fill(note)
        self.page.locator(".step").get_by_role("button", name="Show it to readers").click()
        expect(self.page.locator(".note-good")).to_contain_text("Readers see this version", timeout=60_000)


def found(address: str, name: str) -> list[str]:
    """What a reader's search for a name finds."""
    query = urllib.parse.urlencode({"q": name, "lat": 42.6191, "lon": 1.5393})
    with urllib.request.urlopen(f"{address}/v1/places/search?{query}", timeout=10) as answer:
        return [each["name"] for each in json.load(answer)["items"]]


@pytest.mark.timeout(600)
def test_a_new_city_goes_live_from_its_files_and_back(visits: Callable[..., Any], valley: str, tmp_path: Path) -> None:
    anna = Operator(visits(valley, width=1280), "anna")
    page = anna.page
    expect(page.locator(".row-link").first).to_contain_text("Version 1, 8 rows")
    # A file with a fault: told with its row, and where it lies.
    faulty = json.loads(json.dumps(PLACES))
    faulty[2]["properties"]["category_id"] = "spaceport"
    anna.sends("places", "places.geojson", faulty, 1)
    expect(page.locator(".facts-short")).to_contain_text("299")
    page.get_by_role("link", name="Report", exact=True).click()
    refused = page.locator("[data-check='unknown-category']")
    expect(refused).to_contain_text("spaceport")
    expect(refused).to_contain_text(f"Row {WRONG['row']}")
    refused.locator(".small").click()
    lon, lat = WRONG["at"]
    expect(page.locator(".map-canvas")).to_have_attribute("data-middle", f"{lon:.4f},{lat:.4f}")
    assert_accessible(anna.visit, "report")
    assert_fits(anna.visit, "report")
    with page.expect_download() as coming:
        press(anna, "Refused rows (CSV)")
    coming.value.save_as(tmp_path / "refused.csv")
    assert "spaceport" in (tmp_path / "refused.csv").read_text()
    anna.goes("#/valls/places/1")
    press(anna, "Discard it")
    page.locator(".step").get_by_role("button", name="Discard it").click()
    anna.heading("Northern valleys: Places")
    assert found(valley, WANTED) == []

    # Mended, looked at, shown: readers find it.
    anna.sends("places", "places.geojson", PLACES, 2)
    expect(page.locator(".facts-short")).to_contain_text("300")
    page.get_by_role("link", name="Changes").click()
    expect(page.locator("#layer-added")).to_be_checked()
    expect(page.locator("#desk-view")).to_contain_text("Readers see nothing of this kind yet")
    anna.goes("#/valls/places/2")
    anna.shows()
    assert WANTED in found(valley, WANTED)

    # A file that lost most of its rows needs a second person; who loaded it is none.
    anna.sends("places", "places.geojson", [PLACES[0], *PLACES[200:]], 3)
    expect(page.locator(".note-wait")).to_contain_text("A second person has to approve")
    press(anna, "Approve with a note")
    page.locator("#step-note").fill("it is all right")
    page.locator(".step").get_by_role("button", name="Approve with a note").click()
    page.locator(".step .note-bad").wait_for()
    bernat = Operator(visits(valley), "bernat")
    bernat.goes("#/valls/places/3")
    press(bernat, "Approve with a note")
    bernat.page.locator("#step-note").fill("the survey covers the north alone")
    bernat.page.locator(".step").get_by_role("button", name="Approve with a note").click()
    expect(bernat.page.locator(".history")).to_contain_text("the survey covers the north alone")
    assert_fits(bernat.visit, "approved")
    bernat.shows()
    assert WANTED not in found(valley, WANTED)

    # And back.
    bernat.goes("#/valls/places")
    press(bernat, "Go back to version 2")
    expect(bernat.page.locator(".step-lines")).to_contain_text("Added: 199")
    bernat.page.locator("#step-note").fill("the south was missing")
    bernat.page.locator(".step").get_by_role("button", name="Go back to version 2").click()
    expect(bernat.page.locator(".note-good")).to_contain_text("Readers see this version", timeout=60_000)
    assert WANTED in found(valley, WANTED)
