"""Members and merchants alone, over a database of the test's own."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import Database
from app.core.settings import Settings
from tests.app.members.people import People, small_app


@pytest.fixture
def app(app_settings: Settings, database: Database) -> Flask:
    """The small application."""
    return small_app(app_settings, database)


@pytest.fixture
def people(owner: sa.Engine) -> People:
    """Plants people."""
    return People(owner)
