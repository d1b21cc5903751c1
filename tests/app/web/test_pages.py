"""The pages' server side: languages, headers, files, and that words and lock file are whole."""

from __future__ import annotations

import ast
import gzip
import json
import re
from collections.abc import Iterable
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.imports.checks.catalogue import CHECKS
from app.imports.conflation import deciding, merging, rules
from app.imports.edits import cli as edits
from app.web import pages

WEB = Path(pages.__file__).parent


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FlaskClient:
    """A client of the pages over a build folder of one script and one style sheet."""
    entries = ("page", "till", "docs", "statements", "merchant", "operator", "areas")
    logical = [f"{entry}.{kind}" for entry in entries for kind in ("js", "css")]
    names = {name: name.replace(".", "-0123456789ab.") for name in logical}
    names |= {"swagger-ui.js": "swagger-ui-0.js", "swagger-ui.css": "swagger-ui-0.css"}
    for name in names.values():
        (tmp_path / name).write_text("built")
        (tmp_path / f"{name}.gz").write_bytes(gzip.compress(b"built"))
    (tmp_path / "manifest.json").write_text(json.dumps(names))
    monkeypatch.setattr(pages, "_BUILD", tmp_path)
    app = Flask("pages-only", static_folder=None)
    app.register_blueprint(pages.create_pages())
    return app.test_client()


