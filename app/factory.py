"""Puts the application together: engines, routes with their policies, problems, pages, command line."""

from __future__ import annotations

import importlib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import click
from flask import Flask
from werkzeug.middleware.proxy_fix import ProxyFix

from app.core.clock import Clock, system_clock
from app.core.db import Database, install_deadline, open_database
from app.core.logging import configure_logging
from app.core.paging import CursorCodec
from app.core.settings import Settings
from app.http.api import create_api, undeclared_routes
from app.http.errors import register_error_handlers
from app.http.operations import create_operations
from app.http.principals import Principals
from app.http.requests import create_limiter, register_request_hooks
from app.http.services import Services

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

VERSION = "1"
MAX_JSON_BYTES = 1_000_000


class UndeclaredRoute(RuntimeError):
    """A route without a policy: deny by default means that the application does not start."""


def create_app(settings: Settings, *, clock: Clock = system_clock, database: Database | None = None) -> Flask:
    """The application; nothing connects to the database before the first request."""
    configure_logging(settings.log_level)
    app = Flask("app", static_folder=None, template_folder=None)
    app.config.update(MAX_CONTENT_LENGTH=MAX_JSON_BYTES, MAX_FORM_MEMORY_SIZE=64_000, MAX_FORM_PARTS=20)
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    parts = database or open_database(settings)
    app.extensions["fujin"] = Services(
        settings=settings,
        database=parts,
        clock=clock,
        cursors=CursorCodec(settings.secret_key.encode()),
        principals=_principals(settings, parts),
    )
    register_request_hooks(app)
    register_error_handlers(app)
    limiter = create_limiter(app, settings)
    api = create_api(app, VERSION)
    for blueprint in _blueprints():
        api.register_blueprint(blueprint)
    operations = create_operations(api)
    limiter.exempt(operations)
    api.register_blueprint(operations)
    _register_pages(app)
    app.cli.add_command(_commands())
    _refuse_undeclared(app)
    _bound_waits(app, settings)
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies)  # type: ignore[method-assign]
    return app


def _optional(module: str, name: str, default: Any) -> Any:
    try:
        return getattr(importlib.import_module(module), name)
    except ModuleNotFoundError:
        return default


def _principals(settings: Settings, database: Database) -> Principals:
    create = _optional("app.members.principals", "create_principals", None)
    employment = _optional("app.merchants.queries", "employment_of", None)
    return create(settings, database, employment) if create else None  # type: ignore[no-any-return]


def _blueprints() -> list[Any]:
    found = [
        _optional("app.members.routes", "blueprint", None),
        _optional("app.merchants.routes", "blueprint", None),
        _optional("app.cities.routes", "blueprint", None),
        *_optional("app.discovery.routes", "blueprints", ()),
    ]
    return [blueprint for blueprint in found if blueprint is not None]


def _register_pages(app: Flask) -> None:
    create = _optional("app.web.pages", "create_pages", None)
    if create is not None:
        pages = create()
        app.register_blueprint(pages)
        app.config["PAGES"] = pages.name


def _commands() -> click.Group:
    group = click.Group("fujin", help="Operate Fujin: load data, manage people, check invariants.")
    for module in ("app.imports.cli", "app.members.cli", "app.audit.cli"):
        for command in _optional(module, "commands", ()):
            group.add_command(command)
    return group


def _refuse_undeclared(app: Flask) -> None:
    missing = undeclared_routes(app)
    if missing:
        raise UndeclaredRoute("these routes declare no policy:\n  " + "\n  ".join(missing))


def _bound_waits(app: Flask, settings: Settings) -> None:
    """Installs the deadline at the first request, so that command-line processes, which COPY, never have it."""
    if not settings.database_deadline_s:
        return
    inner = app.wsgi_app
    installed = False

    def first_request(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal installed
        if not installed:
            install_deadline(settings.database_deadline_s)
            installed = True
        return inner(environ, start_response)

    app.wsgi_app = first_request  # type: ignore[method-assign]
