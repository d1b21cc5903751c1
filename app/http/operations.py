"""For those who run it: health, readiness, metrics, the API document and the table of problems."""

from __future__ import annotations

import os

import sqlalchemy.exc
from marshmallow import Schema, fields
from prometheus_client import CollectorRegistry, generate_latest, multiprocess
from sqlalchemy import text

from app.core.clock import MAX_SKEW_S, database_skew_s
from app.core.db import check_database
from app.core.errors import Fault, Unavailable
from app.http.answers import Answer
from app.http.api import Api, Blueprint
from app.http.auth import PUBLIC
from app.http.caching import NO_STORE
from app.http.problems import problem_list
from app.http.services import services

MIGRATED_TO = "0052"
METRICS = "text/plain; version=1.0.0; charset=utf-8"


class AliveSchema(Schema):
    """The process answers."""

    alive = fields.Boolean(required=True)


class ReadySchema(Schema):
    """Requests can be sent here."""

    ready = fields.Boolean(required=True)
    worker_seen_at = fields.DateTime(
        required=True,
        allow_none=True,
        metadata={"description": "when a worker last said that it is at work; null: none is"},
    )


class ProblemKindSchema(Schema):
    """One kind of problem and what a caller should do about it."""

    code = fields.String(required=True)
    type = fields.String(required=True)
    status = fields.Integer(required=True)
    title = fields.String(required=True)
    advice = fields.String(required=True)


class ProblemListSchema(Schema):
    """Every problem this API answers with."""

    items = fields.List(fields.Nested(ProblemKindSchema), required=True)


def create_operations(api: Api) -> Blueprint:
    """The blueprint; its routes are open to all and show nothing private."""
    blueprint = Blueprint("operations", __name__, description="Running it, and reading about it.")
    document: dict[str, bytes] = {}

    @blueprint.get("/healthz", policy=PUBLIC, answer=AliveSchema)
    def healthz() -> Answer:
        """Whether the process answers at all."""
        return Answer({"alive": True}, headers=NO_STORE)

    @blueprint.get("/readyz", policy=PUBLIC, answer=ReadySchema)
    def readyz() -> Answer:
        """Whether requests should be sent here: database, migrations and clock are as they must be.

        The worker is told of and does not count: taking the web away would not bring it back.
        """
        faults = readiness_faults()
        if faults:
            raise Unavailable("not ready: " + "; ".join(faults), faults=[Fault(fault) for fault in faults])
        with services().database.read_primary() as conn:
            seen = conn.execute(text("SELECT max(seen_at) FROM worker_beats")).scalar_one()
        return Answer({"ready": True, "worker_seen_at": seen}, headers=NO_STORE)

    @blueprint.get("/metrics", policy=PUBLIC, answer=None, media_types=["text/plain"])
    def metrics() -> Answer:
        """Counters and times in the Prometheus text format."""
        return Answer(_metrics(), headers=NO_STORE, media_type=METRICS)

    @blueprint.get("/openapi.json", policy=PUBLIC, answer=None)
    def openapi() -> Answer:
        """This document."""
        if "json" not in document:
            document["json"] = Answer(api.document()).encoded()
        return Answer(document["json"])

    @blueprint.get("/problems", policy=PUBLIC, answer=ProblemListSchema)
    def problems() -> Answer:
        """Every kind of problem, with what a caller should do about it."""
        return Answer({"items": problem_list()})

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
