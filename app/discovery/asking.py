"""What every route of the read side begins with: its caches, the caller's languages, a read-only connection."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from flask import current_app, request

from app.core.languages import preferences
from app.discovery.caches import Caches
from app.discovery.search import Reading
from app.http.answers import JSON
from app.http.media import NotAcceptable
from app.http.services import services
from app.http.transaction import reading
from geo.grid_shift import Datum


def languages() -> tuple[str, ...]:
    """The caller's languages, best first."""
    return preferences(request.headers.get("Accept-Language"))


def caches() -> Caches:
    """The caches of this process and application."""
    found: Caches = current_app.extensions.setdefault("fujin.discovery", Caches())
    return found


def json_only() -> None:
    """Raises NotAcceptable when the caller takes no JSON, for what has no GeoJSON."""
    accepted = request.accept_mimetypes
    if accepted and accepted.best_match([JSON]) is None:
        raise NotAcceptable(f"offered: {JSON}")


def shown_in(datum: Datum, *, geojson: bool) -> Datum:
    """The datum that an answer's positions are in: the caller's, but GeoJSON is WGS 84 always (RFC 7946, section 4)."""
    return Datum.WGS84 if geojson else datum


@contextmanager
def asking() -> Iterator[Reading]:
    """A read-only connection with what else a search needs."""
    parts = services()
    with reading() as conn:
        yield Reading(conn, caches(), parts.cursors, parts.clock())
