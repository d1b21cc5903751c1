"""Chromium over the pages: each test gets a fresh profile, and fails when the page misbehaved behind its back."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import Flask
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Page,
    Playwright,
    Request,
    expect,
    sync_playwright,
)
from werkzeug.serving import make_server

from tests.browser.acting import FAILED, at_till
from tests.browser.desks import Desk
from tests.browser.fake_api import fake_app
from tests.browser.fake_shop import Shop

CHROMIUM = os.environ.get("FUJIN_CHROMIUM") or shutil.which("chromium") or "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
MANIFEST = Path(__file__).parents[2] / "app" / "web" / "static" / "build" / "manifest.json"
# A hint of Chromium's about speed, caused by the map library's hit detection.
HINTS = ["willReadFrequently"]
VIOLATIONS = """
  window.violations = [];
  addEventListener("securitypolicyviolation", (event) => {
    window.violations.push(event.violatedDirective + " " + event.blockedURI);
  });
"""


@pytest.fixture(scope="session")
def driver() -> Iterator[Playwright]:
    """What browsers are launched with; skips where there is none, fails where the pages are not built."""
    if not Path(CHROMIUM).exists():
        pytest.skip("no Chromium on this machine: install the package chromium to run the browser tests")
    if not MANIFEST.exists():
        pytest.fail("the page is not built: npm ci && npm run build in app/web")
    expect.set_options(timeout=15_000)  # a busy machine's answer; a missing one is missing after any time
    with sync_playwright() as playwright:
        yield playwright


@pytest.fixture(scope="session")
def chromium(driver: Playwright) -> Iterator[Browser]:
    """One browser for all tests of this process."""
    browser = driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield browser
    browser.close()


@pytest.fixture(scope="session")
def shop() -> Shop:
    """What the stand-in for the flow knows; each test signs in as someone of its own."""
    return Shop()


@pytest.fixture(scope="session")
def stand_in(shop: Shop) -> Flask:
    """The pages over canned answers."""
    return fake_app(shop)


@pytest.fixture(scope="session")
def fake_url(stand_in: Flask) -> Iterator[str]:
    """The same on a free port of the loopback."""
    server = make_server("127.0.0.1", 0, stand_in, threaded=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@dataclass
class Visit:
    """A page under watch: what it asked for, what it complained about."""

    page: Page
    origin: str
    requests: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    expected: list[str] = field(default_factory=lambda: list(HINTS))

    def go(self, path: str) -> None:
        """Opens ``path`` and waits until nothing moves any more."""
        self.page.goto(self.origin + path)
        self.ready()

    def ready(self) -> None:
        """Waits until nothing is loading and the map is drawn."""
        self.page.wait_for_selector("html[data-ready]", state="attached", timeout=20_000)

    def settle(self) -> None:
        """Waits for what an action started: one turn of the page's own queue, then ready."""
        self.page.evaluate("() => new Promise((done) => setTimeout(done, 30))")
        self.ready()

    def api_calls(self, path: str) -> list[str]:
        """The query strings that were sent to ``path``, in order."""
        return [urlsplit(url).query for url in self.requests if urlsplit(url).path == path]

    def names(self) -> list[str]:
        """The titles in the list, in order."""
        return self.page.locator("#results h3").all_inner_texts()

    def heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def asked(self, request: Request) -> None:
        self.requests.append(request.url)

    def faults(self) -> list[str]:
        """Complaints that no test announced, requests to other origins, violations of the content policy."""
        odd = [text for text in self.complaints if not any(known in text for known in self.expected)]
        own = ("data:", "blob:", self.origin + "/")
        foreign = [f"request to {url}" for url in self.requests if not url.startswith(own)]
        return odd + foreign + [f"policy: {each}" for each in self.page.evaluate("window.violations")]


Open = Callable[..., Visit]


@pytest.fixture
def visits(chromium: Browser) -> Iterator[Callable[..., Visit]]:
    """``visits(origin, dark=…, locale=…, width=…)`` opens a watched page; all are checked at the end."""
    opened: list[tuple[BrowserContext, Visit]] = []

    def opener(origin: str, *, dark: bool = False, locale: str = "en-GB", width: int = 390, **more: Any) -> Visit:
        context = chromium.new_context(
            viewport={"width": width, "height": 844},
            color_scheme="dark" if dark else "light",
            locale=locale,
            timezone_id="Asia/Shanghai",
            reduced_motion="reduce",
            **more,
        )
        context.add_init_script(VIOLATIONS)
        visit = Visit(context.new_page(), origin)
        visit.page.on("console", visit.heard)
        visit.page.on("pageerror", lambda error: visit.complaints.append(str(error)))
        visit.page.on("request", visit.asked)
        opened.append((context, visit))
        return visit

    yield opener
    faults = [fault for _, visit in opened for fault in visit.faults()]
    for context, _ in opened:
        context.close()
    assert faults == []


@pytest.fixture
def fake(visits: Callable[..., Visit], fake_url: str) -> Callable[..., Visit]:
    """Opens watched pages over the canned answers."""
    return lambda **options: visits(fake_url, **options)


@pytest.fixture
def till(fake: Callable[..., Visit]) -> Visit:
    """A watched till that a member of staff of one place is signed in at; refusals are expected."""
    visit = fake()
    visit.expected.append(FAILED)
    at_till(visit)
    return visit


@pytest.fixture
def desk(fake: Callable[..., Visit], stand_in: Flask) -> Callable[..., Desk]:
    """Opens the operator's page; nobody is signed in yet."""
    return lambda **options: Desk(fake(**options), stand_in)
