"""Every route of the read side."""

from __future__ import annotations

from app.discovery import (
    routes_catalogue,
    routes_changes,
    routes_details,
    routes_explain,
    routes_nearby,
    routes_serving,
    routes_text,
    routes_tiles,
)
from app.http.api import Blueprint

blueprints: tuple[Blueprint, ...] = (
    routes_nearby.blueprint,
    routes_text.blueprint,
    routes_details.blueprint,
    routes_explain.blueprint,
    routes_catalogue.blueprint,
    routes_serving.blueprint,
    routes_tiles.blueprint,
    routes_changes.blueprint,
)
