"""The page of areas over the real server: drawn with a hole, refused where it crosses itself, mended, found."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import expect

from app.core.settings import Settings
from app.imports.demo.people import demo_password
from tests.browser.acting import FAILED, assert_accessible, assert_fits, press

OWNER = "owner1"
FAR_DEG = 0.012
"""Half the width of the square that is drawn around the place."""


def asked(
    url: str, token: str = "", method: str = "GET", body: Any = None, **headers: str
) -> tuple[dict[str, Any], str]:
    """The JSON of an answer, and its ETag."""
    sent = {"Accept-Language": "en", "Content-Type": "application/json"} | headers
    if token:
        sent["Authorization"] = f"Bearer {token}"
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=sent, method=method)
    with urllib.request.urlopen(request, timeout=10) as answer:
        content = answer.read()
        return (json.loads(content) if content else {}), answer.headers.get("ETag", "")


class Drawer:
    """An owner at the page, at one of their places; the areas of their own names are archived at the end."""

    def __init__(self, visit: Any, url: str, token: str, settings: Settings) -> None:
        self.visit, self.page, self.url, self.token = visit, visit.page, url, token
        self.password = demo_password(settings.secret_key, OWNER)
        mine = asked(f"{url}/v1/me", token)[0]["merchants"][0]
        self.place_id = asked(f"{url}/v1/merchants/{mine}/places?limit=1")[0]["items"][0]["place_id"]
        here = asked(f"{url}/v1/places/{self.place_id}")[0]["location"]
        self.lon, self.lat = here["lon"], here["lat"]
        self.areas = f"{url}/v1/places/{self.place_id}/service-areas"
        visit.expected.append(FAILED)

    def signs_in(self) -> None:
        self.visit.go(f"/areas#/{self.place_id}")
        self.page.locator("#login").fill(OWNER)
        self.page.locator("#password").fill(self.password)
        self.page.keyboard.press("Enter")
        self.page.locator(".two-map").wait_for()
        self.visit.settle()

    def goes(self, *parts: str) -> None:
        self.page.evaluate("(where) => { location.hash = where; }", "/".join(("#", self.place_id, *parts)))
        self.visit.settle()

    def opens_corners(self) -> None:
        self.page.locator(".corner-box > summary").click()

    def types(self, *corners: tuple[float, float]) -> None:
        """Sets corners by the keyboard alone, as offsets from the place."""
        for east, north in corners:
            self.page.locator("#corner-lon").fill(f"{self.lon + east:.7f}")
            self.page.locator("#corner-lat").fill(f"{self.lat + north:.7f}")
            self.page.keyboard.press("Enter")

    def serves(self, east: float, north: float, external_id: str) -> bool:
        """Whether a phone there is served by the area, as anyone may ask."""
        query = f"lat={self.lat + north}&lon={self.lon + east}&place_id={self.place_id}"
        found = asked(f"{self.url}/v1/service-areas/containing?{query}")[0]
        mine = asked(f"{self.areas}/{external_id}", self.token)[0]["service_area_id"]
        return any(each["service_area_id"] == mine for each in found["items"])

    def archives(self, external_id: str) -> None:
        tag = asked(f"{self.areas}/{external_id}", self.token)[1]
        asked(f"{self.areas}/{external_id}", self.token, "DELETE", **{"If-Match": tag})


@pytest.fixture
def drawer(
    visits: Callable[..., Any],
    live_server_url: str,
    demo_tokens: dict[str, dict[str, str]],
    seeded_settings: Settings,
) -> Callable[..., Drawer]:
    """Opens the page as the owner of a business of the demo."""

    def opened(**options: Any) -> Drawer:
        return Drawer(visits(live_server_url, **options), live_server_url, demo_tokens[OWNER]["token"], seeded_settings)

    return opened


def square(half: float) -> list[tuple[float, float]]:
    return [(-half, -half), (half, -half), (half, half), (-half, half)]


def test_an_area_with_a_hole_is_drawn_mended_published_and_found(drawer: Callable[..., Drawer]) -> None:
    owner = drawer(width=1280)
    page = owner.page
    owner.signs_in()
    page.get_by_role("link", name="New area").click()
    page.locator("#external_id").fill("browser-round")
    page.locator("#names-en").fill("Lunch round")
    owner.opens_corners()
    one, two, three, four = square(FAR_DEG)
    owner.types(one, three, two, four)
    # A bow-tie: told in words, and where it crosses itself.
    press(owner, "Save and publish")
    expect(page.locator(".fault")).to_contain_text("crosses itself")
    expect(page.locator(".map-canvas")).to_have_attribute("data-pins", "1")
    # Mended by typing: the second corner and the third change places.
    for number, (east, north) in ((2, two), (3, three)):
        page.get_by_label(f"Longitude of corner {number}").fill(f"{owner.lon + east:.7f}")
        page.get_by_label(f"Latitude of corner {number}").fill(f"{owner.lat + north:.7f}")
        page.keyboard.press("Tab")
    # A hole around the middle, by the pointer.
    press(owner, "Show everything")
    owner.visit.settle()
    press(owner, "Cut a hole")
    box = page.locator(".map-canvas").bounding_box()
    middle_x, middle_y = box["x"] + box["width"] / 2 - 17, box["y"] + box["height"] / 2 - 5
    for dx, dy in ((-60, -60), (60, -60), (60, 60)):
        page.mouse.click(middle_x + dx, middle_y + dy)
    page.mouse.dblclick(middle_x - 60, middle_y + 60)
    expect(page.locator("#ring option:checked")).to_have_text("Hole 1 of area 1: 4 corners")
    press(owner, "Save and publish")
    expect(page.locator("#area-said")).to_contain_text("In force")
    assert owner.serves(0.8 * FAR_DEG, 0.8 * FAR_DEG, "browser-round")
    assert not owner.serves(0, 0, "browser-round")
    assert_accessible(owner.visit, "area")
    assert_fits(owner.visit, "area")

    # With terms of its own from a later day on: beside the one in force, and given up again.
    page.locator("#tags").fill("lunch，office")
    page.locator("#metadata").fill('zone = 7\nhot = true\ncode = "7"')
    page.locator('[id="effective/from"]').fill("2099-01-01T08:00")
    press(owner, "Save and publish")
    expect(page.locator("#area-said")).to_contain_text("in force from Jan 1, 2099")
    found = asked(f"{owner.areas}/browser-round", owner.token)[0]
    assert (found["published"]["version"], found["scheduled"]["tags"]) == (1, ["lunch", "office"])
    assert found["scheduled"]["metadata"] == {"zone": 7, "hot": True, "code": "7"}
    assert not owner.serves(0, 0, "browser-round")
    press(owner, "Give up what begins later")
    press(owner, "Yes, do it")
    expect(page.locator("#area-state")).not_to_contain_text("2099")

    # Without the hole: another version, beside the first on the map; then back.
    page.locator("#ring").select_option(label="Hole 1 of area 1: 4 corners")
    press(owner, "Remove this ring")
    press(owner, "Save and publish")
    expect(page.locator("#area-state")).to_contain_text("In force: version 3")
    assert owner.serves(0, 0, "browser-round")
    page.get_by_role("link", name="Versions").click()
    expect(page.locator(".version")).to_have_count(3)
    expect(page.locator(".legend")).to_contain_text("Version 2, looked at")
    press(owner, "Bring back version 1")
    press(owner, "Yes, do it")
    expect(page.locator(".version")).to_have_count(4)
    assert not owner.serves(0, 0, "browser-round")
    owner.archives("browser-round")


def test_keys_draw_files_are_read_and_nobodys_edit_is_lost(drawer: Callable[..., Drawer]) -> None:
    owner = drawer()
    page = owner.page
    owner.signs_in()
    owner.goes("", "new")
    canvas = page.locator(".map-canvas")
    # On the map by keys: a corner at the cross, the map moved on, and so forth.
    press(owner, "Draw an area")
    expect(canvas).to_be_focused()
    for key in ("Enter", "ArrowRight", "Enter", "ArrowDown", "Enter", "f"):
        page.keyboard.press(key)
        owner.visit.settle()
    owner.opens_corners()
    expect(page.locator("#ring option:checked")).to_have_text("Area 1: 3 corners")
    first = page.get_by_label("Latitude of corner 1", exact=True)
    before = float(first.input_value())
    page.locator("[data-key='pick-0']").focus()
    page.keyboard.press("ArrowUp")
    assert (float(first.input_value()) - before) * 111_195 == pytest.approx(5, abs=0.05)
    press(owner, "↶ Undo")
    assert float(first.input_value()) == before
    press(owner, "↷ Redo")
    assert float(first.input_value()) > before
    press(owner, "Remove this ring")
    expect(canvas).to_have_attribute("data-parts", "0")

    def reads(name: str, content: str) -> None:
        page.locator("#file").set_input_files({"name": name, "mimeType": "text/xml", "buffer": content.encode()})

    ring = " ".join(f"{owner.lon + east},{owner.lat + north},3" for east, north in [*square(0.004), square(0.004)[0]])
    boundary = f"<outerBoundaryIs><LinearRing><coordinates>{ring}</coordinates></LinearRing></outerBoundaryIs>"
    mark = f"<Placemark><Polygon>{boundary}</Polygon></Placemark>"
    kml = f"<kml xmlns='http://www.opengis.net/kml/2.2'><Document>%s{mark}</Document></kml>"
    fault = page.locator("#file-fault")
    reads("evil.kml", "<!DOCTYPE kml [<!ENTITY a 'b'>]>" + kml % "")
    expect(fault).to_contain_text("DOCTYPE")
    reads("link.kml", kml % "<NetworkLink><Link><href>http://127.0.0.1:9/x.kml</href></Link></NetworkLink>")
    expect(fault).to_contain_text("NetworkLink")
    reads("icon.kml", kml % "<Style><IconStyle><Icon><href>http://127.0.0.1:9/x.png</href></Icon></IconStyle></Style>")
    expect(fault).to_contain_text("x.png")
    reads("large.kml", kml % ("<!--" + "x" * 1_000_000 + "-->"))
    expect(fault).to_contain_text("larger than 1 MB")
    reads("round.kml", kml % "<Placemark><Point><coordinates>1,2</coordinates></Point></Placemark>")
    expect(page.locator("#pad-said")).to_contain_text("Areas read from round.kml: 1")
    expect(page.locator("#pad-said")).to_contain_text("no polygons: 1")
    expect(fault).to_have_text("")
    page.locator("#external_id").fill("browser-file")
    page.locator("#names-en").fill("From a file")
    press(owner, "Save")
    expect(page.locator("#area-said")).to_contain_text("It waits until you publish it")
    assert_accessible(owner.visit, "waiting")
    assert_fits(owner.visit, "waiting")

    # The same drawing in the digits of a Chinese map, declared as such, comes to lie where it was.
    there = asked(f"{owner.areas}/browser-file?datum=gcj02", owner.token)[0]["waiting"]["geometry"]
    here = asked(f"{owner.areas}/browser-file", owner.token)[0]["waiting"]["geometry"]["coordinates"][0]
    assert abs(there["coordinates"][0][0][0] - here[0][0]) > 0.001
    page.locator("#datum").select_option("gcj02")
    reads("amap.geojson", json.dumps({"type": "Feature", "properties": {}, "geometry": there}))
    expect(page.locator("#pad-said")).to_contain_text("Areas read from amap.geojson: 1")
    page.locator("#ring").select_option(label="Area 2: 4 corners")
    for name, axis in (("Longitude", 0), ("Latitude", 1)):
        for number in (1, 3):
            shown = page.get_by_label(f"{name} of corner {number}", exact=True).input_value()
            assert float(shown) == pytest.approx(here[number - 1][axis], abs=2e-7)
    press(owner, "↶ Undo")

    # Somebody else saves meanwhile: told, and nothing of ours is lost.
    where = f"{owner.areas}/browser-file"
    area, tag = asked(where, owner.token)
    theirs = {"kind": "delivery", "names": {"en": "Theirs"}, "geometry": area["waiting"]["geometry"]}
    asked(where, owner.token, "PUT", theirs, **{"If-Match": tag})
    page.locator("#names-en").fill("Ours")
    press(owner, "Save")
    expect(page.locator("#area-said")).to_contain_text("Changed by them: names")
    press(owner, "Save mine over it")
    expect(page.locator("#area-said")).to_contain_text("It waits until you publish it")
    assert asked(where, owner.token)[0]["waiting"]["names"] == {"en": "Ours"}

    # A circle that reaches out of the city: what is inside of it is shown, and taken by one key.
    page.locator("#how").select_option("circle")
    for name, value in (("center_lon", owner.lon + 0.134), ("center_lat", owner.lat - 0.119), ("radius", 9000)):
        page.locator(f"#{name}").fill(f"{value:.7g}")
        page.keyboard.press("Tab")
    press(owner, "Save and publish")
    expect(page.locator("#area-said")).to_contain_text("The part inside of the city would do")
    page.keyboard.press("Enter")
    expect(page.locator("#how")).to_have_value("drawn")
    owner.archives("browser-file")
