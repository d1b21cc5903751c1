"""The application with one route more, which answers a constant: the measure of what a search costs in Python.

Served by ``bench/http.py`` in place of ``wsgi``, so that both routes pass the same processes, threads and middleware.
"""

from __future__ import annotations

from marshmallow import Schema

from app.core.settings import load_settings
from app.factory import create_app
from app.http.answers import Answer
from app.http.api import Blueprint
from app.http.auth import PUBLIC

blueprint = Blueprint("bench", __name__)


class Hello(Schema):
    """Nothing that needs documenting."""


@blueprint.get("/bench/hello", policy=PUBLIC, answer=Hello)
def hello() -> Answer:
    """Hello, world."""
    return Answer({"hello": "world"})


app = create_app(load_settings())
app.register_blueprint(blueprint)
