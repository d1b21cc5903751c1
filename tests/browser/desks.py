"""An operator at the page, and the world of regional data that they alone see."""

from __future__ import annotations

from itertools import count
from typing import Any

from flask import Flask
from playwright.sync_api import expect

from tests.browser.acting import FAILED, press
from tests.browser.fake_regional import World
from tests.browser.fake_shop import PASSWORD

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