@pytest.mark.parametrize(
    ("query", "accepted", "lang"),
    [
        ("", None, "en"),
        ("", "zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("", "zh-Hant-TW", "zh-CN"),
        ("", "de, en;q=0.5, zh;q=0.4", "en"),
        ("", "zh;q=0, en;q=0.1", "en"),
        ("", "fr", "en"),
        ("?lang=zh-CN", "en", "zh-CN"),
        ("?lang=xx", "zh", "zh-CN"),
        ("?lang=../../etc", None, "en"),
    ],
)
def test_language_is_asked_for_or_negotiated(built: FlaskClient, query: str, accepted: str | None, lang: str) -> None:
    answer = built.get(f"/{query}", headers={"Accept-Language": accepted} if accepted else {})
    assert answer.status_code == 200
    assert f'<html lang="{lang}">' in answer.text
    assert answer.headers["Content-Language"] == lang
    assert "Accept-Language" in answer.headers["Vary"]
    assert "Set-Cookie" not in answer.headers


@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/till",
        "/statements",
        "/merchant",
        "/areas",
        "/operator",
        "/docs",
        "/manifest.webmanifest",
        "/favicon.ico",
        "/static/icons/icon.svg",
    ],
)
def test_every_answer_carries_the_security_headers(built: FlaskClient, path: str) -> None:
    headers = built.get(path, buffered=True).headers
    policy = dict(part.split(" ", 1) for part in headers["Content-Security-Policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["style-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize(
    ("path", "camera", "geolocation"),
    [
        ("/", "()", "(self)"),
        ("/docs", "()", "(self)"),
        ("/till", "(self)", "()"),
        ("/statements", "()", "()"),
        ("/merchant", "()", "()"),
        ("/areas", "()", "()"),
        ("/operator", "()", "()"),
    ],
)
def test_the_till_alone_may_use_the_camera_and_never_the_position(
    built: FlaskClient, path: str, camera: str, geolocation: str
) -> None:
    headers = built.get(path).headers
    allowed = dict(each.split("=") for each in headers["Permissions-Policy"].split(", "))
    assert allowed == {"camera": camera, "geolocation": geolocation, "microphone": "()"}
    # Scanning needs no opening of the content policy: a camera's stream is no address.
    assert headers["Content-Security-Policy"] == built.get("/").headers["Content-Security-Policy"]


@pytest.mark.parametrize("lang", ["en", "zh-CN"])
def test_the_till_has_a_page_of_its_own_without_the_map(built: FlaskClient, lang: str) -> None:
    html = built.get(f"/till?lang={lang}").text
    assert f"<title>{pages.words(lang)['till.title']} · {pages.words(lang)['app.name']}</title>" in html
    assert "/static/build/till-0123456789ab.js" in html
    assert "page-0123456789ab" not in html
    assert '<meta name="robots" content="noindex">' in html


def test_the_map_page_links_the_till(built: FlaskClient) -> None:
    assert '<a href="/till?lang=en">Till for shops</a>' in built.get("/").text


@pytest.mark.parametrize(("demo", "marked"), [(True, True), (False, False)])
def test_only_a_demo_says_where_its_codes_are(built: FlaskClient, demo: bool, marked: bool) -> None:
    built.application.config["DEMO"] = demo
    for path in ("/", "/till", "/statements", "/merchant", "/areas", "/operator"):
        assert ("data-demo" in built.get(path).text) is marked


@pytest.mark.parametrize("path", ["/", "/till", "/statements", "/merchant", "/areas", "/operator", "/docs"])
def test_no_page_holds_inline_script_style_or_a_foreign_address(built: FlaskClient, path: str) -> None:
    html = built.get(path).text
    assert re.findall(r"<script(?![^>]*\ssrc=)", html) == []
    assert re.findall(r"<style|\sstyle=|\son\w+=|javascript:", html) == []
    loaded = re.findall(r'(?:src|href)="(https?://[^"]*)"', html)
    assert set(loaded) <= {"https://www.openstreetmap.org/copyright"}


@pytest.mark.parametrize(
    ("query", "title"),
    [
        ("", "Fujin: places and deals nearby"),
        ("?lat=30.25&lon=120.16", "What is near this point, on Fujin"),
        ("?lat=30.25&lon=120.16&place=p1", "A place on Fujin"),
        ("?lang=zh-CN&coupon=c1", "「附近」上的一张优惠券"),
    ],
)
def test_share_links_have_open_graph_titles(built: FlaskClient, query: str, title: str) -> None:
    html = built.get(f"/{query}").text
    assert f'<meta property="og:title" content="{title}">' in html
    assert '<meta property="og:image" content="http://localhost/static/icons/icon-512.png">' in html


def test_a_hostile_address_stays_text_in_the_head(built: FlaskClient) -> None:
    html = built.get('/?place="><script>alert(1)</script>').text
    assert "<script>alert" not in html


def test_built_files_are_kept_for_ever_and_sent_small(built: FlaskClient) -> None:
    plain = built.get("/static/build/page-0123456789ab.js", buffered=True)
    small = built.get("/static/build/page-0123456789ab.js", headers={"Accept-Encoding": "gzip, br"}, buffered=True)
    assert plain.headers["Cache-Control"] == "public, max-age=31536000, immutable"
    assert plain.data == b"built"
    assert plain.mimetype == small.mimetype == "text/javascript"
    assert small.headers["Content-Encoding"] == "gzip"
    assert gzip.decompress(small.data) == b"built"
    assert "Accept-Encoding" in plain.headers["Vary"]
    assert built.get("/static/build/page-0123456789ab.css", buffered=True).mimetype == "text/css"


@pytest.mark.parametrize("name", ["nothing.js", "manifest.json", "page-0123456789ab.js.gz", "..%2f..%2fpages.py"])
def test_only_files_of_the_build_are_served(built: FlaskClient, name: str) -> None:
    assert built.get(f"/static/build/{name}").status_code == 404


@pytest.mark.parametrize("name", ["nothing.svg", "..%2fpages.py", "../../pages.py"])
def test_only_our_icons_are_served(built: FlaskClient, name: str) -> None:
    assert built.get(f"/static/icons/{name}").status_code == 404


def test_before_the_first_build_the_page_says_what_to_run(
    built: FlaskClient, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages, "_BUILD", tmp_path / "nothing")
    answer = built.get("/")
    assert answer.status_code == 503
    assert "npm ci && npm run build" in answer.text


def test_the_installed_copy_is_named_in_its_language(built: FlaskClient) -> None:
    answer = built.get("/manifest.webmanifest?lang=zh-CN")
    assert answer.mimetype == "application/manifest+json"
    assert json.loads(answer.text)["short_name"] == "附近"
    assert [each["url"] for each in json.loads(answer.text)["shortcuts"]] == [
        "/?wallet=mine&lang=zh-CN",
        "/till?lang=zh-CN",
        "/merchant?lang=zh-CN",
    ]
    for icon in json.loads(answer.text)["icons"]:
        assert built.get(icon["src"], buffered=True).status_code == 200


def test_both_languages_have_the_same_words_with_the_same_gaps() -> None:
    english, chinese = pages.words("en"), pages.words("zh-CN")
    assert list(english) == list(chinese)
    for key, text in english.items():
        assert sorted(re.findall(r"\{\w+\}", text)) == sorted(re.findall(r"\{\w+\}", chinese[key])), key


def test_what_the_checks_say_is_said_in_chinese_too() -> None:
    chinese = json.loads((WEB / "i18n" / "zh-CN.server.json").read_text(encoding="utf-8"))
    said = {f"{part}.{code}" for code in CHECKS for part in ("check", "hint")}
    assert {key for key in chinese if key.split(".")[0] in ("check", "hint")} == said


def reasons_of_the_server() -> set[str]:
    """Why pairs look alike and why corrections were made, as the code says it; a number is {n}."""
    found = {merging.Merge.__dataclass_fields__["reason"].default, edits.DEFAULT_REASON}
    found |= set(re.findall(r'given\.note or "([^"]+)"', Path(deciding.__file__).read_text(encoding="utf-8")))
    source = Path(rules.__file__).read_text(encoding="utf-8")
    judging = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    for function in judging:
        if function.name in ("verdict_of", "_caps", "_kinds"):
            for node in ast.walk(ast.Module(function.body[1:], [])):
                if isinstance(node, ast.JoinedStr) and any(isinstance(p, ast.FormattedValue) for p in node.values):
                    said = "".join(str(p.value) if isinstance(p, ast.Constant) else "{n}" for p in node.values)
                    found.add(said)
                elif isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value.strip():
                    found.add(node.value)
    return found


def test_why_something_was_found_or_corrected_is_said_in_chinese_too() -> None:
    chinese = json.loads((WEB / "i18n" / "zh-CN.server.json").read_text(encoding="utf-8"))
    said = reasons_of_the_server()
    assert {"name {n}", "{n} m", "phone equal", "same category", "names differ", "reported"} <= said
    assert {key.removeprefix("why.") for key in chinese if key.startswith("why.")} == said
    assert [key for key, text in chinese.items() if ("{n}" in key) != ("{n}" in text)] == []


SOURCES = "".join(
    path.read_text(encoding="utf-8")
    for path in sorted([*(WEB / "src").rglob("*.ts"), *(WEB / "templates").iterdir(), *WEB.glob("*.py")])
)


def unused_words(words: Iterable[str], sources: str) -> list[str]:
    """The words that nothing in ``sources`` names, as a whole, as the stem of a plural or by their family.

    Words of a family are looked up with a value of the API in their name, t(`claim.state.${…}`); those of refusals by
    lists of families.
    """
    families = {
        *re.findall(r"\b(?:t|maybe)\(`([a-z_.]+[._])\$\{", sources),
        "problem.",
        "till.reason.",
        "merchant.reason.",
    }
    named = {
        *re.findall(r"[\"']([a-z_]+\.[a-z_.]+)[\"']", sources),
        *(key for key in words for family in families if re.fullmatch(re.escape(family) + r"[\w-]+", key)),
    }
    return [key for key in words if not {key, re.sub(r"_(one|other)$", "", key)} & named]


def missing_words(words: Iterable[str], sources: str) -> list[str]:
    """What ``sources`` ask for by name, or by the name of a family, and no word answers to."""
    whole = re.findall(r"\b(?:t\(|t\[|maybe\()\s*[\"']([\w.-]+)[\"']", sources)
    stems = [f"{stem}_{form}" for stem in re.findall(r"\bcounted\(\"([\w.]+)\"", sources) for form in ("one", "other")]
    families = re.findall(r"\b(?:t|maybe)\(`([a-z_.]+[._])\$\{", sources)
    known = set(words)
    empty = [family for family in families if not any(key.startswith(family) for key in known)]
    return sorted({*whole, *stems} - known) + empty


def test_every_word_is_used_and_every_used_word_exists() -> None:
    assert unused_words(pages.words("en"), SOURCES) == []
    assert missing_words(pages.words("en"), SOURCES) == []


@pytest.mark.parametrize(
    "key", ["claim.nonsense", "cancel.nonsense", "pay.state.more.nonsense", "signin.out_other_one"]
)
def test_a_word_that_nothing_names_is_found(key: str) -> None:
    assert unused_words([*pages.words("en"), key], SOURCES) == [key]


@pytest.mark.parametrize(
    ("source", "key"),
    [
        ('t("claim.nonsense")', "claim.nonsense"),
        ("<p>{{ t['claim.nonsense'] }}</p>", "claim.nonsense"),
        ("maybe(`claim.nonsense.${state}`)", "claim.nonsense."),
        ('counted("claim.free", 2, "2")', "claim.free_one"),
    ],
)
def test_a_word_that_is_named_and_missing_is_found(source: str, key: str) -> None:
    assert key in missing_words(pages.words("en"), SOURCES + source)


def test_the_lock_file_names_no_registry_and_pins_every_package() -> None:
    lock = json.loads((WEB / "package-lock.json").read_text())
    packages = {name: each for name, each in lock["packages"].items() if name}
    assert [name for name, each in packages.items() if "resolved" in each] == []
    assert [name for name, each in packages.items() if "integrity" not in each] == []
    wanted = json.loads((WEB / "package.json").read_text())
    versions = (wanted["dependencies"] | wanted["devDependencies"]).values()
    assert [version for version in versions if not re.fullmatch(r"\d+\.\d+\.\d+", version)] == []
