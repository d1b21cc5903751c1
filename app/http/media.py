"""Media types: what a body must be, and whether a caller wants GeoJSON."""

from __future__ import annotations

from typing import ClassVar

from flask import request

from app.core.errors import AppError
from app.http.answers import GEOJSON, JSON


class UnsupportedMediaType(AppError):
    """The body is of another media type."""

    code: ClassVar[str] = "unsupported-media-type"
    title: ClassVar[str] = "The body must be application/json"


class NotAcceptable(AppError):
    """The caller accepts nothing that the route offers."""

    code: ClassVar[str] = "not-acceptable"
    title: ClassVar[str] = "None of the wanted media types is offered"


def wants_geojson() -> bool:
    """True when the caller prefers GeoJSON; NotAcceptable when neither JSON nor GeoJSON would do."""
    accepted = request.accept_mimetypes
    if not accepted:
        return False
    best = accepted.best_match([JSON, GEOJSON])
    if best is None:
        raise NotAcceptable(f"offered: {JSON}, {GEOJSON}")
    return best == GEOJSON and accepted[GEOJSON] >= accepted[JSON]
