"""Members and merchants alone, over one database that is emptied before each test."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from flask import Flask

from app.core.db import Database
from app.core.settings import Settings
from tests.app.members.people import People, small_app
from tests.conftest import MakeDatabase


@pytest.fixture(scope="session")
def database_url(make_database: MakeDatabase, migrated_template: str) -> str:
    """Owner's URL of a database that these tests share, one after the other."""
    return make_database(migrated_template)


@pytest.fixture
def people(owner: sa.Engine) -> People:
    """Plants people into a database without any."""
    found = People(owner)
    found.forget_all()
    return found


@pytest.fixture
def app(app_settings: Settings, database: Database, people: People) -> Flask:
    """The small application."""
    return small_app(app_settings, database)
