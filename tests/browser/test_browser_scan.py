"""Scanning at the till: a camera that sees a printed QR, the browser's own detector, and cameras that are not there."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import segno
from playwright.sync_api import Browser, Playwright, expect

from tests.browser.acting import at_till, bodies, press
from tests.browser.conftest import CHROMIUM, FLAGS, VIOLATIONS, Visit
from tests.browser.fake_shop import payload

Fake = Callable[..., Any]
Scanning = Callable[..., Visit]
SIDE = 480
FRAMES = 5
CLAIM = str(uuid.UUID(int=7))
# What the browser's own detector looks like where a system has one.
OWN_DETECTOR = """
  globalThis.BarcodeDetector = class {
    static async getSupportedFormats() { return ['qr_code']; }
    async detect() { globalThis.looked = true; return [{rawValue: '%s'}]; }
  };
"""
KEEP_STREAM = """
  const open = MediaDevices.prototype.getUserMedia;
  MediaDevices.prototype.getUserMedia = async function (...how) {
    globalThis.stream = await open.apply(this, how);
    return globalThis.stream;
  };
"""


def film(text: str) -> bytes:
    """A film (YUV4MPEG2, 640×480) of a QR held in front of a grey wall."""
    rows = [list(row) for row in segno.make_qr(text, error="m").matrix_iter(scale=8, border=4)]
    height, width = len(rows), len(rows[0])
    luma = [bytearray([128]) * 640 for _ in range(SIDE)]
    top, left = (SIDE - height) // 2, (640 - width) // 2
    for y, row in enumerate(rows):
        luma[top + y][left : left + width] = bytes(235 if not module else 16 for module in row)
    frame = b"FRAME\n" + b"".join(luma) + bytes([128]) * (320 * (SIDE // 2) * 2)
    return b"YUV4MPEG2 W640 H480 F10:1 Ip A1:1 C420mpeg2\n" + frame * FRAMES


@pytest.fixture
def scanning(driver: Playwright, fake_url: str, tmp_path: Path) -> Iterator[Callable[..., Visit]]:
    """``scanning(text, script=…)`` opens a till in a browser whose camera sees a QR of ``text``, and starts to scan."""
    opened: list[tuple[Browser, Visit]] = []

    def start(text: str, *, script: str = "") -> Visit:
        path = tmp_path / "qr.y4m"
        path.write_bytes(film(text))
        camera = [
            "--use-fake-ui-for-media-stream",
            "--use-fake-device-for-media-stream",
            f"--use-file-for-fake-video-capture={path}",
        ]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *camera])
        context = browser.new_context(
            viewport={"width": 390, "height": 844}, locale="en-GB", permissions=["camera"], reduced_motion="reduce"
        )
        context.add_init_script(VIOLATIONS)
        context.add_init_script(script)
        visit = Visit(context.new_page(), fake_url)
        visit.page.on("console", visit.heard)
        visit.page.on("request", visit.asked)
        opened.append((browser, visit))
        at_till(visit)
        return visit

    yield start
    faults = [fault for _, visit in opened for fault in visit.faults()]
    for browser, _ in opened:
        browser.close()
    assert faults == []


def test_a_code_before_the_camera_is_read_by_our_own_decoder(scanning: Scanning) -> None:
    visit = scanning(payload(CLAIM))
    sent = bodies(visit, "/v1/codes/lookup")
    press(visit, "Scan with the camera")
    expect(visit.page.locator(".note-good")).to_contain_text("Good", timeout=15_000)
    assert sent == [{"qr": payload(CLAIM), "place_id": "place-0"}]


def test_the_browsers_own_detector_is_preferred(scanning: Scanning) -> None:
    visit = scanning("https://example.com/menu", script=OWN_DETECTOR % payload(CLAIM))
    press(visit, "Scan with the camera")
    expect(visit.page.locator(".note-good")).to_contain_text("Good", timeout=15_000)
    assert visit.page.evaluate("globalThis.looked") is True


def test_a_foreign_code_is_named_as_such_and_the_camera_is_let_go_for_typing(scanning: Scanning) -> None:
    visit = scanning("https://example.com/menu", script=KEEP_STREAM)
    sent = bodies(visit, "/v1/codes/lookup")
    press(visit, "Scan with the camera")
    expect(visit.page.locator(".note-bad")).to_contain_text("That is not a code of ours", timeout=15_000)
    assert sent == []
    press(visit, "Type the code instead")
    visit.page.locator("#code").wait_for()
    assert visit.page.evaluate("globalThis.stream.getTracks().map((track) => track.readyState)") == ["ended"]


def test_without_a_camera_the_code_can_be_typed(fake: Fake) -> None:
    visit = fake()
    at_till(visit)
    press(visit, "Scan with the camera")
    expect(visit.page.locator(".note-bad")).to_contain_text("Type the code")
    press(visit, "Type the code instead")
    visit.page.locator("#code").wait_for()
