"""Pages and their files: plain Flask that reads templates and words; everything shown comes from the JSON API.

Sources: Content Security Policy Level 3, RFC 9111 (caching), RFC 9110 (Accept-Language, Vary), RFC 8246 (immutable).
"""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Final

from flask import Blueprint, Response, abort, current_app, make_response, render_template, request, send_from_directory

_HERE: Final = Path(__file__).parent
_BUILD: Final = _HERE / "static" / "build"
_ICONS: Final = _HERE / "static" / "icons"
LANGUAGES: Final = ("en", "zh-CN")
_WORD_FILES: Final = ("", ".claims", ".merchant", ".till", ".group", ".statements", ".operator", ".areas")

_SECURITY: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' data:",
            "connect-src 'self'",
            "manifest-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
        )
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Permissions-Policy": "geolocation=(self), camera=(), microphone=()",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}
# Scanning a code is all that the till may do beyond the other pages; it never asks where it stands.
_TILL_PERMISSIONS: Final = "geolocation=(), camera=(self), microphone=()"
_NO_PERMISSIONS: Final = "geolocation=(), camera=(), microphone=()"
_FOREVER: Final = "public, max-age=31536000, immutable"
_A_DAY: Final = "public, max-age=86400"


@lru_cache(maxsize=len(LANGUAGES))
def words(lang: str) -> dict[str, str]:
    """The texts of one language, by key; the same files the browser's code is built with."""
    table: dict[str, str] = {}
    for part in _WORD_FILES:
        table |= json.loads((_HERE / "i18n" / f"{lang}{part}.json").read_text(encoding="utf-8"))
    return table


def chosen_language() -> str:
    """``?lang=`` when it names a language we have, else the best of Accept-Language, else English."""
    asked = request.args.get("lang", "")
    if asked in LANGUAGES:
        return asked
    for tag, quality in request.accept_languages:
        primary = tag.lower().partition("-")[0]
        if quality > 0 and primary in ("zh", "en"):
            return "zh-CN" if primary == "zh" else "en"
    return "en"


