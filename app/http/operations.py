"""For those who run it: health, readiness, metrics, the API document and the table of problems."""

from __future__ import annotations

import os
from typing import Any

import sqlalchemy.exc
from flask import Blueprint, Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest, multiprocess
from sqlalchemy import text

from app.core.clock import MAX_SKEW_S, database_skew_s
from app.core.db import check_database
from app.http.answers import Answer
from app.http.api import Api
from app.http.problems import problem_list
from app.http.services import services

MIGRATED_TO = "0006"
ROUTES = ("operations.healthz", "operations.readyz", "operations.metrics", "operations.openapi", "operations.problems")


def create_operations(api: Api) -> Blueprint:
    """The blueprint of routes without a policy of their own: all are open, none shows anything private."""
    blueprint = Blueprint("operations", __name__)
    document: dict[str, bytes] = {}

    @blueprint.get("/healthz")
    def healthz() -> Response:
        return Answer({"alive": True}, headers={"Cache-Control": "no-store"}).response()

    @blueprint.get("/readyz")
    def readyz() -> Response:
        faults = readiness_faults()
        body: dict[str, Any] = {"ready": not faults, "faults": faults}
        headers = {"Cache-Control": "no-store"} | ({"Retry-After": "1"} if faults else {})
        return Answer(body, 503 if faults else 200, headers).response()

    @blueprint.get("/metrics")
    def metrics() -> Response:
        return Response(_metrics(), mimetype=CONTENT_TYPE_LATEST)

    @blueprint.get("/openapi.json")
    def openapi() -> Response:
        if "json" not in document:
            document["json"] = Answer(api.spec.to_dict()).encoded()
        return Response(document["json"], mimetype="application/json")

    @blueprint.get("/problems")
    def problems() -> Response:
        return Answer({"items": problem_list()}).response()

    return blueprint


def readiness_faults() -> list[str]:
    """Why requests should go elsewhere for now; empty when all is well."""
    parts = services()
    try:
        with parts.database.write() as conn:
            faults = check_database(conn)
            version = conn.execute(text("SELECT version_num FROM alembic_version")).scalar_one_or_none()
            if version != MIGRATED_TO:
                faults.append(f"the database is at migration {version}, this program wants {MIGRATED_TO}")
            skew = database_skew_s(conn, parts.clock)
            if abs(skew) > MAX_SKEW_S:
                faults.append(f"our clock is {skew:+.1f} s off the database's")
        with parts.database.read() as conn:
            conn.execute(text("SELECT 1"))
    except sqlalchemy.exc.SQLAlchemyError as error:
        return [f"the database does not answer ({type(error).__name__})"]
    return faults


def _metrics() -> bytes:
    if os.environ.get("PROMETHEUS_MULTIPROC_DIR"):
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry)
    return generate_latest()


def exempt_from_policy(app: Flask, endpoints: tuple[str, ...]) -> None:
    """Names endpoints that need no policy: these routes and the pages."""
    app.config["ROUTES_WITHOUT_POLICY"] = (*app.config.get("ROUTES_WITHOUT_POLICY", ()), *endpoints)
