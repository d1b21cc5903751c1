"""Puts the application together: engines, routes with their policies, problems, pages, command line."""

from __future__ import annotations

import multiprocessing
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any, cast

import click
from flask import Flask
from flask_limiter import Limiter
from flask_limiter.util import get_remote_address
from werkzeug.middleware.proxy_fix import ProxyFix

from app.audit.cli import commands as audit_commands
from app.cities import routes_territories
from app.core.clock import Clock, system_clock
from app.core.db import Database, install_deadline, open_database, patience
from app.core.logging import configure_logging
from app.core.paging import CursorCodec
from app.core.processes import end_with_parent
from app.core.settings import Settings
from app.coupons import routes as coupons_routes
from app.coupons import routes_codes as coupons_codes_routes
from app.coupons.area_changes import follow_areas
from app.discovery.routes import blueprints as discovery_blueprints
from app.flow import (
    routes_callbacks,
    routes_claims,
    routes_contract,
    routes_groups,
    routes_partner,
    routes_payments,
    routes_settlements,
    routes_till,
)
from app.flow.cli import commands as flow_commands
from app.flow.client.flow import FlowElsewhere
from app.flow.embedded.flow import EmbeddedFlow
from app.flow.gateway import FlowGateway
from app.fraud import routes as fraud_routes
from app.fraud.cli import commands as fraud_commands
from app.geofencing import routes_alerts, routes_fences, routes_following
from app.geofencing.memory import FenceMemory
from app.http.api import Api, create_api, undeclared_routes
from app.http.errors import register_error_handlers
from app.http.operations import create_operations
from app.http.requests import create_limiter, register_request_hooks
from app.http.services import Services
from app.imports import routes as imports_routes
from app.imports import routes_overlays, routes_report, routes_reviews
from app.imports.cli import commands as imports_commands
from app.imports.conflation.cli import commands as review_commands
from app.members import routes as members_routes
from app.members.cli import commands as members_commands
from app.members.principals import create_principals
from app.merchants import routes as merchants_routes
from app.merchants.queries import employment_of
from app.outbox import routes_endpoints, routes_feed
from app.outbox.cli import commands as outbox_commands
from app.payments.cli import commands as payments_commands
from app.ranks.cli import commands as ranks_commands
from app.service_areas import routes as service_areas_routes
from app.service_areas import routes_review as service_area_reviews_routes
from app.service_areas.isochrones import EmbeddedIsochrones
from app.settlements import routes as ledger_routes
from app.settlements.cli import commands as settlements_commands
from app.web.pages import create_pages
from app.worker import worker

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

VERSION = "1"
MAX_JSON_BYTES = 1_000_000
REPORTS = "reviews.report_place"
SIGN_IN = ("members.send_otp", "members.fetch_token")


class UndeclaredRoute(RuntimeError):
    """A route without a policy: deny by default means that the application does not start."""


def create_app(settings: Settings, *, clock: Clock = system_clock, database: Database | None = None) -> Flask:
    """The application; nothing connects to the database before the first request."""
    configure_logging(settings.log_level)
    if multiprocessing.parent_process() is not None:  # one of granian's workers, which offers no hook of its own
        end_with_parent()
    app = Flask("app", static_folder=None, template_folder=None)
    app.config.update(
        DEMO=settings.demo, MAX_CONTENT_LENGTH=MAX_JSON_BYTES, MAX_FORM_MEMORY_SIZE=64_000, MAX_FORM_PARTS=20
    )
    app.url_map.strict_slashes = False
    app.url_map.merge_slashes = False
    parts = database or open_database(settings)
    app.extensions["fujin"] = Services(
        settings=settings,
        database=parts,
        clock=clock,
        cursors=CursorCodec(settings.secret_key.encode()),
        principals=create_principals(settings, parts, employment_of),
    )
    flow: FlowGateway = FlowElsewhere(settings, parts) if settings.flow else EmbeddedFlow(settings, parts, clock)
    app.extensions["fujin_flow"] = flow
    app.extensions["fujin.service_areas"] = service_areas_routes.AreaParts(follow_areas, EmbeddedIsochrones())
    app.extensions["fujin_fences"] = FenceMemory(parts, in_memory=settings.geofence_index == "memory")
    register_request_hooks(app)
    register_error_handlers(app)
    limiter = create_limiter(app, settings)
    _register_routes(app, create_api(app, VERSION), limiter, settings)
    app.cli.add_command(_commands())
    _refuse_undeclared(app)
    _bound_waits(app, settings)
    if settings.trusted_proxies:
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=settings.trusted_proxies)  # type: ignore[method-assign]
    return app


def _register_routes(app: Flask, api: Api, limiter: Limiter, settings: Settings) -> None:
    blueprints = (
        *discovery_blueprints,
        merchants_routes.blueprint,
        service_areas_routes.blueprint,
        service_area_reviews_routes.blueprint,
        coupons_routes.blueprint,
        coupons_codes_routes.blueprint,
        members_routes.blueprint,
        imports_routes.blueprint,
        routes_report.blueprint,
        routes_reviews.blueprint,
        routes_overlays.blueprint,
        routes_territories.blueprint,
        routes_contract.blueprint,
        routes_partner.blueprint,
        routes_callbacks.blueprint,
        routes_claims.blueprint,
        routes_groups.blueprint,
        routes_till.blueprint,
        routes_payments.blueprint,
        routes_settlements.blueprint,
        routes_feed.blueprint,
        routes_endpoints.blueprint,
        ledger_routes.blueprint,
        fraud_routes.blueprint,
        routes_fences.blueprint,
        routes_following.blueprint,
        routes_alerts.blueprint,
    )
    for blueprint in blueprints:
        api.register_blueprint(blueprint)
    operations = create_operations(api)
    limiter.exempt(operations)
    api.register_blueprint(operations)
    sign_in = limiter.limit(f"{settings.sign_in_limit_per_minute}/minute", key_func=get_remote_address)
    for endpoint in SIGN_IN:
        app.view_functions[endpoint] = cast(Any, sign_in(app.view_functions[endpoint]))
    reports = limiter.limit(f"{settings.report_limit_per_minute}/minute", key_func=get_remote_address)
    app.view_functions[REPORTS] = cast(Any, reports(app.view_functions[REPORTS]))
    pages = create_pages()
    app.register_blueprint(pages)
    app.config["PAGES"] = pages.name


def _commands() -> click.Group:
    group = click.Group("fujin", help="Operate Fujin: load data, manage people, check invariants.")
    modules = (
        imports_commands,
        review_commands,
        members_commands,
        audit_commands,
        outbox_commands,
        payments_commands,
        ranks_commands,
        fraud_commands,
        flow_commands,
        settlements_commands,
    )
    for command in (*chain.from_iterable(modules), worker):
        group.add_command(command)
    return group


def _refuse_undeclared(app: Flask) -> None:
    missing = undeclared_routes(app)
    if missing:
        raise UndeclaredRoute("these routes declare no policy:\n  " + "\n  ".join(missing))


def _bound_waits(app: Flask, settings: Settings) -> None:
    """Installs the deadline at the first request, so that command-line processes, which COPY, never have it."""
    seconds = settings.database_deadline_s
    if not seconds:
        return
    inner = app.wsgi_app
    installed = False

    def bounded(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        nonlocal installed
        if not installed:
            install_deadline(seconds)
            installed = True
        with patience(seconds):
            return inner(environ, start_response)

    app.wsgi_app = bounded  # type: ignore[method-assign]