def built_files() -> dict[str, str]:
    """Logical file name → name in the build folder; empty before the first build."""
    try:
        files: dict[str, str] = json.loads((_BUILD / "manifest.json").read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    return files


def _share_title(t: dict[str, str]) -> str:
    if "place" in request.args:
        return t["app.share_place"]
    if "coupon" in request.args:
        return t["app.share_coupon"]
    if "invite" in request.args:
        return t["group.invited"]
    return t["app.share_point"] if "lat" in request.args else t["app.title"]


def _html(template: str) -> Response:
    lang = chosen_language()
    t = words(lang)
    files = built_files()
    if not files:
        answer = make_response(t["app.not_built"] + "\n", 503)
        answer.mimetype = "text/plain"
    else:
        answer = make_response(
            render_template(
                template,
                lang=lang,
                other_lang=next(other for other in LANGUAGES if other != lang),
                t=t,
                built=lambda name: f"/static/build/{files[name]}",
                demo=current_app.config.get("DEMO", False),
                share_title=_share_title(t),
                share_url=request.url,
                share_image=f"{request.host_url}static/icons/icon-512.png",
            )
        )
    answer.headers["Content-Language"] = lang
    answer.headers["Cache-Control"] = "no-cache"
    answer.vary.add("Accept-Language")
    return answer


def page() -> Response:
    """The map page; its state is in the query string and read by the browser."""
    return _html("page.html")


def till() -> Response:
    """The till: codes are typed or scanned, redeemed, charged and undone."""
    answer = _html("till.html")
    answer.headers["Permissions-Policy"] = _TILL_PERMISSIONS
    return answer


def group(group_id: str) -> Response:  # noqa: ARG001 - the browser reads it off the address
    """The page of one group, which its invitation names: how far it is, a seat in it, its payment and its code."""
    return _html("group.html")


def merchant() -> Response:
    """A merchant's own page: coupons are written, published, paused and ended."""
    answer = _html("merchant.html")
    answer.headers["Permissions-Policy"] = _NO_PERMISSIONS
    return answer


def statements() -> Response:
    """A merchant's statements, every cent explained."""
    answer = _html("statements.html")
    answer.headers["Permissions-Policy"] = _NO_PERMISSIONS
    return answer


def areas() -> Response:
    """Where a merchant's places serve: areas are drawn, published and taken back; what is shown stands after the #."""
    answer = _html("areas.html")
    answer.headers["Permissions-Policy"] = _NO_PERMISSIONS
    return answer


def operator() -> Response:
    """Regional data: versions are loaded, looked at, shown and taken back; what is shown stands after the #."""
    answer = _html("operator.html")
    answer.headers["Permissions-Policy"] = _NO_PERMISSIONS
    return answer


def docs() -> Response:
    """Swagger UI over /openapi.json, from local files only."""
    return _html("docs.html")


def built_file(name: str) -> Response:
    """A built file; its name carries its hash, so it may be kept for ever. The gzip twin goes to who takes it."""
    if name not in built_files().values():
        abort(404)
    zipped = request.accept_encodings["gzip"] > 0 and (_BUILD / f"{name}.gz").is_file()
    answer = send_from_directory(_BUILD, f"{name}.gz" if zipped else name)
    answer.mimetype = "text/css" if name.endswith(".css") else "text/javascript"
    if zipped:
        answer.content_encoding = "gzip"
    answer.vary.add("Accept-Encoding")
    answer.headers["Cache-Control"] = _FOREVER
    return answer


def icon(name: str) -> Response:
    """One of our own icons."""
    answer = send_from_directory(_ICONS, name)
    answer.headers["Cache-Control"] = _A_DAY
    return answer


def favicon() -> Response:
    """The icon that browsers ask for unasked."""
    return icon("favicon.ico")


def webmanifest() -> Response:
    """What an installed copy is called and looks like, in the language of ``?lang=``."""
    lang = chosen_language()
    t = words(lang)
    members = {
        "name": t["app.title"],
        "short_name": t["app.name"],
        "description": t["app.description"],
        "lang": lang,
        "id": "/",
        "start_url": f"/?lang={lang}",
        "scope": "/",
        "display": "standalone",
        "background_color": "#f4f1e9",
        "theme_color": "#f4f1e9",
        "shortcuts": [
            {"name": t["wallet.title"], "url": f"/?wallet=mine&lang={lang}"},
            {"name": t["footer.till"], "url": f"/till?lang={lang}"},
            {"name": t["merchant.title"], "url": f"/merchant?lang={lang}"},
        ],
        "icons": [
            {"src": "/static/icons/icon.svg", "sizes": "any", "type": "image/svg+xml"},
            {"src": "/static/icons/icon-192.png", "sizes": "192x192", "type": "image/png"},
            {"src": "/static/icons/icon-512.png", "sizes": "512x512", "type": "image/png"},
            {
                "src": "/static/icons/icon-maskable-512.png",
                "sizes": "512x512",
                "type": "image/png",
                "purpose": "maskable",
            },
        ],
    }
    answer = make_response(json.dumps(members, ensure_ascii=False))
    answer.mimetype = "application/manifest+json"
    answer.headers["Cache-Control"] = _A_DAY
    answer.vary.add("Accept-Language")
    return answer


def _secured(answer: Response) -> Response:
    for name, value in _SECURITY.items():
        answer.headers.setdefault(name, value)
    return answer


def create_pages() -> Blueprint:
    """The blueprint ``pages``: every page, its files and icons, the manifest; open to everyone."""
    pages = Blueprint("pages", __name__, template_folder="templates")
    pages.after_request(_secured)
    pages.add_url_rule("/", view_func=page)
    pages.add_url_rule("/till", view_func=till)
    pages.add_url_rule("/group/<uuid:group_id>", view_func=group)
    pages.add_url_rule("/merchant", view_func=merchant)
    pages.add_url_rule("/areas", view_func=areas)
    pages.add_url_rule("/statements", view_func=statements)
    pages.add_url_rule("/operator", view_func=operator)
    pages.add_url_rule("/docs", view_func=docs)
    pages.add_url_rule("/static/build/<name>", view_func=built_file)
    pages.add_url_rule("/static/icons/<name>", view_func=icon)
    pages.add_url_rule("/favicon.ico", view_func=favicon)
    pages.add_url_rule("/manifest.webmanifest", view_func=webmanifest)
    return pages
