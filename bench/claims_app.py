"""The application with one route more, which inserts and commits one row: the measure of claims through HTTP.

Served by ``bench/claims.py`` in place of ``wsgi``, so that both routes meet the same processes, threads and settings.
"""

from __future__ import annotations

from typing import Any
from uuid import UUID

from marshmallow import Schema
from sqlalchemy import Column, DateTime, MetaData, Table, Uuid, insert

from app.core.ids import new_id
from app.core.settings import load_settings
from app.factory import create_app
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import allow, signed_in
from app.http.fields import Id
from app.http.services import services
from app.http.transaction import writing

blueprint = Blueprint("bench", __name__)
rows = Table(
    "bench_rows",
    MetaData(),
    Column("row_id", Uuid, primary_key=True),
    Column("coupon_id", Uuid, nullable=False),
    Column("member_id", Uuid, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
)


class RowBody(Schema):
    """The same body as that of a claim."""

    coupon_id = Id(required=True)


class RowAnswer(Schema):
    """Nothing that needs documenting."""


@blueprint.post(
    "/bench/rows", policy=allow("member", owner="the principal"), body=RowBody, answer=RowAnswer, status=201
)
def add_row(body: dict[str, Any]) -> Answer:
    """Adds one row and commits it."""
    row_id: UUID = new_id()
    values = {"row_id": row_id, "coupon_id": body["coupon_id"], "created_at": services().clock()}
    with writing() as conn:
        conn.execute(insert(rows).values(member_id=signed_in().member_id, **values))
    return Answer({"row_id": str(row_id)}, 201)


app = create_app(load_settings())
app.register_blueprint(blueprint)
